"""Run the benchmark workloads and print work per CPU second: ``python -m benchmarks``.

Each workload runs in a process of its own, in memory (``memory``) and on a store with fsync (``durable``), at several
sizes, so that growth shows: linear growth is a constant rate. An answer that is wrong counts as nothing. Rates are
work per second of CPU time (user and system) of the whole process's run, without its start-up. The machine's own
limits (benchmarks/machine.py) are measured first, in the same run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import statemachine
from benchmarks import machine
from benchmarks.workloads import WORKLOADS

Row = dict[str, Any]

_HEADINGS = ("workload", "store", "size", "unit", "per CPU s", "CPU s", "peak MB", "answer", "besides")


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="only this workload (repeatable)")
    parser.add_argument("--store", choices=["memory", "durable", "both"], default="both")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the best counts")
    parser.add_argument(
        "--place", type=Path, help="the folder for stores: its disk is measured (default: a temporary one)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.place) as place:
        limits = machine.limits(Path(place)) if arguments.store != "memory" else {}
    rows: list[Row] = []
    for name in arguments.only or WORKLOADS:
        for store in ("memory", "durable") if arguments.store == "both" else (arguments.store,):
            for size in WORKLOADS[name].sizes:
                rows.append(_best(name, store, size, arguments.repeat, arguments.place))
                if not arguments.json and not arguments.markdown:
                    _show(rows)
    if arguments.json:
        print(json.dumps({"version": statemachine.__version__, "limits": limits, "rows": rows}))
    elif arguments.markdown:
        print(_markdown(limits, rows))
    else:
        _show_limits(limits)
    return 0 if all(row["right"] for row in rows) else 1


def _best(name: str, store: str, size: int, repeat: int, folder: Path | None) -> Row:
    runs: list[Row] = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            command = [sys.executable, "-m", "benchmarks.workloads", name, store, str(size), place]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} {store} {size} failed:\n{done.stderr}")
        runs.append(json.loads(done.stdout))
    return max(runs, key=lambda run: float(run["per_cpu_second"]))


def _cells(row: Row) -> tuple[str, ...]:
    besides = []
    if "bytes_each" in row:
        besides.append(f"{row['bytes_each']:,.0f} bytes each, p99 {row['late_p99_ms']:.0f} ms late")
    if "of_raw_commits" in row:
        besides.append(f"{row['of_raw_commits']:.0%} of raw commits of our rows")
        besides.append(f"{row['of_plain_rows']:.0%} of a row for each event")
    return (
        row["workload"],
        row["store"],
        f"{row['size']:,}",
        row["unit"],
        f"{row['per_cpu_second']:,.0f}",
        f"{row['cpu_seconds']:.2f}",
        f"{row['peak_mb']:.0f}",
        "right" if row["right"] else "WRONG",
        "; ".join(besides),
    )


def _show(rows: list[Row]) -> None:
    line = "{:<9} {:<8} {:>9} {:<12} {:>11} {:>8} {:>8}  {:<6} {}"
    if len(rows) == 1:
        print(line.format(*_HEADINGS))
    print(line.format(*_cells(rows[-1])).rstrip(), flush=True)


def _show_limits(limits: dict[str, float]) -> None:
    for name, rate in limits.items():
        print(f"{name}: {rate:,.0f} per second")


def _markdown(limits: dict[str, float], rows: list[Row]) -> str:
    def table(*lines: tuple[str, ...]) -> list[str]:
        return [f"| {' | '.join(line)} |" for line in (lines[0], ("---",) * len(lines[0]), *lines[1:])]

    python = f"Python {platform.python_version()}, statemachine {statemachine.__version__}"
    measured = [(name, f"{rate:,.0f}") for name, rate in limits.items()]
    return "\n".join(
        [
            f"{python}, best of several runs.",
            "",
            *table(("This machine's limits", "per second"), *measured),
            "",
            *table(_HEADINGS, *map(_cells, rows)),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
