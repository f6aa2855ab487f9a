"""The engine for programs without an event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from machines import PASS, WAIT, WORK, machine, task

import statemachine
from statemachine import ExecutionFailedError, StatemachineError, SyncEngine
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Filter


def test_run_is_one_call() -> None:
    result = statemachine.run(WORK, {"a": 1}, tasks={"work": lambda value: {**value, "b": 2}})
    assert result.succeeded
    assert result.unwrap() == {"a": 1, "b": 2}


def test_run_takes_async_functions_and_all_options() -> None:
    async def work(value: Any) -> Any:
        return value

    result = statemachine.run(WORK, [1], tasks={"work": work}, name="one", concurrency=1, durability="none")
    assert (result.id, result.output) == ("one", [1])


def test_run_keeps_nothing_unless_it_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    statemachine.run(PASS)
    assert list(tmp_path.iterdir()) == []
    statemachine.run(PASS, store=tmp_path / "store.db", name="kept")
    with SyncEngine(tmp_path / "store.db") as engine:
        assert engine.describe("kept").status is ExecutionStatus.SUCCEEDED


def test_a_failed_execution_raises_when_its_output_is_asked_for() -> None:
    result = statemachine.run(machine(F={"Type": "Fail", "Error": "Broken", "Cause": "glass"}))
    assert (result.status, result.output, result.error, result.cause) == ("FAILED", None, "Broken", "glass")
    with pytest.raises(ExecutionFailedError, match="ended FAILED: Broken: glass") as caught:
        result.unwrap()
    assert caught.value.result is result


def test_run_works_while_an_event_loop_runs() -> None:
    async def scenario() -> Any:
        return statemachine.run(WORK, 7, tasks={"work": lambda value: value}).output

    assert asyncio.run(scenario()) == 7


def test_it_has_the_engines_methods(tmp_path: Path) -> None:
    with SyncEngine(tmp_path / "store.db", tasks={"work": lambda: 1}) as engine:
        name = engine.start(WORK, name="one")
        assert engine.wait(name).output == 1
        assert engine.start(WAIT, name="two") == "two"
        assert engine.resume() == []
        assert engine.resume("two") == ["two"]
        with pytest.raises(TimeoutError):
            engine.wait("two", timeout_seconds=0.01)
        assert engine.stop("two", "Enough").error == "Enough"
        assert engine.history("two")[-1].type == "ExecutionAborted"
        assert {each.id for each in engine.list().records} == {"one", "two"}
        assert [each.id for each in engine.list(Filter(error="Enough"), 1).records] == ["two"]


def test_many_are_started_at_once_and_drained(tmp_path: Path) -> None:
    ended: list[Any] = []

    def work(value: Any) -> Any:
        ended.append(value)
        return value

    engine = SyncEngine(tmp_path / "store.db", tasks={"work": work})
    with engine:
        ids = engine.start_many(WORK, range(300))
        assert [engine.wait(each).output for each in ids] == list(range(300))
        assert sorted(ended) == list(range(300))
        assert engine.drain(5)
        assert engine.drain()
        with pytest.raises(StatemachineError, match="is closed"):
            engine.start(WORK)


def test_it_serves_many_threads() -> None:
    with SyncEngine("memory", tasks={"work": lambda value: value}) as engine, ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda number: engine.run(WORK, number).output, range(100)))
    assert results == list(range(100))


def test_it_says_how_it_is_used() -> None:
    engine = SyncEngine("memory")
    with pytest.raises(StatemachineError, match="not running: use it in `with SyncEngine"):
        engine.start(PASS)
    with engine:
        assert engine.run(PASS).succeeded
        with pytest.raises(StatemachineError, match="in use already"):
            engine.__enter__()
    with pytest.raises(StatemachineError, match="closed"):
        engine.start(PASS)
    engine.close()


def test_a_store_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("this is no database, only a text that is long enough to look at")
    with pytest.raises(StatemachineError, match="not a store"):
        SyncEngine(tmp_path / "store.db")


def test_a_handler_on_the_loop_cannot_wait_for_the_loop() -> None:
    async def nested(value: Any) -> Any:
        return engine.run(PASS).output

    with SyncEngine("memory", tasks={"work": nested}) as engine:
        result = engine.run(WORK)
    assert result.error == "StatemachineError"
    assert "use a sync handler" in (result.cause or "")


def test_a_sync_handler_may_run_another_execution() -> None:
    with SyncEngine("memory", tasks={"work": lambda: engine.run(PASS).output}) as engine:
        assert engine.run(WORK).output == "done"


def test_closing_wakes_the_threads_that_wait() -> None:
    engine = SyncEngine("memory")
    errors: list[Exception] = []
    engine.__enter__()
    engine.start(WAIT, tasks={"work": lambda: 1}, name="one")

    def waiter() -> None:
        try:
            engine.wait("one")
        except StatemachineError as error:
            errors.append(error)

    thread = threading.Thread(target=waiter)
    thread.start()
    while not engine._engine._worker.driven["one"].closed:
        pass
    engine.close()
    thread.join(20)
    assert "can be resumed" in str(errors[0])


def test_its_threads_are_gone_after_it_is_closed() -> None:
    with SyncEngine("memory", tasks={"work": lambda: 1}) as engine:
        engine.run(WORK)
    assert "statemachine-engine" not in {each.name for each in threading.enumerate()}


@pytest.mark.parametrize(
    "handler",
    [
        "def work(value):\n    time.sleep(3600)",
        "async def work(value):\n    await asyncio.to_thread(threading.Event().wait, 1.5)",
        """
async def work(value):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
""",
    ],
    ids=["blocking", "thread of the loop", "stubborn"],
)
def test_a_script_ends_although_a_handler_hangs(handler: str) -> None:
    definition = machine(Work=task(TimeoutSeconds=1))
    code = f"""
import asyncio, threading, time
import statemachine
{handler}
print(statemachine.run({definition!r}, tasks={{"work": work}}).error)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "States.Timeout", "")
