"""Retry and Catch: matching, delays, counts, and what a catcher passes on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from running import Run, block, catch, choice, fail, parallel, pass_, retry, run, started, task, wait

from statemachine.errors import Failure
from statemachine.kernel.execution import Purpose
from statemachine.kernel.recovery import MAX_DELAY_MS, error_output, matches
from statemachine.testing.mocks import Return, Throw

FAILS = {"T": [Throw("E", "C")]}


@pytest.mark.parametrize(
    ("error_equals", "error", "matching"),
    [
        (["E"], "E", True),
        (["E"], "F", False),
        (["E"], None, False),
        (["F", "E"], "E", True),
        (["States.ALL"], "E", True),
        (["States.ALL"], None, True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.TaskFailed"], "States.Runtime", False),
        (["States.TaskFailed"], "E", True),
        (["States.TaskFailed"], "States.TaskFailed", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
        (["State.ALL"], "E", False),
        ([], "E", False),
    ],
)
def test_matching(error_equals: list[str], error: str | None, matching: bool) -> None:
    """Facts taskfailed-matches-custom-error, states-runtime-not-catchable."""
    assert matches(tuple(error_equals), error) is matching


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (Failure("E", "C"), "C"),
        (Failure("E"), None),
        (Failure(None), None),
        (Failure("States.Timeout"), ""),
        (Failure("States.HeartbeatTimeout"), ""),
        (Failure("States.Timeout", "C"), "C"),
    ],
)
def test_error_output(failure: Failure, cause: str | None) -> None:
    assert error_output(failure) == {"Error": failure.error, "Cause": cause}


def delays(outcomes: int, **fields: Any) -> list[float]:
    """Seconds between the attempts of a task that fails so many times."""
    done = run(block(T=task(Retry=[retry(**fields)])), {}, {"T": [*[Throw("E")] * outcomes, "done"]})
    starts = done.seconds("LambdaFunctionScheduled")
    return [round(later - earlier, 3) for earlier, later in pairwise(starts)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1, 2, 4]),
        ({"IntervalSeconds": 3}, [3, 6, 12]),
        ({"IntervalSeconds": 3, "BackoffRate": 1}, [3, 3, 3]),
        ({"IntervalSeconds": 1, "BackoffRate": 1.5}, [1, 1.5, 2.25]),
        ({"IntervalSeconds": 2, "MaxDelaySeconds": 5}, [2, 4, 5]),
        (
            {"IntervalSeconds": 1, "BackoffRate": 1000.0, "MaxAttempts": 99},
            [1, 1000, 1_000_000, 31_622_400, 31_622_400],
        ),
    ],
    ids=["defaults", "interval", "no-backoff", "fraction", "MaxDelaySeconds", "limit-max-delay"],
)
def test_delays(fields: dict[str, Any], expected: list[float]) -> None:
    assert delays(len(expected), **fields) == expected


def test_a_backoff_beyond_all_numbers_is_bounded() -> None:
    found = delays(200, IntervalSeconds=1, BackoffRate=1e9, MaxAttempts=99_999_999)
    assert len(found) == 200
    assert max(found) == MAX_DELAY_MS / 1000


def test_full_jitter_is_bounded_and_reproducible() -> None:
    fields = {"IntervalSeconds": 8, "MaxAttempts": 40, "MaxDelaySeconds": 100, "JitterStrategy": "FULL"}
    found = delays(40, **fields)
    assert found == delays(40, **fields)
    for index, delay in enumerate(found):
        assert 0 <= delay <= min(8 * 2**index, 100)
    assert len(set(found)) > 30


def test_jitter_differs_by_execution() -> None:
    machine = block(T=task(Retry=[retry(IntervalSeconds=60, JitterStrategy="FULL")]))
    outcomes = {"T": [Throw("E"), "done"]}
    ends = {run(machine, {}, outcomes, seed=bytes([n]) * 32).execution.now_ms for n in range(5)}
    assert len(ends) == 5


@pytest.mark.parametrize(("attempts", "calls"), [(0, 1), (1, 2), (3, 4)])
def test_max_attempts(attempts: int, calls: int) -> None:
    """Facts retry-max-attempts-zero, retry-attempts-then-catch."""
    done = run(block(T=task(Retry=[retry(MaxAttempts=attempts)], Catch=[catch("Z")]), Z=pass_()), {}, FAILS)
    assert done.types == [
        "ExecutionStarted", "TaskStateEntered",
        *["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionFailed"] * calls,
        "TaskStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert done.previous_ids == [0, *range(1), *range(2, len(done.types))]


def test_an_empty_retry() -> None:
    """Fact retry-empty-list-ok."""
    done = run(block(T=task(Retry=[])), {}, FAILS)
    assert (done.error, done.cause) == ("E", "C")


def test_retriers_are_tried_in_order_and_count_for_themselves() -> None:
    """Fact retry-each-retrier-own-counter."""
    machine = block(T=task(Retry=[retry("A", MaxAttempts=1), retry("State.ALL"), retry("B", MaxAttempts=2)]))
    script = [Throw("A"), Throw("B"), Throw("B"), "done"]
    assert len(run(machine, {}, {"T": script}).host.calls) == 4
    done = run(machine, {}, {"T": [Throw("B"), Throw("A"), Throw("A"), "never"]})
    assert (done.error, len(done.host.calls)) == ("A", 3)


def test_the_first_retrier_that_matches_decides() -> None:
    """An exhausted one is not passed over for a later one."""
    done = run(block(T=task(Retry=[retry("E", MaxAttempts=1), retry(MaxAttempts=5)])), {}, FAILS)
    assert len(done.host.calls) == 2


def test_retry_comes_before_catch() -> None:
    """Fact retry-before-catch."""
    machine = block(T=task(Retry=[retry("E", MaxAttempts=1)], Catch=[catch("Z", "E")], End=True), Z=pass_())
    assert len(run(machine, {}, FAILS).host.calls) == 2
    assert run(machine, {}, {"T": [Throw("E"), "fine"]}).states == ["T"]


def test_counts_start_again_when_the_state_is_entered_again() -> None:
    machine = block(
        T=task(Retry=[retry(MaxAttempts=1)], ResultPath=None, Parameters={"n.$": "$$.State.RetryCount"}),
        C=choice({"Variable": "$again", "BooleanEquals": True, "Next": "Again"}, default="Z"),
        Again=pass_(Assign={"again": False}, Next="T"),
        Z=pass_(),
    )
    start = block(Set=pass_(Assign={"again": True}), **machine["States"])
    done = run(start, {}, {"T": [Throw("E"), "a", Throw("E"), "b"]})
    assert done.status == "SUCCEEDED"
    assert [each["n"] for each in done.arguments("T")] == [0, 1, 0, 1]


def test_counts_do_not_go_on_to_the_next_state() -> None:
    machine = block(
        T=task(Retry=[retry("E", MaxAttempts=1), retry("X")], Catch=[catch("U")]),
        U=task(Retry=[retry(MaxAttempts=1)], Parameters={"n.$": "$$.State.RetryCount"}),
    )
    done = run(machine, {}, {"T": [Throw("E")], "U": [Throw("E"), "u"]})
    assert [each["n"] for each in done.arguments("U")] == [0, 1]


def test_while_a_retry_waits_the_frame_has_one_timer() -> None:
    driven = started(block(T=task(TimeoutSeconds=60, Retry=[retry(IntervalSeconds=7)])))
    (first,) = driven.tasks
    driven.fail(first.operation, Failure("E"), at=2)
    assert driven.timers == [(Purpose.RETRY, 9)]
    driven.fail(first.operation, Failure("E"), at=3)
    assert driven.timers == [(Purpose.RETRY, 9)]
    driven.fire(9)
    assert driven.tasks[0].operation != first.operation


def test_an_answer_for_the_retry_timer_is_no_answer() -> None:
    driven = started(block(T=task(Retry=[retry(IntervalSeconds=7)])))
    driven.fail(driven.tasks[0].operation, Failure("E"))
    (timer,) = driven.execution.operations
    assert driven.succeed(timer, "forged").history == ()
    assert driven.timers == [(Purpose.RETRY, 7)]


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"Error": "E", "Cause": "C"}),
        ({"ResultPath": "$.err"}, {"k": 1, "err": {"Error": "E", "Cause": "C"}}),
        ({"ResultPath": "$.err.deep"}, {"k": 1, "err": {"deep": {"Error": "E", "Cause": "C"}}}),
        ({"ResultPath": None}, {"k": 1}),
    ],
    ids=["catch-without-resultpath-replaces-input", "catch-resultpath-keeps-input", "deep", "null"],
)
def test_what_a_catcher_passes_on(fields: dict[str, Any], output: Any) -> None:
    machine = block(
        T=task(
            InputPath="$.k", ResultSelector={"x.$": "$.y"}, ResultPath="$.r", OutputPath="$.no.such",
            Catch=[catch("Z", **fields)],
        ),
        Z=pass_(),
    )  # fmt: skip
    done = run(machine, {"k": 1}, FAILS)
    assert done.output == output, "fact catch-output-ignores-outputpath"


def test_a_catchers_assign_sees_the_error_and_the_states_assign_is_not_applied() -> None:
    machine = block(
        T=task(Assign={"v": "state"}, Catch=[catch("Z", Assign={"e.$": "$.Error", "who.$": "$$.State.Name"})]),
        Z=pass_(Parameters={"e.$": "$e", "who.$": "$who"}),
        Y=pass_(Parameters={"v.$": "$v"}),
    )
    done = run(machine, {}, FAILS)
    assert done.of("TaskStateExited")[0].details["assignedVariables"] == {"e": '"E"', "who": '"T"'}
    assert done.of("PassStateExited")[0].details["output"].value == {"e": "E", "who": "T"}
    assert done.error == "States.Runtime"
    assert "$v" in (done.cause or "")


@pytest.mark.parametrize("fields", [{"Assign": {"e.$": "$.nothing"}}, {"Assign": {"e.$": "States.StringToJson('{')"}}])
def test_an_error_in_a_catchers_assign_fails_the_scope(fields: dict[str, Any]) -> None:
    """It is not caught by the same state again."""
    machine = block(T=task(Catch=[catch("Z", "E", **fields), catch("Y")]), Z=pass_(), Y=pass_())
    done = run(machine, {}, FAILS)
    assert done.status == "FAILED"
    assert (done.error or "").startswith("States.")
    assert "the state 'T'" in (done.cause or "")
    assert done.types[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_an_error_in_a_catchers_assign_is_caught_further_out() -> None:
    bad = {"e.$": "States.StringToJson('{')"}
    inner = block(T=task(Catch=[catch("Y", Assign=bad)]), Y=pass_())
    done = run(block(P=parallel(inner, block(W=wait(9))), Z=pass_()), {}, FAILS)
    assert done.error == "States.IntrinsicFailure"
    caught = run(block(P=parallel(inner, block(W=wait(9)), Catch=[catch("Z")]), Z=pass_()), {}, FAILS)
    assert caught.output["Error"] == "States.IntrinsicFailure"
    assert caught.counts["WaitStateAborted"] == 1


@pytest.mark.parametrize(("error", "goes"), [("Lambda.Unknown", "U"), ("Exception", "F"), ("States.Timeout", "A")])
def test_catchers_are_tried_in_order(error: str, goes: str) -> None:
    """Fact taskfailed-matches-custom-error."""
    catchers = [catch("U", "Lambda.Unknown"), catch("F", "States.TaskFailed"), catch("A")]
    machine = block(T=task(Catch=catchers, End=True), U=pass_(End=True), F=pass_(End=True), A=pass_())
    assert run(machine, {}, {"T": [Throw(error)]}).states[-1] == goes


def test_no_catcher_matches() -> None:
    machine = block(T=task(Catch=[catch("U", "Lambda.Unknown")]), U=pass_())
    done = run(machine, {}, {"T": [Throw("Exception", "boom")]})
    assert (done.status, done.error, done.cause) == ("FAILED", "Exception", "boom")


def test_a_failure_is_not_left_over_for_the_next_state() -> None:
    """After a catcher, the next state starts without the failure, result or children of the last."""
    machine = block(
        P=parallel(block(T=task()), block(U=pass_(Result="u")), Catch=[catch("V")]),
        V=task(Retry=[retry(MaxAttempts=1)]),
        W=wait(1),
    )
    driven = started(machine)
    driven.fail(driven.tasks[0].operation, Failure("E"))
    (frame,) = driven.execution.frames.values()
    assert (frame.failure, frame.result, frame.children, frame.attempts, frame.retry_count) == (None, None, None, (), 0)
    driven.fail(driven.tasks[0].operation, Failure("E2"))
    assert (frame.failure, frame.attempts, frame.retry_count) == (None, (1,), 1)
    driven.fire(1)
    driven.succeed(driven.tasks[0].operation, "v", at=1)
    assert (frame.failure, frame.result, frame.timeout) == (None, None, 0)


def test_a_result_that_was_of_no_use_is_not_kept_while_a_retry_waits() -> None:
    machine = block(T=task(ResultSelector={"v.$": "States.StringToJson($)"}, Retry=[retry()]))
    driven = started(machine)
    driven.succeed(driven.tasks[0].operation, "no json")
    (frame,) = driven.execution.frames.values()
    assert driven.timers == [(Purpose.RETRY, 1)]
    assert (frame.result, frame.failure) == (None, None)


def test_fail_states_pass_through_the_enclosing_retry() -> None:
    done: Run = run(block(P=parallel(block(F=fail("E")), Retry=[retry("E", MaxAttempts=3, MaxDelaySeconds=1)])))
    assert done.seconds("ParallelStateStarted") == [0, 1, 2, 3]
    assert done.seconds("ExecutionFailed") == [3]


def test_a_failure_without_a_name() -> None:
    done = run(block(P=parallel(block(F=fail()), Catch=[catch("Z")]), Z=pass_()))
    assert done.output == {"Error": None, "Cause": None}


def test_a_timeout_is_retried_too() -> None:
    machine = block(T=task(TimeoutSeconds=5, Retry=[retry("States.Timeout", MaxAttempts=1)]))
    done = run(machine, {}, {"T": [Return("late", delay_seconds=60), "early"]})
    assert done.output == "early"
    assert done.seconds("TimedOut") == [5]
    assert done.seconds("ExecutionSucceeded") == [6]
