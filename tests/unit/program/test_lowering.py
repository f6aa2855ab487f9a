"""A lowered definition does what the one with compensation does, on success and on failure at every step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import START_MS, block, catch, choice, compiled, distributed, fail, map_, parallel, pass_, retry, wait

from statemachine.definition.diagnostics import Severity
from statemachine.definition.source import load_source
from statemachine.errors import TaskError
from statemachine.jsonvalue import Document, encode_json
from statemachine.kernel.advance import new_execution
from statemachine.kernel.execution import Execution
from statemachine.program.load import check
from statemachine.program.lowering import DIFFERS, REFUSED, is_compensated, lower
from statemachine.testing.virtual import VirtualHost, VirtualTask

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
SEED = bytes(32)


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": ARN + name, **fields}


def undo(name: str, **fields: Any) -> dict[str, Any]:
    return task(f"undo-{name}", **{"End": True, **fields})


def with_paths(states: dict[str, Any], **paths: Any) -> dict[str, Any]:
    return {**states, "States": {**states["States"], **paths}}


SIMPLE = with_paths(
    block(
        A=task("a", ResultPath="$.a", CompensateWith="UndoA"),
        B=task("b", ResultPath="$.b", CompensateWith="UndoB"),
        C=task("c", End=True),
    ),
    UndoA=undo("a", Parameters={"output.$": "$", "context.$": "$$.Compensation"}),
    UndoB=pass_(Next="UndoB2"),
    UndoB2=undo("b"),
)
JSONATA = {
    "QueryLanguage": "JSONata",
    **with_paths(
        block(
            A=task("a", Arguments={"k": "{% $states.input.k %}"}, CompensateWith="UndoA", Assign={"v": 1}),
            B=task("b", Output={"b": "{% $states.result %}"}, CompensateWith="UndoB"),
            C=task("c", Catch=[{"ErrorEquals": ["E.c"], "Next": "D", "Compensate": True}]),
            D=task("d", End=True),
        ),
        UndoA=undo("a", Arguments={"input": "{% $states.input %}", "context": "{% $states.context.Compensation %}"}),
        UndoB={
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.b = null %}", "Next": "UndoB2"}],
            "Default": "UndoBEnd",
        },
        UndoB2={"Type": "Fail", "Error": "U"},
        UndoBEnd={"Type": "Succeed"},
    ),
}
CATCHERS = with_paths(
    block(
        A=task("a", ResultPath="$.a", CompensateWith="UndoA"),
        B=task(
            "b",
            Retry=[retry("E.b", MaxAttempts=1)],
            Catch=[catch("X", "E.b", Compensate=True, ResultPath="$.e"), catch("Y", "Other")],
            CompensateWith="UndoB",
        ),
        C=choice({"Variable": "$.k", "IsPresent": True, "Next": "X"}, default="Y"),
        X=task("x", CompensateWith="UndoX", Next="Z"),
        Y=fail("Own", "cause"),
        Z=task("z", Catch=[catch("F", ResultPath="$.why")], Next="S"),
        F=fail(ErrorPath="$.why.Error", CausePath="States.Format('k is {}', $.k)"),
        S={"Type": "Succeed"},
    ),
    UndoA=undo("a", Retry=[retry(MaxAttempts=1)]),
    UndoB=undo("b"),
    UndoX=undo("x"),
)
LOOP = with_paths(
    {
        "StartAt": "A",
        "States": {
            "A": task("a", ResultSelector={"n.$": "$.n"}, CompensateWith="UndoA", Next="B"),
            "B": choice({"Variable": "$.n", "NumericLessThan": 3, "Next": "A"}, default="C"),
            "C": task("c", End=True),
        },
    },
    UndoA=undo("a"),
)
WHOLE = with_paths(
    block(
        P=parallel(block(PA=task("a")), block(PB=pass_()), Retry=[retry("E.a", MaxAttempts=1)], CompensateWith="UndoP"),
        M=map_(block(MA=task("b")), ItemsPath="$[0].l", CompensateWith="UndoM", ResultPath="$[1].m"),
        C=task("c", End=True),
    ),
    UndoP=parallel(block(UP=undo("p")), block(UQ=undo("q")), End=True),
    UndoM=map_(block(UM=undo("m")), ItemsPath="$$.Compensation.Output[1].m", End=True),
)
NESTED = with_paths(
    block(
        A=task("a", ResultPath="$.a", CompensateWith="UndoA"),
        M=map_(
            with_paths(
                block(MA=task("ma", CompensateWith="UndoMA"), MB=task("mb", End=True)),
                UndoMA=undo("ma", Parameters={"item.$": "$$.Map.Item.Value", "output.$": "$"}),
            ),
            ItemsPath="$.l",
            MaxConcurrency=1,
            ResultSelector={"first.$": "$[0]", "all.$": "$"},
            ResultPath="$.m",
            CompensateWith="UndoM",
            Catch=[catch("X", "E.mb", ResultPath="$.e"), catch("Y", "E.ma", Compensate=True)],
        ),
        P=parallel(
            with_paths(block(PA=task("pa", CompensateWith="UndoPA", End=True)), UndoPA=undo("pa")),
            Parameters={"m.$": "$.m"},
            OutputPath="$[0]",
            Assign={"v.$": "$[0]"},
        ),
        C=task("c", Next="S"),
        X=task("x", Next="S"),
        Y=task("y", Next="S"),
        S={"Type": "Succeed"},
    ),
    UndoA=undo("a"),
    UndoM=undo("m"),
)
NESTED_JSONATA = {
    "QueryLanguage": "JSONata",
    **with_paths(
        block(
            P=parallel(
                with_paths(
                    block(
                        A=task("a", CompensateWith="UndoA"),
                        Q=parallel(
                            with_paths(block(B=task("b", CompensateWith="UndoB", End=True)), UndoB=undo("b")), End=True
                        ),
                    ),
                    UndoA=undo("a"),
                ),
                Output={"in": "{% $states.input.k %}", "out": "{% $states.result %}"},
                Catch=[
                    {
                        "ErrorEquals": ["E.b"],
                        "Output": {"e": "{% $states.errorOutput %}", "in": "{% $states.input %}"},
                        "Next": "X",
                    }
                ],
                Assign={"v": "{% $states.result[0] %}"},
            ),
            C=task("c", Next="S"),
            X=task("x", Next="S"),
            S={"Type": "Succeed", "Output": "{% $states.input %}"},
        ),
    ),
}

MACHINES = {
    "simple": SIMPLE,
    "jsonata": JSONATA,
    "catchers": CATCHERS,
    "loop": LOOP,
    "whole": WHOLE,
    "nested": NESTED,
    "nested in JSONata": NESTED_JSONATA,
}
NOT_EXACT = {"nested"}
"""On failure more is done, and undone again: the other iterations are not cut short."""
RESULTS: dict[str, list[Any]] = {"a": [{"n": 1, "l": [1]}, {"n": 2, "l": [2]}, {"n": 3, "l": []}], "b": [[5]]}
INPUT = {"k": "v", "l": [7, [8], []], "one": [{"x": 1}]}


def run(definition: dict[str, Any], failing: str | None) -> tuple[Execution, list[tuple[str, Any]]]:
    """Run a definition, where each call of one function fails; its calls by function."""
    calls: list[tuple[str, Any]] = []

    def perform(call: VirtualTask) -> Any:
        call.sleep(1)
        name = call.command.resource.removeprefix(ARN)
        calls.append((name, call.command.arguments.value))
        if name == failing:
            raise TaskError(f"E.{name}", "because")
        script = RESULTS.get(name, [f"did {name}"])
        return script[min(sum(each == name for each, _ in calls), len(script)) - 1]

    program = compiled(definition)
    execution = new_execution(program, id="test", input=Document(INPUT), seed=SEED)
    host = VirtualHost(program, execution, perform)
    host.run(2_000, until_ms=START_MS + 10_000_000)
    assert host.execution.closed
    return host.execution, calls


def functions(definition: dict[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for text in json.dumps(definition).split(ARN)[1:]:
        found[text.partition('"')[0]] = None
    return list(found)


def steps() -> Iterator[Any]:
    for name, definition in MACHINES.items():
        for failing in (None, *functions(definition)):
            yield pytest.param(name, failing, id=f"{name}, {failing or 'success'}")


@pytest.mark.parametrize(("name", "failing"), list(steps()))
def test_both_end_alike(name: str, failing: str | None) -> None:
    definition = MACHINES[name]
    lowered, found = lower(definition)
    assert lowered is not None, [str(each) for each in found]
    native, calls = run(definition, failing)
    plain, plain_calls = run(lowered, failing)
    assert (plain.status, plain.failure, plain.output) == (native.status, native.failure, native.output)
    if name not in NOT_EXACT or failing is None:
        assert plain_calls == calls
    else:
        assert {each for each, _ in plain_calls} >= {each for each, _ in calls}


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_lowered_is_plain_and_sound(name: str) -> None:
    lowered, _ = lower(MACHINES[name])
    assert lowered is not None
    assert not is_compensated(lowered)
    assert not [key for key in ("CompensateWith", "Compensate") if f'"{key}"' in json.dumps(lowered)]
    program, found = check(load_source(encode_json(lowered).decode()))
    own = [each for each in found if "Block" in str(each.location) or each.severity is Severity.ERROR]
    assert [str(each) for each in own] == []
    assert program is not None


def test_what_is_lowered_is_left_as_it_was() -> None:
    before = json.dumps(NESTED)
    lower(NESTED)
    assert json.dumps(NESTED) == before


def test_a_definition_without_compensation_is_itself() -> None:
    plain = block(A=task("a"), W=wait(1))
    assert lower(plain) == (plain, [])


def test_names_stay_unique_and_short() -> None:
    long = "x" * 80
    machine = with_paths(block(**{long: task("a", CompensateWith="Undo"), "C": task("c", End=True)}), Undo=undo("a"))
    lowered, _ = lower(machine)
    assert lowered is not None
    assert all(len(name) <= 80 for name in lowered["States"])
    assert run(lowered, "c")[1] == run(machine, "c")[1]


PATH = {"Undo": undo("a")}
FOUND = {
    "a timeout": ({"TimeoutSeconds": 9, **SIMPLE}, [(DIFFERS, "/TimeoutSeconds")]),
    "a block inside": (
        block(P=parallel(with_paths(block(A=task("a", CompensateWith="Undo", End=True)), **PATH))),
        [(DIFFERS, "/States/P")],
    ),
    "a retrier around": (
        block(P=parallel(with_paths(block(A=task("a", CompensateWith="Undo", End=True)), **PATH), Retry=[retry()])),
        [(DIFFERS, "/States/P"), (REFUSED, "/States/P/Retry")],
    ),
    "a distributed Map": (
        block(M=distributed(with_paths(block(A=task("a", CompensateWith="Undo", End=True)), **PATH))),
        [(DIFFERS, "/States/M"), (REFUSED, "/States/M")],
    ),
    "a path that assigns": (
        with_paths(block(A=task("a", CompensateWith="Undo", End=True)), Undo=undo("a", Assign={"v": 1})),
        [(REFUSED, "/States/Undo")],
    ),
    "a path that reads a variable": (
        with_paths(
            block(A=task("a", CompensateWith="Undo", Assign={"v": 1}, End=True)), Undo=undo("a", InputPath="$v")
        ),
        [(REFUSED, "/States/Undo")],
    ),
    "a path with a Map that reads Map": (
        with_paths(
            block(A=task("a", CompensateWith="Undo", End=True)),
            Undo=map_(block(I=pass_(InputPath="$$.Map.Item.Value")), End=True),
        ),
        [(REFUSED, "/States/Undo")],
    ),
}


@pytest.mark.parametrize(("definition", "expected"), FOUND.values(), ids=FOUND)
def test_what_cannot_be_done_exactly_is_said(definition: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert check(load_source(encode_json(definition).decode()))[0] is not None
    lowered, found = lower(definition)
    assert sorted((each.code, each.location) for each in found) == sorted(expected)
    assert (lowered is None) == any(code == REFUSED for code, _ in expected)
    assert all((each.severity is Severity.ERROR) == (each.code == REFUSED) for each in found)


# -- random machines ---------------------------------------------------------------------------------------------------


def random_block(random: Random, names: Iterator[int], depth: int, *, jsonata: bool) -> dict[str, Any]:
    """Work in a row, most of which is undone, with catchers that lead to later states; one block at a time."""
    row = [f"S{next(names)}" for _ in range(random.randint(1, 3))]
    last, states = f"S{next(names)}", {}
    for name in row:
        if depth and random.random() < 0.35:
            inner = random_block(random, names, depth - 1, jsonata=jsonata)
            items: dict[str, Any] = {"Items": [{"x": 1}]} if jsonata else {"ItemsPath": "$$.Execution.Input.one"}
            state = parallel(inner) if random.random() < 0.5 else map_(inner, **items)
        else:
            state = task(name.lower())
        if not jsonata:
            state |= random.choice([{"ResultPath": None}, {"ResultPath": "$.r"}])
        elif random.random() < 0.5:
            state["Output"] = {"before": "{% $states.input %}", "now": "{% $states.result %}"}
        if random.random() < 0.6:
            catcher = catch(random.choice([*row[row.index(name) + 1 :], last]))
            if random.random() < 0.5:
                catcher["ErrorEquals"] = [f"E.s{random.randint(1, 9)}", "States.Timeout"]
            if random.random() < 0.5:
                catcher["Compensate"] = True
            if not jsonata and random.random() < 0.5:
                catcher["ResultPath"] = "$.e"
            state["Catch"] = [catcher]
        states[name] = state
    states[last] = random.choice(
        [pass_(), {"Type": "Succeed"}, fail("Own", "cause"), {"Type": "Fail"}, task(last.lower())]
    )
    chained = block(**states)
    told = {"Arguments": {"in": "{% $states.input %}", "of": "{% $states.context.Compensation %}"}}
    if not jsonata:
        told = {"Parameters": {"in.$": "$", "of.$": "$$.Compensation"}}
    for name in row:
        if random.random() < 0.7:
            chained["States"][name]["CompensateWith"] = f"{name}Undo"
            path = {f"{name}Undo": undo(name.lower(), **told)}
            if random.random() < 0.3:
                path = {
                    f"{name}Undo": pass_(Next=f"{name}End"),
                    f"{name}End": random.choice([fail("U"), pass_(End=True)]),
                }
            chained["States"] |= path
    return chained


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=80)
def test_random_machines_end_alike(number: int, jsonata: bool) -> None:
    random = Random(number)
    definition = random_block(random, count(1), 2, jsonata=jsonata)
    if jsonata:
        definition["QueryLanguage"] = "JSONata"
    lowered, found = lower(definition)
    assert lowered is not None, [str(each) for each in found]
    for failing in (None, *functions(definition)):
        native, calls = run(definition, failing)
        plain, plain_calls = run(lowered, failing)
        assert (plain.status, plain.failure, plain.output) == (native.status, native.failure, native.output)
        assert plain_calls == calls
