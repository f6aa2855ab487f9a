"""The map run of a distributed Map: ItemReader and ItemBatcher before its iterations, ResultWriter after them.

Rules (developer guide, "ItemReader", "ItemBatcher", "ResultWriter"; recorded)
- All fields are evaluated on the effective input after MapStateStarted, whose length is 0 with an ItemReader, and
  before MapRunStarted: a MaxItems that is no integer is States.Runtime, with no map run (fact
  map-maxitemspath-fraction). One that is negative fails the map run.
- ItemSelector applies to the items, ItemBatcher to what it gives. A batch has as many items as both bounds allow, and
  one at least; tolerated failures count items, so a failed batch counts as many as it has.
- A ResultWriter that exports writes also when the map run fails; the iterations that were cut short are PENDING. The
  failure is then that of the map run. Failed iterations are always told with their metadata.
- An iteration is an execution of its own in these files only: it has a name, and the ARNs that it would have.
"""

from __future__ import annotations

from typing import TypeAlias

from statemachine.errors import ITEM_READER_FAILED, Failure
from statemachine.expressions.base import Values
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.activation import Activation
from statemachine.kernel.commands import ReadItems, WriteResults
from statemachine.kernel.events import ItemsRead, ItemsReadFailed, ResultsWriteFailed, ResultsWritten
from statemachine.kernel.execution import Batching, Children, Flag, Frame, Phase, Purpose, Report
from statemachine.kernel.history import failure_details
from statemachine.kernel.map_runs import MapRun, MapRunStatus, child_execution_arn, child_machine_arn, keep
from statemachine.program.nodes import BatcherNode, MapNode, Number, ReaderNode, Transformation
from statemachine.timestamps import to_iso

Answer: TypeAlias = ItemsRead | ItemsReadFailed | ResultsWritten | ResultsWriteFailed


def start(
    run: Activation, frame: Frame, node: MapNode, values: Values, children: Children, max_concurrency: int
) -> ReadItems | None:
    """Evaluate what the map run needs and record its start; what is to be read. Raises EvaluationError."""
    wanted = None if node.reader is None else _wanted(run, node.name, node.reader, values)
    children.tolerated_count = None if node.tolerated_count is None else node.tolerated_count(values)
    if node.tolerated_percentage is not None:
        children.tolerated_percentage = node.tolerated_percentage(values)
    if node.batcher is not None:
        children.batching = _batching(node.batcher, values)
    if node.writer is not None and node.writer.resource is not None:
        given = node.writer.arguments
        children.writer = Document({} if given is None else given(values))
    prefix = run.execution.machine_arn.replace(":stateMachine:", ":mapRun:")
    children.map_run = f"{prefix}/{node.label or run.draws.uuid()}:{run.draws.uuid()}"
    run.record(frame, "MapRunStarted", {"mapRunArn": children.map_run})
    if not frame.muted and Flag.CHILD_EXECUTIONS in run.execution.flags:
        started = MapRun(
            children.map_run,
            run.execution.arn,
            node.name,
            run.execution.now_ms,
            max_concurrency,
            children.tolerated_count or 0,
            children.tolerated_percentage or 0.0,
        )
        keep(run.execution.map_runs, started)
        _count(started, children)
    return wanted


def _count(started: MapRun, children: Children) -> None:
    started.items.total = children.total
    if children.batching is None:
        started.executions.total = children.total


def described(run: Activation, children: Children) -> MapRun | None:
    """What is told of a map run; None for an inline Map, and for a map run within an iteration of another."""
    return None if children.map_run is None else run.execution.map_runs.get(children.map_run)


def iteration_started(told: MapRun, children: Children, item: Json, *, again: bool = False) -> None:
    """Count an iteration; `item` is its item or batch. One that begins `again` was counted before."""
    told.begin_iteration(items_in(children, item))
    if children.batching is not None and not again:
        told.executions.total += 1


def iteration_ended(run: Activation, children: Children, item: Json, *, succeeded: bool) -> None:
    """Count the end of an iteration."""
    if (told := described(run, children)) is not None:
        told.end_iteration(items_in(children, item), succeeded=succeeded)


def items_in(children: Children, item: Json) -> int:
    """How many items an iteration has."""
    return 1 if children.batching is None else len(item["Items"])


def cut(run: Activation, children: Children) -> None:
    """The iterations that run are cut short."""
    if (told := described(run, children)) is not None:
        told.cut()


def end(run: Activation, children: Children, status: MapRunStatus) -> None:
    """The map run is over."""
    if (told := described(run, children)) is not None:
        told.end(status, run.execution.now_ms)


def _wanted(run: Activation, name: str, reader: ReaderNode, values: Values) -> ReadItems:
    limits = run.execution.limits
    given = None if reader.arguments is None else reader.arguments(values)
    return ReadItems(
        operation=run.new_id(),
        state=name,
        resource=reader.resource,
        arguments=Document({} if given is None else given),
        config=reader.config,
        max_items=min(_number(reader.max_items, values) or limits.reader_items, limits.reader_items),
        max_bytes=limits.reader_bytes,
    )


def _batching(batcher: BatcherNode, values: Values) -> Batching:
    common = {} if batcher.batch_input is None else {"BatchInput": batcher.batch_input(values)}
    return Batching(_number(batcher.max_items, values), _number(batcher.max_bytes, values), common)


def _number(number: Number | None, values: Values) -> int:
    return 0 if number is None else number(values)


def read(run: Activation, frame: Frame, wanted: ReadItems) -> None:
    """Ask for the items."""
    if wanted.max_items < 0:
        _failed(run, frame, Failure(ITEM_READER_FAILED, "field MaxItems must be positive"))
        return
    run.transfer(frame, wanted, Purpose.READ_ITEMS)


