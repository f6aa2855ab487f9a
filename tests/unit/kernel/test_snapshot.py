"""Snapshots: everything that `advance` needs, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Struct, structs
from running import (
    SEED,
    START_MS,
    Driven,
    block,
    catch,
    distributed,
    map_,
    new,
    parallel,
    pass_,
    retry,
    started,
    task,
    wait,
)

from statemachine.errors import Failure, KernelError
from statemachine.jsonvalue import Document, read_document
from statemachine.kernel.commands import ExecutionStatus
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
from statemachine.kernel.execution import (
    Children,
    Compensation,
    Execution,
    FailedCompensation,
    Frame,
    Operation,
    Phase,
    Report,
    Scope,
    Unfinished,
    Unwinding,
)
from statemachine.kernel.map_runs import MapRun, MapRunCounts
from statemachine.kernel.redrive import every_unfinished
from statemachine.kernel.snapshot import (
    USUAL_LIMITS,
    decode_event,
    decode_execution,
    encode_event,
    encode_execution,
    encode_new_execution,
)
from statemachine.limits import AWS_LIMITS, UNLIMITED, Limits

MACHINE = block(
    S=pass_(Assign={"v": {"deep": [1]}, "w": None}),
    P=parallel(
        block(T=task(TimeoutSeconds=60, HeartbeatSeconds=5, Retry=[retry("A"), retry("E", IntervalSeconds=9)])),
        block(M=map_(block(I=pass_(Assign={"v": 2, "x": "inner"}), J=task(TimeoutSeconds=60)), MaxConcurrency=2)),
        block(
            D=distributed(block(K=wait(7)), ToleratedFailurePercentage=50.5, ToleratedFailureCount=3, MaxConcurrency=1)
        ),
        Catch=[catch("Z")],
    ),
    Z=pass_(),
) | {"TimeoutSeconds": 600}
"""Something of everything that can be under way."""


def under_way(**options: Any) -> Driven:
    driven = started(MACHINE, ["a", "b", "c"], **options)
    first = next(each for each in driven.tasks if each.state == "T")
    driven.fail(first.operation, Failure("E", "C"), at=1)
    return driven


def copy(execution: Execution) -> Execution:
    return decode_execution(encode_execution(execution))


def test_everything_under_way_comes_back() -> None:
    driven = under_way()
    again = copy(driven.execution)
    assert again == driven.execution
    assert again.next_deadline_ms() == driven.execution.next_deadline_ms()
    assert encode_execution(again) == encode_execution(driven.execution)


def test_every_field_has_been_something_else_than_its_default() -> None:
    """Guards the test above: a new field that no machine here fills would come back by luck."""
    seen: dict[str, set[str]] = {}
    executions = [under_way(express=True, limits=UNLIMITED).execution, under_way().execution]
    executions += [_half(), _failing(), _returning(), _mapped(), _map_runs(), _closed(), _failed(), _answered()]
    executions += [*_compensating(), *_cut_short()]
    executions[0].redrive_count = 2
    executions[0].synchronous = True
    executions[0].draws = 5
    for execution in executions:
        assert copy(execution) == execution
        for value in _walk(execution):
            for name in value.__struct_fields__:
                if getattr(value, name) not in (0, None, False, (), [], {}, ExecutionStatus.RUNNING, Phase.ENTER):
                    seen.setdefault(type(value).__name__, set()).add(name)
    compensation = (Compensation, FailedCompensation, Unwinding)
    for kind in (Execution, Scope, Frame, Children, Unfinished, Report, Operation, MapRun, MapRunCounts, *compensation):
        missing = set(kind.__struct_fields__) - seen[kind.__name__]
        assert not missing, (kind, missing)


def _closed() -> Execution:
    return started(block(A=pass_(Result=1))).execution


def _failed() -> Execution:
    return started(block(A=pass_(InputPath="$.no"))).execution


def _half() -> Execution:
    """Stopped by fuel: ready frames, one about to start further iterations."""
    machine = block(D=distributed(block(A=pass_(), F=task()), ToleratedFailureCount=9, MaxConcurrency=2))
    driven = started(machine, [1, 2, 3], limits=replace(AWS_LIMITS, fuel=1))
    while driven.execution.ready:
        driven.send(Resumed(START_MS))
    driven.fail(driven.tasks[0].operation, Failure("E"))
    driven.send(Resumed(START_MS))
    return driven.execution


@contextmanager
def no_fuel(execution: Execution) -> Iterator[None]:
    """An event is applied, and nothing runs. No execution may have such limits, but any step may end there."""
    limits, none = execution.limits, replace(AWS_LIMITS)
    object.__setattr__(none, "fuel", 0)
    execution.limits = none
    yield
    execution.limits = limits


def _failing() -> Execution:
    """A failure that has not been handled yet."""
    driven = started(block(T=task(), U=wait(1)), limits=replace(AWS_LIMITS, fuel=1))
    with no_fuel(driven.execution):
        driven.fail(driven.tasks[0].operation, Failure("E", None))
    (frame,) = driven.execution.frames.values()
    assert (frame.phase, frame.failure) == (Phase.FAILED, Failure("E", None))
    return driven.execution


def _returning() -> Execution:
    """A result that has not been taken yet, beside a timeout."""
    driven = started(block(T=task(TimeoutSeconds=5)), limits=replace(AWS_LIMITS, fuel=1))
    with no_fuel(driven.execution):
        driven.succeed(driven.tasks[0].operation, {"r": None})
    (frame,) = driven.execution.frames.values()
    assert frame.result == Document({"r": None})
    return driven.execution


def _mapped() -> Execution:
    """A map run in batches, one of them failed, whose results are to be written."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}
    batcher = {"MaxItemsPerBatch": 2, "MaxInputBytesPerBatch": 1000, "BatchInput": {"k": 1}}
    each = distributed(block(F=task()), ItemBatcher=batcher, ResultWriter=writer, ToleratedFailureCount=2)
    driven = started(block(D=each), [1, 2, 3])
    driven.fail(driven.tasks[0].operation, Failure("E"), at=1)
    driven.succeed(driven.tasks[0].operation, at=2)
    return driven.execution


