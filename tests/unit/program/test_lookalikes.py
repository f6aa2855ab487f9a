"""What looks computed and is not."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition.source import source_of_value
from statemachine.program.load import check

S = "/States/A"
NOT_EVALUATED = "SM_NOT_EVALUATED"
MAP = {
    "Type": "Map",
    "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}},
    "End": True,
}


def findings(state: dict[str, Any], language: str = "JSONPath") -> list[tuple[str, str | None]]:
    states = {"A": state}
    if "Catch" in state or "Choices" in state:
        states["Z"] = {"Type": "Succeed"}
    value = {"QueryLanguage": language, "StartAt": "A", "States": states}
    found = check(source_of_value(value), analysis=False)[1]
    return [(each.code, each.location) for each in found]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Type": "Pass", "Parameters": {"a": "$.b"}, "End": True}, [("NO_DOLLAR", f"{S}/Parameters/a")]),
        (
            {"Type": "Pass", "Parameters": {"a": {"b": "$$.State.Name"}}, "End": True},
            [("NO_DOLLAR", f"{S}/Parameters/a/b")],
        ),
        (
            {"Type": "Pass", "Parameters": {"a": ["States.UUID()"]}, "End": True},
            [("NO_DOLLAR", f"{S}/Parameters/a[0]")],
        ),
        ({"Type": "Pass", "Parameters": {"a.$": "$.b", "c": "$", "d": "$5.00", "e": "cash $.50"}, "End": True}, []),
        ({"Type": "Pass", "Result": {"a.$": "$.b"}, "End": True}, [("PASS_RESULT_IS_STATIC", f"{S}/Result/a.$")]),
        ({"Type": "Pass", "Result": {"a": "b"}, "End": True}, []),
        ({"Type": "Fail", "Error": "$.error", "Cause": "it cost $5"}, [("NO_PATH", f"{S}/Error")]),
        ({"Type": "Pass", "Parameters": {"a": "{% 1 %}"}, "End": True}, [(NOT_EVALUATED, f"{S}/Parameters/a")]),
        ({"Type": "Pass", "Result": "{% 1 %}", "End": True}, [(NOT_EVALUATED, f"{S}/Result")]),
        ({"Type": "Fail", "Cause": "{% 1 %}"}, [(NOT_EVALUATED, f"{S}/Cause")]),
        ({**MAP, "ItemSelector": {"a": "$.b"}}, [("NO_DOLLAR", f"{S}/ItemSelector/a")]),
        ({**MAP, "Parameters": {"a": "$.b"}}, [("NO_DOLLAR", f"{S}/Parameters/a")]),
        (
            {**MAP, "Catch": [{"ErrorEquals": ["E"], "Assign": {"v": "$.b"}, "Next": "Z"}]},
            [("NO_DOLLAR", f"{S}/Catch[0]/Assign/v")],
        ),
    ],
)
def test_paths_taken_as_text(state: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings(state) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Type": "Fail", "Error": "$.error"}, []),
        ({"Type": "Fail", "Error": " {% 'E' %}"}, [(NOT_EVALUATED, f"{S}/Error")]),
        ({"Type": "Pass", "Output": {"a": "{% 1 %}", "b": "costs 5 %}", "c": " {% 1 %} and {%"}, "End": True}, []),
        ({"Type": "Pass", "Output": "{% 1 %}\n", "End": True}, [(NOT_EVALUATED, f"{S}/Output")]),
        ({"Type": "Pass", "Output": {"a": ["\n{% 1 %}"]}, "End": True}, [(NOT_EVALUATED, f"{S}/Output/a[0]")]),
        (
            {
                "Type": "Pass",
                "Output": {"a.$": "$.b", "b.$": "States.UUID()", "c.$": "$5", "d.$": "{% 1 %}"},
                "End": True,
            },
            [(NOT_EVALUATED, f"{S}/Output/a.$"), (NOT_EVALUATED, f"{S}/Output/b.$")],
        ),
        ({**MAP, "ItemSelector": {"a": "{% 1 %} "}}, [(NOT_EVALUATED, f"{S}/ItemSelector/a")]),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Output": "{% 1 %} ", "Next": "Z"}], "Default": "Z"},
            [(NOT_EVALUATED, f"{S}/Choices[0]/Output")],
        ),
    ],
)
def test_expressions_taken_as_text(state: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings(state, "JSONata") == expected


def test_inner_states_are_looked_at() -> None:
    branch = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Output": " {% 1 %}", "End": True}}}
    assert findings({"Type": "Parallel", "Branches": [branch], "End": True}, "JSONata") == [
        (NOT_EVALUATED, f"{S}/Branches[0]/States/I/Output")
    ]
