"""Definitions in templates: each fault at its line and column in the file where the author wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.definition.diagnostics import Diagnostic, Position
from statemachine.definition.templates import TemplateDefinition, TemplateDefinitions, find_definitions
from statemachine.program.load import check

KIND = "AWS::StepFunctions::StateMachine"


def find(text: str, files: Mapping[str, str] | None = None) -> TemplateDefinitions:
    """The definitions of a template in ``app/template.yaml``."""

    def read(path: str) -> str:
        if files is None or path not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[path]

    found = find_definitions(dedent(text), "app/template.yaml", read)
    assert found is not None
    return found


def only(text: str, files: Mapping[str, str] | None = None) -> TemplateDefinition:
    found = find(text, files)
    assert found.diagnostics == ()
    (definition,) = found.definitions
    return definition


def faults(definition: TemplateDefinition) -> list[str]:
    """All findings of a definition: file, line, column, and what each is about."""
    assert definition.source is not None, (definition.diagnostics, definition.skipped)
    return lines([*definition.diagnostics, *check(definition.source, express=bool(definition.express))[1]])


def lines(found: Any) -> list[str]:
    return [f"{each.file}:{each.position.line}:{each.position.column} {each.message}" for each in found]


def embedded(properties: str, kind: str = KIND) -> str:
    """A template with one state machine; `properties` begin on line 6, indented by 6."""
    head = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Flow:
    Type: {kind}
    Properties:
"""
    return head + "".join(f"      {line}\n" for line in dedent(properties).strip("\n").split("\n"))


# --- Definition -------------------------------------------------------------------------------------------------------

SAM = """\
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Patience: {Type: Number}
Resources:
  Charge:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Events:
        Api: {Type: Api, Responses: {200: !Sub "${AWS::Region}", 200: 1}}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      DefinitionSubstitutions:
        ChargeArn: !GetAtt Charge.Arn
        Beat: 30
        Unused: !Ref Patience
      Definition:
        StartAt: Charge
        States:
          Charge:
            Type: Task
            Resource: ${ChargeArn}
            TimeoutSeconds: !Ref Patience
            HeartbeatSeconds: ${Beat}
            Next: Dnoe
          Notify:
            Type: Task
            Resource: !Sub "arn:${AWS::Partition}:states:::sqs:sendMessage.waitForTaskToken"
            Parameters:
              QueueUrl: {Ref: Queue}
              Body.$: States.Format('{}', $.a
            End: !If [Last, true, false]
          Done:
            Type: Succeed
            OutputPath: !Join [".", ["$", "a["]]
"""


def test_a_definition_object_of_sam() -> None:
    definition = only(SAM)
    assert (definition.logical_id, definition.position, definition.express) == ("Flow", Position(12, 3), True)
    file = "app/template.yaml"
    assert faults(definition)[:5] == [
        f"{file}:19:9 The substitution Unused is not used in the definition",
        f"{file}:27:31 Expected value of type Integer",
        f"{file}:28:19 Missing 'Next' target: Dnoe",
        f"{file}:31:23 Express state machine does not support '.waitForTaskToken' service integration ",
        f"{file}:34:45 The value for the field 'Body.$' must be a valid JSONPath or a valid intrinsic function call",
    ]
    assert [each.split()[0] for each in faults(definition)[5:]] == [f"{file}:38:46"]


