"""Wait: until when, in all four forms, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from running import START_MS, block, pass_, run, started, wait

from statemachine.kernel.commands import StartTimer
from statemachine.kernel.execution import Purpose

UNPARSED = "The SecondsPath parameter cannot be parsed as a long value: $.n == "
NO_TIME = (
    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == "
)


@pytest.mark.parametrize(
    ("fields", "input", "seconds"),
    [
        ({"Seconds": 90}, {}, 90),
        ({"SecondsPath": "$.n"}, {"n": 7}, 7),
        ({"SecondsPath": "$.in.n", "InputPath": "$"}, {"in": {"n": 7}}, 7),
        ({"SecondsPath": "$.n", "InputPath": "$.in"}, {"in": {"n": 7}}, 7),
        ({"Timestamp": "2025-01-01T00:01:00Z"}, {}, 60),
        ({"TimestampPath": "$.t"}, {"t": "2025-01-01T01:00:00.500+01:00"}, 0.5),
        ({"SecondsPath": "$.n"}, {"n": 10**30}, 99_999_999),
    ],
    ids=["Seconds", "SecondsPath", "deep", "effective-input", "Timestamp", "TimestampPath", "at-most-AWS's-largest"],
)
def test_it_waits(fields: dict[str, Any], input: Any, seconds: float) -> None:
    done = run(block(W=wait(**fields)), input)
    assert done.output == (input["in"] if "InputPath" in fields and fields["InputPath"] != "$" else input)
    assert done.seconds("WaitStateExited") == [seconds]
    assert done.types == ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]


@pytest.mark.parametrize(
    ("fields", "input"),
    [
        ({"Seconds": 0}, {}),
        ({"SecondsPath": "$.n"}, {"n": 0}),
        ({"TimestampPath": "$.t"}, {"t": "2016-12-05T21:29:29.000000Z"}),
        ({"Timestamp": "2016-12-05T21:29:29Z"}, {}),
    ],
    ids=["zero", "wait-seconds-zero", "wait-timestamp-past", "past"],
)
def test_it_passes_at_once_without_a_timer(fields: dict[str, Any], input: Any) -> None:
    driven = started(block(W=wait(**fields)), input)
    assert driven.execution.closed
    assert driven.types == ["ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"]


def test_the_timer_is_absolute() -> None:
    driven = started(block(A=pass_(), W=wait(5)))
    assert driven.timers == [(Purpose.WAIT, 5)]
    (operation,) = driven.execution.operations.values()
    assert operation.command == StartTimer(operation.id, START_MS + 5000)


@pytest.mark.parametrize(
    ("fields", "input", "cause"),
    [
        pytest.param(
            {"SecondsPath": "$.n"},
            {"n": -1},
            "The SecondsPath parameter references a negative value: $.n == -1",
            id="wait-seconds-negative",
        ),
        pytest.param({"SecondsPath": "$.n"}, {"n": -1.5}, f"{UNPARSED}-1.5", id="wait-seconds-negative-fraction"),
        pytest.param({"SecondsPath": "$.n"}, {"n": "1"}, f"{UNPARSED}1", id="text"),
        pytest.param({"SecondsPath": "$.n"}, {"n": True}, f"{UNPARSED}true", id="boolean"),
        pytest.param({"SecondsPath": "$.n"}, {"n": None}, f"{UNPARSED}null", id="null"),
        pytest.param(
            {"TimestampPath": "$.t"},
            {"t": "2016-13-05T21:29:29Z"},
            f"{NO_TIME}2016-13-05T21:29:29Z",
            id="wait-timestamp-bad-month",
        ),
        pytest.param(
            {"TimestampPath": "$.t"},
            {"t": "2016-12-05T21:29:29"},
            f"{NO_TIME}2016-12-05T21:29:29",
            id="wait-timestamp-no-offset",
        ),
        pytest.param({"TimestampPath": "$.t"}, {"t": 5}, f"{NO_TIME}5", id="number"),
        pytest.param({"SecondsPath": "$.n"}, {}, "Invalid path '$.n' : No results for path: $['n']", id="missing"),
    ],
)
def test_what_is_no_time_is_a_runtime_error(fields: dict[str, Any], input: Any, cause: str) -> None:
    done = run(block(W=wait(**fields)), input)
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert done.cause == f"An error occurred while executing the state 'W' (entered at the event id #2). {cause}"
    assert done.types == ["ExecutionStarted", "WaitStateEntered", "ExecutionFailed"]


def test_a_wait_assigns_variables() -> None:
    """Fact wait-assign; the output is the input all the same."""
    done = run(
        block(W=wait(1, Assign={"a": "b", "k.$": "$.k"}), Z=pass_(Parameters={"r.$": "$a", "k.$": "$k"})), {"k": 3}
    )
    assert done.output == {"k": 3, "r": "b"}


def test_times_may_come_from_variables() -> None:
    """Fact variables-wait-paths."""
    machine = block(
        A=pass_(Assign={"s": 2, "t": "2025-01-01T00:00:09Z"}),
        W1=wait(SecondsPath="$s"),
        W2=wait(TimestampPath="$t"),
    )
    assert run(machine, {"k": 1}).seconds("WaitStateExited") == [2, 9]


def test_a_year_is_no_longer_than_a_second() -> None:
    done = run(block(W=wait(31_536_000)))
    assert done.seconds("ExecutionSucceeded") == [31_536_000]
    assert len(done.host.journal) == 2
