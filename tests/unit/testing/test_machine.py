"""Definitions run from Python, as the fixture `state_machine` runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from running import FUNCTION, block, pass_, retry, task, wait

from statemachine.errors import DefinitionError, TaskError
from statemachine.testing.cases.model import Names, Stop
from statemachine.testing.cases.running import UnmockedTaskError
from statemachine.testing.machine import EndlessExecutionError, MachineRunner
from statemachine.testing.mocks import Mocks, MocksError

YEAR = 365 * 86_400


@pytest.fixture
def machine(tmp_path: Path) -> MachineRunner:
    return MachineRunner(tmp_path)


def test_a_definition_may_be_data_text_or_a_file_beside_the_test(machine: MachineRunner, tmp_path: Path) -> None:
    definition = block(A=pass_(Result=1))
    (tmp_path / "m.asl.json").write_text(json.dumps(definition))
    for form in (definition, json.dumps(definition), "m.asl.json", tmp_path / "m.asl.json"):
        assert machine(form).output == 1


def test_functions_and_outcomes_stand_in_for_tasks(machine: MachineRunner) -> None:
    calls: list[Any] = []

    def add(arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise TaskError("Busy", "later")
        return arguments["n"] + 1

    definition = block(
        Add=task(Retry=[retry("Busy", IntervalSeconds=5)], ResultPath="$.n"), Rest=wait(YEAR), Log=task()
    )
    done = machine(definition, {"n": 1}, mocks={"Add": add, "Log": {"Return": "logged"}})
    assert (done.status, done.output, done.error, done.cause) == ("SUCCEEDED", "logged", None, None)
    assert done.path == ["Add", "Rest", "Log"]
    assert done.calls == {"Add": [{"n": 1}, {"n": 1}], "Log": [{"n": 2}]}
    assert done.seconds == YEAR + 5
    assert done.history[0]["type"] == "ExecutionStarted"


def test_null_is_an_input_and_no_input_is_an_empty_object(machine: MachineRunner) -> None:
    definition = block(A=pass_())
    assert machine(definition, None).output is None
    assert machine(definition).output == {}


def test_names_start_and_stop(machine: MachineRunner) -> None:
    definition = block(A=pass_(Assign={"at.$": "$$.Execution.StartTime", "who.$": "$$.Execution.Name"}), B=wait(9))
    done = machine(
        definition,
        start="2026-01-01T00:00:00Z",
        names=Names(execution="me"),
        stop=Stop(2_000, "Enough", compensate=True),
    )
    assert done.variables == {"at": "2026-01-01T00:00:00.000Z", "who": "me"}
    assert (done.status, done.error, done.seconds) == ("ABORTED", "Enough", 2.0)


def test_mistakes_are_errors_of_the_test(machine: MachineRunner) -> None:
    with pytest.raises(UnmockedTaskError, match=f"'Work' calls {FUNCTION}, and has no mock"):
        machine(block(Work=task()))
    with pytest.raises(MocksError, match="There is no Task state 'Wrok' to be mocked"):
        machine(block(Work=task()), mocks={"Wrok": {"Return": 1}})
    with pytest.raises(MocksError, match="An outcome is an object"):
        machine(block(Work=task()), mocks={"Work": {}})
    with pytest.raises(DefinitionError):
        machine({"StartAt": "A", "States": {}})
    with pytest.raises(ValueError, match="'noon' is no timestamp"):
        machine(block(A=pass_()), start="noon")
    endless = {"StartAt": "A", "States": {"A": wait(0, Next="B"), "B": pass_(Next="A"), "C": pass_(End=True)}}
    rule = {"Variable": "$.stop", "IsPresent": True, "Next": "C"}
    endless["States"]["B"] = {"Type": "Choice", "Choices": [rule], "Default": "A"}  # type: ignore[index]
    with pytest.raises(EndlessExecutionError):
        machine(endless, express=True)


def test_a_handler_of_a_state_that_is_not_there_is_a_mistake(machine: MachineRunner) -> None:
    with pytest.raises(MocksError, match="'Wrok'"):
        machine(block(Work=task()), mocks={"Wrok": lambda _: 1, "Work": {"Return": 1}})


def test_mocks_of_step_functions_local(machine: MachineRunner) -> None:
    config = {
        "StateMachines": {"M": {"TestCases": {"Happy": {"Work": "W"}}}},
        "MockedResponses": {"W": {"0": {"Return": 5}}},
    }
    assert machine(block(Work=task()), mocks=Mocks.of_test_case(config, "Happy")).output == 5
