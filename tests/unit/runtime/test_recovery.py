"""From a store's data back to a running execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from machines import LOOP, WAIT, RecordingStore
from virtual_time import START_MS, LoopClock, run_virtual, settle

from statemachine.errors import KernelError, ReplayMismatchError
from statemachine.kernel.commands import ScheduleTask, StartTimer, Yield
from statemachine.kernel.events import ExecutionStarted
from statemachine.kernel.snapshot import encode_execution
from statemachine.limits import UNLIMITED
from statemachine.program.load import load
from statemachine.runtime.engine import Engine
from statemachine.runtime.recovery import first_moves, recover
from statemachine.store.base import Recovery, Store
from statemachine.store.memory import MemoryStore


def interrupted(definition: Any, value: Any = None, rounds: int = 10, store: Store | None = None) -> Recovery:
    """What is stored of an execution whose engine was closed after so many rounds of its loop."""

    async def scenario() -> Recovery:
        chosen = store or MemoryStore()
        async with Engine(chosen, tasks={"work": _never}, clock=LoopClock(), limits=UNLIMITED) as engine:
            await engine.start(definition, value, name="one")
            await settle(rounds)
        return chosen.recover("one")

    return run_virtual(scenario)


async def _never() -> None:
    raise AssertionError


def test_the_events_after_the_snapshot_are_applied_again() -> None:
    recovery = interrupted(WAIT)
    assert recovery.snapshot_sequence == 0
    assert len(recovery.events) == 1
    execution = recover(load(WAIT).program, recovery)
    assert execution.history_length == recovery.record.history_length == 2
    (command,), events = first_moves(execution, START_MS)
    assert isinstance(command, StartTimer)
    assert command.fire_at_ms == START_MS + 60_000
    assert events == ()


def test_a_long_history_is_not_applied_from_its_beginning() -> None:
    store = RecordingStore()
    recovery = interrupted(LOOP, {"n": 0, "most": 1_000_000}, rounds=40, store=store)
    assert recovery.snapshot_sequence > 0
    assert recovery.record.history_length > 10_000
    execution = recover(load(LOOP).program, recovery)
    assert execution.history_length == recovery.record.history_length
    assert len(recovery.events) < 10
    commands, _ = first_moves(execution, START_MS)
    assert commands == (Yield(),)


def test_recovering_twice_gives_the_same() -> None:
    recovery = interrupted(WAIT)
    program = load(WAIT).program
    assert encode_execution(recover(program, recovery)) == encode_execution(recover(program, recovery))


def test_an_execution_that_never_started_is_started() -> None:
    recovery = interrupted(WAIT)
    unstarted = replace(recovery, events=(), record=replace(recovery.record, sequence=0, history_length=0))
    execution = recover(load(WAIT).program, unstarted)
    assert first_moves(execution, 5) == ((), (ExecutionStarted(5),))


def test_one_that_has_ended_has_nothing_to_do() -> None:
    async def scenario() -> Recovery:
        store = MemoryStore()
        async with Engine(store, tasks={"work": lambda: 1}, clock=LoopClock()) as engine:
            await engine.run(WAIT, name="one")
        return store.recover("one")

    execution = recover(load(WAIT).program, run_virtual(scenario))
    assert first_moves(execution, START_MS) == ((), ())


def test_a_task_in_flight_is_outstanding() -> None:
    async def scenario() -> Recovery:
        store = MemoryStore()

        async def hang() -> None:
            import asyncio

            await asyncio.sleep(3_600)

        async with Engine(store, tasks={"work": hang}, clock=LoopClock()) as engine:
            await engine.start({**WAIT, "StartAt": "Work"} | {"States": {"Work": WAIT["States"]["Work"]}}, name="one")
            await settle()
        return store.recover("one")

    recovery = run_virtual(scenario)
    (command,), _ = first_moves(recover(load(recovery.definition).program, recovery), START_MS)
    assert isinstance(command, ScheduleTask)
    assert command.state == "Work"


def test_another_history_than_the_recorded_one_is_a_mismatch() -> None:
    recovery = interrupted(WAIT)
    drifted = replace(recovery, record=replace(recovery.record, history_length=3))
    with pytest.raises(ReplayMismatchError, match="3 history events, RUNNING") as caught:
        recover(load(WAIT).program, drifted)
    assert caught.value.index == 3


def test_another_definition_is_a_mistake_of_ours() -> None:
    recovery = interrupted(WAIT)
    with pytest.raises(KernelError, match="not the one that the execution was started with"):
        recover(load(LOOP).program, recovery)
