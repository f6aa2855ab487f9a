"""Activation: limits of data and variables, scopes, and what is left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from running import block, catch, choice, distributed, map_, parallel, pass_, run, started, succeed, task, wait

from statemachine.jsonvalue import MAX_DEPTH
from statemachine.kernel.events import TimerFired
from statemachine.kernel.execution import Execution
from statemachine.limits import AWS_LIMITS, UNLIMITED, Limits
from statemachine.testing.mocks import Throw


def variables_bytes(execution: Execution) -> int:
    """What the count should be."""
    return sum(sum(scope.sizes.values()) for scope in execution.scopes.values())


# -- payloads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [pass_(Parameters={"a.$": "$", "b.$": "$"}), pass_(ResultPath="$.c"), wait(0, OutputPath="$$.Execution")],
    ids=["Parameters", "ResultPath", "OutputPath"],
)
def test_an_output_that_is_too_large_fails_the_scope(state: dict[str, Any]) -> None:
    """Fact data-limit-pass-output: no location prefix."""
    done = run(block(Eval=state), {"k": "x" * 300}, limits=Limits(payload_bytes=400))
    assert (done.status, done.error) == ("FAILED", "States.DataLimitExceeded")
    assert done.cause == (
        "The state/task 'Eval' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert done.types == ["ExecutionStarted", state["Type"] + "StateEntered", "ExecutionFailed"]


@pytest.mark.parametrize(("size", "status"), [(262_144, "SUCCEEDED"), (262_145, "FAILED")])
def test_awss_limit_counts_bytes(size: int, status: str) -> None:
    """Fact limit-payload: bytes of UTF-8, quotes included."""
    text = "é" * ((size - 2) // 2) + "x" * (size % 2)
    done = run(block(Eval=pass_(Result=text)))
    assert done.status == status


def test_without_limits() -> None:
    assert run(block(Eval=pass_(Result="x" * 300_000)), limits=UNLIMITED).status == "SUCCEEDED"


def test_an_error_output_that_is_too_large_fails_the_scope() -> None:
    """The catcher itself breaks the limit: nothing is caught again."""
    machine = block(T=task(Catch=[catch("Z", "E", ResultPath="$.e"), catch("Z")]), Z=pass_())
    done = run(machine, {"k": "x" * 300}, {"T": [Throw("E", "y" * 200)]}, limits=Limits(payload_bytes=400))
    assert (done.status, done.error) == ("FAILED", "States.DataLimitExceeded")


# -- depth -------------------------------------------------------------------------------------------------------------


def ever_deeper(state: dict[str, Any]) -> dict[str, Any]:
    """A loop around a state that nests its data one level deeper each time."""
    return block(
        Deeper=state,
        Again=choice({"Variable": "$.stop", "IsPresent": True, "Next": "Z"}, default="Deeper"),
        Z=succeed(),
    )


@pytest.mark.parametrize(
    "state",
    [
        pass_(Parameters={"a.$": "$"}),
        pass_(Parameters={"text": "}]}]", "a.$": "$", "z": "{[{["}),
        pass_(Parameters={"a.$": "States.Array($)"}),
        pass_(Assign={"v.$": "States.Array($v)"}),
        parallel(block(A=pass_()), Parameters={"a.$": "$"}, OutputPath="$[0]"),
        map_(block(A=pass_()), ItemsPath="$$.Execution.Input.one", ItemSelector={"a.$": "$"}, OutputPath="$[0]"),
    ],
    ids=["object", "brackets-in-texts", "array", "variable", "arguments", "item"],
)
@pytest.mark.parametrize("limits", [AWS_LIMITS, UNLIMITED], ids=["aws", "none"])
def test_data_that_nests_ever_deeper_fails_the_execution(state: dict[str, Any], limits: Limits) -> None:
    """Beyond the depth that can be read again, an execution could not be taken up after a crash."""
    machine = ever_deeper(state)
    if "Assign" in state:
        machine = block(Set=pass_(Assign={"v": 1}), **machine["States"])
    done = run(machine, {"one": [1]}, limits=limits, reserialise=False)
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert (done.cause or "").endswith(f"The data is nested deeper than {MAX_DEPTH} levels")


# -- variables ---------------------------------------------------------------------------------------------------------

SMALL = replace(AWS_LIMITS, variable_bytes=500, variables_bytes=1_000)


@pytest.mark.parametrize(("length", "status"), [(498, "SUCCEEDED"), (499, "FAILED")])
def test_one_variable_is_bounded(length: int, status: str) -> None:
    """Fact variables-limits."""
    done = run(block(A=pass_(Assign={"v": "x" * length})), limits=SMALL)
    assert done.status == status
    if status == "FAILED":
        assert done.error == "States.DataLimitExceeded"
        assert done.cause == (
            "The state/task 'A' assigned variables with a size exceeding the maximum number of bytes service limit."
        )
        assert done.types == ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]


def test_all_that_one_state_assigns_is_bounded_together() -> None:
    done = run(block(A=pass_(Assign={"v": "x" * 300, "w": "x" * 300})), limits=SMALL)
    assert done.error == "States.DataLimitExceeded"


def test_all_variables_of_an_execution_are_bounded() -> None:
    three = {f"A{n}": pass_(Assign={f"v{n}": "x" * 400}) for n in range(3)}
    assert run(block(**three), limits=SMALL).error == "States.DataLimitExceeded"
    again = {f"A{n}": pass_(Assign={"same": "x" * 400}) for n in range(9)}
    assert run(block(**again), limits=SMALL).status == "SUCCEEDED"


def test_variables_of_all_branches_count_while_they_run() -> None:
    branches = [block(**{f"A{n}": pass_(Assign={"v": "x" * 400}), f"W{n}": wait(1)}) for n in range(3)]
    assert run(block(P=parallel(*branches[:2])), limits=SMALL).status == "SUCCEEDED"
    assert run(block(P=parallel(*branches)), limits=SMALL).error == "States.DataLimitExceeded"
    one_by_one = block(M=map_(branches[0], MaxConcurrency=1))
    assert run(one_by_one, [1] * 9, limits=SMALL).status == "SUCCEEDED"


def test_a_task_may_catch_it() -> None:
    machine = block(
        T=task(Assign={"v.$": "$"}, Catch=[catch("Z", Assign={"short": 1})]), Z=pass_(Parameters={"s.$": "$short"})
    )
    done = run(machine, {}, {"T": ["x" * 499]}, limits=SMALL)
    assert done.output == {"s": 1}


@pytest.mark.parametrize("mode", [map_, distributed])
def test_the_count_of_bytes_is_right_at_any_time(mode: Any) -> None:
    branch = block(A=pass_(Assign={"v": [1, 2], "outer": "inner"}), T=task(), B=pass_(Assign={"v": {}}), W=wait(1))
    machine = block(S=pass_(Assign={"outer": "xyz"}), M=mode(branch, MaxConcurrency=2), V=wait(5))
    driven = started(machine, [1, 2, 3])
    seen = [driven.execution.variables_bytes]
    while not driven.execution.closed:
        if driven.tasks:
            driven.succeed(driven.tasks[0].operation, "t")
        else:
            driven.send(_timer(driven.execution))
        assert driven.execution.variables_bytes == variables_bytes(driven.execution)
        seen.append(driven.execution.variables_bytes)
    assert max(seen) == 5 + 2 * (5 + 7)
    assert seen[-2:] == [5, 0]


def _timer(execution: Execution) -> Any:
    deadline = execution.next_deadline_ms()
    assert deadline is not None
    return TimerFired(deadline)


def test_assign_sees_the_old_values() -> None:
    """Facts assign-sees-old-values, assign-map-output-unaffected."""
    machine = block(
        A=pass_(Assign={"x": 42}),
        B=pass_(Assign={"x": 18, "old.$": "$x"}),
        C=pass_(ResultPath="$.v", Parameters={"x.$": "$x", "old.$": "$old"}),
    )
    assert run(machine, {"k": 2}).output == {"k": 2, "v": {"x": 18, "old": 42}}


def test_assigned_variables_are_recorded_as_texts() -> None:
    """Fact assign-event-details: in the order of their names."""
    done = run(block(A=pass_(Assign={"s": "foo", "b": None, "n": 42, "l": [1, {"k": "é"}]})))
    assigned = done.of("PassStateExited")[0].details["assignedVariables"]
    assert list(assigned.items()) == [("b", "null"), ("l", '[1,{"k":"é"}]'), ("n", "42"), ("s", '"foo"')]


def test_an_empty_assign_is_not_recorded() -> None:
    assert "assignedVariables" not in run(block(A=pass_(Assign={}))).of("PassStateExited")[0].details


def test_variables_are_those_of_the_entry_throughout_a_state() -> None:
    """Fact jsonpath-passresult-then-assign-order."""
    machine = block(
        A=pass_(Result={"q": "?"}, Assign={"answer": 42}),
        B=pass_(InputPath="$answer", ResultPath="$.kept", OutputPath="$answer", Assign={"answer": "gone"}),
    )
    assert run(machine).output == 42


# -- memory ------------------------------------------------------------------------------------------------------------


def test_cancelled_timers_do_not_pile_up() -> None:
    """A loop whose tasks are always in time, under a timer that is due before theirs."""
    machine = block(
        T=task(TimeoutSeconds=1_000_000, ResultPath=None),
        C=choice({"Variable": "$.stop", "IsPresent": True, "Next": "Z"}, default="T"),
        Z=succeed(),
    ) | {"TimeoutSeconds": 500_000}
    driven = started(machine)
    most = 0
    for _ in range(1_000):
        driven.succeed(driven.tasks[0].operation)
        most = max(most, len(driven.execution.timers))
    assert most < 100
    assert driven.execution.next_deadline_ms() == driven.execution.now_ms + 500_000_000


def test_a_loop_leaves_nothing_behind() -> None:
    machine = block(
        M=map_(block(A=pass_(Assign={"v": 1}), P=parallel(block(B=pass_()), block(T=task())))),
        N=choice({"Variable": "$[0]", "IsPresent": False, "Next": "Z"}, default="M"),
        Z=succeed(),
    )
    driven = started(machine, [1, 2])
    sizes = set()
    for _ in range(40):
        driven.succeed(driven.tasks[0].operation, "t")
        execution = driven.execution
        sizes.add((len(execution.frames), len(execution.scopes), len(execution.operations), len(execution.ready)))
    assert len(sizes) == 2, "one for each of the two tasks in turn"
