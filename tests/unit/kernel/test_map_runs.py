"""Map runs: what is counted, when, and what AWS's API shows of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from running import (
    START_MS,
    Driven,
    block,
    choice,
    distributed,
    fail,
    map_,
    moment,
    new,
    parallel,
    pass_,
    retry,
    run,
    started,
    task,
    wait,
)

from statemachine.jsonvalue import Document
from statemachine.kernel.events import ExecutionStarted, ItemsRead, ResultsWritten, Resumed, StopRequested
from statemachine.kernel.execution import Execution, Flag
from statemachine.kernel.map_runs import (
    MAP_RUNS_KEPT,
    MapRun,
    MapRunCounts,
    MapRunStatus,
    describe_map_run,
    list_map_run,
)
from statemachine.kernel.snapshot import decode_execution, encode_execution
from statemachine.limits import Limits

PICKY = block(
    Pick=choice({"Variable": "$", "NumericLessThan": 0, "Next": "No"}, default="Yes"),
    Yes=wait(1, End=True),
    No=fail("E"),
)
"""Negative items fail at once, others succeed after a second."""
ARN = "arn:aws:states:us-east-1:123456789012"


def only(execution: Execution) -> MapRun:
    (found,) = execution.map_runs.values()
    return found


def counts(found: MapRunCounts) -> dict[str, int]:
    """Those that are not zero."""
    names = ("total", "pending", "running", "succeeded", "failed", "aborted", "results_written")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def reserialised(driven: Driven) -> Execution:
    return decode_execution(encode_execution(driven.execution))


def test_it_is_told_while_it_runs() -> None:
    machine = block(Each=distributed(PICKY, MaxConcurrency=2, ToleratedFailureCount=1, ToleratedFailurePercentage=40))
    driven = started(machine, [-1, 1, 2, 3, 4])
    told = only(reserialised(driven))
    assert counts(told.items) == {"total": 5, "pending": 2, "running": 2, "failed": 1}
    assert counts(told.executions) == counts(told.items)
    assert (told.status, told.started_ms, told.stopped_ms) == (MapRunStatus.RUNNING, START_MS, None)
    assert (told.max_concurrency, told.tolerated_count, told.tolerated_percentage) == (2, 1, 40)
    driven.fire(1)
    assert counts(only(driven.execution).items) == {"total": 5, "running": 2, "succeeded": 2, "failed": 1}
    driven.fire(2)
    assert driven.execution.status == "SUCCEEDED"
    told = only(reserialised(driven))
    assert counts(told.items) == {"total": 5, "succeeded": 4, "failed": 1, "results_written": 5}
    assert (told.status, told.stopped_ms) == (MapRunStatus.SUCCEEDED, moment(2))


@pytest.mark.parametrize(
    ("tolerance", "status", "expected"),
    [
        (None, "FAILED", {"total": 5, "pending": 2, "succeeded": 1, "failed": 1, "aborted": 1}),
        (0, "FAILED", {"total": 5, "pending": 2, "succeeded": 1, "failed": 1, "aborted": 1}),
        (1, "SUCCEEDED", {"total": 5, "succeeded": 4, "failed": 1, "results_written": 5}),
    ],
)
def test_a_failing_item(tolerance: int | None, status: str, expected: dict[str, int]) -> None:
    """The first that is over makes room for the one that fails, while another runs and two wait."""
    late = block(
        Pick=choice({"Variable": "$", "NumericEquals": 1, "Next": "Brief"}, default="Rest"),
        Brief=wait(1, End=True),
        Rest=choice({"Variable": "$", "NumericLessThan": 0, "Next": "No"}, default="Long"),
        Long=wait(5, End=True),
        No=fail("E"),
    )
    fields = {} if tolerance is None else {"ToleratedFailureCount": tolerance}
    done = run(block(Each=distributed(late, MaxConcurrency=2, **fields)), [1, 2, -1, 3, 4])
    told = only(done.execution)
    assert (told.status, counts(told.items)) == (status, expected)
    assert counts(told.executions) == expected
    assert (done.counts["MapRunFailed"], done.counts["MapRunSucceeded"]) == ((1, 0) if status == "FAILED" else (0, 1))


def test_a_batch_is_one_execution_with_its_items() -> None:
    machine = block(Each=distributed(block(W=wait(1)), ItemBatcher={"MaxItemsPerBatch": 2}, MaxConcurrency=1))
    driven = started(machine, [1, 2, 3, 4, 5])
    told = only(driven.execution)
    assert counts(told.items) == {"total": 5, "running": 2, "pending": 3}
    assert counts(told.executions) == {"total": 1, "running": 1}, "no other batch is formed yet"
    for second in (1, 2, 3):
        driven.fire(second)
    assert counts(told.items) == {"total": 5, "succeeded": 5, "results_written": 5}
    assert counts(told.executions) == {"total": 3, "succeeded": 3, "results_written": 3}


def test_items_that_are_read_count_once_they_are_there() -> None:
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
    driven = started(block(Each=distributed(block(One=pass_()), ItemReader=reader, ResultWriter=writer)))
    told = only(driven.execution)
    assert counts(told.items) == {}
    (read,) = driven.execution.operations
    driven.send(ItemsRead(moment(1), read, Document([1, 2, 3])))
    assert counts(told.items) == {"total": 3, "succeeded": 3}
    assert told.status == "RUNNING", "its results are being written"
    (write,) = driven.execution.operations
    driven.send(ResultsWritten(moment(2), write, Document({"Bucket": "b", "Key": "k"})))
    assert (told.status, told.stopped_ms) == ("SUCCEEDED", moment(2))
    assert counts(told.executions) == {"total": 3, "succeeded": 3, "results_written": 3}


@pytest.mark.parametrize("end", ["stop", "timeout", "sibling", "history"])
def test_it_is_aborted_with_what_is_around_it(end: str) -> None:
    each = block(Each=distributed(block(W=wait(60)), MaxConcurrency=2))
    machine = block(P=parallel(each, block(Soon=wait(3), No=fail("E")))) | {
        "TimeoutSeconds": 2 if end == "timeout" else 9
    }
    driven = started(machine, [1, 2, 3], limits=Limits(history_events=12) if end == "history" else Limits())
    if end == "stop":
        driven.send(StopRequested(moment(2)))
    else:
        driven.fire(2 if end == "timeout" else 3)
    told = only(driven.execution)
    assert driven.execution.closed
    assert (told.status, told.stopped_ms) == ("ABORTED", driven.execution.now_ms)
    assert counts(told.items) == {"total": 3, "pending": 1, "aborted": 2}


def test_an_item_that_cannot_be_made_fails_it() -> None:
    machine = block(Each=distributed(block(W=wait(1)), ItemSelector={"k.$": "$$.Map.Item.Value.k"}))
    done = run(machine, [{"k": 1}, {}])
    assert done.error == "States.Runtime"
    told = only(done.execution)
    assert (told.status, counts(told.items)) == ("FAILED", {"total": 2, "pending": 1, "aborted": 1})


def test_every_attempt_is_a_map_run_of_its_own() -> None:
    machine = block(Each=distributed(PICKY, Retry=[retry("E", MaxAttempts=1, IntervalSeconds=1)], Label="L"))
    done = run(machine, [-1])
    first, second = done.execution.map_runs.values()
    assert [each.details["mapRunArn"] for each in done.of("MapRunStarted")] == [first.arn, second.arn]
    assert (first.status, second.status, second.started_ms) == ("FAILED", "FAILED", moment(1))


def test_a_map_run_within_an_iteration_belongs_to_that_one() -> None:
    inner = distributed(block(One=pass_()), ItemsPath="$.inner")
    done = run(block(Each=distributed(block(Inner=inner))), [{"inner": [1, 2]}, {"inner": [3]}])
    assert done.output == [[1, 2], [3]]
    assert counts(only(done.execution).items) == {"total": 2, "succeeded": 2, "results_written": 2}


def test_an_inline_map_is_none() -> None:
    assert run(block(Each=map_(block(One=pass_()))), [1]).execution.map_runs == {}


def test_no_loop_makes_them_without_bound() -> None:
    machine = block(
        Set=pass_(Assign={"n": 0}),
        Each=distributed(block(One=pass_()), ItemsPath="$.l", ResultPath=None, Assign={"n.$": "States.MathAdd($n, 1)"}),
        Again=choice({"Variable": "$n", "NumericLessThan": MAP_RUNS_KEPT + 3, "Next": "Each"}, default="Done"),
        Done=pass_(),
    )
    driven = started(machine, {"l": [1]})
    while driven.execution.ready:
        driven.send(Resumed(START_MS))
    arns = [event.details["mapRunArn"] for event in driven.history if event.type == "MapRunStarted" and event.details]
    assert len(arns) == MAP_RUNS_KEPT + 3
    assert list(driven.execution.map_runs) == arns[3:]


def test_what_the_api_shows() -> None:
    driven = started(block(Each=distributed(block(T=task()), Label="Bulk", MaxConcurrency=1)), [1, 2])
    told = only(driven.execution)
    running = describe_map_run(told)
    assert "stopDate" not in running
    zero = {"failuresNotRedrivable": 0, "pendingRedrive": 0, "timedOut": 0}
    some = {"aborted": 0, "failed": 0, "resultsWritten": 0, "succeeded": 0, "total": 2, "pending": 1, "running": 1}
    assert running["itemCounts"] == running["executionCounts"] == some | zero
    driven.send(StopRequested(moment(1)))
    stopped = describe_map_run(told)
    identity = told.arn.rpartition(":")[2]
    assert stopped | {"itemCounts": 0, "executionCounts": 0} == {
        "mapRunArn": f"{ARN}:mapRun:StateMachine/Bulk:{identity}",
        "executionArn": f"{ARN}:execution:StateMachine:test",
        "status": "ABORTED",
        "startDate": "2025-01-01T00:00:00.000Z",
        "stopDate": "2025-01-01T00:00:01.000Z",
        "maxConcurrency": 1,
        "toleratedFailurePercentage": 0.0,
        "toleratedFailureCount": 0,
        "itemCounts": 0,
        "executionCounts": 0,
        "redriveCount": 0,
    }
    assert list_map_run(told) == {
        "executionArn": f"{ARN}:execution:StateMachine:test",
        "mapRunArn": told.arn,
        "stateMachineArn": f"{ARN}:stateMachine:StateMachine/Bulk",
        "startDate": "2025-01-01T00:00:00.000Z",
        "stopDate": "2025-01-01T00:00:01.000Z",
    }


# -- an iteration is an execution of its own ---------------------------------------------------------------------------


def contexts(**fields: Any) -> tuple[list[Any], Execution]:
    """The context objects inside the iterations of a Map over [1, 2], one of which waits."""
    inside = block(W=wait(3), P=pass_(Parameters={"c.$": "$$"}), Q=parallel(block(R=pass_(OutputPath="$.c"))))
    machine = block(B=pass_(), Rest=wait(5), Each=distributed(inside, Label="Bulk", **fields))
    done = run(machine, [1, 2])
    return [each[0] for each in done.output], done.execution


def test_inside_an_iteration_the_context_is_that_of_its_execution() -> None:
    (first, second), execution = contexts(ItemSelector={"v.$": "$$.Map.Item.Value"})
    name = first["Execution"]["Name"]
    assert first["Execution"] == {
        "Id": f"{ARN}:execution:StateMachine/Bulk:{name}",
        "Input": {"v": 1},
        "StartTime": "2025-01-01T00:00:05.000Z",
        "Name": name,
        "RoleArn": execution.role_arn,
        "RedriveCount": 0,
    }
    assert first["StateMachine"] == {
        "Id": f"{ARN}:stateMachine:StateMachine/Bulk",
        "Name": "StateMachine/Bulk",
    }
    assert second["Execution"]["Input"] == {"v": 2}
    assert second["Execution"]["Name"] != name


def test_its_name_is_the_one_in_the_results() -> None:
    writer = {"WriterConfig": {"Transformation": "NONE", "OutputType": "JSON"}}
    told = run(
        block(Each=distributed(block(P=pass_(Parameters={"n.$": "$$.Execution.Name"})), ResultWriter=writer)), [1]
    )
    (result,) = told.output
    assert json.loads(result["Output"]) == {"n": result["Name"]}


def test_an_inline_map_has_its_executions_context() -> None:
    done = run(block(Each=map_(block(P=pass_(Parameters={"c.$": "$$.Execution.Id"})))), [1])
    assert done.output == [{"c": f"{ARN}:execution:StateMachine:test"}]


def test_executions_of_before_go_on_as_they_began() -> None:
    """They have not the flag: their iterations are told of as before, and nothing is counted."""
    machine = block(Each=distributed(block(W=wait(1), P=pass_(Parameters={"n.$": "$$.Execution.Name"}))))
    program, execution = new(machine, [1])
    data = json.loads(encode_execution(execution))
    assert data.pop("flags") == [each.value for each in Flag]
    del data["mapRuns"]
    old = decode_execution(json.dumps(data).encode())
    assert old.flags == ()
    driven = Driven(program, old)
    driven.send(ExecutionStarted(START_MS))
    driven.execution = reserialised(driven)
    driven.fire(1)
    assert driven.execution.output is not None
    assert driven.execution.output.value == [{"n": "test"}]
    assert driven.execution.map_runs == {}
