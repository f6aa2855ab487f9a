"""Parallel: branches side by side, their outputs in order, and one failure that cuts all."""

from __future__ import annotations

import pytest
from running import block, catch, choice, fail, map_, parallel, pass_, retry, run, started, succeed, task, wait

from statemachine.errors import Failure
from statemachine.kernel.commands import CancelOperation
from statemachine.kernel.execution import Purpose
from statemachine.limits import Limits
from statemachine.testing.mocks import Return, Throw

SLOW = {"T": [Return("t", delay_seconds=30)]}


def test_outputs_are_in_the_order_of_the_definition() -> None:
    """Fact parallel-output-order: whichever branch ends first."""
    branches = [block(**{f"W{n}": wait(n), f"P{n}": pass_(Result={"b": n})}) for n in (3, 1, 2)]
    done = run(block(Par=parallel(*branches)))
    assert done.output == [{"b": 3}, {"b": 1}, {"b": 2}]
    assert done.seconds("ExecutionSucceeded") == [3]


def test_events_of_two_branches() -> None:
    done = run(block(Par=parallel(block(A=pass_()), block(B=pass_(), C=pass_()))))
    assert done.chain() == [
        ("ExecutionStarted", 0),
        ("ParallelStateEntered", 0),
        ("ParallelStateStarted", 2),
        ("PassStateEntered", 3),
        ("PassStateExited", 4),
        ("PassStateEntered", 3),
        ("PassStateExited", 6),
        ("PassStateEntered", 7),
        ("PassStateExited", 8),
        ("ParallelStateSucceeded", 9),
        ("ParallelStateExited", 9),
        ("ExecutionSucceeded", 11),
    ]


def test_branches_take_turns() -> None:
    """First in, first out: one transition each."""
    done = run(block(Par=parallel(block(A=pass_(), B=pass_(), C=pass_()), block(D=pass_(), E=pass_(), F=pass_()))))
    assert done.states == ["Par", "A", "D", "B", "E", "C", "F"]


def test_result_path_writes_into_the_raw_input() -> None:
    """Fact jsonpath-parallel-inputpath-resultpath."""
    machine = block(Par=parallel(block(P=pass_()), InputPath="$.in", ResultPath="$.out"))
    assert run(machine, {"in": {"v": 1}, "z": 9}).output == {"in": {"v": 1}, "z": 9, "out": [{"v": 1}]}


def test_parameters_and_result_selector() -> None:
    machine = block(
        Par=parallel(
            block(P=pass_()),
            block(Q=pass_(Result=None)),
            Parameters={"x.$": "$.v"},
            ResultSelector={"first.$": "$[0].x", "second.$": "$[1]"},
        )
    )
    assert run(machine, {"v": 1}).output == {"first": 1, "second": None}


