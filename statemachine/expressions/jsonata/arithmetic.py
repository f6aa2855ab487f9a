"""Numbers as doubles, kept as int where they are whole and exact.

Rules
- A result that is whole and within 2^53 is an int, so that it prints and compares as JSON's integers do.
- Beyond that a result is the double the original would have; division by zero gives NaN and the infinities.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from statemachine.expressions.jsonata.texts import EXACT

Number = int | float


def as_float(value: Number) -> float:
    """The double; an infinity for an int beyond all doubles."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def normal(value: Number) -> Number:
    """An int if it is whole and exact as a double, else a float."""
    if type(value) is int:
        if -EXACT <= value <= EXACT:
            return value
        value = as_float(value)
    return int(value) if -EXACT <= value <= EXACT and value == int(value) else value


def add(left: Number, right: Number) -> Number:
    """`left + right`."""
    try:
        return normal(left + right)
    except OverflowError:
        return normal(as_float(left) + as_float(right))


def subtract(left: Number, right: Number) -> Number:
    """`left - right`."""
    try:
        return normal(left - right)
    except OverflowError:
        return normal(as_float(left) - as_float(right))


def multiply(left: Number, right: Number) -> Number:
    """`left * right`, rounding as doubles do."""
    if type(left) is int and type(right) is int and -EXACT <= left <= EXACT and -EXACT <= right <= EXACT:
        product = left * right
        return product if -EXACT <= product <= EXACT else float(product)
    return normal(as_float(left) * as_float(right))


def divide(left: Number, right: Number) -> Number:
    """`left / right`."""
    if right == 0:
        if left == 0 or left != left:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return normal(as_float(left) / as_float(right))


def modulo(left: Number, right: Number) -> Number:
    """`left % right`: the remainder has the sign of `left`."""
    if right == 0 or math.isinf(left):
        return math.nan
    return normal(math.fmod(as_float(left), as_float(right)))


OPERATIONS: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
}
