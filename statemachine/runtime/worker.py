"""The worker: drives many executions on one event loop.

Each turn takes every execution that has events, advances it, commits all of them in one transaction, and only then
performs the commands: nothing escapes before what led to it is on disk. While a commit waits for the disk, new events
gather for the next turn: one fsync serves all that are ready.

Rules
- An execution gets one turn at a time and at most `EVENTS_PER_TURN` events, or one Yield: no execution starves others.
- A kernel error stops that execution only: it is dropped from memory, stays in the store as it was, and its waiters
  get the error.
- A failed commit stops the worker: what is in memory is ahead of the store and must not be acted upon.
- `durability=none`: commits are kept back until the execution ends, or until too much has gathered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never


from statemachine.integrations.registry import TaskRegistry
from statemachine.kernel.advance import advance
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ExecutionStatus,
    ScheduleTask,
    StartTimer,
    Yield,
)
from statemachine.kernel.events import Event, Resumed, TaskHeartbeatLost, TimerFired
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.randomness import task_token
from statemachine.kernel.snapshot import encode_event, encode_execution
from statemachine.program.nodes import Program
from statemachine.runtime.clock import Clock
from statemachine.runtime.tasks import Tasks
from statemachine.runtime.timers import Timers
from statemachine.store.base import Commit, Durability, Store

EVENTS_PER_TURN = 64
EVENTS_PER_SNAPSHOT = 2_000
SNAPSHOT_BYTES_PER_EVENT = 32
"""A snapshot is stored once this many events (journal and history) have gathered since the last one, and more if that
one was large: one event for so many of its bytes. Recovery so replays a bounded number of events, and writing
snapshots takes a bounded share of the time, however large the state is."""
KEPT_BACK_HISTORY = 20_000

logger = logging.getLogger("statemachine.runtime")


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


Listener = Callable[[Execution, tuple[HistoryEvent, ...]], None]
"""Told of history once it is stored."""


class Worker:
    """Drives executions until stopped. All methods belong to the loop's thread."""

    def __init__(self, store: Store, clock: Clock, *, concurrency: int, commit_in_thread: bool) -> None:
        self._store = store
        self._clock = clock
        self._commit_in_thread = commit_in_thread
        self._driven: dict[str, Driven] = {}
        self._runnable: deque[Driven] = deque()
        self._wake = asyncio.Event()
        self._timers = Timers(clock, self._timer_fired)
        self._tasks = Tasks(clock, self.post, concurrency=concurrency)
        self._loop_task: asyncio.Task[None] | None = None
        self.listeners: list[Listener] = []

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._driven

    @property
    def driven(self) -> dict[str, Driven]:
        """The executions in memory, by id."""
        return self._driven

    def start(self) -> None:
        """Begin to drive."""
        if self._loop_task is None:
            self._loop_task = asyncio.get_running_loop().create_task(self._run(), name="statemachine-worker")

    async def stop(self) -> None:
        """Stop driving: tasks are cancelled, executions stay in the store to be resumed."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)
            self._loop_task = None
        self._timers.stop()
        await self._tasks.stop()
        for driven in self._driven.values():
            if driven.closed is not None and not driven.closed.done():
                driven.closed.cancel()
        self._driven.clear()

    def drive(self, driven: Driven, commands: tuple[Command, ...], events: tuple[Event, ...]) -> None:
        """Take over an execution that is stored: perform its outstanding commands and deliver first events."""
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

    def post(self, execution_id: str, event: Event) -> None:
        """Deliver an event. One for an execution that is not driven here is dropped."""
        driven = self._driven.get(execution_id)
        if driven is None:
            return
        driven.inbox.append(event)
        if not driven.queued:
            driven.queued = True
            self._runnable.append(driven)
            self._wake.set()

    # -- the loop ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                if not self._runnable:
                    self._wake.clear()
                    await self._wake.wait()
                await self._turn()
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("the worker stopped")
            for driven in list(self._driven.values()):
                self._give_up(driven, error)
            raise

    async def _turn(self) -> None:
        """Advance all that are ready, commit, perform."""
        commits: list[Commit] = []
        performed: list[tuple[Driven, list[Command], tuple[HistoryEvent, ...]]] = []
        for _ in range(len(self._runnable)):
            driven = self._runnable.popleft()
            driven.queued = False
            try:
                commands, events, history = self._advance(driven)
            except Exception as error:
                logger.exception("execution %s cannot go on", driven.execution.id)
                self._give_up(driven, error)
                continue
            commit = self._commit(driven, events, history)
            if commit is not None:
                commits.append(commit)
            performed.append((driven, commands, tuple(history)))
        if commits:
            if self._commit_in_thread:
                await asyncio.to_thread(self._store.commit, commits)
            else:
                self._store.commit(commits)
        for driven, commands, stored in performed:
            for listener in self.listeners:
                listener(driven.execution, stored)
            for command in commands:
                self._perform(driven, command)
            if driven.inbox and not driven.queued and driven.execution.id in self._driven:
                driven.queued = True
                self._runnable.append(driven)

    def _advance(self, driven: Driven) -> tuple[list[Command], list[bytes], list[HistoryEvent]]:
        commands: list[Command] = []
        events: list[bytes] = []
        history: list[HistoryEvent] = []
        execution = driven.execution
        for _ in range(EVENTS_PER_TURN):
            if not driven.inbox or execution.closed:
                break
            event = driven.inbox.popleft()
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
            if not execution.closed and len(driven.kept_history) < KEPT_BACK_HISTORY:
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

    def _give_up(self, driven: Driven, error: Exception) -> None:
        """Drop an execution that cannot go on; it stays in the store as it was."""
        del self._driven[driven.execution.id]
        for operation in driven.execution.operations:
            self._cancel(driven, operation)
        if driven.closed is not None and not driven.closed.done():
            driven.closed.set_exception(error)
            driven.closed.exception()  # nobody may be waiting

    # -- commands ----------------------------------------------------------------------------------------------

    def _perform(self, driven: Driven, command: Command) -> None:
        execution = driven.execution
        match command:
            case ScheduleTask():
                token = task_token(execution, command.operation)
                if command.heartbeat_seconds is not None:
                    driven.heartbeats[command.operation] = command.heartbeat_seconds * 1000
                self._beat(driven, command.operation)
                loop = asyncio.get_running_loop()
                self._tasks.perform(
                    execution.id,
                    command,
                    driven.registry,
                    token,
                    lambda: loop.call_soon_threadsafe(self._beat, driven, command.operation) and None,
                )
            case StartTimer(operation=operation, fire_at_ms=fire_at_ms):
                self._timers.start((execution.id, operation), fire_at_ms)
            case CancelOperation(operation=operation):
                self._cancel(driven, operation)
            case CloseExecution():
                self._driven.pop(execution.id, None)
                if driven.closed is not None and not driven.closed.done():
                    driven.closed.set_result(None)
            case Yield():
                driven.inbox.appendleft(Resumed(self._clock.now_ms()))
                if not driven.queued:
                    driven.queued = True
                    self._runnable.append(driven)
            case _:
                assert_never(command)

    def _cancel(self, driven: Driven, operation: int) -> None:
        driven.heartbeats.pop(operation, None)
        self._timers.cancel((driven.execution.id, operation))
        self._timers.cancel((driven.execution.id, -operation))
        self._tasks.cancel((driven.execution.id, operation))

    def _beat(self, driven: Driven, operation: int) -> None:
        """A sign of life of a task: its heartbeat is not lost before another HeartbeatSeconds."""
        interval_ms = driven.heartbeats.get(operation)
        if interval_ms is not None and operation in driven.execution.operations:
            self._timers.start((driven.execution.id, -operation), self._clock.now_ms() + interval_ms)

    def _timer_fired(self, key: tuple[str, int]) -> None:
        """Keys of heartbeat timers are the negated operation."""
        execution_id, operation = key
        now_ms = self._clock.now_ms()
        if operation < 0:
            self.post(execution_id, TaskHeartbeatLost(now_ms, -operation))
        else:
            self.post(execution_id, TimerFired(now_ms))


def _state_names(driven: Driven) -> tuple[str, ...]:
    """The names of the states that an execution is in, outer before inner, at most ten."""
    nodes = driven.program.nodes
    names: dict[str, None] = {}
    for frame in driven.execution.frames.values():
        names[nodes[frame.address].name] = None
        if len(names) == 10:
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
