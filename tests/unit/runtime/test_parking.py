"""Parking: who leaves memory, what is left of it, and that it comes back as it was."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from machines import WAIT, WAITS, RecordingStore, machine, task
from virtual_time import LoopClock, run_virtual, settle, without_threads

from statemachine.errors import StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Execution
from statemachine.limits import UNLIMITED
from statemachine.runtime import parking
from statemachine.runtime.engine import Engine
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore

TOKENS = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


@pytest.fixture(autouse=True)
def _two_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "AT_REST", 2)


def engine_on(store: Any, **options: Any) -> Engine:
    return without_threads(Engine(store, clock=LoopClock(), tasks={"work": _work}, **options))


def parked(engine: Engine) -> list[str]:
    return [name for name, driven in engine._worker.driven.items() if driven.loaded is None]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_waits_is_parked_and_comes_back_when_its_time_comes(kind: str, tmp_path: Any) -> None:
    async def scenario() -> None:
        store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "store.db")
        async with engine_on(store) as engine:
            ids = await engine.start_many(WAIT, [{"n": number} for number in range(20)])
            await settle()
            assert len(parked(engine)) == 18
            gc.collect()
            alive = [each for each in gc.get_objects() if isinstance(each, Execution) and each.id in ids]
            assert len(alive) == 2
            for number, each in enumerate(ids):
                result = await engine.wait(each)
                assert result.output == "worked", number
                assert 60_000 <= result.stopped_ms - result.started_ms < 61_000
                assert engine.history(each) == engine.history(each)
                assert len(engine.history(each)) == len(engine.history(ids[0]))
            assert engine._worker.driven == {}
            assert engine._worker._residency.in_memory == len(engine._worker._residency._resting) == 0
        store.close()

    run_virtual(scenario)


def test_one_that_is_parked_is_stopped_and_answered() -> None:
    async def scenario() -> None:
        tokens: list[str] = []

        async def ask(_: Any, context: Any) -> None:
            tokens.append(context.token)

        asks = machine(Ask=task(TOKENS, Parameters={"t.$": "$$.Task.Token"}))
        async with engine_on(MemoryStore()) as engine:
            ids = [await engine.start(asks, tasks={TOKENS: ask}) for _ in range(6)]
            await settle(100)
            rested = await engine.start_many(WAIT, [{}] * 6)
            await settle(100)
            assert set(ids) & set(parked(engine))
            for number, token in enumerate(tokens):
                await engine.send_task_success(token, number)
                assert (await engine.wait(token.split("/")[0])).output == number
            for each in rested:
                assert (await engine.stop(each)).status is ExecutionStatus.ABORTED

    run_virtual(scenario)


def test_those_at_rest_for_long_are_parked_by_a_commit_of_their_own() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store) as engine:
            await engine.start(WAIT, name="one")
            await asyncio.sleep(parking.REST_SECONDS * 0.9)
            assert parked(engine) == []
            await asyncio.sleep(parking.REST_SECONDS * 0.3)
            assert parked(engine) == ["one"]
            ((last,),) = store.commits[-1:]
            assert (last.events, last.history, last.snapshot is None) == ((), (), False)
            assert (await engine.wait("one")).output == "worked"

    run_virtual(scenario)


def test_without_durability_nothing_is_parked() -> None:
    async def scenario() -> None:
        async with engine_on(MemoryStore(), durability="none") as engine:
            ids = await engine.start_many(WAIT, [{}] * 10)
            await settle()
            assert parked(engine) == []
            for each in ids:
                assert (await engine.wait(each)).succeeded

    run_virtual(scenario)


def test_one_with_many_timers_is_parked_and_loses_none() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, limits=UNLIMITED) as engine:
            ids = await engine.start_many(WAITS, [list(range(30))] * 5)
            await settle()
            assert len(parked(engine)) == 3
            for each in ids:
                assert (await engine.wait(each)).output == list(range(30))

    run_virtual(scenario)


def test_one_that_somebody_else_changed_meanwhile_is_not_driven_on() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            ids = await engine.start_many(WAIT, [{}] * 4)
            await settle()
            changed = parked(engine)[0]
            engine._worker.driven[changed].sequence -= 1
            with pytest.raises(StoreError, match="changed by somebody else"):
                await engine.wait(changed)
            others = [await engine.wait(each) for each in ids if each != changed]
            assert all(each.succeeded for each in others)

    run_virtual(scenario)


@pytest.mark.parametrize("damaged", [False, True])
def test_one_that_cannot_be_read_harms_no_other(damaged: bool) -> None:
    class Bad(MemoryStore):
        bad = ""

        def at_rest(self, execution_ids: Any) -> Any:
            found = super().at_rest(execution_ids)
            if self.bad in found and not damaged:
                raise StoreError("the disk is broken")
            return {name: each._replace(snapshot=b"{") if name == self.bad else each for name, each in found.items()}

        def recover(self, execution_id: str, from_start: bool = False) -> Any:
            if execution_id == self.bad:
                raise StoreError("the disk is broken")
            return super().recover(execution_id, from_start)

    async def scenario() -> None:
        store = Bad()
        async with engine_on(store) as engine:
            ids = await engine.start_many(WAIT, [{}] * 9)
            await settle()
            store.bad = parked(engine)[2]
            with pytest.raises(StoreError, match="the disk is broken"):
                await engine.wait(store.bad)
            for each in ids:
                if each != store.bad:
                    assert (await engine.wait(each)).output == "worked"

    run_virtual(scenario)


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_more_than_may_run_wait_in_the_store(kind: str, tmp_path: Any) -> None:
    async def scenario() -> None:
        now = most = 0

        async def work() -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1

        store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "store.db")
        async with engine_on(store, max_running=3) as engine:
            ids = await engine.start_many(machine(Work=task("slow")), [{}] * 10, tasks={"slow": work})
            assert store.statistics().executions == {ExecutionStatus.RUNNING: 10}
            await settle()
            assert len(parked(engine)) == 7
            for each in ids:
                assert (await engine.wait(each)).succeeded
            assert most == 3
            assert asyncio.get_running_loop().time() == pytest.approx(4)
        store.close()

    run_virtual(scenario)


def test_one_that_waits_in_the_store_can_be_stopped_and_resumed() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, max_running=1) as engine:
            for number in range(4):
                await engine.start(machine(Work=task("work2")), name=f"e{number}", tasks={"work2": _never})
            await settle()
            assert parked(engine) == ["e1", "e2", "e3"]
            assert (await engine.stop("e2")).status is ExecutionStatus.ABORTED
        async with engine_on(store, max_running=2) as engine:
            assert sorted(await engine.resume(tasks={"work2": lambda: 1})) == ["e0", "e1", "e3"]
            for name in ("e0", "e1", "e3"):
                assert (await engine.wait(name)).output == 1

    run_virtual(scenario)


def test_those_at_rest_keep_nobody_from_running() -> None:
    async def scenario() -> None:
        async with engine_on(MemoryStore(), max_running=1) as engine:
            ids = await engine.start_many(WAIT, [{}] * 5)
            results = [await engine.wait(each) for each in ids]
            assert all(each.stopped_ms - each.started_ms <= 60_010 for each in results)

    run_virtual(scenario)


async def _work() -> str:
    return "worked"


async def _never() -> None:
    await asyncio.sleep(3_600)


def test_what_comes_to_rest_in_the_turn_that_stops_it_is_not_parked() -> None:
    """A child begins to wait, and its parent fails, in the same turn: the child has two steps in it."""
    child = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
    starts = task("arn:aws:states:::states:startExecution.sync", Parameters={"StateMachineArn": child})
    parent = machine(
        Both={"Type": "Parallel", "Branches": [machine(Start=starts), machine(Break=task("break"))]},
    )

    async def scenario() -> None:
        begun = 0
        rests, breaks = asyncio.Event(), asyncio.Event()

        async def rest() -> str:
            nonlocal begun
            begun += 1
            await rests.wait()
            return "rested"

        async def fail() -> str:
            nonlocal begun
            begun += 1
            await breaks.wait()
            raise ValueError("broken")

        tasks = {"work": rest, "break": fail}
        machines = {child: machine(Work=task(), Rest={"Type": "Wait", "Seconds": 600})}
        async with Engine(MemoryStore(), clock=LoopClock(), tasks=tasks, machines=machines) as engine:
            await engine.start_many(machine(Rest={"Type": "Wait", "Seconds": 600}), [{}, {}])
            name = await engine.start(parent, {}, name="parent")
            await settle()
            assert begun == 2
            rests.set()
            breaks.set()
            assert (await engine.wait(name)).error == "ValueError"
            stopped = engine.list().records[0]
            assert (stopped.parent, stopped.status) == (name, ExecutionStatus.ABORTED)
            assert [each.type for each in engine.history(stopped.id)][-2:] == ["WaitStateEntered", "ExecutionAborted"]
            assert len(engine._worker.driven) == 2
            assert engine._worker._residency.in_memory == 2

    run_virtual(scenario)
