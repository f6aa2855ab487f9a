"""Nested executions: tasks that start executions of the state machines that the engine knows.

Rules
- A child is an execution of its own in the store. Its name is its task's Name, or follows from the task's operation:
  a task that is taken up after a crash finds its child instead of starting another one.
- A task that waits for its child (``.sync``) ends with it; it takes no place among the tasks that run at a time, so
  parents never keep their children from running.
- A child is stopped when its task is given up (timeout, stop), not when the engine is closed; then both are resumed.
  What gives up the task and what stops the child are stored in one transaction if both are driven here; otherwise the
  child is sent a message, and one that outlives its task all the same is stopped when it is resumed (orphans.py).
- A child that cannot go on stops its parent too: both stay in the store as they were.
- At most `MAX_NESTING` executions wait for one another: a machine that starts itself ends with an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask
from statemachine.kernel.events import StopRequested, TaskEvent, TaskFailed, TaskSubmitted, TaskSucceeded
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
from statemachine.runtime.driven import Driven, EngineClosedError
from statemachine.runtime.starting import Start
from statemachine.runtime.worker import Worker
from statemachine.store.base import ExecutionRecord, Store

MAX_NESTING: Final = 100
POLL_SECONDS: Final = 1.0
"""How often a child that another process drives is looked at."""


class Begin(Protocol):
    """Stores and drives a new execution; see `Engine`."""

    async def __call__(self, start: Start) -> object: ...


@dataclass(slots=True, eq=False)
class _Care:
    """What looks after a task: it starts its child and waits for it."""

    work: asyncio.Task[None]
    child: str | None = None
    """The child's id, from when it is being started."""


