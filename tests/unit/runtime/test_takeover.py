"""Taking over what nobody drives, and stopping in peace."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from machines import PASS, WORK, machine, task, wait

from statemachine.errors import ExecutionNotFoundError, StatemachineError, StoreError, UnboundResourceError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime import takeover as module
from statemachine.runtime.driven import EngineClosedError
from statemachine.runtime.engine import Engine
from statemachine.runtime.takeover import Takeover, serve
from statemachine.store.memory import MemoryStore


async def left_behind(store: Any, definition: Any, count: int) -> list[str]:
    """Executions whose engine is gone."""
    async with Engine(store, tasks={"work": _never, "other": _never}) as engine:
        return await engine.start_many(definition, [{}] * count)


async def _never() -> None:
    await asyncio.Event().wait()


def test_a_worker_takes_over_what_nobody_drives_and_drains_at_the_end() -> None:
    async def scenario() -> None:
        store, stop = MemoryStore(), asyncio.Event()
        ids = await left_behind(store, WORK, 250)
        async with Engine(store, tasks={"work": lambda: "done"}) as engine:
            serving = asyncio.ensure_future(serve(engine, stop, poll_seconds=0.01))
            while store.statistics().executions.get(ExecutionStatus.SUCCEEDED) != len(ids):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)
            stop.set()
            await serving
            with pytest.raises(StatemachineError, match="closed"):
                await engine.start(PASS)

    asyncio.run(scenario())


def test_a_round_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)

    async def scenario() -> None:
        store = MemoryStore()
        ids = await left_behind(store, machine(Rest=wait(600)), 7)
        async with Engine(store) as engine:
            takeover = Takeover(engine)
            rounds = [await takeover.look() for _ in range(4)]
            assert [len(each) for each in rounds] == [3, 3, 1, 0]
            assert [name for each in rounds for name in each] == ids

    asyncio.run(scenario())


def test_what_cannot_be_driven_here_is_told_once_and_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)

    async def scenario() -> None:
        store = MemoryStore()
        unfit = await left_behind(store, machine(Work=task("other")), 5)
        fit = await left_behind(store, WORK, 3)
        told: list[tuple[str, StatemachineError]] = []
        async with Engine(store, tasks={"work": lambda: 1}) as engine:
            takeover = Takeover(engine, lambda name, error: told.append((name, error)))
            taken = [name for _ in range(8) for name in await takeover.look()]
            assert sorted(taken) == sorted(fit)
            assert sorted(name for name, _ in told) == sorted(unfit)
            assert all(isinstance(error, UnboundResourceError) for _, error in told)
            assert all(store.get(name).owner is None for name in unfit)

    asyncio.run(scenario())


def test_what_is_removed_meanwhile_is_no_fault() -> None:
    class Forgetful(MemoryStore):
        def claim(self, execution_id: str) -> Any:
            raise ExecutionNotFoundError("gone")

    async def scenario() -> None:
        store = Forgetful()
        await left_behind(store, WORK, 1)
        async with Engine(store, tasks={"work": lambda: 1}) as engine:
            assert await Takeover(engine, lambda *_: pytest.fail("told")).look() == []

    asyncio.run(scenario())


def test_a_store_that_fails_ends_the_service() -> None:
    class Full(MemoryStore):
        def commit(self, commits: Any) -> None:
            raise StoreError("the disk is full")

    async def scenario() -> None:
        store = Full()
        await left_behind(store, WORK, 3)
        async with Engine(store, tasks={"work": lambda: 1}) as engine:
            with pytest.raises(StoreError, match="the disk is full"):
                await asyncio.wait_for(serve(engine, asyncio.Event(), poll_seconds=0.01), 10)

    asyncio.run(scenario())


# -- draining --------------------------------------------------------------------------------------------------------


def test_draining_lets_handlers_end_and_begins_nothing(tmp_path: Path) -> None:
    release = threading.Event()

    async def scenario() -> None:
        begun: list[Any] = []

        def work(value: Any) -> Any:
            begun.append(value)
            release.wait(20)
            return "worked"

        path = tmp_path / "store.db"
        engine = Engine(path, tasks={"work": work}, concurrency=1)
        await engine.__aenter__()
        two = machine(First=task("work"), Second=task("work"))
        await engine.start(two, 1, name="running")
        await engine.start(two, 2, name="queued")
        while not begun:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.001)
        draining = asyncio.ensure_future(engine.drain(20))
        await asyncio.sleep(0)
        with pytest.raises(StatemachineError, match="takes no new work"):
            await engine.start(PASS)
        waiting = asyncio.ensure_future(engine.wait("running"))
        release.set()
        await draining
        with pytest.raises(EngineClosedError):
            await waiting
        assert begun == [1]
        async with Engine(path, tasks={"work": lambda: "again"}) as engine:
            types = [event.type for event in engine.history("running")]
            assert types.count("TaskSucceeded") == 1  # its result was not lost
            assert engine.describe("running").states == ("Second",)
            assert sorted(await engine.resume()) == ["queued", "running"]
            assert (await engine.wait("running")).output == "again"

    asyncio.run(scenario())


def test_draining_waits_no_longer_than_it_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Engine(tmp_path / "store.db", tasks={"work": _never})
        await engine.__aenter__()
        await engine.start(WORK, name="one")
        await engine.drain(0.01)
        async with Engine(tmp_path / "store.db", tasks={"work": lambda: 1}) as engine:
            assert await engine.resume() == ["one"]
            assert (await engine.wait("one")).output == 1

    asyncio.run(scenario())
