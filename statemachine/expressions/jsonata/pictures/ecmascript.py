"""Numbers and texts as JavaScript sees them, where a picture's result depends on it (ECMA-262).

Numbers are always floats in this package: every rule of the original is one about IEEE doubles.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal

WHITESPACE = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space of JavaScript's ``\\s``, to stand inside a character class. Python's own class differs at both ends."""

_INTEGER = re.compile(f"[{WHITESPACE}]*([-+]?)(?:0[xX]([0-9a-fA-F]*)|([0-9]+))")
_SAFE_INTEGER = 2**53
_EXACT = Context(prec=200, rounding=ROUND_HALF_UP)


def as_number(value: float) -> float:
    """The double nearest to `value`; an integer beyond all doubles is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_text(value: float) -> str:
    """Number::toString: the shortest digits that read back, with an exponent below 1e-6 and from 1e21 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    if value.is_integer() and abs(value) < _SAFE_INTEGER:
        return str(int(value))
    sign = "-" if value < 0 else ""
    _, figures, exponent = Decimal(repr(abs(value))).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, figures)).rstrip("0")
    point = len(figures) + exponent
    if 0 < point <= 21:
        text = digits.ljust(point, "0") if len(digits) <= point else f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{point - 1:+d}"
    return sign + text


def read_integer(text: str) -> float:
    """The global parseInt: leading white space, a sign, then decimal or 0x digits; the rest is ignored. NaN if none."""
    match = _INTEGER.match(text)
    if match is None or match[2] == "":
        return math.nan
    value = as_number(int(match[2], 16)) if match[2] is not None else float(match[3])
    return -value if match[1] == "-" else value


def plain(value: float) -> int | float:
    """An int where the double stands for exactly one integer, otherwise the double."""
    return int(value) if abs(value) <= _SAFE_INTEGER and value.is_integer() else value


def floor(value: float) -> float:
    """Math.floor, which leaves infinities and NaN as they are."""
    return float(math.floor(value)) if math.isfinite(value) else value


def remainder(dividend: float, divisor: float) -> float:
    """The % operator: the sign is the dividend's; NaN where there is no remainder."""
    if math.isinf(dividend) or divisor == 0:
        return math.nan
    return math.fmod(dividend, divisor)


def power_of_ten(exponent: float) -> float:
    """Math.pow(10, exponent), the nearest double to it."""
    if math.isnan(exponent) or math.isinf(exponent):
        return math.inf if exponent > 0 else math.nan if math.isnan(exponent) else 0.0
    return float(f"1e{int(exponent)}")


def fixed(value: float, digits: int) -> str:
    """Number.prototype.toFixed: the exact value of the double to so many digits (at most 100), ties upwards."""
    if not math.isfinite(value) or abs(value) >= 1e21:
        return number_text(value)
    return f"{Decimal(value).quantize(Decimal(1).scaleb(-digits), context=_EXACT):f}"


def round_half_even(value: float, digits: int = 0) -> float:
    """JSONata's $round: to the nearest, halves to even, at a decimal place found in the number's decimal text.

    The text is what makes 1.005 a tie. As in the original, a number whose shifted form is infinite becomes NaN.
    """
    rounded = _round_to_integer(_shift(value, digits) if digits else value)
    if digits:
        rounded = _shift(rounded, -digits)
    return 0.0 if rounded == 0 else rounded


def code_units(text: str) -> str:
    """The text with a character per UTF-16 code unit, which is what JavaScript counts."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    return "".join(
        char if char <= "\uffff" else chr(0xD7C0 + (ord(char) >> 10)) + chr(0xDC00 + (ord(char) & 0x3FF))
        for char in text
    )


def from_code_units(text: str) -> str:
    """The inverse of `code_units`; half a pair stays alone."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def fold_case(text: str) -> str:
    """The text as a case-insensitive regular expression compares it: upper case, character by character.

    A character whose upper case is several, or is ASCII while it is not, stays (ECMA-262, Canonicalize).
    """
    return text.upper() if text.isascii() else "".join(map(_fold_character, text))


def _fold_character(char: str) -> str:
    upper = char.upper()
    return char if len(upper) != 1 or (not char.isascii() and upper.isascii()) else upper


def _shift(value: float, places: int) -> float:
    if not math.isfinite(value):
        return math.nan
    mantissa, _, exponent = number_text(value).partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + places}")


def _round_to_integer(value: float) -> float:
    below = floor(value)
    if below == value or not math.isfinite(value):
        return value
    fraction = value - below
    if fraction == 0.5:
        return below if below % 2 == 0 else below + 1
    return below + 1 if fraction > 0.5 else below
