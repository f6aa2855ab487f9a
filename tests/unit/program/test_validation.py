"""ValidateStateMachineDefinition in AWS's shape, and what `check` says about several faults at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.definition.diagnostics import Position, Severity
from statemachine.definition.source import load_source, source_of_value
from statemachine.program.load import check
from statemachine.program.validation import validate_definition

END = {"Type": "Pass", "End": True}


def text(**states: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def test_a_right_definition() -> None:
    assert validate_definition(text(A=END)) == {"result": "OK", "diagnostics": [], "truncated": False}


def test_what_follows_is_a_finding_of_its_own() -> None:
    found = validate_definition(text(A={"Type": "Pass", "Next": "C"}, B=END))
    assert found == {
        "result": "FAIL",
        "diagnostics": [
            {
                "severity": "ERROR",
                "code": "MISSING_TRANSITION_TARGET",
                "message": "Missing 'Next' target: C",
                "location": "/States/A/Next",
            },
            {
                "severity": "ERROR",
                "code": "MISSING_TRANSITION_TARGET",
                "message": 'State "B" is not reachable.',
                "location": "/States/B",
            },
        ],
        "truncated": False,
    }


def test_warnings_are_given_if_asked_for() -> None:
    definition = text(A={**END, "Parameters": {"a": "$.b"}})
    assert validate_definition(definition)["diagnostics"] == []
    found = validate_definition(definition, severity="WARNING")
    assert found["result"] == "OK"
    assert [(each["code"], each["severity"]) for each in found["diagnostics"]] == [("NO_DOLLAR", "WARNING")]


def test_more_than_max_results_is_truncated() -> None:
    definition = text(**{name: {**END, "Retries": 1} for name in "ABC"})
    whole = validate_definition(definition)
    assert not whole["truncated"]
    assert len(whole["diagnostics"]) == 5  # three fields, and two states that nothing leads to
    part = validate_definition(definition, max_results=2)
    assert part == {"result": "FAIL", "diagnostics": whole["diagnostics"][:2], "truncated": True}
    assert validate_definition(definition, max_results=0) == whole
    assert not validate_definition(definition, max_results=5)["truncated"]


@pytest.mark.parametrize("options", [{"max_results": 101}, {"max_results": -1}, {"type": "FAST"}, {"severity": "INFO"}])
def test_wrong_requests_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is from|is STANDARD"):
        validate_definition(text(A=END), **options)


def test_the_type_matters() -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True}
    assert validate_definition(text(A=task))["result"] == "OK"
    assert validate_definition(text(A=task), type="EXPRESS")["result"] == "FAIL"


def test_no_json_is_located_as_jackson_does() -> None:
    (found,) = validate_definition("\n  nonsense {")["diagnostics"]
    location = '[Source: (String)"\n  nonsense {"; line: 2, column: 11]'
    assert found == {
        "severity": "ERROR",
        "code": "INVALID_JSON_DESCRIPTION",
        "message": (
            "Unrecognized token 'nonsense': was expecting (JSON String, Number, Array, Object or token 'null', 'true' "
            f"or 'false')\n at {location}"
        ),
        "location": location,
    }
    (long,) = validate_definition("x" + " " * 600)["diagnostics"]
    assert '"[truncated 101 chars]; line: 1' in long["location"]


# --- several faults at once -------------------------------------------------------------------------------------------


def messages(value: Any) -> list[str]:
    return [each.message for each in check(source_of_value(value))[1]]


def test_a_fault_of_one_state_hides_none_of_another() -> None:
    branch = {"StartAt": "I", "States": {"I": {**END, "OutputPath": "$["}, "J": {"Type": "Pas"}}}
    value = {
        "StartAt": "A",
        "Colour": 1,
        "States": {
            "A": {**END, "Retries": 1, "InputPath": "$["},
            "B": {"Type": "Pass", "InputPath": "$[", "Next": "Nowhere"},
            "P": {"Type": "Parallel", "Branches": [branch], "End": True},
        },
    }
    found = check(source_of_value(value))[1]
    paths = [each.location for each in found if "valid JSONPath" in each.message]
    assert paths == ["/States/B/InputPath", "/States/P/Branches[0]/States/I/OutputPath"]
    assert {"Field 'Colour' is not supported", "Field 'Retries' is not supported"} <= {each.message for each in found}


@pytest.mark.parametrize("language", ["JSONata ", 5, None])
def test_without_a_query_language_no_expression_is_judged(language: Any) -> None:
    value = {"QueryLanguage": language, "StartAt": "A", "States": {"A": {**END, "Output": "{% ( %}"}}}
    assert len(messages(value)) == 1


def test_a_branch_without_its_beginning_does_not_stop_the_rest() -> None:
    value = {
        "StartAt": "P",
        "States": {
            "P": {"Type": "Parallel", "Branches": [{"StartAt": "Nowhere", "States": {"I": END}}], "Next": "M"},
            "M": {"Type": "Map", "ItemProcessor": {"States": {"J": END}}, "Next": "C"},
            "C": {**END, "InputPath": "x"},
        },
    }
    found = messages(value)
    assert [each for each in found if "JSONPath" in each] == ["Value is not a valid JSONPath: A path starts with '$'"]


@pytest.mark.parametrize("wrong", [{"a.$": "$.x", "a": 1}, {"b": [{"a": 1, "a.$": "$.x"}]}])
def test_two_fields_of_a_template_that_give_the_same(wrong: Any) -> None:
    program, (found,) = check(source_of_value(json.loads(text(A={**END, "Parameters": wrong}))))
    assert found.code == "SM_DUPLICATE_FIELD"
    assert (found.place or ())[-1] == "a"
    assert [(note.path or ())[-1] for note in found.notes] == ["a.$"]
    assert program is not None


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("$.error", True),
        ("States.Format('{}', $.a)", True),
        ("States.UUID()", True),
        ("States.MathAdd($.a, 1)", False),
        ("States.StringToJson($.a)", False),
        ("Error", False),
    ],
)
def test_errors_and_causes_are_texts(path: str, right: bool) -> None:
    for field in ("ErrorPath", "CausePath"):
        found = check(source_of_value(json.loads(text(A={"Type": "Fail", field: path}))))[1]
        assert [(each.message[:27], each.location) for each in found] == (
            [] if right else [("The value for the field '" + field[:2], "/States/A")]
        )


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("{% 1 %}", True),
        ("{% 1 %} ", True),
        (" {% 1 %}", True),
        ("100%}", True),
        ("{% 1 %", False),
        ("{% 1", False),
        ({"a": ["{%"]}, False),
    ],
)
def test_an_expression_that_is_opened_is_closed(output: Any, right: bool) -> None:
    value = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {**END, "Output": output}}}
    errors = [each.message for each in check(source_of_value(value))[1] if each.severity is Severity.ERROR]
    assert errors == ([] if right else ["JSONata string must start with {% and end with %}"])


@pytest.mark.parametrize("items", [5, True, None, "[1]", "{% [1] %} "])
def test_items_are_an_array_or_an_expression(items: Any) -> None:
    map_ = {"Type": "Map", "Items": items, "ItemProcessor": {"StartAt": "I", "States": {"I": END}}, "End": True}
    value = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": map_}}
    assert [each[:22] for each in messages(value)] == ["Items must be an array"]


# --- places inside of texts -------------------------------------------------------------------------------------------


def position(definition: str) -> Position | None:
    (found,) = check(load_source(definition))[1]
    return found.position


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ('{"StartAt": "A", "States": {"A": {"Type": "Pass", "InputPath": "$.\\u0061.b[", "End": true}}}', (1, 75)),
        (
            (
                '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters":\n'
                '              {"a.$": "States.Fromat(1)"}, "End": true}}}'
            ),
            (2, 24),
        ),
        (
            (
                '{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,\n'
                '"Output": "{% \\"ä\\" & name %}"}}}'
            ),
            (2, 23),
        ),
        (
            (
                "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n    Output: |-\n"
                "      {%\n        $a := 1 +\n        name\n      %}\n"
            ),
            (10, 9),
        ),
        (
            (
                "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A:\n    Type: Pass\n    End: true\n"
                "    Output: '{% ''x'' & name %}'\n"
            ),
            (7, 25),
        ),
    ],
)
def test_a_fault_in_a_text_is_shown_where_it_stands(definition: str, expected: tuple[int, int]) -> None:
    assert position(definition) == Position(*expected)


def test_a_misspelt_function_is_suggested() -> None:
    (found,) = check(source_of_value(json.loads(text(A={**END, "Parameters": {"a.$": "States.Fromat(1)"}}))))[1]
    assert found.suggestion == "did you mean `States.Format`?"
    assert [note.message for note in found.notes] == ["There is no intrinsic function States.Fromat"]
