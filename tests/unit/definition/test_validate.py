"""The graph of states, and the pipeline from a source to findings."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.definition import validate
from statemachine.definition.diagnostics import Diagnostic, Position, Severity
from statemachine.definition.fields import FLOW_TYPES, STATE_TYPES
from statemachine.definition.schema import SCHEMA_NAMES, load_schema
from statemachine.definition.source import SourceFormat, load_source, source_of_value
from statemachine.definition.validate import check_definition, validate_graph
from statemachine.jsonvalue import pointer

END = {"Type": "Pass", "End": True}
DONE = {"Type": "Succeed"}


def to(name: str) -> dict[str, Any]:
    return {"Type": "Pass", "Next": name}


def machine(start_at: str, **states: Any) -> dict[str, Any]:
    return {"StartAt": start_at, "States": states}


def findings(value: Any) -> list[tuple[str, str, str | None]]:
    """As AWS reports them: what follows from another is a finding too."""
    found: list[tuple[str, str, str | None]] = []
    for each in validate_graph(value):
        found.append((each.code, each.message, each.location))
        found += [
            (note.code, note.message, None if note.path is None else pointer(note.path))
            for note in each.notes
            if note.code
        ]
    return found


def missing(name: str, location: str) -> tuple[str, str, str]:
    return ("MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {name}", location)


def lost(name: str, location: str | None = None) -> tuple[str, str, str]:
    return ("MISSING_TRANSITION_TARGET", f'State "{name}" is not reachable.', location or f"/States/{name}")


NO_END = ("MISSING_END_STATE", "Workflow has no terminal state", None)

CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "X"}]
RULE = {"Variable": "$.a", "IsNull": True}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (machine("A", A=END), []),
        (machine("A", A=to("B"), B=DONE), []),
        (machine("A", A=to("B"), B=to("A"), C=END), [lost("C")]),
        # targets, in all places, all in the words for Next
        (machine("X", A=END), [missing("X", "/StartAt"), lost("A")]),
        (machine("A", A=to("X"), B=END), [missing("X", "/States/A/Next"), lost("B")]),
        (machine("A", A=to("X")), [missing("X", "/States/A/Next"), NO_END]),
        (
            machine("A", A={"Type": "Choice", "Choices": [{**RULE, "Next": "X"}], "Default": "B"}, B=DONE),
            [missing("X", "/States/A/Choices[0]/Next")],
        ),
        (
            machine("A", A={"Type": "Choice", "Choices": [{**RULE, "Next": "B"}], "Default": "X"}, B=DONE),
            [missing("X", "/States/A/Default")],
        ),
        (machine("A", A={**END, "Type": "Task", "Catch": CATCH}), [missing("X", "/States/A/Catch[0]/Next")]),
        # reachability
        (machine("A", A={"Type": "Choice", "Choices": [{**RULE, "Next": "B"}]}, B=DONE), []),
        (machine("A", A={"Type": "Choice", "Choices": [{**RULE, "Next": "B"}], "Default": "C"}, B=DONE, C=DONE), []),
        (machine("A", A={**END, "Type": "Task", "Catch": CATCH}, X=DONE), []),
        (machine("A", A=END, B=to("C"), C=to("D"), D=DONE), [lost("B")]),
        (machine("A", A=END, C=to("D"), B=to("C"), D=DONE), [lost("B")]),
        (machine("A", A=END, B=to("C"), C=to("B")), [lost("B")]),
        (machine("A", A=END, B=to("B")), [lost("B")]),
        (machine("A", A=END, B=to("C"), C=to("B"), D=to("D"), E=to("D")), [lost("E"), lost("B")]),
        # terminal states
        (machine("A", A=to("B"), B=to("A")), [NO_END]),
        (machine("A", A=to("B"), B=to("A"), C=to("A")), [NO_END]),
        (machine("A", A=to("A")), [NO_END]),
        (machine("A", A={"Type": "Fail"}), []),
        (machine("A", A={"Type": "Choice", "Choices": [{**RULE, "Next": "A"}]}), [NO_END]),
    ],
)
def test_the_graph(value: Any, expected: list[tuple[str, str, str | None]]) -> None:
    assert sorted(findings(value), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("key", "inner"), [("Branches", "/Branches[0]"), ("ItemProcessor", "/ItemProcessor"), ("Iterator", "/Iterator")]
)
def test_blocks_are_scopes(key: str, inner: str) -> None:
    def outer(block: Any, **more: Any) -> dict[str, Any]:
        type_name = "Parallel" if key == "Branches" else "Map"
        return machine(
            "A", A={"Type": type_name, key: [block] if key == "Branches" else block, "Next": "B"}, B=DONE, **more
        )

    at = f"/States/A{inner}"
    assert findings(outer(machine("I", I=END))) == []
    assert findings(outer(machine("I", I=to("B"), J=DONE))) == [
        missing("B", f"{at}/States/I/Next"),
        lost("J", f"{at}/States/J"),
    ]
    assert findings(outer(machine("B", I=END))) == [missing("B", f"{at}/StartAt"), lost("I", f"{at}/States/I")]
    assert findings(outer(machine("I", I=END), C=to("I"))) == [missing("I", "/States/C/Next"), lost("C")]
    assert findings(outer(machine("I", I=to("I")))) == [("MISSING_END_STATE", "Workflow has no terminal state", at)]
    assert findings(outer(machine("B", B=END))) == [
        ("DUPLICATE_STATE_NAME", "Duplicate State name: B", f"{at}/States/B")
    ]


def test_names_are_unique_over_all_blocks() -> None:
    branches = [machine("I", I=END), machine("I", I=END), machine("A", A=END)]
    value = machine("A", A={"Type": "Parallel", "Branches": branches, "End": True})
    assert [each.path for each in validate_graph(value)] == [
        ("States", "A", "Branches", 1, "States", "I"),
        ("States", "A", "Branches", 2, "States", "A"),
    ]


def test_labels_are_unique() -> None:
    maps = {
        name: {"Type": "Map", "Label": "L", "ItemProcessor": machine(f"{name}1", **{f"{name}1": END}), "Next": target}
        for name, target in (("A", "B"), ("B", "C"))
    }
    value = machine("A", **maps, C=DONE)
    assert findings(value) == [("DUPLICATE_LABEL_NAME", "Duplicate Label name: L", "/States/B/Label")]


@pytest.mark.parametrize(
    "value",
    [
        machine("A", A={"Type": "Pass", "next": "B"}, B=DONE),
        machine("A", A={"Type": "Pass"}, B=DONE),
        machine("A", A={"Type": "Nothing", "Next": "B"}, B=DONE),
        machine("A", A={"Type": "Pass", "Next": 1}, B=DONE),
        machine("A", A={"Type": "Choice"}, B=DONE),
        machine("A", A={"Type": "Choice", "Choices": []}, B=DONE),
        machine("A", A={**END, "Type": "Task", "catch": CATCH}, X=DONE),
        machine("A", A={"Type": "Choice", "Choices": [RULE]}, B=DONE),
        machine("A", A={**END, "Type": "Task", "Catch": [{"ErrorEquals": ["E"]}]}, B=DONE),
        machine("A", A=1, B=to("B")),
        machine("A", A={"Type": ["Pass"], "Next": "B"}, B=DONE),
        {"States": {"A": END, "B": DONE}},
        {"StartAt": "A", "States": {}},
        {"StartAt": "A", "States": []},
        {"StartAt": "A"},
        {},
        [],
        None,
    ],
)
def test_what_structure_reports_has_no_consequences_in_the_graph(value: Any) -> None:
    assert validate_graph(value) == []


def test_a_target_is_suggested() -> None:
    (found,) = validate_graph(machine("Start", Start={**to("Finsh")}, Finish=END))[:1]
    assert found.suggestion == "did you mean `Finish`?"


def test_what_follows_from_a_missing_target_is_a_note_of_it() -> None:
    choice = {"Type": "Choice", "Choices": [{**RULE, "Next": "Shpi"}], "Default": "Refnd"}
    found = validate_graph(machine("A", A=choice, Refund=to("Mail"), Mail=DONE, Ship=DONE))
    assert [(each.path, [note.path for note in each.notes]) for each in found] == [
        (("States", "A", "Choices", 0, "Next"), [("States", "Ship")]),
        (("States", "A", "Default"), [("States", "Refund")]),
    ]


def test_the_first_of_equal_names_is_noted() -> None:
    block = machine("A", A={"Type": "Parallel", "Branches": [machine("A", A=END)], "End": True})
    _, (found,) = check_definition(source_of_value(block))
    assert found.position == Position(10, 13)
    assert [(note.path, note.position) for note in found.notes] == [(("States", "A"), Position(4, 5))]


# --- the pipeline -----------------------------------------------------------------------------------------------------

FAULTY = """{
  "StartAt": "A",
  "Colour": "red",
  "States": {
    "A": {
      "Type": "Task",
      "Resourse": "arn:aws:states:::lambda:invoke",
      "TimeoutSeconds": 0,
      "Retry": [{"ErrorEquals": [], "IntervalSeconds": 0}],
      "Next": "B"
    },
    "C": {"Type": "Succeed", "Next": "A"},
    "": {"Type": "Fail"}
  }
}"""
FAULTY_YAML = """StartAt: A
States:
  A:
    Type: Wait
    Next: B
  C:
    Type: Succeed
    End: true
