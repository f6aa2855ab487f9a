"""The worker: order, fairness, isolation, heartbeats, failing commits, what is left in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from machines import BEATING, LOOP, PASS, RETRIED, WAIT, WAITS, WORK, RecordingStore, machine, task
from virtual_time import LoopClock, run_virtual, settle, without_threads

from statemachine.errors import KernelError, StatemachineError, StoreError
from statemachine.integrations.base import TaskContext
from statemachine.jsonvalue import Json
from statemachine.kernel.advance import Step
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import Event, StopRequested, TaskHeartbeatLost, TimerFired
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import decode_event
from statemachine.limits import UNLIMITED
from statemachine.program.nodes import Program
from statemachine.runtime import stepping
from statemachine.runtime import worker as module
from statemachine.runtime.committing import EVENTS_PER_SNAPSHOT
from statemachine.runtime.driven import EngineClosedError
from statemachine.runtime.engine import Engine
from statemachine.store.base import Commit, Durability, NewExecution, Store
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore


def engine_on(store: Store, **options: Any) -> Engine:
    return without_threads(Engine(store, clock=LoopClock(), **options))


def events_of(store: Store, execution_id: str) -> list[Event]:
    return [decode_event(each) for each in store.journal(execution_id)]


def assert_nothing_left(engine: Engine) -> None:
    worker = engine._worker
    assert worker.driven == {}
    assert len(worker.performer.timers) == 0
    assert len(worker.performer.tasks) == 0
    assert not worker._runnable


# -- commits ---------------------------------------------------------------------------------------------------------


def test_a_task_is_called_only_when_what_led_to_it_is_stored() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        seen: list[list[str]] = []

        async def work() -> None:
            seen.append([event.type for event in store.history("one")])

        async with engine_on(store, tasks={"work": work}) as engine:
            await engine.run(WORK, name="one")
        assert [types[-1] for types in seen] == ["TaskStarted"]

    run_virtual(scenario)


def test_a_listener_hears_only_of_what_is_stored() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        heard: list[HistoryEvent] = []

        def listen(execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
            heard.extend(history)
            assert list(store.history(execution.id)) == heard

        async with engine_on(store, tasks={"work": lambda: 1}) as engine:
            engine.add_listener(listen)
            await engine.run(WAIT, name="one")
            assert heard == engine.history("one")

    run_virtual(scenario)


def test_executions_that_are_ready_share_a_commit() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store) as engine:
            ids = await engine.start_many(PASS, [None] * 100)
            for each in ids:
                await engine.wait(each)
        assert [len(commits) for commits in store.commits] == [100]

    run_virtual(scenario)


def test_a_turn_is_bounded_and_starves_nobody() -> None:
    """A long loop yields; a short execution that is started later ends first."""

    async def scenario() -> None:
        store = RecordingStore()
        ended: list[str] = []

        def listen(execution: Execution, _: tuple[HistoryEvent, ...]) -> None:
            if execution.closed:
                ended.append(execution.id)

        async with engine_on(store, limits=UNLIMITED) as engine:
            engine.add_listener(listen)
            for name in ("long", "longer"):
                await engine.start(LOOP, {"n": 0, "most": 20_000}, name=name)
            await settle(6)
            await engine.start(PASS, name="short")
            for name in ("long", "longer", "short"):
                await engine.wait(name)
        assert ended[0] == "short"
        per_turn = [sum(len(commit.history) for commit in commits) for commits in store.commits]
        assert max(per_turn) <= module.HISTORY_PER_TURN + 2 * UNLIMITED.fuel

    run_virtual(scenario)


def test_what_a_turn_leaves_over_is_first_in_the_next() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store, limits=UNLIMITED) as engine:
            names = [f"e{number}" for number in range(10)]
            await asyncio.gather(*(engine.start(LOOP, {"n": 0, "most": 10_000}, name=name) for name in names))
            begun = len(store.commits)
            for name in names:
                await engine.wait(name)
        turns = [[commit.execution_id for commit in commits] for commits in store.commits[begun:]]
        assert len(turns[0]) < 10
        # Everyone has had a turn before anyone has a second one.
        order = [name for turn in turns for name in turn]
        assert sorted(order[:10]) == sorted(names)

    run_virtual(scenario)


def test_one_event_fires_all_timers_that_are_due() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, limits=UNLIMITED) as engine:
            await engine.run(WAITS, list(range(40)), name="one")
        timers = [event for event in events_of(store, "one") if isinstance(event, TimerFired)]
        assert len(timers) == 1

    run_virtual(scenario)


def test_snapshots_are_stored_as_events_gather() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store, limits=UNLIMITED) as engine:
            await engine.run(LOOP, {"n": 0, "most": 5_000}, name="one")
        commits = [commit for each in store.commits for commit in each]
        since = 0
        for commit in commits:
            since += len(commit.history) + len(commit.events)
            assert since < EVENTS_PER_SNAPSHOT + 3 * UNLIMITED.fuel
            if commit.snapshot is not None:
                since = 0
        assert sum(commit.snapshot is not None for commit in commits) > 3

    run_virtual(scenario)


# -- durability none -------------------------------------------------------------------------------------------------


def test_without_durability_only_the_end_is_stored() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store, tasks={"work": lambda: 1}, durability="none") as engine:
            await engine.run(WAIT, name="one")
            types = [event.type for event in engine.history("one")]
        assert len(store.commits) == 1
        assert types[0] == "ExecutionStarted"
        assert types[-1] == "ExecutionSucceeded"
        assert len(types) == 9

    run_virtual(scenario)


def test_without_durability_too_much_is_stored_all_the_same() -> None:
    async def scenario() -> None:
        store = RecordingStore()
        async with engine_on(store, durability="none", limits=UNLIMITED) as engine:
            result = await engine.run(LOOP, {"n": 0, "most": 20_000}, name="one")
            assert len(engine.history("one")) == engine.describe("one").history_length > 80_000
        assert result.output == {"n": 20_000, "most": 20_000}
        assert 3 <= len(store.commits) <= 8

    run_virtual(scenario)


# -- isolation -------------------------------------------------------------------------------------------------------


def test_errors_that_nobody_asks_for_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(program: Program, execution: Execution, event: Event) -> Step:
        raise KernelError("a mistake of ours")

    monkeypatch.setattr(stepping, "advance", broken)
    monkeypatch.setattr(module, "REMEMBERED_ERRORS", 10)

    async def scenario() -> None:
        async with engine_on(MemoryStore()) as engine:
            for number in range(30):
                await engine.start(PASS, name=f"e{number}")
            await settle()
            assert list(engine._worker._errors) == [f"e{number}" for number in range(20, 30)]

    run_virtual(scenario)


def test_a_listener_that_raises_is_dropped_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        calls: list[str] = []

        def bad(execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
            calls.append(execution.id)
            raise OSError("the terminal is gone")

        async with engine_on(MemoryStore(), tasks={"work": lambda: 1}) as engine:
            engine.add_listener(bad)
            assert (await engine.run(WAIT, name="one")).succeeded
        assert calls == ["one"]

    run_virtual(scenario)
    assert "a listener failed" in caplog.text


class FailingStore(MemoryStore):
    """Takes so many commits and then no more."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        self.write()
        super().create(executions, commits)

    def commit(self, commits: Sequence[Commit]) -> None:
        self.write()
        super().commit(commits)

    def write(self) -> None:
        self.good -= 1
        if self.good < 0:
            raise StoreError("the disk is full")


