"""What another definition would have done with the answers that an execution got.

Rules
- Both programs run in virtual time and get the recorded answers: outputs, failures and delays, in both cases the same.
- A call gets the answer that the same state got for the same arguments; otherwise the next one that this state got and
  that no call has had. A call for which nothing is recorded ends the comparison there: it is said, never invented.
- It is stopped and redriven when the recorded execution was; a redrive that is refused changes nothing.
- Histories are compared event by event without their ids and times: what happens, not when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from msgspec.structs import replace

from statemachine.errors import Failure, TaskError
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import advance, new_execution
from statemachine.kernel.commands import ExecutionStatus, ReadItems, ScheduleTask, WriteResults
from statemachine.kernel.events import (
    Event,
    ExecutionStarted,
    ItemsRead,
    ItemsReadFailed,
    RedriveRequested,
    ResultsWriteFailed,
    ResultsWritten,
    StopRequested,
    TaskFailed,
    TaskSubmitted,
    TaskSucceeded,
)
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent, to_api
from statemachine.kernel.snapshot import decode_execution
from statemachine.program import Program
from statemachine.testing.virtual import VirtualHost, VirtualTask

MAX_EVENTS = 1_000_000
"""Events of the journal after which a run counts as endless."""


@dataclass(slots=True)
class _Answer:
    """What one call got, and when, in milliseconds after it was made."""

    arguments: bytes
    made_ms: int
    submitted: tuple[int, Document] | None = None
    output: tuple[int, Document] | None = None
    failure: tuple[int, Failure] | None = None
    """None of the three: no answer came."""
    used: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    status: ExecutionStatus
    output: Document | None
    failure: Failure | None
    history: tuple[HistoryEvent, ...]
    unanswered: str | None
    """The call at which it was left, because nothing is recorded for it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two histories part: the position (from 1) and the two events, as AWS shows them."""

    position: int
    before: dict[str, Json] | None
    after: dict[str, Json] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two programs did."""

    before: Outcome
    after: Outcome
    difference: Difference | None
    """None if both did the same."""


def what_if(before: Program, start: bytes, events: Sequence[Event], after: Program) -> Comparison:
    """Compare what `before` did, from this snapshot with these events, with what `after` would have done."""
    recorded = _recorded(before, start, events)
    origin = decode_execution(start)
    first = _run(before, origin, recorded, events)
    for answers in recorded.tasks.values():
        for answer in answers:
            answer.used = False
    second = _run(after, origin, recorded, events)
    return Comparison(first, second, _difference(first.history, second.history))


@dataclass(slots=True)
class _Recorded:
    """The answers of an execution, by state."""

    tasks: dict[str, list[_Answer]] = field(default_factory=dict)
    transfers: dict[str, list[Event]] = field(default_factory=dict)


def _recorded(program: Program, start: bytes, events: Sequence[Event]) -> _Recorded:
    """Collect the answers by applying the events again."""
    execution = decode_execution(start)
    found = _Recorded()
    calls: dict[int, _Answer] = {}
    transfers: dict[int, str] = {}
    for event in events:
        _note(found, calls, transfers, event)
        for command in advance(program, execution, event).commands:
            if isinstance(command, ScheduleTask):
                answer = calls[command.operation] = _Answer(command.arguments.encoded, execution.now_ms)
                found.tasks.setdefault(command.state, []).append(answer)
            elif isinstance(command, ReadItems | WriteResults):
                transfers[command.operation] = command.state
    return found


def _note(found: _Recorded, calls: dict[int, _Answer], transfers: dict[int, str], event: Event) -> None:
    match event:
        case TaskSubmitted(at_ms=at_ms, operation=operation, output=output) if operation in calls:
            call = calls[operation]
            call.submitted = call.submitted or (at_ms - call.made_ms, output)
        case TaskSucceeded(at_ms=at_ms, operation=operation, output=output) if operation in calls:
            call = calls[operation]
            if call.failure is None:
                call.output = call.output or (at_ms - call.made_ms, output)
        case TaskFailed(at_ms=at_ms, operation=operation, failure=failure) if operation in calls:
            call = calls[operation]
            if call.output is None:
                call.failure = call.failure or (at_ms - call.made_ms, failure)
        case ItemsRead() | ItemsReadFailed() | ResultsWritten() | ResultsWriteFailed():
            if event.operation in transfers:
                found.transfers.setdefault(transfers[event.operation], []).append(event)
        case _:
            pass


