"""Number and time fields: Seconds, Timestamp, TimeoutSeconds, MaxConcurrency, ToleratedFailure… and their Path forms.

AWS words each failure in its own way; the wordings are those of the facts wait-seconds-*, wait-timestamp-*,
map-tolerated-* and map-maxitemspath-fraction, and of recorded histories.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import Evaluate, Values
from statemachine.jsonvalue import Json, encode_json, is_number
from statemachine.program.dataflow import follow
from statemachine.program.nodes import Number
from statemachine.timestamps import parse_timestamp_ms

_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
MAX_SECONDS = 99_999_999
"""AWS's largest duration in seconds (API reference, quotas)."""


def constant(value: int) -> Number:
    """A number that the definition says."""

    def number(_: Values) -> int:
        return value

    return number


def integer_at(field: str, text: str, path: Evaluate, minimum: int = 0, maximum: int | None = None) -> Number:
    """The integer that a Path field refers to, from `minimum` to `maximum`."""

    def number(values: Values) -> int:
        value = follow(path, values)
        whole = _whole(value)
        if whole is None:
            raise EvaluationError(
                RUNTIME, f'The {field} field refers to value "{_shown(value)}" which is not a valid integer: {text}'
            )
        return _in_range(field.removesuffix("Path"), whole, minimum, maximum)

    return number


def integer(field: str, value: Json, minimum: int = 0, maximum: int | None = None) -> int:
    """A number that an expression gave for a field, as an integer from `minimum` to `maximum`."""
    whole = _whole(value)
    if whole is None:
        raise EvaluationError(
            RUNTIME, f'The {field} field has the value "{_shown(value)}" which is not a valid integer'
        )
    return _in_range(field, whole, minimum, maximum)


def _in_range(name: str, whole: int, minimum: int, maximum: int | None) -> int:
    if whole < minimum:
        bound = "be negative" if minimum == 0 else f"be less than {minimum}"
        raise EvaluationError(RUNTIME, f"{name} cannot {bound}.")
    if maximum is not None and whole > maximum:
        raise EvaluationError(RUNTIME, f"{name} cannot be greater than {maximum}.")
    return whole


def percentage_at(field: str, text: str, path: Evaluate) -> Callable[[Values], float]:
    """The percentage, from 0 to 100, that a Path field refers to."""

    def number(values: Values) -> float:
        value = follow(path, values)
        if isinstance(value, str) and _FLOAT.fullmatch(value):
            value = float(value)
        if not is_number(value):
            raise EvaluationError(
                RUNTIME, f'The {field} field refers to value "{_shown(value)}" which is not a valid float: {text}'
            )
        return percentage(field.removesuffix("Path"), value)

    return number


def percentage(field: str, value: float) -> float:
    """A number that is a percentage."""
    if not 0 <= value <= 100:
        raise EvaluationError(RUNTIME, f"{field} must be between 0 and 100.")
    return float(value)


def wait_seconds(seconds: int) -> Callable[[Values, int], int]:
    """A Wait's Seconds: the end, from the time of entry."""

    def until(_: Values, now_ms: int) -> int:
        return now_ms + seconds * 1000

    return until


def wait_seconds_at(text: str, path: Evaluate) -> Callable[[Values, int], int]:
    """A Wait's SecondsPath."""

    def until(values: Values, now_ms: int) -> int:
        value = follow(path, values)
        if not isinstance(value, int) or isinstance(value, bool):
            raise EvaluationError(
                RUNTIME, f"The SecondsPath parameter cannot be parsed as a long value: {text} == {_shown(value)}"
            )
        if value < 0:
            raise EvaluationError(
                RUNTIME, f"The SecondsPath parameter references a negative value: {text} == {_shown(value)}"
            )
        return now_ms + min(value, MAX_SECONDS) * 1000

    return until


def wait_timestamp(at_ms: int) -> Callable[[Values, int], int]:
    """A Wait's Timestamp."""

    def until(_: Values, __: int) -> int:
        return at_ms

    return until


def wait_timestamp_at(text: str, path: Evaluate) -> Callable[[Values, int], int]:
    """A Wait's TimestampPath."""

    def until(values: Values, _: int) -> int:
        value = follow(path, values)
        at_ms = parse_timestamp_ms(value) if isinstance(value, str) else None
        if at_ms is None:
            raise EvaluationError(
                RUNTIME,
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {text} == {_shown(value)}",
            )
        return at_ms

    return until


def _whole(value: Json) -> int | None:
    if isinstance(value, str):  # AWS parses the text of the value, whatever its type
        return int(value) if _INTEGER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == int(value) else None


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else encode_json(value).decode()
