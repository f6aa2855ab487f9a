"""Generated cases pass at once, and reach every branch that can be reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from running import block, catch, choice, distributed, fail, map_, parallel, pass_, retry, succeed, task, wait

from statemachine.program.load import load
from statemachine.testing.cases.checking import run_case
from statemachine.testing.cases.model import CasesFile
from statemachine.testing.cases.reading import read_cases
from statemachine.testing.cases.telling import tell
from statemachine.testing.generation.generate import Generated, generate
from statemachine.testing.generation.writing import to_yaml

INVOKE = "arn:aws:states:::lambda:invoke"
READER = "arn:aws:states:::s3:getObject"
PAYLOAD = {"FunctionName": "f", "Payload.$": "$"}
OR_ELSE = choice({"Variable": "$.check.score", "NumericGreaterThan": 700, "Next": "Good"}, default="Bad")
ENDS = {"Good": succeed(), "Bad": fail("Bad")}


def generated(folder: Path, definition: Mapping[str, Any]) -> tuple[Generated, CasesFile]:
    (folder / "m.asl.json").write_text(json.dumps(definition))
    made = generate(load(folder / "m.asl.json"), folder)
    for name, text in (("m.asl-test.yaml", made.text), ("m.asl-test.json", made.json)):
        (folder / name).write_text(text)
        file = read_cases(folder / name)
        for case in file.cases:
            found = run_case(case)
            assert found.ok, "\n".join(tell(found))
    return made, file


def machine(start: str, **states: Any) -> dict[str, Any]:
    return {"StartAt": start, "States": states}


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param(block(A=pass_(), B=succeed()), id="no branch"),
        pytest.param(
            machine("C", C=choice({"Variable": "$.a.b", "StringEquals": "x", "Next": "Good"}, default="Bad"), **ENDS),
            id="a choice on the input",
        ),
        pytest.param(
            machine("Check", Check=task(ResultPath="$.check", Next="C"), C=OR_ELSE, **ENDS), id="a choice on a result"
        ),
        pytest.param(
            machine(
                "Check",
                Check=task(
                    INVOKE,
                    Parameters=PAYLOAD,
                    ResultSelector={"score.$": "$.Payload.points"},
                    ResultPath="$.check",
                    Next="C",
                ),
                C=OR_ELSE,
                **ENDS,
            ),
            id="a choice on a selected result",
        ),
        pytest.param(
            machine(
                "Check",
                Check=task(INVOKE, Parameters=PAYLOAD, OutputPath="$.Payload", Next="C"),
                C=OR_ELSE,
                **ENDS,
            ),
            id="a choice on a payload",
        ),
        pytest.param(
            machine(
                "C",
                C=choice(
                    {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Good"},
                    {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Bad"},
                    {"Variable": "$.n", "NumericLessThan": 5, "Next": "Good"},
                    default="Bad",
                ),
                **ENDS,
            ),
            id="rules that exclude each other",
        ),
        pytest.param(
            machine(
                "W",
                W=wait(SecondsPath="$.rest", Next="T"),
                T=task(
                    Parameters={"sum.$": "States.MathAdd($.one, 2)", "id.$": "$.order.id"},
                    Retry=[retry("Busy", MaxAttempts=2), retry()],
                    Catch=[catch("Bad", "Odd", ResultPath="$.error"), catch("Good")],
                    End=True,
                ),
                **ENDS,
            ),
            id="retriers and catchers",
        ),
        pytest.param(
            machine(
                "T",
                T=task(
                    Catch=[catch("Bad", "Odd"), catch("Bad", "States.TaskFailed"), catch("Good")],
                    Next="Good",
                ),
                **ENDS,
            ),
            id="catchers of everything else",
        ),
        pytest.param(
            block(
                P=parallel(
                    block(L=task(Retry=[retry("Slow")])),
                    block(R=wait(1)),
                    Retry=[retry("Bad", MaxAttempts=1)],
                    Catch=[catch("Q")],
                    Next="Q",
                ),
                Q=succeed(),
            ),
            id="a parallel",
        ),
        pytest.param(
            block(
                M=map_(
                    machine("C", C=choice({"Variable": "$.k", "StringEquals": "x", "Next": "X"}, default="Y"),
                            X=task(End=True), Y=pass_(End=True)),
                    ItemsPath="$.orders.lines",
                )
            ),
            id="a choice in a map",
        ),
        pytest.param(
            block(
                M=distributed(
                    machine("C", C=choice({"Variable": "$.k", "NumericEquals": 1, "Next": "X"}, default="Y"),
                            X=task(End=True), Y=fail("No")),
                    ItemReader={"Resource": READER, "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
                    Catch=[catch("Good", "States.ItemReaderFailed"), catch("Bad")],
                    Next="Good",
                ),
                **ENDS,
            ),
            id="a distributed map with a reader",
        ),
        pytest.param(
            machine(
                "Ask",
                Ask=task(ResultPath="$.job", Next="C"),
                C=choice({"Variable": "$.job.state", "StringEquals": "done", "Next": "Good"},
                         {"Variable": "$.job.state", "StringEquals": "failed", "Next": "Bad"}, default="W"),
                W=wait(60, Next="Ask"),
                **ENDS,
            ),
            id="a loop that polls",
        ),
        pytest.param(
            machine(
                "Book",
                Book=task(CompensateWith="Cancel", Next="Pay"),
                Pay=task(CompensateWith="Refund", Next="Send"),
                Send=task(End=True),
                Cancel=task(Retry=[retry("Busy")], End=True),
                Refund=task(End=True),
            ),
            id="compensations",
        ),
        pytest.param(
            machine(
                "P",
                P=parallel(
                    machine("Book", Book=task(CompensateWith="Cancel", End=True), Cancel=task(End=True)),
                    block(Pay=task()),
                    End=True,
                ),
            ),
            id="a compensation in a branch",
        ),
        pytest.param(
            {
                "QueryLanguage": "JSONata",
                **machine(
                    "T",
                    T=task(INVOKE, Arguments={"FunctionName": "f", "Payload": "{% $states.input.order.id %}"},
                           Output="{% $states.result.Payload %}", Next="C"),
                    C={"Type": "Choice",
                       "Choices": [{"Condition": "{% $states.input.n > 1 and $states.input.vip %}", "Next": "Good"}],
                       "Default": "Bad"},
                    **ENDS,
                ),
            },
            id="JSONata",
        ),
    ],
)  # fmt: skip
def test_every_branch_is_reached_and_every_case_passes(tmp_path: Path, definition: dict[str, Any]) -> None:
    made, _ = generated(tmp_path, definition)
    assert [each.text for each in made.missing] == []
    assert "reach 100.0 %" in made.summary


def test_what_cannot_be_reached_is_told_at_the_top(tmp_path: Path) -> None:
    odd = choice({"Variable": "$$.Execution.Name", "StringEquals": "x", "Next": "Good"}, default="Bad")
    made, file = generated(tmp_path, machine("C", C=odd, **ENDS))
    assert [each.text for each in made.missing] == [
        'rule of C: $$.Execution.Name = "x" -> Good',
        "state Good",
    ]
    assert '#   line 1: rule of C: $$.Execution.Name = "x" -> Good' in made.text
    assert "2 of 5 are left to you" in made.summary
    assert len(file.cases) == 1


def test_an_endless_machine_gives_no_case_that_claims_to_end(tmp_path: Path) -> None:
    machine = {"StartAt": "A", "States": {"A": choice(
        {"Variable": "$.stop", "BooleanEquals": True, "Next": "B"}, default="A"), "B": succeed()}}  # fmt: skip
    made, file = generated(tmp_path, machine)
    assert [each.text for each in made.missing] == ["default of A: -> A"]
    assert [case.setup.input.value for case in file.cases] == [{"stop": True}]


def test_maps_are_run_with_no_item_one_and_two(tmp_path: Path) -> None:
    _, file = generated(tmp_path, block(M=map_(block(T=task()), ItemsPath="$.lines")))
    assert [(case.name, len(case.setup.input.value["lines"])) for case in file.cases] == [
        ("SUCCEEDED in T", 1),
        ("M with no items", 0),
        ("M with 2 items", 2),
    ]


def test_data_that_makes_no_difference_is_left_out(tmp_path: Path) -> None:
    tasks = {"A": task(Parameters={"x.$": "$.x"}, Next="B"), "B": task(Parameters={"y.$": "$.y"}, End=True)}
    _, file = generated(tmp_path, machine("A", **tasks))
    (case,) = file.cases
    assert case.setup.input.value == {"x": "x"}
    assert case.setup.mocks.outcome("A", 0).value == {"y": "y"}  # type: ignore[union-attr]


def test_written_yaml_is_read_as_it_was_meant(tmp_path: Path) -> None:
    (tmp_path / "m.asl.json").write_text(json.dumps(block(on=pass_())))
    value = {"a": "1e3", "b": "on", "c": "0o17", "d": "\u2028\x85", "e": "# no", "f": [1.5, None, True], "g": "x" * 200}
    case = {"name": "a: b # c", "input": value, "expect": {"path": ["on"], "output": value}}
    (tmp_path / "m.asl-test.yaml").write_text(to_yaml({"definition": "m.asl.json"}, [case], ["one", "two"]))
    (found,) = read_cases(tmp_path / "m.asl-test.yaml").cases
    assert found.name == "a: b # c"
    assert found.setup.input.value == value
    assert run_case(found).ok


def test_the_same_definition_gives_the_same_cases(tmp_path: Path) -> None:
    definition = machine("Check", Check=task(ResultPath="$.check", Next="C"), C=OR_ELSE, **ENDS)
    assert generated(tmp_path, definition)[0].text == generated(tmp_path, definition)[0].text
