"""Execution <-> bytes, and Event <-> bytes: the formats that are stored. Written by hand, versioned.

Rules
- A snapshot is everything that `advance` needs besides the program; `decode(encode(x))` equals x.
- Documents are a table of texts, referred to by index: what is shared in memory is stored once, and a text that was
  made once is not made again.
- A format that can still be read is never changed: a new one gets a new version and a decoder beside the old one.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import Any, assert_never

from statemachine.errors import Failure, KernelError
from statemachine.jsonvalue import Document, Json, decode_json, encode_json
from statemachine.kernel.commands import ExecutionStatus, ReadItems, ScheduleTask, StartTimer, WriteResults
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    ExecutionStarted,
    ItemsRead,
    ItemsReadFailed,
    ResultsWriteFailed,
    ResultsWritten,
    Resumed,
    StopRequested,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Batching, Children, Execution, Frame, Operation, Phase, Purpose, Report, Scope
from statemachine.limits import Limits

VERSION = 1


class _Documents:
    """The table of documents while encoding."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._kept: list[Document] = []  # keeps the ids below from being used again
        self._index: dict[int, int] = {}

    def add(self, document: Document | None) -> int | None:
        if document is None:
            return None
        index = self._index.get(id(document))
        if index is None:
            index = self._index[id(document)] = len(self.texts)
            self.texts.append(document.text)
            self._kept.append(document)
        return index


def encode_execution(execution: Execution) -> bytes:
    """The execution as bytes."""
    documents = _Documents()
    body = {
        "version": VERSION,
        "id": execution.id,
        "definition": execution.definition_sha256,
        "machine": execution.machine_name,
        "arns": [execution.arn, execution.machine_arn, execution.role_arn],
        "kind": [execution.express, execution.synchronous],
        "input": documents.add(execution.input),
        "seed": execution.seed.hex(),
        "limits": execution.limits.to_json(),
        "clock": [execution.now_ms, execution.started_ms],
        "counters": [execution.draws, execution.next_id, execution.history_length, execution.redrive_count],
        "status": execution.status.value,
        "output": documents.add(execution.output),
        "failure": _encode_failure(execution.failure),
        "scopes": [_encode_scope(each) for each in execution.scopes.values()],
        "frames": [_encode_frame(each, documents) for each in execution.frames.values()],
        "operations": [_encode_operation(each, documents) for each in execution.operations.values()],
        "ready": list(execution.ready),
    }
    body["documents"] = documents.texts
    return encode_json(body)


def decode_execution(data: bytes) -> Execution:
    """The inverse. Raises KernelError for a version that it does not know."""
    body: dict[str, Any] = decode_json(data)
    if body.get("version") != VERSION:
        raise KernelError(f"a snapshot of version {body.get('version')} cannot be read by this release")
    documents = [Document(decode_json(text), text.encode()) for text in body["documents"]]
    arn, machine_arn, role_arn = body["arns"]
    now_ms, started_ms = body["clock"]
    express, synchronous = body["kind"]
    draws, next_id, history_length, redrive_count = body["counters"]
    execution = Execution(
        id=body["id"],
        definition_sha256=body["definition"],
        machine_name=body["machine"],
        input=documents[body["input"]],
        seed=bytes.fromhex(body["seed"]),
        limits=Limits.from_json(body["limits"]),
        arn=arn,
        machine_arn=machine_arn,
        role_arn=role_arn,
        express=express,
        synchronous=synchronous,
        now_ms=now_ms,
        started_ms=started_ms,
        draws=draws,
        next_id=next_id,
        history_length=history_length,
        status=ExecutionStatus(body["status"]),
        output=_at(documents, body["output"]),
        failure=_decode_failure(body["failure"]),
        redrive_count=redrive_count,
        ready=deque(body["ready"]),
    )
    execution.frames = {each[0]: _decode_frame(each, documents) for each in body["frames"]}
    for each in body["scopes"]:
        _decode_scope(execution, each)
    for each in body["operations"]:
        operation = _decode_operation(each, documents)
        execution.operations[operation.id] = operation
        if isinstance(operation.command, StartTimer):
            heapq.heappush(execution.timers, (operation.command.fire_at_ms, operation.id))
    return execution


def _at(documents: list[Document], index: int | None) -> Document | None:
    return None if index is None else documents[index]


def _encode_failure(failure: Failure | None) -> Json:
    return None if failure is None else [failure.error, failure.cause]


def _decode_failure(data: Json) -> Failure | None:
    return None if data is None else Failure(data[0], data[1])


def _encode_scope(scope: Scope) -> Json:
    """Of the variables only the scope's own; those of the enclosing scope are there already."""
    own = {name: scope.variables[name] for name in scope.sizes}
    return [scope.id, scope.parent_frame, scope.index, own, scope.sizes, scope.iteration, scope.item]


