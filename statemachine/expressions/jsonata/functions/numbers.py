"""Functions on numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from statemachine.expressions.jsonata.arithmetic import as_float, divide, normal
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row
from statemachine.expressions.jsonata.runtime import Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Value, boolean
from statemachine.expressions.jsonata.texts import number_text

_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_LOOKS_PREFIXED: Final = re.compile(r"^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$")
_PREFIXED: Final = re.compile(r"\s*(0[xX][0-9A-Fa-f]+|0[oO][0-7]+|0[bB][01]+)\s*")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def _total(numbers: list[Any]) -> int | float:
    if all(type(number) is int for number in numbers):
        return normal(sum(numbers))
    total = 0.0
    for number in numbers:
        total += as_float(number)
    return normal(total)


def sum_(runtime: Runtime, numbers: Value) -> Value:
    """`$sum`."""
    if numbers is UNDEFINED:
        return UNDEFINED
    runtime.step(len(numbers) // 8)
    return _total(numbers)


def max_(_runtime: Runtime, numbers: Value) -> Value:
    """`$max`."""
    return max(numbers) if numbers is not UNDEFINED and numbers else UNDEFINED


def min_(_runtime: Runtime, numbers: Value) -> Value:
    """`$min`."""
    return min(numbers) if numbers is not UNDEFINED and numbers else UNDEFINED


def average(runtime: Runtime, numbers: Value) -> Value:
    """`$average`."""
    if numbers is UNDEFINED or not numbers:
        return UNDEFINED
    runtime.step(len(numbers) // 8)
    return divide(_total(numbers), len(numbers))


def number(_runtime: Runtime, value: Value) -> Value:
    """`$number`. Raises JsonataError (D3030) for what is no number."""
    if value is UNDEFINED or type(value) in (int, float):
        return value
    if type(value) is bool:
        return int(value)
    if type(value) is str:
        if _DECIMAL.fullmatch(value) and math.isfinite(float(value)):
            return normal(float(value))
        if _LOOKS_PREFIXED.search(value):
            return normal(int(value, 0)) if _PREFIXED.fullmatch(value) else math.nan
    raise JsonataError("D3030", value=value, index=1)


def _on_number(calculate: Callable[[Any], Any]) -> Callable[[Runtime, Value], Value]:
    def function(_runtime: Runtime, value: Value) -> Value:
        if value is UNDEFINED or type(value) is int or not math.isfinite(value):
            return value
        return normal(calculate(value))

    return function


def abs_(_runtime: Runtime, value: Value) -> Value:
    """`$abs`."""
    return value if value is UNDEFINED else abs(value)


def round_number(value: float, precision: float = 0) -> int | float:
    """Half to even, at so many decimal places; the point is moved in the number's text, as the original does."""
    shifted = _shifted(value, precision) if precision else value
    if not math.isfinite(shifted):
        return math.nan if precision else shifted
    result: int | float = round(shifted)
    return normal(_shifted(float(result), -precision) if precision else result)


def _shifted(value: float, places: float) -> float:
    mantissa, _, exponent = number_text(value).partition("e")
    if places != int(places) or not math.isfinite(as_float(value)):
        return math.nan
    return float(f"{mantissa}e{int(exponent or 0) + int(places)}")


def round_(_runtime: Runtime, value: Value, precision: Value) -> Value:
    """`$round`."""
    if value is UNDEFINED:
        return UNDEFINED
    places = 0 if precision is UNDEFINED or not math.isfinite(precision) else precision
    return round_number(value, places)


def sqrt(_runtime: Runtime, value: Value) -> Value:
    """`$sqrt`. Raises JsonataError (D3060)."""
    if value is UNDEFINED:
        return UNDEFINED
    if value < 0:
        raise JsonataError("D3060", value=value, index=1)
    return normal(math.sqrt(as_float(value)))


