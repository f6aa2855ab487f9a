"""Commands: what the kernel asks of its host, performed only after the step that issued them is stored.

Rules
- Imperative, frozen, and closed.
- `operation` is an integer that is unique in its execution. It comes back in the event, makes the request idempotent,
  and stays in `Execution.operations` until then: after a crash the outstanding commands are given to the host again.
- Timers are absolute. A host may fire them late, never early.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from statemachine.errors import Failure
from statemachine.jsonvalue import Document


class ExecutionStatus(StrEnum):
    """AWS's names (API reference, DescribeExecution)."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


class ScheduleTask(Struct, frozen=True):
    """Call the handler bound to `resource` with `arguments`; answer TaskSucceeded, TaskFailed or TaskHeartbeatLost.

    For ``.waitForTaskToken`` the call is answered by TaskSubmitted, the token by TaskSucceeded or TaskFailed; a nested
    execution that is waited for likewise. An activity is answered by ActivityStarted first.
    """

    operation: int
    resource: str
    arguments: Document
    state: str
    """The Task state's name: mocks and logs go by it."""
    attempt: int
    """0 for the first call of this state visit, one more for each retry."""
    deadline_ms: int | None
    """When TimeoutSeconds ends. The kernel itself times the task out; the handler may want to know."""
    heartbeat_seconds: int | None
    role_arn: str | None = None
    """The role of the task's Credentials."""
    timeout_seconds: int | None = None
    """TimeoutSeconds of an activity, which counts from ActivityStarted."""
    submitted: bool = False
    """TaskSubmitted or ActivityStarted was answered, before a crash: what was begun is not to be begun again, its end
    is waited for."""


class StartTimer(Struct, frozen=True):
    """Send TimerFired at `fire_at_ms` or later."""

    operation: int
    fire_at_ms: int


class ReadItems(Struct, frozen=True):
    """Read the items of a distributed Map as its ItemReader says; answer ItemsRead or ItemsReadFailed."""

    operation: int
    state: str
    resource: str
    arguments: Document
    """What the resource is given: an object with Bucket, and Key or Prefix."""
    config: Document
    """ReaderConfig, but for MaxItems."""
    max_items: int
    """So many items at most are wanted."""
    max_bytes: int
    """More bytes than this are not read: too large a source is a failure."""


class WriteResults(Struct, frozen=True):
    """Write the results of a distributed Map as its ResultWriter says; answer ResultsWritten or ResultsWriteFailed.
    Doing it twice gives the same objects."""

    operation: int
    state: str
    resource: str
    arguments: Document
    """An object with Bucket and, if it is not the root, Prefix."""
    output_type: str
    """JSON or JSONL."""
    map_run: str
    """The ARN of the map run: its last part is a folder of its own below the prefix."""
    results: Document
    """A list of results for each of SUCCEEDED, FAILED and PENDING."""


class CancelOperation(Struct, frozen=True):
    """The result of this task or timer is no longer wanted; stop the work if possible."""

    operation: int


class CloseExecution(Struct, frozen=True):
    """The execution has ended. Always the last command."""

    status: ExecutionStatus
    output: Document | None
    failure: Failure | None


class Yield(Struct, frozen=True):
    """Fuel is spent: answer Resumed before any other event. Always the only such command of its step."""


Command: TypeAlias = ScheduleTask | StartTimer | ReadItems | WriteResults | CancelOperation | CloseExecution | Yield
"""Of these, the first four are operations."""