def _decode_scope(execution: Execution, data: list[Any]) -> None:
    number, parent_frame, index, own, sizes, iteration, item = data
    variables: dict[str, Json] = own
    if parent_frame:  # scopes are listed in the order of their start: the enclosing one is there
        outer = execution.scopes[execution.frames[parent_frame].scope].variables
        variables = {**outer, **own} if own else outer
    execution.scopes[number] = Scope(number, parent_frame, index, variables, sizes, iteration, item)
    execution.variables_bytes += sum(sizes.values())


def _encode_frame(frame: Frame, documents: _Documents) -> Json:
    children = frame.children
    return [
        frame.id,
        frame.scope,
        frame.address,
        documents.add(frame.raw_input),
        int(frame.phase),
        frame.muted,
        [frame.last_event, frame.entered_event, frame.entered_at_ms],
        [frame.attempts, frame.retry_count],
        [frame.operation, frame.timeout],
        documents.add(frame.result),
        _encode_failure(frame.failure),
        None if children is None else _encode_children(children, documents),
    ]


def _decode_frame(data: list[Any], documents: list[Document]) -> Frame:
    number, scope, address, raw_input, phase, muted, events, attempts, operations, result, failure, children = data
    return Frame(
        id=number,
        scope=scope,
        address=address,
        raw_input=documents[raw_input],
        phase=Phase(phase),
        muted=muted,
        last_event=events[0],
        entered_event=events[1],
        entered_at_ms=events[2],
        attempts=tuple(attempts[0]),
        retry_count=attempts[1],
        operation=operations[0],
        timeout=operations[1],
        result=_at(documents, result),
        failure=_decode_failure(failure),
        children=None if children is None else _decode_children(children, documents),
    )


def _encode_children(children: Children, documents: _Documents) -> Json:
    batching = children.batching
    return [
        children.total,
        [[scope, frame] for scope, frame in children.running.items()],
        children.next_index,
        [documents.add(each) for each in children.outputs],
        children.items,
        children.concurrency,
        children.failed_count,
        children.tolerated_count,
        children.tolerated_percentage,
        children.map_run,
        children.taken,
        None if batching is None else [batching.items, batching.bytes, batching.common],
        documents.add(children.writer),
        [_encode_report(each, documents) for each in children.reports],
    ]


def _decode_children(data: list[Any], documents: list[Document]) -> Children:
    total, running, next_index, outputs, items, concurrency, failed, count, percentage, map_run, *more = data
    # A snapshot of before there were readers, batches and writers has no more.
    taken, batching, writer, reports = more or (next_index, None, None, [])
    return Children(
        total=total,
        running={scope: frame for scope, frame in running},  # noqa: C416 - lists, not pairs
        next_index=next_index,
        outputs=[_at(documents, each) for each in outputs],
        items=items,
        concurrency=concurrency,
        failed_count=failed,
        tolerated_count=count,
        tolerated_percentage=percentage,
        map_run=map_run,
        taken=taken,
        batching=None if batching is None else Batching(*batching),
        writer=_at(documents, writer),
        reports=[_decode_report(each, documents) for each in reports],
    )


def _encode_report(report: Report, documents: _Documents) -> Json:
    failure = _encode_failure(report.failure)
    return [report.name, documents.add(report.input), report.started_ms, report.stopped_ms, failure]


def _decode_report(data: list[Any], documents: list[Document]) -> Report:
    name, input, started_ms, stopped_ms, failure = data
    return Report(name, documents[input], started_ms, stopped_ms, _decode_failure(failure))


def _encode_operation(operation: Operation, documents: _Documents) -> Json:
    command = operation.command
    head = [operation.id, operation.frame, operation.purpose.value]
    if isinstance(command, StartTimer):
        return [*head, command.fire_at_ms]
    if isinstance(command, ReadItems):
        texts = [command.state, command.resource, documents.add(command.arguments), documents.add(command.config)]
        return [*head, *texts, command.max_items, command.max_bytes]
    if isinstance(command, WriteResults):
        texts = [command.state, command.resource, documents.add(command.arguments), command.output_type]
        return [*head, *texts, command.map_run, documents.add(command.results)]
    return [
        *head,
        command.resource,
        documents.add(command.arguments),
        command.state,
        command.attempt,
        command.deadline_ms,
        command.heartbeat_seconds,
        command.role_arn,
        command.timeout_seconds,
        command.submitted,
        documents.add(operation.answer),
    ]


def _decode_operation(data: list[Any], documents: list[Document]) -> Operation:
    number, frame, purpose, *rest = data
    if purpose == Purpose.READ_ITEMS.value:
        state, resource, arguments, config, max_items, max_bytes = rest
        read = ReadItems(number, state, resource, documents[arguments], documents[config], max_items, max_bytes)
        return Operation(number, frame, Purpose.READ_ITEMS, read)
    if purpose == Purpose.WRITE_RESULTS.value:
        state, resource, arguments, output_type, map_run, results = rest
        write = WriteResults(number, state, resource, documents[arguments], output_type, map_run, documents[results])
        return Operation(number, frame, Purpose.WRITE_RESULTS, write)
    if len(rest) == 1:
        return Operation(number, frame, Purpose(purpose), StartTimer(number, rest[0]))
    resource, arguments, state, attempt, deadline_ms, heartbeat_seconds, *more = rest
    # What was added later; snapshots without it can be read.
    role_arn, timeout_seconds, submitted, answer = more or (None, None, False, None)
    command = ScheduleTask(
        number,
        resource,
        documents[arguments],
        state,
        attempt,
        deadline_ms,
        heartbeat_seconds,
        role_arn,
        timeout_seconds,
        submitted,
    )
    return Operation(number, frame, Purpose(purpose), command, _at(documents, answer))


