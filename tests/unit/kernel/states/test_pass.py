"""Pass, Succeed and Fail: the states that end in the step that enters them."""

from __future__ import annotations

from typing import Any

import pytest
from running import block, fail, pass_, run, succeed


@pytest.mark.parametrize(
    ("fields", "input", "output"),
    [
        ({}, {"k": 1}, {"k": 1}),
        ({"Result": {"r": 1}}, {"k": 1}, {"r": 1}),
        ({"Result": None}, {"k": 1}, None),
        ({"Result": "r", "ResultPath": "$.at"}, {"k": 1}, {"k": 1, "at": "r"}),
        ({"Result": "r", "ResultPath": None}, {"k": 1}, {"k": 1}),
        ({"Parameters": {"x.$": "$.k", "c": 2}}, {"k": 1}, {"c": 2, "x": 1}),
        ({"InputPath": "$.in", "Parameters": {"x.$": "$.k"}}, {"in": {"k": 1}}, {"x": 1}),
        ({"InputPath": "$.in", "ResultPath": "$.copy"}, {"in": 1}, {"in": 1, "copy": 1}),
        ({"OutputPath": "$.k"}, {"k": 1}, 1),
        ({"Parameters": {"Comment": "c", "comment": "d"}}, {}, {"Comment": "c", "comment": "d"}),
        ({"Parameters": {"r": "$result", "p": "$.x"}}, {"x": 1}, {"r": "$result", "p": "$.x"}),
    ],
    ids=[
        "input", "Result", "Result-null", "ResultPath", "ResultPath-null", "Parameters", "InputPath-then-Parameters",
        "InputPath-and-raw-ResultPath", "OutputPath", "jsonpath-comment-in-parameters-is-data",
        "jsonpath-parameters-plain-string-literal",
    ],
)  # fmt: skip
def test_the_result_of_a_pass(fields: dict[str, Any], input: Any, output: Any) -> None:
    assert run(block(A=pass_(**fields)), input).output == output


def test_a_pass_does_not_hand_its_result_to_the_next_state_twice() -> None:
    """The document of a Result is reused as the output: that of another state must not be taken for it."""
    machine = block(A=pass_(Result={"r": 1}), B=pass_(Parameters={"x.$": "$.r"}), C=pass_(InputPath="$.x"))
    assert run(machine).output == 1


def test_events_of_a_pass() -> None:
    done = run(block(A=pass_(Result=1)), {"k": 1})
    assert done.chain() == [
        ("ExecutionStarted", 0),
        ("PassStateEntered", 0),  # fact history-first-state-previous-zero
        ("PassStateExited", 2),
        ("ExecutionSucceeded", 3),
    ]
    assert done.history[1].details == {"name": "A", "input": done.execution.input}
    assert done.history[2].details is not None
    assert done.history[2].details["output"].value == 1


@pytest.mark.parametrize(
    ("fields", "output"),
    [({}, {"a": {"b": 1}}), ({"InputPath": "$.a"}, {"b": 1}), ({"InputPath": "$.a", "OutputPath": "$.b"}, 1)],
)
def test_succeed_ends_with_its_input(fields: dict[str, Any], output: Any) -> None:
    done = run(block(S=succeed(**fields)), {"a": {"b": 1}})
    assert done.output == output
    assert done.types == ["ExecutionStarted", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]


@pytest.mark.parametrize(
    ("state", "error", "cause"),
    [
        (fail(), None, None),
        (fail("E"), "E", None),
        (fail(None, "C"), None, "C"),
        (fail("E", "C"), "E", "C"),
        (fail(ErrorPath="$.e", CausePath="$.c"), "E1", "C1"),
        (fail("E", CausePath="States.Format('{}!', $.c)"), "E", "C1!"),
        (fail(ErrorPath="$$.State.Name"), "F", None),
    ],
    ids=["fail-state-without-error", "error", "cause", "both", "paths", "intrinsic", "context"],
)
def test_fail_gives_its_error_and_cause(state: dict[str, Any], error: str | None, cause: str | None) -> None:
    done = run(block(F=state), {"e": "E1", "c": "C1"})
    assert (done.status, done.error, done.cause) == ("FAILED", error, cause)
    assert done.chain() == [("ExecutionStarted", 0), ("FailStateEntered", 0), ("ExecutionFailed", 2)]
    expected = {key: text for key, text in (("error", error), ("cause", cause)) if text is not None}
    assert done.history[-1].details == expected


def test_fail_reads_variables() -> None:
    """Fact variables-fail-paths."""
    done = run(block(A=pass_(Assign={"e": "E1", "c": "C1"}), F=fail(ErrorPath="$e", CausePath="$c")))
    assert (done.error, done.cause) == ("E1", "C1")


def test_fail_with_a_missing_path_is_a_runtime_error() -> None:
    """Fact jsonpath-missing-causepath."""
    done = run(block(F=fail(ErrorPath="$.Error", CausePath="$.Why")), {"Error": "e"})
    assert done.error == "States.Runtime"
    assert "The JSONPath '$.Why' specified for the field 'CausePath' could not be found" in (done.cause or "")


def test_fail_wants_texts() -> None:
    done = run(block(F=fail(ErrorPath="$.e")), {"e": 1})
    assert done.error == "States.Runtime"
    assert (done.cause or "").endswith("The ErrorPath parameter does not reference a string value: $.e")