def _map_runs() -> Execution:
    """Map runs of which one has succeeded, one was cut short by a failure, and one goes on."""
    tolerant = distributed(block(P=pass_()), MaxConcurrency=1, ToleratedFailureCount=1, ToleratedFailurePercentage=50)
    cut = distributed(block(T=task()), Catch=[catch("Last", ResultPath=None)])
    driven = started(block(First=tolerant, Cut=cut, Last=distributed(block(W=wait(1)))), [1, 2])
    driven.fail(driven.tasks[0].operation, Failure("E"), at=1)
    return driven.execution


def _compensating() -> list[Execution]:
    """A catcher that undoes what a muted iteration did, in one branch; then an execution that is undone, of whose
    compensations one has failed already."""
    undo = {"A": task(CompensateWith="Undo", Assign={"v": 1}), "Undo": task(End=True)}
    inner = block(**undo, M=distributed(block(I=task(CompensateWith="J"), K=pass_(End=True), J=task())), F=task())
    inner["States"] |= {"Undo": task(End=True), "Z": pass_(End=True)}
    inner["States"]["A"]["Next"] = "M"
    first = {"ErrorEquals": ["Other"], "Next": "Z"}
    inner["States"]["F"] |= {"End": True, "Catch": [first, catch("Z", Compensate=True)]}
    other = block(B=task(CompensateWith="C"), W=wait(100, End=True), C=task())
    driven = started(block(P=parallel(inner, other)), [7])
    for name in ("A", "B", "I"):
        assert driven.tasks[0].state == name
        driven.succeed(driven.tasks[0].operation, [7])
    driven.fail(driven.tasks[0].operation, Failure("E", "C"))
    assert [each.state for each in driven.tasks] == ["J"]
    catching = copy(driven.execution)
    driven.fail(driven.tasks[0].operation, Failure("No"))
    driven.send(StopRequested(START_MS, "Stop", compensate=True))
    assert [each.state for each in driven.tasks] == ["C"]
    return [catching, driven.execution]


