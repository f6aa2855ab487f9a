"""The map run of a distributed Map: ItemReader, ItemBatcher, ResultWriter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import (
    Driven,
    Run,
    block,
    catch,
    choice,
    distributed,
    fail,
    moment,
    new,
    pass_,
    performer,
    retry,
    started,
    succeed,
    task,
    wait,
)

from statemachine.errors import Failure, TaskError
from statemachine.jsonvalue import Document
from statemachine.kernel.advance import advance, outstanding
from statemachine.kernel.commands import CancelOperation, ReadItems, WriteResults
from statemachine.kernel.events import (
    ItemsRead,
    ItemsReadFailed,
    ResultsWriteFailed,
    ResultsWritten,
    Resumed,
    StopRequested,
)
from statemachine.kernel.execution import Purpose
from statemachine.kernel.snapshot import decode_execution, encode_execution
from statemachine.limits import Limits
from statemachine.testing.virtual import VirtualHost

ONE = block(One=pass_())
PICKY = block(
    Pick=choice({"Variable": "$", "NumericLessThan": 0, "Next": "No"}, default="Yes"), Yes=succeed(), No=fail("E", "C")
)
"""Negative items fail."""
GET = "arn:aws:states:::s3:getObject"
PUT = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}


def reader(config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    given = {"Resource": GET, "Parameters": {"Bucket": "b", "Key.$": "$.key"}, **fields}
    return given if config is None else {**given, "ReaderConfig": config}


class Data:
    """What a host reads from and writes to."""

    def __init__(self, *items: Any, fault: str | None = None) -> None:
        self.items = list(items)
        self.fault = fault
        self.reads: list[ReadItems] = []
        self.writes: list[WriteResults] = []

    def read(self, command: ReadItems) -> list[Any]:
        self.reads.append(command)
        if self.fault:
            raise TaskError("States.ItemReaderFailed", self.fault)
        return self.items[: command.max_items]

    def write(self, command: WriteResults) -> dict[str, Any]:
        self.writes.append(command)
        if self.fault:
            raise TaskError("States.ResultWriterFailed", self.fault)
        return {"Bucket": "b", "Key": "p/manifest.json"}

    @property
    def results(self) -> dict[str, Any]:
        (command,) = self.writes
        return command.results.value


def run(definition: dict[str, Any], input: Any = None, data: Data | None = None, **options: Any) -> Run:
    program, execution = new(definition, {"key": "k"} if input is None else input, **options)
    data = data or Data()
    host = VirtualHost(program, execution, performer({}), read_items=data.read, write_results=data.write)
    host.run(100_000)
    return Run(host)


# -- ItemReader ------------------------------------------------------------------------------------------------------


def test_items_are_read_and_mapped() -> None:
    data = Data({"a": 1}, {"a": 2})
    done = run(block(Each=distributed(ONE, ItemReader=reader({"InputType": "JSON"}))), data=data)
    assert done.output == [{"a": 1}, {"a": 2}]
    assert done.types == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert done.of("MapStateStarted")[0].details == {"length": 0}
    (command,) = data.reads
    assert (command.state, command.resource) == ("Each", GET)
    assert (command.arguments.value, command.config.value) == ({"Bucket": "b", "Key": "k"}, {"InputType": "JSON"})
    assert (command.max_items, command.max_bytes) == (100_000_000, 268_435_456)


def test_no_items_at_all() -> None:
    done = run(block(Each=distributed(ONE, ItemReader=reader())), data=Data())
    assert done.output == []
    assert "MapRunSucceeded" in done.types


def test_the_fields_of_a_reader_see_the_effective_input_and_variables() -> None:
    machine = block(
        Set=pass_(Assign={"most": "2"}),
        Each=distributed(ONE, InputPath="$.d", ItemReader=reader({"MaxItemsPath": "$most"})),
    )
    data = Data(1, 2, 3)
    assert run(machine, {"d": {"key": "deep"}}, data).output == [1, 2]
    assert data.reads[0].arguments.value == {"Bucket": "b", "Key": "deep"}


def test_a_reader_in_jsonata() -> None:
    machine = block(
        Each=distributed(
            ONE,
            ItemReader={
                "Resource": GET,
                "Arguments": {"Bucket": "{% $states.input.b %}", "Key": "k"},
                "ReaderConfig": {"InputType": "JSON", "MaxItems": "{% $states.input.n %}"},
            },
            ItemSelector={"v": "{% $states.context.Map.Item.Value * 10 %}"},
        )
    ) | {"QueryLanguage": "JSONata"}
    data = Data(1, 2, 3)
    assert run(machine, {"b": "B", "n": 2}, data).output == [{"v": 10}, {"v": 20}]
    assert data.reads[0].arguments.value == {"Bucket": "B", "Key": "k"}


@pytest.mark.parametrize(("given", "most"), [(0, 100_000_000), (2, 2), (100_000_001, 100_000_000), ("7", 7)])
def test_max_items_is_bounded(given: Any, most: int) -> None:
    """0 is no bound, and more than AWS's bound is that bound (recorded)."""
    data = Data(1)
    machine = block(Each=distributed(ONE, ItemReader=reader({"MaxItemsPath": "$.n"})))
    assert run(machine, {"key": "k", "n": given}, data).output == [1]
    assert data.reads[0].max_items == most