def answered(run: Activation, frame: Frame, event: Answer) -> None:
    """Items were read, or results written, or not."""
    match event:
        case ItemsRead(items=items):
            _items_read(run, frame, items)
        case ItemsReadFailed(failure=failure):
            _failed(run, frame, failure)
        case ResultsWritten(details=details):
            _results_written(run, frame, details)
        case ResultsWriteFailed(failure=failure):
            _failed(run, frame, frame.failure or failure)  # a failure of the map run itself comes first


def _items_read(run: Activation, frame: Frame, items: Document) -> None:
    """Iterations may start."""
    children = frame.children
    assert children is not None
    children.items = items.value
    children.total = len(children.items)
    if (told := described(run, children)) is not None:
        _count(told, children)
    run.ready(frame, Phase.START_CHILDREN)


def _failed(run: Activation, frame: Frame, failure: Failure) -> None:
    """The map run has failed, and with it the state."""
    run.record(frame, "MapRunFailed", failure_details(failure))
    assert frame.children is not None
    end(run, frame.children, MapRunStatus.FAILED)
    frame.failure = failure
    if frame.phase is Phase.START_CHILDREN:  # it is in `ready` already, to start further iterations
        frame.phase = Phase.FAILED
    else:
        run.ready(frame, Phase.FAILED)


def ended(run: Activation, frame: Frame, node: MapNode) -> None:
    """All iterations have ended: the map run succeeds once its results are written."""
    children, writer = frame.children, node.writer
    assert children is not None
    if writer is not None and writer.resource is not None:
        _write(run, frame, node, children)
        return
    if writer is not None:
        frame.result = Document(_in_order(run, node, children))
    _succeed(run, frame)


def cut_short(run: Activation, frame: Frame, node: MapNode, failure: Failure) -> None:
    """Too many iterations failed: the map run fails once its results are written."""
    assert frame.children is not None
    if node.writer is None or node.writer.resource is None:
        _failed(run, frame, failure)
        return
    frame.failure = failure
    _write(run, frame, node, frame.children)


def _succeed(run: Activation, frame: Frame) -> None:
    run.record(frame, "MapRunSucceeded")
    assert frame.children is not None
    if (told := described(run, frame.children)) is not None:
        told.write()
        told.end(MapRunStatus.SUCCEEDED, run.execution.now_ms)
    run.note(frame, "MapStateSucceeded")
    run.ready(frame, Phase.RETURNED)


# -- results -----------------------------------------------------------------------------------------------------------


def _write(run: Activation, frame: Frame, node: MapNode, children: Children) -> None:
    writer = node.writer
    assert writer is not None
    assert writer.resource is not None
    assert children.writer is not None
    assert children.map_run is not None
    results = Document(_by_status(run, node, children))
    command = WriteResults(
        run.new_id(),
        node.name,
        writer.resource,
        children.writer,
        writer.output_type,
        children.map_run,
        results,
    )
    run.transfer(frame, command, Purpose.WRITE_RESULTS)


def _results_written(run: Activation, frame: Frame, details: Document) -> None:
    """The results are where the writer puts them: the state's result is where that is."""
    assert frame.children is not None
    if frame.failure is not None:
        if (told := described(run, frame.children)) is not None:
            told.write()
        _failed(run, frame, frame.failure)
        return
    frame.result = Document({"MapRunArn": frame.children.map_run, "ResultWriterDetails": details.value})
    _succeed(run, frame)


def _by_status(run: Activation, node: MapNode, children: Children) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    for index, report in enumerate(children.reports):
        file = _status(report) if report.stopped_ms is not None else "PENDING"
        found[file] += _transformed(run, node, children, report, children.outputs[index])
    return found


def _in_order(run: Activation, node: MapNode, children: Children) -> list[Json]:
    found: list[Json] = []
    for index, report in enumerate(children.reports):
        found += _transformed(run, node, children, report, children.outputs[index])
    return found


def _transformed(
    run: Activation, node: MapNode, children: Children, report: Report, output: Document | None
) -> list[Json]:
    assert node.writer is not None
    if output is None or node.writer.transformation is Transformation.NONE:
        return [_metadata(run, children, report, output)]
    if node.writer.transformation is Transformation.FLATTEN and isinstance(output.value, list):
        return output.value
    return [output.value]


def _status(report: Report) -> str:
    if report.stopped_ms is None:
        return "ABORTED"
    return "SUCCEEDED" if report.failure is None else "FAILED"


def _metadata(run: Activation, children: Children, report: Report, output: Document | None) -> dict[str, Json]:
    """An iteration as the execution that it is on AWS, in AWS's order of keys."""
    assert children.map_run is not None
    status = _status(report)
    found: dict[str, Json] = {}
    if report.failure is not None:
        pairs = (("Cause", report.failure.cause), ("Error", report.failure.error))
        found |= {key: value for key, value in pairs if value is not None}
    found["ExecutionArn"] = child_execution_arn(children.map_run, report.name)
    found |= {"Input": report.input.text, "InputDetails": {"Included": True}, "Name": report.name}
    if output is not None:
        found["Output"] = output.text
    found |= {"OutputDetails": {"Included": True}, "RedriveCount": run.execution.redrive_count}
    if status == "SUCCEEDED":
        found["RedriveStatus"] = "NOT_REDRIVABLE"
        found["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        found["RedriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
    found["StartDate"] = to_iso(report.started_ms)
    found["StateMachineArn"] = child_machine_arn(children.map_run)
    found["Status"] = status
    found["StopDate"] = to_iso(run.execution.now_ms if report.stopped_ms is None else report.stopped_ms)
    return found