def _cut_short() -> list[Execution]:
    """A Parallel whose failure has not been handled yet; then the execution as it ended, and as it goes on."""
    work = block(S=task(CompensateWith="U", Assign={"v": 1}), I=task(), U=pass_(End=True))
    work["States"]["I"] |= {"End": True}
    del work["States"]["I"]["Next"]
    each = distributed(work, ToleratedFailureCount=1, MaxConcurrency=1)
    driven = started(block(P=parallel(block(M=each), block(T=task()))), [1, 2, 3])
    by_state = {call.state: call for call in driven.tasks}
    driven.succeed(by_state["S"].operation, [1], at=1)
    driven.fail(next(call for call in driven.tasks if call.state == "I").operation, Failure("E"), at=2)
    limits, driven.execution.limits = driven.execution.limits, replace(AWS_LIMITS, fuel=1)
    driven.fail(by_state["T"].operation, Failure("E"), at=3)
    driven.execution.limits = limits
    handling = copy(driven.execution)
    assert [frame.cut is not None for frame in handling.frames.values()] == [True]
    driven.send(StopRequested(START_MS))
    ended = copy(driven.execution)
    driven.send(RedriveRequested(START_MS))
    (run,) = driven.execution.map_runs.values()
    assert run.redrive_count == 1
    return [handling, ended, driven.execution]


def test_a_snapshot_without_compensations_says_nothing_of_them() -> None:
    """As those of earlier releases do."""
    assert "compensations" not in json.loads(encode_execution(under_way().execution))
    assert "compensations" in json.loads(encode_execution(_compensating()[0]))


def _walk(execution: Execution) -> Iterator[Any]:
    yield execution
    yield from every_unfinished(execution)
    yield from execution.scopes.values()
    yield from execution.operations.values()
    for run in execution.map_runs.values():
        yield from (run, run.items, run.executions)
    unwound = [execution.unwinding, *(frame.unwinding for frame in execution.frames.values())]
    held = [each for unwinding in unwound if unwinding is not None for each in (unwinding, *unwinding.waiting)]
    failed = execution.failed_compensations
    yield from [*held, *failed, *(each.compensation for each in failed)]
    for frame in execution.frames.values():
        yield frame
        if frame.children is not None:
            yield frame.children
            yield from frame.children.reports


def test_what_goes_on_after_a_snapshot_is_the_same() -> None:
    one = under_way()
    two = Driven(one.program, copy(one.execution), list(one.history))
    for driven in (one, two):
        for at in (8, 10, 15, 22):
            driven.fire(at)
        for call in driven.tasks:
            driven.succeed(call.operation, call.state, at=30)
        for call in driven.tasks:
            driven.succeed(call.operation, call.state, at=31)
    assert one.execution.status == "SUCCEEDED"
    assert one.history == two.history
    assert one.execution == two.execution


def test_a_closed_execution() -> None:
    for execution in (_closed(), _failed()):
        again = copy(execution)
        assert again == execution
        assert again.closed
        assert (again.output, again.failure) == (execution.output, execution.failure)


def test_an_execution_that_has_not_started() -> None:
    _, execution = new(MACHINE, limits=Limits(payload_bytes=None, fuel=7))
    assert copy(execution) == execution


def test_documents_that_are_shared_are_stored_once() -> None:
    large = "x" * 10_000
    branches = [block(**{f"W{n}": wait(9)}) for n in range(50)]
    driven = started(block(P=parallel(*branches)), {"k": large})
    encoded = encode_execution(driven.execution)
    assert encoded.count(large.encode()) == 1
    again = decode_execution(encoded)
    inputs = {id(frame.raw_input) for frame in again.frames.values()}
    assert inputs == {id(again.input)}


