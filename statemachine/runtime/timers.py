"""Timers: one heap for all executions, one wake-up of the loop for the earliest.

Rules
- A timer fires at its time or later, never early: when woken, the clock is asked again.
- Times are wall-clock milliseconds. The loop is woken at least every `LONGEST_SLEEP_SECONDS`, so a clock that was set
  forward is noticed within that time.
- A timer that is put off (a heartbeat) keeps its entry in the heap, and moves when that comes up.
- A cancelled timer stays in the heap until its time or until cancelled ones outnumber the live.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from statemachine.runtime.clock import Clock
from statemachine.runtime.metrics import MetricsHook

LONGEST_SLEEP_SECONDS = 60.0


class Timers:
    """Calls `fire(key)` for each timer when its time has come. Keys are unique among the live timers."""

    def __init__(
        self, clock: Clock, fire: Callable[[tuple[str, int]], None], metrics: MetricsHook | None = None
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._fire = fire
        self._heap: list[tuple[int, tuple[str, int]]] = []
        self._live: dict[tuple[str, int], int] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._wake_ms = 0

    def __len__(self) -> int:
        return len(self._live)

    def start(self, key: tuple[str, int], at_ms: int) -> None:
        """Start a timer, or move it."""
        before = self._live.get(key)
        self._live[key] = at_ms
        if before is not None and before <= at_ms:
            return
        heapq.heappush(self._heap, (at_ms, key))
        if self._wake is None or at_ms < self._wake_ms:
            self._arm()

    def cancel(self, key: tuple[str, int]) -> None:
        """Forget a timer; nothing happens if there is none."""
        if self._live.pop(key, None) is not None and len(self._heap) > 2 * len(self._live) + 64:
            self._heap = [(at_ms, each) for each, at_ms in self._live.items()]
            heapq.heapify(self._heap)

    def stop(self) -> None:
        """Forget all timers."""
        self._live.clear()
        self._heap.clear()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake_ms = self._heap[0][0]
        delay = min(max(self._wake_ms - self._clock.now_ms(), 0) / 1000, LONGEST_SLEEP_SECONDS)
        self._wake = asyncio.get_running_loop().call_later(delay, self._run)

    def _run(self) -> None:
        self._wake = None
        now_ms = self._clock.now_ms()
        while self._heap and self._heap[0][0] <= now_ms:
            at_ms, key = heapq.heappop(self._heap)
            wanted_ms = self._live.get(key)
            if wanted_ms == at_ms:
                del self._live[key]
                if self._metrics is not None:
                    self._metrics.observe("statemachine_timer_late_seconds", (now_ms - at_ms) / 1000)
                self._fire(key)
            elif wanted_ms is not None and wanted_ms > at_ms:
                heapq.heappush(self._heap, (wanted_ms, key))
        if self._heap:
            self._arm()
