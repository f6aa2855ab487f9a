"""Where an execution is: the states that it is in, what each waits for, its variables and its compensations.

Rules
- Read from the execution's state as the kernel keeps it; what only the history knows (when an attempt began, why the
  last one failed) comes from the visits that are open, if there are any. Nothing is changed.
- States stand depth first: a Parallel or Map before the states that its branches and iterations are in.
- The states of an iteration of a distributed Map have no history of their own: of them less is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from statemachine.errors import Failure
from statemachine.kernel.commands import ReadItems, ScheduleTask, StartTimer, WriteResults
from statemachine.kernel.execution import Children, Compensation, Execution, Frame, Phase, Purpose, Scope, Unwinding
from statemachine.kernel.map_runs import MapRun
from statemachine.kernel.randomness import task_token
from statemachine.kernel.recovery import matches
from statemachine.program.nodes import MapNode, Node, Program, WorkNode
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource
from statemachine.visibility.visits import Visit, Visits


class Awaited(Enum):
    """What a task waits for."""

    RESULT = "its result"
    TOKEN = "its task token"  # noqa: S105 - what is waited for
    WORKER = "a worker to take it"
    WORKED_ON = "the worker that took it"
    JOB = "the end of its job"


@dataclass(frozen=True, slots=True)
class InFlight:
    """A task was called and has not answered."""

    resource: str
    attempt: int
    """1 for the first call of this visit."""
    awaited: Awaited
    since_ms: int | None
    """When this attempt began."""
    deadline_ms: int | None
    heartbeat_seconds: int | None
    token: str | None
    """What answers it from outside; None if nothing does."""


@dataclass(frozen=True, slots=True)
class Retrying:
    """An attempt has failed, and the next one begins later."""

    at_ms: int
    attempt: int
    """Which one that will be; 2 is the first retry."""
    most: int | None
    """How many attempts there can be, if this error goes on; None if its retrier is not known."""
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A Wait."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Transferring:
    """A Map reads its items or writes its results."""

    reads: bool
    resource: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A Parallel or Map has branches or iterations under way."""

    total: int
    """Branches or, of a Map, items."""
    done: int
    running: int
    failed: int
    pending: int
    iterations: bool


@dataclass(frozen=True, slots=True)
class Undoing:
    """A catcher has what has completed undone before it goes on."""

    left: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Ready:
    """It waits for nothing: it is about to go on."""


Doing: TypeAlias = InFlight | Retrying | Waiting | Transferring | Inside | Undoing | Ready


@dataclass(frozen=True, slots=True)
class ActiveState:
    """A state that the execution is in."""

    name: str
    kind: str
    depth: int
    """Of its States block; 0 for the machine's own."""
    place: str | None
    """Which branch, iteration or compensation that block is; None for the machine's own."""
    since_ms: int | None
    """When it was entered; None if it is about to be."""
    doing: Doing


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable and where it was assigned; `place` as in `ActiveState`."""

    name: str
    place: str | None
    value: object
    size: int


class CompensationStatus(Enum):
    """What became of a compensation that has not succeeded."""

    REGISTERED = "registered"
    """It is run if the execution fails, or a catcher wants it."""
    WAITING = "waiting"
    """Others are run before it."""
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CompensationState:
    """A compensation that is held. One that has succeeded is only in the history."""

    state: str
    """What has completed."""
    compensate_with: str
    index: int | None
    """Of the Map iteration that it was in."""
    status: CompensationStatus
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an execution is."""

    states: tuple[ActiveState, ...]
    variables: tuple[Variable, ...]
    variables_bytes: int
    compensations: tuple[CompensationState, ...]


def position_of(execution: Execution, program: Program, visits: Visits | None = None) -> Position:
    """The position of an execution of a program; `visits` have followed its history."""
    reading = _Reading(execution, program, visits)
    return Position(
        tuple(reading.states()),
        tuple(reading.variables()),
        execution.variables_bytes,
        tuple(reading.compensations()),
    )


