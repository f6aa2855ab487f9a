"""Variables: read before they are assigned on any way, or on some way; never read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import block, catch, choice, distributed, map_, parallel, pass_, succeed, task

SET: dict[str, Any] = {"Assign": {"x": 1}}
USE: dict[str, Any] = {"Parameters": {"v.$": "$x"}}
AT = "/States/U/Parameters/v.$"
USED = pass_(**USE)
IF_A = {"Variable": "$.a", "BooleanEquals": True}

Warned = Callable[..., list[tuple[str, str]]]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (block(S=pass_(**SET), U=USED), []),
        (block(U=pass_(**USE)), [("VARIABLE_UNASSIGNED", AT)]),
        (block(U=pass_(**USE), S=pass_(**SET)), [("VARIABLE_UNASSIGNED", AT)]),
        (block(U=pass_(**USE, **SET)), [("VARIABLE_UNASSIGNED", AT)]),
        (
            block(C=choice({**IF_A, "Next": "S"}, default="U"), S=pass_(**SET), U=USED),
            [("VARIABLE_MAYBE_UNASSIGNED", AT)],
        ),
        (
            block(C=choice({**IF_A, "Next": "S", **SET}, default="U"), S=pass_(), U=USED),
            [("VARIABLE_MAYBE_UNASSIGNED", AT)],
        ),
        (block(C=choice({**IF_A, "Next": "U", **SET}, default="U", **SET), U=USED), []),
        (block(C=choice({**IF_A, "Next": "U"}, default="U", **SET), U=USED), [("VARIABLE_MAYBE_UNASSIGNED", AT)]),
        (block(T=task(**SET, Catch=[catch("U")], Next="U"), U=USED), [("VARIABLE_MAYBE_UNASSIGNED", AT)]),
        (block(T=task(**SET, Catch=[catch("U", **SET)], Next="U"), U=USED), []),
        (block(T=task(Catch=[catch("U", **SET)], Next="E"), U=USED, E=succeed()), []),
    ],
)
def test_ways(machine: dict[str, Any], expected: list[tuple[str, str]], warned: Warned) -> None:
    assert warned(machine) == expected


INNER = block(I=pass_(**USE))
INNER_AT = "/States/I/Parameters/v.$"


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (block(S=pass_(**SET), M=map_(INNER)), []),
        (block(S=pass_(**SET), P=parallel(INNER)), []),
        (block(M=map_(INNER, **SET)), [("VARIABLE_UNASSIGNED", "/States/M/ItemProcessor" + INNER_AT)]),
        (block(S=pass_(**SET), M=distributed(INNER)), [("VARIABLE_UNASSIGNED", "/States/M/ItemProcessor" + INNER_AT)]),
        (block(S=pass_(**SET), M=distributed(block(I=pass_()), ItemSelector={"v.$": "$x"})), []),
        (block(M=map_(block(I=pass_(**SET))), U=USED), [("VARIABLE_UNASSIGNED", AT)]),
        (
            block(P=parallel(block(K=pass_(**SET)), INNER)),
            [("VARIABLE_UNASSIGNED", "/States/P/Branches[1]" + INNER_AT)],
        ),
    ],
)
def test_blocks(machine: dict[str, Any], expected: list[tuple[str, str]], warned: Warned) -> None:
    assert warned(machine) == expected


@pytest.mark.parametrize(
    ("fields", "is_warned"),
    [
        ({"InputPath": "$x"}, True),
        ({"OutputPath": "$x.a"}, True),
        ({"Parameters": {"v.$": "States.Format('{}', States.MathAdd($x, 1))"}}, True),
        ({"Parameters": {"v.$": "$x[?(@.a == 1)]"}}, True),
        ({"Assign": {"y.$": "$x"}}, True),
        ({"Parameters": {"v": "$x"}}, False),
        ({"Parameters": {"v.$": "$.x"}}, False),
        ({"Parameters": {"v.$": "$$.Execution.Id"}}, False),
    ],
)
def test_jsonpath_fields(fields: dict[str, Any], is_warned: bool, warned: Warned) -> None:
    codes = [code for code, _ in warned(block(U=pass_(**fields)), "VARIABLE_UNUSED")]
    assert codes == (["VARIABLE_UNASSIGNED"] if is_warned else [])


@pytest.mark.parametrize(
    ("expression", "is_warned"),
    [
        ("$x", True),
        ("$x.a.b", True),
        ("$x + 1", True),
        ("$sum([1, $x])", True),
        ("$exists($x) ? $x : 0", False),
        ("$x ? $x : 0", False),
        ("$x.a ? 1 : 0", False),
        ("$x = 1", False),
        ("$not($x)", False),
        ("($x := 1; $x)", False),
        ("$map([1], function($x) { $x })", False),
        ("$states.input.x", False),
        ("'$x'", False),
        ("$count([1])", False),
    ],
)
def test_jsonata_expressions(expression: str, is_warned: bool, warned: Warned) -> None:
    machine = {"QueryLanguage": "JSONata", **block(U=pass_(Output={"v": f"{{% {expression} %}}"}))}
    assert warned(machine) == ([("VARIABLE_UNASSIGNED", "/States/U/Output/v")] if is_warned else [])


def test_a_choice_that_asks(warned: Warned) -> None:
    asks = choice({"Variable": "$x", "IsPresent": True, "Next": "U"}, default="S")
    assert warned(block(C=asks, S=pass_(**SET, Next="C"), U=USED)) == []
    asks = choice({"Condition": "{% $exists($x) %}", "Next": "U"}, default="S")
    user = pass_(Output="{% $x %}")
    machine = {"QueryLanguage": "JSONata", **block(C=asks, S=pass_(**SET, Next="C"), U=user)}
    assert warned(machine) == []


def test_a_loop_reads_what_its_last_turn_assigned(warned: Warned) -> None:
    looping = choice({"Variable": "$.v", "IsNull": False, "Next": "U"}, default="E")
    machine = block(U=pass_(**USE), S=pass_(**SET), C=looping, E=succeed())
    assert warned(machine) == [("VARIABLE_MAYBE_UNASSIGNED", AT)]


def test_the_way_without_it_is_named(messages: Callable[[dict[str, Any]], list[str]]) -> None:
    (message,) = messages(
        block(C=choice({**IF_A, "Next": "S"}, default="D"), S=pass_(**SET, Next="U"), D=pass_(), U=USED)
    )
    assert "'x' is not assigned on every way" in message
    assert "'C' → 'D'" in message


def test_a_misspelt_name(messages: Callable[[dict[str, Any]], list[str]]) -> None:
    machine = block(S=pass_(Assign={"orderId": 1}), U=pass_(Parameters={"a.$": "$orderID", "b.$": "$orderId"}))
    (message,) = messages(machine)
    assert "Nothing assigns the variable 'orderID'" in message
    assert "did you mean `$orderId`?" in message


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (block(S=pass_(**SET)), ["/States/S/Assign/x"]),
        (block(S=pass_(Assign={"x.$": "$.a"})), ["/States/S/Assign/x.$"]),
        (block(S=pass_(**SET), T=pass_(**SET)), ["/States/S/Assign/x"]),
        (block(T=task(Catch=[catch("E", **SET)], End=True), E=succeed()), ["/States/T/Catch[0]/Assign/x"]),
        (block(M=map_(block(I=pass_(**SET)))), ["/States/M/ItemProcessor/States/I/Assign/x"]),
        (block(S=pass_(**SET), U=USED), []),
        (
            block(
                S=pass_(**SET), C=choice({"Variable": "$x", "NumericEquals": 1, "Next": "E"}, default="E"), E=succeed()
            ),
            [],
        ),
        (
            block(
                S=pass_(**SET),
                C=choice({"Variable": "$.a", "NumericEqualsPath": "$x", "Next": "E"}, default="E"),
                E=succeed(),
            ),
            [],
        ),
    ],
)
def test_unused(machine: dict[str, Any], expected: list[str], warned: Warned) -> None:
    assert warned(machine) == [("VARIABLE_UNUSED", place) for place in expected]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{% $partiton([1, 2], 1) %}", "$partition"),
        ("{% $uppercas('a') %}", "$uppercase"),
        ("{% $state.input %}", "$states"),
        ("{% $totl %}", "$total"),
    ],
)
def test_a_misspelt_function(messages: Callable[[dict[str, Any]], list[str]], text: str, meant: str) -> None:
    first = pass_(Assign={"total": 1}, Output="{% $states.input %}", Next="U")
    machine = block(S=first, U=pass_(Output=[text, "{% $total %}"])) | {"QueryLanguage": "JSONata"}
    (message,) = messages(machine)
    assert f"did you mean `{meant}`?" in message


def test_a_path_has_no_functions(messages: Callable[[dict[str, Any]], list[str]]) -> None:
    (message,) = messages(block(U=pass_(Parameters={"v.$": "$partiton"})))
    assert "did you mean" not in message
