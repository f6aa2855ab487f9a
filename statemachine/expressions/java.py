"""What Java does and Python does not, where it shows in AWS's results.

Sources: the API documentation of java.lang.String, Math, Double, java.util.HashMap, AbstractMap and Random. That AWS
shows them was seen in recorded executions: the key order of payload templates and of States.JsonMerge is that of a
HashMap, States.Format writes objects as ``{a=1, b=[]}``, States.MathAdd rounds as Math.round does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from statemachine.jsonvalue import Json

_INT_BITS = 0xFFFF_FFFF


def utf16_key(text: str) -> bytes:
    """A key that sorts texts as String.compareTo does: by UTF-16 code units, not by code points."""
    return text.encode("utf-16-be", "surrogatepass")


def string_hash(text: str) -> int:
    """String.hashCode, as an unsigned 32-bit number."""
    units = utf16_key(text)
    value = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & _INT_BITS
    return value


def hash_map_order(names: Sequence[str]) -> list[str]:
    """The names in the order in which a HashMap, filled in the given order, lists its keys.

    The table has 16 buckets and doubles when it holds more than three quarters as many keys; within a bucket the order
    is that of insertion.
    """
    unique = dict.fromkeys(names)
    capacity = 16
    while len(unique) > capacity * 3 // 4:
        capacity *= 2
    buckets: dict[int, list[str]] = {}
    for name in unique:
        value = string_hash(name)
        buckets.setdefault((value ^ value >> 16) & (capacity - 1), []).append(name)
    return [name for bucket in sorted(buckets) for name in buckets[bucket]]


def round_half_up(number: float) -> int:
    """Math.round: to the nearest integer, halves towards positive infinity. `number` is finite."""
    if isinstance(number, int):
        return number
    whole = math.floor(number)
    return whole + 1 if number - whole >= 0.5 else whole


def to_string(value: Json) -> str:
    """Object.toString of a JSON value: texts bare, ``[1, a]``, ``{k=v, w=null}``."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_to_string(value)
    if isinstance(value, list):
        return f"[{', '.join(map(to_string, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={to_string(item)}' for key, item in value.items())}}}"
    return str(value)


def double_to_string(number: float) -> str:
    """Double.toString: ``1.0``, ``1.0E7``, ``1.0E-4``. `number` is finite."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    digits, _, exponent = f"{number!r}".partition("e")
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    whole, _, fraction = digits.partition(".")
    power = int(exponent or 0) + len(whole) - 1
    significant = (whole + fraction).lstrip("0")
    power -= len(whole + fraction) - len(significant)
    significant = significant.rstrip("0") or "0"
    return f"{sign}{significant[0]}.{significant[1:] or '0'}E{power}"


class Random:
    """java.util.Random: the linear congruential generator that a seed determines."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ 0x5_DEEC_E66D) & (1 << 48) - 1

    def _next(self, bits: int) -> int:
        self._state = (self._state * 0x5_DEEC_E66D + 0xB) & (1 << 48) - 1
        return self._state >> 48 - bits

    def below(self, bound: int) -> int:
        """nextInt(bound) for a bound that fits an int, and for a greater one as many draws as it needs."""
        if bound >= 1 << 31:
            return (self._next(32) << 32 | self._next(32)) % bound
        if bound & (bound - 1) == 0:
            return bound * self._next(31) >> 31
        while True:
            drawn = self._next(31)
            if drawn - drawn % bound + bound - 1 < 1 << 31:
                return drawn % bound