class _Reading:
    """One look at an execution."""

    def __init__(self, execution: Execution, program: Program, visits: Visits | None) -> None:
        self._execution = execution
        self._nodes = program.nodes
        self._visits: dict[int, Visit] = {visit.entered_event: visit for visit in visits.open} if visits else {}

    def states(self) -> Iterator[ActiveState]:
        """All frames, depth first."""
        frames = self._execution.frames
        left = [(frame, 0) for frame in frames.values() if not self._scope(frame).parent_frame]
        left.reverse()
        while left:
            frame, depth = left.pop()
            yield self._state(frame, depth)
            inside = [] if frame.children is None else list(frame.children.running.values())
            if frame.unwinding is not None and frame.unwinding.running:
                inside.append(frame.unwinding.running)
            left += [(frames[number], depth + 1) for number in reversed(inside)]

    def _scope(self, frame: Frame) -> Scope:
        return self._execution.scopes[frame.scope]

    def _state(self, frame: Frame, depth: int) -> ActiveState:
        node = self._nodes[frame.address]
        since_ms = None if frame.phase is Phase.ENTER else frame.entered_at_ms
        kind = node.entered_type.removesuffix("StateEntered")
        return ActiveState(node.name, kind, depth, self._place(self._scope(frame)), since_ms, self._doing(frame, node))

    def _place(self, scope: Scope) -> str | None:
        if scope.compensating is not None:
            return f"compensation of {scope.compensating.state}"
        if not scope.parent_frame:
            return None
        return f"{'iteration' if scope.iteration else 'branch'} {scope.index}"

    def _doing(self, frame: Frame, node: Node) -> Doing:
        if frame.unwinding is not None:
            return Undoing(len(frame.unwinding.waiting) + bool(frame.unwinding.running), frame.unwinding.failure)
        operation = self._execution.operations.get(frame.operation)
        told = frame.phase is not Phase.ENTER and not frame.muted
        visit = self._visits.get(frame.entered_event) if told else None
        if operation is not None:
            match operation.command:
                case ScheduleTask() as command:
                    return self._in_flight(command, visit)
                case StartTimer(fire_at_ms=at_ms) if operation.purpose is Purpose.RETRY:
                    return _retrying(at_ms, frame, node, visit)
                case StartTimer(fire_at_ms=at_ms):
                    return Waiting(at_ms)
                case ReadItems(resource=resource):
                    return Transferring(reads=True, resource=resource)
                case WriteResults(resource=resource):
                    return Transferring(reads=False, resource=resource)
        if frame.children is not None and frame.phase in (Phase.WAITING, Phase.START_CHILDREN):
            run = self._execution.map_runs.get(frame.children.map_run or "")
            return _inside(frame.children, node, run)
        return Ready()

    def _in_flight(self, command: ScheduleTask, visit: Visit | None) -> InFlight:
        resource = parse_resource(command.resource)
        token = task_token(self._execution, command.operation)
        if resource.kind is ResourceKind.ACTIVITY:
            awaited = Awaited.WORKED_ON if command.submitted else Awaited.WORKER
        elif resource.pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN:
            awaited = Awaited.TOKEN
        else:
            is_job = resource.pattern is IntegrationPattern.RUN_A_JOB and command.submitted
            awaited, token = Awaited.JOB if is_job else Awaited.RESULT, ""
        return InFlight(
            command.resource,
            command.attempt + 1,
            awaited,
            None if visit is None else visit.attempted_ms,
            command.deadline_ms,
            command.heartbeat_seconds,
            token or None,
        )

    def variables(self) -> Iterator[Variable]:
        """Those of all scopes, outer before inner; each once, where it was assigned."""
        for scope in self._execution.scopes.values():
            for name, size in scope.sizes.items():
                yield Variable(name, self._place(scope), scope.variables[name], size)

    def compensations(self) -> Iterator[CompensationState]:
        """Those that are held, in the order in which their states completed; then those that failed."""
        execution = self._execution
        found: list[tuple[int, CompensationState]] = []
        for scope in execution.scopes.values():
            found += [self._compensation(each, CompensationStatus.REGISTERED) for each in scope.registered or ()]
            if scope.compensating is not None:
                found.append(self._compensation(scope.compensating, CompensationStatus.RUNNING))
        for unwinding in self._unwindings():
            found += [self._compensation(each, CompensationStatus.WAITING) for each in unwinding.waiting]
        for _, each in sorted(found, key=lambda pair: pair[0]):
            yield each
        for failed in execution.failed_compensations:
            yield self._compensation(failed.compensation, CompensationStatus.FAILED, failed.failure)[1]

    def _unwindings(self) -> Iterator[Unwinding]:
        if self._execution.unwinding is not None:
            yield self._execution.unwinding
        for frame in self._execution.frames.values():
            if frame.unwinding is not None:
                yield frame.unwinding

    def _compensation(
        self, compensation: Compensation, status: CompensationStatus, failure: Failure | None = None
    ) -> tuple[int, CompensationState]:
        index = None if compensation.iteration is None else compensation.iteration[0]
        target = self._nodes[compensation.target].name
        return compensation.id, CompensationState(compensation.state, target, index, status, failure)


def _retrying(at_ms: int, frame: Frame, node: Node, visit: Visit | None) -> Retrying:
    failure = None if visit is None or visit.error is None else Failure(visit.error, visit.cause)
    most = None
    if isinstance(node, WorkNode):
        for retrier, retries in zip(node.retriers, frame.attempts, strict=False):
            is_the_one = len(node.retriers) == 1 if failure is None else matches(retrier.error_equals, failure.error)
            if is_the_one:
                most = frame.retry_count + 1 + max(retrier.max_attempts - retries, 0)
                break
    return Retrying(at_ms, frame.retry_count + 1, most, failure)


def _inside(children: Children, node: Node, run: MapRun | None) -> Inside:
    """How far a Parallel or Map is. With an ItemBatcher, iterations are not items: the map run counts these."""
    if run is not None:
        items = run.items
        return Inside(items.total, items.succeeded, items.running, items.failed, items.pending, iterations=True)
    running, iterations = len(children.running), isinstance(node, MapNode)
    started = children.next_index if iterations else children.total
    done = max(started - running - children.failed_count, 0)
    pending = children.total - children.taken if iterations else 0
    return Inside(children.total, done, running, children.failed_count, pending, iterations)
