"""Time: of the evaluation, and to and from text."""

from __future__ import annotations

from typing import Final

from statemachine.expressions.jsonata.functions.rows import Row
from statemachine.expressions.jsonata.runtime import Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, Value


def now(runtime: Runtime, picture: Value, timezone: Value) -> Value:
    """`$now`: the time of the evaluation as text."""
    return from_millis(runtime, runtime.environment.now_ms, picture, timezone)


def millis(runtime: Runtime) -> Value:
    """`$millis`: the time of the evaluation in milliseconds since 1970."""
    return runtime.environment.now_ms


def from_millis(_runtime: Runtime, milliseconds: Value, picture: Value, timezone: Value) -> Value:
    """`$fromMillis`."""
    from statemachine.expressions.jsonata.pictures.dates import from_millis

    if milliseconds is UNDEFINED:
        return UNDEFINED
    return from_millis(milliseconds, _given(picture), _given(timezone))


def to_millis(runtime: Runtime, text: Value, picture: Value) -> Value:
    """`$toMillis`."""
    from statemachine.expressions.jsonata.pictures.dates import to_millis

    if text is UNDEFINED:
        return UNDEFINED
    result = to_millis(text, _given(picture), now_ms=runtime.environment.now_ms)
    return UNDEFINED if result is None else result


def _given(text: Value) -> str | None:
    return None if text is UNDEFINED else str(text)


ROWS: Final[tuple[Row, ...]] = (
    ("now", now, "<s?s?:s>", 2),
    ("millis", millis, "<:n>", 0),
    ("toMillis", to_millis, "<s-s?:n>", 2),
    ("fromMillis", from_millis, "<n-s?s?:s>", 3),
)
