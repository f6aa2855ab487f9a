"""Messages: what is written is read, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.errors import Failure, StatemachineError, TaskTimedOutError
from statemachine.jsonvalue import Document
from statemachine.kernel.events import ActivityStarted, StopRequested, TaskFailed, TaskSucceeded
from statemachine.runtime.messages import (
    Body,
    Heartbeat,
    UnreadableMessageError,
    decode_body,
    decode_refusal,
    encode_body,
    encode_refusal,
)


@pytest.mark.parametrize(
    "body",
    [
        TaskSucceeded(1, 2, Document({"a": [1, None, "ü"], "n": 10**30})),
        TaskFailed(1, 2, Failure("E", None)),
        ActivityStarted(5, 7, "worker"),
        StopRequested(9, "Error", "cause"),
        StopRequested(9, None, None, compensate=True),
        Heartbeat(3),
    ],
)
def test_what_is_written_is_read(body: Body) -> None:
    assert decode_body(encode_body(body)) == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'[2,"Heartbeat",1]',
        b'[1,"Heartbeat","x"]',
        b'[1,"Event",["ExecutionStarted",1]]',
        b'[1,"Event",["Resumed",1]]',
        b'[1,"Event",["TimerFired",1]]',
        b'[1,"Event",["Nothing"]]',
        b'[1,"Event",{"a":1}]',
        b'[1,"Other",1]',
        b"[" * 5_000,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        decode_body(data)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TaskTimedOutError("the task of this token is over"), TaskTimedOutError),
        (UnreadableMessageError("what"), StatemachineError),
    ],
)
def test_a_refusal_is_the_error_that_the_sender_gets(error: StatemachineError, kind: type[Any]) -> None:
    told = decode_refusal(encode_refusal(error))
    assert type(told) is kind
    assert str(told) == str(error)
