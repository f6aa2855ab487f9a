"""Retry and Catch of the tested state, and of the states around it."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.testing.teststate import test_state

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": True}
BOOM = {"errorOutput": {"error": "Boom", "cause": "bang"}}


def outcome(fields: dict[str, Any], mock: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The response, with errorDetails in the place of inspectionData."""
    definition = {**TASK, **fields}
    shown = test_state(definition, input='{"a":1}', mock=mock or BOOM, inspection_level="DEBUG", **options).to_api()
    data = shown.pop("inspectionData")
    return {**shown, "errorDetails": data.get("errorDetails")}


def retrier(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), **fields}


@pytest.mark.parametrize(
    ("retry", "count", "status", "details"),
    [
        ([], 0, "FAILED", None),
        ([retrier("Other")], 0, "FAILED", None),
        ([retrier("Boom")], 0, "RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 1}),
        ([retrier("Boom")], 2, "RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 4}),
        ([retrier("Boom")], 3, "FAILED", {"retryIndex": 0}),
        ([retrier("Boom", MaxAttempts=0)], 0, "FAILED", {"retryIndex": 0}),
        (
            [retrier("Other"), retrier("States.ALL", IntervalSeconds=3, BackoffRate=1.5, MaxAttempts=9)],
            3,
            "RETRIABLE",
            {"retryIndex": 1, "retryBackoffIntervalSeconds": 10},
        ),
        (
            [retrier("Boom", IntervalSeconds=3, MaxDelaySeconds=5, MaxAttempts=9)],
            4,
            "RETRIABLE",
            {"retryIndex": 0, "retryBackoffIntervalSeconds": 5},
        ),
        (
            [retrier("Boom", MaxAttempts=99_999_999)],
            99_999_998,
            "RETRIABLE",
            {"retryIndex": 0, "retryBackoffIntervalSeconds": 31_622_400},
        ),
        (
            [retrier("Boom", JitterStrategy="FULL", IntervalSeconds=8)],
            0,
            "RETRIABLE",
            {"retryIndex": 0, "retryBackoffIntervalSeconds": 8},
        ),
    ],
)
def test_the_retrier_of_an_error(retry: list[Any], count: int, status: str, details: dict[str, int] | None) -> None:
    shown = outcome({"Retry": retry} if retry else {}, state_configuration={"retrierRetryCount": count})
    assert shown == {"status": status, "error": "Boom", "cause": "bang", "errorDetails": details}


CATCH = [
    {"ErrorEquals": ["Other"], "Next": "Never"},
    {"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.e", "Next": "Saved"},
]


def test_the_catcher_of_an_error() -> None:
    assert outcome({"Catch": CATCH}) == {
        "status": "CAUGHT_ERROR",
        "error": "Boom",
        "cause": "bang",
        "output": '{"a":1,"e":{"Error":"Boom","Cause":"bang"}}',
        "nextState": "Saved",
        "errorDetails": {"catchIndex": 1},
    }


def test_retriers_are_used_up_before_a_catcher_takes_over() -> None:
    fields = {"Retry": [retrier("Boom", MaxAttempts=2)], "Catch": CATCH}
    assert outcome(fields, state_configuration={"retrierRetryCount": 1})["status"] == "RETRIABLE"
    shown = outcome(fields, state_configuration={"retrierRetryCount": 2})
    assert (shown["status"], shown["errorDetails"]) == ("CAUGHT_ERROR", {"retryIndex": 0, "catchIndex": 1})


def test_an_error_without_a_cause_has_none() -> None:
    shown = outcome({"Catch": CATCH}, {"errorOutput": {"error": "Boom"}})
    assert "cause" not in shown
    assert shown["output"] == '{"a":1,"e":{"Error":"Boom","Cause":null}}'


def test_a_runtime_error_is_never_caught() -> None:
    assert outcome({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "X"}], "OutputPath": "$.no"}, {"result": "{}"})[
        "status"
    ] == "FAILED"  # fmt: skip


