"""When Python looks for garbage while executions are driven.

Rules
- While there is work, it is looked for every `YOUNG_SECONDS` at most, and only among what was made since: a turn makes
  much that is gone when it ends, or that stays, and little garbage in circles. To look through all that is there, again
  and again, took half of the time of many short executions, and held up ten thousand that wait for 0.1 s.
- All is looked through when there has been no work for `QUIET_SECONDS`, or work for `ALL_SECONDS`, and Python finds it
  worth while: with ten thousand executions that wait that takes 0.05 s, in which no timer fires.
- Where the program itself has switched the collector off, it stays off.
"""

from __future__ import annotations

import asyncio
import gc
import time

QUIET_SECONDS = 0.25
YOUNG_SECONDS = 0.25
ALL_SECONDS = 10.0
_YOUNG, _YOUNGER = 1, 0
"""Generations: what was looked at twice belongs to the old."""


class Garbage:
    """Switches Python's collector off and on."""

    def __init__(self) -> None:
        self._off_since: float | None = None
        self._looked_at = 0.0
        self._quiet: asyncio.TimerHandle | None = None

    def postpone(self) -> None:
        """There is work: let the collector wait."""
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if self._off_since is None and gc.isenabled():
            gc.disable()
            self._off_since = self._looked_at = time.monotonic()

    def look_if_due(self) -> None:
        """Look for garbage, if that has waited for long enough."""
        if self._off_since is None:
            return
        now = time.monotonic()
        if now - self._off_since >= ALL_SECONDS:
            self.allow()
        elif now - self._looked_at >= YOUNG_SECONDS:
            self._looked_at = now
            gc.collect(_YOUNGER)

    def allow_if_quiet(self) -> None:
        """There is no work: let the collector run unless some comes soon."""
        if self._off_since is not None and self._quiet is None:
            self._quiet = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._is_quiet)

    def _is_quiet(self) -> None:
        gc.collect(_YOUNG)  # now it holds up nobody
        self.allow()

    def allow(self) -> None:
        """Let it run: when something is allocated, as ever."""
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        if self._off_since is not None:
            self._off_since = None
            gc.enable()