"""


@pytest.mark.parametrize("schema", [True, False])
def test_findings_have_positions_and_are_in_the_order_of_the_text(schema: bool) -> None:
    result, found = check_definition(load_source(FAULTY, file="a.json"), schema=schema)
    assert result is None
    assert [(each.position, each.message) for each in found] == [
        (Position(3, 3), "Field 'Colour' is not supported"),
        (Position(7, 7), "Field 'Resourse' is not supported"),
        (Position(8, 25), "Minimum value is 1"),
        (Position(9, 18), "Value cannot be empty"),
        (Position(9, 56), "Minimum value is 1"),
        (Position(10, 15), "Missing 'Next' target: B"),
        (Position(12, 30), "Field 'Next' is not supported"),
        (Position(13, 5), "The state name is empty"),
    ]
    assert {each.file for each in found} == {"a.json"}
    assert str(found[1]) == (
        "a.json:7:7: error SCHEMA_VALIDATION_FAILED: Field 'Resourse' is not supported at /States/A "
        "(did you mean `Resource`?)"
    )


def test_positions_in_yaml() -> None:
    _, found = check_definition(load_source(FAULTY_YAML))
    assert [(each.position, each.message[:30]) for each in found] == [
        (Position(3, 3), "This object should have only o"),
        (Position(5, 11), "Missing 'Next' target: B"),
        (Position(8, 5), "Field 'End' is not supported"),
    ]


def test_a_machine_without_an_end_is_shown_at_its_beginning() -> None:
    _, (found,) = check_definition(source_of_value(machine("A", A=to("A"))))
    assert found.location is None
    assert found.position == Position(1, 1)


def test_what_can_be_run_leaves_the_model() -> None:
    value = machine(
        "A", A={"Type": "Task", "Resource": "r", "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 0}], "End": True}
    )
    result, (found,) = check_definition(source_of_value(value))
    assert result is not None
    assert found.severity is Severity.ERROR
    assert found.runs
    assert found.position is not None


def test_the_graph_decides_too() -> None:
    assert check_definition(source_of_value(machine("A", A=to("B"))))[0] is None


def test_the_schema_layer_says_what_no_other_layer_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "parse_definition", lambda *_: (None, []))
    _, found = check_definition(load_source(FAULTY), schema=True)
    assert [each.position for each in found if each.code == "SCHEMA_VALIDATION_FAILED"] == [
        Position(3, 3),
        Position(4, 3),
        Position(5, 5),
        Position(7, 7),
        Position(8, 25),
        Position(9, 18),
        Position(9, 56),
        Position(12, 30),
    ]


NAMES = st.sampled_from(["A", "B", "C", "D"])
STATES = st.dictionaries(
    NAMES,
    st.one_of(
        st.builds(lambda name: {"Type": "Pass", "Next": name}, NAMES),
        st.just(DONE),
        st.builds(
            lambda one, other: {"Type": "Choice", "Choices": [{**RULE, "Next": one}], "Default": other}, NAMES, NAMES
        ),
        st.builds(
            lambda name: {**END, "Type": "Task", "Resource": "r", "Catch": [{"ErrorEquals": ["E"], "Next": name}]},
            NAMES,
        ),
    ),
    min_size=1,
)


def walked(value: Any) -> set[str]:
    seen: set[str] = set()
    todo = [value["StartAt"]]
    while todo:
        name = todo.pop()
        if name in value["States"] and name not in seen:
            seen.add(name)
            state = value["States"][name]
            rules = [*state.get("Choices", ()), *state.get("Catch", ()), state]
            todo += [rule[key] for rule in rules for key in ("Next", "Default") if key in rule]
    return seen


@given(STATES, NAMES)
def test_a_machine_is_accepted_if_all_states_are_reached_and_all_targets_exist(
    states: dict[str, Any], start: str
) -> None:
    value = {"StartAt": start, "States": states}
    targets = {start} | {
        rule[key]
        for state in states.values()
        for rule in (*state.get("Choices", ()), *state.get("Catch", ()), state)
        for key in ("Next", "Default")
        if key in rule
    }
    ends = any(state.get("End") or state["Type"] == "Succeed" for state in states.values())
    sound = targets <= set(states) and walked(value) == set(states) and ends
    result, found = check_definition(source_of_value(value))
    assert (result is not None) == sound, found
    assert result is None or not found


JSONISH = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.sampled_from(["A", "B", "$", "{% 1 %}", "Pass", "Map", "JSONata", "E"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Type",
                    "Next",
                    "End",
                    "States",
                    "StartAt",
                    "Choices",
                    "Branches",
                    "ItemProcessor",
                    "Retry",
                    "Catch",
                    "And",
                    "ErrorEquals",
                    "Not",
                    "Variable",
                    "QueryLanguage",
                    "ProcessorConfig",
                    "ItemReader",
                    "Assign",
                    "Label",
                    "A",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(
    st.dictionaries(st.sampled_from(["StartAt", "States", "QueryLanguage"]), JSONISH),
    st.sampled_from([None, "Choice", "Map", "Parallel", "Task"]),
)
def test_nothing_but_findings_comes_of_any_value(value: dict[str, Any], type_name: str | None) -> None:
    states = value.get("States")
    if isinstance(states, dict) and type_name:
        for state in states.values():
            if isinstance(state, dict):
                state["Type"] = type_name
    source = load_source(json.dumps(value), format=SourceFormat.JSON)
    with_schema, without = check_definition(source, schema=True), check_definition(source)
    assert (with_schema[0] is None) == (without[0] is None), [str(each) for each in with_schema[1]]
    assert all(isinstance(each, Diagnostic) and each.position for each in with_schema[1])


# --- schemas as editors see them --------------------------------------------------------------------------------------


def whole_schema() -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    base = "file:///schemas/"
    registry: Any = Registry().with_resources(
        (f"{base}{name}.schema.json", Resource.from_contents(load_schema(name), default_specification=DRAFT202012))
        for name in SCHEMA_NAMES
    )
    return Draft202012Validator({"$ref": f"{base}state-machine.schema.json"}, registry=registry)


def test_the_schemas_work_without_us() -> None:
    inner = machine("I", I={"Type": "Wait", "Seconds": 1, "End": True})
    value = machine("A", A={"Type": "Map", "ItemProcessor": inner, "End": True})
    validator = whole_schema()
    assert list(validator.iter_errors(value)) == []
    inner["States"]["I"]["Seconds"] = -1
    (error,) = validator.iter_errors(value)
    assert list(error.absolute_path) == ["States", "A", "ItemProcessor", "States", "I", "Seconds"]
    inner["States"]["I"] = {"Type": "Nothing"}
    (error,) = validator.iter_errors(value)
    assert list(error.absolute_path) == ["States", "A", "ItemProcessor", "States", "I", "Type"]


UNDOING = {"ErrorEquals": ["States.ALL"], "Next": "F", "Compensate": True}
OF_EACH_TYPE: dict[str, dict[str, dict[str, Any]]] = {
    "JSONPath": {
        "Pass": {"Parameters": {"a.$": "$.b"}, "Result": {"c": 1}, "ResultPath": None, "Assign": {"v.$": "$"}},
        "Task": {
            "Resource": "python:shop:charge",
            "CompensateWith": "C",
            "Catch": [UNDOING],
            "Retry": [{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}],
            "TimeoutSecondsPath": "$.t",
            "HeartbeatSeconds": 5,
            "Credentials": {"RoleArn.$": "$.r"},
        },
        "Choice": {"Choices": [{"And": [{"Not": RULE}, RULE], "Next": "A"}], "Default": "B"},
        "Wait": {"Timestamp": "2030-01-31T12:00:00Z"},
        "Succeed": {"InputPath": "$.a"},
        "Fail": {"ErrorPath": "$.a", "Cause": "why"},
        "Parallel": {
            "Branches": [machine("I", I=DONE)],
            "CompensateWith": "C",
            "Catch": [{**UNDOING, "ResultPath": "$.e"}],
        },
        "Map": {
            "Iterator": machine("I", I=DONE),
            "ItemsPath": "$.a",
            "MaxConcurrencyPath": "$.m",
            "CompensateWith": "C",
        },
    },
    "JSONata": {
        "Pass": {"Output": "{% 1 %}", "Assign": {"v": ["{% 1 %}"]}},
        "Task": {
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"a": "{% 1 %}"},
            "TimeoutSeconds": "{% 60 %}",
            "Catch": [{**UNDOING, "Output": "{% $states.errorOutput %}", "Assign": {"v": 1}}],
        },
        "Choice": {
            "Choices": [{"Condition": "{% true %}", "Next": "A", "Output": 1}, {"Condition": True, "Next": "A"}]
        },
        "Wait": {"Seconds": "{% 1 %}"},
        "Succeed": {"Output": {"a": 1}},
        "Fail": {"Error": "{% 'E' %}", "Cause": "why"},
        "Parallel": {"Branches": [machine("I", I=DONE)], "Arguments": "{% 1 %}"},
        "Map": {
            "ItemProcessor": {
                **machine("I", I=DONE),
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            },
            "Items": "{% [1] %}",
            "MaxConcurrency": "{% 1 %}",
            "ToleratedFailurePercentage": 2.5,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Arguments": {"Bucket": "b", "Key": "k"}},
        },
    },
}


@pytest.mark.parametrize("language", OF_EACH_TYPE)
@pytest.mark.parametrize("type_name", STATE_TYPES)
def test_the_schemas_accept_each_state_type_and_no_other_field(language: str, type_name: str) -> None:
    state = {"Type": type_name, **OF_EACH_TYPE[language][type_name]}
    if type_name in FLOW_TYPES:
        state["End"] = True
    value = {**machine("A", A=state), "QueryLanguage": language}
    validator = whole_schema()
    assert list(validator.iter_errors(value)) == []
    state["Nothing"] = 1
    (error,) = validator.iter_errors(value)
    assert (error.validator, list(error.absolute_path)) == ("additionalProperties", ["States", "A"])


def test_checking_json_without_schemas_imports_neither_yaml_nor_jsonschema() -> None:
    program = (
        "import sys\n"
        "from statemachine.definition.source import load_source\n"
        "from statemachine.definition.validate import check_definition\n"
        "assert check_definition(load_source(sys.argv[1]), schema=False)[0]\n"
        "print([name for name in ('yaml', 'jsonschema', 'difflib', 'asyncio', 'click') if name in sys.modules])\n"
    )
    text = json.dumps(machine("A", A=END))
    run = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
