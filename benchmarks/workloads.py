"""The workloads: which definition, how its input scales, what is counted, when the answer is right.

Run as a program it measures one workload once: ``python -m benchmarks.workloads NAME STORE SIZE PLACE``.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import definitions, machine
from statemachine import UNLIMITED, Engine
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.runtime.results import ExecutionResult

Figures = dict[str, float]

WAIT_SECONDS = 10
"""How long the executions of W9 wait: all of them do so at the same time, also where starting takes seconds."""


@dataclass(frozen=True)
class Workload:
    """`work` counts the units that a size stands for; `right` checks an output."""

    definition: Callable[[int], dict[str, Any]]
    unit: str
    sizes: tuple[int, ...]
    make_input: Callable[[int], Any]
    work: Callable[[int], int]
    right: Callable[[Any, int], bool]
    many: bool = False
    """The size is a number of executions, not the size of one."""
    waits: bool = False
    """Memory and lateness of executions that wait are measured, too."""
    rounds: int = 1
    """Executions one after the other that are measured together, where one is too short."""


def _digits(size: int) -> list[int]:
    return [number % 10 for number in range(size)]


def _itself(size: int) -> int:
    return size


def _looped(output: Any, size: int) -> bool:
    return bool(output["loop"]["i"] == size)


def _merged(output: Any, size: int) -> bool:
    right = output["merge"]["merged"] | {"unique": None} == {
        "owner": "bench", "version": 3, "count": size, "known": True, "unique": None,
    }  # fmt: skip
    expensive = all(each["price"] > 10 for each in output["filtered"]["expensive"])
    return right and expensive and output["out"]["a99"]["line"] == f"article number 0003 of {size}"


_ORDER = {"total": 250.5, "country": "DE", "priority": True, "sku": "ab-Q01-77"}
_META = {"owner": "bench", "version": 3}


def _round(size: int, **more: Any) -> Any:
    return {"loop": {"i": 0, "limit": size}, **more}


WORKLOADS = {
    "W1": Workload(
        lambda _: definitions.transitions(), "transitions", (5_000, 20_000, 80_000), _round,
        lambda size: 2 * size + 1, _looped,
    ),
    "W2": Workload(
        lambda _: definitions.choice(), "transitions", (1_000, 4_000, 16_000),
        lambda size: _round(size, order=_ORDER), lambda size: 2 * size + 1, _looped,
    ),
    "W3": Workload(lambda _: definitions.tasks(), "tasks", (1_000, 4_000, 16_000), _round, _itself, _looped),
    "W4": Workload(
        lambda size: definitions.parallel(size // 10), "transitions", (1_000, 4_000), lambda _: {"n": 1}, _itself,
        lambda output, _: bool(output == [{"n": 1}] * 10),
    ),
    "W5-c0": Workload(
        lambda _: definitions.inline_map(0), "items", (1_000, 10_000, 100_000), lambda size: {"items": _digits(size)},
        _itself, lambda output, size: bool(output == _digits(size)),
    ),
    "W5-c40": Workload(
        lambda _: definitions.inline_map(40), "items", (1_000, 10_000, 100_000), lambda size: {"items": _digits(size)},
        _itself, lambda output, size: bool(output == _digits(size)),
    ),
    "W6": Workload(
        lambda _: definitions.data(), "transitions", (450, 900),
        lambda size: {"items": definitions.articles(size), "meta": _META, "out": {}},
        lambda _: 100, _merged, rounds=10,
    ),
    "W7": Workload(
        lambda _: definitions.jsonata(), "iterations", (250, 1_000, 4_000),
        lambda size: {
            "limit": size, "items": [{"id": i, "price": i * 37 % 101, "qty": i % 9 + 1} for i in range(100)],
        },
        _itself, lambda output, size: output["round"] == size - 1 and len(output["totals"]) > 10,
    ),
    "W8": Workload(
        lambda _: definitions.ten_states(), "executions", (1_000, 4_000, 16_000), lambda _: {"n": 1, "who": "bench"},
        _itself, lambda output, _: bool(output["added"] == {"n": 2} and output["merged"] == {"ok": True}), many=True,
    ),
    "W9": Workload(
        lambda _: definitions.wait(WAIT_SECONDS), "executions", (10_000,), lambda _: {"n": 1}, _itself,
        lambda output, _: bool(output == {"n": 1}), many=True, waits=True,
    ),
}  # fmt: skip


async def _noop(_: Any) -> Any:
    return {}


def _engine(store: str, place: Path) -> Engine:
    where = "memory" if store == "memory" else place / "store.db"
    return Engine(where, tasks={definitions.NOOP: _noop}, limits=UNLIMITED, own_loop=True)


async def _run_one(workload: Workload, store: str, size: int, place: Path) -> tuple[bool, Figures]:
    definition, data = workload.definition(size), workload.make_input(size)
    async with _engine(store, place) as engine:
        smallest = workload.sizes[0]
        await engine.run(workload.definition(smallest), workload.make_input(smallest))  # imports, threads, caches
        started, started_cpu = time.perf_counter(), time.process_time()
        results = [await engine.run(definition, data) for _ in range(workload.rounds)]
        figures = {"cpu_seconds": time.process_time() - started_cpu, "seconds": time.perf_counter() - started}
    return all(workload.right(result.output, size) for result in results), figures


async def _run_many(workload: Workload, store: str, size: int, place: Path) -> tuple[bool, Figures]:
    definition, data = workload.definition(size), workload.make_input(size)
    async with _engine(store, place) as engine:
        lateness = Lateness()
        if workload.waits:
            engine.add_listener(lateness.stored)
        await engine.start(definition, data)  # what is made once is no execution's: the program, the threads
        before = _peak_bytes()
        started, started_cpu = time.perf_counter(), time.process_time()
        if workload.waits:  # a task of the caller's for each start would be measured with what waits
            ids = await engine.start_many(definition, [data] * size)
        else:
            ids = await asyncio.gather(*(engine.start(definition, data) for _ in range(size)))
        peak = _peak_bytes()
        results: list[ExecutionResult] = await asyncio.gather(*map(engine.wait, ids))
        figures = {"cpu_seconds": time.process_time() - started_cpu, "seconds": time.perf_counter() - started}
    if lateness.late_ms:
        figures |= {"bytes_each": (peak - before) / size, "late_p99_ms": lateness.percentile(0.99)}
    figures["peak_mb"] = _peak_bytes() / 1_048_576
    if store == "durable":
        figures["of_raw_commits"] = machine.raw_seconds(place / "store.db", place / "raw.db") / figures["seconds"]
        figures["of_plain_rows"] = machine.plain_seconds(place / "store.db", place / "plain.db") / figures["seconds"]
    return all(workload.right(each.output, size) for each in results), figures


class Lateness:
    """How late the end of each Wait was stored. An execution of W9 waits from its start."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    def stored(self, execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
        """Listen to an engine."""
        if any(event.type == "WaitStateExited" for event in history):
            self.late_ms.append(time.time() * 1000 - execution.started_ms - WAIT_SECONDS * 1000)

    def percentile(self, share: float) -> float:
        """The lateness that this share of them does not exceed."""
        return sorted(self.late_ms)[int(len(self.late_ms) * share)]


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Run one workload once and print what came of it, as JSON."""
    name, store, size, place = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    workload = WORKLOADS[name]
    run = _run_many if workload.many else _run_one
    right, figures = asyncio.run(run(workload, store, size, place))
    figures["per_cpu_second"] = workload.rounds * workload.work(size) / figures["cpu_seconds"]
    figures.setdefault("peak_mb", _peak_bytes() / 1_048_576)
    print(
        json.dumps({"workload": name, "store": store, "size": size, "unit": workload.unit, "right": right, **figures})
    )


if __name__ == "__main__":
    main()