def test_a_negative_max_items_fails_the_map_run() -> None:
    machine = block(Each=distributed(ONE, ItemReader=reader({"MaxItemsPath": "$.n"})))
    done = run(machine, {"key": "k", "n": -1})
    assert done.chain()[1:] == [
        ("MapStateEntered", 0), ("MapStateStarted", 2), ("MapRunStarted", 3), ("MapRunFailed", 4),
        ("MapStateFailed", 5), ("ExecutionFailed", 6),
    ]  # fmt: skip
    told = {"error": "States.ItemReaderFailed", "cause": "field MaxItems must be positive"}
    assert [done.of("MapRunFailed")[0].details, done.history[-1].details] == [told, told]


def test_a_fractional_max_items_fails_before_the_map_run() -> None:
    """Fact map-maxitemspath-fraction."""
    machine = block(Each=distributed(ONE, ItemReader=reader({"MaxItemsPath": "$.n"})))
    done = run(machine, {"key": "k", "n": 1.5})
    assert done.types[1:] == ["MapStateEntered", "MapStateStarted", "ExecutionFailed"]
    assert done.error == "States.Runtime"
    assert 'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.n' in str(done.cause)


def test_a_source_that_cannot_be_read_can_be_retried_and_caught() -> None:
    machine = block(
        Each=distributed(
            ONE,
            ItemReader=reader(),
            Retry=[retry("States.ItemReaderFailed", MaxAttempts=1)],
            Catch=[catch("Else", "States.ItemReaderFailed")],
            Next="End",
        ),
        Else=pass_(),
        End=succeed(),
    )
    data = Data(fault="no such key")
    done = run(machine, data=data)
    assert done.output == {"Error": "States.ItemReaderFailed", "Cause": "no such key"}
    assert len(data.reads) == 2
    assert done.counts["MapRunFailed"] == 2
    assert done.counts["MapStateFailed"] == 1


def test_an_item_that_is_too_large_fails_the_state() -> None:
    done = run(block(Each=distributed(ONE, ItemReader=reader())), data=Data("x" * 300_000))
    assert done.error == "States.DataLimitExceeded"


def waiting(purpose: Purpose, machine: dict[str, Any], input: Any) -> tuple[Driven, int]:
    driven = started(machine, input)
    (operation,) = driven.execution.operations.values()
    assert operation.purpose is purpose
    return driven, operation.id


READING = block(Each=distributed(block(W=wait(5)), ItemReader=reader(), MaxConcurrency=1))


def test_reading_survives_a_crash_and_is_asked_for_again() -> None:
    driven, operation = waiting(Purpose.READ_ITEMS, READING, {"key": "k"})
    again = decode_execution(encode_execution(driven.execution))
    assert again == driven.execution
    (command,) = outstanding(again)
    assert isinstance(command, ReadItems)
    assert command.operation == operation


def test_stopping_cancels_the_reading() -> None:
    driven, operation = waiting(Purpose.READ_ITEMS, READING, {"key": "k"})
    assert CancelOperation(operation) in driven.send(StopRequested(moment(1))).commands


