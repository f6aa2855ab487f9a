"""TaskHandler: what the runtime calls to perform a task, and what a handler is told.

Rules
- A handler is given the effective input and returns JSON data. It fails by raising: `TaskError(error, cause)`, or any
  exception, whose class name becomes the error name.
- It runs at least once per attempt: after a crash, a call in flight is made again with the same `operation_id`.
- Cancellation: an async handler is cancelled; a sync one sees `TaskContext.cancelled` set; a process is killed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from statemachine.errors import StatemachineError
from statemachine.jsonvalue import Json


class BindingError(StatemachineError):
    """A handler cannot be used: its target does not exist, is no callable, or needs what is not installed.

    Raised before anything runs; the message names the target and what to do.
    """


_LOGGER: Final = logging.getLogger("statemachine.task")
_CANCELLING: Final = threading.Lock()
"""Held for a moment, by whoever makes or sets an event."""


@dataclass(slots=True, eq=False)
class Cancellation:
    """Whether a call's result is no longer wanted. Its event is made for who asks: that takes longer than all else of a
    context, and few handlers look at it."""

    is_set: bool = False
    made: threading.Event | None = None

    @property
    def event(self) -> threading.Event:
        """Set when, or as soon as, it is."""
        with _CANCELLING:
            if self.made is None:
                self.made = threading.Event()
                if self.is_set:
                    self.made.set()
            return self.made

    def set(self) -> None:
        """The result is no longer wanted."""
        with _CANCELLING:
            self.is_set = True
            if self.made is not None:
                self.made.set()


def _no_heartbeat() -> None:
    """The task has no HeartbeatSeconds: nobody listens."""


def _not_submitted(response: Json) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class TaskContext:
    """What a handler may know about its call. Ask for it with a parameter annotated `TaskContext`."""

    execution_id: str
    state: str
    """The Task state's name."""
    resource: str
    operation_id: str
    """The same for every delivery of one attempt: use it as an idempotency key."""
    token: str
    """The task token, for callbacks."""
    attempt: int
    """0 for the first attempt."""
    deadline_ms: int | None
    """When the task times out, milliseconds since 1970; None for never."""
    role_arn: str | None = None
    """The role of the task's Credentials, which the handler may assume."""
    heartbeat: Callable[[], None] = _no_heartbeat
    """Say that the task is alive; needed once per HeartbeatSeconds."""
    submitted: Callable[[Json], None] = _not_submitted
    """For ``.sync``: say that the job was begun, and with which response. Only the first counts."""
    began: bool = False
    """For ``.sync``: `submitted` was called before a crash, so that the job was begun already."""
    given_up: bool = False
    """True before `cancelled` is set if the task is over for good: it has timed out, or its execution goes another way.
    Otherwise the engine is being closed, and the task will be performed again."""
    logger: logging.Logger = _LOGGER
    cancellation: Cancellation = field(default_factory=Cancellation)
    """What the engine sets; a copy of a context has the same."""

    @property
    def cancelled(self) -> threading.Event:
        """Set when the result is no longer wanted."""
        return self.cancellation.event


class TaskHandler(Protocol):
    """Performs tasks of one resource.

    For ``.waitForTaskToken`` what it returns is the response of the call (TaskSubmitted); the task ends when its token
    is answered. A handler with an attribute `answers_token` that is true answers it too, with the same result.

    `perform` returns JSON data, or an awaitable of it, and raises TaskError (or anything) to fail. `blocking` says
    that it must run in a thread; otherwise it runs on the event loop and must not block it.
    """

    blocking: bool

    def perform(self, arguments: Json, context: TaskContext) -> Json | Awaitable[Json]:
        """Do the work once."""


TaskFunction: TypeAlias = Callable[..., Json | Awaitable[Json]]
"""A plain function of a user: of the input, or of the input and a TaskContext."""
