"""Compensation: what is undone, in which order, with what, and how the execution ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from running import (
    FUNCTION,
    START_MS,
    Driven,
    Run,
    block,
    catch,
    choice,
    compiled,
    distributed,
    fail,
    map_,
    moment,
    new,
    parallel,
    pass_,
    performer,
    retry,
    run,
    started,
    succeed,
    task,
    wait,
)

from statemachine.errors import Failure, ForkError
from statemachine.kernel.events import ExecutionStarted, RedriveRequested, StopRequested
from statemachine.kernel.fork import fork, state_at
from statemachine.kernel.history import EXTENSION_TYPES, to_api
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.limits import AWS_LIMITS
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import VirtualHost

BOOM: list[Any] = [Throw("Boom", "why")]


def saga(**states: dict[str, Any]) -> dict[str, Any]:
    """A block whose tasks are undone by tasks: after the states in order come `Undo…`, one for each CompensateWith that
    has no state yet. The last of the states in order ends the block."""
    chained = block(**{name: state for name, state in states.items() if not name.startswith("Undo")})
    given = dict(states)
    for name, state in states.items():
        if "Next" not in state and state["Type"] not in ("Succeed", "Fail", "Choice"):
            given[name] = {**state, "End": True}
    for state in list(chained["States"].values()):
        target = state.get("CompensateWith")
        if target is not None:
            given.setdefault(target, task(End=True))
    chained["States"] |= {name: state for name, state in given.items() if name.startswith("Undo")}
    return chained


def done(name: str, **fields: Any) -> dict[str, Any]:
    """A task that is undone by `Undo<name>`."""
    return task(CompensateWith=f"Undo{name}", **fields)


def undone(result: Run) -> list[str]:
    """The states that were undone, in that order."""
    return [event.details["state"] for event in result.of("CompensationSucceeded")]


def calls(result: Run) -> list[str]:
    return [call.state for call in result.host.calls]


# -- order -------------------------------------------------------------------------------------------------------------

ORDERS = {
    "a chain": (saga(A=done("A"), B=done("B"), C=done("C"), F=task()), ["C", "B", "A"]),
    "only what has completed": (saga(A=done("A"), F=done("F")), ["A"]),
    "a state without CompensateWith": (saga(A=done("A"), B=task(), C=done("C"), F=task()), ["C", "A"]),
    "a Parallel, then its children, then what came before": (
        saga(
            A=done("A"),
            P=parallel(saga(B=done("B"), C=done("C")), CompensateWith="UndoP"),
            F=task(),
        ),
        ["P", "C", "B", "A"],
    ),
    "branches by their time": (
        saga(
            P=parallel(saga(A=done("A"), B=wait(2), C=done("C")), saga(D=wait(1), E=done("E"), G=wait(3), H=done("H"))),
            F=task(),
        ),
        ["H", "C", "E", "A"],
    ),
    "a loop": (
        {
            "StartAt": "A",
            "States": {
                "A": done("A", Assign={"n.$": "States.MathAdd($.n, 1)"}, ResultSelector={"n.$": "$.n"}, Next="L"),
                "L": choice({"Variable": "$.n", "NumericLessThan": 3, "Next": "A"}, default="F"),
                "F": task(End=True),
                "UndoA": task(End=True),
            },
        },
        ["A", "A", "A"],
    ),
    "iterations": (
        saga(
            A=done("A"),
            M=map_(saga(I=done("I"), J=done("J")), ItemsPath="$$.Execution.Input.l", MaxConcurrency=1),
            F=task(),
        ),
        ["J", "I", "J", "I", "A"],
    ),
    "iterations of a distributed Map": (
        saga(M=distributed(saga(I=done("I")), ItemsPath="$$.Execution.Input.l", CompensateWith="UndoM"), F=task()),
        ["M", "I", "I"],
    ),
    "attempts of a Parallel that is retried": (
        saga(
            P=parallel(saga(A=done("A"), B=wait(1), T=task()), Retry=[retry("Again", MaxAttempts=1)]),
            F=task(),
        ),
        ["A", "A"],
    ),
    "the aborted branches of a Parallel that fails": (
        saga(A=done("A"), P=parallel(saga(B=done("B"), W=wait(60)), saga(V=wait(1), F=task()))),
        ["B", "A"],
    ),
    "the iterations of a Map that fails": (
        saga(
            M=map_(saga(I=done("I"), F=task()), ItemsPath="$$.Execution.Input.l", MaxConcurrency=1),
        ),
        ["I"],
    ),
    "children of a Parallel whose catcher does not compensate": (
        saga(
            A=done("A"),
            P=parallel(saga(B=done("B"), T=task()), Catch=[catch("F", "Again")], CompensateWith="UndoP"),
            F=task(),
        ),
        ["B", "A"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "order"), ORDERS.values(), ids=ORDERS)
def test_what_has_completed_is_undone_in_reverse_order(machine: dict[str, Any], order: list[str]) -> None:
    outcomes: dict[str, list[Any]] = {"F": BOOM, "T": [Throw("Again"), None], "A": [{"n": 1}, {"n": 2}, {"n": 3}]}
    result = run(machine, {"l": [1, 2]}, outcomes)
    assert undone(result) == order
    assert (result.status, result.error, result.cause) == ("FAILED", "Boom", "why")
    assert result.execution.compensations == 0
    assert result.execution.failed_compensations == []


def test_nothing_is_undone_when_the_execution_succeeds() -> None:
    result = run(saga(A=done("A"), P=parallel(saga(B=done("B")), CompensateWith="UndoP")))
    assert result.status == "SUCCEEDED"
    assert calls(result) == ["A", "B"]
    assert not EXTENSION_TYPES & set(result.types)
    assert result.execution.unwinding is None


def test_a_state_whose_failure_is_caught_has_not_completed() -> None:
    result = run(saga(A=done("A", Catch=[catch("F")]), F=task()), None, {"A": BOOM, "F": BOOM})
    assert result.types.count("CompensationStarted") == 0
    assert result.status == "FAILED"


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (fail("Own", "cause"), "Own"),
        (pass_(InputPath="$.absent"), "States.Runtime"),
        (choice({"Variable": "$.absent", "NumericEquals": 1, "Next": "A"}), "States.Runtime"),
        (pass_(QueryLanguage="JSONata", Output="{% $states.input.absent %}"), "States.QueryEvaluationError"),
        (map_(block(X=pass_()), ItemsPath="$$.State.Name"), "States.Runtime"),
    ],
)
def test_any_failure_of_the_execution_is_one(last: dict[str, Any], error: str) -> None:
    result = run(saga(A=done("A"), L=last))
    assert (result.error, undone(result)) == (error, ["A"])


# -- history -----------------------------------------------------------------------------------------------------------


def test_the_history_of_an_unwinding() -> None:
    result = run(saga(A=done("A"), F=fail("Boom", "why")), {"x": 1}, {"A": [{"a": 1}], "UndoA": [{"u": 1}]})
    first = result.types.index("CompensationStarted")
    assert result.types[first:] == [
        "CompensationStarted",
        "CompensationScheduled",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "CompensationSucceeded",
        "ExecutionFailed",
    ]
    assert result.previous_ids[first:] == [event.id - 1 for event in result.history[first:]]
    shown = [to_api(event) for event in result.history if event.type in EXTENSION_TYPES]
    assert [each["extension"] for each in shown] == [True] * 3
    assert [each[f"compensation{each['type'][12:]}EventDetails"] for each in shown] == [
        {"count": 1, "error": "Boom", "cause": "why"},
        {"state": "A", "compensateWith": "UndoA", "input": '{"a":1}', "inputDetails": {"truncated": False}},
        {"state": "A", "output": '{"u":1}', "outputDetails": {"truncated": False}},
    ]
    assert all("extension" not in to_api(event) for event in result.history if event.type not in EXTENSION_TYPES)


def test_what_a_distributed_map_did_is_undone_without_a_history_of_its_states() -> None:
    machine = saga(M=distributed(saga(I=done("I"))), F=task())
    result = run(machine, [1, 2], {"F": BOOM})
    assert calls(result).count("UndoI") == 2
    assert result.types[result.types.index("CompensationStarted") :] == [
        "CompensationStarted",
        *["CompensationScheduled", "CompensationSucceeded"] * 2,
        "ExecutionFailed",
    ]


# -- data --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
def test_a_path_gets_the_output_and_the_context_tells_the_rest(language: str) -> None:
    told: dict[str, Any]
    if language == "JSONPath":
        told = {"Parameters": {"input.$": "$", "context.$": "$$.Compensation"}}
        assign: dict[str, Any] = {"Assign": {"v.$": "$.paid"}}
    else:
        told = {"Arguments": {"input": "{% $states.input %}", "context": "{% $states.context.Compensation %}"}}
        assign = {"Assign": {"v": "{% $states.result.paid %}"}}
    machine = saga(A=done("A", **assign), F=fail("Boom", "why"), UndoA=task(**told))
    result = run({**machine, "QueryLanguage": language}, {"x": 1}, {"A": [{"paid": 9}]})
    context = {"State": "A", "Input": {"x": 1}, "Output": {"paid": 9}, "Error": "Boom", "Cause": "why"}
    assert result.arguments("UndoA") == [{"input": {"paid": 9}, "context": context}]


def test_the_context_is_there_in_all_of_a_path_and_nowhere_else() -> None:
    inner = block(X=task(Parameters={"state.$": "$$.Compensation.State", "index.$": "$$.Map.Item.Index"}))
    machine = saga(
        A=done("A"),
        F=task(),
        UndoA=map_(inner, ItemsPath="$", Next="UndoMore"),
        UndoMore=task(Parameters={"cause.$": "$$.Compensation.Cause"}),
    )
    result = run(machine, None, {"A": [[7, 8]], "F": [Throw("Boom")]})
    assert result.arguments("X") == [{"state": "A", "index": 0}, {"state": "A", "index": 1}]
    assert result.arguments("UndoMore") == [{"cause": None}]
    assert run(block(A=pass_(InputPath="$$.Compensation"))).error == "States.Runtime"


def test_a_path_sees_the_variables_of_when_its_state_completed() -> None:
    machine = saga(
        S=pass_(Assign={"v": "old"}),
        A=done("A", Assign={"own.$": "$.id"}),
        T=pass_(Assign={"v": "new"}),
        F=task(),
        UndoA=pass_(Assign={"v": "changed"}, Next="UndoB"),
        UndoB=task(Parameters={"v.$": "$v", "own.$": "$own"}),
    )
    result = run(machine, None, {"A": [{"id": 5}], "F": BOOM})
    assert result.arguments("UndoB") == [{"v": "changed", "own": 5}]
    machine["States"]["UndoA"] = task(Parameters={"v.$": "$v"}, End=True)
    del machine["States"]["UndoB"]
    assert run(machine, None, {"A": [{"id": 5}], "F": BOOM}).arguments("UndoA") == [{"v": "old"}]


def test_variables_of_a_path_are_its_own() -> None:
    machine = saga(
        S=pass_(Assign={"v": 0}),
        A=done("A"),
        B=done("B"),
        C=task(Catch=[catch("After", Compensate=True)]),
        After=task(Parameters={"v.$": "$v"}),
        UndoA=task(Parameters={"v.$": "$v"}),
        UndoB=pass_(Assign={"v": 1}),
    )
    result = run(machine, None, {"C": BOOM})
    assert (result.arguments("UndoA"), result.arguments("After")) == ([{"v": 0}], [{"v": 0}])
    assert result.status == "SUCCEEDED"
    assert result.execution.variables_bytes == 0


def test_a_path_knows_the_iteration_of_its_state() -> None:
    given = task(Parameters={"item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"})
    result = run(saga(M=map_(saga(I=done("I"), UndoI=given), MaxConcurrency=1), F=task()), ["a", "b"], {"F": BOOM})
    assert result.arguments("UndoI") == [{"item": "b", "index": 1}, {"item": "a", "index": 0}]


# -- paths -------------------------------------------------------------------------------------------------------------


def test_a_path_retries_catches_waits_and_ends_as_it_likes() -> None:
    machine = saga(
        A=done("A"),
        B=done("B"),
        F=task(),
        UndoA=task(Retry=[retry(IntervalSeconds=5)], Next="UndoMore"),
        UndoMore=wait(10, Next="UndoEnd"),
        UndoEnd=succeed(),
        UndoB=parallel(block(X=task()), block(Y=wait(60)), Catch=[catch("UndoEnd")]),
    )
    result = run(machine, None, {"F": BOOM, "UndoA": [Throw("E"), None], "X": BOOM})
    assert undone(result) == ["B", "A"]
    assert result.seconds("CompensationSucceeded") == [0, 15]


@pytest.mark.parametrize(
    "path", [task(), fail("No"), pass_(InputPath="$.no"), task(TimeoutSeconds=3), parallel(block(X=fail("No")))]
)
def test_a_failing_path_does_not_stop_the_others(path: dict[str, Any]) -> None:
    machine = saga(A=done("A"), B=done("B"), C=done("C"), F=task(), UndoB=path)
    result = run(machine, None, {"F": BOOM, "UndoB": [Throw("No", "not now", 5)]})
    ends = [
        (event.type, (event.details or {})["state"])
        for event in result.history
        if event.type in ("CompensationSucceeded", "CompensationFailed")
    ]
    assert ends == [("CompensationSucceeded", "C"), ("CompensationFailed", "B"), ("CompensationSucceeded", "A")]
    assert (result.status, result.error, result.cause) == ("FAILED", "Boom", "why")
    assert result.history[-1].details == {"error": "Boom", "cause": "why", "failedCompensations": ["B"]}
    failed = result.execution.failed_compensations
    assert [each.compensation.state for each in failed] == ["B"]
    assert failed[0].failure is not None
    assert result.execution.compensations == 1


def test_redrive_runs_the_failed_ones_again() -> None:
    machine = saga(A=done("A"), B=done("B"), C=done("C"), F=task())
    outcomes: dict[str, list[Any]] = {"F": BOOM, "UndoA": [Throw("No"), None], "UndoC": [Throw("No"), Throw("No")]}
    result = run(machine, None, outcomes)
    assert [each.compensation.state for each in result.execution.failed_compensations] == ["C", "A"]
    host = result.host
    before = len(host.calls)
    host.send(RedriveRequested(host.execution.now_ms))
    host.run()
    assert [call.state for call in host.calls[before:]] == ["UndoC", "UndoA"]
    assert [each.compensation.state for each in host.execution.failed_compensations] == ["C"]
    assert (result.status, result.error) == ("FAILED", "Boom")
    assert host.history[-1].details == {"error": "Boom", "cause": "why", "failedCompensations": ["C"]}


def test_what_was_undone_is_not_redriven() -> None:
    result = run(saga(A=done("A"), F=task()), None, {"F": BOOM})
    length = len(result.history)
    result.host.send(RedriveRequested(result.execution.now_ms))
    assert (len(result.history), result.status) == (length, "FAILED")


# -- catchers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["JSONPath", "JSONata"])
def test_a_catcher_undoes_and_goes_on(language: str) -> None:
    flow = {"ResultPath": "$.e"} if language == "JSONPath" else {"Output": {"e": "{% $states.errorOutput %}"}}
    machine = saga(
        A=done("A"),
        B=task(Catch=[catch("After", Compensate=True, **flow)]),
        C=done("C"),
        After=done("After"),
        F=task(),
    )
    machine["States"]["C"] |= {"Next": "F"}
    result = run({**machine, "QueryLanguage": language}, None, {"A": [{"a": 1}], "B": BOOM, "F": [{"done": True}]})
    assert result.status == "SUCCEEDED"
    assert calls(result) == ["A", "B", "UndoA", "After", "F"]
    given = {"a": 1} if language == "JSONPath" else {}
    assert result.arguments("After") == [given | {"e": {"Error": "Boom", "Cause": "why"}}]
    exited = next(event for event in result.of("TaskStateExited") if event.details["name"] == "B")
    assert result.history[exited.previous_id - 1].type == "CompensationSucceeded"


def test_what_a_catcher_has_undone_is_not_undone_again() -> None:
    machine = saga(A=done("A"), B=task(Catch=[catch("C", Compensate=True)]), C=done("C"), F=task())
    result = run(machine, None, {"B": BOOM, "F": [Throw("Second")]})
    assert (undone(result), result.error) == (["A", "C"], "Second")


def test_a_catcher_undoes_only_what_its_own_block_did() -> None:
    inner = saga(B=done("B"), Q=parallel(saga(C=done("C"))), F=task(Catch=[catch("Z", Compensate=True)]), Z=pass_())
    machine = saga(A=done("A"), P=parallel(inner, saga(D=done("D"))), E=task())
    result = run(machine, None, {"F": BOOM})
    assert (result.status, undone(result)) == ("SUCCEEDED", ["C", "B"])
    result = run(machine, None, {"F": BOOM, "E": [Throw("Late")]})
    assert (result.error, undone(result)) == ("Late", ["C", "B", "D", "A"])


def test_a_catcher_of_a_parallel_undoes_its_children() -> None:
    machine = saga(
        A=done("A"),
        P=parallel(saga(B=done("B"), X=task()), saga(C=done("C"), W=wait(9)), Catch=[catch("Z", Compensate=True)]),
        Z=pass_(),
    )
    result = run(machine, None, {"X": [Throw("Boom", None, 1)]})
    assert (result.status, undone(result)) == ("SUCCEEDED", ["C", "B", "A"])


def test_a_catcher_with_nothing_to_undo_is_like_any_other() -> None:
    plain = saga(A=task(), F=task(Catch=[catch("Z")]), Z=pass_())
    marked = saga(A=task(), F=task(Catch=[catch("Z", Compensate=True)]), Z=pass_())
    assert run(marked, None, {"F": BOOM}).history == run(plain, None, {"F": BOOM}).history


def test_a_failing_path_of_a_catcher_is_told_at_the_end() -> None:
    machine = saga(A=done("A"), B=task(Catch=[catch("Z", Compensate=True)]), Z=pass_(), F=task())
    result = run(machine, None, {"B": BOOM, "UndoA": [Throw("No")]})
    assert result.status == "SUCCEEDED"
    assert [each.compensation.state for each in result.execution.failed_compensations] == ["A"]
    result = run(machine, None, {"B": BOOM, "UndoA": [Throw("No")], "F": [Throw("Late")]})
    assert result.history[-1].details == {"error": "Late", "failedCompensations": ["A"]}
    assert calls(result) == ["A", "B", "UndoA", "F"]


def test_a_catcher_that_fails_after_it_has_undone_fails_its_block() -> None:
    broken = catch("Z", Compensate=True, Output="{% $states.input.absent %}")
    machine = saga(A=done("A"), B=task(QueryLanguage="JSONata", Catch=[broken]), Z=pass_())
    result = run(machine, None, {"B": BOOM})
    assert (result.error, undone(result)) == ("States.QueryEvaluationError", ["A"])


CUT = saga(
    A=done("A"),
    P=parallel(
        saga(B=done("B"), C=done("C"), D=done("D"), F=task(Catch=[catch("Z", Compensate=True)]), Z=pass_()),
        saga(W=wait(5), X=task()),
        Catch=[catch("Y", "Mild")],
    ),
    Y=wait(1),
    V=task(),
)
"""A catcher undoes D, C and B, each of which takes two seconds; after five the other branch fails."""
SLOW: dict[str, list[Any]] = {name: [Return(None, 2)] for name in ("UndoB", "UndoC", "UndoD")}


def test_an_unwinding_that_is_cut_short_gives_back_what_it_has_not_done() -> None:
    result = run(CUT, None, {**SLOW, "F": BOOM, "X": BOOM})
    assert undone(result) == ["D", "C", "B", "A"]
    assert calls(result).count("UndoB") == 2  # cut short while it ran: it has not finished
    assert result.seconds("CompensationSucceeded") == [2, 4, 7, 7]
    aborted = [event.previous_id for event in result.of("TaskStateAborted")]
    assert len(aborted) == 3  # the path's state, the one whose catcher it was, and the one that failed
    assert len(set(aborted)) == 1


def test_what_was_cut_short_stays_registered_if_that_is_caught() -> None:
    result = run(CUT, None, {**SLOW, "F": BOOM, "X": [Throw("Mild")], "V": [Throw("Late")]})
    assert (result.error, undone(result)) == ("Late", ["D", "C", "B", "A"])
    result = run(CUT, None, {**SLOW, "F": BOOM, "X": [Throw("Mild")]})
    assert (result.status, undone(result)) == ("SUCCEEDED", ["D", "C"])


def test_the_machine_times_out_while_a_catcher_undoes() -> None:
    result = run({**CUT, "TimeoutSeconds": 3}, None, {**SLOW, "F": BOOM})
    assert (result.status, undone(result)) == ("TIMED_OUT", ["D", "C", "B", "A"])


# -- timeouts and stops ------------------------------------------------------------------------------------------------


def test_an_execution_that_times_out_is_undone_without_its_timeout() -> None:
    told = task(Parameters={"error.$": "$$.Compensation.Error", "cause.$": "$$.Compensation.Cause"}, Next="UndoWait")
    machine = saga(A=done("A"), W=wait(100), UndoA=told, UndoWait=wait(1000))
    result = run({**machine, "TimeoutSeconds": 10}, None)
    assert (result.status, result.error, undone(result)) == ("TIMED_OUT", None, ["A"])
    assert result.arguments("UndoA") == [{"error": "States.Timeout", "cause": None}]
    assert result.seconds("ExecutionTimedOut") == [1010]
    assert (result.history[-1].previous_id, result.history[-1].details) == (0, {})


def under_way() -> Driven:
    driven = started(saga(A=done("A"), B=done("B"), W=wait(100)))
    for name in ("A", "B"):
        assert [each.state for each in driven.tasks] == [name]
        driven.succeed(driven.tasks[0].operation)
    return driven


def test_a_stop_with_compensation_undoes_first() -> None:
    driven = under_way()
    driven.send(StopRequested(moment(1), "Enough", "for today", compensate=True))
    assert driven.timers == []
    assert [each.state for each in driven.tasks] == ["UndoB"]
    driven.succeed(driven.tasks[0].operation)
    driven.send(StopRequested(moment(1), "Again", compensate=True))
    assert not driven.execution.closed
    driven.succeed(driven.tasks[0].operation)
    assert driven.execution.status.value == "ABORTED"
    assert driven.execution.failure == Failure("Enough", "for today")
    assert driven.history[-1].details == {"error": "Enough", "cause": "for today"}


def test_a_stop_without_compensation_ends_at_once() -> None:
    driven = under_way()
    driven.send(StopRequested(moment(1)))
    assert driven.execution.status.value == "ABORTED"
    assert not EXTENSION_TYPES & set(driven.types)


def test_an_unwinding_can_be_stopped() -> None:
    driven = under_way()
    driven.send(StopRequested(moment(1), "First", compensate=True))
    driven.send(StopRequested(moment(2), "Second"))
    assert driven.execution.failure == Failure("Second")
    assert driven.history[-1].details == {"error": "Second", "failedCompensations": ["B", "A"]}
    assert [each.failure for each in driven.execution.failed_compensations] == [None, None]
    assert driven.execution.operations == {}


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_so_many_compensations_are_held_and_all_are_run() -> None:
    machine = saga(M=map_(saga(I=done("I")), MaxConcurrency=1, CompensateWith="UndoM"), Z=pass_())
    limits = replace(AWS_LIMITS, compensations=4)
    assert run(machine, [1, 2, 3], limits=limits).status == "SUCCEEDED"
    result = run(machine, [1, 2, 3, 4, 5, 6], limits=limits)
    assert result.error == "States.Runtime"
    assert result.cause == "The execution reached the maximum number of compensations (4)."
    assert undone(result) == ["I"] * 5
    assert "MapStateExited" not in result.types


def test_those_that_a_catcher_has_undone_do_not_count() -> None:
    machine = saga(
        M=map_(saga(I=done("I"), F=task(Catch=[catch("Z", Compensate=True)]), Z=pass_()), MaxConcurrency=1), Y=pass_()
    )
    result = run(machine, [1, 2, 3, 4, 5, 6], {"F": BOOM}, limits=replace(AWS_LIMITS, compensations=1))
    assert (result.status, len(undone(result))) == ("SUCCEEDED", 6)


def test_a_history_that_is_full_is_undone_with_a_history_of_its_own() -> None:
    machine = saga(
        A=done("A"),
        B=done("B"),
        L=choice({"Variable": "$.absent", "IsPresent": True, "Next": "E"}, default="M"),
        M=pass_(Next="L"),
        E=succeed(),
    )
    result = run(machine, limits=replace(AWS_LIMITS, history_events=40))
    assert (result.error, undone(result)) == ("States.Runtime", ["B", "A"])
    assert result.cause == "The execution reached the maximum number of history events (40)."
    assert result.types.index("CompensationStarted") == 39


@pytest.mark.parametrize("express", [False, True])
def test_a_path_that_never_ends_is_ended_by_the_history_limit(express: bool) -> None:
    machine = saga(
        A=done("A"),
        B=done("B"),
        F=task(),
        UndoB=pass_(Next="UndoC"),
        UndoC=choice({"Variable": "$$.State.Name", "IsPresent": True, "Next": "UndoB"}, default="UndoD"),
        UndoD=succeed(),
    )
    result = run(machine, None, {"F": BOOM}, limits=replace(AWS_LIMITS, history_events=60), express=express)
    assert (result.status, result.error) == ("FAILED", "Boom")
    assert len(result.history) == result.types.index("CompensationStarted") + 60
    assert result.history[-1].details == {"error": "Boom", "cause": "why", "failedCompensations": ["B", "A"]}


def test_a_history_without_room_for_an_unwinding() -> None:
    result = run(saga(A=done("A"), F=task()), None, {"F": BOOM}, limits=replace(AWS_LIMITS, history_events=1))
    assert (result.types, result.error) == (["ExecutionStarted", "ExecutionFailed"], "States.Runtime")


# -- plain data --------------------------------------------------------------------------------------------------------


def test_snapshots_share_what_compensations_share() -> None:
    """A variable of 100 kB is in the snapshot once, however many compensations see it."""
    program, execution = new(
        saga(
            S=pass_(Assign={"big.$": "$.big"}),
            M=map_(saga(I=done("I", Assign={"own.$": "$$.Map.Item.Index"})), ItemsPath="$.l"),
            W=wait(100),
        ),
        {"big": "x" * 100_000, "l": list(range(20))},
    )
    driven = Driven(program, execution)
    driven.send(ExecutionStarted(START_MS))
    while driven.tasks:
        driven.succeed(driven.tasks[0].operation)
    assert execution.compensations == 20
    encoded = encode_execution(execution)
    assert len(encoded) < 600_000
    again = decode_execution(encoded)
    assert again == execution
    seen = [each.variables["big"] for scope in again.scopes.values() for each in scope.registered or ()]
    assert len(seen) == 20
    assert all(value is seen[0] for value in seen)


def test_resource_of_an_undoing_task_is_known_to_the_program() -> None:
    program, _ = new(saga(A=done("A"), F=task()))
    assert [(node.name, node.resource.text) for node in program.tasks()] == [
        (name, FUNCTION) for name in ("A", "F", "UndoA")
    ]


# -- forks -------------------------------------------------------------------------------------------------------------


def test_a_fork_at_every_event_is_undone_alike() -> None:
    result = run(CUT, None, {**SLOW, "F": BOOM, "X": BOOM})
    for history_id in range(len(result.history)):
        program, start = new(CUT)
        events = [decode_event(each) for each in result.host.journal]
        forked = state_at(program, encode_execution(start), events, history_id)
        before = forked.history_length
        fork(forked, program, program, id="fork", seed=bytes(32), now_ms=forked.now_ms + 1_000)
        host = VirtualHost(program, forked, performer({**SLOW, "F": BOOM, "X": BOOM}), start_ms=forked.now_ms)
        host.run(1_000)
        assert (host.execution.status, host.execution.failure) == (result.execution.status, result.execution.failure)
        done = [
            (event.details or {})["state"]
            for event in [*result.history[:before], *host.history]
            if event.type == "CompensationSucceeded"
        ]
        assert done == ["D", "C", "B", "A"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (saga(A=done("A"), B=task(CompensateWith="UndoC"), F=task(), UndoC=pass_()), "undone by /States/UndoB"),
        (saga(A=done("A"), B=done("B"), F=task()), None),
    ],
)
def test_another_definition_must_be_able_to_undo(changed: dict[str, Any], message: str | None) -> None:
    machine = saga(A=done("A"), B=done("B"), F=task(Retry=[retry("E", IntervalSeconds=9)]))
    result = run(machine, None, {"F": [Throw("E"), Throw("Boom")]})
    program, start = new(machine)
    events = [decode_event(each) for each in result.host.journal]
    exited = [event.id for event in result.of("TaskStateExited")][1]
    execution = state_at(program, encode_execution(start), events, exited + 1)
    other = compiled(changed)
    if message is None:
        fork(execution, program, other, id="fork", seed=bytes(32), now_ms=execution.now_ms)
        host = VirtualHost(other, execution, performer({"F": BOOM}), start_ms=execution.now_ms)
        host.run(1_000)
        assert [call.state for call in host.calls] == ["F", "UndoB", "UndoA"]
    else:
        with pytest.raises(ForkError, match=message):
            fork(execution, program, other, id="fork", seed=bytes(32), now_ms=execution.now_ms)


def test_another_definition_must_have_the_catcher_that_undoes() -> None:
    machine = saga(A=done("A"), F=task(Catch=[catch("Z", "Other"), catch("Z", Compensate=True)]), Z=pass_())
    fewer = saga(A=done("A"), F=task(Catch=[catch("Z", Compensate=True)]), Z=pass_())
    result = run(machine, None, {"F": BOOM})
    program, start = new(machine)
    events = [decode_event(each) for each in result.host.journal]
    scheduled = result.of("CompensationScheduled")[0].id
    execution = state_at(program, encode_execution(start), events, scheduled + 2)
    with pytest.raises(ForkError, match="a catcher of /States/F is undoing"):
        fork(execution, program, compiled(fewer), id="fork", seed=bytes(32), now_ms=execution.now_ms)
