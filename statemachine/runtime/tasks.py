"""Performing tasks: from a ScheduleTask command to an event.

Rules
- Blocking handlers run in threads, the others on the loop. A handler that hangs costs a thread, never the engine.
- At most `concurrency` tasks run at a time, and at most as many of a resource as `per_resource` says; the others wait
  in order. Waiting tasks hold no thread.
- A cancelled task's result is dropped and its place is free at once: an async handler is cancelled, a blocking one is
  told through its context, and neither is waited for. So a handler that does not stop may overlap with its successor.
- A heartbeat counts from the moment at which the task is begun, not while it waits for its turn.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from statemachine.errors import Failure, TaskError
from statemachine.integrations.base import TaskContext
from statemachine.integrations.function import INVALID_RESULT, FunctionHandler
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.results import bounded, copy_json, find_fault, message_of
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.events import ActivityStarted, TaskEvent, TaskFailed, TaskSubmitted, TaskSucceeded
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource
from statemachine.runtime.clock import Clock
from statemachine.runtime.metrics import MetricsHook
from statemachine.runtime.threads import Threads

Key: TypeAlias = tuple[str, int]
"""An execution's id and an operation."""

LEFT_BEHIND = 1_000
"""So many threads may be held by handlers that go on after their cancellation, before blocking tasks have to wait."""
STOP_SECONDS = 3.0
"""How long `stop` waits for async handlers that were cancelled to clean up."""

logger = logging.getLogger("statemachine.tasks")


class _Call(Struct, eq=False):
    """One task being performed or waiting for its turn."""

    number: int
    key: Key
    command: ScheduleTask
    token: str
    heartbeat: Callable[[], None] | None
    registry: TaskRegistry
    queue: str | None
    """Its resource, if that has a limit of its own."""
    context: TaskContext | None = None
    """Made when it begins: a hundred thousand that wait are small."""
    work: asyncio.Task[None] | None = None
    wanted: bool = True
    running: bool = False
    """It holds a place."""
    begun: bool = False


