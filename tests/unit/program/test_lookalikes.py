"""What looks computed and is not."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition.source import source_of_value
from statemachine.program.load import check

S = "/States/A"


def findings(state: dict[str, Any], language: str = "JSONPath") -> list[tuple[str, str | None]]:
    value = {"QueryLanguage": language, "StartAt": "A", "States": {"A": state}}
    return [(each.code, each.location) for each in check(source_of_value(value))[1]]


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
    ],
)
def test_paths_taken_as_text(state: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert findings(state) == expected


def test_jsonata_has_no_paths() -> None:
    assert findings({"Type": "Fail", "Error": "$.error"}, "JSONata") == []
