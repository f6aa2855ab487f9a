"""Fields that no way produces, and payloads that the definition itself makes too large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import INVOKE, block, catch, choice, distributed, map_, parallel, pass_, succeed, task, wait

Warned = Callable[..., list[tuple[str, str]]]
LOST = "FIELD_NOT_PRODUCED"
AB = pass_(Result={"a": {"b": 1}, "list": [{"c": 1}, {"d": 2}]})
IF_A = {"Variable": "$.a", "IsPresent": True}


def read(path: str) -> dict[str, Any]:
    """A Pass that reads a path."""
    return pass_(Parameters={"v.$": path})


@pytest.mark.parametrize(
    ("path", "is_lost"),
    [
        ("$.a", False),
        ("$.a.b", False),
        ("$['a']['b']", False),
        ("$.x", True),
        ("$.a.x", True),
        ("$.a.b.x", True),
        ("$.list[0].c", False),
        ("$.list[1].c", False),
        ("$.list[0].x", True),
        ("$.list[2]", True),
        ("$.list[-1]", False),
        ("$.list[-3]", True),
        ("$.list[*].x", False),
        ("$..x", False),
        ("$.a[0]", True),
        ("$.list.c", True),
        ("$$.Execution.Input.x", False),
        ("States.Format('{}', $.x)", True),
        ("States.Format('$.x')", False),
        ("States.MathAdd(States.ArrayLength($.x), 1)", True),
    ],
)
def test_a_literal_result(path: str, is_lost: bool, warned: Warned) -> None:
    assert warned(block(S=AB, R=read(path))) == ([(LOST, "/States/R/Parameters/v.$")] if is_lost else [])


@pytest.mark.parametrize(
    ("before", "path", "is_lost"),
    [
        ([pass_()], "$.x", False),
        ([task()], "$.x", False),
        ([AB, task()], "$.x", False),
        ([AB, task(ResultPath="$.task")], "$.x", True),
        ([AB, task(ResultPath="$.task")], "$.task.x", False),
        ([AB, task(ResultPath="$.a.deep.er")], "$.a.deep.x", True),
        ([AB, task(ResultPath=None)], "$.x", True),
        ([AB, task(OutputPath=None)], "$.a", True),
        ([task(ResultSelector={"only.$": "$.x"})], "$.other", True),
        ([task(ResultSelector={"only.$": "$.x"})], "$.only.deep", False),
        ([pass_(Parameters={"a.$": "$.b", "c": 1})], "$.b", True),
        ([pass_(Parameters={"a.$": "$.b", "c": 1})], "$.a.b", False),
        ([pass_(Parameters={"a.$": "States.JsonMerge($.b, $.c, false)"})], "$.a.b", False),
        ([pass_(InputPath="$.a")], "$.b", False),
        ([AB, pass_(InputPath="$.a")], "$.b", False),
        ([AB, pass_(OutputPath="$.a")], "$.a", True),
        ([AB, wait(1)], "$.x", True),
        ([AB, wait(1)], "$.a", False),
        ([parallel(block(A=pass_(Result={"x": 1})), block(B=pass_(Result={"y": 1})))], "$[1].y", False),
        ([parallel(block(A=pass_(Result={"x": 1})), block(B=pass_(Result={"y": 1})))], "$[2]", True),
        ([parallel(block(A=pass_(Result={"x": 1})), block(B=pass_(Result={"y": 1})))], "$[0].z", True),
        ([parallel(block(A=pass_(Result={"x": 1})), block(B=task()))], "$[0].z", False),
        ([map_(block(A=pass_(Result={"x": 1})))], "$[0].x", False),
        ([map_(block(A=pass_(Result={"x": 1})))], "$[0].y", True),
        ([map_(block(A=pass_(Result={"x": 1})))], "$.x", True),
        ([distributed(block(A=pass_(Result={"x": 1})))], "$[0].y", True),
        ([AB, pass_(ResultPath="$.list[0]", Result={"e": 1})], "$.list[0].e", False),
    ],
)
def test_data_flow(before: list[dict[str, Any]], path: str, is_lost: bool, warned: Warned) -> None:
    states = {f"S{number}": state for number, state in enumerate(before)}
    assert warned(block(**states, R=read(path))) == ([(LOST, "/States/R/Parameters/v.$")] if is_lost else [])


@pytest.mark.parametrize(
    ("machine", "place"),
    [
        (block(S=AB, R=pass_(InputPath="$.x")), "/States/R/InputPath"),
        (block(S=AB, R=pass_(OutputPath="$.x")), "/States/R/OutputPath"),
        (block(S=AB, R={"Type": "Wait", "SecondsPath": "$.x"}), "/States/R/SecondsPath"),
        (block(S=AB, R={"Type": "Fail", "CausePath": "$.x"}), "/States/R/CausePath"),
        (block(S=AB, R=succeed(InputPath="$.x")), "/States/R/InputPath"),
        (block(S=AB, R=task(TimeoutSecondsPath="$.x")), "/States/R/TimeoutSecondsPath"),
        (block(S=AB, R=task(Credentials={"RoleArn.$": "$.x"})), "/States/R/Credentials/RoleArn.$"),
        (block(S=AB, R=map_(block(I=pass_()), ItemsPath="$.x")), "/States/R/ItemsPath"),
        (
            block(S=AB, R=map_(block(I=pass_()), ItemsPath="$.list", MaxConcurrencyPath="$.x")),
            "/States/R/MaxConcurrencyPath",
        ),
        (
            block(S=AB, R=map_(block(I=pass_()), ItemsPath="$.list", ItemSelector={"i.$": "$.x"})),
            "/States/R/ItemSelector/i.$",
        ),
        (
            block(S=AB, R=map_(block(I=read("$.x")), ItemsPath="$.list")),
            "/States/R/ItemProcessor/States/I/Parameters/v.$",
        ),
        (block(S=AB, R=parallel(block(I=read("$.x")))), "/States/R/Branches[0]/States/I/Parameters/v.$"),
        (block(S=AB, R=parallel(block(I=pass_()), Parameters={"v.$": "$.x"})), "/States/R/Parameters/v.$"),
        (block(R=parallel(block(I=pass_()), ResultSelector={"v.$": "$.x"})), "/States/R/ResultSelector/v.$"),
        (
            block(S=AB, C=choice({"Variable": "$.x", "NumericEquals": 1, "Next": "E"}, default="E"), E=succeed()),
            "/States/C/Choices[0]/Variable",
        ),
        (
            block(
                S=AB, C=choice({"Variable": "$.a", "NumericEqualsPath": "$.x", "Next": "E"}, default="E"), E=succeed()
            ),
            "/States/C/Choices[0]/NumericEqualsPath",
        ),
        (
            block(T=task(Catch=[catch("R", ResultPath="$.e")], Next="E"), R=read("$.e.Cause.x"), E=succeed()),
            "/States/R/Parameters/v.$",
        ),
        (block(T=task(Catch=[catch("R")], Next="E"), R=read("$.orderId"), E=succeed()), "/States/R/Parameters/v.$"),
        (block(R=task(INVOKE, Parameters={"FunctionName": "f"}, OutputPath="$.body")), "/States/R/OutputPath"),
    ],
)
def test_places(machine: dict[str, Any], place: str, warned: Warned) -> None:
    assert warned(machine) == [(LOST, place)]


@pytest.mark.parametrize(
    "machine",
    [
        block(T=task(Catch=[catch("R", ResultPath="$.e")], Next="E"), R=read("$.orderId"), E=succeed()),
        block(T=task(Catch=[catch("R")], Next="E"), R=read("$.Error"), E=succeed()),
        block(R=task(INVOKE, Parameters={"FunctionName": "f"}, OutputPath="$.Payload.body")),
        block(
            R=task(f"{INVOKE}.waitForTaskToken", Parameters={"FunctionName": "f"}, OutputPath="$.x", TimeoutSeconds=9)
        ),
        block(S=AB, C=choice({**IF_A, "Variable": "$.x", "Next": "E"}, default="E"), E=succeed()),
        block(
            S=AB,
            C=choice(
                {
                    "And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x.y", "NumericEquals": 1}],
                    "Next": "E",
                },
                default="E",
            ),
            E=succeed(),
        ),
        block(S=AB, M=map_(block(I=read("$.c")), ItemsPath="$.list")),
        block(S=AB, M=map_(block(I=read("$.v.x")), ItemsPath="$.list", ItemSelector={"v.$": "$$.Map.Item.Value"})),
        block(
            S=AB,
            M=distributed(
                block(I=read("$.x")),
                ItemReader={"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}},
            ),
        ),
    ],
)
def test_what_may_be_there(machine: dict[str, Any], warned: Warned) -> None:
    assert warned(machine) == []


def test_one_way_that_produces_it_is_enough(warned: Warned) -> None:
    def machine(one: str, other: str) -> dict[str, Any]:
        asked = choice({**IF_A, "Next": "S"}, default="T")
        return block(C=asked, S=pass_(Result={one: 1}, Next="R"), T=pass_(Result={other: 1}), R=read("$.x"))

    assert warned(machine("x", "y")) == []
    assert warned(machine("y", "x")) == []
    assert warned(machine("y", "z")) == [(LOST, "/States/R/Parameters/v.$")]


def test_a_loop_may_produce_it_in_a_later_turn(warned: Warned) -> None:
    again = choice({"Variable": "$.n", "NumericLessThan": 3, "Next": "R"}, default="E")
    machine = block(S=pass_(Result={"n": 1}), R=read("$.x"), T=task(ResultPath="$.x"), C=again, E=succeed())
    assert warned(machine) == [(LOST, "/States/C/Choices[0]/Variable")]
    keeping = {**read("$.x"), "ResultPath": "$.r"}
    machine = block(S=pass_(Result={"n": 1}), R=keeping, T=task(ResultPath="$.x"), C=again, E=succeed())
    assert warned(machine) == []


def test_variables_have_shapes(warned: Warned) -> None:
    machine = block(S=pass_(Assign={"v": {"a": 1}, "w.$": "$.a"}), R=pass_(Parameters={"a.$": "$v.x", "b.$": "$w.x"}))
    assert warned(machine) == [(LOST, "/States/R/Parameters/a.$")]


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (pass_(Output="{% $states.input.x %}"), "Output"),
        (pass_(Output={"v": ["{% $states.input.x %}"]}), "Output/v[0]"),
        (pass_(Output="{% $states.input.a.x %}"), "Output"),
        (pass_(Output="{% $states.input.a.b %}"), None),
        (pass_(Output="{% $states.input.x ? 1 : 2 %}"), None),
        (pass_(Output="{% $exists($states.input.x) %}"), None),
        (pass_(Output="{% $states.input.list.c %}"), None),
        (pass_(Output="{% $states.input.a[0] %}"), None),
        (pass_(Output="{% $states.context.Execution.Input.x %}"), None),
        (pass_(Output="$states.input.x"), None),
        (pass_(Assign={"v": "{% $states.input.x %}"}), "Assign/v"),
        (task(Arguments={"v": "{% $states.input.x %}"}), "Arguments/v"),
        (task(Output="{% $states.result.x %}"), None),
        (task(INVOKE, Arguments={"FunctionName": "f"}, Output="{% $states.result.x %}"), "Output"),
        (task(Assign={"v": "{% $states.result %}"}), None),
        (task(Arguments={"v": "{% $states.result %}"}), "Arguments/v"),
        (pass_(Output="{% $states.result.x %}"), "Output"),
        (pass_(Output="{% $exists($states.result) %}"), None),
        (map_(block(I=pass_()), ItemSelector="{% $states.result %}"), "ItemSelector"),
        (map_(block(I=pass_()), Output="{% $states.result %}"), None),
        (wait(Seconds="{% $states.input.x %}"), "Seconds"),
        (map_(block(I=pass_()), Items="{% $states.input.x %}"), "Items"),
        (parallel(block(I=pass_(Output="{% $states.input.x %}"))), "Branches[0]/States/I/Output"),
    ],
)
def test_jsonata(state: dict[str, Any], place: str | None, warned: Warned) -> None:
    made = pass_(Output="{% {'a': {'b': $random()}, 'list': $states.input.list} %}")
    for first in (made, pass_(Output={"a": {"b": "{% $random() %}"}, "list": "{% $states.input.l %}"})):
        machine = {"QueryLanguage": "JSONata", **block(S=first, R=state)}
        assert warned(machine, "VARIABLE_UNUSED") == ([] if place is None else [(LOST, f"/States/R/{place}")])


def test_a_catchers_error_output(warned: Warned) -> None:
    catcher = catch("E", Output={"a": "{% $states.errorOutput.Error %}", "b": "{% $states.errorOutput.Code %}"})
    machine = {"QueryLanguage": "JSONata", **block(T=task(Catch=[catcher], End=True), E=succeed())}
    assert warned(machine) == [(LOST, "/States/T/Catch[0]/Output/b")]


def test_a_path_is_reported_once_in_a_state(messages: Callable[[dict[str, Any]], list[str]]) -> None:
    machine = block(S=pass_(Result={"order": 1}), R=pass_(Parameters={"v.$": "$.ordre", "w.$": "$.ordre"}))
    (message,) = messages(machine)
    assert "The path '$.ordre' leads nowhere" in message
    assert "did you mean `order`?" in message


LARGE = "x" * 100_000


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (block(S=pass_(Result=LARGE)), []),
        (block(S=pass_(Result=LARGE * 3)), [("PAYLOAD_TOO_LARGE", "/States/S")]),
        (block(S=pass_(Result="x" * 240_000)), [("PAYLOAD_NEAR_LIMIT", "/States/S")]),
        (block(S=pass_(Result="x" * 262_000), T=pass_()), [("PAYLOAD_NEAR_LIMIT", "/States/S")]),
        (block(S=pass_(Parameters={"a": LARGE, "b": [LARGE, LARGE]})), [("PAYLOAD_TOO_LARGE", "/States/S")]),
        (block(S=task(Parameters={"a": LARGE * 3})), [("PAYLOAD_TOO_LARGE", "/States/S/Parameters")]),
        (block(A=pass_(Result=LARGE, ResultPath="$.a"), B=pass_(Result=LARGE, ResultPath="$.b")), []),
        (
            block(
                S=pass_(Result={}), A=pass_(Result=LARGE * 2, ResultPath="$.a"), B=pass_(Result=LARGE, ResultPath="$.b")
            ),
            [("PAYLOAD_TOO_LARGE", "/States/B")],
        ),
        (
            block(
                S=pass_(Result={}), A=pass_(Result=LARGE * 2, ResultPath="$.a"), B=pass_(Result=LARGE, ResultPath="$.a")
            ),
            [],
        ),
        (block(S=pass_(Result=[1, 2, 3]), M=map_(block(I=pass_(Result=LARGE)))), [("PAYLOAD_TOO_LARGE", "/States/M")]),
        (block(M=map_(block(I=pass_(Result=LARGE)))), []),
        (
            block(P=parallel(*(block(**{f"I{n}": pass_(Result=LARGE)}) for n in range(3)))),
            [("PAYLOAD_TOO_LARGE", "/States/P")],
        ),
        (block(S=pass_(Assign={"v": LARGE * 3}), T=read("$v[0]")), [("PAYLOAD_TOO_LARGE", "/States/S/Assign")]),
    ],
)
def test_payloads(machine: dict[str, Any], expected: list[tuple[str, str]], warned: Warned) -> None:
    assert warned(machine, LOST) == expected


def test_growing_documents_end(warned: Warned) -> None:
    """A loop that wraps its document once more each turn has no finite shape."""
    again = choice({"Variable": "$.n", "IsPresent": True, "Next": "E"}, default="S")
    machine = block(A=pass_(Result={"n": 0}), S=pass_(Parameters={"prev.$": "$"}), C=again, E=read("$.prev.prev"))
    assert warned(machine) == []


def test_more_work_than_the_budget_is_not_done(warned: Warned) -> None:
    machine = block(S=pass_(Result=[0] * 60_000), R=read("$.x"))
    assert LOST not in [code for code, _ in warned(machine)]


def test_deep_nesting_is_bounded(warned: Warned) -> None:
    inner = block(L=read("$.x"))
    for depth in range(20):
        inner = block(**{f"A{depth}": pass_(Result={"a": 1}), f"P{depth}": parallel(inner)})
    assert [code for code, _ in warned(inner)] == [LOST]
