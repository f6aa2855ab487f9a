"""Timers: never early, cancelled and moved, bounded."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import START_MS, LoopClock, SetClock, run_virtual, settle

from statemachine.runtime.timers import LONGEST_SLEEP_SECONDS, Timers

Key = tuple[str, int]


class Fired:
    """Timers on virtual time, and what has fired when."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.timers = Timers(self.clock, self._fire)
        self.keys: list[Key] = []
        self.at_ms: list[int] = []

    def _fire(self, key: Key) -> None:
        self.keys.append(key)
        self.at_ms.append(self.clock.now_ms() - START_MS)

    def start(self, name: str, after_ms: int, operation: int = 1) -> None:
        self.timers.start((name, operation), START_MS + after_ms)


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def scenario() -> Fired:
        fired = Fired()
        for name, after_ms in (("c", 3_000), ("a", 1_000), ("b", 2_000), ("now", 0), ("past", -5_000)):
            fired.start(name, after_ms)
        await asyncio.sleep(10)
        assert len(fired.timers) == 0
        return fired

    fired = run_virtual(scenario)
    assert [name for name, _ in fired.keys] == ["past", "now", "a", "b", "c"]
    assert fired.at_ms == [0, 0, 1_000, 2_000, 3_000]


def test_timers_of_the_same_millisecond_fire_in_the_order_of_their_start() -> None:
    async def scenario() -> Fired:
        fired = Fired()
        for name in ("z", "y", "a", "x"):
            fired.start(name, 1_000)
        await asyncio.sleep(2)
        return fired

    fired = run_virtual(scenario)
    assert [name for name, _ in fired.keys] == ["z", "y", "a", "x"]
    assert fired.at_ms == [1_000] * 4


def test_what_fires_may_cancel_and_start_others() -> None:
    async def scenario() -> tuple[list[str], int]:
        clock = LoopClock()
        fired: list[str] = []

        def fire(key: Key) -> None:
            fired.append(key[0])
            if key[0] == "first":
                for number in range(1_000):  # enough for all to be placed anew
                    timers.cancel((f"cancelled {number}", 1))
                timers.start(("at once", 1), START_MS)
                timers.start(("later", 1), START_MS + 2_000)

        timers = Timers(clock, fire)
        timers.start(("first", 1), START_MS + 1_000)
        timers.start(("second", 1), START_MS + 1_000)
        for number in range(1_000):
            timers.start((f"cancelled {number}", 1), START_MS + 1_000 + number % 2)
        timers.start(("third", 1), START_MS + 1_001)
        await asyncio.sleep(5)
        return fired, timers._places

    assert run_virtual(scenario) == (["first", "second", "at once", "third", "later"], 0)


def test_a_timer_is_not_early_although_the_loop_wakes() -> None:
    async def scenario() -> tuple[list[int], int]:
        fired = Fired()
        fired.start("far", int(LONGEST_SLEEP_SECONDS * 3_500))
        await asyncio.sleep(LONGEST_SLEEP_SECONDS * 3.4)
        before = len(fired.keys)
        await asyncio.sleep(LONGEST_SLEEP_SECONDS)
        return fired.at_ms, before

    assert run_virtual(scenario) == ([210_000], 0)


def test_a_clock_that_is_set_forward_is_noticed() -> None:
    async def scenario() -> list[Key]:
        clock = SetClock()
        fired: list[Key] = []
        timers = Timers(clock, fired.append)
        timers.start(("a", 1), START_MS + 86_400_000)
        clock.now += 86_400_000
        await asyncio.sleep(LONGEST_SLEEP_SECONDS + 1)
        timers.stop()
        return fired

    assert run_virtual(scenario) == [("a", 1)]


def test_a_clock_that_is_set_back_makes_no_timer_early() -> None:
    async def scenario() -> tuple[list[Key], list[Key]]:
        clock = SetClock()
        fired: list[Key] = []
        timers = Timers(clock, fired.append)
        timers.start(("a", 1), START_MS + 1_000)
        clock.now -= 3_600_000
        await asyncio.sleep(2)
        early = list(fired)
        clock.now += 3_601_000
        await asyncio.sleep(LONGEST_SLEEP_SECONDS + 1)
        return early, fired

    assert run_virtual(scenario) == ([], [("a", 1)])


def test_a_cancelled_timer_does_not_fire() -> None:
    async def scenario() -> list[Key]:
        fired = Fired()
        fired.start("a", 1_000)
        fired.start("b", 1_000)
        fired.timers.cancel(("a", 1))
        fired.timers.cancel(("never started", 1))
        assert len(fired.timers) == 1
        await asyncio.sleep(5)
        return fired.keys

    assert run_virtual(scenario) == [("b", 1)]


@pytest.mark.parametrize(("first_ms", "second_ms"), [(1_000, 3_000), (3_000, 1_000), (2_000, 2_000)])
def test_a_moved_timer_fires_once_at_its_new_time(first_ms: int, second_ms: int) -> None:
    async def scenario() -> list[int]:
        fired = Fired()
        fired.start("a", first_ms)
        fired.start("a", second_ms)
        await asyncio.sleep(10)
        return fired.at_ms

    assert run_virtual(scenario) == [second_ms]


def test_a_timer_that_is_cancelled_and_started_again_fires_once() -> None:
    async def scenario() -> list[int]:
        fired = Fired()
        for after_ms in (4_000, 2_000, 3_000, 3_000):
            fired.start("a", after_ms)
            fired.timers.cancel(("a", 1))
        fired.start("a", 3_000)
        await asyncio.sleep(10)
        return fired.at_ms

    assert run_virtual(scenario) == [3_000]


def test_putting_a_timer_off_again_and_again_takes_no_memory() -> None:
    async def scenario() -> int:
        fired = Fired()
        for number in range(10_000):
            fired.start("beat", 60_000 + number)
        size = fired.timers._places
        fired.timers.stop()
        return size

    assert run_virtual(scenario) == 1


def test_cancelled_timers_do_not_pile_up() -> None:
    async def scenario() -> int:
        fired = Fired()
        for number in range(10_000):
            fired.start("a", 60_000, number)
            fired.timers.cancel(("a", number))
        size = fired.timers._places
        fired.timers.stop()
        return size

    assert run_virtual(scenario) < 100


def test_nothing_fires_after_stop() -> None:
    async def scenario() -> list[Key]:
        fired = Fired()
        fired.start("a", 0)
        fired.start("b", 1_000)
        fired.timers.stop()
        await settle()
        await asyncio.sleep(5)
        return fired.keys

    assert run_virtual(scenario) == []


def test_the_wake_up_is_for_the_earliest() -> None:
    """One sleeper for all: a later timer does not put off an earlier one."""

    async def scenario() -> list[int]:
        fired = Fired()
        fired.start("late", 50_000)
        fired.start("early", 10)
        fired.start("later", 55_000)
        await asyncio.sleep(1)
        return fired.at_ms

    assert run_virtual(scenario) == [10]
