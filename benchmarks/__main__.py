"""Run the benchmark workloads and print work per CPU second: ``python -m benchmarks --workloads DIR``.

Each workload runs in a process of its own, in memory (``memory``) and on a store with fsync (``durable``), at several
sizes, so that growth shows: linear growth is a constant rate. An answer that is wrong counts as nothing. Rates are
work per second of CPU time (user and system) of the whole process's run, without its start-up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.workloads import WORKLOADS


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    default = Path(__file__).parents[2] / "shared" / "bench" / "workloads"
    parser.add_argument("--workloads", type=Path, default=default, help="the folder of *.asl.json files")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="only this workload (repeatable)")
    parser.add_argument("--store", choices=["memory", "durable", "both"], default="both")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each; the best counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if not arguments.workloads.is_dir():
        parser.error(f"there is no folder {arguments.workloads}")
    rows = []
    for name in arguments.only or WORKLOADS:
        for store in ("memory", "durable") if arguments.store == "both" else (arguments.store,):
            for size in WORKLOADS[name].sizes:
                rows.append(_best(name, store, size, arguments.workloads, arguments.repeat))
                if not arguments.json:
                    _show(rows)
    if arguments.json:
        print(json.dumps(rows))
    return 0 if all(row["right"] for row in rows) else 1


def _best(name: str, store: str, size: int, folder: Path, repeat: int) -> dict[str, object]:
    runs = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "benchmarks.workloads", name, store, str(size), str(folder), place]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name} {store} {size} failed:\n{done.stderr}")
        runs.append(json.loads(done.stdout))
    return max(runs, key=lambda run: run["per_cpu_second"])


def _show(rows: list[dict[str, object]]) -> None:
    if len(rows) == 1:
        print(
            f"{'workload':<10} {'store':<8} {'size':>9} {'unit':<12} {'per CPU s':>11} "
            f"{'CPU s':>8} {'peak MB':>8}  answer"
        )
    row = rows[-1]
    print(
        f"{row['workload']:<10} {row['store']:<8} {row['size']:>9,} {row['unit']:<12} {row['per_cpu_second']:>11,.0f} "
        f"{row['cpu_seconds']:>8.2f} {row['peak_mb']:>8.0f}  {'right' if row['right'] else 'WRONG'}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