LATE: list[Callable[[int, int], Any]] = [
    lambda at, operation: ItemsRead(at, operation, Document([1])),
    lambda at, operation: ItemsReadFailed(at, operation, Failure("E")),
    lambda at, operation: ResultsWritten(at, operation, Document({})),
    lambda at, operation: ResultsWriteFailed(at, operation, Failure("E")),
]


@pytest.mark.parametrize("late", LATE)
def test_late_and_mistaken_answers_change_nothing(late: Callable[[int, int], Any]) -> None:
    driven, operation = waiting(Purpose.READ_ITEMS, READING, {"key": "k"})
    driven.send(ItemsRead(moment(0), operation, Document([1])))
    before = encode_execution(driven.execution)
    timer = next(iter(driven.execution.operations))
    for number in (operation, timer, 999):
        step = advance(driven.program, driven.execution, late(moment(0), number))
        assert (step.commands, step.history) == ((), ())
    assert encode_execution(driven.execution) == before


# -- ItemBatcher -----------------------------------------------------------------------------------------------------


def batches(items: list[Any], **fields: Any) -> list[Any]:
    done = run(block(Each=distributed(ONE, ItemsPath="$.items", ItemBatcher=fields)), {"items": items, "two": "2"})
    return [batch if len(batch) > 1 else batch["Items"] for batch in done.output]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"MaxItemsPerBatch": 2}, [[1, 2], [3, 4], [5]]),
        ({"MaxItemsPerBatchPath": "$.two"}, [[1, 2], [3, 4], [5]]),
        ({"MaxItemsPerBatch": 9}, [[1, 2, 3, 4, 5]]),
        ({"MaxInputBytesPerBatch": 16}, [[1, 2], [3, 4], [5]]),  # {"Items":[]} has 12 bytes, an item two
        ({"MaxInputBytesPerBatch": 1}, [[1], [2], [3], [4], [5]]),  # one at least
        ({"MaxItemsPerBatch": 3, "MaxInputBytesPerBatch": 16}, [[1, 2], [3, 4], [5]]),
        ({"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.two"}},
         [{"BatchInput": {"k": "2"}, "Items": each} for each in ([1, 2], [3, 4], [5])]),
    ],
)  # fmt: skip
def test_batches(fields: dict[str, Any], expected: list[Any]) -> None:
    assert batches([1, 2, 3, 4, 5], **fields) == expected


def test_a_batch_is_never_larger_than_a_payload() -> None:
    count = block(One=pass_(Parameters={"n.$": "States.ArrayLength($.Items)"}))
    machine = block(Each=distributed(count, ItemReader=reader(), ItemBatcher={"MaxItemsPerBatch": 5}))
    assert run(machine, data=Data(*["x" * 100_000] * 5)).output == [{"n": 2}, {"n": 2}, {"n": 1}]


def test_batches_of_selected_items_in_jsonata() -> None:
    machine = block(
        Each=distributed(
            ONE,
            ItemSelector={"v": "{% $states.context.Map.Item.Value %}", "i": "{% $states.context.Map.Item.Index %}"},
            ItemBatcher={"MaxItemsPerBatch": "{% 1 + 1 %}", "BatchInput": {"n": "{% $count($states.input) %}"}},
        )
    ) | {"QueryLanguage": "JSONata"}
    assert run(machine, ["a", "b", "c"]).output == [
        {"BatchInput": {"n": 3}, "Items": [{"v": "a", "i": 0}, {"v": "b", "i": 1}]},
        {"BatchInput": {"n": 3}, "Items": [{"v": "c", "i": 2}]},
    ]


@pytest.mark.parametrize(("tolerated", "status"), [(2, "SUCCEEDED"), (1, "FAILED")])
def test_a_failed_batch_counts_all_its_items(tolerated: int, status: str) -> None:
    processor = block(No=fail("E", "C"))
    done = run(
        block(Each=distributed(processor, ItemBatcher={"MaxItemsPerBatch": 2}, ToleratedFailureCount=tolerated)), [1, 2]
    )
    assert done.status == status
    if status == "FAILED":
        assert done.error == "States.ExceedToleratedFailureThreshold"


