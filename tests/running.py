"""From a definition to a finished run, in one line: what tests of the kernel and of the compiler are written with.

- `block` puts states in order; each goes on to the one after it, unless it says otherwise. A block is a machine, a
  branch or an item processor.
- `run` runs one in virtual time, with scripted task outcomes, and gives a `Run` to ask questions of.
- `Driven` advances an execution event by event, for tests of late, repeated and unknown events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statemachine.definition.source import load_source
from statemachine.errors import TaskError
from statemachine.jsonvalue import Document
from statemachine.kernel.advance import Step, advance, new_execution
from statemachine.kernel.commands import ScheduleTask, StartTimer
from statemachine.kernel.events import Event, ExecutionStarted, TaskFailed, TaskSucceeded, TimerFired
from statemachine.kernel.execution import Execution, Purpose
from statemachine.kernel.history import HistoryEvent
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program import Program
from statemachine.program.load import check, load
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import DEFAULT_START_MS, Perform, VirtualHost, VirtualTask

SEED = bytes(range(32))
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
INVOKE = "arn:aws:states:::lambda:invoke"
START_MS = DEFAULT_START_MS
MOST_EVENTS = 5_000
"""A run that goes on for longer is stuck in a circle; it stays open, and its test fails."""
_ENDS = ("Next", "End", "Default")

State = dict[str, Any]
Outcomes = Mapping[str, Sequence[Any]]
"""Per state: what its calls get, `Return`, `Throw` or a plain result; the last answers all further calls."""


# -- definitions -----------------------------------------------------------------------------------------------------


def block(**states: State) -> dict[str, Any]:
    """States in order: one without Next, End or Default goes on to the one after it, the last one ends."""
    names = list(states)
    chained = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        state = states[name]
        if state["Type"] not in ("Succeed", "Fail", "Choice") and not any(each in state for each in _ENDS):
            state = {**state, **({"End": True} if following is None else {"Next": following})}
        chained[name] = state
    return {"StartAt": names[0], "States": chained}


def pass_(**fields: Any) -> State:
    return {"Type": "Pass", **fields}


def task(resource: str = FUNCTION, **fields: Any) -> State:
    return {"Type": "Task", "Resource": resource, **fields}


def wait(seconds: int | None = None, **fields: Any) -> State:
    return {"Type": "Wait", **({} if seconds is None else {"Seconds": seconds}), **fields}


def succeed(**fields: Any) -> State:
    return {"Type": "Succeed", **fields}


def fail(error: str | None = None, cause: str | None = None, **fields: Any) -> State:
    named = {name: text for name, text in (("Error", error), ("Cause", cause)) if text is not None}
    return {"Type": "Fail", **named, **fields}


def choice(*rules: dict[str, Any], default: str | None = None, **fields: Any) -> State:
    return {"Type": "Choice", "Choices": list(rules), **({} if default is None else {"Default": default}), **fields}


def parallel(*branches: dict[str, Any], **fields: Any) -> State:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def map_(processor: dict[str, Any], **fields: Any) -> State:
    return {"Type": "Map", "ItemProcessor": processor, **fields}


def distributed(processor: dict[str, Any], **fields: Any) -> State:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, **fields}


def retry(*errors: str, **fields: Any) -> dict[str, Any]:
    """A Retrier."""
    return {"ErrorEquals": list(errors or ("States.ALL",)), **fields}


def catch(next: str, *errors: str, **fields: Any) -> dict[str, Any]:
    """A Catcher."""
    return {"ErrorEquals": list(errors or ("States.ALL",)), "Next": next, **fields}


def compiled(definition: Mapping[str, Any] | str) -> Program:
    """The program of a definition. Raises DefinitionError."""
    return load(definition).program


def findings(definition: str) -> list[tuple[str, str | None]]:
    """Codes and locations of all that is wrong with a definition's text."""
    return [(each.code, each.location) for each in check(load_source(definition))[1]]


