"""What holds for every machine, every answer and every schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from random_machines import ACTIVITY, START, TOKEN, Case, cases, machines, make_case, perform
from running import MOST_EVENTS, START_MS, Driven, Run, compiled, new, run

from statemachine.errors import Failure
from statemachine.jsonvalue import Document
from statemachine.kernel.advance import Step, advance, outstanding
from statemachine.kernel.commands import CloseExecution, ScheduleTask, StartTimer, Yield
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    ExecutionStarted,
    Resumed,
    StopRequested,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Execution, Phase
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_event, encode_execution
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.testing.virtual import VirtualHost, replay

MOST_FORKS = 60
"""Events of one journal at which it is forked: the work grows with their square."""
CLOSING = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
TIGHT = Limits(payload_bytes=400, variable_bytes=200, variables_bytes=400, history_events=300, fuel=50)
"""Limits that random machines do reach."""
_limits = st.sampled_from([AWS_LIMITS, TIGHT, replace(AWS_LIMITS, fuel=1), replace(TIGHT, fuel=3)])


def run_part(case: Case, limits: Limits = AWS_LIMITS, **options: Any) -> Run:
    return run(case.definition, case.input, perform=perform(case), machines=machines(), limits=limits, **options)


def run_case(case: Case, limits: Limits = AWS_LIMITS, **options: Any) -> Run:
    done = run_part(case, limits, **options)
    assert done.execution.closed, "nothing that these machines wait for never comes"
    return done


# -- one run -----------------------------------------------------------------------------------------------------------


@given(cases(), _limits)
@settings(max_examples=300)
def test_a_replay_equals_the_run(case: Case, limits: Limits) -> None:
    done = run_case(case, limits)
    program, execution = new(case.definition, case.input, limits=limits)
    again, history = replay(program, execution, done.host.journal)
    assert history == done.history
    assert again == done.execution


@given(cases())
@settings(max_examples=150)
def test_writing_and_reading_between_steps_changes_nothing(case: Case) -> None:
    """The virtual host does so; without it the run is the same."""
    plain = run_case(case, reserialise=False)
    assert plain.history == run_case(case).history
    assert plain.execution.draws == run_case(case).execution.draws


@given(cases(), st.integers(1, 12))
@settings(max_examples=250)
def test_any_fuel_gives_the_same_history(case: Case, fuel: int) -> None:
    whole, parts = run_case(case), run_case(case, replace(AWS_LIMITS, fuel=fuel))
    assert parts.history == whole.history
    assert (parts.status, parts.execution.output, parts.execution.failure) == (
        whole.status,
        whole.execution.output,
        whole.execution.failure,
    )


@given(cases(), _limits)
@settings(max_examples=300)
def test_the_history_is_well_formed(case: Case, limits: Limits) -> None:
    done = run_case(case, limits)
    assert_well_formed(done.history)
    assert_exits_are_explained(done)
    assert done.execution.history_length == len(done.history)
    assert limits.history_events is None or len(done.history) <= limits.history_events


@given(cases(), st.data())
@settings(max_examples=200)
def test_a_snapshot_anywhere_and_the_rest_of_the_journal_give_the_same_end(case: Case, data: st.DataObject) -> None:
    done = run_case(case, replace(AWS_LIMITS, fuel=9))
    journal = done.host.journal
    cut = data.draw(st.integers(0, len(journal)))
    program, execution = new(case.definition, case.input, limits=replace(AWS_LIMITS, fuel=9))
    first, before = replay(program, execution, journal[:cut])
    taken_up = decode_execution(encode_execution(first))
    last, after = replay(compiled(case.definition), taken_up, journal[cut:])
    assert before + after == done.history
    assert last == done.execution


@given(cases(), _limits)
@settings(max_examples=60)
def test_a_fork_at_every_event_replays_to_the_same_end(case: Case, limits: Limits) -> None:
    done = run_case(case, limits)
    journal, total = done.host.journal, len(done.history)
    program, execution = new(case.definition, case.input, limits=limits)
    for index in range(min(len(journal), MOST_FORKS)):
        forked = decode_execution(encode_execution(execution))
        before = forked.history_length
        last, after = replay(program, forked, journal[index:])
        assert last == done.execution
        assert after == done.history[before:]
        assert before + len(after) == total
        advance(program, execution, decode_event(journal[index]))


@given(cases(), st.data())
@settings(max_examples=200)
def test_a_crash_anywhere_comes_to_an_end_too(case: Case, data: st.DataObject) -> None:
    """The commands that are outstanding are given to a host again: each exactly once, with the ids that they had."""
    done = run_case(case)
    cut = data.draw(st.integers(1, len(done.host.journal)))
    program, execution = new(case.definition, case.input)
    first, before = replay(program, execution, done.host.journal[:cut])
    commands = outstanding(first)
    assert len({each.operation for each in commands if isinstance(each, ScheduleTask | StartTimer)}) == len(
        [each for each in commands if not isinstance(each, Yield)]
    )
    taken_up = decode_execution(encode_execution(first))
    host = VirtualHost(program, taken_up, perform(case), machines=machines())
    host.run(MOST_EVENTS)
    assert host.execution.closed
    assert_well_formed(before + host.history)


# -- hostile schedules -------------------------------------------------------------------------------------------------


_answers = st.sampled_from(
    ["succeed", "fail", "submit", "start", "heartbeat", "timer", "late", "unknown", "repeat", "early", "stop"]
)


@given(cases(), st.lists(st.tuples(_answers, st.integers(0, 99), st.integers(0, 3000)), max_size=25), _limits)
@settings(max_examples=300)
def test_no_schedule_breaks_anything(case: Case, schedule: list[tuple[str, int, int]], limits: Limits) -> None:
    """Whatever comes in whatever order: no exception, a sound state, and what is not awaited changes nothing."""
    driven = Driven(*new(case.definition, case.input, limits=limits))
    sent: list[Event] = []
    now_ms = START_MS
    for event, harmless in _events(driven, schedule, sent):
        now_ms = max(now_ms, event.at_ms)
        before = encode_execution(driven.execution)
        step = driven.send(event)
        sent.append(event)
        assert_sound(driven.execution, step)
        if harmless:
            assert step == Step((), ())
            after = decode_execution(before)
            if not driven.execution.closed:
                after.now_ms = now_ms
            assert driven.execution == after
    assert [each.id for each in driven.history] == list(range(1, len(driven.history) + 1))
    program, execution = new(case.definition, case.input, limits=limits)
    again, history = replay(program, execution, [encode_event(each) for each in sent])
    assert (again, history) == (driven.execution, driven.history)


def _events(driven: Driven, schedule: list[tuple[str, int, int]], sent: list[Event]) -> Iterator[tuple[Event, bool]]:
    """The events of a schedule, each with whether it must change nothing. `Resumed` comes when it is owed."""
    at_ms = START_MS
    yield ExecutionStarted(at_ms), False
    for kind, number, passes_ms in schedule:
        while driven.execution.ready:
            yield Resumed(at_ms), False
        at_ms += passes_ms
        awaited = [each.operation for each in driven.tasks]
        deadline = driven.execution.next_deadline_ms()
        operation = awaited[number % len(awaited)] if awaited else 10**9
        closed = driven.execution.closed
        match kind:
            case "succeed":
                yield TaskSucceeded(at_ms, operation, Document({"k": number, "l": [1]})), closed or not awaited
            case "fail":
                yield TaskFailed(at_ms, operation, Failure("AB"[number % 2])), closed or not awaited
            case "submit":
                yield (
                    TaskSubmitted(at_ms, operation, Document({"k": number})),
                    closed or not _is_submitted(driven, operation),
                )
            case "start":
                yield ActivityStarted(at_ms, operation, "worker"), closed or not _is_started(driven, operation)
            case "heartbeat":
                yield TaskHeartbeatLost(at_ms, operation), closed or not awaited
            case "timer" if deadline is not None:
                at_ms = max(at_ms, deadline) + number
                yield TimerFired(at_ms), False
            case "early" if deadline is not None and deadline > at_ms:
                at_ms = deadline - 1
                yield TimerFired(at_ms), True
            case "unknown":
                others = set(range(driven.execution.next_id + 3)) - set(awaited)
                yield TaskSucceeded(at_ms, sorted(others)[number % len(others)], Document(None)), True
            case "repeat" | "late":
                answers = [
                    each
                    for each in sent
                    if isinstance(each, TaskSucceeded | TaskFailed | TaskHeartbeatLost | ActivityStarted)
                ]
                if answers:
                    yield structs.replace(answers[number % len(answers)], at_ms=at_ms), True
            case "stop" if number > 90:
                yield StopRequested(at_ms, "E", None), closed
            case _:
                pass


def _is_submitted(driven: Driven, operation: int) -> bool:
    """Whether TaskSubmitted is news: the call of a task that ends otherwise has returned."""
    found = [each for each in driven.tasks if each.operation == operation]
    return any(not each.submitted and each.resource.startswith((TOKEN, f"{START}.sync")) for each in found)


def _is_started(driven: Driven, operation: int) -> bool:
    """Whether ActivityStarted is news."""
    found = [each for each in driven.tasks if each.operation == operation]
    return any(not each.submitted and each.resource == ACTIVITY for each in found)


# -- formats -----------------------------------------------------------------------------------------------------------

_text = st.text(max_size=9)
_numbers = st.integers(0, 2**53)
_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=9,
).map(Document)
_events_of_any_kind = st.one_of(
    st.builds(ExecutionStarted, _numbers),
    st.builds(TaskSucceeded, _numbers, _numbers, _documents),
    st.builds(TaskSubmitted, _numbers, _numbers, _documents),
    st.builds(ActivityStarted, _numbers, _numbers, st.none() | _text),
    st.builds(TaskFailed, _numbers, _numbers, st.builds(Failure, st.none() | _text, st.none() | _text)),
    st.builds(TaskHeartbeatLost, _numbers, _numbers),
    st.builds(TimerFired, _numbers),
    st.builds(StopRequested, _numbers, st.none() | _text, st.none() | _text),
    st.builds(Resumed, _numbers),
)


@given(_events_of_any_kind)
@settings(max_examples=200)
def test_events_come_back_from_their_bytes(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@given(cases(), _limits, st.integers(1, 40))
@settings(max_examples=150)
def test_executions_come_back_from_their_bytes(case: Case, limits: Limits, events: int) -> None:
    done = run_part(case, limits, max_events=events, reserialise=False)
    encoded = encode_execution(done.execution)
    again = decode_execution(encoded)
    assert again == done.execution
    assert encode_execution(again) == encoded


@pytest.mark.parametrize("limits", [AWS_LIMITS, TIGHT], ids=["aws", "tight"])
def test_the_machines_are_worth_it(limits: Limits) -> None:
    """The generator reaches what it is meant to reach: all ends, retries, catchers, aborts, timeouts."""
    seen: set[str] = set()
    for number in range(500):
        done = run_case(make_case(number, 1 + number % 4), limits)
        seen.update(done.types)
        seen.update(str(event.details["error"]) for event in done.history if "error" in (event.details or {}))
    assert seen >= {
        "ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "TaskStateAborted", "WaitStateAborted",
        "MapIterationAborted", "MapIterationFailed", "MapRunSucceeded", "MapRunFailed", "ParallelStateFailed",
        "MapStateAborted", "ParallelStateAborted", "LambdaFunctionTimedOut", "LambdaFunctionFailed", "A",
        "States.Runtime", "TaskSubmitted", "TaskSucceeded", "TaskFailed", "TaskTimedOut", "ActivityStarted",
        "ActivitySucceeded", "ActivityTimedOut", "States.HeartbeatTimeout",
        "StepFunctions.StateMachineDoesNotExistException", "StepFunctions.ExecutionAlreadyExistsException",
        "States.IntrinsicFailure", "States.ExceedToleratedFailureThreshold",
    }  # fmt: skip
    assert ("States.DataLimitExceeded" if limits is TIGHT else "States.TaskFailed") in seen


# -- what sound means --------------------------------------------------------------------------------------------------


def assert_well_formed(history: list[HistoryEvent]) -> None:
    """Ids without gaps, each event after the one that led to it, time that never goes back, one end."""
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert history[0].type == "ExecutionStarted"
    for event in history:
        assert 0 <= event.previous_id < event.id
    times = [event.at_ms for event in history]
    assert times == sorted(times)
    assert [event.type in CLOSING for event in history] == [False] * (len(history) - 1) + [True]


def assert_exits_are_explained(done: Run) -> None:
    """Every state that was entered is exited, or cut short by a failure, an abort or the end of the execution.

    Aborts say which type of state was cut, but not which one; states that end in the step in which they are entered
    have no such event. So this counts by type, and a run that succeeds without any failure exits all.
    """
    entered = {event.id: event for event in done.of("StateEntered")}
    exited = done.of("StateExited")
    counts = done.counts
    for kind in ("Task", "Wait", "Map", "Parallel", "Pass", "Choice"):
        open_states = counts[f"{kind}StateEntered"] - counts[f"{kind}StateExited"]
        assert open_states >= 0
        assert open_states >= counts[f"{kind}StateAborted"]
    assert counts["FailStateExited"] == 0
    assert len(exited) <= len(entered)
    failures = any("Failed" in kind or "Aborted" in kind or "TimedOut" in kind for kind in done.types)
    if not failures:
        assert len(exited) == len(entered)
    if done.status == "SUCCEEDED":
        assert done.types[-2].endswith("StateExited")


def assert_sound(execution: Execution, step: Step) -> None:
    """The state and the commands after a step."""
    closing = [isinstance(each, CloseExecution) for each in step.commands]
    assert closing == [False] * len(closing) or closing == [False] * (len(closing) - 1) + [True]
    if execution.closed:
        assert [*execution.frames, *execution.scopes, *execution.operations, *execution.ready] == []
        assert execution.variables_bytes == 0
        return
    assert bool(execution.ready) == (bool(step.commands) and isinstance(step.commands[-1], Yield)) or not step.commands
    assert len(set(execution.ready)) == len(execution.ready), "a frame is ready once"
    ready = set(execution.ready)
    for frame in execution.frames.values():
        assert frame.scope in execution.scopes
        assert (frame.phase is Phase.WAITING) == (frame.id not in ready)
        for operation in (frame.operation, frame.timeout):
            assert not operation or execution.operations[operation].frame == frame.id
        if frame.phase is Phase.WAITING:
            assert frame.operation or (frame.children is not None and frame.children.running), "nothing would wake it"
        for scope, child in (frame.children.running if frame.children else {}).items():
            assert execution.scopes[scope].parent_frame == frame.id
            assert execution.frames[child].scope == scope
    for operation in execution.operations.values():
        assert not operation.frame or operation.frame in execution.frames
    deadlines = [
        each.command.fire_at_ms for each in execution.operations.values() if isinstance(each.command, StartTimer)
    ]
    assert execution.next_deadline_ms() == min(deadlines, default=None)
    assert execution.variables_bytes == sum(sum(scope.sizes.values()) for scope in execution.scopes.values())
