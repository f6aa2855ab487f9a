"""The state of one execution: plain data, no closures, no I/O handles.

Rules
- One owner: `advance`. Everyone else reads, or works on a snapshot.
- A frame points into the program by address (`/States/Par/Branches[0]/StartAt` style paths of the states), so the
  program can be rebuilt from the definition's text at any time.
- Parallel and Map are frames with child scopes: there is no recursion and no call stack, so width and depth can be
  counted and bounded.
- What we asked of the host and still wait for is state: `operations` keeps every such command.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from enum import Enum, IntEnum, StrEnum

from msgspec import Struct, field

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus, ReadItems, ScheduleTask, StartTimer, WriteResults
from statemachine.kernel.map_runs import MapRun
from statemachine.limits import Limits


class Phase(IntEnum):
    """What a frame does next when it is run."""

    ENTER = 0
    """Record the entered event and start the state."""
    WAITING = 1
    """Wait for an operation or for children; not in `ready`."""
    RETRY = 2
    """Start the state's work again, without entering it again."""
    FAILED = 3
    """Handle `Frame.failure`: Retry, Catch, or fail the scope."""
    RETURNED = 4
    """Handle `Frame.result`: the work of the state is done."""
    START_CHILDREN = 5
    """Start further iterations of a Map."""
    COMPENSATED = 6
    """Go where the catcher says: what it wants undone is undone."""


class Purpose(Enum):
    """Why an operation is outstanding."""

    TASK = "task"
    TASK_TIMEOUT = "task-timeout"
    WAIT = "wait"
    RETRY = "retry"
    READ_ITEMS = "read-items"
    WRITE_RESULTS = "write-results"
    EXECUTION_TIMEOUT = "execution-timeout"


class Flag(StrEnum):
    """A change of behaviour. An execution takes part in those of the release that started it: older ones replay as
    they ran."""

    CHILD_EXECUTIONS = "child-executions"
    """Iterations of a distributed Map are told of as the executions that they are on AWS: in the context object, and in
    the counts of their map run."""
    REDRIVE = "redrive"
    """What has not ended is kept when it ends without success, so that it can be redriven."""


class Operation(Struct):
    """A command whose answer is awaited, and the frame that waits for it."""

    id: int
    frame: int
    purpose: Purpose
    command: ScheduleTask | StartTimer | ReadItems | WriteResults
    answer: Document | None = None
    """What the task's token was answered with while the call was still being made; it counts when that has ended."""


class Compensation(Struct, frozen=True):
    """A state that has completed and can be undone (kernel/compensation.py)."""

    id: int
    """In the order of completion."""
    state: str
    """The name of the state that has completed."""
    target: str
    """The address at which the path begins that undoes it."""
    input: Document
    output: Document
    variables: dict[str, Json]
    """As they were when the state had completed, its own Assign included."""
    iteration: tuple[int, Json] | None = None
    """Index and item of the Map iteration that it was in."""
    muted: bool = False


class FailedCompensation(Struct, frozen=True):
    """A compensation that was not done."""

    compensation: Compensation
    failure: Failure | None
    """None if it was cut short, or never began."""


class Unwinding(Struct):
    """Compensations that are run, one after the other, because of a failure or a stop."""

    waiting: list[Compensation]
    """Those to be run, the last one first."""
    failure: Failure
    """Why: Error and Cause of the context object."""
    status: ExecutionStatus | None
    """How the execution ends then; None if a catcher goes on."""
    catcher: int = 0
    """The index of that catcher."""
    last_event: int = 0
    """The event that the next one of the unwinding points back to."""
    began_at_event: int = 0
    """How long the history was: the events of an unwinding have a quota of their own."""
    running: int = 0
    """The frame of the path that is being run; 0 for none."""


class Scope(Struct):
    """One running copy of a States block: the root, a branch, or an iteration. It holds variables.

    `variables` includes those of the enclosing scopes: they cannot change while this one runs, because its parent
    waits for it.
    """

    id: int
    parent_frame: int
    """The Parallel or Map frame that started it; 0 for the root."""
    index: int
    """The branch's or item's index."""
    variables: dict[str, Json]
    sizes: dict[str, int] = field(default_factory=dict)
    """The variables assigned in this scope itself, with the bytes of their values."""
    iteration: bool = False
    """Whether it is an iteration of a Map."""
    item: Json = None
    """The item of a Map iteration, for the context object."""
    input: Document | None = None
    """What an iteration of a distributed Map was given: the input of the execution that it is on AWS."""
    started_ms: int = 0
    """When that began."""
    registered: list[Compensation] | None = None
    """The compensations of what has completed in it, or in what has ended inside it; None for none."""
    compensating: Compensation | None = None
    """The scope is the path of this compensation. Its parent is the frame whose catcher wants it; 0 if the execution is
    to end."""


class Frame(Struct):
    """The state that a scope is executing. It moves on from state to state with its scope."""

    id: int
    scope: int
    address: str
    raw_input: Document
    phase: Phase = Phase.ENTER
    muted: bool = False
    """It is within an iteration of a distributed Map. On AWS those are executions of their own: their events are not
    in this history."""
    last_event: int = 0
    """The event that the next one of this frame points back to."""
    entered_event: int = 0
    entered_at_ms: int = 0
    attempts: tuple[int, ...] = ()
    """Retries made so far, per Retrier."""
    retry_count: int = 0
    operation: int = 0
    """The task, timer or transfer that is waited for; 0 for none."""
    timeout: int = 0
    """The timer of TimeoutSeconds; 0 for none."""
    result: Document | None = None
    failure: Failure | None = None
    children: Children | None = None
    unwinding: Unwinding | None = None
    """What a catcher has begun to undo."""
    cut: Children | None = None
    """Its branches or iterations, cut short by the failure that is being handled."""


