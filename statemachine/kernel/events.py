"""Events: what happened outside, handed to `advance`. They are the truth that is journaled and replayed.

Rules
- Past tense, frozen, and closed: a new event must fail type checking in every host (`assert_never`).
- Each has `at_ms`, the time at which the host saw it; time moves only in events.
- An event for an operation that is no longer waited for is ignored: late and repeated results do no harm.
- Not to be mixed up with `HistoryEvent` (kernel/history.py), which is derived and is what AWS's API shows.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from statemachine.errors import Failure
from statemachine.jsonvalue import Document


class ExecutionStarted(Struct, frozen=True):
    """The execution begins. Its input is already in the `Execution`."""

    at_ms: int


class TaskSubmitted(Struct, frozen=True):
    """The call was made and returned `output`; the task goes on until its token is answered, or until its job ends."""

    at_ms: int
    operation: int
    output: Document


class ActivityStarted(Struct, frozen=True):
    """A worker took an activity's task. From now on it can time out."""

    at_ms: int
    operation: int
    worker_name: str | None = None


class TaskSucceeded(Struct, frozen=True):
    """A task returned `output`."""

    at_ms: int
    operation: int
    output: Document


class TaskFailed(Struct, frozen=True):
    """A task failed, in the host's or the handler's words."""

    at_ms: int
    operation: int
    failure: Failure


class TaskHeartbeatLost(Struct, frozen=True):
    """No heartbeat came within HeartbeatSeconds. The host watches; only the loss is an event."""

    at_ms: int
    operation: int


class ItemsRead(Struct, frozen=True):
    """The items of a Map were read: a list."""

    at_ms: int
    operation: int
    items: Document


class ItemsReadFailed(Struct, frozen=True):
    """The items of a Map could not be read."""

    at_ms: int
    operation: int
    failure: Failure


class ResultsWritten(Struct, frozen=True):
    """The results of a Map were written: `details` has Bucket and Key of their manifest."""

    at_ms: int
    operation: int
    details: Document


class ResultsWriteFailed(Struct, frozen=True):
    """The results of a Map could not be written."""

    at_ms: int
    operation: int
    failure: Failure


class TimerFired(Struct, frozen=True):
    """Time has come to `at_ms`. Every timer that is due by then fires, in order of its time and id."""

    at_ms: int


class StopRequested(Struct, frozen=True):
    """Somebody wants the execution to end as ABORTED."""

    at_ms: int
    error: str | None = None
    cause: str | None = None
    compensate: bool = False
    """Undo first what has completed (CompensateWith)."""


class RedriveRequested(Struct, frozen=True):
    """Somebody wants an execution to go on that has ended without success (kernel/redrive.py)."""

    at_ms: int


class Resumed(Struct, frozen=True):
    """The host's answer to `Yield`, before any other event."""

    at_ms: int


TaskEvent: TypeAlias = TaskSubmitted | ActivityStarted | TaskSucceeded | TaskFailed | TaskHeartbeatLost
"""What a task is answered with."""
Event: TypeAlias = (
    ExecutionStarted
    | TaskSubmitted
    | ActivityStarted
    | TaskSucceeded
    | TaskFailed
    | TaskHeartbeatLost
    | ItemsRead
    | ItemsReadFailed
    | ResultsWritten
    | ResultsWriteFailed
    | TimerFired
    | StopRequested
    | RedriveRequested
    | Resumed
)
