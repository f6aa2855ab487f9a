"""The engine: the library's front door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machines import LOOP, PASS, WAIT, WORK, machine, task
from virtual_time import START_MS, LoopClock, run_virtual, settle, without_threads

from statemachine import DefinitionError, StatemachineError
from statemachine.errors import (
    ExecutionAlreadyExistsError,
    ExecutionNotFoundError,
    ExecutionOwnedError,
    UnboundResourceError,
)
from statemachine.integrations.base import BindingError
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.limits import AWS_LIMITS, UNLIMITED
from statemachine.program.load import load
from statemachine.runtime.engine import Engine
from statemachine.runtime.resuming import ResumeError
from statemachine.runtime.starting import Start, new_driven
from statemachine.runtime.worker import BEGINS_WAITING
from statemachine.store.base import Durability, Filter
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore


async def noop(value: Json) -> Json:
    return value


def engine_on(store: Any = "memory", **options: Any) -> Engine:
    return without_threads(Engine(store, clock=LoopClock(), **{"tasks": {"work": noop}, **options}))


# -- starting --------------------------------------------------------------------------------------------------------


def test_run_gives_the_result() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            result = await engine.run(WAIT, {"a": 1}, name="one", machine_name="Rest")
            assert (result.id, result.status, result.output) == ("one", ExecutionStatus.SUCCEEDED, {"a": 1})
            assert (result.error, result.cause) == (None, None)
            assert result.stopped_ms - result.started_ms == 60_000
            record = engine.describe("one")
            assert (record.machine_name, record.status, record.states) == ("Rest", ExecutionStatus.SUCCEEDED, ())
            assert [each.id for each in engine.list().records] == ["one"]
            assert [each.type for each in engine.history("one")][-1] == "ExecutionSucceeded"

    run_virtual(scenario)


def test_a_running_execution_shows_where_it_is() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            await engine.start(WAIT, name="one")
            await settle()
            record = engine.describe("one")
            assert (record.status, record.states) == (ExecutionStatus.RUNNING, ("Rest",))
            assert record.next_deadline_ms == record.started_ms + 60_000
            assert engine.list(Filter(statuses=frozenset({ExecutionStatus.RUNNING}))).records == (record,)
            assert engine.list(Filter(statuses=frozenset({ExecutionStatus.FAILED}))).records == ()

    run_virtual(scenario)


def test_a_definition_may_be_data_text_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "greet.asl.yaml"
    text = "StartAt: A\nStates:\n  A: {Type: Pass, End: true}\n"
    path.write_text(text)

    async def scenario() -> list[str]:
        async with engine_on() as engine:
            for definition in (PASS, text, path, str(path)):
                assert (await engine.run(definition)).succeeded
            return [each.machine_name for each in engine.list().records]

    names = asyncio.run(scenario())
    assert sorted(names) == ["StateMachine", "StateMachine", "greet", "greet"]


def test_no_input_is_an_empty_object_and_null_is_given_by_a_document() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            assert (await engine.run(WORK)).output == {}
            assert (await engine.run(WORK, 0)).output == 0
            assert (await engine.run(WORK, [])).output == []
            assert (await engine.run(WORK, "")).output == ""
            assert (await engine.run(WORK, Document(None))).output is None

    asyncio.run(scenario())


def test_the_input_is_the_callers_own_and_so_is_the_output() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            value = {"items": [1]}
            name = await engine.start(WAIT, value)
            value["items"].append(2)
            result = await engine.wait(name)
            assert result.output == {"items": [1]}
            result.output["items"].append(3)
            assert (await engine.wait(name)).output == {"items": [1]}

    run_virtual(scenario)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 2), "a tuple is not JSON"),
        ({"a": {1}}, r"\$\.a: a set is not JSON"),
        (float("nan"), "nan is not a JSON number"),
        ({1: 2}, "the key 1 is not a string"),
        (object(), "a object is not JSON"),
        ("x" * 262_143, "has 262,145 bytes, more than the 262,144"),
    ],
)
def test_an_input_that_is_refused_leaves_no_trace(value: Any, message: str) -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            with pytest.raises(StatemachineError, match=message):
                await engine.start(PASS, value)
            assert engine.list().records == ()

    asyncio.run(scenario())


def test_other_limits_let_larger_inputs_in() -> None:
    async def scenario() -> None:
        async with engine_on(limits=UNLIMITED) as engine:
            assert (await engine.run(WORK, "x" * 300_000)).succeeded

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a/b",
        "a:b",
        "@last",
        "-n",
        "a?",
        "a*",
        "x" * 81,
        "a\x00",
        "a\nb",
        "a\n",
        'a"',
        "#",
        "{a}",
        "\ud800",
        7,
    ],
)
def test_names_that_aws_would_refuse_are_refused(name: Any) -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            with pytest.raises(StatemachineError, match="cannot be called"):
                await engine.start(PASS, name=name)
            assert engine.list().records == ()

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["a", "order-7", "Ünï_Ω", "x" * 80, "7", "a@b", "a.b(c)!='+"])
def test_names_that_aws_takes_are_taken(name: str) -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            assert (await engine.run(PASS, name=name)).id == name

    asyncio.run(scenario())


def test_a_mistake_in_the_definition_is_told_before_anything_is_stored() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            with pytest.raises(DefinitionError):
                await engine.start({"StartAt": "B", "States": {"A": {"Type": "Pass", "End": True}}})
            assert engine.list().records == ()

    asyncio.run(scenario())


def test_all_that_is_unbound_is_told_before_anything_is_stored() -> None:
    invoke = "arn:aws:states:::lambda:invoke"
    arn = "arn:aws:lambda:us-east-1:123456789012:function:Charge"
    definition = machine(
        A=task("work"),
        B=task(arn),
        C=task(invoke, Parameters={"FunctionName": "Ship"}),
        D=task("arn:aws:states:::sns:publish"),
    )

    async def scenario() -> None:
        async with engine_on() as engine:
            with pytest.raises(UnboundResourceError) as caught:
                await engine.start(definition)
            assert caught.value.resources == (arn, "Ship", "arn:aws:states:::sns:publish")
            with pytest.raises(BindingError, match="no module 'nowhere'"):
                await engine.start(WORK, tasks={"work": "python:nowhere:nothing"})
            assert engine.list().records == ()
            assert list(engine._bindings._open) == [engine._bindings.default]  # what failed keeps nothing

    asyncio.run(scenario())


def test_tasks_given_at_the_start_are_for_that_execution() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            ids = [await engine.start(WORK, tasks={"work": _returning(number)}) for number in range(5)]
            assert [(await engine.wait(each)).output for each in ids] == list(range(5))
            assert (await engine.run(WORK, "own")).output == "own"

    asyncio.run(scenario())


def _returning(value: Json) -> Callable[[], Json]:
    return lambda: value


# -- the same name ---------------------------------------------------------------------------------------------------


def test_the_same_name_definition_and_input_is_the_same_execution() -> None:
    async def scenario() -> None:
        calls: list[Json] = []

        async def work(value: Json) -> Json:
            calls.append(value)
            return value

        async with engine_on(tasks={"work": work}) as engine:
            for _ in range(2):
                assert await engine.start(WAIT, {"a": 1}, name="one") == "one"
                await settle()
            first = await engine.wait("one")
            assert await engine.run(WAIT, {"a": 1}, name="one") == first
            assert calls == [{"a": 1}]
            assert len(engine.list().records) == 1

    run_virtual(scenario)


@pytest.mark.parametrize(("definition", "value"), [(PASS, {"a": 1}), (WORK, {"a": 2})])
def test_the_same_name_for_something_else_is_refused(definition: Any, value: Json) -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            await engine.run(WORK, {"a": 1}, name="one")
            with pytest.raises(ExecutionAlreadyExistsError, match="'one'"):
                await engine.start(definition, value, name="one")

    asyncio.run(scenario())


def test_starting_what_was_interrupted_goes_on_with_it() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            await engine.start(WAIT, {"a": 1}, name="one")
            await settle()
        async with engine_on(store) as engine:
            result = await engine.run(WAIT, {"a": 1}, name="one")
            assert result.output == {"a": 1}
            assert result.stopped_ms - result.started_ms == 60_000

    run_virtual(scenario)


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_waiting_may_be_given_up_and_taken_up() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            await engine.start(WAIT, name="one")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.wait("one"), 5)
            results = await asyncio.gather(*[engine.wait("one") for _ in range(3)])
            assert all(each.succeeded for each in results)

    run_virtual(scenario)


def test_waits_that_are_given_up_leave_nothing_behind_and_disturb_no_other() -> None:
    async def scenario() -> None:
        async with Engine("memory", tasks={"work": lambda: 1}) as engine:
            execution_id = await engine.start(WAIT)
            kept = asyncio.ensure_future(engine.wait(execution_id))
            await asyncio.sleep(0)
            for _ in range(20):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(engine.wait(execution_id), 0.0001)
            assert len(engine._worker.driven[execution_id].closed) == 1
            await engine.stop(execution_id)
            assert (await kept).status is ExecutionStatus.ABORTED

    asyncio.run(scenario())


def test_waiting_for_what_nobody_drives_is_refused() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            await engine.start(WAIT, name="one")
        async with engine_on(store) as engine:
            with pytest.raises(StatemachineError, match="not driven by this engine: resume it first"):
                await engine.wait("one")
            with pytest.raises(ExecutionNotFoundError):
                await engine.wait("other")

    run_virtual(scenario)


# -- resuming --------------------------------------------------------------------------------------------------------


def test_resume_goes_on_with_all_that_was_interrupted(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "store.db"
        async with engine_on(path) as engine:
            await engine.run(PASS, name="ended")
            for number in range(250):
                await engine.start(WAIT, number, name=f"e{number}")
        async with engine_on(path) as engine:
            await engine.start(WAIT, 250, name="e250")
            resumed = await engine.resume()
            assert sorted(resumed) == sorted(f"e{number}" for number in range(250))
            assert await engine.resume() == []
            results = [await engine.wait(f"e{number}") for number in range(251)]
            assert [each.output for each in results] == list(range(251))

    run_virtual(scenario)


def test_resume_of_what_has_ended_or_is_driven_changes_nothing() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            await engine.run(PASS, name="ended")
            await engine.start(WAIT, name="driven")
            before = engine.describe("ended")
            assert await engine.resume("ended") == ["ended"]
            assert await engine.resume("driven") == ["driven"]
            assert engine.describe("ended") == before
            assert (await engine.wait("ended")).succeeded
            with pytest.raises(ExecutionNotFoundError):
                await engine.resume("unknown")

    run_virtual(scenario)


def test_what_another_process_drives_is_left_to_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "store.db"
        async with engine_on(path) as first, engine_on(path) as second:
            await first.start(WAIT, name="one")
            await settle()
            with pytest.raises(ExecutionOwnedError, match=f"process {os.getpid()}"):
                await second.resume("one")
            with pytest.raises(ExecutionOwnedError):
                await second.start(WAIT, name="one")
            assert await second.resume() == []
            assert (await first.wait("one")).succeeded
            assert (await second.wait("one")).succeeded

    run_virtual(scenario)


def test_one_that_cannot_be_resumed_does_not_keep_the_others_from_it() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, tasks={"work": noop, "other": noop}) as engine:
            await engine.start(machine(Rest={"Type": "Wait", "Seconds": 1}, Work=task("other")), name="unbound")
            await engine.start(WAIT, name="bound")
            await settle()
        async with engine_on(store) as engine:
            with pytest.raises(
                ResumeError, match="1 of 2 executions could not be resumed:\nunbound: no handler"
            ) as caught:
                await engine.resume()
            assert caught.value.resumed == ("bound",)
            assert list(caught.value.errors) == ["unbound"]
            assert (await engine.wait("bound")).succeeded
            assert engine.describe("unbound").owner is None  # it can be resumed by whoever can do it
            await engine.resume("unbound", tasks={"other": noop})
            assert (await engine.wait("unbound")).succeeded

    run_virtual(scenario)


def test_a_resumed_task_is_called_with_the_same_operation_id() -> None:
    async def scenario() -> None:
        seen: list[tuple[str, str]] = []

        async def work(value: Json, context: Any) -> Json:
            seen.append((context.operation_id, context.token))
            if len(seen) < 3:
                await asyncio.sleep(3_600)
            return "done"

        store = MemoryStore()
        for _ in range(2):
            async with engine_on(store, tasks={"work": work}) as engine:
                await engine.start(WORK, name="one")
                await settle()
        async with engine_on(store, tasks={"work": work}) as engine:
            await engine.resume("one")
            assert (await engine.wait("one")).output == "done"
        assert len(seen) == 3
        assert len(set(seen)) == 1

    run_virtual(scenario)


def test_a_wait_whose_time_has_come_meanwhile_ends_at_once() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            await engine.start(WAIT, name="one")
            await settle()
        await asyncio.sleep(1_000)
        async with engine_on(store) as engine:
            await engine.resume("one")
            result = await engine.wait("one")
            assert result.stopped_ms - result.started_ms == 1_000_000

    run_virtual(scenario)


# -- stopping --------------------------------------------------------------------------------------------------------


def test_stop_ends_an_execution_with_error_and_cause() -> None:
    async def scenario() -> None:
        cancelled: list[bool] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        async with engine_on(tasks={"work": work}) as engine:
            await engine.start(WORK, name="one")
            await settle()
            waiting = asyncio.ensure_future(engine.wait("one"))
            result = await engine.stop("one", "Cancelled", "no longer needed")
            assert (result.status, result.error, result.cause) == (
                ExecutionStatus.ABORTED, "Cancelled", "no longer needed",
            )  # fmt: skip
            assert await waiting == result
            await settle()
            assert cancelled == [True]
            assert await engine.stop("one", "Other") == result  # it has ended
            assert [each.type for each in engine.history("one")][-1] == "ExecutionAborted"
            with pytest.raises(ExecutionNotFoundError):
                await engine.stop("unknown")

    run_virtual(scenario)


@pytest.mark.parametrize("definition", [WAIT, WORK, LOOP])
def test_stop_performs_nothing_of_an_execution_that_was_interrupted(definition: Any) -> None:
    async def scenario() -> None:
        calls: list[Json] = []

        async def work(value: Json) -> Json:
            calls.append(value)
            await asyncio.sleep(3_600)
            return value

        store = MemoryStore()
        async with engine_on(store, tasks={"work": work}, limits=UNLIMITED) as engine:
            await engine.start(definition, {"n": 0, "most": 1_000_000}, name="one")
            await settle(2)
        calls.clear()
        async with engine_on(store, tasks={}) as engine:  # not even bound
            assert (await engine.stop("one")).status is ExecutionStatus.ABORTED
            await settle()
        assert calls == []
        assert store.get("one").owner is None

    run_virtual(scenario)


def test_stop_of_what_was_created_and_never_started() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        start = Start(load(WORK), Document({}), "one", "StateMachine", TaskRegistry(), Durability.FULL)
        store.create([new_driven(start, AWS_LIMITS, START_MS)[1]])
        store.release("one")
        async with engine_on(store) as engine:
            assert (await engine.stop("one")).status is ExecutionStatus.ABORTED
            assert engine.history("one")[0].type == "ExecutionStarted"

    run_virtual(scenario)


# -- options and resources -------------------------------------------------------------------------------------------


def test_durability_is_stored_with_the_execution(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with engine_on(tmp_path / "store.db", durability="normal") as engine:
            await engine.run(PASS, name="normal")
            await engine.run(PASS, name="full", durability=Durability.FULL)
            await engine.run(PASS, name="none", durability="none")
            for name in ("normal", "full", "none"):
                assert engine.describe(name).durability == name

    asyncio.run(scenario())


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"concurrency": "7"}, {"resource_concurrency": {"work": 0}}])
def test_limits_that_let_nothing_run_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(StatemachineError, match="at least one task must be able to run"):
        Engine("memory", **options)


def test_an_unknown_durability_is_refused_before_the_store_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sometimes"):
        Engine(tmp_path / "store.db", durability="sometimes")
    assert not (tmp_path / "store.db").exists()


class Closing(TaskRegistry):
    """Counts its closings."""

    closed = 0

    async def aclose(self) -> None:
        type(self).closed += 1
        await super().aclose()


def test_connections_of_registries_are_closed_with_the_engine() -> None:
    async def scenario() -> None:
        Closing.closed = 0
        async with engine_on(tasks=Closing({"work": noop})) as engine:
            await engine.run(WORK)
            await engine.run(WORK, tasks=Closing({"work": noop}))
            assert Closing.closed == 0
        assert Closing.closed == 2

    asyncio.run(scenario())


def test_a_registry_that_was_made_for_one_execution_goes_with_it() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            for _ in range(3):
                await engine.run(WORK, tasks={"work": noop})
            await settle()
            assert list(engine._bindings._open) == [engine._bindings.default]
            assert not engine._bindings._closing

    asyncio.run(scenario())


def test_an_error_while_closing_connections_still_closes_the_store(tmp_path: Path) -> None:
    class Broken(TaskRegistry):
        async def aclose(self) -> None:
            raise OSError("connection reset")

    async def scenario() -> None:
        async with engine_on(tmp_path / "store.db", tasks=Broken({"work": noop})) as engine:
            await engine.run(WORK)
        with pytest.raises(StatemachineError, match="closed"):
            engine.describe("x")

    asyncio.run(scenario())


def test_a_store_that_was_given_stays_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "store.db")
        async with engine_on(store) as engine:
            await engine.run(PASS, name="one")
        assert store.get("one").status is ExecutionStatus.SUCCEEDED
        store.close()

    asyncio.run(scenario())


def test_many_starters_wait_until_there_is_room() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with Engine(store) as engine:
            starting = [asyncio.create_task(engine.start(PASS, name=f"e{number}")) for number in range(2_000)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(engine._worker._begins) <= BEGINS_WAITING
            starting[1_500].cancel()
            ended = await asyncio.gather(*starting, return_exceptions=True)
            assert [each for each in ended if isinstance(each, BaseException)] == [ended[1_500]]
        assert sum(store.statistics().executions.values()) == 1_999

    asyncio.run(scenario())


def test_who_waits_to_start_is_told_that_the_engine_was_closed() -> None:
    async def scenario() -> None:
        engine = Engine("memory")
        async with engine:
            starting = [asyncio.create_task(engine.start(PASS)) for _ in range(2_000)]
            await asyncio.sleep(0)
        ended = await asyncio.gather(*starting, return_exceptions=True)
        assert isinstance(ended[-1], StatemachineError)

    asyncio.run(scenario())


@pytest.mark.parametrize("crash", [False, True])
def test_an_execution_that_was_undone_shows_where_it_failed(crash: bool) -> None:
    async def scenario() -> None:
        saga = machine(Book=task("fine", CompensateWith="Cancel"), Pay=task("broken"))
        saga["States"]["Cancel"] = task("undo", Next="Tell")
        saga["States"]["Tell"] = {"Type": "Pass", "End": True}
        undo = asyncio.Event()

        def broken() -> None:
            raise ValueError("no money")

        tasks: dict[str, Any] = {"fine": lambda: 1, "broken": broken, "undo": undo.wait}
        store = MemoryStore()
        async with Engine(store, tasks=tasks) as engine:
            await engine.start(saga, name="one")
            while engine.describe("one").states != ("Cancel",):  # noqa: ASYNC110 - the engine tells of ends only
                await asyncio.sleep(0.001)
            if not crash:
                undo.set()
                assert (await engine.wait("one")).status is ExecutionStatus.FAILED
        if crash:
            async with Engine(store, tasks=tasks | {"undo": lambda: 1}) as engine:
                await engine.resume("one")
                await engine.wait("one")
        assert store.get("one").states == ("Pay",)

    asyncio.run(scenario())