class Tasks:
    """Performs tasks and posts their outcomes: `post(execution id, event)` is called on the loop."""

    def __init__(
        self,
        clock: Clock,
        post: Callable[[str, TaskEvent], None],
        *,
        concurrency: int = 64,
        per_resource: Mapping[str, int] | None = None,
        metrics: MetricsHook | None = None,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._post = post
        self._concurrency = concurrency
        self._per_resource = dict(per_resource or {})
        self._calls: dict[Key, _Call] = {}
        self._waiting: dict[str | None, deque[_Call]] = {each: deque() for each in (None, *self._per_resource)}
        self._running = 0
        self._running_per_resource = dict.fromkeys(self._per_resource, 0)
        self._works: dict[asyncio.Task[None], _Call] = {}
        self._number = 0
        self._draining = False
        self._ended = asyncio.Event()
        self._threads = Threads("statemachine-task", concurrency + LEFT_BEHIND)

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, key: Key) -> bool:
        return key in self._calls

    def perform(
        self,
        execution_id: str,
        command: ScheduleTask,
        registry: TaskRegistry,
        token: str,
        heartbeat: Callable[[], None] | None = None,
    ) -> None:
        """Perform a task, now or when there is room. `heartbeat` is called when it begins, and by its handler."""
        key = (execution_id, command.operation)
        queue = command.resource if command.resource in self._per_resource else None
        self._number += 1
        call = _Call(self._number, key, command, token, heartbeat, registry, queue)
        self.cancel(key)  # one delivery at a time
        self._calls[key] = call
        if self._metrics is not None:
            self._metrics.count("statemachine_tasks_scheduled_total", (("resource", command.resource),))
            if command.attempt:
                self._metrics.count("statemachine_task_retries_total", (("resource", command.resource),))
        if not self._draining and self._has_room(queue) and self._running < self._concurrency:
            self._start(call)
        else:
            self._waiting[queue].append(call)

    def _submission_of(self, key: Key) -> Callable[[Json], None]:
        """What a handler calls on the loop to say that the job was begun."""

        def submitted(response: Json) -> None:
            if key in self._calls:
                document = Document(copy_json(response))
                self._post(key[0], TaskSubmitted(self._clock.now_ms(), key[1], document))

        return submitted

    def give_up(self, key: Key) -> None:
        """The task is over for good: what its handler began elsewhere may be stopped. `cancel` follows."""
        call = self._calls.get(key)
        if call is not None and call.context is not None:
            call.context.given_up = True

    def cancel(self, key: Key) -> None:
        """The result is not wanted any more; nothing happens if the task is over."""
        call = self._calls.pop(key, None)
        if call is None:
            return
        call.wanted = False
        if self._metrics is not None:
            outcome = (("resource", call.command.resource), ("outcome", "cancelled"))
            self._metrics.count("statemachine_tasks_ended_total", outcome)
        if call.context is not None:
            call.context.cancellation.set()
        if call.work is not None:
            call.work.cancel()
            if not call.begun:
                del self._works[call.work]  # and so will never end by itself
        self._leave(call)

    async def drain(self) -> None:
        """Begin no further task, and wait until those that run have ended."""
        self._draining = True
        while self._running:
            self._ended.clear()
            await self._ended.wait()

    async def stop(self) -> None:
        """Cancel everything. Async handlers get a moment to clean up; blocking ones are told, but not waited for."""
        for queue in self._waiting.values():
            queue.clear()
        for key in list(self._calls):
            self.cancel(key)
        if self._works:
            _, left = await asyncio.wait(list(self._works), timeout=STOP_SECONDS)
            for work in left:
                operation = _operation_id(self._works[work])
                told = _told(self._works[work])
                logger.warning("task %s goes on although it was cancelled; it is left behind", operation, extra=told)
        self._threads.close()

    def _has_room(self, queue: str | None) -> bool:
        return queue is None or self._running_per_resource[queue] < self._per_resource[queue]

    def _start(self, call: _Call) -> None:
        call.running = True
        context = call.context = _context(call)
        if parse_resource(call.command.resource).pattern is IntegrationPattern.RUN_A_JOB:
            context.submitted = self._submission_of(call.key)
            context.began = call.command.submitted
        self._running += 1
        if call.queue is not None:
            self._running_per_resource[call.queue] += 1
        if parse_resource(call.command.resource).kind is ResourceKind.ACTIVITY:
            self._post(call.key[0], ActivityStarted(self._clock.now_ms(), call.command.operation))
        if call.command.heartbeat_seconds is not None:
            context.heartbeat()
        call.work = asyncio.get_running_loop().create_task(self._run(call))
        self._works[call.work] = call

    async def _run(self, call: _Call) -> None:
        call.begun = True
        since = time.perf_counter()
        try:
            events = await self._outcome(call)
            self._measure(call, events, time.perf_counter() - since)
            if call.wanted:
                call.wanted = False
                del self._calls[call.key]
                for event in events:
                    self._post(call.key[0], event)
            self._leave(call)
        finally:
            assert call.work is not None
            del self._works[call.work]

    @property
    def running(self) -> int:
        """How many hold a place."""
        return self._running

    def _measure(self, call: _Call, events: tuple[TaskEvent, ...], seconds: float) -> None:
        if self._metrics is None or not call.wanted:
            return
        resource = ("resource", call.command.resource)
        outcome = "failed" if isinstance(events[-1], TaskFailed) else "succeeded"
        self._metrics.count("statemachine_tasks_ended_total", (resource, ("outcome", outcome)))
        self._metrics.observe("statemachine_task_seconds", seconds, (resource,))

    def _leave(self, call: _Call) -> None:
        """Give up the call's place, and let those that wait have it."""
        if not call.running:
            return
        call.running = False
        self._running -= 1
        if call.queue is not None:
            self._running_per_resource[call.queue] -= 1
        self._ended.set()
        while not self._draining and self._running < self._concurrency and (chosen := self._next()) is not None:
            self._start(chosen)

    def _next(self) -> _Call | None:
        """The call that has waited longest among those whose resource has room."""
        first: deque[_Call] | None = None
        for name, queue in self._waiting.items():
            while queue and not queue[0].wanted:
                queue.popleft()
            if queue and self._has_room(name) and (first is None or queue[0].number < first[0].number):
                first = queue
        return None if first is None else first.popleft()

    async def _outcome(self, call: _Call) -> tuple[TaskEvent, ...]:
        """What came of a call. Whatever a handler raises is the task's failure."""
        command = call.command
        try:
            document, answers_token = await self._result(call)
        except TaskError as error:
            told = bounded(error)
            failure = Failure(told.error, told.cause)
        except KeyboardInterrupt:
            raise
        except asyncio.CancelledError:
            if not call.wanted:
                raise
            failure = Failure("CancelledError", "The handler was cancelled, but not by the engine")
        except BaseException as error:
            logger.debug("task %s failed", _operation_id(call), exc_info=True, extra=_told(call))
            told = bounded(TaskError(type(error).__name__, message_of(error) or None))
            failure = Failure(told.error, told.cause)
        else:
            now_ms = self._clock.now_ms()
            succeeded = TaskSucceeded(now_ms, command.operation, document)
            if parse_resource(command.resource).pattern is not IntegrationPattern.WAIT_FOR_TASK_TOKEN:
                return (succeeded,)
            submitted = TaskSubmitted(now_ms, command.operation, document)
            return (submitted, succeeded) if answers_token else (submitted,)
        return (TaskFailed(self._clock.now_ms(), command.operation, failure),)

    async def _result(self, call: _Call) -> tuple[Document, bool]:
        """What the handler returned, and whether that is also the answer of the task's token."""
        command, context = call.command, call.context
        assert context is not None
        arguments = command.arguments.value
        handler = call.registry.handler_for(command.resource, arguments)
        if handler.blocking:
            result = await self._threads.call(handler.perform, arguments, context)
        else:
            result = handler.perform(arguments, context)
        if isinstance(result, Awaitable):
            result = await result
        if not isinstance(handler, FunctionHandler):  # which has done both
            fault = find_fault(result)
            if fault is not None:
                raise TaskError(INVALID_RESULT, f"The handler returned no JSON data at {fault}")
            result = copy_json(result)
        document = Document(result)
        document.encoded  # noqa: B018 - a result that cannot be written is found here
        return document, getattr(handler, "answers_token", False) is True


def _operation_id(call: _Call) -> str:
    return f"{call.key[0]}/{call.key[1]}"


def _told(call: _Call) -> dict[str, str]:
    """What a log record says besides its text."""
    return {"execution_id": call.key[0], "operation": _operation_id(call), "state": call.command.state}


def _context(call: _Call) -> TaskContext:
    command = call.command
    context = TaskContext(
        execution_id=call.key[0],
        state=command.state,
        resource=command.resource,
        operation_id=_operation_id(call),
        token=call.token,
        attempt=command.attempt,
        deadline_ms=command.deadline_ms,
        role_arn=command.role_arn,
    )
    if call.heartbeat is not None:
        context.heartbeat = call.heartbeat
    return context