def power(_runtime: Runtime, base: Value, exponent: Value) -> Value:
    """`$power`. Raises JsonataError (D3061) where the result is no finite number."""
    if base is UNDEFINED:
        return UNDEFINED
    try:
        result = math.nan if exponent is UNDEFINED else math.pow(as_float(base), as_float(exponent))
    except (OverflowError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise JsonataError("D3061", value=base, exp=exponent, index=1)
    return normal(result)


def format_base(_runtime: Runtime, value: Value, radix: Value) -> Value:
    """`$formatBase`. Raises JsonataError (D3100)."""
    if value is UNDEFINED:
        return UNDEFINED
    base = 10 if radix is UNDEFINED else round_number(radix)
    if not 2 <= base <= 36:
        raise JsonataError("D3100", value=base)
    integer = round_number(value)
    if base == 10 or not math.isfinite(integer):
        return number_text(integer)
    digits, rest = [], abs(int(integer))
    while True:
        rest, digit = divmod(rest, int(base))
        digits.append(_DIGITS[digit])
        if not rest:
            return ("-" if integer < 0 else "") + "".join(reversed(digits))


def _given(picture: Value) -> str:
    """A signature lets nothing pass for a text, but without a picture there is no format."""
    if type(picture) is not str:
        raise JsonataError("T0410", value=picture, index=2)
    return picture


def format_number(_runtime: Runtime, value: Value, picture: Value, options: Value) -> Value:
    """`$formatNumber`."""
    from statemachine.expressions.jsonata.pictures.numbers import format_number

    if value is UNDEFINED:
        return UNDEFINED
    return format_number(value, _given(picture), None if options is UNDEFINED else options)


def format_integer(_runtime: Runtime, value: Value, picture: Value) -> Value:
    """`$formatInteger`."""
    from statemachine.expressions.jsonata.pictures.integers import format_integer

    return UNDEFINED if value is UNDEFINED else format_integer(value, _given(picture))


def parse_integer(_runtime: Runtime, text: Value, picture: Value) -> Value:
    """`$parseInteger`."""
    from statemachine.expressions.jsonata.pictures.integers import parse_integer

    if text is UNDEFINED:
        return UNDEFINED
    result = parse_integer(text, _given(picture))
    return UNDEFINED if result is None else result


def random(runtime: Runtime) -> Value:
    """`$random`: from 0 up to, but not, 1."""
    return runtime.environment.random()


def to_boolean(_runtime: Runtime, value: Value) -> Value:
    """`$boolean`."""
    return UNDEFINED if value is UNDEFINED else boolean(value) and not isinstance(value, Function)


def not_(_runtime: Runtime, value: Value) -> Value:
    """`$not`."""
    return UNDEFINED if value is UNDEFINED else isinstance(value, Function) or not boolean(value)


ROWS: Final[tuple[Row, ...]] = (
    ("sum", sum_, "<a<n>:n>", 1),
    ("max", max_, "<a<n>:n>", 1),
    ("min", min_, "<a<n>:n>", 1),
    ("average", average, "<a<n>:n>", 1),
    ("number", number, "<(nsb)-:n>", 1),
    ("floor", _on_number(math.floor), "<n-:n>", 1),
    ("ceil", _on_number(math.ceil), "<n-:n>", 1),
    ("round", round_, "<n-n?:n>", 2),
    ("abs", abs_, "<n-:n>", 1),
    ("sqrt", sqrt, "<n-:n>", 1),
    ("power", power, "<n-n:n>", 2),
    ("formatBase", format_base, "<n-n?:s>", 2),
    ("formatNumber", format_number, "<n-so?:s>", 3),
    ("formatInteger", format_integer, "<n-s:s>", 2),
    ("parseInteger", parse_integer, "<s-s:n>", 2),
    ("random", random, "<:n>", 0),
    ("boolean", to_boolean, "<x-:b>", 1),
    ("not", not_, "<x-:b>", 1),
)
