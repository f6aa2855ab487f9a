"""Nested executions: tasks that start executions of the state machines that the engine knows.

Rules
- A child is an execution of its own in the store. Its name is its task's Name, or follows from the task's operation:
  a task that is taken up after a crash finds its child instead of starting another one.
- A task that waits for its child (``.sync``) ends with it; it takes no place among the tasks that run at a time, so
  parents never keep their children from running.
- A child is stopped when its task is given up (timeout, stop), not when the engine is closed; then both are resumed.
- A child that cannot go on stops its parent too: both stay in the store as they were.
- At most `MAX_NESTING` executions wait for one another: a machine that starts itself ends with an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from statemachine.errors import (
    RUNTIME,
    ExecutionAlreadyExistsError,
    ExecutionOwnedError,
    Failure,
    KernelError,
    StatemachineError,
    TaskError,
)
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask
from statemachine.kernel.events import StopRequested, TaskFailed, TaskSubmitted, TaskSucceeded
from statemachine.kernel.execution import Execution
from statemachine.kernel.nested import (
    Child,
    StartRequest,
    machine_name,
    machine_of,
    no_such_machine,
    outcome,
    service_error,
    start_request,
    start_response,
    starts_execution,
    stop_cause,
    waited_for,
    waits_for_child,
)
from statemachine.program.load import LoadedDefinition
from statemachine.program.resources import IntegrationPattern, parse_resource
from statemachine.runtime.clock import Clock
from statemachine.runtime.worker import Driven, Worker
from statemachine.store.base import Durability, ExecutionRecord, Store

MAX_NESTING: Final = 100
POLL_SECONDS: Final = 1.0
"""How often a child that another process drives is looked at."""


class Begin(Protocol):
    """Stores and drives a new execution; see `Engine`."""

    def __call__(
        self,
        loaded: LoadedDefinition,
        document: Document,
        execution_id: str,
        machine_name: str,
        registry: TaskRegistry,
        durability: Durability,
    ) -> Driven | None: ...


class NestedExecutions:
    """Starts, watches and stops children. All methods belong to the worker's loop."""

    def __init__(
        self,
        worker: Worker,
        store: Store,
        clock: Clock,
        machines: Mapping[str, LoadedDefinition],
        begin: Begin,
        resume: Callable[[str, TaskRegistry], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self.machines = dict(machines)
        self._begin = begin
        self._resume = resume
        self._watches: dict[tuple[str, int], tuple[str, asyncio.Task[None]]] = {}
        """Execution and operation -> the child's id, and who waits for its end."""

    async def stop(self) -> None:
        """Watch no more; the children stay as they are."""
        watches = [watch for _, watch in self._watches.values()]
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)

    def take(self, driven: Driven, command: ScheduleTask) -> bool:
        """Start the child that a task asks for, or find it. A bound handler comes first."""
        resource = parse_resource(command.resource)
        if not starts_execution(resource) or not self.machines:
            return False
        if driven.registry.required(command.resource) is None:
            return False
        if command.submitted and not waits_for_child(resource):
            return True
        parent, operation = driven.execution, command.operation
        try:
            child = self._child(driven, command)
        except TaskError as error:
            failure = Failure(error.error, error.cause)
            self._worker.answer(parent.id, TaskFailed(self._clock.now_ms(), operation, failure))
            return True
        now_ms = self._clock.now_ms()
        response = start_response(parent, command, child)
        if resource.pattern is IntegrationPattern.REQUEST_RESPONSE:
            self._worker.answer(parent.id, TaskSucceeded(now_ms, operation, response))
            return True
        if not command.submitted:
            self._worker.answer(parent.id, TaskSubmitted(now_ms, operation, response))
        if waits_for_child(resource):
            watch = asyncio.get_running_loop().create_task(self._watch(driven, command, child.name))
            self._watches[parent.id, operation] = (child.name, watch)
        return True

    def drop(self, driven: Driven, operation: int) -> None:
        """The child is not waited for any more."""
        watched = self._watches.pop((driven.execution.id, operation), None)
        if watched is not None:
            watched[1].cancel()

    def abort(self, driven: Driven, operation: int) -> None:
        """Stop the child of a task that is given up (fact sync-timeout-aborts-child)."""
        watched = self._watches.get((driven.execution.id, operation))
        if watched is not None:
            self._worker.post(watched[0], StopRequested(self._clock.now_ms(), None, stop_cause(driven.execution)))

    def waited_for(self, driven: Driven) -> list[str]:
        """The ids of the children that an execution's tasks wait for, as far as they are performed here."""
        if not self.machines:
            return []
        return [
            name for resource, name in waited_for(driven.execution) if driven.registry.required(resource) is not None
        ]

    def _child(self, driven: Driven, command: ScheduleTask) -> Child:
        """The child of a task, started if it is not there. Raises TaskError."""
        parent = driven.execution
        request = start_request(parent, command)
        loaded = machine_of(request.machine, self.machines)
        if loaded is None:
            raise no_such_machine(parent, command, request.machine)
        waits = waits_for_child(parse_resource(command.resource))
        nesting = driven.nesting + 1 if waits else 0
        if nesting > MAX_NESTING:
            raise TaskError(RUNTIME, f"More than {MAX_NESTING} executions wait for one another")
        try:
            loaded.require_runnable()
            name = machine_name(request.machine)
            begun = self._begin(loaded, request.input, request.name, name, driven.registry, driven.durability)
            if begun is not None:
                begun.nesting = nesting
        except ExecutionAlreadyExistsError:
            message = f"Execution Already Exists: '{_arn(parent, request, 'execution')}:{request.name}'"
            raise service_error(parent, command, "ExecutionAlreadyExists", message) from None
        except ExecutionOwnedError:
            pass  # another process drives it: it is there
        except StatemachineError as error:
            raise TaskError(RUNTIME, str(error)[:30_000]) from error
        return self._described(parent, request, self._store.get(request.name))

    def _described(self, parent: Execution, request: StartRequest, record: ExecutionRecord) -> Child:
        return Child(
            arn=f"{_arn(parent, request, 'execution')}:{record.id}",
            machine_arn=_arn(parent, request, "stateMachine"),
            name=record.id,
            input=record.input,
            started_ms=record.started_ms,
            status=record.status,
            output=record.output,
            failure=record.failure,
            stopped_ms=record.stopped_ms or record.updated_ms,
        )

    async def _watch(self, driven: Driven, command: ScheduleTask, child_id: str) -> None:
        """Answer a task when its child has ended."""
        parent = driven.execution
        try:
            record = await self._end_of(driven, child_id)
        except (StatemachineError, KernelError) as error:
            self._worker.give_up(parent.id, error)
            return
        ended = outcome(command, self._described(parent, start_request(parent, command), record))
        now_ms = self._clock.now_ms()
        del self._watches[parent.id, command.operation]
        if isinstance(ended, Failure):
            self._worker.answer(parent.id, TaskFailed(now_ms, command.operation, ended))
        else:
            self._worker.answer(parent.id, TaskSucceeded(now_ms, command.operation, ended))

    async def _end_of(self, driven: Driven, child_id: str) -> ExecutionRecord:
        while True:
            await self._worker.closed(child_id)
            record = self._store.get(child_id)
            if record.status is not ExecutionStatus.RUNNING:
                return record
            try:
                self._resume(child_id, driven.registry)
            except ExecutionOwnedError:
                await asyncio.sleep(POLL_SECONDS)


def _arn(parent: Execution, request: StartRequest, kind: str) -> str:
    """An ARN in the parent's region and account."""
    prefix = parent.machine_arn.partition(":stateMachine:")[0]
    return f"{prefix}:{kind}:{machine_name(request.machine)}"
