"""Clock: where time comes from. The only module of the runtime that reads the system's."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 (UTC)."""


class SystemClock:
    """The machine's clock. It may jump; the kernel's own time never goes back (`now_ms = max(now_ms, at_ms)`)."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000