def encode_event(event: Event) -> bytes:
    """An event as bytes: a JSON array of its name, its time and its fields."""
    match event:
        case TaskSucceeded(at_ms=at_ms, operation=operation, output=output):
            return b'["TaskSucceeded",%d,%d,%b]' % (at_ms, operation, output.encoded)
        case TimerFired(at_ms=at_ms):
            return b'["TimerFired",%d]' % at_ms
        case TaskSubmitted(at_ms=at_ms, operation=operation, output=output):
            return b'["TaskSubmitted",%d,%d,%b]' % (at_ms, operation, output.encoded)
        case ActivityStarted(at_ms=at_ms, operation=operation, worker_name=worker_name):
            return encode_json(["ActivityStarted", at_ms, operation, worker_name])
        case Resumed(at_ms=at_ms):
            return b'["Resumed",%d]' % at_ms
        case ExecutionStarted(at_ms=at_ms):
            return b'["ExecutionStarted",%d]' % at_ms
        case TaskFailed(at_ms=at_ms, operation=operation, failure=failure):
            return encode_json(["TaskFailed", at_ms, operation, failure.error, failure.cause])
        case TaskHeartbeatLost(at_ms=at_ms, operation=operation):
            return encode_json(["TaskHeartbeatLost", at_ms, operation])
        case ItemsRead(at_ms=at_ms, operation=operation, items=items):
            return b'["ItemsRead",%d,%d,%b]' % (at_ms, operation, items.encoded)
        case ItemsReadFailed(at_ms=at_ms, operation=operation, failure=failure):
            return encode_json(["ItemsReadFailed", at_ms, operation, failure.error, failure.cause])
        case ResultsWritten(at_ms=at_ms, operation=operation, details=details):
            return b'["ResultsWritten",%d,%d,%b]' % (at_ms, operation, details.encoded)
        case ResultsWriteFailed(at_ms=at_ms, operation=operation, failure=failure):
            return encode_json(["ResultsWriteFailed", at_ms, operation, failure.error, failure.cause])
        case StopRequested(at_ms=at_ms, error=error, cause=cause):
            return encode_json(["StopRequested", at_ms, error, cause])
        case _:
            assert_never(event)


def decode_event(data: bytes) -> Event:
    """The inverse. Raises KernelError for an event that this release does not know."""
    match decode_json(data):
        case ["TaskSucceeded", int(at_ms), int(operation), output]:
            return TaskSucceeded(at_ms, operation, Document(output, _fourth(data)))
        case ["TaskSubmitted", int(at_ms), int(operation), output]:
            return TaskSubmitted(at_ms, operation, Document(output, _fourth(data)))
        case ["ActivityStarted", int(at_ms), int(operation), worker_name]:
            return ActivityStarted(at_ms, operation, worker_name)
        case ["TimerFired", int(at_ms)]:
            return TimerFired(at_ms)
        case ["Resumed", int(at_ms)]:
            return Resumed(at_ms)
        case ["ExecutionStarted", int(at_ms)]:
            return ExecutionStarted(at_ms)
        case ["TaskFailed", int(at_ms), int(operation), error, cause]:
            return TaskFailed(at_ms, operation, Failure(error, cause))
        case ["TaskHeartbeatLost", int(at_ms), int(operation)]:
            return TaskHeartbeatLost(at_ms, operation)
        case ["ItemsRead", int(at_ms), int(operation), items]:
            return ItemsRead(at_ms, operation, Document(items, _fourth(data)))
        case ["ItemsReadFailed", int(at_ms), int(operation), error, cause]:
            return ItemsReadFailed(at_ms, operation, Failure(error, cause))
        case ["ResultsWritten", int(at_ms), int(operation), details]:
            return ResultsWritten(at_ms, operation, Document(details, _fourth(data)))
        case ["ResultsWriteFailed", int(at_ms), int(operation), error, cause]:
            return ResultsWriteFailed(at_ms, operation, Failure(error, cause))
        case ["StopRequested", int(at_ms), error, cause]:
            return StopRequested(at_ms, error, cause)
        case _:
            raise KernelError(f"this event cannot be read by this release: {data[:120]!r}")


def _fourth(data: bytes) -> bytes:
    """The text of an array's fourth and last element; the first three hold no comma."""
    return data[data.index(b",", data.index(b",", data.index(b",") + 1) + 1) + 1 : -1]
