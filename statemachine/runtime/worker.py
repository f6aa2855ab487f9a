"""The worker: drives many executions on one event loop.

Each turn takes every execution that has events, advances it, commits all of them in one transaction, and only then
performs the commands: nothing escapes before what led to it is on disk. While a commit waits for the disk, new events
gather for the next turn: one fsync serves all that are ready.

Rules
- An execution gets one turn at a time and at most `EVENTS_PER_TURN` events, or one Yield: no execution starves others.
  A turn ends when it has made `HISTORY_PER_TURN` events: what is left is first in the next one, and the loop has a
  moment for timers and handlers.
- A kernel error stops that execution only: it is dropped from memory, stays in the store as it was, and its waiters
  get the error.
- A failed commit stops the worker: what is in memory is ahead of the store and must not be acted upon. All waiters get
  the error, and nothing can be driven any more.
- An answer that somebody waits for (`deliver`: tokens, activities) is accepted when it is stored, not before.
- A listener that raises is dropped; it harms nothing else.
- Stopping ends the turn that is going on, its commit included. Waiters are told.
- `durability=none`: commits are kept back until the execution ends, or until too much has gathered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, assert_never

from statemachine.errors import StatemachineError, StoreError, TaskTimedOutError
from statemachine.integrations.objects import ObjectStore
from statemachine.integrations.registry import TaskRegistry
from statemachine.kernel.advance import advance
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ExecutionStatus,
    ReadItems,
    ScheduleTask,
    StartTimer,
    WriteResults,
    Yield,
)
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    Resumed,
    TaskEvent,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.randomness import task_token
from statemachine.kernel.snapshot import encode_event, encode_execution
from statemachine.program.nodes import Program
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource
from statemachine.runtime.clock import Clock
from statemachine.runtime.tasks import Tasks
from statemachine.runtime.threads import Threads
from statemachine.runtime.timers import Timers
from statemachine.runtime.transfers import Transfers
from statemachine.store.base import Commit, Durability, Store

EVENTS_PER_TURN = 64
HISTORY_PER_TURN = 5_000
EVENTS_PER_SNAPSHOT = 2_000
SNAPSHOT_BYTES_PER_EVENT = 32
"""A snapshot is stored once this many events (journal and history) have gathered since the last one, and more if that
one was large: one event for so many of its bytes. Recovery so replays a bounded number of events, and writing
snapshots takes a bounded share of the time, however large the state is."""
KEPT_BACK_EVENTS = 20_000
"""Events (journal and history) of an execution without durability, after which they are stored all the same."""
STATES_SHOWN = 10
FRAMES_LOOKED_AT = 1_000
REMEMBERED_ERRORS = 1_000
"""Executions that could not go on, whose error `closed` still knows."""

logger = logging.getLogger("statemachine.runtime")
logging.getLogger("statemachine").addHandler(logging.NullHandler())  # who asks gets the errors; logs are for who wants


@dataclass(slots=True)
class Driven:
    """An execution in memory, with what the worker knows about it."""

    execution: Execution
    program: Program
    registry: TaskRegistry
    durability: Durability
    sequence: int
    """Events in the store's journal."""
    inbox: deque[Event] = field(default_factory=deque)
    queued: bool = False
    until_snapshot: int = EVENTS_PER_SNAPSHOT
    """Events to go before the next snapshot."""
    kept_events: list[bytes] = field(default_factory=list)
    kept_history: list[HistoryEvent] = field(default_factory=list)
    heartbeats: dict[int, int] = field(default_factory=dict)
    """Operation -> HeartbeatSeconds in milliseconds."""
    closed: asyncio.Future[None] | None = None
    states: tuple[str, ...] = ()
    """Names of the states it was in at its last commit."""
    receipts: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    """For events in the inbox, by their identity, whose senders wait until they are stored."""
    stored: list[asyncio.Future[None]] = field(default_factory=list)
    """Receipts to be given when the turn is committed."""
    nesting: int = 0
    """How many executions wait for it, one for the other."""
    on_left: Callable[[], None] | None = None
    """Called when it is not driven any more."""