def test_batches_run_side_by_side_with_little_fuel() -> None:
    machine = block(
        Each=distributed(block(W=wait(5)), ItemReader=reader(), ItemBatcher={"MaxItemsPerBatch": 2}, MaxConcurrency=2)
    )
    done = run(machine, data=Data(*range(8)), limits=Limits(fuel=1))
    assert [each["Items"] for each in done.output] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert done.seconds("ExecutionSucceeded") == [10]


# -- ResultWriter ----------------------------------------------------------------------------------------------------


def test_results_are_written_and_the_output_says_where() -> None:
    """Fact map-resultwriter-output."""
    data = Data()
    done = run(block(Each=distributed(ONE, ResultWriter=PUT, Label="Jobs")), ["H", 2], data)
    (command,) = data.writes
    assert done.output == {
        "MapRunArn": command.map_run,
        "ResultWriterDetails": {"Bucket": "b", "Key": "p/manifest.json"},
    }
    assert done.chain()[2:] == [
        ("MapStateStarted", 2), ("MapRunStarted", 3), ("MapRunSucceeded", 4), ("MapStateSucceeded", 5),
        ("MapStateExited", 5), ("ExecutionSucceeded", 7),
    ]  # fmt: skip
    assert (command.arguments.value, command.output_type) == ({"Bucket": "b", "Prefix": "p"}, "JSON")
    first, second = data.results["SUCCEEDED"]
    assert list(first) == [
        "ExecutionArn", "Input", "InputDetails", "Name", "Output", "OutputDetails", "RedriveCount", "RedriveStatus",
        "RedriveStatusReason", "StartDate", "StateMachineArn", "Status", "StopDate",
    ]  # fmt: skip
    assert (first["Input"], first["Output"], first["Status"], second["Output"]) == ('"H"', '"H"', "SUCCEEDED", "2")
    assert first["Name"] != second["Name"]
    machine_arn = done.execution.machine_arn
    assert first["StateMachineArn"] == f"{machine_arn}/Jobs"
    assert first["ExecutionArn"] == f"{machine_arn.replace(':stateMachine:', ':execution:')}/Jobs:{first['Name']}"


@pytest.mark.parametrize(("transformation", "expected"), [("COMPACT", [[1, 2], [3], "x"]), ("FLATTEN", [1, 2, 3, "x"])])
@pytest.mark.parametrize("exported", [True, False])
def test_transformations(transformation: str, expected: list[Any], exported: bool) -> None:
    data = Data()
    writer = {"WriterConfig": {"Transformation": transformation, "OutputType": "JSON"}, **(PUT if exported else {})}
    done = run(block(Each=distributed(ONE, ResultWriter=writer)), [[1, 2], [3], "x"], data)
    if exported:
        assert data.results == {"SUCCEEDED": expected, "FAILED": [], "PENDING": []}
    else:
        assert done.output == expected
        assert not data.writes


def test_without_an_export_the_results_have_metadata_unless_transformed() -> None:
    writer = {"WriterConfig": {"Transformation": "NONE", "OutputType": "JSON"}}
    done = run(block(Each=distributed(PICKY, ResultWriter=writer, ToleratedFailureCount=1)), [1, -1])
    good, bad = done.output
    assert (good["Status"], good["Output"]) == ("SUCCEEDED", "1")
    assert (bad["Status"], bad["Error"], bad["Cause"], bad["Input"]) == ("FAILED", "E", "C", "-1")
    assert "Output" not in bad