def test_what_intrinsic_functions_give_is_not_known() -> None:
    definition = only(SAM)
    assert definition.source is not None
    states = definition.source.value["States"]
    assert states["Charge"]["TimeoutSeconds"] == "${Patience}"
    assert states["Charge"]["Resource"] == "${ChargeArn}"
    assert states["Charge"]["HeartbeatSeconds"] == "30"
    assert states["Notify"]["Parameters"]["QueueUrl"] == "${Queue}"
    assert states["Notify"]["End"] == "${Fn::If}"
    assert states["Done"]["OutputPath"] == "$.a["


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Queue", "${Queue}"),
        ("{Ref: Queue}", "${Queue}"),
        ("!GetAtt Charge.Arn", "${Charge.Arn}"),
        ("{Fn::GetAtt: [Charge, Arn]}", "${Charge.Arn}"),
        ("!GetAtt [Charge, Arn]", "${Charge.Arn}"),
        ("!Sub 'a-${Stage}-${!Kept}'", "a-${Stage}-${Kept}"),
        ("!Sub ['${A}-${B}', {A: x, B: !Ref C}]", "x-${B}"),
        ("!Join ['-', [a, !Ref B, !Sub 'c${D}']]", "a-${B}-c${D}"),
        ("!Join ['-', !Ref Parts]", "${Fn::Join}"),
        ("!Sub 'arn:${AWS::Partition}:s:${AWS::Region}:${AWS::AccountId}:'", "arn:aws:s:us-east-1:123456789012:"),
        ("!Join [':', [arn, !Ref 'AWS::Partition', !Ref 'AWS::StackName']]", "arn:aws:${AWS::StackName}"),
        ("!Join ['-', [{a: 1}]]", "${…}"),
        ("!Select [0, [a, b]]", "${Fn::Select}"),
        ("!FindInMap [A, B, C]", "${Fn::FindInMap}"),
        ("!ImportValue x", "${Fn::ImportValue}"),
        ("{Fn::Transform: {Name: x}}", "${Fn::Transform}"),
        ("{Condition: x}", {"Condition": "x"}),
        ("{Ref: Queue, b: 1}", {"Ref": "Queue", "b": 1}),
        ("[!Ref A, 1, null]", ["${A}", 1, None]),
    ],
)
def test_functions(value: str, expected: Any) -> None:
    state = f"{{Type: Pass, Result: {value}, End: true}}"
    definition = only(embedded(f"Definition: {{StartAt: A, States: {{A: {state}}}}}"))
    assert definition.source is not None
    assert definition.source.value["States"]["A"]["Result"] == expected


def test_a_property_without_value_is_not_there() -> None:
    value = "{Type: Pass, Result: !Ref 'AWS::NoValue', Next: {Ref: 'AWS::NoValue'}, End: true}"
    definition = only(embedded(f"Definition: {{StartAt: A, States: {{A: {value}}}}}"))
    assert definition.source is not None
    assert definition.source.value["States"]["A"] == {"Type": "Pass", "End": True}


def test_a_fault_inside_a_text_with_a_function() -> None:
    definition = only(
        embedded(
            """
            Definition:
              QueryLanguage: JSONata
              StartAt: A
              States:
                A:
                  Type: Pass
                  Output: !Sub "{% $states.input.x = '${Name}' and ) %}"
                  End: true
            """
        )
    )
    text = "                  Output: !Sub \"{% $states.input.x = '${Name}' and"
    (fault,) = faults(definition)
    assert fault.split()[0] == f"app/template.yaml:12:{len(text) - 12 + 6 + 2}"


def test_a_definition_in_a_json_template() -> None:
    template = {
        "Resources": {
            "Flow": {
                "Type": KIND,
                "Properties": {
                    "DefinitionSubstitutions": {"Fn": {"Fn::GetAtt": ["Charge", "Arn"]}},
                    "Definition": {
                        "StartAt": "A",
                        "States": {"A": {"Type": "Task", "Resource": "${Fn}", "Next": "B"}},
                    },
                },
            }
        }
    }
    text = json.dumps(template, indent=1)
    assert text.split("\n")[19] == '       "Next": "B"'
    assert faults(only(text)) == ["app/template.yaml:20:16 Missing 'Next' target: B"]


# --- DefinitionString -------------------------------------------------------------------------------------------------

