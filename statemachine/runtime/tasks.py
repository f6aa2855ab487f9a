"""Performing tasks: from a ScheduleTask command to an event.

Rules
- Blocking handlers run in a pool of threads, the others on the loop. A handler that hangs costs a thread, never the
  engine.
- At most `concurrency` tasks run at a time, and at most as many per resource as the caller says; the others wait in
  order. Waiting tasks hold no thread.
- A cancelled task's result is dropped. An async handler is cancelled; a blocking one is told through its context.
- A heartbeat, or the start of the task, puts off the loss of the heartbeat by HeartbeatSeconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from statemachine.errors import Failure, TaskError
from statemachine.integrations.base import TaskContext
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.events import Event, TaskFailed, TaskSucceeded
from statemachine.runtime.clock import Clock

Key: TypeAlias = tuple[str, int]
"""An execution's id and an operation."""

logger = logging.getLogger("statemachine.tasks")


@dataclass(slots=True)
class _Call:
    """One task being performed or waiting for its turn."""

    command: ScheduleTask
    context: TaskContext
    registry: TaskRegistry
    work: asyncio.Task[None] | None = None
    running: bool = False


class Tasks:
    """Performs tasks and posts their outcomes: `post(execution id, event)` is called on the loop."""

    def __init__(
        self,
        clock: Clock,
        post: Callable[[str, Event], None],
        *,
        concurrency: int = 64,
        per_resource: Mapping[str, int] | None = None,
    ) -> None:
        self._clock = clock
        self._post = post
        self._concurrency = concurrency
        self._per_resource = dict(per_resource or {})
        self._running_per_resource: dict[str, int] = {}
        self._calls: dict[Key, _Call] = {}
        self._waiting: deque[Key] = deque()
        self._running = 0
        self._threads: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def perform(
        self,
        execution_id: str,
        command: ScheduleTask,
        registry: TaskRegistry,
        token: str,
        heartbeat: Callable[[], None],
    ) -> None:
        """Perform a task, now or when there is room."""
        context = TaskContext(
            execution_id=execution_id,
            state=command.state,
            resource=command.resource,
            operation_id=f"{execution_id}/{command.operation}",
            token=token,
            attempt=command.attempt,
            deadline_ms=command.deadline_ms,
            heartbeat=heartbeat,
        )
        key = (execution_id, command.operation)
        self._calls[key] = _Call(command, context, registry)
        if self._has_room(command.resource):
            self._start(key)
        else:
            self._waiting.append(key)

    def cancel(self, key: Key) -> None:
        """The result is not wanted any more; nothing happens if the task is over."""
        call = self._calls.pop(key, None)
        if call is None:
            return
        call.context.cancelled.set()
        if call.work is not None:
            call.work.cancel()

    async def stop(self) -> None:
        """Cancel everything. Blocking handlers are told, but not waited for."""
        works = [call.work for call in self._calls.values() if call.work is not None]
        for key in list(self._calls):
            self.cancel(key)
        self._waiting.clear()
        if works:
            await asyncio.gather(*works, return_exceptions=True)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _has_room(self, resource: str) -> bool:
        if self._running >= self._concurrency:
            return False
        most = self._per_resource.get(resource)
        return most is None or self._running_per_resource.get(resource, 0) < most

    def _start(self, key: Key) -> None:
        call = self._calls[key]
        call.running = True
        resource = call.command.resource
        self._running += 1
        if resource in self._per_resource:
            self._running_per_resource[resource] = self._running_per_resource.get(resource, 0) + 1
        call.work = asyncio.get_running_loop().create_task(self._run(key, call))

    async def _run(self, key: Key, call: _Call) -> None:
        try:
            event = await self._outcome(call)
            if self._calls.get(key) is call:
                del self._calls[key]
                self._post(key[0], event)
        finally:
            self._ended(call)

    def _ended(self, call: _Call) -> None:
        self._running -= 1
        resource = call.command.resource
        if resource in self._per_resource:
            self._running_per_resource[resource] -= 1
        for _ in range(len(self._waiting)):
            key = self._waiting.popleft()
            waiting = self._calls.get(key)
            if waiting is None:
                continue
            if self._has_room(waiting.command.resource):
                self._start(key)
                if self._running >= self._concurrency:
                    return
            else:
                self._waiting.append(key)

    async def _outcome(self, call: _Call) -> Event:
        """What came of a call. Whatever a handler raises is the task's failure."""
        command = call.command
        try:
            arguments = command.arguments.value
            handler = call.registry.handler_for(command.resource, arguments)
            if handler.blocking:
                result = await self._in_thread(handler.perform, arguments, call.context)
            else:
                result = handler.perform(arguments, call.context)
            if isinstance(result, Awaitable):
                result = await result
            document = Document(result)
            document.encoded  # noqa: B018 - a result that is no JSON is found here
        except TaskError as error:
            return TaskFailed(self._clock.now_ms(), command.operation, Failure(error.error, error.cause))
        except Exception as error:  # noqa: BLE001 - a handler may raise anything
            logger.debug("task %s failed", call.context.operation_id, exc_info=True)
            failure = Failure(type(error).__name__, str(error) or None)
            return TaskFailed(self._clock.now_ms(), command.operation, failure)
        return TaskSucceeded(self._clock.now_ms(), command.operation, document)

    async def _in_thread(self, perform: Callable[..., Any], arguments: Json, context: TaskContext) -> Any:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="statemachine-task")
        return await asyncio.get_running_loop().run_in_executor(self._threads, perform, arguments, context)