def test_tolerated_failures_are_told_with_their_metadata() -> None:
    data = Data()
    writer = {**PUT, "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}}
    done = run(block(Each=distributed(PICKY, ResultWriter=writer, ToleratedFailureCount=1)), [1, -1, 3], data)
    assert done.status == "SUCCEEDED"
    assert data.writes[0].output_type == "JSONL"
    assert data.results["SUCCEEDED"] == [1, 3]
    (bad,) = data.results["FAILED"]
    assert (bad["Error"], bad["RedriveStatus"]) == ("E", "REDRIVABLE_BY_MAP_RUN")


def test_a_map_run_that_fails_writes_what_there_is_first() -> None:
    processor = block(
        Pick=choice({"Variable": "$", "NumericEquals": 0, "Next": "No"}, default="W"), W=wait(9), Yes=succeed(),
        No=fail("E", "C"),
    )  # fmt: skip
    data = Data()
    machine = block(Each=distributed(processor, ResultWriter=PUT, MaxConcurrency=2))
    done = run(machine, [0, 1, 2], data)
    assert (done.status, done.error, done.cause) == ("FAILED", "E", "C")
    assert done.types[3:] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    results = data.results
    assert [len(results[each]) for each in ("SUCCEEDED", "FAILED", "PENDING")] == [0, 1, 1]
    assert results["PENDING"][0]["Input"] == "1"


def test_a_failure_while_further_iterations_are_due_is_written_too() -> None:
    data = Data()
    machine = block(Each=distributed(PICKY, ResultWriter=PUT, MaxConcurrency=3, ToleratedFailureCount=0))
    done = run(machine, [1, -1, 3, 4, 5], data, limits=Limits(fuel=1))
    assert done.error == "States.ExceedToleratedFailureThreshold"
    assert len(data.results["FAILED"]) == 1


def test_results_that_cannot_be_written_fail_the_state() -> None:
    machine = block(
        Each=distributed(ONE, ResultWriter=PUT, Catch=[catch("Else")], Next="End"), Else=pass_(), End=pass_()
    )
    done = run(machine, [1], Data(fault="no such bucket"))
    assert done.output == {"Error": "States.ResultWriterFailed", "Cause": "no such bucket"}
    assert "MapRunFailed" in done.types


def test_the_failure_of_the_map_run_comes_before_that_of_its_writer() -> None:
    done = run(block(Each=distributed(PICKY, ResultWriter=PUT)), [-1], Data(fault="no such bucket"))
    assert (done.error, done.cause) == ("E", "C")


def test_writing_survives_a_crash() -> None:
    driven, operation = waiting(Purpose.WRITE_RESULTS, block(Each=distributed(ONE, ResultWriter=PUT)), [1, 2])
    again = decode_execution(encode_execution(driven.execution))
    assert again == driven.execution
    (command,) = outstanding(again)
    assert isinstance(command, WriteResults)
    advance(driven.program, again, ResultsWritten(moment(1), operation, Document({"Bucket": "b", "Key": "k"})))
    assert again.status == "SUCCEEDED"


def test_a_stopped_reader_within_a_distributed_map_is_cancelled_by_its_sibling() -> None:
    inner = distributed(ONE, ItemReader=reader())
    machine = block(
        Outer=distributed(
            block(
                Pick=choice({"Variable": "$.bad", "BooleanEquals": True, "Next": "T"}, default="In"),
                In={**inner, "End": True},
                T=task(),
            )
        )
    )
    driven = started(machine, [{"bad": False, "key": "k"}, {"bad": True}])
    (call,) = driven.tasks
    step = driven.fail(call.operation, Failure("E"))
    assert any(isinstance(each, CancelOperation) for each in step.commands)
    assert driven.execution.status == "FAILED"
    assert not driven.execution.operations


def test_fuel_makes_no_difference() -> None:
    machine = block(
        Each=distributed(PICKY, ItemReader=reader(), ResultWriter=PUT, ToleratedFailurePercentage=50, MaxConcurrency=2)
    )
    logs = []
    for fuel in (1, 2, 7, 1_000):
        data = Data(1, -1, 2, -2, 3)
        done = run(machine, data=data, limits=Limits(fuel=fuel))
        counts = {status: len(results) for status, results in data.results.items()}
        logs.append((done.status, done.types, counts))
    assert logs[0][2] == {"SUCCEEDED": 3, "FAILED": 2, "PENDING": 0}
    assert all(each == logs[0] for each in logs)


def test_a_resumed_execution_goes_on_reading() -> None:
    driven, operation = waiting(Purpose.READ_ITEMS, READING, {"key": "k"})
    driven.send(Resumed(moment(0)))
    driven.send(ItemsRead(moment(1), operation, Document(["a", "b"])))
    driven.fire(6)
    driven.fire(11)
    assert driven.execution.output == Document(["a", "b"])
