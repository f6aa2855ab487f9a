"""Number and time fields from data."""

from __future__ import annotations

from typing import Any

import pytest

from program.test_dataflow import path, values
from statemachine.errors import EvaluationError
from statemachine.program import numbers

NOW_MS = 1_735_689_600_000


def error(evaluate: Any, *arguments: Any) -> str:
    """The cause of a States.Runtime."""
    with pytest.raises(EvaluationError) as raised:
        evaluate(*arguments)
    assert raised.value.error == "States.Runtime"
    return str(raised.value.cause)


def test_constants() -> None:
    assert numbers.constant(5)(values({})) == 5
    assert numbers.wait_seconds(3)(values({}), NOW_MS) == NOW_MS + 3000
    assert numbers.wait_timestamp(7)(values({}), NOW_MS) == 7


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), (7.0, 7), ("7", 7), ("+7", 7), ("007", 7), (10**30, 10**30), (1e3, 1000)],
)
def test_integers(value: Any, number: int) -> None:
    assert numbers.integer_at("MaxConcurrencyPath", "$.n", path("$.n"))(values({"n": value})) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "x"), ("", ""), (" 7", " 7"), ("7.0", "7.0"), ("\u0667", "\u0667"),
        ("1_000", "1_000"), ("9" * 19, "9" * 19),
        (1.5, "1.5"), (True, "true"), (None, "null"), ([1], "[1]"), ({"a": 1}, '{"a":1}'),
    ],
)  # fmt: skip
def test_what_is_no_integer(value: Any, shown: str) -> None:
    """Facts map-tolerated-count-text, map-maxitemspath-fraction."""
    evaluate = numbers.integer_at("MaxConcurrencyPath", "$.n", path("$.n"))
    assert error(evaluate, values({"n": value})) == (
        f'The MaxConcurrencyPath field refers to value "{shown}" which is not a valid integer: $.n'
    )


def test_integers_out_of_range() -> None:
    evaluate = numbers.integer_at("ToleratedFailureCountPath", "$", path("$"))
    assert error(evaluate, values(-1)) == "ToleratedFailureCount cannot be negative."
    seconds = numbers.integer_at("TimeoutSecondsPath", "$", path("$"), 1, 10)
    assert error(seconds, values(0)) == "TimeoutSeconds cannot be less than 1."
    assert error(seconds, values(11)) == "TimeoutSeconds cannot be greater than 10."
    assert [seconds(values(each)) for each in (1, 10)] == [1, 10]


@pytest.mark.parametrize(("value", "number"), [(0, 0.0), (100, 100.0), (49.5, 49.5), ("49.5", 49.5), ("7", 7.0)])
def test_percentages(value: Any, number: float) -> None:
    assert numbers.percentage_at("ToleratedFailurePercentagePath", "$", path("$"))(values(value)) == number


@pytest.mark.parametrize("value", ["x", "", "1e2", "5.", None, True, []])
def test_what_is_no_percentage(value: Any) -> None:
    """Fact map-tolerated-percentage-text."""
    evaluate = numbers.percentage_at("ToleratedFailurePercentagePath", "$", path("$"))
    assert "which is not a valid float: $" in error(evaluate, values(value))


@pytest.mark.parametrize("value", [-0.1, 100.1, "101", 10**30])
def test_percentages_out_of_range(value: Any) -> None:
    """Facts map-tolerated-percentage-negative, map-tolerated-percentage-above-100."""
    evaluate = numbers.percentage_at("ToleratedFailurePercentagePath", "$", path("$"))
    assert error(evaluate, values(value)) == "ToleratedFailurePercentage must be between 0 and 100."


def test_seconds_of_a_wait() -> None:
    evaluate = numbers.wait_seconds_at("$.n", path("$.n"))
    assert evaluate(values({"n": 2}), NOW_MS) == NOW_MS + 2000
    assert evaluate(values({"n": 10**40}), NOW_MS) == NOW_MS + numbers.MAX_SECONDS * 1000
    assert error(evaluate, values({"n": -1}), NOW_MS).endswith("references a negative value: $.n == -1")
    for value in ("1", 1.0, None, True):
        assert "cannot be parsed as a long value: $.n == " in error(evaluate, values({"n": value}), NOW_MS)


def test_timestamps_of_a_wait() -> None:
    evaluate = numbers.wait_timestamp_at("$.t", path("$.t"))
    assert evaluate(values({"t": "2025-01-01T00:00:00Z"}), 0) == NOW_MS
    assert evaluate(values({"t": "2025-01-01T01:00:00.25+01:00"}), 0) == NOW_MS + 250
    for value in ("2025-01-01", "2025-01-01T00:00:00", "2025-13-01T00:00:00Z", 5, None):
        assert "does not reference a valid ISO-8601 extended offset date-time" in error(
            evaluate, values({"t": value}), 0
        )


def test_a_path_that_leads_nowhere() -> None:
    for evaluate in (
        numbers.integer_at("MaxConcurrencyPath", "$.n", path("$.n")),
        numbers.percentage_at("ToleratedFailurePercentagePath", "$.n", path("$.n")),
    ):
        assert error(evaluate, values({})) == "Invalid path '$.n' : No results for path: $['n']"
