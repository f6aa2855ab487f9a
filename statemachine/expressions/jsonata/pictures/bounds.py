"""Bounds on pictures. jsonata-js has none of its own: it stops where the memory or the stack of its host ends.

What exceeds a bound raises D1001 (number out of range) with the number that is too large.
"""

from __future__ import annotations

from statemachine.expressions.jsonata.errors import JsonataError

MAX_PICTURE_LENGTH = 16_384
"""Characters of a picture."""

MAX_WIDTH = 16_384
"""Digits that a width modifier may ask for."""

MAX_RESULT_LENGTH = 1_000_000
"""Characters of a formatted moment: a short picture may ask many times for a wide component."""

MAX_ROMAN = 10_000_000
"""The largest number in roman numerals: ten thousand times the letter M."""

MAX_MATCH_WORK = 100_000
"""Parts of a picture times characters of the text that it has to read."""

MAX_FRACTION_DIGITS = 100
"""Digits after the decimal separator; the limit of JavaScript's toFixed."""


def out_of_range(number: float) -> JsonataError:
    return JsonataError("D1001", value=number)


def require_at_most(number: float, bound: float) -> None:
    """Raises D1001 if `number` exceeds `bound`. NaN exceeds nothing."""
    if number > bound:
        raise out_of_range(number)
