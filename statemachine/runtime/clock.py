"""Clock: where time comes from. The only module of the runtime that reads the system's.

Rules
- Timers are wall-clock times, for they outlive the process: after a jump forward those that are due fire, at most
  `timers.LONGEST_SLEEP_SECONDS` late.
- The engine's time never goes back. After a jump backwards it goes on from where it was, at `PACE` of its pace until
  the wall clock has caught up: waits take up to a ninth longer, none stands still, and none is cut short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

PACE: Final = 0.9


class Clock(Protocol):
    """A source of time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 (UTC)."""


class SystemClock:
    """The machine's clock. It may jump; the kernel's own time never goes back (`now_ms = max(now_ms, at_ms)`)."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class SteadyClock:
    """Another clock, without its jumps backwards. `monotonic` gives seconds that never jump."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._last_ms = 0.0
        self._read_at = 0.0

    def now_ms(self) -> int:
        """Milliseconds since 1970, never less than before."""
        wall_ms = self._clock.now_ms()
        read_at = self._monotonic()
        if wall_ms < self._last_ms:
            self._last_ms = max(wall_ms, self._last_ms + (read_at - self._read_at) * 1000 * PACE)
        else:
            self._last_ms = wall_ms
        self._read_at = read_at
        return int(self._last_ms)
