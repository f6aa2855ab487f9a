"""Map runs as an engine tells of them: while they run, after the end, after a restart, and without a loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from machines import machine, wait
from virtual_time import LoopClock, run_virtual, settle

from statemachine.errors import ExecutionNotFoundError
from statemachine.kernel.map_runs import MapRun, describe_map_run
from statemachine.runtime.engine import Engine
from statemachine.runtime.sync import SyncEngine

EACH = machine(
    Each={
        "Type": "Map",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **machine(Rest=wait(60)),
        },
        "MaxConcurrency": 2,
    }
)


def counted(found: list[MapRun]) -> list[tuple[str, int, int, int]]:
    return [(each.status, each.items.pending, each.items.running, each.items.succeeded) for each in found]


def test_while_it_runs_and_after_its_end() -> None:
    async def scenario() -> None:
        async with Engine("memory", clock=LoopClock()) as engine:
            await engine.start(EACH, [1, 2, 3], name="one")
            await settle()
            assert counted(engine.map_runs("one")) == [("RUNNING", 1, 2, 0)]
            assert (await engine.wait("one")).succeeded
            assert counted(engine.map_runs("one")) == [("SUCCEEDED", 0, 0, 3)]
            await engine.run(machine(Rest=wait(1)), name="two")
            assert engine.map_runs("two") == []
            with pytest.raises(ExecutionNotFoundError):
                engine.map_runs("three")

    run_virtual(scenario)


def test_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    before: list[Any] = []

    async def first() -> None:
        async with Engine(path, clock=LoopClock()) as engine:
            await engine.start(EACH, [1, 2, 3], name="one")
            while not engine.describe("one").states:
                await settle()
            before.extend(engine.map_runs("one"))

    async def second() -> None:
        async with Engine(path, clock=LoopClock()) as engine:
            assert engine.map_runs("one") == before, "nothing is driven yet"
            await engine.resume("one")
            assert (await engine.wait("one")).succeeded

    run_virtual(first)
    assert counted(before) == [("RUNNING", 1, 2, 0)]
    run_virtual(second)
    with SyncEngine(path) as engine:
        (told,) = engine.map_runs("one")
        assert (told.arn, counted([told])) == (before[0].arn, [("SUCCEEDED", 0, 0, 3)])
        started = [each for each in engine.history("one") if each.type == "MapRunStarted"]
        assert [each.details for each in started] == [{"mapRunArn": describe_map_run(told)["mapRunArn"]}]
