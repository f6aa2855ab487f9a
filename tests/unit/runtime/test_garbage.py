"""The collector is off while there is work, and on again in any case."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
from machines import LOOP, WAIT, WORK

from statemachine.errors import StoreError
from statemachine.limits import UNLIMITED
from statemachine.runtime import garbage
from statemachine.runtime.engine import Engine
from statemachine.runtime.garbage import Garbage
from statemachine.store.memory import MemoryStore


@pytest.fixture(autouse=True)
def _on() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_what_is_young_is_looked_through_while_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Circle:
        def __init__(self) -> None:
            self.itself = self

    collector = Garbage()
    collector.postpone()
    circle = weakref.ref(Circle())
    collector.look_if_due()
    assert circle() is not None
    monkeypatch.setattr(garbage, "YOUNG_SECONDS", 0.0)
    collector.look_if_due()
    assert circle() is None
    assert not gc.isenabled()


def test_all_is_looked_through_again_after_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Garbage()
    collector.postpone()
    monkeypatch.setattr(garbage, "ALL_SECONDS", 0.0)
    collector.look_if_due()
    assert gc.isenabled()
    collector.postpone()
    assert not gc.isenabled()
    collector.allow()
    assert gc.isenabled()


def test_what_the_program_has_switched_off_stays_off() -> None:
    collector = Garbage()
    gc.disable()
    collector.postpone()
    collector.allow()
    assert not gc.isenabled()


def test_a_worker_looks_for_no_garbage_while_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "QUIET_SECONDS", 0.0)
    seen: list[bool] = []

    async def scenario() -> None:
        async with Engine("memory", limits=UNLIMITED, tasks={"work": lambda: 1}) as engine:
            engine.add_listener(lambda *_: seen.append(gc.isenabled()))
            await engine.run(LOOP, {"n": 0, "most": 5_000})
            await engine.start(WAIT)
            await asyncio.sleep(0.01)
            assert gc.isenabled()
        assert gc.isenabled()

    asyncio.run(scenario())
    assert not any(seen)


def test_a_short_pause_between_work_is_no_quiet() -> None:
    async def scenario() -> None:
        async with Engine("memory", tasks={"work": lambda: 1}) as engine:
            await engine.run(WORK)
            await asyncio.sleep(0.01)
            assert not gc.isenabled()
        assert gc.isenabled()

    asyncio.run(scenario())


def test_a_worker_that_fails_leaves_it_on() -> None:
    class Full(MemoryStore):
        def commit(self, commits: object) -> None:
            raise StoreError("the disk is full")

    async def scenario() -> None:
        async with Engine(Full(), tasks={"work": lambda: 1}) as engine:
            with pytest.raises(StoreError):
                await engine.run(WORK)
            assert gc.isenabled()

    asyncio.run(scenario())
