"""What AWS would charge for what an execution did: an estimate, from the dated prices in ``prices.json``.

Rules (source: the pricing page named in the file)
- Standard: each state transition has a price (what counts as one: usage.py).
- Express: each execution is a request, and its duration, rounded up, is charged for the memory that it takes, rounded
  up: a base, the definition, and the execution's data once for each branch and iteration. Gigabyte-hours become cheaper
  in steps; those of all executions that are looked at are taken to be those of one month.
- Neither the free tier, nor other services, nor data transfer are a part of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from statemachine.visibility.usage import Usage

_FILE: Final = Path(__file__).with_name("prices.json")
_MEGABYTE: Final = 1_048_576
_MEGABYTES_PER_GIGABYTE: Final = 1_024
_MS_PER_HOUR: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one region at one time."""

    source: str
    date: str
    region: str
    currency: str
    per_million_transitions: float
    per_million_requests: float
    gigabyte_hours: tuple[tuple[float | None, float], ...]
    """How many (None: all further ones) cost how much each."""
    duration_step_ms: int
    memory_step_megabytes: int
    base_memory_megabytes: int

    def billed_ms(self, usage: Usage) -> int:
        """The duration that is charged; at least one step."""
        return _rounded_up(max(usage.duration_ms, 1), self.duration_step_ms)

    def billed_megabytes(self, usage: Usage) -> int:
        """The memory that is charged."""
        data = usage.definition_bytes + usage.payload.size * max(usage.strands, 1)
        return _rounded_up(self.base_memory_megabytes * _MEGABYTE + data, self.memory_step_megabytes * _MEGABYTE) // (
            _MEGABYTE
        )

    def standard(self, usages: Iterable[Usage]) -> float:
        """What these executions cost as Standard ones."""
        return sum(usage.transitions for usage in usages) * self.per_million_transitions / 1_000_000

    def express(self, usages: Iterable[Usage]) -> float:
        """What these executions cost as Express ones."""
        requests, hours = 0, 0.0
        for usage in usages:
            requests += 1
            hours += self.billed_megabytes(usage) / _MEGABYTES_PER_GIGABYTE * self.billed_ms(usage) / _MS_PER_HOUR
        return requests * self.per_million_requests / 1_000_000 + self._duration_price(hours)

    def _duration_price(self, hours: float) -> float:
        total = 0.0
        for most, price in self.gigabyte_hours:
            charged = hours if most is None else min(hours, most)
            total += charged * price
            hours -= charged
        return total


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step


@cache
def prices() -> Prices:
    """The prices of the data file."""
    data: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    express = data["express"]
    return Prices(
        data["source"],
        data["date"],
        data["region"],
        data["currency"],
        data["standard"]["perMillionTransitions"],
        express["perMillionRequests"],
        tuple((each["hours"], each["price"]) for each in express["perGigabyteHour"]),
        express["durationStepMilliseconds"],
        express["memoryStepMegabytes"],
        express["baseMemoryMegabytes"],
    )
