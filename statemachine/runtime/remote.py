"""The sender's side of messages: answering tokens, stopping executions and polling activities of any process, by a
store alone.

Rules
- What can be refused without asking the owner is refused at once, from what is stored.
- While a living process drives the execution, the sender waits until it has stored what came of the message. If none
  does, the message stays: it is applied when the execution is driven again, and the sender is told `LEFT`.
- These functions block. They need a store that can be written to, and no engine. `now_ms` is when it is sent: now,
  unless another clock is meant.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from statemachine.errors import (
    ActivityDoesNotExistError,
    ExecutionNotFoundError,
    Failure,
    StatemachineError,
    TaskDoesNotExistError,
    TaskTimedOutError,
)
from statemachine.integrations.results import copy_json, find_fault
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import ActivityStarted, StopRequested, TaskFailed, TaskSucceeded
from statemachine.kernel.execution import Execution, Operation
from statemachine.kernel.tokens import ActivityTask, split_token, task_of_token
from statemachine.program.load import load_text
from statemachine.program.resources import ResourceKind, parse_resource
from statemachine.runtime.clock import SystemClock
from statemachine.runtime.messages import Body, Heartbeat, decode_refusal, encode_body
from statemachine.runtime.recovery import recover
from statemachine.store.base import Store

WAIT_SECONDS = 30.0
"""How long an owner may take to store what was sent."""
LOOK_SECONDS = 0.02
OWNER_SECONDS = 1.0
"""How often it is looked whether the owner still lives."""
POLL_SECONDS = 0.1
"""How often an activity is asked for a task."""


class Sent(Enum):
    """What became of a message."""

    APPLIED = "applied"
    """Its effect is stored."""
    LEFT = "left"
    """It is stored, and is applied when the execution is driven again."""


class NoAnswerError(StatemachineError):
    """The process that drives an execution does not read its messages. The message stays and may still be applied."""


def send_task_success(store: Store, token: str, output: Json = None, *, now_ms: int | None = None) -> Sent:
    """End a task by its token, with JSON data.

    Raises InvalidTokenError, TaskDoesNotExistError, TaskTimedOutError, NoAnswerError, and StatemachineError for an
    output that is not JSON data.
    """
    fault = find_fault(output)
    if fault is not None:
        raise StatemachineError(f"the output is not JSON data: {fault}")
    document = Document(copy_json(output))
    return _answer(store, token, lambda at_ms, operation: TaskSucceeded(at_ms, operation, document), now_ms)


def send_task_failure(
    store: Store, token: str, error: str | None = None, cause: str | None = None, *, now_ms: int | None = None
) -> Sent:
    """Fail a task by its token. Raises as `send_task_success`."""
    failure = Failure(error, cause)
    return _answer(store, token, lambda at_ms, operation: TaskFailed(at_ms, operation, failure), now_ms)


def send_task_heartbeat(store: Store, token: str, *, now_ms: int | None = None) -> Sent:
    """Say that a task is alive. Raises as `send_task_success`."""
    return _answer(store, token, lambda _, operation: Heartbeat(operation), now_ms)


def stop_execution(
    store: Store,
    execution_id: str,
    error: str | None = None,
    cause: str | None = None,
    *,
    compensate: bool = False,
    now_ms: int | None = None,
) -> Sent:
    """End an execution as ABORTED, whoever drives it. One that has ended stays as it is.

    Raises ExecutionNotFoundError, NoAnswerError.
    """
    if store.get(execution_id).status is not ExecutionStatus.RUNNING:
        return Sent.APPLIED
    now_ms = _at(now_ms)
    try:
        return send(store, execution_id, StopRequested(now_ms, error, cause, compensate), now_ms)
    except (ExecutionNotFoundError, TaskTimedOutError):
        store.get(execution_id)
        return Sent.APPLIED  # it has ended by itself


def poll_activity(
    store: Store,
    activity_arn: str,
    worker_name: str | None = None,
    wait_seconds: float = 60.0,
) -> ActivityTask | None:
    """Take a task of an activity that any process offers, or wait for one; None if none comes in time.

    Raises ActivityDoesNotExistError for what cannot be the ARN of an activity.
    """
    if parse_resource(activity_arn).kind is not ResourceKind.ACTIVITY:
        raise ActivityDoesNotExistError(f"there is no activity {activity_arn:.300}: its ARN has :activity: in it")
    until = time.monotonic() + wait_seconds
    while True:
        offer = store.take(activity_arn)
        if offer is not None:
            at_ms = SystemClock().now_ms()
            try:
                send(store, offer.execution_id, ActivityStarted(at_ms, offer.operation, worker_name), at_ms)
            except (ExecutionNotFoundError, TaskTimedOutError):
                continue  # it is over, or somebody else was quicker
            return ActivityTask(offer.token, offer.input.value)
        left = until - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(POLL_SECONDS, left))


def _at(now_ms: int | None) -> int:
    return SystemClock().now_ms() if now_ms is None else now_ms


def _answer(store: Store, token: str, make_body: Callable[[int, int], Body], now_ms: int | None) -> Sent:
    execution_id, _ = split_token(token)
    _, waited = _task_of(store, execution_id, token)
    now_ms = _at(now_ms)
    try:
        return send(store, execution_id, make_body(now_ms, waited.id), now_ms)
    except ExecutionNotFoundError:
        raise TaskTimedOutError("the execution of this task has ended") from None


def _task_of(store: Store, execution_id: str, token: str) -> tuple[Execution, Operation]:
    """The task of a token, as it is stored."""
    try:
        recovery = store.recover(execution_id)
    except ExecutionNotFoundError:
        raise TaskDoesNotExistError("the execution of this token is not known") from None
    if recovery.record.status is not ExecutionStatus.RUNNING:
        raise TaskTimedOutError("the execution of this task has ended")
    program = load_text(recovery.definition).program
    # What is stored may have grown since: its history is then longer than what was read, and of no use here.
    execution = recover(program, recovery, None)
    return execution, task_of_token(execution, token)


def send(store: Store, execution_id: str, body: Body, now_ms: int) -> Sent:
    """Send a message, and wait for what comes of it if a living process drives the execution.

    Raises the refusal, NoAnswerError, or ExecutionNotFoundError if the execution has ended before it could be applied.
    """
    message = store.send(execution_id, encode_body(body), now_ms)
    begun = time.monotonic()
    look_at_owner = begun
    while True:
        settled = store.collect(message)
        if settled is not None:
            if settled.refusal is not None:
                raise decode_refusal(settled.refusal)
            return Sent.APPLIED
        now = time.monotonic()
        if now >= look_at_owner:
            if not is_driven(store, execution_id):
                return Sent.LEFT
            look_at_owner = now + OWNER_SECONDS
        if now - begun > WAIT_SECONDS:
            raise NoAnswerError(
                f"the process that drives execution {execution_id} has not taken the message for {WAIT_SECONDS:.0f} "
                "seconds; it is stored, and is applied if that process goes on or another takes over"
            )
        time.sleep(LOOK_SECONDS)


def is_driven(store: Store, execution_id: str) -> bool:
    """Whether a living process drives an execution. Raises ExecutionNotFoundError."""
    return store.is_driven(execution_id)