class NestedExecutions:
    """Starts, watches and stops children. All methods belong to the worker's loop."""

    def __init__(
        self,
        worker: Worker,
        store: Store,
        clock: Clock,
        machines: Mapping[str, LoadedDefinition],
        begin: Begin,
        resume: Callable[[str, TaskRegistry, int], None],
        stop_elsewhere: Callable[[str, str], None],
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self.machines = machines
        self._begin = begin
        self._resume = resume
        self._stop_elsewhere = stop_elsewhere
        self._cares: dict[tuple[str, int], _Care] = {}
        """By execution and operation."""

    async def stop(self) -> None:
        """Watch no more; the children stay as they are."""
        works = [care.work for care in self._cares.values()]
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def take(self, driven: Driven, command: ScheduleTask) -> bool:
        """Start the child that a task asks for, or find it. A bound handler comes first."""
        resource = parse_resource(command.resource)
        if not starts_execution(resource) or not self.machines:
            return False
        if driven.registry.binds(command.resource):
            return False
        if not command.submitted or waits_for_child(resource):
            self.drop(driven, command.operation)
            care = _Care(asyncio.get_running_loop().create_task(self._care(driven, command)))
            self._cares[driven.id, command.operation] = care
        return True

    def drop(self, driven: Driven, operation: int) -> None:
        """The child is not waited for any more."""
        care = self._cares.pop((driven.id, operation), None)
        if care is not None:
            care.work.cancel()

    def abort(self, driven: Driven, operation: int) -> None:
        """Stop the child of a task that is given up (fact sync-timeout-aborts-child)."""
        care = self._cares.get((driven.id, operation))
        if care is None or care.child is None:
            return
        cause = stop_cause(driven.execution)
        stopped = StopRequested(self._clock.now_ms(), None, cause)
        if not self._worker.post_at_once(care.child, stopped):
            self._stop_elsewhere(care.child, cause)

    def watches(self, driven: Driven, operation: int) -> bool:
        """Whether a child is waited for."""
        return (driven.id, operation) in self._cares

    async def _care(self, driven: Driven, command: ScheduleTask) -> None:
        """Start the child of a task, and answer the task; with its end, if it is waited for."""
        key = (driven.id, command.operation)
        try:
            answers = await self._begun(driven, command)
            waits = not answers or isinstance(answers[-1], TaskSubmitted)
            for event in answers:
                self._worker.answer(driven.id, event)
            if waits and waits_for_child(parse_resource(command.resource)):
                self._worker.answer(driven.id, await self._ended(driven, command))
        except (StatemachineError, KernelError) as error:
            self._worker.give_up(driven.id, error)
        finally:
            care = self._cares.get(key)
            if care is not None and care.work is asyncio.current_task():
                del self._cares[key]

    async def _begun(self, driven: Driven, command: ScheduleTask) -> list[TaskEvent]:
        """What the task is answered with when its child is there."""
        parent, operation = driven.execution, command.operation
        try:
            child = await self._child(driven, command)
        except TaskError as error:
            return [TaskFailed(self._clock.now_ms(), operation, Failure(error.error, error.cause))]
        if command.submitted:
            return []
        now_ms = self._clock.now_ms()
        response = start_response(parent, command, child)
        if parse_resource(command.resource).pattern is IntegrationPattern.REQUEST_RESPONSE:
            return [TaskSucceeded(now_ms, operation, response)]
        return [TaskSubmitted(now_ms, operation, response)]

    def waited_for(self, driven: Driven) -> list[str]:
        """The ids of the children that an execution's tasks wait for, as far as they are performed here."""
        if not self.machines:
            return []
        return [name for resource, name in waited_for(driven.execution) if not driven.registry.binds(resource)]

    async def _child(self, driven: Driven, command: ScheduleTask) -> Child:
        """The child of a task, started if it is not there. Raises TaskError."""
        parent = driven.execution
        request = start_request(parent, command)
        loaded = machine_of(request.machine, self.machines)
        if loaded is None:
            raise no_such_machine(parent, command, request.machine)
        nesting = driven.nesting + 1 if waits_for_child(parse_resource(command.resource)) else 0
        if nesting > MAX_NESTING:
            raise TaskError(RUNTIME, f"More than {MAX_NESTING} executions wait for one another")
        if nesting:
            self._cares[parent.id, command.operation].child = request.name
        try:
            loaded.require_runnable()
            await self._begin(
                Start(
                    loaded=loaded,
                    input=request.input,
                    execution_id=request.name,
                    machine_name=machine_name(request.machine),
                    registry=driven.registry,
                    durability=driven.durability,
                    tasks_source=self._store.get(parent.id).tasks_source,
                    parent=parent.id,
                    nesting=nesting,
                )
            )
        except ExecutionAlreadyExistsError:
            self._cares[parent.id, command.operation].child = None  # it is somebody else's
            message = f"Execution Already Exists: '{_arn(parent, request, 'execution')}:{request.name}'"
            raise service_error(parent, command, "ExecutionAlreadyExists", message) from None
        except ExecutionOwnedError:
            pass  # another process drives it: it is there
        except EngineClosedError:
            raise
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

    async def _ended(self, driven: Driven, command: ScheduleTask) -> TaskEvent:
        """The answer of a task when its child has ended."""
        parent = driven.execution
        request = start_request(parent, command)
        record = await self._end_of(driven, request.name)
        ended = outcome(command, self._described(parent, request, record))
        now_ms = self._clock.now_ms()
        if isinstance(ended, Failure):
            return TaskFailed(now_ms, command.operation, ended)
        return TaskSucceeded(now_ms, command.operation, ended)

    async def _end_of(self, driven: Driven, child_id: str) -> ExecutionRecord:
        while True:
            await self._worker.closed(child_id)
            record = self._store.get(child_id)
            if record.status is not ExecutionStatus.RUNNING:
                return record
            try:
                self._resume(child_id, driven.registry, driven.nesting + 1)
            except ExecutionOwnedError:
                await asyncio.sleep(POLL_SECONDS)


def _arn(parent: Execution, request: StartRequest, kind: str) -> str:
    """An ARN in the parent's region and account."""
    prefix = parent.machine_arn.partition(":stateMachine:")[0]
    return f"{prefix}:{kind}:{machine_name(request.machine)}"
