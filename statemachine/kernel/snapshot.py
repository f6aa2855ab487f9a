"""Execution <-> bytes, and Event <-> bytes: the formats that are stored. Written by hand, versioned.

Rules
- A snapshot is everything that `advance` needs besides the program; `decode(encode(x))` equals x.
- Documents are a table of texts, referred to by index: what is shared in memory is stored once, and a text that was
  made once is not made again.
- A format that can still be read is never changed: a new one gets a new version and a decoder beside the old one.
- Of the limits only those are written that are not `USUAL_LIMITS`: most executions have no others.
- What is stored may be damaged: bytes that are not what was written are a StoreError, whatever they do to a decoder.
"""

from __future__ import annotations

import heapq
from collections import deque
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, assert_never

from statemachine.errors import Failure, KernelError, StoreError
from statemachine.jsonvalue import Document, Json, decode_json, encode_json
from statemachine.kernel.children_snapshot import (
    DocumentTable,
    decode_children,
    decode_failure,
    decode_unfinished,
    document_at,
    encode_children,
    encode_failure,
    encode_unfinished,
)
from statemachine.kernel.commands import ExecutionStatus, ReadItems, ScheduleTask, StartTimer, WriteResults
from statemachine.kernel.compensation_snapshot import (
    DecodedCompensations,
    decode_compensations,
    encode_compensations,
)
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    ExecutionStarted,
    ItemsRead,
    ItemsReadFailed,
    RedriveRequested,
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
from statemachine.kernel.execution import Execution, Flag, Frame, Operation, Phase, Purpose, Scope
from statemachine.kernel.map_runs import decode_map_run, encode_map_run
from statemachine.kernel.redrive import every_unfinished
from statemachine.limits import Limits

VERSION = 1

USUAL_LIMITS: Final = {
    "payload_bytes": 262_144,
    "history_events": 25_000,
    "fuel": 1_000,
    "map_concurrency": 40,
    "distributed_map_concurrency": 10_000,
    "variable_bytes": 262_144,
    "variables_bytes": 10_485_760,
    "depth": 64,
    "express_seconds": 300,
    "reader_items": 100_000_000,
    "reader_bytes": 268_435_456,
    "compensations": 10_000,
    "redrivable_days": 14,
    "redrives": 1_000,
}
"""What a limit is that a snapshot does not name. A part of the format: it stays, whatever becomes of the defaults."""

# Looked up here, members of an enumeration take a tenth of the time of `Phase(1)`.
_STATUSES: Final = {each.value: each for each in ExecutionStatus}
_PHASES: Final = {each.value: each for each in Phase}
_PURPOSES: Final = {each.value: each for each in Purpose}

_OF_DAMAGE: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What decoding raises for bytes that nobody has encoded."""


def _damaged(what: str, data: bytes, error: Exception) -> StoreError:
    return StoreError(
        f"a stored {what} of {len(data):,} bytes is damaged ({type(error).__name__}: {error}); restore the store from "
        "a copy, or remove the execution"
    )


def encode_execution(execution: Execution) -> bytes:
    """The execution as bytes."""
    documents = DocumentTable()
    body = {
        "version": VERSION,
        "id": execution.id,
        "definition": execution.definition_sha256,
        "machine": execution.machine_name,
        "arns": [execution.arn, execution.machine_arn, execution.role_arn],
        "flags": [each.value for each in execution.flags],
        "kind": [execution.express, execution.synchronous],
        "input": documents.add(execution.input),
        "seed": execution.seed.hex(),
        "limits": _unusual(execution.limits),
        "clock": [execution.now_ms, execution.started_ms],
        "counters": [execution.draws, execution.next_id, execution.history_length, execution.redrive_count],
        "status": execution.status.value,
        "output": documents.add(execution.output),
        "failure": encode_failure(execution.failure),
        "scopes": [_encode_scope(each, documents) for each in execution.scopes.values()],
        "frames": [_encode_frame(each, documents) for each in execution.frames.values()],
        "operations": [_encode_operation(each, documents) for each in execution.operations.values()],
        "ready": list(execution.ready),
        "mapRuns": [encode_map_run(each) for each in execution.map_runs.values()],
    }
    compensations = encode_compensations(execution, documents.add)
    if compensations is not None:
        body["compensations"] = compensations
    if execution.unfinished is not None:
        body["unfinished"] = encode_unfinished(execution.unfinished, documents)
    body["documents"] = documents.texts()
    return encode_json(body)


@lru_cache(maxsize=64)
def _unusual(limits: Limits) -> dict[str, int | None]:
    return {name: value for name, value in limits.to_json().items() if USUAL_LIMITS.get(name, ...) != value}


@lru_cache(maxsize=64)
def _limits_of(named: tuple[tuple[str, Any], ...]) -> Limits:
    return Limits.from_json(USUAL_LIMITS | dict(named))


@lru_cache(maxsize=64)
def _flags_of(names: tuple[str, ...]) -> tuple[Flag, ...]:
    return tuple(map(Flag, names))


def encode_new_execution(execution: Execution) -> bytes:
    """`encode_execution` of one that has not started, in a fraction of the time."""
    before_id, before_arn, before_seed, before_input, end = _new_execution(
        execution.definition_sha256,
        execution.machine_name,
        execution.machine_arn,
        execution.role_arn,
        execution.flags,
        execution.express,
        execution.synchronous,
        execution.limits,
    )
    return b"".join(
        (
            before_id, encode_json(execution.id), before_arn, encode_json(execution.arn), before_seed,
            execution.seed.hex().encode(), before_input, encode_json(execution.input.text), end,
        )
    )  # fmt: skip


@lru_cache(maxsize=256)
def _new_execution(
    definition_sha256: str,
    machine_name: str,
    machine_arn: str,
    role_arn: str,
    flags: tuple[Flag, ...],
    express: bool,
    synchronous: bool,
    limits: Limits,
) -> list[bytes]:
    """What lies before, between and after the id, the ARN, the seed and the input of a new execution's snapshot."""
    marks = [blake2b(b"%d" % number, key=b"mark", digest_size=16).digest() for number in range(4)]
    id, arn, seed, input = (each.hex() for each in marks)
    execution = Execution(
        id=id,
        definition_sha256=definition_sha256,
        machine_name=machine_name,
        input=Document(input),
        seed=marks[2],
        limits=limits,
        arn=arn,
        machine_arn=machine_arn,
        role_arn=role_arn,
        flags=flags,
        express=express,
        synchronous=synchronous,
    )
    parts: list[bytes] = []
    rest = encode_execution(execution).decode()
    for mark in (f'"{id}"', f'"{arn}"', seed, encode_json(f'"{input}"').decode()):
        part, _, rest = rest.partition(mark)
        parts.append(part.encode())
    return [*parts, rest.encode()]


