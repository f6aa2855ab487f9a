"""Integers in English words, both ways.

The rules are those of jsonata-js 2.0.6: hundreds and larger units are joined by ", ", what is below a hundred by "
and " (also after thousands), and counting words end at the trillion, which is then said again ("One Trillion
Trillion").
"""

from __future__ import annotations

import math
import re

from statemachine.expressions.jsonata.pictures.bounds import out_of_range
from statemachine.expressions.jsonata.pictures.ecmascript import WHITESPACE, floor

# fmt: off
_UNITS = (
    "Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve",
    "Thirteen", "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen",
)
# fmt: on
# fmt: off
_UNIT_ORDINALS = (
    "Zeroth", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth",
    "Eleventh", "Twelfth", "Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth",
    "Nineteenth",
)
# fmt: on
_TENS = ("Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety")
_SCALES = ((1e12, "Trillion"), (1e9, "Billion"), (1e6, "Million"), (1e3, "Thousand"), (1e2, "Hundred"))

_SEPARATOR = re.compile(rf",[{WHITESPACE}]|[{WHITESPACE}]and[{WHITESPACE}]|[{WHITESPACE}\\-]")


def _word_values() -> dict[str, float]:
    values = {word.lower(): float(value) for words in (_UNITS, _UNIT_ORDINALS) for value, word in enumerate(words)}
    for index, word in enumerate(_TENS, start=2):
        values[word.lower()] = values[_ordinal_of_tens(word).lower()] = index * 10.0
    for scale, word in reversed(_SCALES):
        values[word.lower()] = values[word.lower() + "th"] = scale
    return values


def _ordinal_of_tens(word: str) -> str:
    return word[:-1] + "ieth"


WORD_VALUES = _word_values()
"""Every counting word in lower case and its value, in the order in which a reader tries them."""


def in_words(value: float, *, ordinal: bool) -> str:
    """A non-negative integer in words, each word capitalised. Infinity and NaN raise D1001."""
    if not math.isfinite(value):
        raise out_of_range(value)
    return _phrase(value, ordinal)


def _phrase(value: float, ordinal: bool) -> str:
    if value < 100:
        return _below_hundred(int(value), ordinal)
    scale, name = next((scale, name) for scale, name in _SCALES if value >= scale)
    count = floor(value / scale)
    # Beyond 2**53 this difference carries a rounding error, and may be negative: the original's words do too.
    rest = value - count * scale
    counted = f"{_phrase(count, ordinal=False)} {name}"
    if rest > 0:
        return counted + (" and " if rest < 100 else ", ") + _phrase(rest, ordinal)
    return counted + ("th" if ordinal else "")


def _below_hundred(value: int, ordinal: bool) -> str:
    if value < 20:
        return (_UNIT_ORDINALS if ordinal else _UNITS)[value]
    tens, unit = divmod(value, 10)
    word = _TENS[tens - 2]
    if unit:
        return f"{word}-{_below_hundred(unit, ordinal)}"
    return _ordinal_of_tens(word) if ordinal else word


def from_words(text: str) -> float:
    """The value of words in lower case; NaN if one of them is none.

    Words below a hundred add up, larger ones multiply what stands before them, and a finished thousand is left alone.
    """
    sums = [0.0]
    for word in _SEPARATOR.split(text):
        value = WORD_VALUES.get(word, math.nan)
        if value < 100:
            last = sums.pop()
            if last >= 1000:
                sums.append(last)
                last = 0.0
            sums.append(last + value)
        else:
            sums.append(sums.pop() * value)
    # Added one after the other, as doubles: `sum` compensates rounding errors in newer Pythons.
    total = 0.0
    for part in sums:
        total += part
    return total
