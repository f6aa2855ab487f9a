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
from statemachine.kernel.execution import Execution
from statemachine.kernel.snapshot import encode_execution
from statemachine.limits import UNLIMITED
from statemachine.program.load import load, load_text
from statemachine.runtime.engine import Engine
from statemachine.runtime.recovery import first_moves, recover
from statemachine.store.base import Recovery, Store
from statemachine.store.memory import MemoryStore


def interrupted(
    definition: Any, value: Any = None, rounds: int = 10, store: Store | None = None
) -> tuple[Recovery, Store]:
    """What is stored of an execution whose engine was closed after so many rounds of its loop."""

    chosen = store or MemoryStore()

    async def scenario() -> Recovery:
        async with Engine(chosen, tasks={"work": _never}, clock=LoopClock(), limits=UNLIMITED) as engine:
            await engine.start(definition, value, name="one")
            await settle(rounds)
        return chosen.recover("one")

    return run_virtual(scenario), chosen


def recovered(recovery: Recovery, store: Store, definition: Any = None) -> Execution:
    program = load_text(recovery.definition).program if definition is None else load(definition).program
    return recover(program, recovery, lambda after: store.history("one", after))


async def _never() -> None:
    raise AssertionError


def test_the_events_after_the_snapshot_are_applied_again() -> None:
    recovery, store = interrupted(WAIT)
    assert recovery.snapshot_sequence == 0
    assert len(recovery.events) == 1
    execution = recovered(recovery, store)
    assert execution.history_length == recovery.record.history_length == 2
    (command,), events = first_moves(execution, START_MS)
    assert isinstance(command, StartTimer)
    assert command.fire_at_ms == START_MS + 60_000
    assert events == ()


def test_a_long_history_is_not_applied_from_its_beginning() -> None:
    store = RecordingStore()
    recovery, _ = interrupted(LOOP, {"n": 0, "most": 1_000_000}, rounds=40, store=store)
    assert recovery.snapshot_sequence > 0
    assert recovery.record.history_length > 10_000
    execution = recovered(recovery, store)
    assert execution.history_length == recovery.record.history_length
    assert len(recovery.events) < 10
    commands, _ = first_moves(execution, START_MS)
    assert commands == (Yield(),)


def test_recovering_twice_gives_the_same() -> None:
    recovery, store = interrupted(WAIT)
    assert encode_execution(recovered(recovery, store)) == encode_execution(recovered(recovery, store))


def test_an_execution_that_never_started_is_started() -> None:
    recovery, store = interrupted(WAIT)
    unstarted = replace(recovery, events=(), record=replace(recovery.record, sequence=0, history_length=0))
    execution = recovered(unstarted, store)
    assert first_moves(execution, 5) == ((), (ExecutionStarted(5),))


def test_one_that_has_ended_has_nothing_to_do() -> None:
    store = MemoryStore()

    async def scenario() -> Recovery:
        async with Engine(store, tasks={"work": lambda: 1}, clock=LoopClock()) as engine:
            await engine.run(WAIT, name="one")
        return store.recover("one")

    execution = recovered(run_virtual(scenario), store)
    assert first_moves(execution, START_MS) == ((), ())


def test_a_task_in_flight_is_outstanding() -> None:
    store = MemoryStore()

    async def scenario() -> Recovery:
        async def hang() -> None:
            import asyncio

            await asyncio.sleep(3_600)

        async with Engine(store, tasks={"work": hang}, clock=LoopClock()) as engine:
            await engine.start({**WAIT, "StartAt": "Work"} | {"States": {"Work": WAIT["States"]["Work"]}}, name="one")
            await settle()
        return store.recover("one")

    recovery = run_virtual(scenario)
    (command,), _ = first_moves(recovered(recovery, store), START_MS)
    assert isinstance(command, ScheduleTask)
    assert command.state == "Work"


@pytest.mark.parametrize(
    "drift",
    [
        lambda events: [*events[:-1], events[-1]._replace(type="WaitStateExited")],
        lambda events: [*events[:-1], events[-1]._replace(details={"name": "Other"})],
        lambda events: events[:-1],
        lambda events: [*events, events[-1]._replace(id=3)],
    ],
    ids=["another type", "other details", "an event less", "an event more"],
)
def test_another_history_than_the_recorded_one_is_a_mismatch(drift: Any) -> None:
    recovery, store = interrupted(WAIT)
    drifted = drift(list(store.history("one")))
    with pytest.raises(ReplayMismatchError, match="replay differs at history event") as caught:
        recover(load(WAIT).program, recovery, lambda after: [each for each in drifted if each.id > after])
    assert caught.value.index == (3 if len(drifted) == 3 else 2)


def test_another_definition_is_a_mistake_of_ours() -> None:
    recovery, store = interrupted(WAIT)
    with pytest.raises(KernelError, match="not the one that the execution was started with"):
        recovered(recovery, store, LOOP)
