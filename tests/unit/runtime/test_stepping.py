"""Stepping: what an execution gets of a turn, and what becomes of one that cannot go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from machines import LOOP, WAIT, RecordingStore, machine, task
from test_worker import assert_nothing_left, engine_on
from virtual_time import run_virtual, settle

from statemachine.errors import KernelError
from statemachine.kernel.advance import Step, advance
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import Event, TimerFired
from statemachine.kernel.execution import Execution
from statemachine.limits import UNLIMITED
from statemachine.program.nodes import Program
from statemachine.runtime import stepping
from statemachine.store.memory import MemoryStore


def test_what_has_come_is_taken_up_in_bounded_parts() -> None:
    """All tasks are answered in the same moment."""
    count = 3 * stepping.EVENTS_PER_TURN

    async def scenario() -> None:
        store = RecordingStore()
        everybody = asyncio.Barrier(count)

        async def work() -> None:
            await everybody.wait()

        limits = replace(UNLIMITED, map_concurrency=count)
        async with engine_on(store, tasks={"work": work}, limits=limits, concurrency=count) as engine:
            each = {"Type": "Map", "End": True, "ItemProcessor": machine(Work=task("work"))}
            assert (await engine.run(machine(Each=each), list(range(count)), name="one")).succeeded
        taken = [len(commit.events) for commits in store.commits for commit in commits]
        assert max(taken) == stepping.EVENTS_PER_TURN
        assert sum(taken) >= count

    run_virtual(scenario)


def test_an_execution_that_was_interrupted_at_a_yield_goes_on() -> None:
    """The loop must be woken although no event comes from outside."""

    async def scenario() -> None:
        store = RecordingStore()
        engine = engine_on(store, limits=UNLIMITED)
        async with engine:
            await engine.start(LOOP, {"n": 0, "most": 5_000}, name="one")
            while not store.commits:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0)
        assert store.get("one").status is ExecutionStatus.RUNNING
        async with engine_on(store) as engine:
            await settle()  # the new worker sleeps
            await engine.resume("one")
            assert (await engine.wait("one")).output == {"n": 5_000, "most": 5_000}

    run_virtual(scenario)


def test_a_kernel_error_stops_one_execution_and_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(program: Program, execution: Execution, event: Event) -> Step:
        if execution.id == "bad" and isinstance(event, TimerFired):
            raise KernelError("a mistake of ours")
        return advance(program, execution, event)

    monkeypatch.setattr(stepping, "advance", broken)

    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, tasks={"work": lambda: 1}) as engine:
            for name in ("bad", "good"):
                await engine.start(WAIT, name=name)
            waiting = asyncio.ensure_future(engine.wait("bad"))
            assert (await engine.wait("good")).succeeded
            with pytest.raises(KernelError, match="a mistake of ours"):
                await waiting
            with pytest.raises(KernelError, match="a mistake of ours"):
                await engine.wait("bad")  # who comes later is told as well
            record = engine.describe("bad")
            assert (record.status, record.states, record.owner) == (ExecutionStatus.RUNNING, ("Rest",), None)
            assert_nothing_left(engine)
            monkeypatch.undo()
            assert await engine.resume("bad") == ["bad"]
            assert (await engine.wait("bad")).output == 1

    run_virtual(scenario)
