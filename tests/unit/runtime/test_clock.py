"""Clocks that jump."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from machines import machine, wait
from virtual_time import START_MS, LoopClock, SetClock, run_virtual, settle, without_threads

from statemachine.runtime.clock import PACE, SteadyClock, SystemClock
from statemachine.runtime.engine import Engine
from statemachine.runtime.timers import LONGEST_SLEEP_SECONDS
from statemachine.store.memory import MemoryStore

HOUR_MS = 3_600_000


class LoopClockAhead(LoopClock):
    """The loop's time and something more or less."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


@given(st.lists(st.tuples(st.integers(-10_000_000, 10_000_000), st.floats(0, 10_000)), min_size=1))
def test_time_never_goes_back_and_is_never_behind_the_wall_clock(steps: list[tuple[int, float]]) -> None:
    wall, seconds = SetClock(), 0.0
    clock = SteadyClock(wall, lambda: seconds)
    before = clock.now_ms()
    for jump_ms, elapsed in steps:
        seconds += elapsed
        wall.now += round(elapsed * 1000) + jump_ms
        now = clock.now_ms()
        assert now >= before
        assert now >= wall.now
        before = now


def test_after_a_jump_back_time_goes_on_until_the_wall_clock_has_caught_up() -> None:
    wall, seconds = SetClock(), 0.0
    clock = SteadyClock(wall, lambda: seconds)
    assert clock.now_ms() == START_MS
    wall.now -= HOUR_MS
    assert clock.now_ms() == START_MS
    for _ in range(10):
        seconds += 10
        wall.now += 10_000
        clock.now_ms()
    assert clock.now_ms() == START_MS + round(100_000 * PACE)
    seconds += 36_000
    wall.now += 36_000_000
    assert clock.now_ms() == wall.now


def test_the_systems_clock_counts_from_1970() -> None:
    assert SystemClock().now_ms() > 1_700_000_000_000


def test_a_jump_back_does_not_stop_the_world() -> None:
    async def scenario() -> None:
        clock = LoopClockAhead()
        engine = without_threads(Engine(MemoryStore(), clock=clock))
        engine._clock._monotonic = lambda: asyncio.get_running_loop().time()
        async with engine:
            before = await engine.start(machine(Rest=wait(90)))
            await settle()
            clock.ahead_ms = -HOUR_MS
            after = await engine.start(machine(Rest=wait(90)))
            for each in (before, after):
                result = await engine.wait(each)
                assert result.stopped_ms - result.started_ms >= 90_000
            # So late as the pace makes it, and one look at the clock.
            assert 90 <= asyncio.get_running_loop().time() <= 90 / PACE + LONGEST_SLEEP_SECONDS
            times = [event.at_ms for event in engine.history(after)]
            assert times == sorted(times)
            assert times[0] >= START_MS

    run_virtual(scenario)


def test_a_jump_forward_is_noticed() -> None:
    async def scenario() -> None:
        clock = LoopClockAhead()
        async with without_threads(Engine(MemoryStore(), clock=clock)) as engine:
            execution = await engine.start(machine(Rest=wait(7_200)))
            await settle()
            clock.ahead_ms = 3 * HOUR_MS
            await engine.wait(execution)
            assert asyncio.get_running_loop().time() <= LONGEST_SLEEP_SECONDS

    run_virtual(scenario)
