"""Choice: which rule, which assignments, which output."""

from __future__ import annotations

from typing import Any

import pytest
from running import block, choice, pass_, run, succeed


def picked(rule: dict[str, Any], input: Any, **before: Any) -> str:
    """Where a machine with this one rule goes: Yes or No. `before` are variables."""
    machine = block(
        Set=pass_(Assign=before),
        Pick=choice({**rule, "Next": "Yes"}, default="No"),
        Yes=pass_(Result="yes", End=True),
        No=pass_(Result="no"),
    )
    done = run(machine, input)
    assert done.status == "SUCCEEDED", done.cause
    return str(done.output)


@pytest.mark.parametrize(
    ("rule", "input", "goes"),
    [
        pytest.param({"Variable": "$.v", "NumericEquals": 0}, {"v": None}, "no", id="choice-numeric-null"),
        pytest.param({"Variable": "$.v", "NumericEquals": 0}, {"v": 0.0}, "yes", id="choice-numeric-int-float-equal"),
        pytest.param({"Variable": "$.v", "BooleanEquals": False}, {"v": None}, "no", id="choice-boolean-null"),
        pytest.param({"Variable": "$.v", "BooleanEquals": False}, {"v": 0}, "no", id="choice-boolean-zero"),
        pytest.param({"Variable": "$.v", "IsNumeric": False}, {"v": None}, "yes", id="choice-isnumeric-null"),
        pytest.param({"Variable": "$.v", "IsString": True}, {"v": ""}, "yes", id="choice-isstring-empty"),
        pytest.param({"Variable": "$.v", "StringEquals": "  "}, {"v": " "}, "no", id="choice-string-whitespace"),
        pytest.param({"Variable": "$.v", "IsPresent": False}, {}, "yes", id="absent"),
        pytest.param(
            {"Variable": "$.v", "NumericLessThanPath": "$.w"}, {"v": 0, "w": 1}, "yes", id="choice-numeric-path"
        ),
        pytest.param({"And": [{"Variable": "$.t", "StringEquals": "P"}]}, {"t": "P"}, "yes", id="choice-and-single"),
        pytest.param(
            {"Or": [{"Variable": "$.a", "IsPresent": True}, {"Not": {"Variable": "$.b", "IsNull": True}}]},
            {"b": None},
            "no",
            id="or-not",
        ),
        pytest.param(
            {"And": [{"Variable": "$.a", "IsPresent": True}, {"Variable": "$.a", "NumericEquals": 1}]},
            {},
            "no",
            id="and-stops-at-the-first-false",
        ),
    ],
)
def test_a_rule_matches_or_not(rule: dict[str, Any], input: Any, goes: str) -> None:
    assert picked(rule, input) == goes


def test_rules_read_variables() -> None:
    """Fact choice-variable-workflow-variable."""
    assert picked({"Variable": "$g", "StringEqualsPath": "$a"}, {}, g="x", a="x") == "yes"


def test_the_first_rule_that_matches_wins() -> None:
    rules = [{"Variable": "$.n", "NumericGreaterThan": least, "Next": f"Over{least}"} for least in (10, 5, 0)]
    machine = block(
        Pick=choice(*rules, default="Less"), Over10=succeed(), Over5=succeed(), Over0=succeed(), Less=succeed()
    )
    assert [run(machine, {"n": number}).states[-1] for number in (11, 6, 1, 0)] == ["Over10", "Over5", "Over0", "Less"]


def test_a_missing_variable_is_a_runtime_error() -> None:
    """Fact choice-missing-variable-runtime."""
    machine = block(Pick=choice({"Variable": "$.absent", "NumericEquals": 1, "Next": "Z"}, default="Z"), Z=succeed())
    done = run(machine, {"a": 5})
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert (done.cause or "").startswith(
        "An error occurred while executing the state 'Pick' (entered at the event id #2). Invalid path '$.absent'"
    )


def test_no_match_and_no_default() -> None:
    """Fact choice-no-match-error."""
    done = run(block(Pick=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "Z"}), Z=succeed()), {"n": 2})
    assert (done.status, done.error) == ("FAILED", "States.NoChoiceMatched")
    assert done.types == ["ExecutionStarted", "ChoiceStateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(("value", "seen"), [(42, "RIGHT"), ("42", "WRONG")])
def test_a_rules_assign_takes_the_place_of_the_states(value: Any, seen: str) -> None:
    """Fact choice-assign-jsonpath-default."""
    machine = block(
        Pick=choice(
            {"Variable": "$.v", "NumericEquals": 42, "Assign": {"s": "RIGHT"}, "Next": "Z"},
            default="Z",
            Assign={"s": "WRONG", "g.$": "$.v"},
        ),
        Z=pass_(Parameters={"r.$": "$s"}),
    )
    done = run(machine, {"v": value})
    assert done.output == {"r": seen}
    assigned = done.of("ChoiceStateExited")[0].details["assignedVariables"]
    assert assigned == ({"s": '"RIGHT"'} if seen == "RIGHT" else {"g": '"42"', "s": '"WRONG"'})


def test_a_rule_without_assign_assigns_nothing() -> None:
    machine = block(
        Pick=choice({"Variable": "$.v", "IsPresent": True, "Next": "Z"}, default="Z", Assign={"s": 1}), Z=succeed()
    )
    assert "assignedVariables" not in run(machine, {"v": 1}).of("ChoiceStateExited")[0].details


def test_input_path_and_output_path() -> None:
    """Fact jsonpath-choice-inputpath: the rules and the output see the effective input."""
    machine = block(
        Pick=choice(
            {"Variable": "$.route", "StringEquals": "yes", "Next": "Done"},
            default="No",
            InputPath="$.scoped",
            OutputPath="$.keep",
        ),
        Done=succeed(),
        No=pass_(Result="wrong"),
    )
    assert run(machine, {"scoped": {"route": "yes", "keep": 7}, "route": "no"}).output == 7
