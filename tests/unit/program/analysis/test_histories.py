"""Loops without an end, and executions that reach the limit of the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import block, catch, choice, distributed, map_, parallel, pass_, retry, succeed, task, wait

Warned = Callable[..., list[tuple[str, str]]]
IF_A = {"Variable": "$.a", "BooleanEquals": True}


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (block(C=choice({**IF_A, "Next": "L"}, default="E"), L=pass_(Next="L"), E=succeed()), ["L"]),
        (block(C=choice({**IF_A, "Next": "L"}, default="E"), L=task(), W=wait(1, Next="L"), E=succeed()), ["L"]),
        (
            block(
                C=choice({**IF_A, "Next": "L"}, default="E"),
                L=task(Catch=[catch("E")]),
                W=wait(1, Next="L"),
                E=succeed(),
            ),
            [],
        ),
        (block(L=task(), C=choice({**IF_A, "Next": "E"}, default="L"), E=succeed()), []),
        (block(L=task(), C=choice({**IF_A, "Next": "L"}, default="W"), W=wait(1, Next="C"), E=succeed()), None),
        (block(A=pass_(), B=pass_(), E=succeed()), []),
    ],
)
def test_loops_without_an_end(machine: dict[str, Any], expected: list[str] | None, warned: Warned) -> None:
    if expected is None:  # a state that nothing leads to: AWS refuses the machine
        with pytest.raises(AssertionError, match="not reachable"):
            warned(machine)
        return
    assert warned(machine) == [("ENDLESS_LOOP", f"/States/{name}") for name in expected]


def test_an_endless_loop_in_a_branch(warned: Warned) -> None:
    inner = block(C=choice({**IF_A, "Next": "L"}, default="E"), L=pass_(Next="L"), E=succeed())
    assert warned(block(P=parallel(inner))) == [("ENDLESS_LOOP", "/States/P/Branches[0]/States/L")]


def counted(limit: int, *, start: Any = 0, step: str = "1", work: dict[str, Any] | None = None) -> dict[str, Any]:
    """A loop that counts in a variable, with JSONPath."""
    less = {"Variable": "$i", "NumericLessThan": limit, "Next": "W"}
    return block(
        S=pass_(Assign={"i": start}),
        C=choice(less, default="E"),
        W=work or pass_(),
        I=pass_(Assign={"i.$": f"States.MathAdd($i, {step})"}, Next="C"),
        E=succeed(),
    )


@pytest.mark.parametrize(
    ("machine", "is_warned"),
    [
        (counted(4_000), False),
        (counted(4_200), True),  # 6 events a turn: 25,200
        (counted(2_700, work=task()), False),
        (counted(2_800, work=task()), True),  # 9 events a turn
        (counted(4_200, start=100), False),
        (counted(4_200, step="2"), False),
        (counted(9_000, step="2"), True),
        (counted(9_000, step="-1"), False),
        (counted(9_000, step="$.step"), False),
        (counted(9_000, work=pass_(Assign={"i": 1})), False),
        (counted(9_000, work=choice({**IF_A, "Next": "E"}, default="I")), False),
        (counted(9_000, work=task(Catch=[catch("E")])), True),
    ],
)
def test_counted_loops(machine: dict[str, Any], is_warned: bool, warned: Warned) -> None:
    assert warned(machine) == ([("HISTORY_LIMIT", "/States/C")] if is_warned else [])
    assert warned(machine, express=True) == []


def test_a_counter_that_starts_unknown(warned: Warned) -> None:
    machine = counted(9_000)
    machine["States"]["S"]["Assign"] = {"i.$": "$.start"}
    assert warned(machine) == []


@pytest.mark.parametrize(
    ("condition", "leaves", "is_warned"),
    [
        ("$i < 9000", False, True),
        ("$i <= 9000", False, True),
        ("9000 > $i", False, True),
        ("$i >= 9000", True, True),
        ("$i > 10", True, False),
        ("$i < 10", False, False),
        ("$i < 9000 and $states.input.a", False, False),
        ("$i = 9000", True, False),
    ],
)
def test_counted_loops_in_jsonata(condition: str, leaves: bool, is_warned: bool, warned: Warned) -> None:
    target, default = ("E", "W") if leaves else ("W", "E")
    machine = block(
        S=pass_(Assign={"i": 0}),
        C=choice({"Condition": f"{{% {condition} %}}", "Next": target}, default=default),
        W=pass_(Assign={"i": "{% $i + 1 %}"}, Next="C"),
        E=succeed(),
    )
    assert warned({"QueryLanguage": "JSONata", **machine}) == ([("HISTORY_LIMIT", "/States/C")] if is_warned else [])


ITEMS = pass_(Result=list(range(3_000)))


@pytest.mark.parametrize(
    ("machine", "place"),
    [
        (block(S=ITEMS, M=map_(block(T=task()))), None),
        (block(S=ITEMS, M=map_(block(A=task(), B=task()))), "/States/M"),
        (block(S=ITEMS, M=distributed(block(A=task(), B=task()))), None),
        (block(M=map_(block(A=task(), B=task()))), None),
        (
            block(
                S=ITEMS, M=map_(block(C=choice({**IF_A, "Next": "A"}, default="E"), A=task(), B=task(), E=succeed()))
            ),
            None,
        ),
        (
            block(
                S=pass_(Result=[1, 2]),
                M=map_(block(S2=ITEMS, N=map_(block(A=task(), B=task())))),
            ),
            "/States/M/ItemProcessor/States/N",
        ),
    ],
)
def test_maps(machine: dict[str, Any], place: str | None, warned: Warned) -> None:
    assert warned(machine) == ([] if place is None else [("HISTORY_LIMIT", place)])


def test_a_range_of_items(warned: Warned) -> None:
    states = block(M=map_(block(T=task()), Items="{% [1..4000] %}"))
    assert warned({"QueryLanguage": "JSONata", **states}) == [("HISTORY_LIMIT", "/States/M")]


@pytest.mark.parametrize(("attempts", "is_warned"), [(3, False), (12_500, False), (12_501, True), (99_999_999, True)])
def test_retries(attempts: int, is_warned: bool, warned: Warned) -> None:
    found = warned(block(T=task(Retry=[retry(MaxAttempts=attempts)])))
    assert found == ([("HISTORY_LIMIT", "/States/T/Retry[0]/MaxAttempts")] if is_warned else [])
