"""The context object ``$$``."""

from __future__ import annotations

from typing import Any

import pytest
from running import INVOKE, block, catch, distributed, map_, parallel, pass_, retry, run, started, task, wait

from statemachine.kernel.randomness import is_token_of, task_token
from statemachine.testing.mocks import Throw

WHOLE = {"c.$": "$$"}


def test_in_a_pass() -> None:
    """Fact context-object-pass: there is no RetryCount."""
    done = run(block(W=wait(5), Eval=pass_(Parameters=WHOLE)), {"m": 1}, machine_name="Orders")
    assert done.output["c"] == {
        "Execution": {
            "Id": "arn:aws:states:us-east-1:123456789012:execution:Orders:test",
            "Input": {"m": 1},
            "StartTime": "2025-01-01T00:00:00.000Z",
            "Name": "test",
            "RoleArn": "arn:aws:iam::123456789012:role/Orders",
            "RedriveCount": 0,
        },
        "StateMachine": {
            "Id": "arn:aws:states:us-east-1:123456789012:stateMachine:Orders",
            "Name": "Orders",
        },
        "State": {"Name": "Eval", "EnteredTime": "2025-01-01T00:00:05.000Z"},
    }


def test_the_whole_object_as_a_state_sees_it() -> None:
    """Fact jsonpath-inputpath-context."""
    assert run(block(Eval=pass_(InputPath="$$"))).output["State"]["Name"] == "Eval"


def test_the_input_stays_the_executions_input() -> None:
    """Facts context-input-is-execution-input, jsonpath-outputpath-context."""
    machine = block(
        A=pass_(Result="x"), B=pass_(InputPath="$$.Execution.Input"), C=pass_(OutputPath="$$.Execution.Input")
    )
    assert run(machine, {"k": 1}).output == {"k": 1}


def test_the_time_of_entry_stays_through_retries() -> None:
    machine = block(T=task(Parameters={"at.$": "$$.State.EnteredTime", "n.$": "$$.State.RetryCount"}, Retry=[retry()]))
    done = run(machine, {}, {"T": [Throw("E"), "done"]})
    assert [call["n"] for call in done.arguments("T")] == [0, 1]
    assert {call["at"] for call in done.arguments("T")} == {"2025-01-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    ("state", "has_count"),
    [
        (pass_(Parameters=WHOLE), False),
        (wait(0, Assign=WHOLE), False),
        (task(INVOKE, Parameters={"FunctionName": "f"}, Assign=WHOLE), True),
        (parallel(block(A=pass_()), Assign=WHOLE), True),
        (map_(block(A=pass_()), ItemsPath="$.l", Assign=WHOLE), True),
    ],
    ids=["Pass", "Wait", "Task", "Parallel", "Map"],
)
def test_retry_count_is_there_for_what_can_be_retried(state: dict[str, Any], has_count: bool) -> None:
    done = run(block(S={**state, "Assign": WHOLE}, Z=pass_(Parameters={"s.$": "$c.State"})), {"l": [1]})
    assert ("RetryCount" in done.output["s"]) is has_count


def test_the_token_of_a_callback() -> None:
    machine = block(
        T=task(f"{INVOKE}.waitForTaskToken", Parameters={"FunctionName": "f", "t.$": "$$.Task.Token"}, Retry=[retry()])
    )
    done = run(machine, {}, {"T": [Throw("E"), "done"]})
    first, second = (call["t"] for call in done.arguments("T"))
    assert first != second
    operations = [call.operation for call in done.host.calls]
    assert [first, second] == [task_token(done.execution, each) for each in operations]
    assert is_token_of(done.execution, operations[0], first)


def test_no_token_without_a_callback() -> None:
    done = run(block(T=task(INVOKE, Parameters={"FunctionName": "f", "t.$": "$$.Task.Token"})))
    assert done.error == "States.Runtime"
    assert "'$$.Task.Token'" in (done.cause or "")


def test_a_task_that_cannot_be_evaluated_is_not_waited_for() -> None:
    """The operation id that its token was made of is not taken for one that is awaited."""
    machine = block(
        T=task(
            f"{INVOKE}.waitForTaskToken",
            Parameters={"FunctionName": "f", "t.$": "States.Format('{}{}', $$.Task.Token)"},
            Catch=[catch("W")],
        ),
        W=wait(5),
    )
    driven = started(machine)
    assert [frame.operation for frame in driven.execution.frames.values()] == list(driven.execution.operations)


def test_the_item_of_an_iteration() -> None:
    inner = block(
        In=parallel(block(A=pass_(Parameters={"m.$": "$$.Map"})), block(B=pass_())), Out=pass_(InputPath="$[0].m")
    )
    done = run(block(M=map_(inner, ItemSelector={"other": True})), ["a", "b"])
    assert done.output == [{"Item": {"Index": 0, "Value": "a"}}, {"Item": {"Index": 1, "Value": "b"}}]


def test_the_innermost_item_counts() -> None:
    nested = block(Outer=map_(block(Inner=map_(block(A=pass_(InputPath="$$.Map.Item.Value"))))))
    assert run(nested, [[1, 2], [3]]).output == [[1, 2], [3]]


def test_an_item_selector_sees_its_own_item_and_not_the_enclosing_one() -> None:
    nested = block(
        Outer=map_(
            block(Inner=map_(block(A=pass_()), ItemSelector={"v.$": "$$.Map.Item.Value", "s.$": "$$.State.Name"}))
        )
    )
    assert run(nested, [[1], [2]]).output == [[{"v": 1, "s": "Inner"}], [{"v": 2, "s": "Inner"}]]


def test_no_item_outside_of_a_map() -> None:
    machine = block(M=distributed(block(A=pass_())), Z=pass_(Parameters={"m.$": "$$.Map"}))
    done = run(machine, [1])
    assert done.error == "States.Runtime"


def test_a_missing_path_is_worded_with_the_input() -> None:
    """Fact jsonpath-missing-context-path-cause."""
    done = run(block(Eval=pass_(Parameters={"value.$": "$$.Execution.Input.absent"})), {"n": 0})
    assert done.cause == (
        "An error occurred while executing the state 'Eval' (entered at the event id #2). The JSONPath "
        "'$$.Execution.Input.absent' specified for the field 'value.$' could not be found in the input '{\"n\":0}'"
    )
