"""advance: every event, at the right time, too early, too late, twice, and for nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from running import (
    FUNCTION,
    SEED,
    START_MS,
    Driven,
    block,
    catch,
    choice,
    compiled,
    map_,
    moment,
    new,
    parallel,
    pass_,
    retry,
    run,
    started,
    succeed,
    task,
    wait,
)

from statemachine.errors import Failure, KernelError
from statemachine.jsonvalue import Document
from statemachine.kernel.advance import Step, advance, new_execution, outstanding
from statemachine.kernel.commands import CancelOperation, CloseExecution, ScheduleTask, StartTimer, Yield
from statemachine.kernel.events import (
    ExecutionStarted,
    Resumed,
    StopRequested,
    TaskHeartbeatLost,
    TimerFired,
)
from statemachine.kernel.execution import Purpose
from statemachine.limits import AWS_LIMITS, UNLIMITED
from statemachine.testing.mocks import Throw

NOTHING = Step((), ())


def test_another_program_is_refused() -> None:
    _, execution = new(block(A=pass_()))
    with pytest.raises(KernelError, match="not the one"):
        advance(compiled(block(B=pass_())), execution, ExecutionStarted(START_MS))


def test_starting_twice_is_a_mistake_of_the_host() -> None:
    driven = started(block(W=wait(1)))
    with pytest.raises(KernelError, match="already started"):
        driven.send(ExecutionStarted(START_MS))


@pytest.mark.parametrize(
    "event",
    [TimerFired(moment(9)), StopRequested(moment(9)), Resumed(moment(9)), ExecutionStarted(moment(9))],
    ids=lambda event: type(event).__name__,
)
def test_a_closed_execution_does_not_change(event: TimerFired) -> None:
    driven = started(block(A=pass_()))
    before = (driven.execution.now_ms, driven.execution.history_length, driven.execution.status)
    assert driven.send(event) == NOTHING
    assert (driven.execution.now_ms, driven.execution.history_length, driven.execution.status) == before


def test_time_never_goes_back() -> None:
    driven = started(block(T=task(), W=wait(10)))
    driven.fire(5)
    driven.succeed(driven.tasks[0].operation, at=2)
    assert driven.execution.now_ms == moment(5)
    assert driven.timers == [(Purpose.WAIT, 15)]


def test_the_last_command_closes() -> None:
    driven = started(block(T=task(TimeoutSeconds=9)))
    step = driven.succeed(driven.tasks[0].operation, {"r": 1})
    assert step.commands[-1] == CloseExecution(driven.execution.status, Document({"r": 1}), None)
    assert [type(each) for each in step.commands] == [CancelOperation, CloseExecution]
    assert (driven.execution.frames, driven.execution.scopes, driven.execution.operations) == ({}, {}, {})
    assert (list(driven.execution.ready), driven.execution.timers) == ([], [])


# -- answers -----------------------------------------------------------------------------------------------------------


def test_unknown_late_and_repeated_answers_change_nothing() -> None:
    driven = started(block(A=task(), B=task(TimeoutSeconds=5)))
    (first,) = driven.tasks
    for operation in (0, -1, 999, 10**30):
        assert driven.succeed(operation, "x") == NOTHING
        assert driven.fail(operation, Failure("E")) == NOTHING
        assert driven.send(TaskHeartbeatLost(START_MS, operation)) == NOTHING
    assert driven.succeed(first.operation, "a").history
    assert driven.succeed(first.operation, "again") == NOTHING
    assert driven.fail(first.operation, Failure("E")) == NOTHING
    assert driven.send(TaskHeartbeatLost(START_MS, first.operation)) == NOTHING
    assert [each.arguments.value for each in driven.tasks] == ["a"]


def test_ids_of_scopes_frames_and_timers_are_no_tasks() -> None:
    driven = started(block(P=parallel(block(W=wait(9)), block(T=task(TimeoutSeconds=9)))))
    (call,) = driven.tasks
    for number in range(driven.execution.next_id + 1):
        if number != call.operation:
            assert driven.succeed(number, "x") == NOTHING


def test_an_answer_after_the_timeout_is_late() -> None:
    driven = started(block(T=task(TimeoutSeconds=5, Catch=[catch("W")]), W=wait(60)))
    (call,) = driven.tasks
    driven.fire(5)
    assert driven.succeed(call.operation, "late", at=6) == NOTHING
    assert driven.timers == [(Purpose.WAIT, 65)]


def test_a_lost_heartbeat_after_the_result_is_late() -> None:
    driven = started(block(T=task(HeartbeatSeconds=5), W=wait(60)))
    (call,) = driven.tasks
    driven.succeed(call.operation, "in time", at=5)
    assert driven.send(TaskHeartbeatLost(moment(5), call.operation)) == NOTHING


# -- timers ------------------------------------------------------------------------------------------------------------


def test_a_timer_that_fires_early_does_nothing_but_move_the_clock() -> None:
    driven = started(block(W=wait(5)))
    assert driven.fire(4.999) == NOTHING
    assert driven.execution.now_ms == moment(4.999)
    assert driven.fire(5).history


def test_a_timer_that_fires_late() -> None:
    driven = started(block(W=wait(5), V=wait(5)))
    driven.fire(100)
    assert driven.timers == [(Purpose.WAIT, 105)]


def test_timers_that_are_due_together_fire_in_order_of_time_and_id() -> None:
    branches = [block(**{f"W{seconds}": wait(seconds), f"P{seconds}": pass_()}) for seconds in (7, 3, 5)]
    twice = block(V3=wait(3), Q3=pass_())
    driven = started(block(Par=parallel(*branches, twice)))
    step = driven.fire(60)
    exited = [event.details["name"] for event in step.history if event.details and event.type == "WaitStateExited"]
    assert exited == ["W3", "V3", "W5", "W7"]


def test_a_retry_and_a_task_timeout_that_are_due_together() -> None:
    machine = block(
        P=parallel(
            block(A=task(Retry=[retry(IntervalSeconds=5)])),
            block(B=task(TimeoutSeconds=5, Retry=[retry(IntervalSeconds=1)])),
        )
    )
    driven = started(machine)
    by_state = {each.state: each.operation for each in driven.tasks}
    driven.fail(by_state["A"], Failure("E"))
    step = driven.fire(30)
    assert CancelOperation(by_state["B"]) in step.commands
    assert [each.state for each in driven.tasks] == ["A"]
    assert driven.timers == [(Purpose.RETRY, 31)]


def test_the_machines_timeout() -> None:
    machine = block(W=wait(60)) | {"TimeoutSeconds": 10}
    done = run(machine)
    assert (done.status, done.error, done.cause) == ("TIMED_OUT", None, None)
    assert done.chain() == [("ExecutionStarted", 0), ("WaitStateEntered", 0), ("ExecutionTimedOut", 0)]
    assert done.seconds("ExecutionTimedOut") == [10]


def test_the_machines_timeout_wins_over_what_is_due_at_the_same_time() -> None:
    done = run(block(W=wait(10)) | {"TimeoutSeconds": 10})
    assert done.status == "TIMED_OUT"


def test_the_machines_timeout_cancels_everything() -> None:
    machine = block(P=parallel(block(T=task(TimeoutSeconds=99)), block(W=wait(99)))) | {"TimeoutSeconds": 10}
    driven = started(machine)
    outstanding_ids = set(driven.execution.operations)
    step = driven.fire(10)
    cancelled = {each.operation for each in step.commands if isinstance(each, CancelOperation)}
    assert outstanding_ids - cancelled == {3}, "all but the timer that fired"
    assert isinstance(step.commands[-1], CloseExecution)


def test_the_machines_timeout_that_is_not_reached() -> None:
    driven = started(block(W=wait(5)) | {"TimeoutSeconds": 10})
    step = driven.fire(5)
    assert step.commands[0] == CancelOperation(3)
    assert driven.execution.closed


# -- stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause", "details"),
    [
        (None, None, {}),
        ("E", None, {"error": "E"}),
        ("E", "C", {"error": "E", "cause": "C"}),
        (None, "C", {"cause": "C"}),
    ],
)
def test_stop(error: str | None, cause: str | None, details: dict[str, str]) -> None:
    """Fact history-aborted-previous-zero."""
    driven = started(block(P=parallel(block(W=wait(60)), block(T=task()))))
    operations = list(driven.execution.operations)
    step = driven.send(StopRequested(moment(3), error, cause))
    assert [(event.type, event.previous_id, event.details) for event in step.history] == [
        ("ExecutionAborted", 0, details)
    ]
    assert driven.execution.status == "ABORTED"
    assert driven.execution.failure == (Failure(error, cause) if details else None)
    assert [each.operation for each in step.commands if isinstance(each, CancelOperation)] == operations


def test_stop_before_the_start_of_the_work() -> None:
    driven = started(loop(), {"n": 0}, limits=replace(AWS_LIMITS, fuel=3))
    driven.send(Resumed(START_MS))
    driven.send(StopRequested(START_MS))
    assert driven.execution.status == "ABORTED"
    assert driven.send(Resumed(START_MS)) == NOTHING


# -- fuel --------------------------------------------------------------------------------------------------------------


def loop(times: int = 10, name: str = "") -> dict[str, Any]:
    """Counts `$.n` up. `name` makes the names of its states unique."""
    enough = {"Variable": "$.n", "NumericGreaterThanEquals": times, "Next": f"Done{name}"}
    return block(
        **{
            f"Add{name}": pass_(Parameters={"n.$": "States.MathAdd($.n, 1)"}),
            f"Enough{name}": choice(enough, default=f"Add{name}"),
            f"Done{name}": succeed(),
        }
    )


def test_a_step_ends_when_fuel_is_spent() -> None:
    driven = started(loop(), {"n": 0}, limits=replace(AWS_LIMITS, fuel=5))
    assert driven.types.count("PassStateEntered") == 3
    assert outstanding(driven.execution) == (Yield(),)
    step = driven.send(Resumed(START_MS))
    assert step.commands == (Yield(),)
    while not driven.execution.closed:
        step = driven.send(Resumed(START_MS))
    assert [type(each) for each in step.commands] == [CloseExecution]
    assert driven.execution.output == Document({"n": 10})


@pytest.mark.parametrize("fuel", [1, 2, 3, 7, 20, 21, 22, 1000])
def test_any_fuel_gives_the_same_history(fuel: int) -> None:
    machine = block(
        M=map_(loop(3), MaxConcurrency=2, Retry=[retry()]), W=wait(1), P=parallel(loop(2, "P"), loop(4, "Q"))
    )
    machine["States"]["W"] |= {"OutputPath": "$[0]"}
    items = [{"n": 0}, {"n": 1}, {"n": 2}]
    whole = run(machine, items, limits=replace(AWS_LIMITS, fuel=10_000))
    assert whole.status == "SUCCEEDED"
    parts = run(machine, items, limits=replace(AWS_LIMITS, fuel=fuel))
    assert parts.history == whole.history
    assert parts.output == whole.output


def test_an_endless_loop_does_not_hang() -> None:
    endless = block(A=pass_(), B=choice({"Variable": "$.z", "IsPresent": True, "Next": "Z"}, default="A"), Z=succeed())
    driven = started(endless, limits=UNLIMITED)
    for _ in range(20):
        assert driven.send(Resumed(START_MS)).commands == (Yield(),)
    assert not driven.execution.closed
    assert len(driven.execution.frames) == len(driven.execution.scopes) == 1


# -- the history's bound -----------------------------------------------------------------------------------------------


def test_a_full_history_fails_the_execution() -> None:
    """The failing event is the last that is allowed (developer guide, quotas)."""
    done = run(loop(10**9), {"n": 0}, reserialise=False)
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert done.cause == "The execution reached the maximum number of history events (25000)."
    assert len(done.history) == done.history[-1].id == done.execution.history_length == 25_000
    assert done.types[-1] == "ExecutionFailed"


@pytest.mark.parametrize("events", range(4, 24))
def test_a_history_that_is_full_anywhere(events: int) -> None:
    """Also in the middle of a failure that cuts branches, the end is the last event, and nothing is left behind."""
    machine = block(
        P=parallel(block(W=wait(9)), block(T=task(Retry=[retry(MaxAttempts=1)])), block(M=map_(block(V=wait(9)))),
                   Catch=[catch("Z")]), Z=pass_(),
    )  # fmt: skip
    done = run(machine, [1, 2], {"T": [Throw("E")]}, limits=replace(AWS_LIMITS, history_events=events))
    assert [event.id for event in done.history] == list(range(1, len(done.history) + 1))
    assert len(done.history) == events
    assert done.types[-1] == "ExecutionFailed"
    assert done.execution.operations == {}


def test_a_history_that_just_fits() -> None:
    machine = block(A=pass_(), B=pass_())
    assert run(machine, limits=replace(AWS_LIMITS, history_events=6)).status == "SUCCEEDED"
    assert run(machine, limits=replace(AWS_LIMITS, history_events=5)).status == "FAILED"


def test_the_history_of_an_express_execution_has_no_bound() -> None:
    limits = replace(AWS_LIMITS, history_events=20)
    assert run(loop(50), {"n": 0}, limits=limits, express=True).status == "SUCCEEDED"
    assert run(loop(50), {"n": 0}, limits=limits).status == "FAILED"


# -- beginning and taking up -------------------------------------------------------------------------------------------


def test_outstanding_commands_are_given_again() -> None:
    driven = started(block(P=parallel(block(T=task()), block(W=wait(5)))))
    assert [type(each) for each in outstanding(driven.execution)] == [ScheduleTask, StartTimer]
    driven.succeed(driven.tasks[0].operation)
    assert [type(each) for each in outstanding(driven.execution)] == [StartTimer]
    driven.fire(5)
    assert outstanding(driven.execution) == ()


def test_names_of_a_new_execution() -> None:
    program = compiled(block(A=pass_()))
    given = new_execution(program, id="run-1", input=Document({}), seed=SEED, machine_name="Orders")
    assert given.arn == "arn:aws:states:us-east-1:123456789012:execution:Orders:run-1"
    assert given.machine_arn == "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"
    assert given.role_arn == "arn:aws:iam::123456789012:role/Orders"
    express = new_execution(
        program, id="x", input=Document({}), seed=SEED, express=True, account="1", region="eu-west-1", role_arn="r"
    )
    assert express.arn == "arn:aws:states:eu-west-1:1:express:StateMachine:x:00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert express.role_arn == "r"
    assert express.definition_sha256 == program.sha256


def test_two_executions_do_not_share_anything() -> None:
    program, first = new(block(T=task(FUNCTION)))
    _, second = new(block(T=task(FUNCTION)))
    one, two = Driven(program, first), Driven(program, second)
    one.send(ExecutionStarted(START_MS))
    assert second.frames == {}
    two.send(ExecutionStarted(START_MS))
    one.succeed(one.tasks[0].operation)
    assert first.closed
    assert len(two.tasks) == 1
