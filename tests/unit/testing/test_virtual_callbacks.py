"""Tokens, activities and nested executions in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from running import START_MS, block, compiled, fail, new, pass_, task, wait

from statemachine.errors import InvalidTokenError, TaskTimedOutError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.snapshot import decode_execution, encode_execution
from statemachine.testing.virtual import Perform, VirtualHost, VirtualTask

QUEUE = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:look"
START = "arn:aws:states:::states:startExecution"
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"


def host_of(definition: Mapping[str, Any], perform: Perform = lambda _: "sent", child: Any = None) -> VirtualHost:
    program, execution = new(definition)
    host = VirtualHost(program, execution, perform, start_ms=START_MS)
    host.machines = {} if child is None else {CHILD: compiled(child)}
    return host


def types(host: VirtualHost) -> list[str]:
    return [each.type for each in host.history][2:]


def test_a_call_may_arrange_the_answer() -> None:
    def perform(call: VirtualTask) -> str:
        call.sleep(1)
        call.heartbeat(after_seconds=8)
        call.succeed("answer", after_seconds=15)
        return "sent"

    host = host_of(block(T=task(QUEUE, HeartbeatSeconds=9)), perform)
    execution = host.run()
    assert execution.output is not None
    assert (execution.output.value, execution.now_ms - START_MS) == ("answer", 16_000)
    assert types(host)[2:4] == ["TaskSubmitted", "TaskSucceeded"]


def test_a_heartbeat_that_does_not_come_is_lost() -> None:
    host = host_of(block(T=task(QUEUE, HeartbeatSeconds=9, TimeoutSeconds=99)))
    execution = host.run()
    assert execution.failure is not None
    assert (execution.failure.error, execution.now_ms - START_MS) == ("States.HeartbeatTimeout", 9000)


def test_answers_from_outside() -> None:
    host = host_of(block(T=task(QUEUE, TimeoutSeconds=60)))
    host.run(until_ms=START_MS + 5000)
    token = host.tokens()["T"]
    with pytest.raises(InvalidTokenError):
        host.send_task_success(token + "x", 1)
    host.send_task_failure(token, "E", "C", after_seconds=30)
    execution = host.run()
    assert execution.failure is not None
    assert (execution.failure.error, execution.now_ms - START_MS) == ("E", 30_000)
    with pytest.raises(TaskTimedOutError):
        host.send_task_success(token, 1)


def test_a_submitted_task_is_not_called_again_after_a_crash() -> None:
    first = host_of(block(T=task(QUEUE, HeartbeatSeconds=9)))
    first.run(until_ms=START_MS)
    second = VirtualHost(first.program, decode_execution(encode_execution(first.execution)), first.perform)
    assert second.run(until_ms=START_MS + 1) is second.execution
    second.send_task_heartbeat(second.tokens()["T"], after_seconds=5)
    second.send_task_success(second.tokens()["T"], 1, after_seconds=13)
    assert second.run().output is not None
    assert len(second.calls) == 1
    assert second.calls[0].submitted


def test_a_worker_polls_an_activity() -> None:
    host = host_of(block(T=task(ACTIVITY, TimeoutSeconds=5)), VirtualTask.leave)
    host.run()
    assert host.get_activity_task(ACTIVITY + "x") is None
    polled = host.get_activity_task(ACTIVITY, "w")
    assert polled is not None
    assert host.get_activity_task(ACTIVITY) is None
    host.send_task_success(polled.token, [polled.input], after_seconds=2)
    execution = host.run()
    assert execution.output is not None
    assert execution.output.value == [{}]
    assert types(host)[:3] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_an_activity_that_is_performed() -> None:
    def perform(call: VirtualTask) -> int:
        call.worker_name = "me"
        call.sleep(6)
        return 1

    host = host_of(block(T=task(ACTIVITY, TimeoutSeconds=5)), perform)
    execution = host.run()
    assert execution.failure is not None
    assert (execution.failure.error, execution.now_ms - START_MS) == ("States.Timeout", 5000)
    assert host.history[3].details == {"workerName": "me"}


def starts(suffix: str, **fields: Any) -> dict[str, Any]:
    return block(S=task(START + suffix, Parameters={"StateMachineArn": CHILD, "Name": "kid"}, **fields))


def test_parent_and_child_share_the_clock() -> None:
    host = host_of(starts(".sync:2"), child=block(W=wait(30), T=task(), P=pass_(Result=5)))
    execution = host.run()
    assert execution.output is not None
    assert execution.output.value["Output"] == 5
    assert execution.output.value["StopDate"] == execution.now_ms == START_MS + 30_000
    assert [each.execution.id for each in host.children] == ["kid"]
    assert types(host)[:4] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_child_that_fails() -> None:
    host = host_of(starts(".sync"), child=block(F=fail(Error="E", Cause="C")))
    failure = host.run().failure
    assert failure is not None
    assert failure.error == "States.TaskFailed"
    assert json.loads(failure.cause or "")["Cause"] == "C"


def test_a_timeout_stops_the_child() -> None:
    host = host_of(starts(".sync", TimeoutSeconds=7), child=block(W=wait(30)))
    failure = host.run().failure
    assert failure is not None
    assert failure.error == "States.Timeout"
    (child,) = host.children
    assert (child.execution.status, child.execution.now_ms) == (ExecutionStatus.ABORTED, START_MS + 7000)


def test_a_name_is_used_once() -> None:
    again = starts("", Next="T")
    again["States"]["S"].pop("End", None)
    again["States"]["T"] = task(START, Parameters={"StateMachineArn": CHILD, "Name": "kid", "Input": 1}, End=True)
    host = host_of(again, child=block(W=wait(30)))
    failure = host.run().failure
    assert failure is not None
    assert failure.error == "StepFunctions.ExecutionAlreadyExistsException"
