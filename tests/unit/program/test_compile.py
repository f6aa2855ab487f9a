"""Model -> program: addresses, nodes, and every mistake at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from running import (
    FUNCTION,
    INVOKE,
    block,
    catch,
    choice,
    compiled,
    distributed,
    fail,
    findings,
    map_,
    parallel,
    pass_,
    retry,
    succeed,
    task,
    wait,
)

from statemachine.definition.source import load_source
from statemachine.definition.validate import check_definition
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Document
from statemachine.limits import AWS_LIMITS, DEFINITION_LIMITS
from statemachine.program import compile_machine
from statemachine.program.load import check
from statemachine.program.nodes import (
    ChoiceNode,
    FailNode,
    MapNode,
    ParallelNode,
    PassNode,
    RetrierNode,
    SucceedNode,
    TaskNode,
    WaitNode,
)


def test_every_state_has_its_address() -> None:
    inner = block(C=pass_(), D=map_(block(E=pass_())))
    program = compiled(block(A=pass_(), B=parallel(inner, block(F=succeed()))))
    assert set(program.nodes) == {
        "/States/A",
        "/States/B",
        "/States/B/Branches[0]/States/C",
        "/States/B/Branches[0]/States/D",
        "/States/B/Branches[0]/States/D/ItemProcessor/States/E",
        "/States/B/Branches[1]/States/F",
    }
    assert all(node.address == address for address, node in program.nodes.items())
    assert program.start_at == "/States/A"
    assert program.nodes["/States/A"].next == "/States/B"
    assert program.nodes["/States/B/Branches[0]/States/C"].next == "/States/B/Branches[0]/States/D"
    assert program.nodes["/States/B"].next is None


def test_an_address_survives_recompiling() -> None:
    """An execution's frames point into the program by address."""
    text = json.dumps(block(A=pass_(), B=parallel(block(C=pass_()))))
    assert check(load_source(text))[0] is not None
    first, second = check(load_source(text))[0], check(load_source(text))[0]
    assert first is not None
    assert second is not None
    assert first is not second
    assert list(first.nodes) == list(second.nodes)
    assert first.sha256 == second.sha256


@pytest.mark.parametrize(
    ("state", "kind", "entered"),
    [
        (pass_(), PassNode, "PassStateEntered"),
        (succeed(), SucceedNode, "SucceedStateEntered"),
        (fail(), FailNode, "FailStateEntered"),
        (wait(1), WaitNode, "WaitStateEntered"),
        (choice({"Variable": "$.a", "IsNull": True, "Next": "Z"}, default="Z"), ChoiceNode, "ChoiceStateEntered"),
        (task(), TaskNode, "TaskStateEntered"),
        (parallel(block(A=pass_())), ParallelNode, "ParallelStateEntered"),
        (map_(block(A=pass_())), MapNode, "MapStateEntered"),
    ],
)
def test_one_node_type_per_state_type(state: dict[str, Any], kind: type, entered: str) -> None:
    after = {} if state["Type"] in ("Succeed", "Fail") else {"Z": succeed()}
    node = compiled(block(S=state, **after)).nodes["/States/S"]
    assert type(node) is kind
    assert node.name == "S"
    assert (node.entered_type, node.exited_type) == (entered, entered.replace("Entered", "Exited"))


def test_a_pass_with_and_without_a_result() -> None:
    nodes = compiled(block(A=pass_(), B=pass_(Result=None), C=pass_(Result={"r": 1}))).nodes
    results = [node.result for node in nodes.values() if isinstance(node, PassNode)]
    assert results == [None, Document(None), Document({"r": 1})]


def test_the_parts_of_a_task() -> None:
    node = compiled(
        block(
            T=task(
                INVOKE,
                Parameters={"FunctionName": "f"},
                Retry=[
                    retry("A"),
                    retry(IntervalSeconds=3, MaxAttempts=0, BackoffRate=1.5, MaxDelaySeconds=9, JitterStrategy="FULL"),
                ],
                Catch=[catch("Z", "A", "B")],
            ),
            Z=pass_(),
        )
    ).nodes["/States/T"]
    assert isinstance(node, TaskNode)
    assert node.retriers == (
        RetrierNode(("A",), 1000, 3, 2.0, None, False),
        RetrierNode(("States.ALL",), 3000, 0, 1.5, 9000, True),
    )
    assert [(each.error_equals, each.next) for each in node.catchers] == [(("A", "B"), "/States/Z")]
    assert node.static_function_name == "f"
    assert (node.timeout_seconds, node.heartbeat_seconds, node.credentials) == (None, None, None)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"FunctionName": "f"}, "f"), ({"FunctionName.$": "$.f"}, None), ({"FunctionName": 5}, None)],
)
def test_the_function_name_that_a_definition_says(parameters: dict[str, Any], name: str | None) -> None:
    node = compiled(block(T=task(INVOKE, Parameters=parameters))).nodes["/States/T"]
    assert isinstance(node, TaskNode)
    assert node.static_function_name == name