def test_a_catcher_gets_the_error_of_the_branch() -> None:
    """Fact parallel-catch."""
    done = run(block(Par=parallel(block(No=fail("E", "C")), Catch=[catch("Z", "E")]), Z=pass_()))
    assert done.output == {"Error": "E", "Cause": "C"}
    assert done.types == [
        "ExecutionStarted", "ParallelStateEntered", "ParallelStateStarted", "FailStateEntered", "ParallelStateFailed",
        "ParallelStateExited", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_a_waiting_sibling_is_aborted() -> None:
    """Fact parallel-sibling-wait-aborted."""
    machine = block(Par=parallel(block(Long=wait(20)), block(Pause=wait(1), No=fail("E", "C"))))
    done = run(machine)
    failing = done.of("FailStateEntered")[0].id
    assert done.chain()[-3:] == [
        ("WaitStateAborted", failing),
        ("ParallelStateFailed", failing),
        ("ExecutionFailed", failing + 2),
    ]
    assert done.seconds("ExecutionFailed") == [1]
    assert (done.error, done.cause) == ("E", "C")


def test_the_failing_task_itself_is_aborted() -> None:
    """Fact parallel-task-failure-state-aborted: even with a single branch."""
    done = run(block(Par=parallel(block(T=task()), Catch=[catch("Z")]), Z=pass_()), {}, {"T": [Throw("E", "C")]})
    failed = done.of("LambdaFunctionFailed")[0].id
    assert done.chain()[failed : failed + 3] == [
        ("TaskStateAborted", failed),
        ("ParallelStateFailed", failed),
        ("ParallelStateExited", failed + 2),
    ]


def test_a_failure_cancels_what_the_others_wait_for() -> None:
    driven = started(block(Par=parallel(block(T=task(TimeoutSeconds=9)), block(W=wait(5)), block(U=task()))))
    waiting = set(driven.execution.operations)
    failing = next(each.operation for each in driven.tasks if each.state == "U")
    step = driven.fail(failing, Failure("E"), at=1)
    cancelled = {each.operation for each in step.commands if isinstance(each, CancelOperation)}
    assert cancelled == waiting - {failing}
    assert driven.execution.closed
    assert driven.execution.operations == {}


def test_a_caught_failure_leaves_nothing_of_the_branches() -> None:
    branches = block(T=task(TimeoutSeconds=9)), block(W=wait(5)), block(U=task())
    driven = started(block(Par=parallel(*branches, Catch=[catch("Z")]), Z=wait(60)))
    failing = next(each.operation for each in driven.tasks if each.state == "U")
    driven.fail(failing, Failure("E"), at=1)
    assert driven.tasks == []
    assert driven.timers == [(Purpose.WAIT, 61)]
    assert (len(driven.execution.frames), len(driven.execution.scopes)) == (1, 1)


def test_a_retry_starts_all_branches_again() -> None:
    """Fact parallel-retry-events."""
    machine = block(Par=parallel(block(No=fail("E", "C")), Retry=[retry("E", MaxAttempts=2, BackoffRate=1)]))
    done = run(machine)
    assert done.types == [
        "ExecutionStarted", "ParallelStateEntered",
        "ParallelStateStarted", "FailStateEntered",
        "ParallelStateStarted", "FailStateEntered",
        "ParallelStateStarted", "FailStateEntered",
        "ParallelStateFailed", "ExecutionFailed",
    ]  # fmt: skip
    assert done.seconds("ParallelStateStarted") == [0, 1, 2]


def test_a_retry_forgets_what_the_branches_had_reached() -> None:
    machine = block(
        Par=parallel(
            block(A=pass_(Assign={"v": 1}), T=task()), block(W=wait(1), B=pass_()), Retry=[retry(MaxAttempts=1)]
        )
    )
    done = run(machine, {}, {"T": [Throw("E"), "t"]})
    assert done.output == ["t", {}]
    assert done.states == ["Par", "A", "W", "T", "A", "W", "T", "B"]
    assert done.counts["WaitStateAborted"] == 1


def test_a_failure_goes_up_through_nested_states() -> None:
    inner = block(In=parallel(block(T=task()), block(W=wait(9))))
    done = run(block(Out=parallel(inner, block(V=wait(9)))), {}, {"T": [Throw("E")]})
    assert done.error == "E"
    failed = done.of("LambdaFunctionFailed")[0].id
    assert done.chain()[failed:] == [
        ("TaskStateAborted", failed),
        ("WaitStateAborted", failed),
        ("ParallelStateFailed", failed),
        ("WaitStateAborted", failed + 3),
        ("ParallelStateFailed", failed + 3),
        ("ExecutionFailed", failed + 5),
    ]


def test_nested_states_are_cut_with_everything_below_them() -> None:
    inner = block(In=parallel(block(T=task()), block(M=map_(block(W=wait(50))))))
    done = run(block(Out=parallel(inner, block(P=wait(1), No=fail("E")))), [1, 2], SLOW)
    cause = done.of("FailStateEntered")[0].id
    aborted = [(event.type, event.previous_id) for event in done.of("Aborted")]
    assert aborted == [
        ("TaskStateAborted", cause),
        ("WaitStateAborted", cause),
        ("WaitStateAborted", cause),
        ("MapStateAborted", cause),
        ("ParallelStateAborted", cause),
    ]
    assert done.execution.frames == {}
    assert done.execution.operations == {}


def test_a_state_between_two_retries_is_aborted() -> None:
    machine = block(
        Out=parallel(
            block(T=task(Retry=[retry(IntervalSeconds=50)])),
            block(In=parallel(block(F=fail("X")), Retry=[retry(IntervalSeconds=50)])),
            block(P=wait(1), No=fail("E")),
        )
    )
    done = run(machine, {}, {"T": [Throw("E")]})
    assert done.error == "E"
    assert [event.type for event in done.of("Aborted")] == ["TaskStateAborted", "ParallelStateAborted"]
    assert done.seconds("ExecutionFailed") == [1]


def test_a_branch_that_failed_to_evaluate_fails_the_state() -> None:
    done = run(block(Par=parallel(block(A=pass_(InputPath="$.no")), block(B=wait(5)), Catch=[catch("Z")]), Z=pass_()))
    assert done.error == "States.Runtime"
    assert "the state 'A' (entered at the event id #4)" in (done.cause or "")


def test_two_branches_that_fail_in_the_same_step() -> None:
    """The first one decides; the second is cut before it fails."""
    done = run(block(Par=parallel(block(A=fail("E1")), block(B=fail("E2")))))
    assert done.error == "E1"
    assert done.states == ["Par", "A"]


def test_variables_of_a_branch_stay_in_it() -> None:
    machine = block(
        Set=pass_(Assign={"v": 0, "w": "outer"}),
        Par=parallel(
            block(A=pass_(Assign={"own": 1}), A2=pass_(Parameters={"o.$": "$own", "v.$": "$v", "w.$": "$w"})),
            block(B=pass_(), B2=pass_(Parameters={"v.$": "$v"})),
        ),
        Z=pass_(Parameters={"r.$": "$", "v.$": "$v"}),
    )
    assert run(machine).output == {"r": [{"o": 1, "v": 0, "w": "outer"}, {"v": 0}], "v": 0}


def test_arguments_and_results_that_are_too_large() -> None:
    limits = Limits(payload_bytes=500)
    large = block(Par=parallel(block(A=succeed()), Parameters={"a.$": "$", "b.$": "$"}, Catch=[catch("Z")]), Z=pass_())
    done = run(large, "x" * 300, limits=limits)
    assert "'Par' provided parameters" in done.output["Cause"]
    many = block(Par=parallel(block(A=succeed()), block(B=succeed()), Catch=[catch("Z")]), Z=pass_())
    done = run(many, "x" * 300, limits=limits)
    assert "'Par' returned a result" in done.output["Cause"]
    assert done.types[-5:-3] == ["ParallelStateSucceeded", "ParallelStateExited"]


@pytest.mark.parametrize("ends", ["Succeed", "End"])
def test_a_branch_may_end_early(ends: str) -> None:
    early = succeed() if ends == "Succeed" else pass_(End=True)
    rule = {"Variable": "$.stop", "IsPresent": True, "Next": "Early"}
    branch = block(C=choice(rule, default="Late"), Early=early, Late=wait(9))
    assert run(block(Par=parallel(branch)), {"stop": 1}).seconds("ExecutionSucceeded") == [0]
