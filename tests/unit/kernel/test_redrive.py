"""Redrive: what is begun again, and what is not."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import pytest

from statemachine.errors import TaskError
from statemachine.kernel.advance import advance
from statemachine.kernel.events import RedriveRequested, StopRequested
from statemachine.kernel.execution import Execution
from statemachine.kernel.redrive import refusal
from statemachine.kernel.snapshot import decode_execution, encode_execution
from statemachine.limits import Limits
from statemachine.testing.virtual import VirtualHost, VirtualTask, replay
from tests.running import (
    Run,
    block,
    catch,
    choice,
    compiled,
    distributed,
    fail,
    map_,
    new,
    parallel,
    pass_,
    retry,
    task,
    wait,
)

DAY_MS = 86_400_000
FULL = "Execution history event limit exceeded and cannot be redriven"


class Machine:
    """A machine whose states in `broken` fail, until they are mended."""

    def __init__(self, definition: dict[str, Any], input: Any = None, **options: Any) -> None:
        self.broken: set[str] = set()
        self.calls: Counter[str] = Counter()
        program, execution = new(definition, input, **options)
        self.start = encode_execution(execution)
        self.host = VirtualHost(program, execution, self.perform)

    def perform(self, call: VirtualTask) -> Any:
        key = f"{call.command.state} {call.command.arguments.text}"
        self.calls[key] += 1
        call.sleep(1)
        if call.command.state in self.broken or key in self.broken:
            raise TaskError("Broken", "not mended")
        return {"done": call.command.state}

    def run(self, *broken: str) -> Run:
        self.broken = set(broken)
        self.host.run(5_000)
        return Run(self.host)

    def redrive(self, *broken: str, after_ms: int = 60_000) -> Run:
        self.broken = set(broken)
        self.host.execution = decode_execution(encode_execution(self.host.execution))
        self.host.send(RedriveRequested(self.host.execution.now_ms + after_ms))
        return self.run(*broken)

    def later_types(self) -> list[str]:
        """Types of the events after the last redrive."""
        types = [event.type for event in self.host.history]
        return types[len(types) - types[::-1].index("ExecutionRedriven") :]


def check_history(machine: Machine) -> None:
    history = machine.host.history
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert all(event.previous_id < event.id for event in history)
    execution, replayed = replay(machine.host.program, decode_execution(machine.start), machine.host.journal)
    assert replayed == history
    assert execution == machine.host.execution


def test_goes_on_with_the_task_that_failed() -> None:
    machine = Machine(block(First=task(), Second=task(Parameters={"n.$": "$$.Execution.RedriveCount"}), Third=pass_()))
    assert machine.run("Second").status == "FAILED"
    found = machine.redrive()
    assert (found.status, found.output) == ("SUCCEEDED", {"done": "Second"})
    assert machine.calls == {"First {}": 1, 'Second {"n":0}': 1, 'Second {"n":1}': 1}
    assert machine.later_types() == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    (event,) = found.of("Redriven")
    assert (event.details, event.previous_id) == ({"redriveCount": 1}, event.id - 1)
    assert found.execution.redrive_count == 1
    check_history(machine)


def test_again_and_again() -> None:
    machine = Machine(block(Work=task()))
    machine.run("Work")
    for count in (1, 2):
        assert machine.redrive("Work").status == "FAILED"
        assert machine.host.execution.redrive_count == count
    assert machine.redrive().status == "SUCCEEDED"
    assert [event.details for event in Run(machine.host).of("Redriven")] == [{"redriveCount": n} for n in (1, 2, 3)]
    check_history(machine)


def test_retries_are_counted_anew() -> None:
    machine = Machine(block(Work=task(Retry=[retry("Broken", MaxAttempts=2, IntervalSeconds=1)])))
    machine.run("Work")
    assert machine.calls["Work {}"] == 3
    machine.redrive("Work")
    assert machine.calls["Work {}"] == 6


def test_variables_are_those_of_then() -> None:
    machine = Machine(
        block(
            Count=pass_(Assign={"n": 41}),
            Both=parallel(
                block(In=pass_(Assign={"own": 1}), Work=task(Parameters={"n.$": "$n", "own.$": "$own"})),
            ),
        )
    )
    machine.run("Work")
    before = machine.host.execution.variables_bytes
    machine.redrive()
    assert machine.calls == {'Work {"own":1,"n":41}': 2}
    assert machine.host.execution.variables_bytes == before == 0


def test_of_a_parallel_only_what_had_not_ended() -> None:
    branches = [
        block(Fine=task(), Fine2=task()),
        block(Bad=task(), Bad2=task()),
        block(Slow=wait(100), Slow2=task()),
    ]
    machine = Machine(block(Before=task(), Both=parallel(*branches), After=task()))
    assert machine.run("Bad2").status == "FAILED"
    found = machine.redrive()
    assert found.status == "SUCCEEDED"
    calls = Counter({key.split()[0]: count for key, count in machine.calls.items()})
    assert calls == {"Before": 1, "Fine": 1, "Fine2": 1, "Bad": 1, "Bad2": 2, "Slow2": 1, "After": 1}
    assert "ParallelStateEntered" not in machine.later_types()
    assert "ParallelStateSucceeded" in machine.later_types()
    check_history(machine)


def test_of_an_inline_map_only_what_had_not_ended() -> None:
    machine = Machine(block(All=map_(block(Each=task(), Next=task()), MaxConcurrency=2)), [1, 2, 3, 4, 5])
    assert machine.run("Each 3").status == "FAILED"
    assert machine.redrive("Each 4").status == "FAILED"
    found = machine.redrive()
    assert (found.status, len(found.output)) == ("SUCCEEDED", 5)
    assert {key: count for key, count in machine.calls.items() if key.startswith("Each")} == {
        "Each 1": 1, "Each 2": 1, "Each 3": 2, "Each 4": 3, "Each 5": 1,
    }  # fmt: skip
    assert machine.calls['Next {"done":"Each"}'] == 6, "one was in flight when another iteration failed"
    check_history(machine)


def test_nested_blocks() -> None:
    inner = map_(block(Deep=task(), Deeper=parallel(block(Deepest=task()), block(Rest=wait(3)))))
    machine = Machine(block(Outer=parallel(block(Side=task()), block(Inner=inner))), [1, 2])
    assert machine.run("Deepest").status == "FAILED"
    found = machine.redrive()
    assert found.status == "SUCCEEDED"
    assert {key: count for key, count in machine.calls.items() if "Deep " in key or "Side" in key} == {
        "Side [1,2]": 1, "Deep 1": 1, "Deep 2": 1,
    }  # fmt: skip
    check_history(machine)


class TestDistributed:
    def test_the_map_run_goes_on(self) -> None:
        machine = Machine(block(All=distributed(block(Each=task()), MaxConcurrency=2)), [1, 2, 3, 4])
        assert machine.run("Each 2").status == "FAILED"
        (told,) = machine.host.execution.map_runs.values()
        assert (told.status, told.items.failed) == ("FAILED", 1)
        found = machine.redrive()
        assert found.output == [{"done": "Each"}] * 4
        assert machine.calls["Each 1"] == 1
        assert machine.calls["Each 2"] == 2
        (told,) = machine.host.execution.map_runs.values()
        assert (told.status, told.redrive_count, told.stopped_ms is None) == ("SUCCEEDED", 1, False)
        assert (told.items.succeeded, told.items.failed, told.items.aborted, told.items.pending) == (4, 0, 0, 0)
        assert [event.details for event in found.of("MapRunRedriven")] == [{"mapRunArn": told.arn, "redriveCount": 1}]
        check_history(machine)

    def test_failures_that_were_tolerated_begin_again(self) -> None:
        machine = Machine(
            block(All=distributed(block(Each=task()), ToleratedFailureCount=1, MaxConcurrency=1)), [1, 2, 3, 4]
        )
        machine.run("Each 1", "Each 3")
        assert machine.host.execution.failure is not None
        assert machine.host.execution.failure.error == "States.ExceedToleratedFailureThreshold"
        found = machine.redrive("Each 3")
        assert (found.status, found.output) == ("SUCCEEDED", [{"done": "Each"}] * 3)
        assert machine.calls == {"Each 1": 2, "Each 2": 1, "Each 3": 2, "Each 4": 1}

    def test_what_a_tolerated_iteration_has_done_is_undone_once(self) -> None:
        processor = block(Book=task(CompensateWith="Cancel"), Pay=task(), End=pass_(End=True))
        processor["States"]["Cancel"] = task(End=True)
        bulk = distributed(processor, ToleratedFailureCount=5, MaxConcurrency=1)
        machine = Machine(block(All=bulk, Last=task()), [1, 2, 3])
        machine.broken = {'Pay {"done":"Book"}'}
        machine.host.run(until_ms=machine.host.start_ms + 4_500)
        machine.host.send(StopRequested(machine.host.execution.now_ms))
        assert machine.redrive("Last").status == "FAILED"
        assert machine.calls["Book 1"] == 1, "it had completed"
        calls = Counter(call.state for call in machine.host.calls)
        assert calls["Cancel"] == 3
        assert machine.host.execution.compensations == 0
        check_history(machine)


class TestItemsThatCouldNotBegin:
    """An ItemSelector that fails for one of them before the first redrive."""

    INDEX = "States.MathAdd($$.Map.Item.Value, $$.Execution.RedriveCount)"
    SELECTOR: ClassVar = {"is.$": f"States.ArrayGetItem($$.Execution.Input.of, {INDEX})"}
    INPUT: ClassVar = {"of": ["a", "b", "c"], "at": [0, -1, 1, 0]}

    @pytest.mark.parametrize("mapped", [map_, distributed])
    def test_all_of_them_run(self, mapped: Any) -> None:
        machine = Machine(
            block(All=mapped(block(Each=task()), ItemsPath="$.at", ItemSelector=self.SELECTOR, MaxConcurrency=1)),
            self.INPUT,
        )
        assert machine.run().error == "States.IntrinsicFailure"
        assert machine.redrive().output == [{"done": "Each"}] * 4
        assert {key: count for key, count in machine.calls.items() if "Each" in key} == {
            'Each {"is":"a"}': 2, 'Each {"is":"b"}': 1, 'Each {"is":"c"}': 1,
        }  # fmt: skip
        check_history(machine)

    def test_nor_is_an_item_of_a_batch_left_out(self) -> None:
        bulk = distributed(
            block(Each=task()),
            ItemsPath="$.at",
            ItemSelector=self.SELECTOR,
            ItemBatcher={"MaxItemsPerBatch": 3},
        )
        machine = Machine(block(All=bulk), self.INPUT)
        machine.run()
        assert len(machine.redrive().output) == 2
        assert [len(call.arguments.value["Items"]) for call in machine.host.calls] == [3, 1]


def test_a_result_that_was_too_large_runs_as_a_whole_again() -> None:
    machine = Machine(block(Both=parallel(block(A=task()), block(B=task()))), limits=Limits(payload_bytes=20))
    found = machine.run()
    assert found.error == "States.DataLimitExceeded"
    machine.redrive()
    assert machine.calls == {"A {}": 2, "B {}": 2}


def test_a_parallel_whose_branches_had_all_ended_is_left() -> None:
    machine = Machine(block(Both=parallel(block(A=task()), block(B=task()))), limits=Limits(fuel=1))
    while "ParallelStateSucceeded" not in Run(machine.host).types:
        machine.host.run(1)
    advance(machine.host.program, machine.host.execution, StopRequested(machine.host.execution.now_ms))
    assert machine.host.execution.status == "ABORTED"
    assert machine.redrive().status == "SUCCEEDED"
    assert machine.calls == {"A {}": 1, "B {}": 1}


@pytest.mark.parametrize("where", ["stopped", "timed out"])
def test_what_was_under_way_at_a_stop_or_timeout(where: str) -> None:
    definition = block(First=task(), Both=parallel(block(Rest=wait(50), Last=task()), block(Quick=task())))
    machine = Machine({**definition, "TimeoutSeconds": 60 if where == "stopped" else 20})
    if where == "stopped":
        machine.host.run(until_ms=machine.host.start_ms + 10_000)
        machine.host.send(StopRequested(machine.host.execution.now_ms))
    machine.run()
    assert machine.host.execution.status == {"stopped": "ABORTED", "timed out": "TIMED_OUT"}[where]
    if where == "timed out":
        machine.host.execution.limits = Limits()
        assert machine.redrive().status == "TIMED_OUT", "its timeout is counted anew"
        return
    assert machine.redrive().status == "SUCCEEDED"
    assert {key.split()[0]: count for key, count in machine.calls.items()} == {"First": 1, "Quick": 1, "Last": 1}
    check_history(machine)


@pytest.mark.parametrize(
    ("state", "entered"),
    [
        (fail("E"), "FailStateEntered"),
        (choice({"Variable": "$.no", "IsNull": True, "Next": "End"}), "ChoiceStateEntered"),
    ],
)
def test_other_states_are_entered_again(state: dict[str, Any], entered: str) -> None:
    machine = Machine({"StartAt": "S", "States": {"S": state} | ({"End": fail()} if state["Type"] == "Choice" else {})})
    machine.run()
    assert machine.redrive().status == "FAILED"
    assert machine.later_types()[0] == entered
    check_history(machine)


def test_a_handled_failure_leaves_nothing_behind() -> None:
    broken = parallel(block(Bad=task()), Catch=[catch("Mended", "States.ALL")], Next="Mended")
    machine = Machine(block(Both=broken, Mended=pass_(), Last=task()))
    machine.run("Bad", "Last")
    left = machine.host.execution.unfinished
    assert left is not None
    assert (left.address, left.children) == ("/States/Last", None)
    machine.redrive()
    assert {key.split()[0]: count for key, count in machine.calls.items()} == {"Bad": 1, "Last": 2}


class TestRefusal:
    def ended(self, *broken: str, **options: Any) -> Execution:
        machine = Machine(block(Work=task()), **options)
        machine.run(*broken)
        return machine.host.execution

    @pytest.mark.parametrize(
        ("broken", "options", "days", "reason"),
        [
            (("Work",), {}, 13, None),
            (("Work",), {}, 15, "Execution redrivable period exceeded and cannot be redriven"),
            (("Work",), {"limits": Limits(redrivable_days=None)}, 15, None),
            ((), {}, 0, "Execution is SUCCEEDED and cannot be redriven"),
            (("Work",), {"express": True}, 0, "Execution is EXPRESS and cannot be redriven"),
            (("Work",), {"limits": Limits(history_events=7)}, 0, FULL),
            (("Work",), {"flags": ()}, 0, "Execution was started by an earlier release and cannot be redriven"),
        ],
    )  # fmt: skip
    def test_reasons(self, broken: tuple[str, ...], options: dict[str, Any], days: int, reason: str | None) -> None:
        flags = options.pop("flags", None)
        execution = self.ended(*broken, **options)
        if flags is not None:
            execution.flags = flags
        assert refusal(execution, execution.now_ms + days * DAY_MS) == reason

    def test_while_it_is_running(self) -> None:
        _, execution = new(block(Work=task()))
        assert refusal(execution, 0) == "Execution is RUNNING and cannot be redriven"

    def test_too_often(self) -> None:
        execution = self.ended("Work", limits=Limits(redrives=1))
        execution.redrive_count = 1
        assert refusal(execution, 0) == "Execution redrive limit exceeded and cannot be redriven"

    def test_nothing_happens_then(self) -> None:
        machine = Machine(block(Work=task()))
        machine.run()
        assert machine.host.send(RedriveRequested(machine.host.execution.now_ms)).history == ()
        assert machine.host.execution.status == "SUCCEEDED"

    def test_nor_does_time_pass(self) -> None:
        execution = self.ended("Work")
        late = execution.now_ms + 15 * DAY_MS
        advance(compiled(block(Work=task())), execution, RedriveRequested(late))
        assert execution.status == "FAILED"
        assert refusal(execution, late) is not None


def test_of_a_compensated_execution_only_what_could_not_be_undone() -> None:
    definition = block(Book=task(CompensateWith="Cancel"), Pay=task(), End=pass_(End=True))
    definition["States"]["Cancel"] = task(End=True)
    machine = Machine(definition)
    found = machine.run("Pay", "Cancel")
    assert [each.compensation.state for each in found.execution.failed_compensations] == ["Book"]
    found = machine.redrive("Pay")
    assert (found.status, found.error) == ("FAILED", "Broken")
    assert found.execution.failed_compensations == []
    assert {key.split()[0]: count for key, count in machine.calls.items()} == {"Book": 1, "Pay": 1, "Cancel": 2}
    assert machine.later_types()[0] == "CompensationStarted"
    assert refusal(found.execution, found.execution.now_ms) == "Execution was compensated and cannot be redriven"
    check_history(machine)


def test_what_can_be_undone_stays_so() -> None:
    """A stop without compensation, a redrive, and then a failure: everything that has completed is undone."""
    definition = block(Book=task(CompensateWith="Cancel"), Rest=wait(50), Pay=task(), End=pass_(End=True))
    definition["States"]["Cancel"] = task(End=True)
    machine = Machine(definition)
    machine.host.run(until_ms=machine.host.start_ms + 10_000)
    machine.host.send(StopRequested(machine.host.execution.now_ms))
    assert machine.run().status == "ABORTED"
    assert machine.redrive("Pay").status == "FAILED"
    assert {key.split()[0]: count for key, count in machine.calls.items()} == {"Book": 1, "Pay": 1, "Cancel": 1}
    check_history(machine)
