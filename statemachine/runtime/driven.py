"""Driven: an execution that this process drives, with what the worker knows about it.

Rules
- It is in memory, or parked: then only this small record is left, and the rest is in the store.
- What comes from outside waits in its inbox: an event, or a delivery, whose sender wants to know what became of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import TypeAlias

from msgspec import Struct, field

from statemachine.errors import StatemachineError
from statemachine.integrations.registry import TaskRegistry
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask
from statemachine.kernel.events import ActivityStarted, Event, StopRequested, TaskEvent, TaskFailed, TaskSucceeded
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.program.nodes import Program
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource
from statemachine.store.base import Durability, NewExecution

STATES_SHOWN = 10
FRAMES_LOOKED_AT = 1_000

Receipt: TypeAlias = "asyncio.Future[None]"
"""Given when something is stored; who waits for it gets the error if it never will be."""


class EngineClosedError(StatemachineError):
    """The engine was closed before the execution had ended; it can be resumed."""


class Delivery(Struct, frozen=True, eq=False):
    """An event whose sender is told what became of it: by a receipt, or through the store if it came as a message."""

    event: TaskEvent | StopRequested
    receipt: Receipt | None = None
    message: int | None = None


class Birth(Struct, eq=False):
    """An execution that is not stored yet."""

    new: NewExecution
    stored: Receipt


class Kept(Struct, eq=False):
    """What is not stored yet of an execution without durability."""

    events: list[bytes] = field(default_factory=list)
    history: list[HistoryEvent] = field(default_factory=list)


class Driven(Struct, eq=False):
    """An execution that this process drives. There may be tens of thousands that wait: what few need is made late."""

    id: str
    program: Program
    registry: TaskRegistry
    durability: Durability
    sequence: int
    """Events in the store's journal."""
    loaded: Execution | None
    """None while it is parked."""
    inbox: deque[Event | Delivery] | None = None
    """None stands for an empty one."""
    queued: bool = False
    """It is among those that get a turn."""
    parks: bool = False
    """It is to be parked: all that its turn stores is a snapshot."""
    waits: bool = False
    """It is in the store until there is room, and nothing of it is performed."""
    unsaved: int = 0
    """Events and history since the last snapshot."""
    snapshot_every: int = 0
    """So many of them make the next one due; 0 before the first."""
    states: tuple[str, ...] = ()
    """Names of the states it was in at its last commit."""
    failed_in: tuple[str, ...] | None = None
    """Where it failed, once what it has completed is undone because of that."""
    birth: Birth | None = None
    """Until it is stored."""
    kept: Kept | None = None
    heartbeats: dict[int, int] | None = None
    """Operation -> HeartbeatSeconds in milliseconds."""
    closed: tuple[Receipt, ...] = ()
    """Of those that wait for its end: each has its own, which may be cancelled."""
    accepted: list[Delivery] | None = None
    """Applied in this turn: told when it is committed."""
    nesting: int = 0
    """How many executions wait for it, one for the other."""
    on_left: Callable[[], None] | None = None
    """Called when it is not driven any more."""

    @property
    def execution(self) -> Execution:
        """The execution itself. Not to be asked for while it is parked: `Worker.load` first."""
        assert self.loaded is not None
        return self.loaded

    @property
    def is_parked(self) -> bool:
        """Whether it can go on as soon as it is loaded. One that waits for room has first moves to make, too."""
        return self.loaded is None and not self.waits

    def put(self, item: Event | Delivery) -> None:
        """Add to the inbox."""
        if self.inbox is None:
            self.inbox = deque()
        self.inbox.append(item)

    def put_first(self, event: Event) -> None:
        """Add to the inbox what comes before all else."""
        if self.inbox is None:
            self.inbox = deque()
        self.inbox.appendleft(event)


def waits_for_token(command: ScheduleTask) -> bool:
    """Whether the task ends when its token is answered."""
    return parse_resource(command.resource).pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN


def is_activity(command: ScheduleTask) -> bool:
    """Whether the task is one of an activity."""
    return parse_resource(command.resource).kind is ResourceKind.ACTIVITY


def is_late(execution: Execution, event: Event) -> bool:
    """Whether nothing waits any more for what its sender wants to be sure of."""
    match event:
        case TaskSucceeded(operation=operation) | TaskFailed(operation=operation):
            waited = execution.operations.get(operation)
            return waited is None or waited.answer is not None
        case ActivityStarted(operation=operation):
            waited = execution.operations.get(operation)
            return waited is None or not isinstance(waited.command, ScheduleTask) or waited.command.submitted
        case _:
            return execution.closed


def give(receipt: Receipt | None, error: Exception | None = None) -> None:
    """Tell who waits; nobody may."""
    if receipt is None or receipt.done():
        return
    if error is None:
        receipt.set_result(None)
    else:
        receipt.set_exception(error)
        receipt.exception()


def state_names(driven: Driven) -> tuple[str, ...]:
    """The names of the states that an execution is in, outer before inner; some of them, if they are many."""
    nodes = driven.program.nodes
    names: dict[str, None] = {}
    for frame in islice(driven.execution.frames.values(), FRAMES_LOOKED_AT):
        names[nodes[frame.address].name] = None
        if len(names) == STATES_SHOWN:
            break
    return _shared(tuple(names))


@lru_cache(maxsize=1_000)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for the many executions that are in the same states."""
    return names


def last_states(driven: Driven, history: list[HistoryEvent]) -> tuple[str, ...]:
    """Where an execution ended: nowhere if it succeeded, else the state that was entered last, but for those that undo
    what was completed."""
    if driven.execution.status is ExecutionStatus.SUCCEEDED:
        return ()
    return driven.failed_in or entered_last(reversed(history)) or driven.states


def note_failure(driven: Driven, history: list[HistoryEvent]) -> None:
    """Remember where an execution failed that has begun to undo, which this part of its history tells of."""
    unwinding = driven.execution.unwinding
    if unwinding is not None and driven.failed_in is None:
        before = [event for event in history if event.id <= unwinding.began_at_event]
        driven.failed_in = entered_last(reversed(before)) or driven.states


def entered_last(history: Iterable[HistoryEvent]) -> tuple[str, ...] | None:
    """The state that was entered last, in a history that is read backwards; None if none was."""
    for event in history:
        if event.type.endswith("StateEntered") and event.details is not None:
            return (event.details["name"],)
    return None
