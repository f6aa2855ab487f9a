"""What an engine is told while it runs: machines, activities, a place for data; and how tasks are bound on takeover."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from machines import WORK, machine, task

from statemachine.errors import StatemachineError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.program.load import load
from statemachine.runtime.driven import EngineClosedError
from statemachine.runtime.engine import Engine, MixedBindingsError
from statemachine.runtime.takeover import Takeover, serve
from statemachine.store.memory import MemoryStore

APPROVE = "arn:aws:states:us-east-1:123456789012:activity:approve"
CHILD = machine(
    Child=task(
        "arn:aws:states:::states:startExecution.sync:2",
        Parameters={"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:child", "Name": "the-child"},
    )
)
EXPORT = machine(
    Each={
        "Type": "Map",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **machine(A={"Type": "Pass"}),
        },
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "orders", "Key": "all.json"},
        },
    }
)


def test_machines_activities_and_data_that_come_later(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "all.json").write_text("[1, 2]")

    async def scenario() -> None:
        async with Engine("memory") as engine:
            for definition in (CHILD, machine(A=task(APPROVE)), EXPORT):
                with pytest.raises(StatemachineError):
                    await engine.start(definition)
            engine.add(
                machines={"child": load(machine(A={"Type": "Pass", "Result": 5}))}, activities=[APPROVE], data=tmp_path
            )
            assert (await engine.run(CHILD)).unwrap()["Output"] == 5
            assert (await engine.run(EXPORT)).unwrap() == [1, 2]
            approved = await engine.start(machine(A=task(APPROVE)))
            polled = await engine.get_activity_task(APPROVE)
            assert polled is not None
            await engine.send_task_success(polled.token, "yes")
            assert (await engine.wait(approved)).unwrap() == "yes"

    asyncio.run(scenario())


def test_what_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    first, second = load(machine(A={"Type": "Pass"})), load(machine(B={"Type": "Pass"}))
    engine = Engine("memory", machines={"one": first}, data=tmp_path)
    engine.add(machines={"one": first}, data=tmp_path)
    with pytest.raises(MixedBindingsError, match="another state machine one"):
        engine.add(machines={"two": second, "one": second})
    with pytest.raises(MixedBindingsError, match=r"its data is in s3, that of others in .*"):
        engine.add(machines={"two": second}, data="s3")
    engine.add(machines={"two": first})


def test_an_execution_that_nobody_drives_is_undone_with_the_tasks_that_stop_is_given() -> None:
    saga = machine(Book=task(CompensateWith="Cancel"), Rest={"Type": "Wait", "Seconds": 3600, "End": True})
    saga["States"]["Cancel"] = task("undo", End=True)
    undone: list[Any] = []

    async def scenario() -> None:
        store = MemoryStore()
        async with Engine(store, tasks={"work": lambda: "booked", "undo": lambda: 0}) as engine:
            execution_id = await engine.start(saga)
            while engine.describe(execution_id).states != ("Rest",):  # noqa: ASYNC110 - the engine tells of ends only
                await asyncio.sleep(0.001)
        async with Engine(store) as engine:
            with pytest.raises(StatemachineError, match="no handler is bound"):
                await engine.stop(execution_id, compensate=True)
            tasks: dict[str, Any] = {"work": lambda: 0, "undo": undone.append}
            result = await engine.stop(execution_id, compensate=True, tasks=tasks)
            assert result.status is ExecutionStatus.ABORTED
        assert undone == ["booked"]

    asyncio.run(scenario())


def test_each_execution_that_is_taken_over_has_its_own_tasks() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with Engine(store, tasks={"work": asyncio.Event().wait}) as engine:
            for name in ("one", "two", "unfit"):
                await engine.start(WORK, name=name)
        told: list[str] = []

        def bind(name: str) -> Any:
            if name == "unfit":
                raise StatemachineError("its tasks are not there")
            return {"work": lambda: name}

        async with Engine(store) as engine:
            takeover = Takeover(engine, lambda name, _: told.append(name), bind)
            assert await takeover.look() == ["one", "two"]
            assert [(await engine.wait(name)).unwrap() for name in ("one", "two")] == ["one", "two"]
        assert told == ["unfit"]
        assert store.get("unfit").owner is None

    asyncio.run(scenario())


@pytest.mark.parametrize("in_time", [True, False])
def test_draining_tells_whether_all_had_ended(in_time: bool) -> None:
    async def scenario() -> None:
        begun, stop = asyncio.Event(), asyncio.Event()
        release = asyncio.Event()

        async def work() -> None:
            begun.set()
            await release.wait()

        async with Engine(MemoryStore(), tasks={"work": work}) as engine:
            name = await engine.start(WORK)
            ended = asyncio.ensure_future(engine.wait(name))
            await begun.wait()
            if in_time:
                asyncio.get_running_loop().call_soon(release.set)
            stop.set()
            assert await serve(engine, stop, drain_seconds=30 if in_time else 0) is in_time
            assert isinstance((await asyncio.gather(ended, return_exceptions=True))[0], EngineClosedError) or in_time

    asyncio.run(scenario())
