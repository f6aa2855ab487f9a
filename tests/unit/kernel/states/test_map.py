"""Map, inline and distributed."""

from __future__ import annotations

from typing import Any

import pytest
from running import (
    Run,
    block,
    catch,
    choice,
    distributed,
    fail,
    map_,
    parallel,
    pass_,
    retry,
    run,
    started,
    succeed,
    task,
    wait,
)

from statemachine.kernel.execution import Phase
from statemachine.limits import Limits
from statemachine.testing.mocks import Throw

ONE = block(One=pass_())
NO = block(No=fail("E", "C"))
PICKY = block(
    Pick=choice({"Variable": "$", "NumericLessThan": 0, "Next": "No"}, default="Yes"), Yes=succeed(), No=fail("E", "C")
)
"""Negative items fail."""


def test_events_of_a_sequential_map() -> None:
    """Facts map-inline-event-order, map-iteration-started-previous-id."""
    done = run(block(Each=map_(ONE, MaxConcurrency=1)), [7, 8])
    assert done.output == [7, 8]
    assert done.types == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted",
        "MapIterationStarted", "PassStateEntered", "PassStateExited", "MapIterationSucceeded",
        "MapIterationStarted", "PassStateEntered", "PassStateExited", "MapIterationSucceeded",
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert done.previous_ids == [0, 0, 2, 3, 4, 5, 6, 6, 8, 9, 10, 11, 11, 13]
    assert done.of("MapStateStarted")[0].details == {"length": 2}
    assert [event.details for event in done.of("MapIterationStarted")] == [
        {"name": "Each", "index": 0},
        {"name": "Each", "index": 1},
    ]


def test_concurrent_iterations_start_together() -> None:
    done = run(block(Each=map_(block(W=wait(5)))), [1, 2, 3])
    assert done.seconds("ExecutionSucceeded") == [5]
    assert [event.previous_id for event in done.of("MapIterationStarted")] == [3, 3, 3]


@pytest.mark.parametrize(
    ("fields", "input", "seconds"),
    [
        ({}, {"v": [0] * 5}, 1),
        ({"MaxConcurrency": 2}, {"v": [0] * 5}, 3),
        ({"MaxConcurrencyPath": "$.m"}, {"v": [0] * 5, "m": 1}, 5),
        ({"MaxConcurrencyPath": "$.m"}, {"v": [0] * 5, "m": 0}, 1),
        ({"MaxConcurrency": 0}, {"v": [0] * 81}, 3),
        ({"MaxConcurrency": 1000}, {"v": [0] * 41}, 2),
    ],
    ids=["default", "two", "path", "map-maxconcurrency-zero", "limit-inline-map", "more-than-AWS-allows"],
)
def test_concurrency(fields: dict[str, Any], input: Any, seconds: int) -> None:
    done = run(block(Each=map_(block(W=wait(1)), ItemsPath="$.v", **fields)), input)
    assert done.seconds("ExecutionSucceeded") == [seconds]
    assert done.output == input["v"]


@pytest.mark.parametrize("mode", [map_, distributed])
def test_an_empty_map(mode: Any) -> None:
    done = run(block(Each=mode(ONE, ItemSelector={"x.$": "$.no"})), [])
    assert done.output == []
    assert "MapIterationStarted" not in done.types
    assert done.of("MapStateStarted")[0].details == {"length": 0}


def test_item_selector_sees_the_states_input() -> None:
    """Fact map-itemselector-dollar-is-state-input."""
    machine = block(
        Each=map_(
            ONE,
            InputPath="$.d",
            ItemsPath="$.list",
            ItemSelector={"whole.$": "$", "v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k": "c"},
        )
    )
    assert run(machine, {"d": {"list": ["A"], "p": 1}}).output == [
        {"k": "c", "whole": {"list": ["A"], "p": 1}, "v": "A", "i": 0}
    ]


def test_the_old_fields_iterator_and_parameters() -> None:
    """Fact map-iterator-accepts-processorconfig."""
    iterator = {"ProcessorConfig": {"Mode": "INLINE"}, **ONE}
    machine = block(Each={"Type": "Map", "Iterator": iterator, "Parameters": {"v.$": "$$.Map.Item.Value"}})
    assert run(machine, ["x"]).output == [{"v": "x"}]


def test_result_path_null_keeps_the_raw_input() -> None:
    """Fact jsonpath-resultpath-null-keeps-input."""
    machine = block(Each=map_(ONE, InputPath="$.arr", ResultPath=None))
    assert run(machine, {"arr": [1, 2], "k": 1}).output == {"arr": [1, 2], "k": 1}


