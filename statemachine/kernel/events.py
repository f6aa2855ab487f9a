"""Events: what happened outside, handed to `advance`. They are the truth that is journaled and replayed.

Rules
- Past tense, frozen, and closed: a new event must fail type checking in every host (`assert_never`).
- Each has `at_ms`, the time at which the host saw it; time moves only in events.
- An event for an operation that is no longer waited for is ignored: late and repeated results do no harm.
- Not to be mixed up with `HistoryEvent` (kernel/history.py), which is derived and is what AWS's API shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from statemachine.errors import Failure
from statemachine.jsonvalue import Document


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """The execution begins. Its input is already in the `Execution`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class TaskSubmitted:
    """The call was made and returned `output`; the task goes on until its token is answered, or until its job ends."""

    at_ms: int
    operation: int
    output: Document


@dataclass(frozen=True, slots=True)
class ActivityStarted:
    """A worker took an activity's task. From now on it can time out."""

    at_ms: int
    operation: int
    worker_name: str | None = None


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """A task returned `output`."""

    at_ms: int
    operation: int
    output: Document


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task failed, in the host's or the handler's words."""

    at_ms: int
    operation: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class TaskHeartbeatLost:
    """No heartbeat came within HeartbeatSeconds. The host watches; only the loss is an event."""

    at_ms: int
    operation: int


@dataclass(frozen=True, slots=True)
class ItemsRead:
    """The items of a Map were read: a list."""

    at_ms: int
    operation: int
    items: Document


@dataclass(frozen=True, slots=True)
class ItemsReadFailed:
    """The items of a Map could not be read."""

    at_ms: int
    operation: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class ResultsWritten:
    """The results of a Map were written: `details` has Bucket and Key of their manifest."""

    at_ms: int
    operation: int
    details: Document


@dataclass(frozen=True, slots=True)
class ResultsWriteFailed:
    """The results of a Map could not be written."""

    at_ms: int
    operation: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class TimerFired:
    """Time has come to `at_ms`. Every timer that is due by then fires, in order of its time and id."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Somebody wants the execution to end as ABORTED."""

    at_ms: int
    error: str | None = None
    cause: str | None = None
    compensate: bool = False
    """Undo first what has completed (CompensateWith)."""


@dataclass(frozen=True, slots=True)
class RedriveRequested:
    """Somebody wants an execution to go on that has ended without success (kernel/redrive.py)."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
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
