"""Nested executions in virtual time: every child is a VirtualHost of its own, on its parent's clock.

Rules
- Parent and children advance together: whoever has the earliest event goes first, the parent at the same time.
- Children have their parent's `perform`, `machines`, `stand_ins`, `read_items` and `write_results`.
- A parent that is taken up from a snapshot runs its children from their beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statemachine.errors import Failure, TaskError
from statemachine.kernel.advance import new_execution
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.events import Event, StopRequested, TaskFailed, TaskSubmitted, TaskSucceeded
from statemachine.kernel.nested import (
    Child,
    machine_name,
    machine_of,
    no_such_machine,
    outcome,
    service_error,
    start_request,
    start_response,
    stop_cause,
    waits_for_child,
)
from statemachine.kernel.randomness import derived_uuid
from statemachine.program.resources import IntegrationPattern, Resource

if TYPE_CHECKING:
    from statemachine.testing.virtual import VirtualHost


@dataclass(slots=True)
class ChildHosts:
    """The children of one execution."""

    parent: VirtualHost
    hosts: list[VirtualHost] = field(default_factory=list)
    _waiting: dict[int, tuple[ScheduleTask, VirtualHost]] = field(default_factory=dict)
    """Operation -> the child that it ends with."""

    def perform(self, command: ScheduleTask, resource: Resource) -> None:
        """Start a child, and answer its parent."""
        now_ms = self.parent.execution.now_ms
        event: Event
        try:
            host = self._start(command)
        except TaskError as error:
            event = TaskFailed(now_ms, command.operation, Failure(error.error, error.cause))
        else:
            response = start_response(self.parent.execution, command, _child(host))
            at_once = resource.pattern is IntegrationPattern.REQUEST_RESPONSE
            event = (TaskSucceeded if at_once else TaskSubmitted)(now_ms, command.operation, response)
            if waits_for_child(resource):
                self._waiting[command.operation] = (command, host)
        self.parent.put(event)
        self._collect()

    def _start(self, command: ScheduleTask) -> VirtualHost:
        parent = self.parent
        execution = parent.execution
        request = start_request(execution, command)
        program = machine_of(request.machine, parent.machines)
        if program is None:
            raise no_such_machine(execution, command, request.machine)
        _, _, _, region, account, *_ = execution.machine_arn.split(":")
        child = new_execution(
            program,
            id=request.name,
            input=request.input,
            seed=derived_uuid(execution, command.operation, "seed").encode(),
            machine_name=machine_name(request.machine),
            account=account,
            region=region,
            limits=execution.limits,
        )
        for each in self.hosts:
            there = each.execution
            if there.arn == child.arn:
                if there.closed or there.input != child.input:
                    message = f"Execution Already Exists: '{child.arn}'"
                    raise service_error(execution, command, "ExecutionAlreadyExists", message)
                return each
        host = type(parent)(
            program,
            child,
            parent.perform,
            start_ms=execution.now_ms,
            reserialise=parent.reserialise,
            read_items=parent.read_items,
            write_results=parent.write_results,
            machines=parent.machines,
            stand_ins=parent.stand_ins,
        )
        self.hosts.append(host)
        return host

    def next_ms(self) -> int | None:
        """When something happens next in one of them."""
        times = [when for _, when in self._alive()]
        return min(times, default=None)

    def step(self) -> None:
        """Let the next thing happen in the child whose turn it is."""
        host = min(self._alive(), key=lambda each: each[1])[0]
        host.step()
        self._collect()

    def cancel(self, operation: int) -> None:
        """The parent does not wait for this child any more: stop it (fact sync-timeout-aborts-child)."""
        waited = self._waiting.pop(operation, None)
        if waited is not None and not waited[1].execution.closed:
            execution = self.parent.execution
            waited[1].send(StopRequested(execution.now_ms, None, stop_cause(execution)))

    def _alive(self) -> list[tuple[VirtualHost, int]]:
        found = []
        for host in self.hosts:
            when = None if host.execution.closed else host.next_ms()
            if when is not None:
                found.append((host, when))
        return found

    def _collect(self) -> None:
        """Tell the parent of the children that have ended."""
        for operation, (command, host) in list(self._waiting.items()):
            execution = host.execution
            if execution.closed:
                del self._waiting[operation]
                ended = outcome(command, _child(host))
                kind = TaskFailed if isinstance(ended, Failure) else TaskSucceeded
                self.parent.put(kind(execution.now_ms, operation, ended))  # type: ignore[arg-type]


def _child(host: VirtualHost) -> Child:
    execution = host.execution
    return Child(
        arn=execution.arn,
        machine_arn=execution.machine_arn,
        name=execution.id,
        input=execution.input,
        started_ms=host.start_ms,
        status=execution.status,
        output=execution.output,
        failure=execution.failure,
        stopped_ms=execution.now_ms,
    )