def test_items_from_a_variable_and_outer_variables() -> None:
    """Fact assign-outer-visible-in-map."""
    machine = block(
        A=pass_(Assign={"x": 42, "items": [1, 2]}), M=map_(block(I=pass_(Parameters={"x.$": "$x"})), ItemsPath="$items")
    )
    assert run(machine).output == [{"x": 42}, {"x": 42}]


def test_variables_are_per_iteration_and_seen_further_in() -> None:
    """Facts assign-inner-scope-per-iteration, assign-inner-not-visible-outside."""
    inner = map_(block(L=pass_(Parameters={"c.$": "$c"})))
    machine = block(M=map_(block(I=pass_(Assign={"c.$": "$[0]"}), N=inner)), Z=pass_(Parameters={"r.$": "$c"}))
    done = run(machine, [[9, 1], [8, 2]])
    assert done.error == "States.Runtime"
    assert "$c" in (done.cause or "")
    assert done.of("MapStateExited")[-1].details["output"].value == [[{"c": 9}, {"c": 9}], [{"c": 8}, {"c": 8}]]


@pytest.mark.parametrize("input", [{}, "text", 5, None])
def test_items_that_are_no_array(input: Any) -> None:
    done = run(block(Each=map_(ONE)), {"v": input} if input is None else input)
    assert done.error == "States.Runtime"
    assert (done.cause or "").endswith('Reference path "$" must point to array.')


def test_a_failing_item_stops_the_map() -> None:
    """Fact map-fail-stops."""
    done = run(block(Each=map_(PICKY, MaxConcurrency=1)), [1, 2, -3, 4])
    assert (done.error, done.cause) == ("E", "C")
    assert (done.counts["MapIterationStarted"], done.counts["MapIterationFailed"]) == (3, 1)
    failing = done.of("FailStateEntered")[0].id
    assert done.chain()[failing:] == [
        ("MapIterationFailed", failing),
        ("MapStateFailed", failing),
        ("ExecutionFailed", failing + 2),
    ]


def test_running_iterations_are_aborted() -> None:
    """Fact map-sibling-abort-events."""
    machine = block(
        Each=map_(
            block(
                Pick=choice({"Variable": "$", "NumericLessThan": 0, "Next": "Pause"}, default="Long"),
                Pause=wait(1, Next="No"),
                No=fail("E", "C"),
                Long=wait(20),
            )
        )
    )
    done = run(machine, [1, -1])
    failing = done.of("FailStateEntered")[0].id
    assert done.chain()[failing:] == [
        ("MapIterationAborted", failing),
        ("WaitStateAborted", failing),
        ("MapIterationFailed", failing),
        ("MapStateFailed", failing),
        ("ExecutionFailed", failing + 4),
    ]