LITERAL = """
DefinitionString: |
  {
    "StartAt": "A",

    "States": {
      "A": {"Type": "Task", "Resource": "${Fn}",
            "Next": @"B"}
    }
  }
"""
FOLDED = """
DefinitionString: >-
  {"StartAt": "A",
  "States": {"A": {"Type": "Pass",
  "Next": @"B"}}}
"""
SINGLE = """
DefinitionString: '{"StartAt": "A", "Comment": "it''s",

  "States": {"A": {"Type": "Pass", "Next": @"B"}}}'
"""
DOUBLE = r"""
DefinitionString: "{\"StartAt\": \"A\", \"\x43omment\": \"caf\u00e9\",\n \"States\": \
   {\"A\": {\"Type\": \"Pass\", \"Next\": @\"B\"}}}"
"""
SUB_LONG = """
DefinitionString: !Sub
  - |
    {"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "${Fn.Arn}", "TimeoutSeconds": ${Timeout}, "Next": @"B"}}}
  - Timeout: 30
"""
SUB_FULL = """
DefinitionString:
  Fn::Sub: |-
    {"StartAt": "A", "States": {
    "A": {"Type": "Task", "Resource": "${Fn.Arn}", "TimeoutSeconds": ${Timeout}, "Next": @"B"}}}
"""
JOINED = r"""
DefinitionString:
  Fn::Join:
    - "\n"
    - - '{'
      - '  "StartAt": "A",'
      - '  "States": {'
      - !Sub '    "A": {"Type": "Task", "Resource": "${Fn.Arn}", "Next": @"B"}'
      - '  }'
      - '}'
"""
JOINED_PARTS = """
DefinitionString: !Join
  - ""
  - - '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "'
    - !GetAtt Fn.Arn
    - '", "Next": @"B"}}}'
"""


@pytest.mark.parametrize(
    "properties",
    [LITERAL, FOLDED, SINGLE, DOUBLE, SUB_LONG, SUB_FULL, JOINED, JOINED_PARTS],
    ids=["literal", "folded", "single", "double", "sub with a map", "sub", "join of lines", "join of parts"],
)
def test_a_fault_in_a_definition_string(properties: str) -> None:
    before, after = embedded(properties).split("@")
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = [each for each in faults(only(before + after)) if "substitution" not in each]
    assert found == [f"app/template.yaml:{place} Missing 'Next' target: B"]


def test_a_definition_string_in_a_json_template() -> None:
    definition = json.dumps({"StartAt": "A", "Comment": "\U0001f600\u00e9", "States": {"A": {"Type": "Pass"}}})
    template = json.dumps({"Resources": {"Flow": {"Type": KIND, "Properties": {"DefinitionString": definition}}}})
    (fault,) = faults(only(template))
    column = template.index(r"\"A\": {") + 1
    assert fault.startswith(f"app/template.yaml:1:{column} ")


def test_a_definition_string_that_is_no_json() -> None:
    definition = only(embedded('DefinitionString: |\n  {\n    "StartAt": "A",\n    "States": {,}\n  }'))
    assert definition.source is None
    assert lines(definition.diagnostics) == ["app/template.yaml:9:22 Expecting property name enclosed in double quotes"]


def test_a_definition_string_in_yaml_is_refused_as_by_aws() -> None:
    definition = only(embedded("DefinitionString: |\n  StartAt: A\n  States: {}"))
    assert [each.code for each in definition.diagnostics] == ["INVALID_JSON_DESCRIPTION"]
    assert definition.diagnostics[0].position == Position(7, 9)


def test_a_fault_behind_an_alias_stands_where_the_alias_does() -> None:
    text = embedded("DefinitionString: *flow").replace(
        "Resources:",
        'Metadata:\n  F: &flow |\n    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}\nResources:',
    )
    assert faults(only(text)) == ["app/template.yaml:9:25 Missing 'Next' target: B"]


