"""Metrics: what is counted, and how it is written."""

from __future__ import annotations

import pytest
from machines import PASS, RETRIED, WAIT, WORK
from virtual_time import LoopClock, run_virtual, without_threads

from statemachine.errors import TaskError
from statemachine.runtime import metrics as module
from statemachine.runtime.engine import Engine
from statemachine.runtime.metrics import METRICS, Metrics
from statemachine.store.memory import MemoryStore


def test_an_engine_counts_what_it_does() -> None:
    async def scenario() -> None:
        metrics = Metrics()
        fails = iter([True, False, True, True, True])

        async def work() -> None:
            if next(fails, False):
                raise TaskError("No")

        async with without_threads(
            Engine(MemoryStore(), clock=LoopClock(), tasks={"work": work}, metrics=metrics)
        ) as engine:
            await engine.start_many(PASS, [{}] * 3)
            assert (await engine.run(RETRIED)).succeeded
            assert not (await engine.run(RETRIED)).succeeded
            assert (await engine.run(WAIT)).succeeded
        value = metrics.value
        assert value("statemachine_executions_started_total") == 6
        assert value("statemachine_executions_closed_total", status="SUCCEEDED") == 5
        assert value("statemachine_executions_closed_total", status="FAILED") == 1
        assert value("statemachine_tasks_scheduled_total", resource="work") == 6
        assert value("statemachine_task_retries_total", resource="work") == 3
        assert value("statemachine_tasks_ended_total", resource="work", outcome="failed") == 4
        assert value("statemachine_tasks_ended_total", resource="work", outcome="succeeded") == 2
        assert value("statemachine_task_seconds", resource="work") == 6
        assert value("statemachine_timer_late_seconds") == 4
        assert value("statemachine_commit_seconds") == value("statemachine_commits_total") > 6
        assert value("statemachine_driven") == 1  # at the last turn, in which it ended
        named = [line.split()[2] for line in metrics.render().splitlines() if line.startswith("# TYPE")]
        assert set(named) <= set(METRICS)

    run_virtual(scenario)


def test_timeouts_are_counted() -> None:
    async def scenario() -> None:
        import asyncio

        metrics = Metrics()

        async def work() -> None:
            await asyncio.sleep(3_600)

        async with without_threads(
            Engine(MemoryStore(), clock=LoopClock(), tasks={"work": work}, metrics=metrics)
        ) as engine:
            await engine.run(RETRIED)
        assert metrics.value("statemachine_task_timeouts_total", event="TaskTimedOut") == 3

    run_virtual(scenario)


def test_the_text_is_prometheus() -> None:
    metrics = Metrics()
    metrics.count("statemachine_tasks_scheduled_total", (("resource", 'a"b\\c\nd'),))
    metrics.count("statemachine_tasks_scheduled_total", (("resource", 'a"b\\c\nd'),), 2)
    metrics.set("statemachine_driven", 7)
    metrics.observe("statemachine_commit_seconds", 0.004)
    metrics.observe("statemachine_commit_seconds", 1_000.0)
    lines = metrics.render().splitlines()
    assert 'statemachine_tasks_scheduled_total{resource="a\\"b\\\\c\\nd"} 3' in lines
    assert "statemachine_driven 7" in lines
    assert "# TYPE statemachine_commit_seconds histogram" in lines
    assert 'statemachine_commit_seconds_bucket{le="0.0025"} 0' in lines
    assert 'statemachine_commit_seconds_bucket{le="0.005"} 1' in lines
    assert 'statemachine_commit_seconds_bucket{le="300.0"} 1' in lines
    assert 'statemachine_commit_seconds_bucket{le="+Inf"} 2' in lines
    assert "statemachine_commit_seconds_sum 1000.004" in lines
    assert "statemachine_commit_seconds_count 2" in lines


def test_labels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SERIES", 3)
    metrics = Metrics()
    for number in range(10):
        metrics.count("statemachine_tasks_scheduled_total", (("resource", f"r{number}"),))
    assert metrics.value("statemachine_tasks_scheduled_total", resource="r0") == 1
    assert metrics.value("statemachine_tasks_scheduled_total", resource="other") == 7


def test_without_a_hook_nothing_is_counted() -> None:
    async def scenario() -> None:
        async with Engine("memory", tasks={"work": lambda: 1}) as engine:
            assert (await engine.run(WORK)).succeeded

    run_virtual(scenario)