class _NothingRecordedError(Exception):
    """A call that the recorded execution did not make."""


def _run(program: Program, origin: Execution, recorded: _Recorded, events: Sequence[Event]) -> Outcome:
    execution = new_execution(
        program,
        id=origin.id,
        input=origin.input,
        seed=origin.seed,
        machine_name=origin.machine_name,
        role_arn=origin.role_arn,
        limits=origin.limits,
        express=origin.express,
        synchronous=origin.synchronous,
    )
    start_ms = next((each.at_ms for each in events if isinstance(each, ExecutionStarted)), 0)
    transfers = {state: iter(found) for state, found in recorded.transfers.items()}

    def transfer(command: ReadItems | WriteResults) -> Json:
        event = next(transfers.get(command.state, iter(())), None)
        match event:
            case ItemsRead(items=document) | ResultsWritten(details=document):
                return document.value
            case ItemsReadFailed(failure=failure) | ResultsWriteFailed(failure=failure):
                raise TaskError(failure.error or "", failure.cause)
            case _:
                raise _NothingRecordedError(f"{command.state}: its items or results were not transferred")

    host = VirtualHost(
        program,
        execution,
        lambda call: _answer(call, recorded),
        start_ms=start_ms,
        reserialise=False,
        read_items=transfer,
        write_results=transfer,
    )
    for event in events:
        if isinstance(event, StopRequested):
            host.put(event)
    unanswered = None
    try:
        ended = host.run(MAX_EVENTS)
        for event in events:
            if isinstance(event, RedriveRequested) and ended.closed:
                host.send(replace(event, at_ms=max(event.at_ms, ended.now_ms)))
                ended = host.run(MAX_EVENTS)
    except _NothingRecordedError as error:
        ended, unanswered = host.execution, str(error)
    return Outcome(ended.status, ended.output, ended.failure, tuple(host.history), unanswered)


def _answer(call: VirtualTask, recorded: _Recorded) -> Json:
    """Answer a call. Raises TaskError for a recorded failure, _NothingRecordedError if there is no answer."""
    command = call.command
    left = [each for each in recorded.tasks.get(command.state, ()) if not each.used]
    same = [each for each in left if each.arguments == command.arguments.encoded]
    if not left:
        raise _NothingRecordedError(
            f"{command.state} calls {command.resource} with {command.arguments.text[:200]}: no answer is recorded"
        )
    found = (same or left)[0]
    found.used = True
    if found.submitted is not None:
        return _submitted(call, found, *found.submitted)
    if found.output is not None:
        call.slept_ms += found.output[0]
        return found.output[1].value
    if found.failure is not None:
        call.slept_ms += found.failure[0]
        raise TaskError(found.failure[1].error or "", found.failure[1].cause)
    call.leave()
    return None


def _submitted(call: VirtualTask, found: _Answer, after_ms: int, output: Document) -> Json:
    """What is submitted; the token is answered as it was."""
    call.slept_ms += after_ms
    if found.output is not None:
        call.succeed(found.output[1].value, (found.output[0] - after_ms) / 1000)
    elif found.failure is not None:
        failure = found.failure[1]
        call.fail(failure.error, failure.cause, (found.failure[0] - after_ms) / 1000)
    return output.value


def _difference(before: Sequence[HistoryEvent], after: Sequence[HistoryEvent]) -> Difference | None:
    for position, (old, new) in enumerate(zip_longest(before, after), start=1):
        if _compared(old) != _compared(new):
            return Difference(position, _shown(old), _shown(new))
    return None


def _shown(event: HistoryEvent | None) -> dict[str, Json] | None:
    return None if event is None else to_api(event)


def _compared(event: HistoryEvent | None) -> Any:
    if event is None:
        return None
    shown = to_api(event)
    del shown["timestamp"], shown["id"]
    return shown