def test_a_definition_as_a_json_string_of_an_object() -> None:
    definition = only(
        embedded("DefinitionString: {Fn::ToJsonString: {StartAt: A, States: {A: {Type: Pass, Next: B}}}}")
    )
    assert faults(definition) == ["app/template.yaml:6:88 Missing 'Next' target: B"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("DefinitionString: !Ref Text", "Ref gives the definition"),
        ("DefinitionString: !If [A, b, c]", "Fn::If gives the definition"),
        ("DefinitionString: !Join [',', !Ref Parts]", "Fn::Join gives the definition"),
        ("Definition: !If [A, {}, {}]", "Fn::If gives the definition"),
        ("Definition: {Fn::Transform: {Name: AWS::Include}}", "Fn::Transform gives the definition"),
        ("Definition: {StartAt: A, Fn::Transform: {}}", "a macro gives a part of the definition"),
        ("Definition: {States: {A: 1, 'Fn::ForEach::X': []}}", "a macro gives a part of the definition"),
        ("Fn::Transform: {Name: AWS::Include}", "a macro gives the resource's properties"),
        ("DefinitionString: !Sub '{${Start}, \"States\": {}}'", "a placeholder stands for a part of its text"),
        ("DefinitionS3Location: {Bucket: a, Key: b}", "the definition is an object in S3"),
    ],
)
def test_a_definition_that_is_not_here_is_skipped(properties: str, reason: str) -> None:
    definition = only(embedded(properties))
    assert (definition.source, definition.diagnostics, definition.skipped) == (None, (), reason)


# --- DefinitionUri ----------------------------------------------------------------------------------------------------

FILE = """{
  "StartAt": "A",
  "States": {
    "A": {"Type": "Task", "Resource": "${ChargeArn}", "TimeoutSeconds": ${Timeout},
          "HeartbeatSeconds": ${Beat}, "Next": "B"}
  }
}
"""
URI = """
DefinitionUri: flows/order.asl.json
DefinitionSubstitutions:
  ChargeArn: !GetAtt Charge.Arn
  Timeout: 60
  Old: x
"""
SERVERLESS = "AWS::Serverless::StateMachine"


def test_a_definition_in_a_file_of_its_own() -> None:
    definition = only(embedded(URI, SERVERLESS), {"app/flows/order.asl.json": FILE})
    assert definition.source is not None
    assert definition.source.value["States"]["A"]["TimeoutSeconds"] == 60
    assert definition.source.text == FILE
    file = "app/flows/order.asl.json"
    assert sorted(faults(definition)) == [
        f"{file}:5:31 ${{Beat}} has no substitution, and stays as it is",
        f"{file}:5:48 Missing 'Next' target: B",
        "app/template.yaml:10:9 The substitution Old is not used in the definition",
    ]


def test_a_file_in_yaml() -> None:
    text = "StartAt: A\nStates:\n  A:\n    Type: Wait\n    Seconds: ${Beat}\n    Next: B\n"
    properties = "DefinitionUri: ../a.yaml\nDefinitionSubstitutions: {Beat: -5}"
    assert faults(only(embedded(properties, SERVERLESS), {"a.yaml": text})) == [
        "a.yaml:5:14 Minimum value is 0",
        "a.yaml:6:11 Missing 'Next' target: B",
    ]


def test_a_path_in_a_location_that_is_to_be_packaged() -> None:
    definition = only(embedded("DefinitionS3Location: a.json"), {"app/a.json": FILE})
    assert definition.source is not None
    assert definition.source.file == "app/a.json"


def test_a_file_with_a_syntax_error() -> None:
    definition = only(embedded("DefinitionUri: a.json", SERVERLESS), {"app/a.json": '{\n "StartAt" "A"}'})
    assert lines(definition.diagnostics) == ["app/a.json:2:12 Expecting ':' delimiter"]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("missing.json", "No such file or directory"),
        ("/etc/passwd", "the path is absolute, and means nothing on another machine"),
        ("~/a.json", "the path is absolute, and means nothing on another machine"),
        ('"C:\\\\a.json"', "the path is absolute, and means nothing on another machine"),
        ('" "', "the path is empty"),
        ('"a\\0b"', "the path has a null character"),
    ],
)
def test_a_file_that_cannot_be_read(uri: str, reason: str) -> None:
    definition = only(embedded(f"DefinitionUri: {uri}", SERVERLESS))
    (fault,) = definition.diagnostics
    assert (fault.code, fault.position) == ("SM_TEMPLATE_FILE", Position(6, 22))
    assert fault.message.endswith(f"of DefinitionUri cannot be read: {reason}")
    assert definition.source is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://bucket/key", "the definition is an object in S3"),
        ("{Bucket: a, Key: !Ref B}", "the definition is an object in S3"),
        ("!Sub 's3://${Bucket}/key'", "the definition is an object in S3"),
        ("!Ref Place", "Ref gives the place of the definition"),
        ("https://example.com/a.json", "the definition is at https:"),
    ],
)
def test_a_file_that_is_elsewhere(uri: str, reason: str) -> None:
    definition = only(embedded(f"DefinitionUri: {uri}", SERVERLESS))
    assert (definition.skipped, definition.diagnostics) == (reason, ())