class Children(Struct):
    """The running branches or iterations of a Parallel or Map frame."""

    total: int
    running: dict[int, int] = field(default_factory=dict)
    """Scope id -> frame id of those that have not ended, in order of their start."""
    next_index: int = 0
    outputs: list[Document | None] = field(default_factory=list)
    items: list[Json] = field(default_factory=list)
    concurrency: int = 0
    failed_count: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    map_run: str | None = None
    taken: int = 0
    """Items that iterations were started with."""
    batching: Batching | None = None
    writer: Document | None = None
    """The evaluated arguments of a ResultWriter that exports."""
    reports: list[Report] = field(default_factory=list)
    """One for each iteration that was started, in their order; kept only for a ResultWriter."""
    unfinished: list[Unfinished] = field(default_factory=list)
    """Those that were cut short; in a Map that was redriven, those that begin again when there is room, the last one
    first."""
    failed: list[Unfinished] = field(default_factory=list)
    """Iterations whose failure was tolerated."""

    @property
    def left(self) -> bool:
        """Whether there are iterations that have not begun, or that begin again."""
        return self.taken < self.total or bool(self.unfinished)

    def kept(self) -> Iterator[Unfinished]:
        """All that is kept of those that have not succeeded, with what is inside them."""
        for each in (*self.unfinished, *self.failed):
            yield from each.with_inside()


class Unfinished(Struct):
    """A branch, an iteration or a whole execution that has not ended by succeeding: the state in which it was, and what
    it takes to begin that again (kernel/redrive.py)."""

    index: int
    address: str
    raw_input: Document
    variables: dict[str, Json]
    """Those that were assigned in the scope itself."""
    sizes: dict[str, int]
    entered_event: int
    entered_at_ms: int
    muted: bool
    iteration: bool
    item: Json
    input: Document | None
    started_ms: int
    registered: list[Compensation] | None
    children: Children | None
    """Of a Parallel or Map, with those that have ended."""

    def with_inside(self) -> Iterator[Unfinished]:
        """It, and all that is kept inside it."""
        yield self
        if self.children is not None:
            yield from self.children.kept()


class Batching(Struct, frozen=True):
    """An evaluated ItemBatcher: the bounds of a batch (0: none), and what all batches have besides their Items."""

    items: int
    bytes: int
    common: dict[str, Json]


class Report(Struct):
    """What a ResultWriter tells about an iteration, besides its output."""

    name: str
    input: Document
    started_ms: int
    stopped_ms: int | None = None
    """None until it has ended by itself."""
    failure: Failure | None = None


class Execution(Struct):
    """One execution. Create it with `new_execution`, change it only through `advance`."""

    id: str
    """The execution's name; unique in its store."""
    definition_sha256: str
    machine_name: str
    input: Document
    seed: bytes
    limits: Limits
    arn: str
    machine_arn: str
    role_arn: str
    flags: tuple[Flag, ...] = ()
    """The changes of behaviour that it takes part in; recorded at its start."""
    express: bool = False
    synchronous: bool = False
    """Started by StartSyncExecution: its context object has no RedriveCount (recorded)."""
    now_ms: int = 0
    started_ms: int = 0
    draws: int = 0
    next_id: int = 1
    history_length: int = 0
    variables_bytes: int = 0
    """What the variables of all scopes hold: the sum of `Scope.sizes`."""
    status: ExecutionStatus = ExecutionStatus.RUNNING
    output: Document | None = None
    failure: Failure | None = None
    redrive_count: int = 0
    unwinding: Unwinding | None = None
    """What is undone before the execution ends. It stays when it has ended: such an execution was compensated."""
    unfinished: Unfinished | None = None
    """Where it has ended without success: what a redrive begins again."""
    failed_compensations: list[FailedCompensation] = field(default_factory=list)
    """In the order in which they failed."""
    compensations: int = 0
    """How many are held: registered, being run, or failed."""
    scopes: dict[int, Scope] = field(default_factory=dict)
    frames: dict[int, Frame] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    ready: deque[int] = field(default_factory=deque)
    map_runs: dict[str, MapRun] = field(default_factory=dict)
    """Those that it started, by their ARN, in that order; kept when they are over."""
    timers: list[tuple[int, int]] = field(default_factory=list)
    """A heap of (time, operation id) over the outstanding timers, and some that are not outstanding any more. Derived
    from `operations`: two executions that differ in this only are equal."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Execution):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name != "timers")

    __hash__ = None  # type: ignore[assignment]

    @property
    def closed(self) -> bool:
        """Whether the execution has ended."""
        return self.status is not ExecutionStatus.RUNNING

    def next_deadline_ms(self) -> int | None:
        """When the earliest timer is due; None if none is set."""
        timers = self.timers
        while timers and timers[0][1] not in self.operations:
            heapq.heappop(timers)
        return timers[0][0] if timers else None
