"""Values as text, in JavaScript's notation: numbers, JSON, and counting in UTF-16 units.

Rules
- A float with fifteen significant digits for `$string` (`rounded`), with the shortest digits elsewhere.
- Integers of the data are exact, whatever their size: AWS keeps those of 64 bits.
"""

from __future__ import annotations

import math
import re
from json.encoder import encode_basestring
from typing import Any, Final

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, OuterWrapper, Value

EXACT: Final = 2**53
"""Integers up to here are exact as doubles."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def number_text(value: float) -> str:
    """A number as JavaScript prints it: ``1``, ``1e+21``, ``1.5e-7``, ``NaN``."""
    if type(value) is float and 1e-4 <= abs(value) < 1e15:
        text = repr(value)
        return text.removesuffix(".0")
    if type(value) is int:
        return str(value) if -(10**21) < value < 10**21 else number_text(_as_float(value))
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _layout(digits, point)


def _layout(digits: str, point: int) -> str:
    """Digits with the decimal point after the `point`-th, by ECMAScript's Number::toString."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return (digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}") + exponent


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def rounded(value: float) -> float:
    """A float with fifteen significant digits."""
    return float(f"{value:.15g}")


def quoted(text: str) -> str:
    """A string as JSON. Lone surrogates are escaped, as JSON.stringify does."""
    result = encode_basestring(text)
    if not result.isascii():
        result = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", result)
    return result


def string(value: Value, prettify: bool = False) -> str:
    """What `$string` gives for a value other than UNDEFINED. Raises JsonataError (D3001, D1001) for infinities."""
    if type(value) is str:
        return value
    if isinstance(value, Function):
        return ""
    if type(value) is float:
        if not math.isfinite(value):
            raise JsonataError("D3001", value=value)
        return number_text(rounded(value))
    if type(value) is int:
        if math.isinf(_as_float(value)):
            raise JsonataError("D3001", value=value)
        return number_text(value)
    if type(value) is OuterWrapper:
        value = value[0]
    return json_text(value, indent=2 if prettify else 0, strict=True)


def json_text(value: Value, indent: int = 0, *, strict: bool = False) -> str:
    """A value as JSON.stringify writes it. With `strict` floats have fifteen digits and infinities raise D1001."""
    parts: list[str] = []
    _write(value, parts, indent, "\n" if indent else "", strict)
    return "".join(parts)


def _write(value: Any, parts: list[str], indent: int, newline: str, strict: bool) -> None:
    kind = type(value)
    if kind is str:
        parts.append(quoted(value))
    elif kind is bool:
        parts.append("true" if value else "false")
    elif kind is int:
        parts.append(number_text(value))
    elif kind is float:
        parts.append(_json_float(value, strict))
    elif isinstance(value, list):
        _write_members(value, parts, indent, newline, strict)
    elif kind is dict:
        _write_pairs(value, parts, indent, newline, strict)
    else:
        parts.append('""' if isinstance(value, Function) else "null")


def _write_members(value: list[Any], parts: list[str], indent: int, newline: str, strict: bool) -> None:
    if not value:
        parts.append("[]")
        return
    inner = newline + " " * indent
    before = "[" + inner
    for member in value:
        if type(member) is str:
            parts.append(before + quoted(member))
        else:
            parts.append(before)
            _write(member, parts, indent, inner, strict)
        before = "," + inner
    parts.append(newline + "]")


def _write_pairs(value: dict[str, Any], parts: list[str], indent: int, newline: str, strict: bool) -> None:
    inner = newline + " " * indent
    colon = ": " if indent else ":"
    before = "{" + inner
    for key, member in value.items():
        if type(member) is str:
            parts.append(f"{before}{quoted(key)}{colon}{quoted(member)}")
        elif member is not UNDEFINED:
            parts.append(f"{before}{quoted(key)}{colon}")
            _write(member, parts, indent, inner, strict)
        else:
            continue
        before = "," + inner
    parts.append("{}" if before[0] == "{" else newline + "}")


def _json_float(value: float, strict: bool) -> str:
    if not math.isfinite(value):
        if strict and not math.isnan(value):
            raise JsonataError("D1001", value=value)
        return "null"
    return number_text(rounded(value) if strict else value)


def utf16_length(text: str) -> int:
    """The number of UTF-16 units."""
    return len(text) if text.isascii() else len(text) + len(_ASTRAL.findall(text))


def joined_surrogates(text: str) -> str:
    """The text with each pair of surrogates as the one character it stands for."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
