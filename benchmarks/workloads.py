"""The workloads: which definition, how its input scales, what is counted, when the answer is right."""

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

import statemachine
from statemachine import UNLIMITED, Engine


@dataclass(frozen=True)
class Workload:
    """`work` counts the units that a size stands for; `right` checks the output."""

    definition: str
    unit: str
    sizes: tuple[int, ...]
    make_input: Callable[[Path, int], Any]
    work: Callable[[int], int]
    right: Callable[[Any, int], bool]


def _loop(folder: Path, size: int, name: str) -> Any:
    data = json.loads((folder / f"{name}.input.json").read_text(encoding="utf-8"))
    data["loop"]["limit"] = size
    return data


def _looped(output: Any, size: int) -> bool:
    return bool(output["loop"]["i"] == size)


def _items(_: Path, size: int) -> Any:
    return {"items": _digits(size)}


def _limited(folder: Path, size: int) -> Any:
    data = json.loads((folder / "w7_jsonata.input.json").read_text(encoding="utf-8"))
    data["limit"] = size
    return data


def _digits(size: int) -> list[int]:
    return [number % 10 for number in range(size)]


WORKLOADS = {
    "W1": Workload(
        "w1_loop", "transitions", (5_000, 20_000, 80_000), lambda folder, size: _loop(folder, size, "w1_loop"),
        lambda size: 2 * size + 1, _looped,
    ),
    "W3": Workload(
        "w3_loop", "tasks", (1_000, 4_000, 16_000), lambda folder, size: _loop(folder, size, "w3_loop"),
        lambda size: size, _looped,
    ),
    "W5-c0": Workload("w5_map_c0", "items", (1_000, 10_000, 100_000), _items, lambda size: size,
        lambda output, size: bool(output == _digits(size))),
    "W5-c40": Workload("w5_map_c40", "items", (1_000, 10_000, 100_000), _items, lambda size: size,
        lambda output, size: bool(output == _digits(size))),
    "W7": Workload("w7_jsonata", "iterations", (250, 1_000, 4_000), _limited, lambda size: size,
        lambda output, size: output["round"] == size - 1 and len(output["totals"]) > 10),
}  # fmt: skip


async def _noop(_: Any) -> Any:
    return {}


async def _run(workload: Workload, store: str, size: int, folder: Path, place: Path) -> tuple[Any, float]:
    definition = folder / f"{workload.definition}.asl.json"
    resources = _resources(json.loads(definition.read_text(encoding="utf-8")))
    data = workload.make_input(folder, size)
    tasks = dict.fromkeys(resources, _noop)
    where = "memory" if store == "memory" else place / "store.db"
    async with Engine(where, tasks=tasks, limits=UNLIMITED) as engine:
        started = time.process_time()
        result = await engine.run(definition, data)
        return result.output, time.process_time() - started


def _resources(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["Resource"]] if isinstance(value.get("Resource"), str) else []
        return own + [found for each in value.values() for found in _resources(each)]
    return [found for each in value for found in _resources(each)] if isinstance(value, list) else []


def main() -> None:
    """Run one workload once and print what came of it, as JSON."""
    name, store, size, folder, place = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5])
    workload = WORKLOADS[name]
    output, seconds = asyncio.run(_run(workload, store, size, folder, place))
    print(
        json.dumps(
            {
                "workload": name,
                "store": store,
                "size": size,
                "unit": workload.unit,
                "right": workload.right(output, size),
                "cpu_seconds": seconds,
                "per_cpu_second": workload.work(size) / seconds,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "version": statemachine.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
