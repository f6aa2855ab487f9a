"""Performing commands: each goes to the timers, the tasks, the transfers, or to who takes its tasks.

Rules
- Only commands that are stored are performed.
- A heartbeat's timer has the negated operation as its key.
- What a command began is forgotten when its operation is over (`cancel`), whoever performs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from statemachine.kernel.commands import ReadItems, ScheduleTask, StartTimer, WriteResults
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    StopRequested,
    TaskEvent,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
)
from statemachine.kernel.execution import Execution
from statemachine.kernel.randomness import task_token
from statemachine.runtime.clock import Clock
from statemachine.runtime.driven import Driven, is_activity, waits_for_token
from statemachine.runtime.tasks import Tasks
from statemachine.runtime.timers import Timers
from statemachine.runtime.transfers import Transfers

OPERATIONS_LOOKED_AT = 64
"""An execution that waits for more than this is not looked through each time."""


class TaskTaker(Protocol):
    """Takes tasks that no handler performs: those of polled activities, and nested executions."""

    def take(self, driven: Driven, command: ScheduleTask) -> bool:
        """Take a task; False if it is not of this kind. One that was submitted is not begun again."""

    def drop(self, driven: Driven, operation: int) -> None:
        """Forget a task, if it was taken here: it is over, or not driven any more."""

    def abort(self, driven: Driven, operation: int) -> None:
        """The task's end is not wanted any more, which is about to be stored: what was begun for it is to be stopped
        in the same transaction. `drop` follows."""

    def watches(self, driven: Driven, operation: int) -> bool:
        """Whether something in this process goes on for a task, so that its execution cannot be parked."""


class Performer:
    """Performs commands of all executions. `post(execution id, event)` is called on the loop with what came of them."""

    def __init__(
        self,
        clock: Clock,
        post: Callable[[str, Event], None],
        find: Callable[[str], Driven | None],
        timers: Timers,
        tasks: Tasks,
        transfers: Transfers,
    ) -> None:
        self._clock = clock
        self._post = post
        self._find = find
        self.timers = timers
        self.tasks = tasks
        self.transfers = transfers
        self.takers: list[TaskTaker] = []
        """Asked before a task is performed."""

    async def stop(self) -> None:
        """End all that goes on."""
        self.timers.stop()
        await self.tasks.stop()
        await self.transfers.stop()

    def perform(self, driven: Driven, command: ScheduleTask | StartTimer | ReadItems | WriteResults) -> None:
        """Begin an operation."""
        match command:
            case ScheduleTask():
                self._schedule(driven, command)
            case StartTimer(operation=operation, fire_at_ms=fire_at_ms):
                self.timers.start((driven.id, operation), fire_at_ms)
            case ReadItems() | WriteResults():
                self.transfers.perform(driven.id, command)

    def _schedule(self, driven: Driven, command: ScheduleTask) -> None:
        beat = None
        if command.heartbeat_seconds is not None:
            driven.heartbeats = driven.heartbeats or {}
            driven.heartbeats[command.operation] = command.heartbeat_seconds * 1000
            beat = self._heartbeat_of(driven, command.operation)
        taken = any(taker.take(driven, command) for taker in self.takers)
        if taken and driven.heartbeats and not waits_for_token(command) and not is_activity(command):
            driven.heartbeats.pop(command.operation, None)  # nobody beats for a nested execution
        if command.submitted and (taken or waits_for_token(command)):
            self.beat(driven, command.operation)
        elif not taken:
            token = task_token(driven.execution, command.operation)
            self.tasks.perform(driven.id, command, driven.registry, token, beat)

    def abort(self, driven: Driven, operation: int) -> None:
        """Stop what was begun elsewhere for an operation; `cancel` follows when that is stored."""
        self.tasks.give_up((driven.id, operation))
        for taker in self.takers:
            taker.abort(driven, operation)

    def cancel(self, driven: Driven, operation: int) -> None:
        """Forget an operation, whoever performs it."""
        if driven.heartbeats:
            driven.heartbeats.pop(operation, None)
            self.timers.cancel((driven.id, -operation))
        for taker in self.takers:
            taker.drop(driven, operation)
        self.timers.cancel((driven.id, operation))
        self.tasks.cancel((driven.id, operation))
        self.transfers.cancel((driven.id, operation))

    def delivered(self, driven: Driven, event: TaskEvent | StopRequested) -> None:
        """What somebody outside said of a task is stored."""
        if isinstance(event, ActivityStarted):
            for taker in self.takers:
                taker.drop(driven, event.operation)
            self.beat(driven, event.operation)
        elif not isinstance(event, StopRequested) and event.operation not in driven.execution.operations:
            self.cancel(driven, event.operation)

    def is_at_rest(self, driven: Driven, execution: Execution) -> bool:
        """Whether an execution only waits for time to come or for somebody outside."""
        if driven.inbox or execution.ready or len(execution.operations) > OPERATIONS_LOOKED_AT:
            return False
        return all(
            isinstance(each.command, StartTimer) or self._waits_outside(driven, each.id, each.command)
            for each in execution.operations.values()
        )

    def _waits_outside(self, driven: Driven, operation: int, command: object) -> bool:
        return (
            isinstance(command, ScheduleTask)
            and (command.submitted or is_activity(command))
            and (driven.id, operation) not in self.tasks
            and not any(taker.watches(driven, operation) for taker in self.takers)
        )

    # -- heartbeats --------------------------------------------------------------------------------------------

    def beat(self, driven: Driven, operation: int) -> None:
        """A sign of life of a task: its heartbeat is not lost before another HeartbeatSeconds."""
        interval_ms = None if driven.heartbeats is None else driven.heartbeats.get(operation)
        if interval_ms is not None and self._find(driven.id) is driven:
            self.timers.start((driven.id, -operation), self._clock.now_ms() + interval_ms)

    def _heartbeat_of(self, driven: Driven, operation: int) -> Callable[[], None]:
        """What a handler calls, from any thread, to say that it is alive."""
        loop = asyncio.get_running_loop()

        def beat() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self.beat, driven, operation)

        return beat

    def answer(self, execution_id: str, event: TaskEvent) -> None:
        """Post what came of a task that this process performs."""
        driven = self._find(execution_id)
        if driven is not None and driven.heartbeats:
            if isinstance(event, TaskSucceeded | TaskFailed):
                driven.heartbeats.pop(event.operation, None)
                self.timers.cancel((execution_id, -event.operation))
            elif isinstance(event, TaskSubmitted):
                self.beat(driven, event.operation)
        self._post(execution_id, event)

    def heartbeat_lost(self, execution_id: str, operation: int) -> None:
        """No sign of life came in time."""
        self._post(execution_id, TaskHeartbeatLost(self._clock.now_ms(), operation))