def test_a_catcher_takes_the_items_error() -> None:
    """Facts map-catch, map-failed-items-no-tolerance-keeps-item-error."""
    done = run(block(Each=map_(NO, Catch=[catch("Z", "E")]), Z=pass_()), [1])
    assert done.output == {"Error": "E", "Cause": "C"}
    assert done.types[-7:] == [
        "FailStateEntered", "MapIterationFailed", "MapStateFailed", "MapStateExited", "PassStateEntered",
        "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


def test_a_retry_starts_the_whole_map_again() -> None:
    """Fact map-retry-reruns-whole-map."""
    done = run(block(Each=map_(NO, MaxConcurrency=1, Retry=[retry("E", MaxAttempts=2)])), [1])
    attempt = ["MapStateStarted", "MapIterationStarted", "FailStateEntered", "MapIterationFailed"]
    assert done.types == [
        "ExecutionStarted", "MapStateEntered", *attempt, *attempt, *attempt, "MapStateFailed", "ExecutionFailed"
    ]  # fmt: skip


def test_an_iteration_ends_and_another_fails_in_the_same_step() -> None:
    """The Map is about to start further iterations when one fails: it must not run twice."""
    machine = block(Each=map_(PICKY, MaxConcurrency=2, Catch=[catch("W")]), W=wait(5), V=wait(5))
    done = run(machine, [1, -2, 3, 4])
    assert done.output == {"Error": "E", "Cause": "C"}
    assert done.seconds("ExecutionSucceeded") == [10]
    assert done.counts["MapIterationStarted"] == 2


def test_the_same_with_a_retry_that_waits() -> None:
    machine = block(Each=map_(PICKY, MaxConcurrency=2, Retry=[retry(MaxAttempts=1)]))
    done = run(machine, [1, -2, 3, 4])
    assert done.error == "E"
    assert done.seconds("MapStateStarted") == [0, 1]


TO_JSON = {"v.$": "States.StringToJson($$.Map.Item.Value)"}
"""An ItemSelector that fails for the items that are no JSON text."""


def test_an_item_selector_that_fails_at_once() -> None:
    done = run(block(Each=map_(block(W=wait(5)), ItemSelector=TO_JSON)), ["1", "no json"])
    assert done.error == "States.IntrinsicFailure"
    assert "the state 'Each'" in (done.cause or "")
    assert done.counts["MapIterationAborted"] == done.counts["MapIterationStarted"] == 1
    assert done.types[-2:] == ["MapStateFailed", "ExecutionFailed"]


def test_an_item_selector_that_fails_in_the_middle() -> None:
    """The iterations that run are cut and recorded, then Retry and Catch of the Map have their say."""
    machine = block(Each=map_(block(T=task()), MaxConcurrency=2, ItemSelector=TO_JSON, Catch=[catch("Z")]), Z=pass_())
    driven = started(machine, ["1", "2", "no json"])
    first, second = driven.tasks
    driven.succeed(first.operation, "a", at=3)
    assert driven.types[-8:] == [
        "MapIterationSucceeded", "MapIterationAborted", "TaskStateAborted", "MapStateFailed", "MapStateExited",
        "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert driven.execution.output is not None
    assert driven.execution.output.value["Error"] == "States.IntrinsicFailure"
    assert driven.succeed(second.operation, "b", at=4).history == ()


def test_an_item_selector_that_fails_while_others_run() -> None:
    body = block(
        Pick=choice({"Variable": "$.v", "NumericEquals": 1, "Next": "Soon"}, default="Long"),
        Soon=succeed(),
        Long=wait(50),
    )
    machine = block(Each=map_(body, MaxConcurrency=2, ItemSelector=TO_JSON, Catch=[catch("Z")]), Z=pass_())
    done = run(machine, ["1", "2", "no json"])
    assert done.output["Error"] == "States.IntrinsicFailure"
    assert done.seconds("ExecutionSucceeded") == [0]
    aborted = done.of("MapIterationAborted")
    assert [event.details for event in aborted] == [{"name": "Each", "index": 1}]
    assert done.types[aborted[0].id :][:3] == ["WaitStateAborted", "MapStateFailed", "MapStateExited"]


def test_selected_items_that_are_too_large() -> None:
    machine = block(Each=map_(ONE, ItemSelector={"a.$": "$", "b.$": "$"}, Catch=[catch("Z")]), Z=pass_())
    done = run(machine, ["x" * 300], limits=Limits(payload_bytes=500))
    assert "'Each' provided parameters" in done.output["Cause"]


def test_a_large_map_starts_its_iterations_as_others_end() -> None:
    driven = started(block(Each=map_(block(T=task()), MaxConcurrency=2)), [1, 2, 3])
    assert [each.arguments.value for each in driven.tasks] == [1, 2]
    driven.succeed(driven.tasks[0].operation, "a")
    assert [each.arguments.value for each in driven.tasks] == [2, 3]
    driven.succeed(driven.tasks[1].operation, "c")
    (frame,) = [each for each in driven.execution.frames.values() if each.children]
    assert frame.phase is Phase.WAITING
    driven.succeed(driven.tasks[0].operation, "b")
    assert driven.execution.output is not None
    assert driven.execution.output.value == ["a", "b", "c"]


# -- distributed -----------------------------------------------------------------------------------------------------


def test_events_of_a_distributed_map() -> None:
    """Fact map-distributed-events."""
    done = run(block(Each=distributed(ONE, MaxConcurrency=1)), ["H", "W"])
    assert done.output == ["H", "W"]
    assert done.types == [
        "ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded",
        "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
    ]  # fmt: skip


@pytest.mark.parametrize("label", [None, "Orders"])
def test_the_map_runs_name(label: str | None) -> None:
    """Fact map-label-in-maprun-arn."""
    done = run(block(Each=distributed(ONE, **({"Label": label} if label else {}))), [1])
    arn = done.of("MapRunStarted")[0].details["mapRunArn"]
    prefix, _, rest = arn.partition("/")
    assert prefix == "arn:aws:states:us-east-1:123456789012:mapRun:StateMachine"
    name, _, identifier = rest.partition(":")
    assert len(identifier) == 36
    assert name == label if label else len(name) == 36


def test_nothing_within_a_distributed_map_is_recorded() -> None:
    inner = block(M=map_(block(P=parallel(block(W=wait(1)), block(T=task()))), MaxConcurrency=1))
    done = run(block(Each=distributed(inner)), [[1, 2], [3]], {"T": ["t"]})
    assert done.output == [[[1, "t"], [2, "t"]], [[3, "t"]]]
    assert done.counts["MapStateEntered"] == 1
    assert len(done.types) == 8


def test_a_failure_within_fails_the_map_run() -> None:
    done = run(block(Each=distributed(NO, Catch=[catch("Z", "E")]), Z=pass_()), [1, 2])
    assert done.output == {"Error": "E", "Cause": "C"}
    assert done.types[3:7] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "MapStateExited"]
    assert done.of("MapRunFailed")[0].details == {"error": "E", "cause": "C"}


def tolerating(input: Any, **fields: Any) -> Run:
    return run(block(Each=distributed(PICKY, ItemsPath="$.v", **fields)), input)


@pytest.mark.parametrize(
    ("fields", "input", "output"),
    [
        ({"ToleratedFailureCount": 1}, {"v": [1, -2, 3]}, [1, 3]),
        ({"ToleratedFailureCount": 1}, {"v": [-1, -2, 3]}, None),
        ({"ToleratedFailureCount": 0}, {"v": [-1, 2]}, None),
        ({"ToleratedFailureCount": 3}, {"v": [-1, -2, -3]}, []),
        ({"ToleratedFailurePercentage": 50}, {"v": [-1, 2, -3, 4]}, [2, 4]),
        ({"ToleratedFailurePercentage": 49.9}, {"v": [-1, 2, -3, 4]}, None),
        ({"ToleratedFailurePercentage": 100}, {"v": [-1]}, []),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 100}, {"v": [-1, -2, 3]}, None),
        ({"ToleratedFailureCountPath": "$.t"}, {"v": [-1, 2], "t": 1}, [2]),
        ({"ToleratedFailurePercentagePath": "$.t"}, {"v": [-1, 2], "t": "50.0"}, [2]),
    ],
)
def test_tolerated_failures(fields: dict[str, Any], input: Any, output: Any) -> None:
    """Fact map-exceed-threshold: both thresholds hold if both are declared."""
    done = tolerating(input, **fields)
    if output is None:
        assert done.error == "States.ExceedToleratedFailureThreshold"
        assert done.cause == "The specified tolerated failure threshold was exceeded"
        assert done.types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    else:
        assert done.output == output