def test_a_choice_without_a_default() -> None:
    node = compiled(block(C=choice({"Variable": "$.a", "IsNull": True, "Next": "Z"}), Z=succeed())).nodes["/States/C"]
    assert isinstance(node, ChoiceNode)
    assert node.next is None
    assert [rule.next for rule in node.rules] == ["/States/Z"]


@pytest.mark.parametrize(("mode", "is_distributed"), [(map_, False), (distributed, True)])
def test_the_parts_of_a_map(mode: Any, is_distributed: bool) -> None:
    label = {"Label": "Lab"} if is_distributed else {}
    node = compiled(block(M=mode(block(A=pass_()), **label))).nodes["/States/M"]
    assert isinstance(node, MapNode)
    assert node.distributed is is_distributed
    assert node.start_at == "/States/M/ItemProcessor/States/A"
    assert node.label == ("Lab" if is_distributed else None)
    assert (node.item_selector, node.max_concurrency, node.tolerated_count, node.tolerated_percentage) == (None,) * 4


def test_the_tasks_of_a_program_in_the_order_of_the_definition() -> None:
    machine = block(A=task(f"{FUNCTION}1"), P=parallel(block(B=task(f"{FUNCTION}2"))), C=task(f"{FUNCTION}3"))
    assert [node.name for node in compiled(machine).tasks()] == ["A", "B", "C"]


def test_the_machines_own_fields() -> None:
    program = compiled({"Comment": "why", "TimeoutSeconds": 7} | block(A=pass_()))
    assert program.timeout_seconds == 7
    assert compiled(block(A=pass_())).timeout_seconds is None


def test_a_program_cannot_be_changed() -> None:
    program = compiled(block(A=pass_()))
    with pytest.raises(AttributeError):
        program.start_at = "/elsewhere"  # type: ignore[misc]


WRONG = block(
    A=pass_(Parameters={"x.$": "$.[", "deep": {"y.$": "no path"}}, OutputPath="$.a["),
    W=wait(SecondsPath="$.]"),
    P=parallel(block(F=fail(ErrorPath="States.Nope()"))),
)


def test_all_mistakes_are_found_at_once_each_at_its_place() -> None:
    found = findings(json.dumps(WRONG))
    assert {code for code, _ in found} == {"SCHEMA_VALIDATION_FAILED"}
    assert {place for _, place in found} >= {
        "/States/A/Parameters",
        "/States/A/Parameters/deep",
        "/States/A/OutputPath",
        "/States/W/SecondsPath",
        "/States/P/Branches[0]/States/F",
    }


def test_findings_are_in_the_order_of_the_text_and_have_positions() -> None:
    text = json.dumps(WRONG, indent=1)
    program, found = check(load_source(text, file="wrong.json"))
    assert program is None
    positions = [(each.position.line, each.position.column) for each in found if each.position]
    assert len(positions) == len(found)
    assert positions == sorted(positions)
    assert {each.file for each in found} == {"wrong.json"}
    lines = text.splitlines()
    for each in found:
        assert each.position is not None
        assert lines[each.position.line - 1][each.position.column - 1 :].strip()


def test_the_message_names_the_field_and_all_are_in_the_error() -> None:
    with pytest.raises(DefinitionError) as raised:
        compiled(WRONG)
    text = str(raised.value)
    assert "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call" in text
    assert "The value for the field 'y.$' must be" in text
    assert len(raised.value.diagnostics) >= 5


def test_nesting_is_bounded() -> None:
    """Parallel and Map within each other: no deeper than the definition's text may be nested, nor than Limits.depth."""

    def nested(levels: int) -> dict[str, Any]:
        machine = block(L0=pass_())
        for level in range(1, levels):
            machine = block(**{f"L{level}": map_(machine)})
        return machine

    assert len(compiled(nested(30)).nodes) == 30
    with pytest.raises(DefinitionError):
        compiled(nested(min(AWS_LIMITS.depth, DEFINITION_LIMITS.depth) + 5))


def test_compile_machine_gives_a_program_or_findings() -> None:
    machine, _ = check_definition(load_source(json.dumps(block(A=pass_()))))
    assert machine is not None
    program, found = compile_machine(machine, "0" * 64)
    assert program is not None
    assert (program.sha256, found) == ("0" * 64, [])