class EngineClosedError(StatemachineError):
    """The engine was closed before the execution had ended; it can be resumed."""


Listener = Callable[[Execution, tuple[HistoryEvent, ...]], None]
"""Told of history once it is stored."""


class TaskTaker(Protocol):
    """Takes tasks that no handler performs: those of polled activities, and nested executions."""

    def take(self, driven: Driven, command: ScheduleTask) -> bool:
        """Take a task; False if it is not of this kind. One that was submitted is not begun again."""

    def drop(self, driven: Driven, operation: int) -> None:
        """Forget a task, if it was taken here: it is over, or not driven any more."""

    def abort(self, driven: Driven, operation: int) -> None:
        """The task's end is not wanted any more: stop what was begun for it. `drop` follows."""


class Worker:
    """Drives executions until stopped. All methods belong to the loop's thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        concurrency: int,
        per_resource: Mapping[str, int] | None = None,
        commit_in_thread: bool,
        objects: ObjectStore | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        # Of its own: if it had to wait for a thread that a handler holds, handlers could stop the engine.
        self._committer = Threads("statemachine-commit", 1) if commit_in_thread else None
        self._driven: dict[str, Driven] = {}
        self._errors: dict[str, Exception] = {}
        self._runnable: deque[Driven] = deque()
        self._wake = asyncio.Event()
        self._timers = Timers(clock, self._timer_fired)
        self._tasks = Tasks(clock, self.answer, concurrency=concurrency, per_resource=per_resource)
        self._transfers = Transfers(clock, self.post, objects)
        self._loop_task: asyncio.Task[None] | None = None
        self._stopping = False
        self._failure: Exception | None = None
        self.listeners: list[Listener] = []
        self.takers: list[TaskTaker] = []
        """Asked before a task is performed."""

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._driven

    @property
    def driven(self) -> dict[str, Driven]:
        """The executions in memory, by id."""
        return self._driven

    def start(self) -> None:
        """Begin to drive. A worker that was stopped stays so."""
        if self._loop_task is None and not self._stopping:
            self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="statemachine-worker")

    def require_running(self) -> None:
        """Raise StatemachineError if nothing can be driven."""
        if self._failure is not None:
            raise StoreError(f"the engine has stopped: {self._failure}") from self._failure
        if self._stopping:
            raise StatemachineError("the engine is closed")
        if self._loop_task is None:
            raise StatemachineError("the engine is not running: use it in `async with Engine(...) as engine`")

    async def stop(self) -> None:
        """Stop driving: tasks are cancelled, executions stay in the store to be resumed."""
        self._stopping = True
        self._wake.set()
        if self._loop_task is not None:
            await asyncio.gather(self._loop_task, return_exceptions=True)
        self._timers.stop()
        await self._tasks.stop()
        await self._transfers.stop()
        if self._committer is not None:
            self._committer.close()
        for driven in list(self._driven.values()):
            name = driven.execution.id
            closed = EngineClosedError(f"the engine was closed before execution {name} had ended; it can be resumed")
            self._leave(driven, closed)
        self._runnable.clear()

    def drive(self, driven: Driven, commands: tuple[Command, ...], events: tuple[Event, ...]) -> None:
        """Take over an execution that is stored: perform its outstanding commands and deliver first events.

        Raises StatemachineError as `require_running`.
        """
        self.require_running()
        self._errors.pop(driven.execution.id, None)
        driven.closed = asyncio.get_running_loop().create_future()
        self._driven[driven.execution.id] = driven
        for command in commands:
            self._perform(driven, command)
        for event in events:
            self.post(driven.execution.id, event)

    async def closed(self, execution_id: str) -> None:
        """Wait until an execution that is driven here has ended and its end is stored. Raises what stopped it."""
        driven = self._driven.get(execution_id)
        if driven is not None and driven.closed is not None:
            await asyncio.shield(driven.closed)
        elif (error := self._errors.get(execution_id)) is not None:
            raise error

    def post(self, execution_id: str, event: Event) -> None:
        """Deliver an event. One for an execution that is not driven here is dropped."""
        driven = self._driven.get(execution_id)
        if driven is not None:
            driven.inbox.append(event)
            self._enqueue(driven)

    async def deliver(self, execution_id: str, event: TaskEvent) -> None:
        """Deliver an answer and wait until it is stored.

        Raises TaskTimedOutError if the task is over when its turn comes, or what stopped the execution.
        """
        driven = self._driven.get(execution_id)
        if driven is None:
            raise TaskTimedOutError("the execution of this task has ended")
        receipt = driven.receipts[id(event)] = asyncio.get_running_loop().create_future()
        self.post(execution_id, event)
        await receipt
        if event.operation not in driven.execution.operations:
            self._cancel(driven, event.operation)

    def beat(self, driven: Driven, operation: int) -> None:
        """A sign of life of a task: its heartbeat is not lost before another HeartbeatSeconds."""
        interval_ms = driven.heartbeats.get(operation)
        if interval_ms is not None and self._driven.get(driven.execution.id) is driven:
            self._timers.start((driven.execution.id, -operation), self._clock.now_ms() + interval_ms)

    def _enqueue(self, driven: Driven) -> None:
        if not driven.queued:
            driven.queued = True
            self._runnable.append(driven)
            self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping:
                if self._runnable:
                    await self._turn()
                    await asyncio.sleep(0)
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except Exception as error:
            logger.exception("the worker stopped")
            self._failure = error
            for driven in list(self._driven.values()):
                self._give_up(driven, error)

    async def _turn(self) -> None:
        """Advance those that are ready, commit, perform."""
        commits: list[Commit] = []
        performed: list[tuple[Driven, list[Command], tuple[HistoryEvent, ...]]] = []
        in_thread = False
        made = 0
        for _ in range(len(self._runnable)):
            driven = self._runnable.popleft()
            driven.queued = False
            if driven.execution.closed or not driven.inbox:
                continue  # it ended in the last turn, and what came meanwhile is too late
            try:
                commands, events, history = self._advance(driven)
                commit = self._commit(driven, events, history)
            except Exception as error:
                logger.exception("execution %s cannot go on", driven.execution.id)
                self._give_up(driven, error)
                with suppress(StoreError):
                    self._store.release(driven.execution.id)
                continue
            if commit is not None:
                commits.append(commit)
                in_thread = in_thread or driven.durability is Durability.FULL
            performed.append((driven, commands, tuple(history)))
            made += len(events) + len(history)
            if made >= HISTORY_PER_TURN:
                break
        if commits:
            if in_thread and self._committer is not None:
                await self._committer.call(self._store.commit, commits)
            else:
                self._store.commit(commits)
        for driven, commands, stored in performed:
            for receipt in driven.stored:
                _give(receipt)
            driven.stored.clear()
            self._tell(driven.execution, stored)
            for command in commands:
                self._perform(driven, command)
            if driven.inbox and driven.execution.id in self._driven:
                self._enqueue(driven)

    def _advance(self, driven: Driven) -> tuple[list[Command], list[bytes], list[HistoryEvent]]:
        commands: list[Command] = []
        events: list[bytes] = []
        history: list[HistoryEvent] = []
        execution = driven.execution
        while driven.inbox and not execution.closed and len(events) < EVENTS_PER_TURN:
            event = driven.inbox.popleft()
            if driven.receipts and not _accepted(driven, event):
                continue
            step = advance(driven.program, execution, event)
            events.append(encode_event(event))
            commands += step.commands
            history += step.history
            if commands and isinstance(commands[-1], Yield):
                break
        return commands, events, history

    def _commit(self, driven: Driven, events: list[bytes], history: list[HistoryEvent]) -> Commit | None:
        execution = driven.execution
        if driven.durability is Durability.NONE:
            driven.kept_events += events
            driven.kept_history += history
            if not execution.closed and len(driven.kept_events) + len(driven.kept_history) < KEPT_BACK_EVENTS:
                return None
            events, history = driven.kept_events, driven.kept_history
            driven.kept_events, driven.kept_history = [], []
        driven.states = _last_states(driven, history) if execution.closed else _state_names(driven)
        driven.until_snapshot -= len(history) + len(events)
        snapshot = None
        if driven.until_snapshot <= 0 or execution.closed:
            snapshot = encode_execution(execution)
            driven.until_snapshot = max(EVENTS_PER_SNAPSHOT, len(snapshot) // SNAPSHOT_BYTES_PER_EVENT)
        commit = Commit(
            execution_id=execution.id,
            sequence=driven.sequence,
            events=tuple(events),
            history=tuple(history),
            status=execution.status,
            updated_ms=execution.now_ms,
            states=driven.states,
            next_deadline_ms=execution.next_deadline_ms(),
            output=execution.output,
            failure=execution.failure,
            snapshot=snapshot,
        )
        driven.sequence += len(events)
        return commit

    def _tell(self, execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
        for listener in list(self.listeners):
            try:
                listener(execution, history)
            except Exception:
                logger.exception("a listener failed; it is told nothing any more")
                self.listeners.remove(listener)

    def give_up(self, execution_id: str, error: Exception) -> None:
        """Drive an execution no more, because of this error; it stays in the store as it was."""
        driven = self._driven.get(execution_id)
        if driven is not None:
            self._give_up(driven, error)
            with suppress(StoreError):
                self._store.release(execution_id)

    def _give_up(self, driven: Driven, error: Exception) -> None:
        """Drop an execution that cannot go on; it stays in the store as it was."""
        for operation in driven.execution.operations:
            self._cancel(driven, operation)
        self._errors[driven.execution.id] = error
        if len(self._errors) > REMEMBERED_ERRORS:
            del self._errors[next(iter(self._errors))]
        self._leave(driven, error)

    def _leave(self, driven: Driven, error: Exception | None) -> None:
        """Drive it no more, and tell those that wait."""
        self._driven.pop(driven.execution.id, None)
        if driven.closed is not None:
            _give(driven.closed, error)
        too_late = error or TaskTimedOutError("the execution of this task has ended")
        for receipt in (*driven.stored, *driven.receipts.values()):
            _give(receipt, too_late)
        driven.stored.clear()
        driven.receipts.clear()
        if driven.on_left is not None:
            driven.on_left()

    # -- commands ----------------------------------------------------------------------------------------------

    def _perform(self, driven: Driven, command: Command) -> None:
        execution = driven.execution
        match command:
            case ScheduleTask():
                self._schedule(driven, command)
            case StartTimer(operation=operation, fire_at_ms=fire_at_ms):
                self._timers.start((execution.id, operation), fire_at_ms)
            case ReadItems() | WriteResults():
                self._transfers.perform(execution.id, command)
            case CancelOperation(operation=operation):
                for taker in self.takers:
                    taker.abort(driven, operation)
                self._cancel(driven, operation)
            case CloseExecution():
                self._leave(driven, None)
            case Yield():
                driven.inbox.appendleft(Resumed(self._clock.now_ms()))
                self._enqueue(driven)
            case _:
                assert_never(command)

    def _schedule(self, driven: Driven, command: ScheduleTask) -> None:
        beat = None
        if command.heartbeat_seconds is not None:
            driven.heartbeats[command.operation] = command.heartbeat_seconds * 1000
            beat = self._heartbeat_of(driven, command.operation)
        taken = any(taker.take(driven, command) for taker in self.takers)
        if taken and not waits_for_token(command) and not is_activity(command):
            driven.heartbeats.pop(command.operation, None)  # nobody beats for a nested execution
        if command.submitted and (taken or waits_for_token(command)):
            self.beat(driven, command.operation)
        elif not taken:
            token = task_token(driven.execution, command.operation)
            self._tasks.perform(driven.execution.id, command, driven.registry, token, beat)

    def _cancel(self, driven: Driven, operation: int) -> None:
        driven.heartbeats.pop(operation, None)
        for taker in self.takers:
            taker.drop(driven, operation)
        self._timers.cancel((driven.execution.id, operation))
        self._timers.cancel((driven.execution.id, -operation))
        self._tasks.cancel((driven.execution.id, operation))
        self._transfers.cancel((driven.execution.id, operation))

    def _heartbeat_of(self, driven: Driven, operation: int) -> Callable[[], None]:
        """What a handler calls, from any thread, to say that it is alive."""
        loop = asyncio.get_running_loop()

        def beat() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self.beat, driven, operation)

        return beat

    def answer(self, execution_id: str, event: TaskEvent) -> None:
        """Post what came of a task that this process performs."""
        driven = self._driven.get(execution_id)
        if driven is not None and isinstance(event, TaskSucceeded | TaskFailed):
            driven.heartbeats.pop(event.operation, None)
            self._timers.cancel((execution_id, -event.operation))
        elif driven is not None and isinstance(event, TaskSubmitted):
            self.beat(driven, event.operation)
        self.post(execution_id, event)

    def _timer_fired(self, key: tuple[str, int]) -> None:
        """Keys of heartbeat timers are the negated operation."""
        execution_id, operation = key
        now_ms = self._clock.now_ms()
        if operation < 0:
            self.post(execution_id, TaskHeartbeatLost(now_ms, -operation))
            return
        driven = self._driven.get(execution_id)
        if driven is not None and driven.inbox and isinstance(driven.inbox[-1], TimerFired):
            driven.inbox[-1] = TimerFired(now_ms)  # one such event fires all timers that are due
        else:
            self.post(execution_id, TimerFired(now_ms))


def waits_for_token(command: ScheduleTask) -> bool:
    """Whether the task ends when its token is answered."""
    return parse_resource(command.resource).pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN


def is_activity(command: ScheduleTask) -> bool:
    """Whether the task is one of an activity."""
    return parse_resource(command.resource).kind is ResourceKind.ACTIVITY


def _accepted(driven: Driven, event: Event) -> bool:
    """Whether an event may be applied: not if its sender waits for it and its task is over."""
    receipt = driven.receipts.pop(id(event), None)
    if receipt is None:
        return True
    assert isinstance(event, TaskSucceeded | TaskFailed | ActivityStarted)
    waited = driven.execution.operations.get(event.operation)
    over = waited is None or waited.answer is not None
    if waited is not None and isinstance(event, ActivityStarted) and isinstance(waited.command, ScheduleTask):
        over = over or waited.command.submitted
    if over:
        _give(receipt, TaskTimedOutError("the task of this token is over"))
        return False
    driven.stored.append(receipt)
    return True


def _give(receipt: asyncio.Future[None], error: Exception | None = None) -> None:
    """Tell who waits; nobody may."""
    if receipt.done():
        return
    if error is None:
        receipt.set_result(None)
    else:
        receipt.set_exception(error)
        receipt.exception()


def _state_names(driven: Driven) -> tuple[str, ...]:
    """The names of the states that an execution is in, outer before inner; some of them, if they are many."""
    nodes = driven.program.nodes
    names: dict[str, None] = {}
    for frame in islice(driven.execution.frames.values(), FRAMES_LOOKED_AT):
        names[nodes[frame.address].name] = None
        if len(names) == STATES_SHOWN:
            break
    return tuple(names)


def _last_states(driven: Driven, history: list[HistoryEvent]) -> tuple[str, ...]:
    """Where an execution ended: nowhere if it succeeded, else the state that was entered last."""
    if driven.execution.status is ExecutionStatus.SUCCEEDED:
        return ()
    for event in reversed(history):
        if event.type.endswith("StateEntered") and event.details is not None:
            return (event.details["name"],)
    return driven.states
