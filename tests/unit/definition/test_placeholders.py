"""What is not known yet is accepted, and everything else is checked as ever."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.definition.diagnostics import Position
from statemachine.definition.placeholders import (
    has_bare_placeholder,
    has_placeholder,
    is_code_unknown,
    is_placeholder,
    placeholder_names,
    substitute,
    with_stand_ins,
)
from statemachine.definition.source import SourceFormat, load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check, load_text

TASK = {"Type": "Task", "Resource": "${ChargeArn}", "Next": "Done"}
ITERATOR = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
RULE = {"Variable": "$.a", "NumericEquals": 1, "Next": "Done"}
RETRIER = {"ErrorEquals": ["States.Timeout"]}


def machine(state: Any, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": state, "Done": {"Type": "Succeed"}}, **fields}


def jsonata(output: str) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", **machine({"Type": "Pass", "Output": output, "Next": "Done"})}


def found(value: Any) -> list[str]:
    """The findings about a definition, each as its place and message."""
    return [f"{each.location}: {each.message}" for each in check(load_source(json.dumps(value)))[1]]


@pytest.mark.parametrize(
    ("text", "whole", "inside"),
    [
        ("${Name}", True, True),
        ("${Fn.Arn}", True, True),
        ("${AWS::Region}", True, True),
        ("${self:custom.stage}", True, True),
        ("a ${Name}", False, True),
        ("${A}${B}", False, True),
        ("$${Name}", False, False),
        ("${}", False, False),
        ("${!Literal}", False, False),
        ('${"key": 1}', False, False),
        ("${ $.a }", False, False),
        ("${Name", False, False),
        ("$.a{b}", False, False),
        (3, False, False),
        (None, False, False),
    ],
)
def test_what_a_placeholder_is(text: Any, whole: bool, inside: bool) -> None:
    assert (is_placeholder(text), has_placeholder(text)) == (whole, inside)


@pytest.mark.parametrize(
    "value",
    [
        machine(TASK),
        machine({**TASK, "TimeoutSeconds": "${Timeout}", "HeartbeatSeconds": "${Beat}"}),
        machine({**TASK, "TimeoutSeconds": 10, "HeartbeatSeconds": "${Beat}"}),
        machine({**TASK, "TimeoutSeconds": "${Timeout}", "HeartbeatSeconds": 500}),
        machine({**TASK, "Next": "${Next}"}),
        machine({**TASK, "Next": "Step${Number}"}),
        machine({**TASK, "Type": "${Type}"}),
        machine({**TASK, "QueryLanguage": "${Language}"}),
        machine({**TASK, "ResultPath": "$.${Field}"}),
        machine({**TASK, "ResultPath": "${Path}", "InputPath": "${Path}"}),
        machine({**TASK, "Retry": "${Retry}"}),
        machine({**TASK, "Retry": ["${Retrier}"]}),
        machine(
            {**TASK, "Retry": [{**RETRIER, "MaxAttempts": "${N}", "BackoffRate": "${R}", "JitterStrategy": "${J}"}]}
        ),
        machine({**TASK, "Catch": [{"ErrorEquals": "${Errors}", "Next": "${Handler}"}]}),
        machine({**TASK, "Assign": {"${Variable}": 1}}),
        machine("${State}"),
        machine({"Type": "Wait", "Seconds": "${Seconds}", "Next": "Done"}),
        machine({"Type": "Wait", "Timestamp": "${Date}T00:00:00Z", "Next": "Done"}),
        machine({"Type": "Choice", "Choices": [RULE, "${Rule}"], "Default": "${Default}"}),
        machine({"Type": "Choice", "Choices": [{**RULE, "NumericEquals": "${Number}"}], "Default": "Done"}),
        machine({"Type": "Pass", "End": "${End}"}),
        machine({"Type": "Parallel", "Branches": "${Branches}", "Next": "Done"}),
        machine({"Type": "Parallel", "Branches": ["${Branch}", ITERATOR], "Next": "Done"}),
        machine({"Type": "Map", "ItemProcessor": "${Processor}", "Next": "Done"}),
        machine(
            {
                "Type": "Map",
                "ItemProcessor": {**ITERATOR, "ProcessorConfig": {"Mode": "${Mode}", "ExecutionType": "${Type}"}},
                "MaxConcurrency": "${Concurrency}",
                "Label": "${Label}",
                "Next": "Done",
            }
        ),
        machine({"Type": "Pass", "Parameters": {"a.$": "States.Format('${A}', $.${B})"}, "Next": "Done"}),
        machine({"Type": "Pass", "Next": "Done"}, TimeoutSeconds="${Timeout}"),
        {"StartAt": "${Start}", "States": {"${Start}": {"Type": "Succeed"}}},
        {"StartAt": "Start", "States": {"${Start}": {"Type": "Succeed"}}},
        {"StartAt": "${Start}", "States": {"Start": {"Type": "Succeed"}}},
        {"StartAt": "A", "States": "${States}"},
        {
            "StartAt": "A",
            "States": {"A": {**TASK, "Catch": "${Catch}"}, "Done": {"Type": "Succeed"}, "B": {"Type": "Fail"}},
        },
        {
            "StartAt": "A",
            "States": {"A": {**TASK, "Catch": ["${C}"]}, "Done": {"Type": "Succeed"}, "B": {"Type": "Fail"}},
        },
        machine({**TASK, "CompensateWith": "${Undo}"}),
        {"QueryLanguage": "${Language}", **machine({"Type": "Pass", "Output": "{% 1 %}", "Next": "Done"})},
        jsonata("{% $states.input.a > ${Limit} %}"),
        jsonata("{% 'Hello ${Name}' & $states.input.name %}"),
        jsonata('{% $states.input.items${"key": value} %}'),
    ],
    ids=json.dumps,
)
def test_what_is_not_known_is_no_fault(value: Any) -> None:
    assert found(value) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (machine({**TASK, "TimeoutSeconds": "1${Zeros}"}), "/States/A/TimeoutSeconds: Expected value of type Integer"),
        (
            machine({**TASK, "TimeoutSeconds": "$${Timeout}"}),
            "/States/A/TimeoutSeconds: Expected value of type Integer",
        ),
        (machine({**TASK, "Next": "Dnoe"}), "/States/A/Next: Missing 'Next' target: Dnoe"),
        (machine({**TASK, "Nxt": "Done"}), "/States/A: Field 'Nxt' is not supported"),
        (
            {"StartAt": "A", "States": {"A": "${A}", "B": {"Type": "Pass", "End": 1}}},
            "/States/B/End: Expected value of type Boolean",
        ),
        (
            machine({"Type": "Parallel", "Branches": ["${B}", {**ITERATOR, "StartAt": "J"}], "Next": "Done"}),
            "/States/A/Branches[1]/StartAt: Missing 'Next' target: J",
        ),
        (
            machine({"Type": "Pass", "Parameters": {"a.$": "$.${Field}", "b.$": "${B"}, "Next": "Done"}),
            "/States/A/Parameters: The value for the field 'b.$' must be a valid JSONPath",
        ),
        (jsonata("{% 'Hello ${Name}' & %}"), "/States/A/Output: Unexpected end of expression"),
    ],
)
def test_what_is_known_is_checked(value: Any, expected: str) -> None:
    assert any(each.startswith(expected) for each in found(value))


def test_a_known_fault_beside_a_placeholder_in_the_same_state() -> None:
    value = machine({**TASK, "TimeoutSeconds": "${Timeout}", "HeartbeatSeconds": 0, "Next": "B"})
    places = [each.split(":")[0] for each in found(value)]
    assert sorted(places) == ["/States/A/HeartbeatSeconds", "/States/A/Next"]


# --- without quotes ---------------------------------------------------------------------------------------------------

UNQUOTED = """{
  "StartAt": "A", "TimeoutSeconds": ${Total},
  "States": {
    "A": {"Type": "Wait", "Seconds": ${Seconds}, "Next": "Dnoe"},
    "Done": {"Type": "Succeed", "Comment": "${Comment} ${"}
  }
}"""


def test_a_placeholder_without_quotes_is_a_value() -> None:
    source = load_source(UNQUOTED, format=SourceFormat.JSON)
    assert source.value["TimeoutSeconds"] == "${Total}"
    assert source.value["States"]["A"]["Seconds"] == "${Seconds}"
    assert source.value["States"]["Done"]["Comment"] == "${Comment} ${"
    assert source.position(("States", "A", "Seconds")) == Position(4, 38)
    (fault,) = check(source)[1]
    assert (fault.message, fault.position) == ("Missing 'Next' target: Dnoe", Position(4, 58))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": ${b},\n "c": }', 2, 7),
        ('{"a": x${b}}', 1, 7),
        ('{"a": ${b} 1}', 1, 7),
        ('{"a": $${b}}', 1, 7),
        ('{"a": ${b}', 1, 11),
        ("{${a}: 1}", 1, 2),
        ('{"a": ${b\n}}', 1, 7),
        ('{"a": ${}}', 1, 7),
        ('{"a": ${b}, "a": ${b}}', 1, 13),
    ],
)
def test_what_is_no_json_for_another_reason_stays_so(text: str, line: int, column: int) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_source(text, format=SourceFormat.JSON)
    assert refused.value.diagnostics[0].position == Position(line, column)


def test_a_text_with_the_mark_is_not_mistaken() -> None:
    text = '{"StartAt": "\ufdd0A", "a": ${b}}'
    with pytest.raises(DefinitionError):
        load_source(text, format=SourceFormat.JSON)


def test_reading_stays_linear() -> None:
    assert has_bare_placeholder('{"a": "' + '\\"' * 200_000 + "${a}") is False
    assert is_code_unknown("{% '" + "\\'" * 200_000 + "${a}") is False
    assert is_code_unknown("${a" * 100_000) is False


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ('{"a": ${b}}', False),
        ('{"a": "${b}"}', False),
        ('{${a}, "b": 1}', True),
        ('{"a": 1${b}}', True),
        ('{"${a}": 1}', False),
    ],
)
def test_a_placeholder_for_a_part_of_the_text(text: str, bare: bool) -> None:
    assert has_bare_placeholder(text) is bare


# --- running, and putting values in -----------------------------------------------------------------------------------


def test_a_definition_with_placeholders_is_not_run() -> None:
    text = json.dumps(machine({**TASK, "TimeoutSeconds": "${Timeout}"}), indent=1)
    with pytest.raises(DefinitionError) as refused:
        load_text(text, "a.json")
    (fault,) = refused.value.diagnostics
    assert fault.code == "SM_PLACEHOLDER"
    assert fault.message == (
        "The definition cannot be run before its placeholders have values: ${ChargeArn}, ${Timeout}"
    )
    assert (fault.position, fault.file) == (Position(6, 16), "a.json")


def test_many_placeholders_are_not_all_named() -> None:
    value = machine({**TASK, "Next": "${N}", "Parameters": {str(number): f"${{P{number}}}" for number in range(20)}})
    with pytest.raises(DefinitionError) as refused:
        load_text(json.dumps(value))
    assert refused.value.diagnostics[0].message.endswith("${P7} and 12 more")


def test_a_placeholder_in_a_payload_or_a_resource_is_a_text() -> None:
    text = json.dumps(machine({**TASK, "Parameters": {"mail": "Dear ${Name}"}}))
    assert load_text(text).program.unsupported == ()


def test_values_are_put_into_the_text() -> None:
    text = '{"Resource": "${Fn.Arn}", "TimeoutSeconds": ${Timeout}, "End": ${End}, "a": "${Other} $${Timeout}"}'
    done = substitute(text, {"Fn.Arn": "arn:x", "Timeout": 30, "End": True})
    assert done == '{"Resource": "arn:x", "TimeoutSeconds": 30, "End": true, "a": "${Other} $${Timeout}"}'


def test_what_is_put_in_is_not_looked_into() -> None:
    assert substitute("${A}", {"A": "${B}", "B": "b"}) == "${B}"


def test_names_are_told_once_and_in_order() -> None:
    assert placeholder_names("${B} ${A} ${ B } $${C}") == ("B", "A")


def test_stand_ins_leave_the_value_as_it_is() -> None:
    value = {"a": [{"b": 1}, {"c": 2}], "d": {}}
    changed = with_stand_ins(value, {("a", 0, "b"): 9, ("a", 1, "c"): 8})
    assert changed == {"a": [{"b": 9}, {"c": 8}], "d": {}}
    assert value == {"a": [{"b": 1}, {"c": 2}], "d": {}}
    assert changed["d"] is value["d"]
    assert with_stand_ins(value, {}) is value