# -- runs ------------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """A finished (or stuck) run."""

    host: VirtualHost

    @property
    def execution(self) -> Execution:
        return self.host.execution

    @property
    def status(self) -> str:
        return self.execution.status.value

    @property
    def output(self) -> Any:
        """The output; fails the test that asks for it if there is none."""
        assert self.execution.output is not None, (self.status, self.execution.failure)
        return self.execution.output.value

    @property
    def error(self) -> str | None:
        return None if self.execution.failure is None else self.execution.failure.error

    @property
    def cause(self) -> str | None:
        return None if self.execution.failure is None else self.execution.failure.cause

    @property
    def history(self) -> list[HistoryEvent]:
        return self.host.history

    @property
    def types(self) -> list[str]:
        """Event types, in order."""
        return [event.type for event in self.history]

    @property
    def inner_types(self) -> list[str]:
        """Event types without the first and the last."""
        return self.types[1:-1]

    @property
    def previous_ids(self) -> list[int]:
        return [event.previous_id for event in self.history]

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.types)

    @property
    def states(self) -> list[str]:
        """The names of the states, in the order in which they were entered."""
        return [event.details["name"] for event in self.of("StateEntered")]

    def of(self, suffix: str) -> list[Any]:
        """The events whose type ends so."""
        return [event for event in self.history if event.type.endswith(suffix)]

    def chain(self) -> list[tuple[str, int]]:
        """Type and previous id of each event."""
        return [(event.type, event.previous_id) for event in self.history]

    def arguments(self, state: str) -> list[Any]:
        """What each call of a state was given."""
        return [call.arguments.value for call in self.host.calls if call.state == state]

    def seconds(self, suffix: str) -> list[float]:
        """When, in seconds from the start, the events whose type ends so happened."""
        return [(event.at_ms - START_MS) / 1000 for event in self.of(suffix)]


def performer(outcomes: Outcomes | None) -> Perform:
    """Calls that are answered by the script."""
    made: Counter[str] = Counter()

    def perform(call: VirtualTask) -> Any:
        state = call.command.state
        script = (outcomes or {}).get(state, [None])
        outcome = script[min(made[state], len(script) - 1)]
        made[state] += 1
        if isinstance(outcome, Return | Throw):
            call.sleep(outcome.delay_seconds)
        if isinstance(outcome, Throw):
            raise TaskError(outcome.error, outcome.cause)
        value = outcome.value if isinstance(outcome, Return) else outcome
        if call.command.resource.endswith(".waitForTaskToken"):
            call.succeed(value)
        return value

    return perform


def new(definition: Mapping[str, Any] | str, input: Any = None, **options: Any) -> tuple[Program, Execution]:
    """The program, and an execution of it that has not started."""
    program = compiled(definition)
    document = Document({} if input is None else input)
    return program, new_execution(program, **{"id": "test", "input": document, "seed": SEED, **options})


def run(
    definition: Mapping[str, Any] | str,
    input: Any = None,
    outcomes: Outcomes | None = None,
    *,
    limits: Limits = AWS_LIMITS,
    seed: bytes = SEED,
    reserialise: bool = True,
    max_events: int | None = MOST_EVENTS,
    perform: Perform | None = None,
    machines: Mapping[str, Program] | None = None,
    **options: Any,
) -> Run:
    """Run a definition to its end, on the input ``{}`` unless another is given."""
    program, execution = new(definition, input, limits=limits, seed=seed, **options)
    chosen = perform or performer(outcomes)
    host = VirtualHost(program, execution, chosen, reserialise=reserialise, machines=machines or {})
    host.run(max_events)
    return Run(host)


@dataclass
class Driven:
    """An execution under manual control. `at` counts seconds from the start."""

    program: Program
    execution: Execution
    history: list[HistoryEvent] = field(default_factory=list)

    def send(self, event: Event) -> Step:
        step = advance(self.program, self.execution, event)
        self.history += step.history
        return step

    def fire(self, at: float) -> Step:
        return self.send(TimerFired(moment(at)))

    def succeed(self, operation: int, output: Any = None, at: float = 0) -> Step:
        return self.send(TaskSucceeded(moment(at), operation, Document(output)))

    def fail(self, operation: int, failure: Any, at: float = 0) -> Step:
        return self.send(TaskFailed(moment(at), operation, failure))

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.history]

    @property
    def tasks(self) -> list[ScheduleTask]:
        """The calls that are awaited."""
        commands = [each.command for each in self.execution.operations.values()]
        return [command for command in commands if isinstance(command, ScheduleTask)]

    @property
    def timers(self) -> list[tuple[Purpose, float]]:
        """What the timers that are awaited are for, and when they are due in seconds from the start."""
        return [
            (each.purpose, (each.command.fire_at_ms - START_MS) / 1000)
            for each in self.execution.operations.values()
            if isinstance(each.command, StartTimer)
        ]


def moment(seconds: float) -> int:
    """So many seconds after the start."""
    return START_MS + round(seconds * 1000)


def started(definition: Mapping[str, Any] | str, input: Any = None, **options: Any) -> Driven:
    """An execution that has taken its first step."""
    driven = Driven(*new(definition, input, **options))
    driven.send(ExecutionStarted(START_MS))
    return driven