def test_without_a_reader_files_are_skipped() -> None:
    found = find_definitions(embedded(URI, SERVERLESS), "template.yaml")
    assert found is not None
    assert found.definitions[0].skipped == "the definition is in a file of its own"


def test_a_finding_names_its_state_machine_and_keeps_its_path() -> None:
    definition = only(embedded("Definition: {StartAt: A, States: {A: {Type: Pass, Next: B}}}"))
    assert definition.source is not None
    (fault,) = definition.about(check(definition.source)[1])
    assert fault.location == "/States/A/Next"
    assert fault.notes[-1].message == "in the state machine Flow of the template"


# --- the embedding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "properties", "line", "column", "message"),
    [
        (KIND, "RoleArn: x", 3, 3, "The state machine has no definition: give one of [Definition, DefinitionString, "),
        (
            KIND,
            "DefinitionUri: x",
            6,
            7,
            "AWS::StepFunctions::StateMachine has no property DefinitionUri: give one of ",
        ),
        (SERVERLESS, "DefinitionString: x", 6, 7, "AWS::Serverless::StateMachine has no property DefinitionString: "),
        (KIND, "Definition: {}\nDefinitionString: x", 7, 7, "The state machine has more than one definition: give "),
        (KIND, "Definition: text", 6, 19, "Definition should be an object"),
        (KIND, "DefinitionString: {a: 1}", 6, 25, "DefinitionString should be a string"),
        (KIND, "DefinitionString: [1]", 6, 25, "DefinitionString should be a string"),
        (SERVERLESS, "DefinitionUri: [1]", 6, 22, "DefinitionUri should be a path, or an object in S3"),
        (KIND, "DefinitionString: ''", 6, 25, "Definition must be a valid JSON object"),
        (KIND, "DefinitionString: !Sub ''", 6, 25, "Definition must be a valid JSON object"),
        (KIND, "DefinitionString: 5", 6, 25, "Definition must be a valid JSON object"),
    ],
)
def test_what_is_wrong_with_the_embedding(kind: str, properties: str, line: int, column: int, message: str) -> None:
    definition = only(embedded(properties, kind))
    (fault,) = definition.diagnostics
    assert (fault.position, fault.file) == (Position(line, column), "app/template.yaml")
    assert fault.message.startswith(message)
    assert (definition.source, definition.skipped) == (None, None)


DONE = "Definition: {StartAt: A, States: {A: {Type: Succeed}}}"


@pytest.mark.parametrize(
    ("kind", "properties", "express"),
    [
        (KIND, "", False),
        (KIND, "StateMachineType: STANDARD", False),
        (KIND, "StateMachineType: EXPRESS", True),
        (KIND, "StateMachineType: !Ref Kind", None),
        (KIND, "Type: EXPRESS", False),
        (SERVERLESS, "Type: EXPRESS", True),
        (SERVERLESS, "Type: !If [A, EXPRESS, STANDARD]", None),
    ],
)
def test_the_type_of_the_machine(kind: str, properties: str, express: bool | None) -> None:
    definition = only(embedded(f"{DONE}\n{properties}", kind))
    assert (definition.express, definition.diagnostics) == (express, ())


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ("StateMachineType: FAST", Position(7, 25)),
        ("StateMachineType: [EXPRESS]", Position(7, 25)),
        ("DefinitionSubstitutions: [a]", Position(7, 32)),
    ],
)
def test_properties_of_the_wrong_kind(properties: str, place: Position) -> None:
    definition = only(embedded(f"{DONE}\n{properties}"))
    assert [(each.code, each.position) for each in definition.diagnostics] == [("SM_TEMPLATE", place)]
    assert definition.source is not None


