"""Random machines, with states of both query languages, and what their tasks answer.

A machine is blocks of states within a bound of depth and width. Every loop counts its rounds in a variable, so that
every machine ends, or fails, within some hundred events. Some states fail on purpose: a path that leads nowhere, a text
that is no JSON, data beyond a limit.

Tasks are functions, calls that wait for their token, activities, and nested executions. A token is answered early,
late, twice or not at all, with heartbeats or without; what waits for one has a timeout: no machine waits for ever.

A machine is made from a number by `random.Random` rather than draw by draw: thirty times faster, so that a test sees
many more of them. `size` is what hypothesis can make smaller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count
from random import Random
from typing import Any

from hypothesis import strategies as st
from running import (
    block,
    catch,
    choice,
    compiled,
    distributed,
    fail,
    map_,
    parallel,
    pass_,
    performer,
    retry,
    succeed,
    task,
    wait,
)

from statemachine.program import Program
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import Perform, VirtualTask

TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"  # noqa: S105 - a resource
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
START = "arn:aws:states:::states:startExecution"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:"

State = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A machine with everything that its run depends on."""

    definition: dict[str, Any]
    input: Any
    outcomes: dict[str, list[Any]]
    answers: dict[str, list[Answered]]


@dataclass(frozen=True)
class Answered:
    """What happens to a call that waits for its token, and to an activity."""

    delay_seconds: float
    """How long the call takes, or the worker."""
    answers: tuple[tuple[str, float], ...]
    """``succeed``, ``fail`` or ``beat``, each so many seconds after the call."""


@cache
def machines() -> Mapping[str, Program]:
    """What nested executions may be of."""
    nested = task(START + ".sync", Parameters={"StateMachineArn": f"{MACHINE}rests", "Input": {"k": 1}})
    return {
        "answers": compiled(block(Kid=pass_(Result={"k": "7", "n": 3}))),
        "rests": compiled(block(KidRests=wait(2))),
        "fails": compiled(block(KidRests=wait(1), KidFails=fail("A", "C"))),
        "starts": compiled(block(KidStarts=nested)),
    }


def perform(case: Case) -> Perform:
    """Does the work of a case's tasks."""
    plain, made = performer(case.outcomes), Counter[str]()

    def call_task(call: VirtualTask) -> Any:
        state = call.command.state
        if state not in case.answers:
            return plain(call)
        script = case.answers[state]
        answered = script[min(made[state], len(script) - 1)]
        made[state] += 1
        call.sleep(answered.delay_seconds)
        for kind, after_seconds in answered.answers:
            match kind:
                case "succeed":
                    call.succeed({"k": "6", "n": 2}, after_seconds)
                case "fail":
                    call.fail("A", None, after_seconds)
                case _:
                    call.heartbeat(after_seconds)
        return {"k": "8"}

    return call_task


def make_case(number: int, size: int) -> Case:
    """The case of this number; `size`, from 1 on, bounds the length of its blocks."""
    random = Random(f"{number}/{size}")
    maker = _Maker(random, size)
    states = maker.block(depth=2)
    first = {"Set": pass_(Assign={"v": [1, "2"], "rounds": 0}, Next=states["StartAt"])}
    definition = {"StartAt": "Set", "States": {**first, **states["States"]}}
    if random.random() < 0.1:
        definition["TimeoutSeconds"] = random.randint(1, 9)
    items = [random.choice([1, "2", None, "no json", {"k": 1}, [3]]) for _ in range(random.choice([0, 1, 3, 3, 4]))]
    return Case(definition, {"k": "4", "l": items, "n": 1}, maker.outcomes, maker.answers)


cases: Callable[[], st.SearchStrategy[Case]] = lambda: st.builds(  # noqa: E731 - a strategy, called like one
    make_case, st.integers(0, 2**32), st.integers(1, 4)
)


