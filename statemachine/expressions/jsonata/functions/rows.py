"""What the tables of functions are made of."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from statemachine.expressions.jsonata.sequences import Value

Row: TypeAlias = tuple[str, Callable[..., Value], str, int]
"""Name, implementation, signature, and how many arguments a higher-order function gives it."""


def whole(number: float) -> int:
    """A number as an integer: truncated; NaN is 0, infinities are further than any text or array."""
    if type(number) is int:
        return number
    if math.isfinite(number):
        return int(number)
    return 0 if math.isnan(number) else (2**62 if number > 0 else -(2**62))
