"""Callbacks: tasks that somebody else ends, by a token; and activities, whose tasks workers poll.

Rules
- An answer is accepted when it is stored. What is refused is refused before anything is written.
- Tasks of an activity wait in the order in which they were scheduled; a task is handed out once. After a crash those
  that were not handed out wait again, and those that were keep their token.
- An activity's heartbeat counts from the moment at which its task was handed out.
- Tokens are looked up among the executions that this engine drives; nothing about them is stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from statemachine.errors import (
    ActivityDoesNotExistError,
    ExecutionNotFoundError,
    StatemachineError,
    TaskDoesNotExistError,
    TaskTimedOutError,
)
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask
from statemachine.kernel.events import ActivityStarted, TaskEvent
from statemachine.kernel.execution import Operation
from statemachine.kernel.randomness import task_token
from statemachine.kernel.tokens import ActivityTask, split_token, task_of_token
from statemachine.runtime.clock import Clock
from statemachine.runtime.driven import Driven, is_activity
from statemachine.runtime.offers import Offers
from statemachine.runtime.worker import Worker
from statemachine.store.base import Offer, Store

Key: TypeAlias = tuple[str, int]
"""An execution's id and an operation."""


@dataclass(slots=True)
class _Activity:
    """An activity: its tasks that nobody has taken, and the workers that wait for one."""

    tasks: dict[Key, None] = field(default_factory=dict)
    workers: deque[asyncio.Future[None]] = field(default_factory=deque)


class Callbacks:
    """Answers tokens and hands out the tasks of activities. All methods belong to the worker's loop."""

    def __init__(
        self, worker: Worker, store: Store, clock: Clock, activities: Iterable[str], offers: Offers | None = None
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self._offers = offers
        self.activities = {arn: _Activity() for arn in activities}
        self._offered: dict[Key, _Activity] = {}

    # -- tokens ------------------------------------------------------------------------------------------------

    async def send(self, token: str, make_event: Callable[[int, int], TaskEvent]) -> None:
        """Answer a token with `make_event(at_ms, operation)`, and wait until that is stored.

        Raises InvalidTokenError, TaskDoesNotExistError, TaskTimedOutError, or StatemachineError if the execution is not
        driven here.
        """
        driven, waited = self._find(token)
        await self._worker.deliver(driven.id, make_event(self._clock.now_ms(), waited.id))

    def drives(self, token: str) -> bool:
        """Whether the execution of a token is driven here. Raises InvalidTokenError."""
        self._worker.require_running()
        return split_token(token)[0] in self._worker

    def heartbeat(self, token: str) -> None:
        """A sign of life. Raises as `send`."""
        driven, waited = self._find(token)
        self._worker.beat(driven, waited.id)

    def _find(self, token: str) -> tuple[Driven, Operation]:
        self._worker.require_running()
        execution_id, _ = split_token(token)
        driven = self._worker.driven.get(execution_id)
        if driven is not None:
            return driven, task_of_token(self._worker.load(driven), token)
        try:
            status = self._store.get(execution_id).status
        except ExecutionNotFoundError:
            raise TaskDoesNotExistError("the execution of this token is not known") from None
        if status is not ExecutionStatus.RUNNING:
            raise TaskTimedOutError("the execution of this task has ended")
        raise StatemachineError(f"execution {execution_id} is not driven by this engine: resume it first")

    # -- activities --------------------------------------------------------------------------------------------

    def add(self, activity_arn: str) -> None:
        """Let workers poll the tasks of one more activity."""
        self.activities.setdefault(activity_arn, _Activity())

    def take(self, driven: Driven, command: ScheduleTask) -> bool:
        """Let the task of an activity wait for a worker. A bound handler comes first."""
        if not is_activity(command) or driven.registry.binds(command.resource):
            return False
        activity = self.activities.get(command.resource)
        if activity is None:
            return False
        if not command.submitted:
            key = (driven.id, command.operation)
            activity.tasks[key] = None
            self._offered[key] = activity
            if not _wake(activity) or len(activity.tasks) > 1:
                self._offer(driven, command)
        return True

    def _offer(self, driven: Driven, command: ScheduleTask) -> None:
        """Let workers of other processes have a task, too."""
        if self._offers is not None:
            token = task_token(driven.execution, command.operation)
            now_ms = self._clock.now_ms()
            self._offers.add(Offer(command.resource, driven.id, command.operation, token, command.arguments, now_ms))

    def drop(self, driven: Driven, operation: int) -> None:
        """The task is over, or not driven here any more."""
        key = (driven.id, operation)
        activity = self._offered.pop(key, None)
        if activity is not None:
            activity.tasks.pop(key, None)
        if self._offers is not None:
            self._offers.withdraw(key)

    def abort(self, driven: Driven, operation: int) -> None:
        """Nothing was begun here."""

    def watches(self, driven: Driven, operation: int) -> bool:  # noqa: ARG002 - the same for all
        """A token is answered, and a task handed out, whether its execution is in memory or not."""
        return False

    async def poll(self, activity_arn: str, worker_name: str | None, wait_seconds: float) -> ActivityTask | None:
        """Take the task that has waited longest, or wait for one. Raises ActivityDoesNotExistError."""
        self._worker.require_running()
        activity = self.activities.get(activity_arn)
        if activity is None:
            raise ActivityDoesNotExistError(f"there is no activity {activity_arn:.300}: name it in activities=[…]")
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        while True:
            taken = await self._hand_out(activity, worker_name)
            left = until - loop.time()
            if taken is not None or left <= 0:
                return taken
            waiting = loop.create_future()
            activity.workers.append(waiting)
            try:
                await asyncio.wait_for(waiting, left)
            except TimeoutError:
                return None
            finally:
                if waiting.cancelled():
                    activity.workers = deque(each for each in activity.workers if each is not waiting)

    async def _hand_out(self, activity: _Activity, worker_name: str | None) -> ActivityTask | None:
        while activity.tasks:
            key = next(iter(activity.tasks))
            del activity.tasks[key]
            del self._offered[key]
            driven = self._worker.driven.get(key[0])
            waited = None if driven is None else self._worker.load(driven).operations.get(key[1])
            if driven is None or waited is None or not isinstance(waited.command, ScheduleTask):
                continue
            task = ActivityTask(task_token(driven.execution, waited.id), waited.command.arguments.value)
            try:
                await self._worker.deliver(key[0], ActivityStarted(self._clock.now_ms(), waited.id, worker_name))
            except TaskTimedOutError:
                continue
            return task
        return None


def _wake(activity: _Activity) -> bool:
    """Let the worker that has waited longest look again; whether one does."""
    while activity.workers:
        waiting = activity.workers.popleft()
        if not waiting.done():
            waiting.set_result(None)
            return True
    return False