@pytest.mark.parametrize(
    ("text", "substitutions", "expected"),
    [
        ("${A}", "{A: x}", []),
        ("${A}", "{A: !Ref X}", []),
        ("${A}", "!Ref X", []),
        ("${A}", "{Fn::Transform: {}}", []),
        ("${A}", "{}", ["6:70 ${A} has no substitution, and stays as it is"]),
        ("x ${A} ${A}", "{}", ["6:72 ${A} has no substitution, and stays as it is"]),
        ("$${A}", "{}", []),
        ("", "{A: 1}", ["7:33 The substitution A is not used in the definition"]),
        (
            "${B}",
            "{A: '${B}'}",
            ["6:70 ${B} has no substitution, and stays as it is", "7:33 The substitution A is not "],
        ),
    ],
)
def test_substitutions(text: str, substitutions: str, expected: list[str]) -> None:
    definition = f'Definition: {{StartAt: A, States: {{A: {{Type: Succeed, Comment: "{text}"}}}}}}'
    found = only(embedded(f"{definition}\nDefinitionSubstitutions: {substitutions}")).diagnostics
    assert len(found) == len(expected)
    for each, wanted in zip(lines(found), expected, strict=True):
        assert each.startswith(f"app/template.yaml:{wanted}")


def test_the_names_of_fn_sub_need_no_substitution() -> None:
    text = embedded(
        """
        DefinitionString: !Sub '{"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "${E} ${!Kept} ${!Gone}"}}}'
        DefinitionSubstitutions: {Kept: x}
        """
    )
    definition = only(text)
    assert definition.source is not None
    assert definition.source.value["States"]["A"]["Error"] == "${E} x ${Gone}"
    assert [each.message for each in definition.diagnostics] == ["${Gone} has no substitution, and stays as it is"]
    assert definition.diagnostics[0].position == Position(6, text.split("\n")[5].index("${!Gone}") + 1)


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "StartAt: A\nStates: {}\n",
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "AWS::StepFunctions::StateMachine"}}}',
        "StartAt: A\nResources: {}\nStates: {A: {Type: 'AWS::StepFunctions::StateMachine'}}\n",
        "Resources: {A: {Type: other}}",
        "Resources: [AWS::StepFunctions::StateMachine]\nTransform: x",
        "Resources: {",
        "a: !Unknown {",
    ],
)
def test_what_is_no_template(text: str) -> None:
    assert find_definitions(text, None, None) is None


@pytest.mark.parametrize(
    "text",
    [
        "AWSTemplateFormatVersion: 2010-09-09\nResources: {}\n",
        "Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: 'AWS::Serverless::Function'}}\n",
        '{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"A": 1, "B": {"Type": ["x"]}}}',
    ],
)
def test_a_template_without_state_machines(text: str) -> None:
    assert find_definitions(text, None, None) == TemplateDefinitions(definitions=())


def test_a_template_that_cannot_be_read() -> None:
    found = find(embedded("Definition: {a: [}"))
    assert [(each.code, each.position) for each in found.diagnostics] == [("SM_INVALID_YAML", Position(6, 24))]
    assert found.definitions == ()
    in_json = find_definitions('{"Resources": {"A": {"Type": "AWS::StepFunctions::StateMachine",}}}')
    assert in_json is not None
    assert [each.position for each in in_json.diagnostics] == [Position(1, 65)]


def test_several_state_machines_in_the_order_of_the_text() -> None:
    text = embedded(DONE) + "  Other:\n    Type: AWS::Serverless::StateMachine\n    Properties: {}\n"
    assert [each.logical_id for each in find(text).definitions] == ["Flow", "Other"]


def test_faults_elsewhere_in_a_template_are_no_findings() -> None:
    text = embedded(DONE).replace("Resources:", "Outputs: {1: !Odd [a], 1: !Odd b, a: 1, a: 2, <<: 3}\nResources:")
    assert faults(only(text)) == []


