"""Random machines whose states are undone: those of `random_machines`, with CompensateWith and Compensate added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st
from random_machines import Case, make_case
from running import FUNCTION, block, fail, parallel, pass_, succeed, task, wait

from statemachine.testing.mocks import Return, Throw

State = dict[str, Any]


def make_compensated_case(number: int, size: int) -> Case:
    """The case of this number, most of whose work can be undone."""
    case = make_case(number, size)
    random = Random(f"{number}/{size}/compensations")
    outcomes = dict(case.outcomes)
    for states in list(blocks(case.definition)):
        for name, state in list(states.items()):
            if state["Type"] not in ("Task", "Parallel", "Map"):
                continue
            for catcher in state.get("Catch", ()):
                catcher |= {"Compensate": True} if random.random() < 0.4 else {}
            if random.random() < 0.7:
                state["CompensateWith"] = f"{name}Undo"
                states |= _path(random, f"{name}Undo", outcomes)
    return replace(case, outcomes=outcomes)


compensated_cases: Callable[[], st.SearchStrategy[Case]] = lambda: st.builds(  # noqa: E731 - a strategy, called like one
    make_compensated_case, st.integers(0, 2**32), st.integers(1, 4)
)


def blocks(block: dict[str, Any]) -> Iterator[dict[str, State]]:
    """The states of every block, outer ones first."""
    yield block["States"]
    for state in list(block["States"].values()):
        inner = [*state.get("Branches", ()), state.get("ItemProcessor")]
        for each in inner:
            if each is not None:
                yield from blocks(each)


def _path(random: Random, name: str, outcomes: dict[str, list[Any]]) -> dict[str, State]:
    """A path that begins with the state `name`: at times it fails, takes its time, or is long."""
    delay = random.choice([0, 0, 1, 2])
    outcomes[name] = [random.choice([Return({"k": "7"}, delay), Return(None, delay), Throw("U", None, delay)])]
    retried = {"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]} if random.random() < 0.3 else {}
    more = f"{name}More"
    first = random.choice(
        [
            task(FUNCTION, End=True, **retried),
            task(FUNCTION, Next=more),
            pass_(Next=more, Assign={"v": ["undone"]}),
            wait(1, Next=more),
            parallel(block(**{f"{name}In": wait(1)}), block(**{f"{name}Beside": task()}), End=True),
        ]
    )
    last = random.choice([succeed(), fail("U", "C"), pass_(InputPath="$$.Compensation", End=True), pass_(End=True)])
    return {name: first, more: last} if first.get("Next") == more else {name: first}