def test_a_catcher_that_cannot_be_evaluated_fails_the_state() -> None:
    catcher = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput.Nothing %}", "Next": "X"}
    task = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": TASK["Resource"],
        "Arguments": {"FunctionName": "f"},
        "Catch": [catcher],
        "End": True,
    }
    result = test_state(task, mock=BOOM)
    assert (result.status, result.error, result.next_state) == ("FAILED", "States.QueryEvaluationError", None)


def machine(around: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    block = {"StartAt": "Inner", "States": {"Inner": state}}
    inside = (
        {"Branches": [block]} if around["Type"] == "Parallel" else {"ItemProcessor": block | around.pop("With", {})}
    )
    outer = {**around, **inside, "End": True}
    states = {"Outer": outer}
    if "Catch" in around:
        states["Saved"] = {"Type": "Pass", "End": True}
    return {"StartAt": "Outer", "States": states}


CAUGHT = [{"ErrorEquals": ["Boom"], "Next": "Saved"}]


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_an_error_goes_to_the_states_around(kind: str) -> None:
    definition = machine({"Type": kind, "Catch": CAUGHT}, {"Type": "Fail", "Error": "Boom"})
    result = test_state(definition, state_name="Inner", inspection_level="DEBUG")
    assert (result.status, result.error, result.next_state) == ("CAUGHT_ERROR", "Boom", "Saved")
    assert result.inspection is not None
    assert result.inspection["errorDetails"] == {"catchIndex": 0}


def test_the_nearest_handler_takes_the_error() -> None:
    inner = {**TASK, "Retry": [retrier("Boom")]}
    result = test_state(machine({"Type": "Parallel", "Catch": CAUGHT}, inner), state_name="Inner", mock=BOOM)
    assert result.status == "RETRIABLE"


def test_nobody_takes_the_error() -> None:
    definition = machine({"Type": "Map", "Catch": [{"ErrorEquals": ["Other"], "Next": "Saved"}]}, dict(TASK))
    assert test_state(definition, state_name="Inner", mock=BOOM).status == "FAILED"


@pytest.mark.parametrize(("failures", "error"), [(0, "Boom"), (1, "States.ExceedToleratedFailureThreshold")])
def test_the_tolerance_of_the_map_around(failures: int, error: str) -> None:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    around = {
        "Type": "Map", "With": config, "ToleratedFailureCount": 1,
        "Retry": [retrier("States.ExceedToleratedFailureThreshold")],
    }  # fmt: skip
    result = test_state(
        machine(around, dict(TASK)),
        state_name="Inner",
        mock=BOOM,
        state_configuration={"mapIterationFailureCount": failures},
    )
    assert result.error == error
    assert result.status == ("RETRIABLE" if failures else "FAILED")


def test_a_mocked_error_of_a_map_goes_to_its_own_handlers() -> None:
    definition = machine({"Type": "Map", "Catch": CAUGHT}, dict(TASK))
    result = test_state(
        definition, state_name="Outer", input="[1]", mock=BOOM, state_configuration={"errorCausedByState": "Inner"}
    )
    assert (result.status, result.next_state) == ("CAUGHT_ERROR", "Saved")


def test_a_tolerated_failure_is_not_handled_by_the_map() -> None:
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Saved"}]
    around = {"Type": "Map", "With": config, "ToleratedFailureCount": 1, "Catch": catch}
    definition = machine(around, dict(TASK))
    results = [
        test_state(
            definition, state_name="Inner", mock=BOOM, state_configuration={"mapIterationFailureCount": failures}
        )
        for failures in (0, 1)
    ]
    assert [(each.status, each.error) for each in results] == [
        ("FAILED", "Boom"),
        ("CAUGHT_ERROR", "States.ExceedToleratedFailureThreshold"),
    ]


def test_error_details_tell_of_the_state_that_handles_the_error() -> None:
    inner = {**TASK, "Retry": [retrier("Boom", MaxAttempts=0)]}
    result = test_state(
        machine({"Type": "Parallel", "Catch": CAUGHT}, inner), state_name="Inner", mock=BOOM, inspection_level="DEBUG"
    )
    assert result.inspection is not None
    assert result.inspection["errorDetails"] == {"catchIndex": 0}
