"""Tokens from outside: whose they are, and whether they can still be answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import FUNCTION, Driven, block, started, task

from statemachine.errors import InvalidTokenError, TaskTimedOutError
from statemachine.jsonvalue import Document
from statemachine.kernel.events import ActivityStarted, TaskSubmitted, TaskSucceeded
from statemachine.kernel.randomness import derived_uuid, task_token
from statemachine.kernel.tokens import split_token, task_of_token

QUEUE = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
JOB = "arn:aws:states:::glue:startJobRun.sync"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:look"


def asked(resource: str = QUEUE, **fields: Any) -> tuple[Driven, int, str]:
    """An execution that waits for one task: its operation and its token."""
    driven = started(block(T=task(resource, **fields)))
    (command,) = driven.tasks
    return driven, command.operation, task_token(driven.execution, command.operation)


@pytest.mark.parametrize("resource", [QUEUE, JOB, ACTIVITY])
def test_a_token_finds_its_task(resource: str) -> None:
    driven, operation, token = asked(resource)
    assert split_token(token) == ("test", operation)
    assert task_of_token(driven.execution, token).id == operation


def test_an_ordinary_task_has_no_token() -> None:
    driven, _, token = asked(FUNCTION)
    with pytest.raises(InvalidTokenError):
        task_of_token(driven.execution, token)


def test_a_task_is_over_once() -> None:
    driven, operation, token = asked()
    driven.send(TaskSucceeded(driven.execution.now_ms, operation, Document(1)))
    with pytest.raises(TaskTimedOutError):  # answered, though the call has not returned
        task_of_token(driven.execution, token)
    driven.send(TaskSubmitted(driven.execution.now_ms, operation, Document(2)))
    with pytest.raises(TaskTimedOutError):
        task_of_token(driven.execution, token)


@pytest.mark.parametrize(
    "token", ["", "/", "a/1", "a/x/m", "a/-1/m", "a/1/m/n", "a/٣/m", f"a/{'9' * 30}/m", "a/1/" + "m" * 3000, 7, None]
)
def test_what_is_no_token(token: Any) -> None:
    with pytest.raises(InvalidTokenError):
        split_token(token)


@given(st.text())
def test_any_text_is_refused_or_taken_apart(text: str) -> None:
    try:
        execution_id, operation = split_token(text)
    except InvalidTokenError:
        return
    assert text.startswith(f"{execution_id}/")
    assert operation >= 0


def test_a_token_of_another_operation_is_no_proof() -> None:
    driven, operation, token = asked()
    forged = token.replace(f"/{operation}/", f"/{operation + 1}/")
    with pytest.raises(InvalidTokenError):
        task_of_token(driven.execution, forged)


def test_derived_uuids_depend_on_operation_and_purpose() -> None:
    driven, _, _ = asked()
    made = [derived_uuid(driven.execution, number, purpose) for number in (1, 2) for purpose in ("a", "b")]
    assert len({*made}) == 4
    assert made[0] == derived_uuid(driven.execution, 1, "a")
    assert driven.execution.draws == 0


def test_submitted_and_started_count_once() -> None:
    driven, operation, _ = asked()
    for number in range(2):
        driven.send(TaskSubmitted(driven.execution.now_ms, operation, Document(number)))
    assert driven.types[2:] == ["TaskScheduled", "TaskStarted", "TaskSubmitted"]
    looked, operation, _ = asked(ACTIVITY, TimeoutSeconds=5)
    for name in ("a", "b"):
        looked.send(ActivityStarted(looked.execution.now_ms, operation, name))
    assert [(each.type, each.details) for each in looked.history[3:]] == [("ActivityStarted", {"workerName": "a"})]
    assert len(looked.timers) == 1


def test_what_does_not_fit_the_resource_is_ignored() -> None:
    driven, operation, _ = asked(FUNCTION)
    before = list(driven.history)
    driven.send(TaskSubmitted(driven.execution.now_ms, operation, Document(1)))
    driven.send(ActivityStarted(driven.execution.now_ms, operation, "a"))
    assert driven.history == before


def test_a_response_that_is_too_large_fails_the_task() -> None:
    driven, operation, _ = asked()
    driven.send(TaskSubmitted(driven.execution.now_ms, operation, Document("x" * 300_000)))
    assert driven.execution.failure is not None
    assert driven.execution.failure.error == "States.DataLimitExceeded"
    assert driven.types[4:] == ["TaskFailed", "ExecutionFailed"]


def test_an_early_answer_counts_when_the_call_times_out() -> None:
    driven, operation, _ = asked(TimeoutSeconds=5)
    driven.send(TaskSucceeded(driven.execution.now_ms, operation, Document("early")))
    driven.fire(5)
    assert driven.execution.output == Document("early")
    assert "TaskTimedOut" not in driven.types
