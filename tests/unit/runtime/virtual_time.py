"""An event loop whose time jumps, and a clock that follows it: tests of timers without sleeping.

When nothing is ready, the loop does not sleep until its next timer: it is that time at once. What threads do takes no
time. If nothing is ready and there is no timer either, it waits for a thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from statemachine.runtime.committing import Committer
from statemachine.runtime.engine import Engine

START_MS = 1_700_000_000_000
GIVE_UP_SECONDS = 20.0

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            ready = super().select(GIVE_UP_SECONDS)
            assert ready, "nothing will ever happen"
            return ready
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never sleeps."""

    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


class LoopClock:
    """The running loop's time."""

    def now_ms(self) -> int:
        return START_MS + round(asyncio.get_running_loop().time() * 1000)


def without_threads(engine: Engine) -> Engine:
    """Let an engine commit on the loop: while it waited for a thread, time would jump to the next timer."""
    engine._worker._committer = Committer(engine.store, in_thread=False)
    return engine


class SetClock:
    """A clock that is set by hand."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now


def run_virtual(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on such a loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario())


async def settle(rounds: int = 20) -> None:
    """Let everything that is ready run, without letting time pass."""
    for _ in range(rounds):
        await asyncio.sleep(0)