def test_a_start_that_cannot_be_stored_is_none() -> None:
    async def scenario() -> None:
        store = FailingStore(0)
        async with engine_on(store, tasks={"work": lambda: 1}) as engine:
            starts = [engine.start(WORK, name=name) for name in ("one", "two")]
            for outcome in await asyncio.gather(*starts, return_exceptions=True):
                assert isinstance(outcome, StoreError)
            with pytest.raises(StoreError, match="the engine has stopped: the disk is full"):
                await engine.start(WORK, name="three")
            assert_nothing_left(engine)
        assert store.statistics().executions == {}

    run_virtual(scenario)


def test_a_failed_commit_stops_the_engine_and_wakes_all_that_wait() -> None:
    called: list[str] = []

    async def work(_: Json, context: TaskContext) -> None:
        called.append(context.execution_id)

    async def scenario() -> None:
        async with engine_on(FailingStore(1), tasks={"work": work}) as engine:
            await asyncio.gather(*(engine.start(WORK, name=name) for name in ("one", "two")))
            for each in [asyncio.ensure_future(engine.wait(name)) for name in ("one", "two")]:
                with pytest.raises(StoreError, match="the disk is full"):
                    await each
            with pytest.raises(StoreError, match="the disk is full"):
                await engine.wait("one")
            with pytest.raises(StoreError, match="the engine has stopped: the disk is full"):
                await engine.start(WORK, name="three")
            with pytest.raises(StoreError, match="the engine has stopped"):
                await engine.resume("one")
            assert_nothing_left(engine)
        assert len(called) == 2

    run_virtual(scenario)


