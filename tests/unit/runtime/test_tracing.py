"""OpenTelemetry spans."""

from __future__ import annotations

import sys

import pytest
from machines import RETRIED, machine, task, wait
from virtual_time import START_MS, LoopClock, run_virtual, without_threads

from statemachine.errors import StatemachineError, TaskError
from statemachine.runtime.engine import Engine
from statemachine.runtime.tracing import Tracing
from statemachine.store.memory import MemoryStore

pytest.importorskip("opentelemetry.sdk")


def test_an_execution_and_its_tasks_are_spans() -> None:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import StatusCode

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def scenario() -> None:
        fails = iter([True, False])

        async def work() -> None:
            if next(fails, True):
                raise TaskError("No", "because")

        async with without_threads(Engine(MemoryStore(), clock=LoopClock(), tasks={"work": work})) as engine:
            tracing = Tracing(provider.get_tracer("test"))
            engine.add_listener(tracing)
            await engine.run(RETRIED, name="one", machine_name="Retried")
            await engine.run(machine(Rest=wait(3), Work=task()), name="two", machine_name="Fails")
            assert tracing._open == {}

    run_virtual(scenario)
    provider.shutdown()
    spans: list[ReadableSpan] = list(exporter.get_finished_spans())
    assert [each.name for each in spans] == ["Work", "Work", "Retried", "Work", "Fails"]
    first, second, execution, _, failed = spans
    assert execution.context is not None
    assert execution.parent is None
    for each in (first, second):
        assert each.parent is not None
        assert each.parent.span_id == execution.context.span_id
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "because")
    assert second.status.status_code is StatusCode.UNSET
    assert execution.start_time == START_MS * 1_000_000
    assert execution.end_time is not None
    assert execution.end_time - execution.start_time == 2_000_000_000
    assert execution.attributes is not None
    assert execution.attributes["statemachine.status"] == "SUCCEEDED"
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "No"


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(StatemachineError, match=r"pip install 'asl-statemachine\[otel\]'"):
        Tracing()
