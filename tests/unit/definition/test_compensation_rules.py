"""The rules on CompensateWith and Compensate."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition.source import load_source
from statemachine.definition.validate import validate_graph
from statemachine.jsonvalue import encode_json
from statemachine.program.load import check

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
END = {"Type": "Pass", "End": True}


def task(next: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, **({"End": True} if next is None else {"Next": next}), **fields}


def to(next: str) -> dict[str, Any]:
    return {"Type": "Pass", "Next": next}


def machine(start_at: str = "A", **states: Any) -> dict[str, Any]:
    return {"StartAt": start_at, "States": states}


def parallel(*blocks: dict[str, Any], next: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Parallel",
        "Branches": list(blocks),
        **({"End": True} if next is None else {"Next": next}),
        **fields,
    }


def catcher(next: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": ["States.ALL"], "Next": next, **fields}]


def findings(value: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each.code, each.message, each.location or "") for each in validate_graph(value)]


SOUND = {
    "a task and a path": machine(A=task(CompensateWith="U"), U=END),
    "a longer path": machine(A=task(CompensateWith="U"), U=to("V"), V=task(Catch=catcher("W")), W=END),
    "a path of two states": machine(A=task("B", CompensateWith="U"), B=task(CompensateWith="U"), U=END),
    "paths that join": machine(
        A=task("B", CompensateWith="U"), B=task(CompensateWith="V"), U=to("W"), V=to("W"), W=END
    ),
    "a path with a circle": machine(
        A=task(CompensateWith="U"),
        U={"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "U"}], "Default": "V"},
        V={"Type": "Succeed"},
    ),
    "a path in a branch": machine(
        A=parallel(machine("B", B=task(CompensateWith="C"), C={"Type": "Fail"}), CompensateWith="U"), U=END
    ),
    "a Map": machine(
        A={"Type": "Map", "ItemProcessor": machine("B", B=END), "CompensateWith": "U", "End": True}, U=END
    ),
    "a catcher": machine(A=task("B", CompensateWith="U"), B=task(Catch=catcher("C", Compensate=True)), C=END, U=END),
    "a block inside a path": machine(A=task(CompensateWith="U"), U=parallel(machine("B", B=task()))),
}


@pytest.mark.parametrize("value", SOUND.values(), ids=SOUND)
def test_a_sound_definition(value: dict[str, Any]) -> None:
    program, found = check(load_source(encode_json(value).decode()))
    assert [str(each) for each in found] == []
    assert program is not None


FAULTS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "a target that is not there": (
        machine(A=task(CompensateWith="Undo"), Undon=END),
        [
            ("MISSING_TRANSITION_TARGET", "Missing 'CompensateWith' target: Undo", "/States/A/CompensateWith"),
        ],
    ),
    "a target in another block": (
        machine(A=parallel(machine("B", B=task(CompensateWith="U"))), U=END),
        [
            ("MISSING_TRANSITION_TARGET", 'State "U" is not reachable.', "/States/U"),
            (
                "MISSING_TRANSITION_TARGET",
                "Missing 'CompensateWith' target: U",
                "/States/A/Branches[0]/States/B/CompensateWith",
            ),
        ],
    ),
    "a transition into a path": (
        machine(A=task("B", CompensateWith="U"), B=to("U"), U=END),
        [("SM_COMPENSATION_PATH", "'U' begins a compensation path: only CompensateWith leads there", "/States/B/Next")],
    ),
    "a catcher that leads into a path": (
        machine(A=task(CompensateWith="U", Catch=catcher("U")), U=END),
        [
            (
                "SM_COMPENSATION_PATH",
                "'U' begins a compensation path: only CompensateWith leads there",
                "/States/A/Catch[0]/Next",
            )
        ],
    ),
    "a path that begins the block": (
        machine("U", U=task("A"), A=task(CompensateWith="U")),
        [("SM_COMPENSATION_PATH", "'U' begins a compensation path: only CompensateWith leads there", "/StartAt")],
    ),
    "a state that undoes itself": (
        machine(A=task(CompensateWith="A")),
        [("SM_COMPENSATION_PATH", "'A' begins a compensation path: only CompensateWith leads there", "/StartAt")],
    ),
    "a path that leads back": (
        machine(A=task("B", CompensateWith="U"), B=END, U=to("V"), V=to("B")),
        [
            (
                "SM_COMPENSATION_PATH",
                "'V' belongs to a compensation path, which does not lead back to 'B'",
                "/States/V/Next",
            ),
        ],
    ),
    "a path that never ends": (
        machine(A=task(CompensateWith="U"), U=to("V"), V=to("U")),
        [
            (
                "SM_COMPENSATION_END",
                "The compensation path that begins with 'U' has no terminal state",
                "/States/A/CompensateWith",
            )
        ],
    ),
    "a compensated state in a path": (
        machine(A=task(CompensateWith="U"), U=task(CompensateWith="V"), V=END),
        [
            (
                "SM_COMPENSATION_NESTED",
                "A state of a compensation path is not itself compensated",
                "/States/U/CompensateWith",
            )
        ],
    ),
    "a compensating catcher in a path": (
        machine(A=task(CompensateWith="U"), U=task(Catch=catcher("V", Compensate=True)), V=END),
        [
            (
                "SM_COMPENSATION_NESTED",
                "A catcher of a compensation path has nothing to compensate",
                "/States/U/Catch[0]/Compensate",
            )
        ],
    ),
    "a compensated state deep inside a path": (
        machine(
            A=task(CompensateWith="U"),
            U=parallel(machine("B", B=parallel(machine("C", C=task(CompensateWith="D"), D=END)))),
        ),
        [
            (
                "SM_COMPENSATION_NESTED",
                "A state of a compensation path is not itself compensated",
                "/States/U/Branches[0]/States/B/Branches[0]/States/C/CompensateWith",
            )
        ],
    ),
    "a block that begins nowhere": (
        machine("Nowhere", A=task(CompensateWith="U"), U=END),
        [("MISSING_TRANSITION_TARGET", "Missing 'Next' target: Nowhere", "/StartAt")],
    ),
    "a path that nothing completes into": (
        machine(A=END, B=task(CompensateWith="U"), U=END),
        [("MISSING_TRANSITION_TARGET", 'State "B" is not reachable.', "/States/B")],
    ),
}


@pytest.mark.parametrize(("value", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_once(value: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert findings(value) == expected


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (machine(A={"Type": "Pass", "End": True, "CompensateWith": "A"}), "Field 'CompensateWith' is not supported"),
        (machine(A=task(CompensateWith="")), "Value cannot be empty"),
        (machine(A=task(CompensateWith=7)), "Expected value of type String"),
        (machine(A=task(Catch=catcher("A", Compensate="yes"))), "Expected value of type Boolean"),
    ],
)
def test_where_the_fields_may_stand(value: dict[str, Any], where: str) -> None:
    program, found = check(load_source(encode_json(value).decode()))
    assert program is None
    assert where in [each.message for each in found]