def test_tolerated_failures_with_little_concurrency() -> None:
    done = tolerating({"v": [-1, 2, -3, 4, 5, -6]}, ToleratedFailureCount=3, MaxConcurrency=2)
    assert done.output == [2, 4, 5]


def test_a_tolerated_failure_cuts_only_its_own_iteration() -> None:
    body = block(P=parallel(block(T=task()), block(W=wait(3))))
    machine = block(Each=distributed(body, ToleratedFailureCount=1))
    done = run(machine, [1, 2], {"T": [Throw("E"), "ok"]})
    assert done.output == [["ok", 2]]
    assert done.execution.operations == {}


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("ToleratedFailureCountPath", "NoNumber",
         'The ToleratedFailureCountPath field refers to value "NoNumber" which is not a valid integer: $.t'),
        ("ToleratedFailureCountPath", -1, "ToleratedFailureCount cannot be negative."),
        ("ToleratedFailurePercentagePath", "NoNumber",
         'The ToleratedFailurePercentagePath field refers to value "NoNumber" which is not a valid float: $.t'),
        ("ToleratedFailurePercentagePath", -1, "ToleratedFailurePercentage must be between 0 and 100."),
        ("ToleratedFailurePercentagePath", 100.1, "ToleratedFailurePercentage must be between 0 and 100."),
    ],
    ids=["map-tolerated-count-text", "map-tolerated-count-negative", "map-tolerated-percentage-text",
         "map-tolerated-percentage-negative", "map-tolerated-percentage-above-100"],
)  # fmt: skip
def test_tolerances_that_are_none(field: str, value: Any, cause: str) -> None:
    done = tolerating({"v": [0], "t": value}, **{field: "$.t"})
    assert done.cause == f"An error occurred while executing the state 'Each' (entered at the event id #2). {cause}"
    assert done.types == ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "ExecutionFailed"]