def test_variables_of_the_enclosing_scope_are_stored_once_and_shared() -> None:
    large = "x" * 10_000
    driven = started(
        block(S=pass_(Assign={"v": large}), M=map_(block(A=pass_(Assign={"own": 1}), W=wait(9)))), [1] * 40
    )
    encoded = encode_execution(driven.execution)
    assert encoded.count(large.encode()) == 1
    again = decode_execution(encoded)
    assert {id(scope.variables["v"]) for scope in again.scopes.values()} == {id(again.scopes[1].variables["v"])}


def test_a_variable_that_hides_an_equal_one_stays_its_own() -> None:
    """An iteration assigns the very value that the enclosing scope has."""
    driven = started(block(S=pass_(Assign={"v": 1}), M=map_(block(A=pass_(Assign={"v.$": "$v"}), W=wait(9)))), [1])
    again = copy(driven.execution)
    assert [scope.sizes for scope in again.scopes.values()] == [{"v": 1}, {"v": 1}]
    assert again.variables_bytes == 2


def test_texts_are_kept_as_they_were_read() -> None:
    _, execution = new(block(A=wait(1)))
    execution.input = read_document('{ "a":1.0,  "b":"\\ud800", "big":123456789012345678901234567890 }')
    again = copy(execution)
    assert again.input.encoded == execution.input.encoded
    assert again.input.value == execution.input.value


def test_cancelled_timers_are_left_out() -> None:
    driven = started(block(P=parallel(block(T=task(TimeoutSeconds=60)), block(W=wait(90)))))
    driven.succeed(driven.tasks[0].operation)
    again = copy(driven.execution)
    assert len(driven.execution.timers) == 2
    assert len(again.timers) == 1
    assert again == driven.execution


def test_another_version_is_refused() -> None:
    _, execution = new(block(A=pass_()))
    body = json.loads(encode_execution(execution))
    body["version"] = 99
    with pytest.raises(KernelError, match="version 99"):
        decode_execution(json.dumps(body).encode())


def test_limits_that_a_snapshot_does_not_name_keep_their_default() -> None:
    _, execution = new(block(A=pass_()), seed=SEED)
    body = json.loads(encode_execution(execution))
    body["limits"] = {"unheard_of": 5, "depth": 9}
    assert decode_execution(json.dumps(body).encode()).limits == replace(AWS_LIMITS, depth=9)


def _answered() -> Execution:
    """A token was answered while the call was still being made; an activity was started."""
    activity = "arn:aws:states:us-east-1:123456789012:activity:look"
    token = task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Credentials={"RoleArn": "arn:aws:iam::1:role/r"})
    driven = started(block(P=parallel(block(T=token), block(A=task(activity, TimeoutSeconds=9)))))
    asked, looked = driven.tasks
    driven.send(TaskSucceeded(START_MS, asked.operation, Document("early")))
    driven.send(ActivityStarted(START_MS, looked.operation, "w"))
    commands = {each.id: each.command for each in driven.execution.operations.values()}
    assert commands[asked.operation] == asked
    assert asked.role_arn == "arn:aws:iam::1:role/r"
    assert commands[looked.operation] == structs.replace(looked, submitted=True, deadline_ms=START_MS + 9000)
    return driven.execution


def test_tasks_that_others_end_come_back() -> None:
    execution = _answered()
    assert copy(execution) == execution


