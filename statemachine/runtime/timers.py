"""Timers: one heap of the moments at which any is due, for all executions; one wake-up of the loop for the earliest.

Rules
- A timer fires at its time or later, never early: when woken, the clock is asked again.
- Times are wall-clock milliseconds. The loop is woken at least every `LONGEST_SLEEP_SECONDS`, so a clock that was set
  forward is noticed within that time.
- Those of the same millisecond fire in the order of their start: executions that are started together wait for the same
  moment, and a heap of moments is a tenth of a heap of timers.
- A timer that is put off (a heartbeat) keeps its place, and moves when that comes up.
- A cancelled timer keeps its place until its time or until cancelled ones outnumber the live.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import TypeAlias

from statemachine.runtime.clock import Clock
from statemachine.runtime.metrics import MetricsHook

LONGEST_SLEEP_SECONDS = 60.0

Key: TypeAlias = tuple[str, int]
"""An execution's id and an operation."""


class Timers:
    """Calls `fire(key)` for each timer when its time has come. Keys are unique among the live timers."""

    def __init__(self, clock: Clock, fire: Callable[[Key], None], metrics: MetricsHook | None = None) -> None:
        self._clock = clock
        self._metrics = metrics
        self._fire = fire
        self._live: dict[Key, int] = {}
        self._due: dict[int, list[Key]] = {}
        """By the millisecond: those that are due then, and some that are not any more."""
        self._moments: list[int] = []
        """A heap of its keys."""
        self._places = 0
        """How many there are in it."""
        self._wake: asyncio.TimerHandle | None = None
        self._wake_ms = 0

    def __len__(self) -> int:
        return len(self._live)

    def start(self, key: Key, at_ms: int) -> None:
        """Start a timer, or move it."""
        before = self._live.get(key)
        self._live[key] = at_ms
        if before is not None and before <= at_ms:
            return
        self._place(key, at_ms)
        if self._wake is None or at_ms < self._wake_ms:
            self._arm()

    def cancel(self, key: Key) -> None:
        """Forget a timer; nothing happens if there is none."""
        if self._live.pop(key, None) is not None and self._places > 2 * len(self._live) + 64:
            self._clear()
            for each, at_ms in self._live.items():
                self._place(each, at_ms)

    def stop(self) -> None:
        """Forget all timers."""
        self._live.clear()
        self._clear()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def _place(self, key: Key, at_ms: int) -> None:
        self._places += 1
        due = self._due.get(at_ms)
        if due is None:
            self._due[at_ms] = [key]
            heapq.heappush(self._moments, at_ms)
        else:
            due.append(key)

    def _clear(self) -> None:
        self._due.clear()
        self._moments.clear()
        self._places = 0

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake_ms = self._moments[0]
        delay = min(max(self._wake_ms - self._clock.now_ms(), 0) / 1000, LONGEST_SLEEP_SECONDS)
        self._wake = asyncio.get_running_loop().call_later(delay, self._run)

    def _run(self) -> None:
        self._wake = None
        now_ms = self._clock.now_ms()
        while self._moments and self._moments[0] <= now_ms:
            at_ms = heapq.heappop(self._moments)
            due = self._due.pop(at_ms)
            self._places -= len(due)
            for key in due:
                wanted_ms = self._live.get(key)
                if wanted_ms == at_ms:
                    del self._live[key]
                    if self._metrics is not None:
                        self._metrics.observe("statemachine_timer_late_seconds", (now_ms - at_ms) / 1000)
                    self._fire(key)
                elif wanted_ms is not None and wanted_ms > at_ms:
                    self._place(key, wanted_ms)
        if self._moments:
            self._arm()
