"""A Choice without Default: rules that leave something over, and rules that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import block, choice, succeed

WARNED = [("CHOICE_WITHOUT_DEFAULT", "/States/C")]


def on(variable: str, **operator: Any) -> dict[str, Any]:
    return {"Variable": variable, **operator}


def rule(test: dict[str, Any]) -> dict[str, Any]:
    return {**test, "Next": "E"}


A_IS_1 = on("$.a", NumericEquals=1)
B_IS_X = on("$.b", StringEquals="x")


@pytest.mark.parametrize(
    "tests",
    [
        [A_IS_1],
        [on("$.a", BooleanEquals=True)],
        [on("$.a", IsPresent=True), on("$.b", IsPresent=False)],
        [on("$.a", StringEquals="x"), on("$.a", StringEquals="y")],
        [on("$.a", NumericLessThan=10), on("$.a", NumericGreaterThan=10)],
        [on("$.a", NumericLessThan=10), on("$.a", NumericGreaterThanEquals=11)],
        [on("$.a", NumericLessThan=10), on("$.b", NumericGreaterThanEquals=10)],
        [{"And": [A_IS_1, B_IS_X]}, {"Not": A_IS_1}],
        [on("$.a", StringMatches="x*")],
        [on("$.a", StringMatches="")],
        [on("$.a", NumericLessThanPath="$.b"), on("$.a", NumericGreaterThanPath="$.b")],
        [on("$.a", NumericLessThanPath="$.b"), on("$.a", NumericGreaterThanEqualsPath="$.c")],
        [on("$.a", TimestampLessThan="2030-01-01T00:00:00Z")],
    ],
)
def test_may_match_nothing(tests: list[dict[str, Any]], warned: Callable[..., list[tuple[str, str]]]) -> None:
    rules = [rule(each) for each in tests]
    assert warned(block(C=choice(*rules), E=succeed())) == WARNED
    assert warned(block(C=choice(*rules, default="E"), E=succeed())) == []


@pytest.mark.parametrize(
    "tests",
    [
        [A_IS_1, {"Not": A_IS_1}],
        [on("$.a", BooleanEquals=True), on("$.a", BooleanEquals=False)],
        [on("$.a", IsPresent=True), on("$.a", IsPresent=False)],
        [on("$.a", IsNull=True), on("$.a", IsNull=False)],
        [on("$.a", NumericLessThan=10), on("$.a", NumericGreaterThanEquals=10)],
        [on("$.a", NumericLessThan=10), on("$.a", NumericEquals=10), on("$.a", NumericGreaterThan=10)],
        [on("$.a", NumericGreaterThan=3), on("$.a", NumericLessThan=10)],
        [on("$.a", NumericLessThanPath="$.b"), on("$.a", NumericGreaterThanEqualsPath="$.b")],
        [on("$.a", StringMatches="*")],
        [{"And": [A_IS_1, B_IS_X]}, {"Not": A_IS_1}, {"Not": B_IS_X}],
        [{"Or": [A_IS_1, {"Not": B_IS_X}]}, {"And": [B_IS_X, {"Not": A_IS_1}]}],
    ],
)
def test_always_matches(tests: list[dict[str, Any]], warned: Callable[..., list[tuple[str, str]]]) -> None:
    assert warned(block(C=choice(*(rule(each) for each in tests)), E=succeed())) == []


@pytest.mark.parametrize(
    ("conditions", "is_warned"),
    [
        (["{% true %}"], False),
        ([True], False),
        (["{% false %}"], True),
        (["{% $states.input.a %}"], True),
        (["{% $states.input.a %}", "{% $not($states.input.a) %}"], False),
        (["{% $states.input.a %}", "{% $not($states.input.b) %}"], True),
        (["{% $states.input.a = 1 %}", "{% $states.input.a != 1 %}"], False),
        (["{% $states.input.a = 1 %}", "{% $states.input.a = 2 %}"], True),
        (["{% $states.input.a < 1 %}", "{% $states.input.a >= 1 %}"], False),
        (["{% $states.input.a < 1 %}", "{% 1 <= $states.input.a %}"], False),
        (["{% $states.input.a < 1 %}", "{% $states.input.a > 1 %}"], True),
        (["{% $states.input.a = true %}", "{% $states.input.a = false %}"], False),
        (["{% $states.input.a = $states.input.b %}", "{% $states.input.a != $states.input.b %}"], False),
        (["{% ($states.input.a and $states.input.b) %}", "{% $not($states.input.a and $states.input.b) %}"], False),
        (["{% $states.input.a or $states.input.b %}", "{% $not($states.input.a) %}"], False),
        (["{% $exists($states.input.a) %}", "{% $not($exists($states.input.a)) %}"], False),
        (["{% $states.input.a[0] %}", "{% $not($states.input.a[1]) %}"], True),
    ],
)
def test_jsonata(conditions: list[str | bool], is_warned: bool, warned: Callable[..., list[tuple[str, str]]]) -> None:
    rules = [{"Condition": each, "Next": "E"} for each in conditions]
    machine = {"QueryLanguage": "JSONata", **block(C=choice(*rules), E=succeed())}
    assert warned(machine) == (WARNED if is_warned else [])


def test_many_rules_are_searched_for_a_bounded_time(warned: Callable[..., list[tuple[str, str]]]) -> None:
    equal = [rule(on("$.a", StringEquals=f"x{number}")) for number in range(3_000)]
    assert warned(block(C=choice(*equal), E=succeed())) == WARNED
    flags = [rule({"Not": on(f"$.f{number}", BooleanEquals=True)}) for number in range(200)]
    assert warned(block(C=choice(*flags), E=succeed())) == []