def test_after_a_failed_commit_another_engine_goes_on() -> None:
    async def scenario() -> None:
        store = FailingStore(1)
        async with engine_on(store, tasks={"work": lambda: 1}) as engine:
            await engine.start(WORK, name="one")
            with pytest.raises(StoreError):
                await engine.wait("one")
        store.good = 1_000
        async with engine_on(store, tasks={"work": lambda: 2}) as engine:
            assert await engine.resume() == ["one"]
            assert (await engine.wait("one")).output == 2

    run_virtual(scenario)


class SlowStore(SqliteStore):
    """A commit that ends an execution waits until it is let through."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ending = threading.Event()
        self.go_on = threading.Event()

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        self.wait_at_the_end(commits)
        super().create(executions, commits)

    def commit(self, commits: Sequence[Commit]) -> None:
        self.wait_at_the_end(commits)
        super().commit(commits)

    def wait_at_the_end(self, commits: Sequence[Commit]) -> None:
        if any(each.status is not ExecutionStatus.RUNNING for each in commits):
            self.ending.set()
            assert self.go_on.wait(20)


def test_an_event_that_comes_while_the_end_is_being_stored_is_too_late(tmp_path: Any) -> None:
    async def scenario() -> None:
        store = SlowStore(tmp_path / "store.db")
        async with Engine(store) as engine:
            waiting = asyncio.ensure_future(engine.run(PASS, name="one"))
            await asyncio.to_thread(store.ending.wait, 20)
            for _ in range(3):
                engine._worker.post("one", StopRequested(0))
            store.go_on.set()
            assert (await waiting).succeeded
            assert (await engine.run(PASS)).succeeded  # the engine is well
            assert len(engine.history("one")) == 4
        store.close()

    asyncio.run(scenario())


def test_the_loop_is_free_while_a_commit_waits_for_the_disk(tmp_path: Any) -> None:
    async def scenario() -> None:
        store = SlowStore(tmp_path / "store.db")
        async with Engine(store) as engine:
            waiting = asyncio.ensure_future(engine.run(PASS, name="one"))
            while not store.ending.is_set():  # noqa: ASYNC110 - set in another thread
                await asyncio.sleep(0)  # would never end if the commit were made here
            store.go_on.set()
            await waiting
        store.close()

    asyncio.run(scenario())


def test_closing_ends_the_commit_that_is_going_on(tmp_path: Any) -> None:
    async def scenario() -> None:
        store = SlowStore(tmp_path / "store.db")
        async with Engine(store) as engine:
            waiting = asyncio.ensure_future(engine.run(PASS, name="one"))
            await asyncio.to_thread(store.ending.wait, 20)
            asyncio.get_running_loop().call_later(0, store.go_on.set)
        assert (await waiting).succeeded
        assert store.get("one").status is ExecutionStatus.SUCCEEDED
        store.close()

    asyncio.run(scenario())


def test_handlers_that_hang_in_the_loops_own_threads_do_not_keep_commits_waiting(tmp_path: Any) -> None:
    release = threading.Event()

    async def hang() -> None:
        await asyncio.to_thread(release.wait, 20)

    async def scenario() -> None:
        async with Engine(tmp_path / "store.db", tasks={"work": hang}) as engine:
            for number in range(64):
                await engine.start(WORK, name=f"e{number}")
            assert (await engine.run(PASS)).succeeded
            release.set()

    asyncio.run(scenario())


# -- tasks and timers ------------------------------------------------------------------------------------------------


def test_a_timeout_reaches_an_async_handler() -> None:
    async def scenario() -> None:
        ends: list[float] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                ends.append(asyncio.get_running_loop().time())
                raise

        async with engine_on(MemoryStore(), tasks={"work": work}) as engine:
            result = await engine.run(RETRIED, name="one")
            assert (result.status, result.error) == (ExecutionStatus.FAILED, "States.Timeout")
            # Three attempts of five seconds, two and four seconds apart.
            assert [round(end) for end in ends] == [5, 12, 21]
            assert result.stopped_ms - result.started_ms == 21_000
            assert_nothing_left(engine)

    run_virtual(scenario)


def test_a_timeout_reaches_a_blocking_handler_and_its_thread_blocks_nobody() -> None:
    release = threading.Event()
    contexts: list[TaskContext] = []

    def work(_: Json, context: TaskContext) -> None:
        contexts.append(context)
        release.wait(20)

    async def scenario() -> None:
        async with engine_on(MemoryStore(), tasks={"work": work, "other": lambda: 1}, concurrency=1) as engine:
            result = await engine.run(RETRIED, name="one")
            assert result.error == "States.Timeout"
            assert all(each.cancelled.is_set() for each in contexts)
            assert (await engine.run(WORK, tasks={"work": lambda: "free"})).output == "free"
        release.set()

    run_virtual(scenario)


def test_a_heartbeat_is_lost() -> None:
    async def scenario() -> None:
        cancelled: list[bool] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        store = MemoryStore()
        async with engine_on(store, tasks={"work": work}) as engine:
            result = await engine.run(BEATING, name="one")
            assert result.error == "States.HeartbeatTimeout"
            assert result.stopped_ms - result.started_ms == 10_000
            assert cancelled == [True]
            assert_nothing_left(engine)

    run_virtual(scenario)


@pytest.mark.parametrize("threaded", [False, True])
def test_a_task_that_beats_lives_on(threaded: bool) -> None:
    async def scenario() -> None:
        async def work(_: Json, context: TaskContext) -> str:
            for _ in range(20):
                await asyncio.sleep(9)
                if threaded:
                    thread = threading.Thread(target=context.heartbeat)
                    thread.start()
                    thread.join()
                else:
                    context.heartbeat()
            return "alive"

        store = MemoryStore()
        async with engine_on(store, tasks={"work": work}) as engine:
            result = await engine.run(BEATING, name="one")
            assert result.output == "alive"
            assert result.stopped_ms - result.started_ms == 180_000
            assert_nothing_left(engine)
            await asyncio.sleep(100)
        assert not [event for event in events_of(store, "one") if isinstance(event, TaskHeartbeatLost)]

    run_virtual(scenario)


def test_the_heartbeat_of_a_task_that_is_over_is_not_lost_later() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        definition = {
            "StartAt": "Beat",
            "States": {
                "Beat": {"Type": "Task", "Resource": "work", "HeartbeatSeconds": 10, "Next": "Rest"},
                "Rest": {"Type": "Wait", "Seconds": 60, "End": True},
            },
        }

        async def work() -> None:
            """In no time: what a thread does would take the time of the next timer here."""

        async with engine_on(store, tasks={"work": work}) as engine:
            await engine.run(definition, name="one")
            assert_nothing_left(engine)
        assert not [event for event in events_of(store, "one") if isinstance(event, TaskHeartbeatLost)]

    run_virtual(scenario)


def test_a_heartbeat_after_the_engine_is_gone_harms_nothing() -> None:
    contexts: list[TaskContext] = []

    async def work(_: Json, context: TaskContext) -> None:
        contexts.append(context)

    async def scenario() -> None:
        async with engine_on(MemoryStore(), tasks={"work": work}) as engine:
            await engine.run(BEATING)

    run_virtual(scenario)
    contexts[0].heartbeat()


def test_limits_hold_across_executions() -> None:
    async def scenario() -> None:
        now = most = 0

        async def work() -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1

        async with engine_on(
            MemoryStore(), tasks={"work": work}, concurrency=10, resource_concurrency={"work": 3}
        ) as engine:
            ids = [await engine.start(WORK) for _ in range(12)]
            results = [await engine.wait(each) for each in ids]
        assert most == 3
        assert all(each.succeeded for each in results)
        assert asyncio.get_running_loop().time() == 4

    run_virtual(scenario)


# -- stopping --------------------------------------------------------------------------------------------------------


def test_closing_tells_those_that_wait() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store, tasks={"work": lambda: 1}) as engine:
            await engine.start(WAIT, name="one")
            waiting = asyncio.ensure_future(engine.wait("one"))
            await settle()
        with pytest.raises(EngineClosedError, match="one had ended; it can be resumed"):
            await waiting
        assert_nothing_left(engine)

    run_virtual(scenario)


def test_an_engine_that_was_closed_takes_nothing() -> None:
    async def scenario() -> None:
        engine = engine_on(MemoryStore())
        with pytest.raises(StatemachineError, match="not running"):
            await engine.start(PASS)
        async with engine:
            pass
        await engine.close()
        for call in (engine.start(PASS), engine.resume(), engine.stop("x")):
            with pytest.raises(StatemachineError, match="closed"):
                await call

    run_virtual(scenario)


# -- many ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_thousand_executions_at_once(kind: str, durability: Durability, tmp_path: Any) -> None:
    async def scenario() -> None:
        store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "store.db")
        called: dict[str, int] = {}

        async def work(value: Json, context: TaskContext) -> Json:
            called[context.execution_id] = called.get(context.execution_id, 0) + 1
            return value

        async with engine_on(store, tasks={"work": work}, durability=durability) as engine:
            ids = [await engine.start(WAIT, {"number": number}, name=f"e{number}") for number in range(1_000)]
            results = await asyncio.gather(*[engine.wait(each) for each in ids])
            assert [each.output for each in results] == [{"number": number} for number in range(1_000)]
            assert len(called) == 1_000
            assert set(called.values()) == {1}
            assert_nothing_left(engine)
            assert store.statistics().executions == {ExecutionStatus.SUCCEEDED: 1_000}
        store.close()

    run_virtual(scenario)


@pytest.mark.parametrize(("own_loop", "alone"), [(False, True), (True, True), (True, False)])
def test_who_runs_alone_on_a_loop_of_its_own_is_stored_without_a_thread(
    tmp_path: Path, own_loop: bool, alone: bool
) -> None:
    threads: set[str] = set()

    class Watched(SqliteStore):
        def commit(self, commits: Any) -> None:
            if any(each.execution_id == "one" and each.sequence for each in commits):
                threads.add(threading.current_thread().name)
            super().commit(commits)

    async def scenario() -> None:
        store = Watched(tmp_path / "store.db")
        async with Engine(store, tasks={"work": _at_once, "long": asyncio.Event().wait}, own_loop=own_loop) as engine:
            if not alone:
                await engine.start(machine(Long=task("long")))
                while not engine._worker.performer.tasks.running:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0)
            await engine.run(WORK, name="one")
        store.close()

    asyncio.run(scenario())
    assert threads == {"MainThread" if own_loop and alone else "statemachine-commit"}


async def _at_once() -> int:
    return 1
