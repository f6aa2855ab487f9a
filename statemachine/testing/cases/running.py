"""Runs what a case sets up, in virtual time.

Rules
- The mocks of a state are counted over the whole case: retries, loops, iterations and nested executions included.
- A state that waits for a task token gets its mock as the answer of the token; its call returns {} at once.
- `states:startExecution` starts one of the `machines`, if there are any and the state has no mock.
- Endless machines end: events and history are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from statemachine.definition.model import ABSENT, Absent
from statemachine.errors import ITEM_READER_FAILED, Failure, StatemachineError, TaskError
from statemachine.jsonvalue import Json, decode_json
from statemachine.kernel.advance import new_execution
from statemachine.kernel.commands import ExecutionStatus, ReadItems, WriteResults
from statemachine.kernel.events import StopRequested
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.program.resources import IntegrationPattern, parse_resource
from statemachine.testing.cases.model import Setup
from statemachine.testing.mocks import MockCalls, Return, Throw
from statemachine.testing.virtual import VirtualHost, VirtualTask

MAX_EVENTS: Final = 100_000
"""Events that are delivered to an execution and its children in one case."""
MAX_HISTORY: Final = 100_000
"""Events of its history; AWS ends a Standard execution after 25,000."""
_SEED: Final = b"statemachine test"
_AT_A_TIME: Final = 100


class UnmockedTaskError(StatemachineError):
    """A task was called that the case has no mock for."""


@dataclass(frozen=True, slots=True)
class Run:
    """What an execution did."""

    host: VirtualHost
    fault: str | None
    """Why it was left before its end: a task without a mock, or a bound."""
    endless: bool = False
    """It was a bound."""

    @property
    def execution(self) -> Execution:
        """The execution as it was left."""
        return self.host.execution

    @property
    def status(self) -> ExecutionStatus:
        """RUNNING if it waits for what never comes."""
        return self.execution.status

    @property
    def output(self) -> Json | Absent:
        """ABSENT unless it succeeded."""
        return ABSENT if self.execution.output is None else self.execution.output.value

    @property
    def failure(self) -> Failure:
        """Error and cause; both None if there is no failure."""
        return self.execution.failure or Failure(None)

    @property
    def history(self) -> list[HistoryEvent]:
        """As AWS shows it."""
        return self.host.history

    @property
    def path(self) -> list[str]:
        """The states that were entered, in order; those of distributed Maps' iterations and of nested executions are
        not in an execution's history."""
        return [
            event.details["name"] for event in self.history if event.type.endswith("StateEntered") and event.details
        ]

    @property
    def duration_ms(self) -> int:
        """Virtual time from start to end."""
        return self.execution.now_ms - self.host.start_ms

    def calls(self) -> dict[str, list[Json]]:
        """Task state -> the arguments of its calls, in order; those of nested executions after those of the parent."""
        found: dict[str, list[Json]] = {}
        for host in hosts_of(self.host):
            for command in host.calls:
                found.setdefault(command.state, []).append(command.arguments.value)
        return found

    def variables(self) -> dict[str, Json]:
        """The last value that was assigned to each variable."""
        return {
            name: decode_json(text)
            for event in self.history
            for name, text in ((event.details or {}).get("assignedVariables") or {}).items()
        }


def hosts_of(host: VirtualHost) -> Iterator[VirtualHost]:
    """A host and those of all executions below it."""
    yield host
    for child in host.children:
        yield from hosts_of(child)


def run(setup: Setup, name: str = "test") -> Run:
    """Run an execution to its end, or as far as it goes. `name` is the execution's, unless the setup names it."""
    host = _host(setup, name)
    host.next_ms()  # begins it: a stop at the same moment comes after the start
    if setup.stop is not None:
        stop = setup.stop
        host.put(StopRequested(setup.start_ms + stop.after_ms, stop.error, stop.cause, stop.compensate))
    try:
        fault = _run_bounded(host)
    except UnmockedTaskError as error:
        return Run(host, str(error))
    return Run(host, fault, endless=fault is not None)


def _run_bounded(host: VirtualHost) -> str | None:
    for _ in range(0, MAX_EVENTS, _AT_A_TIME):
        if host.run(_AT_A_TIME).closed or host.next_ms() is None:
            return None
        if len(host.history) > MAX_HISTORY:
            break
    return f"it does not end: it was left after {len(host.history):,} events of its history"


def _host(setup: Setup, name: str) -> VirtualHost:
    names = setup.names
    execution = new_execution(
        setup.loaded.program,
        id=names.execution or name,
        input=setup.input,
        seed=_SEED,
        machine_name=names.state_machine or setup.loaded.machine_name,
        role_arn=names.role_arn,
        account=names.account,
        region=names.region,
        limits=setup.limits,
        express=setup.express,
    )
    performed = _Performed(setup, MockCalls(setup.mocks))
    return VirtualHost(
        setup.loaded.program,
        execution,
        performed.task,
        start_ms=setup.start_ms,
        reserialise=False,
        read_items=performed.read_items,
        write_results=performed.write_results,
        machines={key: each.program for key, each in setup.machines.items()},
        stand_ins=frozenset((*setup.handlers, *setup.mocks.states)),
    )


@dataclass(frozen=True, slots=True)
class _Performed:
    setup: Setup
    mocks: MockCalls

    def task(self, call: VirtualTask) -> Json:
        """What a call gets. Raises TaskError, and UnmockedTaskError."""
        command = call.command
        handler = self.setup.handlers.get(command.state)
        if handler is not None:
            return handler(command.arguments.value)
        outcome = self.mocks.next(command.state, command.resource)
        waits = parse_resource(command.resource).pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN
        match outcome:
            case None:
                raise UnmockedTaskError(
                    f"the state '{command.state}' calls {command.resource}, and has no mock; its arguments are "
                    f"{command.arguments.text[:500]}"
                )
            case Return(value=value, delay_seconds=delay):
                if waits:
                    call.succeed(value, delay)
                    return {}
                call.sleep(delay)
                return value
            case Throw(error=error, cause=cause, delay_seconds=delay):
                if waits:
                    call.fail(error, cause, delay)
                    return {}
                call.sleep(delay)
                raise TaskError(error, cause)
            case _:
                assert_never(outcome)

    def read_items(self, command: ReadItems) -> Json:
        """The items of a Map; without any, its reader fails."""
        if command.state not in self.setup.items:
            raise TaskError(ITEM_READER_FAILED, f"The case has no items for '{command.state}'")
        items = list(self.setup.items[command.state])
        return items[: command.max_items] if command.max_items else items

    def write_results(self, command: WriteResults) -> Json:
        """Results are written nowhere; the state gets the place that it named."""
        given = command.arguments.value
        folder = f"{given.get('Prefix', '').strip('/')}/{command.map_run.rpartition(':')[2]}".lstrip("/")
        return {"Bucket": given.get("Bucket"), "Key": f"{folder}/manifest.json"}