@pytest.mark.parametrize(
    ("definition", "code", "column"),
    [
        ("{StartAt: A, StartAt: B, States: {}}", "SM_DUPLICATE_KEY", 32),
        ("{StartAt: !Odd A, States: {}}", "SM_INVALID_YAML", 29),
        ("{StartAt: A, States: !Odd {}}", "SM_INVALID_YAML", 40),
        ("{StartAt: A, States: {1: {}}}", "SM_INVALID_YAML", 41),
    ],
)
def test_faults_of_the_yaml_of_a_definition(definition: str, code: str, column: int) -> None:
    found = find(embedded(f"Definition: {definition}")).diagnostics
    assert [(each.code, each.position) for each in found] == [(code, Position(6, column))]


def test_merge_keys_are_merged() -> None:
    shared = "Metadata: {a: &a {Type: Task, Retry: [], End: true}, b: &b {End: false, Next: C}}\n"
    definition = embedded("Definition: {StartAt: A, States: {A: {<<: [*a, *b], Resource: '${F}', Retry: [1]}}}")
    found = only(definition.replace("Resources:", f"{shared}Resources:"))
    assert found.source is not None
    state = {"Type": "Task", "Resource": "${F}", "Retry": [1], "End": True, "Next": "C"}
    assert found.source.value["States"]["A"] == state
    assert found.source.position(("States", "A", "Next")) == found.source.position(("States", "A")) == Position(7, 44)


def test_a_fault_in_a_merged_text_stands_where_it_is_merged() -> None:
    text = embedded("<<: *p").replace(
        "Resources:", """Metadata:\n  p: &p {DefinitionString: '{"StartAt": "A", "States": {}}'}\nResources:"""
    )
    assert {each.split()[0] for each in faults(only(text))} == {"app/template.yaml:8:7"}


# --- hostile templates ------------------------------------------------------------------------------------------------


def codes(found: tuple[Diagnostic, ...]) -> list[str]:
    return [each.code for each in found]


@pytest.mark.parametrize(
    "value",
    [
        "[" * 50_000 + "]" * 50_000,
        "!If " * 1 + "[" * 200 + "]" * 200,
        "!Join [x, [" * 60 + "]]" * 60,
        "!If [" * 64 + "]" * 64,
        "&a [*a]",
        "&a !If [*a]",
        "!Sub &a [*a]",
    ],
    ids=["lists", "lists in a function", "joins", "functions", "cycle", "cycle in a function", "cycle of a function"],
)
def test_what_is_nested_too_deeply_or_in_itself(value: str) -> None:
    assert codes(find(embedded(f"Definition: {value}")).diagnostics) == ["SM_INVALID_YAML"]


def test_nesting_up_to_the_bound() -> None:
    assert only(embedded("DefinitionString: " + "!Join ['', [" * 40 + "!Ref x" + "]]" * 40)).source is None
    definition = only(embedded("DefinitionString: " + "{Fn::Join: ['', [" * 40 + "!Ref x" + "]]}" * 40))
    assert codes(definition.diagnostics) == ["INVALID_JSON_DESCRIPTION"] or definition.skipped is not None


def test_aliases_are_counted_by_what_they_stand_for() -> None:
    aliases = "".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    text = embedded("DefinitionString: !Join ['', *a8]").replace(
        "Resources:", f"Metadata:\n    a0: &a0 x\n{aliases}Resources:"
    )
    assert codes(find(text).diagnostics) == ["SM_INVALID_YAML"]


@pytest.mark.parametrize("filler", ["\n", " ", "\n ", "{", "Resources", '"', "a: "])
def test_a_text_of_one_thing_is_read_in_one_walk(filler: str) -> None:
    assert find_definitions(filler * 200_000) is None
    found = find_definitions(f"# AWS::Serverless::StateMachine\n{filler * 200_000}\nResources:")
    assert found is None or found.definitions == ()


