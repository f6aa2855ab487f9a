"""Random machines, with states of both query languages, and what their tasks answer.

A machine is blocks of states within a bound of depth and width. Every loop counts its rounds in a variable, so that
every machine ends, or fails, within some hundred events. Some states fail on purpose: a path that leads nowhere, a text
that is no JSON, data beyond a limit.

A machine is made from a number by `random.Random` rather than draw by draw: thirty times faster, so that a test sees
many more of them. `size` is what hypothesis can make smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from hypothesis import strategies as st
from running import block, catch, choice, distributed, fail, map_, parallel, pass_, retry, succeed, task, wait

from statemachine.testing.mocks import Return, Throw

State = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A machine with everything that its run depends on."""

    definition: dict[str, Any]
    input: Any
    outcomes: dict[str, list[Any]]


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
    return Case(definition, {"k": "4", "l": items, "n": 1}, maker.outcomes)


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
        if self._random.random() < 0.5:
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
        timeouts = self._one_of({}, {}, {}, {"TimeoutSeconds": 2}, {"TimeoutSeconds": 9, "HeartbeatSeconds": 2})
        more = self._one_of({}, {"ResultPath": "$.r"}, {"ResultPath": None}, {"ResultSelector": {"k.$": "$$.State"}})
        return task(**timeouts, **more, **self._recovery())

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