def decode_execution(data: bytes) -> Execution:
    """The inverse. Raises KernelError for a version that it does not know, StoreError for damaged bytes."""
    try:
        return _decode_execution(decode_json(data))
    except _OF_DAMAGE as error:
        raise _damaged("snapshot", data, error) from error


def _decode_execution(body: Any) -> Execution:
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
        limits=_limits_of(tuple(body["limits"].items())),
        arn=arn,
        machine_arn=machine_arn,
        role_arn=role_arn,
        flags=_flags_of(tuple(body.get("flags", ()))),
        express=express,
        synchronous=synchronous,
        now_ms=now_ms,
        started_ms=started_ms,
        draws=draws,
        next_id=next_id,
        history_length=history_length,
        status=_STATUSES[body["status"]],
        output=document_at(documents, body["output"]),
        failure=decode_failure(body["failure"]),
        redrive_count=redrive_count,
        ready=deque(body["ready"]),
    )
    for each in body.get("mapRuns", ()):  # a snapshot of before they were kept has none
        mapped = decode_map_run(each, arn)
        execution.map_runs[mapped.arn] = mapped
    for each in body["frames"]:
        frame = _decode_frame(each, documents)
        execution.frames[frame.id] = frame
    section = body.get("compensations")
    compensations = None if section is None else decode_compensations(section, documents)
    for each in body["scopes"]:
        _decode_scope(execution, each, documents, compensations)
    if (left := body.get("unfinished")) is not None:
        execution.unfinished = decode_unfinished(left, documents)
    if compensations is not None:
        _restore_compensations(execution, compensations)
    for each in body["operations"]:
        operation = _decode_operation(each, documents)
        execution.operations[operation.id] = operation
        if isinstance(operation.command, StartTimer):
            heapq.heappush(execution.timers, (operation.command.fire_at_ms, operation.id))
    return execution


def _restore_compensations(execution: Execution, compensations: DecodedCompensations) -> None:
    """Put back what an execution that is decoded otherwise has to undo, but for that of its scopes."""
    execution.unwinding = compensations.execution
    execution.failed_compensations = compensations.failed
    execution.compensations = compensations.held
    for index, each in enumerate(every_unfinished(execution)):
        each.registered = compensations.unfinished.get(index)
    for number, unwinding in compensations.frames.items():
        execution.frames[number].unwinding = unwinding


def _encode_scope(scope: Scope, documents: DocumentTable) -> Json:
    """Of the variables only the scope's own; those of the enclosing scope are there already."""
    own = {name: scope.variables[name] for name in scope.sizes}
    head = [scope.id, scope.parent_frame, scope.index, own, scope.sizes, scope.iteration, scope.item]
    return head if scope.input is None else [*head, documents.add(scope.input), scope.started_ms]