EVENTS: list[Event] = [
    ExecutionStarted(START_MS),
    TaskSucceeded(START_MS, 3, Document(None)),
    TaskSucceeded(START_MS, 3, Document({"a": [1, 2.5, "x,y]", {"é": None}], "b": ","})),
    TaskSucceeded(START_MS, 3, read_document('\n [ 1 ,\t"\\ud800" ] ')),
    TaskSucceeded(0, 10**20, Document(10**40)),
    TaskFailed(START_MS, 3, Failure("E", "C")),
    TaskFailed(START_MS, 3, Failure(None, None)),
    TaskFailed(START_MS, 3, Failure("E\ud800", '"\n')),
    TaskHeartbeatLost(START_MS, 3),
    TaskSubmitted(START_MS, 3, Document({"a": [1, ","]})),
    ActivityStarted(START_MS, 3),
    ActivityStarted(START_MS, 3, 'w",'),
    ItemsRead(START_MS, 3, Document([{"a": ","}, None])),
    ItemsReadFailed(START_MS, 3, Failure("E", "C")),
    ResultsWritten(START_MS, 3, Document({"Bucket": "b", "Key": "k"})),
    ResultsWriteFailed(START_MS, 3, Failure("E", None)),
    TimerFired(START_MS),
    StopRequested(START_MS),
    StopRequested(START_MS, "E", "C"),
    StopRequested(START_MS, None, None, compensate=True),
    RedriveRequested(START_MS),
    Resumed(START_MS),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_come_back(event: Event) -> None:
    again = decode_event(encode_event(event))
    assert again == event
    assert encode_event(again) == encode_event(event)


def test_every_kind_of_event_is_tested() -> None:
    assert {type(each) for each in EVENTS} == set(Event.__args__)
    for event in EVENTS:
        assert isinstance(event, Struct)
        with pytest.raises(AttributeError):
            event.at_ms = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "encoded", [b'["Redriven",5]', b'["TimerFired"]', b'["TimerFired","now"]', b"{}", b"null", b'["TaskSucceeded",1,2]']
)
def test_an_unknown_event_is_refused(encoded: bytes) -> None:
    with pytest.raises(KernelError, match="cannot be read"):
        decode_event(encoded)


@pytest.mark.parametrize("limits", [AWS_LIMITS, UNLIMITED, Limits(fuel=7, redrives=None)])
@pytest.mark.parametrize("express", [False, True])
@pytest.mark.parametrize("value", [{}, {"n": [1, None]}, 'a "quoted" ü\n', "\ud800"])
def test_a_new_execution_is_encoded_like_any_other(limits: Limits, express: bool, value: Any) -> None:
    _, execution = new(block(A=pass_()), value, id="ünique 1", machine_name="Mächine", limits=limits, express=express)
    assert encode_new_execution(execution) == encode_execution(execution)
    assert decode_execution(encode_new_execution(execution)) == execution


def test_limits_that_a_snapshot_does_not_name() -> None:
    _, execution = new(block(A=pass_()))
    assert json.loads(encode_execution(execution))["limits"] == {}
    execution.limits = Limits(fuel=3, payload_bytes=None)
    assert json.loads(encode_execution(execution))["limits"] == {"fuel": 3, "payload_bytes": None}


def test_limits_of_older_snapshots_are_all_there() -> None:
    _, execution = new(block(A=pass_()))
    body = json.loads(encode_execution(execution))
    body["limits"] = UNLIMITED.to_json()
    assert decode_execution(json.dumps(body).encode()).limits == UNLIMITED


def test_what_limits_are_when_not_named_is_a_part_of_the_format() -> None:
    _, execution = new(block(A=pass_()))
    assert decode_execution(encode_execution(execution)).limits.to_json().items() >= USUAL_LIMITS.items()
    assert USUAL_LIMITS == {
        "payload_bytes": 262_144, "history_events": 25_000, "fuel": 1_000, "map_concurrency": 40,
        "distributed_map_concurrency": 10_000, "variable_bytes": 262_144, "variables_bytes": 10_485_760, "depth": 64,
        "express_seconds": 300, "reader_items": 100_000_000, "reader_bytes": 268_435_456, "compensations": 10_000,
        "redrivable_days": 14, "redrives": 1_000,
    }  # fmt: skip