class _Maker:
    """Makes blocks; the names of all states of a machine differ."""

    def __init__(self, random: Random, size: int) -> None:
        self._random = random
        self._size = size
        self._numbers = count(1)
        self.outcomes: dict[str, list[Any]] = {}
        self.answers: dict[str, list[Answered]] = {}

    def _one_of(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def block(self, depth: int) -> dict[str, Any]:
        states: dict[str, State] = {}
        for _ in range(self._random.randint(1, self._size)):
            kinds = [self._pass, self._wait, self._task, self._task]
            kinds += [self._parallel, self._map, self._map] if depth else []
            name = f"S{next(self._numbers)}"
            if self._random.random() < 0.35:
                states[name] = {"QueryLanguage": "JSONata", **self._jsonata(name, depth)}
            else:
                states[name] = {**self._one_of(*kinds)(name, depth), **self._assign()}
        if self._random.random() < 0.15:
            self._add_loop(states)
        states[f"S{next(self._numbers)}"] = self._one_of(pass_(), pass_(), succeed(), succeed(), fail("A", "C"))
        chained = block(**states)
        after = f"S{next(self._numbers)}Caught"
        catchers = [each for state in states.values() for each in state.get("Catch", ())]
        if catchers:
            chained["States"][after] = pass_(ResultPath="$.caught", End=True)
        for catcher in catchers:
            catcher["Next"] = after
        return chained

    def _add_loop(self, states: dict[str, State]) -> None:
        """Go back to the first state until the scope has gone round three times."""
        first, number = next(iter(states)), next(self._numbers)
        states[f"S{number}Count"] = pass_(
            Parameters={"n.$": "States.MathAdd($rounds, 1)"}, ResultPath=None, Assign={"rounds.$": "$.n"}
        )
        again = {"Variable": "$rounds", "NumericLessThan": 3, "Next": first}
        states[f"S{number}Loop"] = choice(again, default=f"S{number}Done")
        states[f"S{number}Done"] = pass_()

    def _assign(self) -> State:
        given = self._one_of(*[None] * 4, {"v": [1]}, {"v.$": "$"}, {"w.$": "$$.State.Name", "v.$": "$v"})
        return {} if given is None else {"Assign": given}

    def _jsonata(self, name: str, depth: int) -> State:
        """A state in JSONata: every field that may be an expression is one, some of which fail."""
        state = self._one_of(*[self._jsonata_simple, self._jsonata_task] * 2, *[self._jsonata_nested] * bool(depth))
        assign = self._one_of(
            *[None] * 4,
            {"v": "{% [$count($states.input)] %}"},
            {"v": "{% $states.input %}"},
            {"w": "{% $states.context.State.Name %}", "v": "{% $v %}"},
            {"v": "{% $shuffle([1..4]) %}"},
        )
        return {**state(name, depth), **({} if assign is None else {"Assign": assign})}

    def _jsonata_simple(self, name: str, depth: int) -> State:
        if self._random.random() < 0.3:
            return wait(self._one_of("{% $states.context.Execution.Input.n %}", "{% $count($v) %}", "{% 'x' %}"))
        output = self._one_of(
            None,
            "{% $states.input %}",
            {"k": "{% $uuid() %}", "l": ["{% $random() %}", "{% $millis() %}"]},
            "{% $v %}",
            "{% $states.input.absent %}",
            "{% $map([1..3], function($x) { $x * $states.context.Execution.Input.n }) %}",
            "{% 1 / 0 %}",
            "{% $error('no') %}",
        )
        return pass_(**({} if output is None else {"Output": output}))

    def _jsonata_task(self, name: str, depth: int) -> State:
        made = self._task(name, depth)
        kept = {key: made[key] for key in ("Type", "Resource", "TimeoutSeconds", "HeartbeatSeconds") if key in made}
        fields: State = {**kept, **self._jsonata_recovery(made)}
        if "Parameters" in made:
            fields["Arguments"] = _in_jsonata(made["Parameters"])
        elif self._random.random() < 0.5:
            fields["Arguments"] = self._one_of({"k": "{% $states.input %}"}, {}, "{% $states.input.absent %}")
        if self._random.random() < 0.5:
            fields["Output"] = self._one_of("{% $states.result %}", {"k": "{% $states.result.k %}"}, {"l": "{% $v %}"})
        return fields

    def _jsonata_nested(self, name: str, depth: int) -> State:
        recovery = self._jsonata_recovery(self._recovery())
        if self._random.random() < 0.4:
            branches = [self.block(depth - 1) for _ in range(self._random.randint(1, 3))]
            return parallel(
                *branches, **recovery, Output=self._one_of("{% $states.result[0] %}", "{% $states.result %}")
            )
        fields: State = {"Items": self._one_of("{% $states.context.Execution.Input.l %}", "{% $v %}", [1, "{% $v %}"])}
        fields["MaxConcurrency"] = self._one_of(0, 1, 2, "{% $states.context.Execution.Input.n %}")
        if self._random.random() < 0.5:
            fields["ItemSelector"] = {"k": "{% $states.context.Map.Item.Value %}", "n": "{% $states.input.n %}"}
        return map_(self.block(depth - 1), **fields, **recovery)

    def _jsonata_recovery(self, fields: State) -> State:
        """Retry as it is, and Catch with what JSONata has in place of ResultPath."""
        found: State = {"Retry": fields["Retry"]} if "Retry" in fields else {}
        if "Catch" in fields:
            more = self._one_of(
                {}, {"Output": "{% $states.errorOutput.Error %}"}, {"Assign": {"v": "{% $states.errorOutput %}"}}
            )
            found["Catch"] = [{"ErrorEquals": each["ErrorEquals"], "Next": "", **more} for each in fields["Catch"]]
        return found

    def _pass(self, name: str, depth: int) -> State:
        return pass_(
            **self._one_of(
                {},
                {"Result": self._one_of(None, 0, "é[{", [], {"k": "5"})},
                {"Result": 1, "ResultPath": "$.n"},
                {"Parameters": {"k.$": "$", "l": [1, 2]}},
                {"Parameters": {"k.$": "States.UUID()", "l.$": "$v"}},
                {"Parameters": {"l.$": "States.StringToJson($$.Execution.Input.k)"}},
                {"InputPath": self._one_of("$", "$$.Execution.Input", "$$.State", "$v", "$.absent")},
                {"OutputPath": self._one_of("$", "$$.Execution.Input", "$$.State", "$v", "$.absent")},
            )
        )

    def _wait(self, name: str, depth: int) -> State:
        return self._one_of(
            wait(0), wait(1), wait(2), wait(SecondsPath="$$.Execution.Input.n"), wait(Timestamp="2025-01-01T00:00:03Z")
        )

    def _task(self, name: str, depth: int) -> State:
        def outcome() -> Return | Throw:
            delay = self._one_of(0, 0, 0, 0.5, 1, 2, 3)
            if self._random.random() < 0.3:
                return Throw(self._one_of("A", "B", "States.Timeout"), None, delay)
            return Return(self._one_of(None, "x", {"k": "6", "n": 2}, [1], {}), delay)

        self.outcomes[name] = [outcome() for _ in range(self._random.randint(1, 4))]
        if self._random.random() < 0.4:
            return self._waiting_task(name)
        timeouts = self._one_of({}, {}, {}, {"TimeoutSeconds": 2}, {"TimeoutSeconds": 9, "HeartbeatSeconds": 2})
        more = self._one_of({}, {"ResultPath": "$.r"}, {"ResultPath": None}, {"ResultSelector": {"k.$": "$$.State"}})
        return task(**timeouts, **more, **self._recovery())

    def _waiting_task(self, name: str) -> State:
        """A task that ends otherwise than by its call's result."""
        more = self._one_of({}, {"ResultPath": "$.r"}, {"ResultPath": None})
        if self._random.random() < 0.5:
            machine = self._one_of("answers", "rests", "fails", "fails", "fails", "starts", "unknown")
            given: State = {"StateMachineArn": MACHINE + machine, "Input.$": "$"}
            if self._random.random() < 0.3:
                given["Name"] = "kid"
            timeout = self._one_of({}, {}, {}, {"TimeoutSeconds": 1})
            resource = START + self._one_of("", ".sync", ".sync", ".sync:2")
            return task(resource, Parameters=given, **timeout, **more, **self._recovery())
        answers = ("succeed", 0), ("succeed", 1), ("succeed", 4), ("fail", 0.5), ("fail", 3), ("beat", 1), ("beat", 2)
        self.answers[name] = [
            Answered(self._one_of(0, 0, 0.5, 3), tuple(self._random.sample(answers, self._random.randint(0, 3))))
            for _ in range(self._random.randint(1, 3))
        ]
        timeouts = self._one_of({"TimeoutSeconds": 3}, {"TimeoutSeconds": 9, "HeartbeatSeconds": 2})
        if self._random.random() < 0.4:
            return task(ACTIVITY, **timeouts, **more, **self._recovery())
        body = {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}
        return task(TOKEN, Parameters=body, **timeouts, **more, **self._recovery())

    def _recovery(self) -> State:
        """Retry and Catch. `block` says where the catchers go on."""
        fields: State = {}
        if self._random.random() < 0.6:
            fields["Retry"] = [
                retry(
                    *self._one_of(("A",), ("A", "B"), ("States.ALL",), ("States.TaskFailed",)),
                    IntervalSeconds=self._random.randint(1, 3),
                    MaxAttempts=self._random.randint(0, 2),
                    BackoffRate=self._one_of(1, 1.5, 2),
                    JitterStrategy=self._one_of("NONE", "FULL"),
                )
            ]
        if self._random.random() < 0.6:
            more = self._one_of({}, {"ResultPath": "$.e"}, {"Assign": {"v.$": "$.Error"}}, {"ResultPath": None})
            fields["Catch"] = [catch("", *self._one_of(("A",), ("States.ALL",), ("States.ALL",)), **more)]
        return fields

    def _parallel(self, name: str, depth: int) -> State:
        branches = [self.block(depth - 1) for _ in range(self._random.randint(1, 3))]
        return parallel(*branches, **self._recovery())

    def _map(self, name: str, depth: int) -> State:
        items = self._one_of(*["$$.Execution.Input.l"] * 3, "$v", "$.l")
        fields: State = {"ItemsPath": items, **self._recovery()}
        if self._random.random() < 0.6:
            fields["MaxConcurrency"] = self._random.randint(0, 3)
        selector = self._one_of(
            None, None, {"k.$": "$$.Map.Item.Value"}, {"l.$": "States.StringToJson($$.Map.Item.Value)"}
        )
        if selector is not None:
            fields["ItemSelector"] = selector
        processor = self.block(depth - 1)
        if self._random.random() < 0.5:
            processor = self._failing_for_one_item(processor)
        if self._random.random() < 0.6:
            return map_(processor, **fields)
        if self._random.random() < 0.6:
            fields["ToleratedFailurePercentage"] = self._one_of(0, 34, 100)
        return distributed(processor, **fields)

    def _failing_for_one_item(self, processor: dict[str, Any]) -> dict[str, Any]:
        """The same, but one item fails where others go on, or have ended by then."""
        pick, no = (f"S{next(self._numbers)}{name}" for name in ("Pick", "No"))
        rule = {"Variable": "$$.Map.Item.Index", "NumericEquals": self._random.randint(0, 2), "Next": no}
        added = {pick: choice(rule, default=processor["StartAt"]), no: fail("A")}
        if self._random.random() < 0.5:
            rule["Next"] = f"{no}Later"
            added[rule["Next"]] = self._one_of(pass_(Next=no), wait(1, Next=no))
        return {"StartAt": pick, "States": {**added, **processor["States"]}}


def _in_jsonata(parameters: State) -> State:
    """The same arguments in the other language."""
    expressions = {"$": "{% $states.input %}", "$$.Task.Token": "{% $states.context.Task.Token %}"}
    return {
        name.removesuffix(".$"): expressions[value] if name.endswith(".$") else value
        for name, value in parameters.items()
    }