def _decode_scope(
    execution: Execution, data: list[Any], documents: list[Document], compensations: DecodedCompensations | None
) -> None:
    number, parent_frame, index, own, sizes, iteration, item, *more = data
    input, started_ms = more or (None, 0)  # iterations of a distributed Map have them, and not in older snapshots
    variables: dict[str, Json] = own
    compensating = None if compensations is None else compensations.paths.get(number)
    outer: dict[str, Json] | None = None
    if compensating is not None:
        outer = compensating.variables
    elif parent_frame:  # scopes are listed in the order of their start: the enclosing one is there
        outer = execution.scopes[execution.frames[parent_frame].scope].variables
    if outer is not None:
        variables = {**outer, **own} if own else outer
    scope = Scope(
        number, parent_frame, index, variables, sizes, iteration, item, document_at(documents, input), started_ms
    )
    if compensations is not None:
        scope.registered, scope.compensating = compensations.registered.get(number), compensating
    execution.scopes[number] = scope
    if sizes:
        execution.variables_bytes += sum(sizes.values())


def _encode_frame(frame: Frame, documents: DocumentTable) -> Json:
    children = frame.children
    head = [
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
        encode_failure(frame.failure),
        None if children is None else encode_children(children, documents),
    ]
    return head if frame.cut is None else [*head, encode_children(frame.cut, documents)]


def _decode_frame(data: list[Any], documents: list[Document]) -> Frame:
    number, scope, address, raw_input, phase, muted, events, attempts, operations, result, failure, *inside = data
    children, cut = (*inside, None)[:2]  # few have any, and older snapshots have no place for what was cut short
    return Frame(
        id=number,
        scope=scope,
        address=address,
        raw_input=documents[raw_input],
        phase=_PHASES[phase],
        muted=muted,
        last_event=events[0],
        entered_event=events[1],
        entered_at_ms=events[2],
        attempts=tuple(attempts[0]),
        retry_count=attempts[1],
        operation=operations[0],
        timeout=operations[1],
        result=document_at(documents, result),
        failure=decode_failure(failure),
        children=None if children is None else decode_children(children, documents),
        cut=None if cut is None else decode_children(cut, documents),
    )


def _encode_operation(operation: Operation, documents: DocumentTable) -> Json:
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
        return Operation(number, frame, _PURPOSES[purpose], StartTimer(number, rest[0]))
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
    return Operation(number, frame, _PURPOSES[purpose], command, document_at(documents, answer))


_TIMED: Final[dict[str, type[TimerFired | Resumed | ExecutionStarted | RedriveRequested]]] = {
    each.__name__: each for each in (TimerFired, Resumed, ExecutionStarted, RedriveRequested)
}
"""Events that are nothing but a time."""


def encode_event(event: Event) -> bytes:
    """An event as bytes: a JSON array of its name, its time and its fields."""
    match event:
        case TaskSucceeded(at_ms=at_ms, operation=operation, output=output):
            return b'["TaskSucceeded",%d,%d,%b]' % (at_ms, operation, output.encoded)
        case TimerFired() | Resumed() | ExecutionStarted() | RedriveRequested():
            return b'["%b",%d]' % (type(event).__name__.encode(), event.at_ms)
        case TaskSubmitted(at_ms=at_ms, operation=operation, output=output):
            return b'["TaskSubmitted",%d,%d,%b]' % (at_ms, operation, output.encoded)
        case ActivityStarted(at_ms=at_ms, operation=operation, worker_name=worker_name):
            return encode_json(["ActivityStarted", at_ms, operation, worker_name])
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
        case StopRequested(at_ms=at_ms, error=error, cause=cause, compensate=compensate):
            return encode_json(["StopRequested", at_ms, error, cause, *([True] if compensate else ())])
        case _:
            assert_never(event)


def decode_event(data: bytes) -> Event:
    """The inverse. Raises KernelError for an event that this release does not know, StoreError for damaged bytes."""
    try:
        return _decode_event(data)
    except _OF_DAMAGE as error:
        raise _damaged("event", data, error) from error


def _decode_event(data: bytes) -> Event:
    match decode_json(data):
        case ["TaskSucceeded", int(at_ms), int(operation), output]:
            return TaskSucceeded(at_ms, operation, Document(output, _fourth(data)))
        case ["TaskSubmitted", int(at_ms), int(operation), output]:
            return TaskSubmitted(at_ms, operation, Document(output, _fourth(data)))
        case ["ActivityStarted", int(at_ms), int(operation), worker_name]:
            return ActivityStarted(at_ms, operation, worker_name)
        case [str(name), int(at_ms)] if name in _TIMED:
            return _TIMED[name](at_ms)
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
        case ["StopRequested", int(at_ms), error, cause, *more]:
            return StopRequested(at_ms, error, cause, compensate=more == [True])
        case _:
            raise KernelError(f"this event cannot be read by this release: {data[:120]!r}")


def _fourth(data: bytes) -> bytes:
    """The text of an array's fourth and last element; the first three hold no comma."""
    return data[data.index(b",", data.index(b",", data.index(b",") + 1) + 1) + 1 : -1]