def test_a_huge_join_is_too_large() -> None:
    parts = ", ".join(["*a"] * 100_000)
    text = embedded(f"DefinitionString: !Join ['', [{parts}]]").replace(
        "Resources:", f"Metadata: {{a: &a '{'x' * 10_000}'}}\nResources:"
    )
    assert codes(only(text).diagnostics) == ["SM_TOO_LARGE"]


@pytest.mark.parametrize("form", ["Definition: {StartAt: '%s'}", 'DefinitionString: \'{"StartAt": "%s"}\''])
def test_a_huge_substitution_is_too_large(form: str) -> None:
    text = form % ("${A}" * 100_000) + f"\nDefinitionSubstitutions: {{A: '{'x' * 100_000}'}}"
    assert codes(only(embedded(text)).diagnostics) == ["SM_TOO_LARGE"]


def test_many_faults_in_a_large_text_take_one_walk() -> None:
    states = ", ".join(f'"S{n}": {{"Type": "Pass", "Nxt": "x{n}"}}' for n in range(2_000))
    definition = only(embedded(f'DefinitionString: \'{{"StartAt": "S0", "States": {{{states}}}}}\''))
    assert len(faults(definition)) >= 2_000


def test_a_directory_and_a_large_file(tmp_path: Path) -> None:
    from statemachine.definition.templates import read_definition_file

    (tmp_path / "large.json").write_bytes(b" " * 1_048_577)
    (tmp_path / "latin.json").write_bytes(b'"\xe9"')
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf{}")
    for name, reason in [
        (".", "it is a directory"),
        ("large.json", "it is larger than 1048576 bytes"),
        ("latin.json", "it is not UTF-8: invalid continuation byte at byte 1"),
    ]:
        with pytest.raises(ValueError, match=reason):
            read_definition_file(str(tmp_path / name))
    assert read_definition_file(str(tmp_path / "marked.json")) == "{}"
    with pytest.raises(FileNotFoundError):
        read_definition_file(str(tmp_path / "missing.json"))


def test_a_device_is_not_read() -> None:
    from statemachine.definition.templates import read_definition_file

    with pytest.raises(ValueError, match="it is no regular file"):
        read_definition_file("/dev/zero")


PIECES = st.sampled_from(
    [
        *("Resources:", "Flow:", "Type:", KIND, SERVERLESS, "Properties:", "Definition:", "DefinitionString:"),
        *(
            "DefinitionSubstitutions:",
            "DefinitionUri:",
            "a.json",
            "{A: ${B}}",
            "!Sub",
            "!Join",
            "!Ref",
            "!If",
            "!GetAtt",
        ),
        *(
            "'', ",
            "[",
            "]",
            "{",
            "}",
            "|",
            ">-",
            "- ",
            "${A}",
            "${!B}",
            '"',
            "'",
            "\\",
            "\n",
            "\n  ",
            "\n    ",
            "\n      ",
        ),
        *(
            "StartAt",
            ": ",
            ", ",
            "&a ",
            "*a",
            "<<",
            "Fn::Sub",
            "Fn::Join",
            "Fn::ForEach::A",
            "\u00e9",
            "\t",
            "\r",
            "%",
            "#",
        ),
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}',
    ]
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A template with a few places overwritten."""
    text = draw(
        st.sampled_from([SAM, *map(embedded, (LITERAL, FOLDED, SINGLE, DOUBLE, SUB_LONG, JOINED, JOINED_PARTS))])
    )
    text = text.replace("@", "")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(PIECES) + text[end:]
    return text


@given(spoilt())
@settings(max_examples=300, deadline=None)
def test_whatever_a_template_says_findings_have_places_in_it(text: str) -> None:
    found = find_definitions(text, "t.yaml", lambda _: FILE)
    if found is None:
        return
    for definition in found.definitions:
        every = list(definition.diagnostics)
        if definition.source is not None:
            every += check(definition.source)[1]
        for each in every:
            lines = (FILE if each.file != "t.yaml" else text).split("\n")
            assert each.position is not None
            assert 1 <= each.position.line <= len(lines)
            assert 1 <= each.position.column <= len(lines[each.position.line - 1]) + 1
