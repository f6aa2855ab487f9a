"""What ``startExecution`` is asked for and answers, without a host."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from running import FUNCTION, block, started, task

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.nested import (
    MAX_CAUSE,
    Child,
    machine_name,
    machine_of,
    outcome,
    start_request,
    starts_execution,
    waits_for_child,
)
from statemachine.program.resources import parse_resource

START = "arn:aws:states:::states:startExecution"
ARN = "arn:aws:states:eu-west-1:1:stateMachine:m"
CHILD = Child("arn", ARN, "kid", Document({"n": 1}), 5, ExecutionStatus.FAILED, None, Failure("E", "why"), stopped_ms=6)


@pytest.mark.parametrize(
    ("resource", "starts", "waits"),
    [
        (START, True, False),
        (START + ".sync", True, True),
        (START + ".sync:2", True, True),
        (START + ".waitForTaskToken", True, False),
        ("arn:aws:states:::aws-sdk:sfn:startExecution", False, False),
        ("arn:aws:states:::states:startSyncExecution", False, False),
        (FUNCTION, False, False),
    ],
)
def test_which_tasks_start_executions(resource: str, starts: bool, waits: bool) -> None:
    parsed = parse_resource(resource)
    assert (starts_execution(parsed), waits_for_child(parsed)) == (starts, waits)


@pytest.mark.parametrize(
    ("given", "input"), [(None, {}), ({"a": 1}, {"a": 1}), ([1], [1]), (0, 0), ('{"a": 1}', {"a": 1}), ("7", 7)]
)
def test_the_childs_input(given: Json, input: Json) -> None:
    driven = started(block(S=task(START, Parameters={"StateMachineArn": ARN, "Input": given})))
    request = start_request(driven.execution, driven.tasks[0])
    assert request.input.value == input
    assert request == start_request(driven.execution, driven.tasks[0])  # its name too


@pytest.mark.parametrize(
    ("arn", "found"), [(ARN, 1), (ARN + ":2", 1), (ARN + "2", None), ("m", None), ("named", 2), (ARN[:-1] + "named", 2)]
)
def test_machines_by_arn_and_name(arn: str, found: int | None) -> None:
    assert machine_of(arn, {ARN: 1, "named": 2}) == found


def test_the_name_of_a_machine() -> None:
    assert [machine_name(each) for each in (ARN, ARN + ":1", "plain")] == ["m", "m", "plain"]


@pytest.mark.parametrize("size", [10, 33_000, 200_000])
@pytest.mark.parametrize("text", ["x", '"', "\\", "é"])
def test_a_cause_is_bounded_and_stays_json(size: int, text: str) -> None:
    driven = started(block(S=task(START + ".sync", Parameters={"StateMachineArn": ARN})))
    child = replace(CHILD, failure=Failure("E", text * size))
    ended = outcome(driven.tasks[0], child)
    assert isinstance(ended, Failure)
    assert ended.cause is not None
    assert len(ended.cause) <= MAX_CAUSE
    shown = json.loads(ended.cause)
    assert (shown["Error"], shown["Input"]) == ("E", '{"n":1}')
    assert (text * size).startswith(shown["Cause"])
    large = outcome(driven.tasks[0], replace(child, input=Document("y" * 100_000)))
    assert isinstance(large, Failure)
    assert json.loads(large.cause or "")["InputDetails"] == {"Included": False}
