"""When Python looks for garbage while executions are driven.

Rules
- While there is work, it is looked for every `SECONDS` at most. A turn makes much that is gone when it ends, or that
  stays, and little garbage in circles: looking through all of it again and again took half of the time of many short
  executions, and pauses of 0.1 s.
- Where the program itself has switched the collector off, it stays off.
"""

from __future__ import annotations

import gc
import time

SECONDS = 0.25


class Garbage:
    """Switches Python's collector off and on."""

    def __init__(self) -> None:
        self._off_since: float | None = None

    def postpone(self) -> None:
        """There is work: let the collector wait."""
        if self._off_since is None and gc.isenabled():
            gc.disable()
            self._off_since = time.monotonic()

    def allow_if_due(self) -> None:
        """Let it run, if it has waited for long enough: when something is allocated, as ever."""
        if self._off_since is not None and time.monotonic() - self._off_since >= SECONDS:
            self.allow()

    def allow(self) -> None:
        """Let it run."""
        if self._off_since is not None:
            self._off_since = None
            gc.enable()
