"""The function library: each module has a table of rows, `FUNCTIONS` is all of them by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from statemachine.expressions.jsonata.functions import (
    collections,
    dates,
    evaluation,
    higher_order,
    matching,
    numbers,
    strings,
)
from statemachine.expressions.jsonata.runtime import Native

_TABLES = (strings.ROWS, numbers.ROWS, collections.ROWS, higher_order.ROWS, matching.ROWS, dates.ROWS, evaluation.ROWS)

FUNCTIONS: Final = MappingProxyType({row[0]: Native(*row) for table in _TABLES for row in table})
"""The functions of JSONata 2.0.6."""
