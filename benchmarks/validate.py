"""How long validation takes: ``python -m benchmarks.validate [--corpus DIR]``.

Three figures: the CPU time of one file inside a process (reading, all checks, no report; the median, the 95th
percentile and the slowest), the wall time of ``statemachine validate FILE`` as a process of its own, and of 500 files
in one process. Other validators that are installed (asl-validator, statelint, cfn-lint) check the same file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from statemachine.cli.validation.checking import check_file
from statemachine.cli.validation.configuration import DEFINITION_PATTERNS, Configurations, Overrides
from statemachine.cli.validation.discovery import Target

ROOT = Path(__file__).parents[1]
FILES = 500
# An installed package has its bytecode.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_OURS = [sys.executable, "-m", "statemachine"]
PEERS: dict[str, Callable[[Path], list[str]]] = {
    "asl-validator": lambda file: ["asl-validator", "--json-path", str(file)],
    "statelint": lambda file: ["statelint", str(file)],
    "cfn-lint": lambda file: ["cfn-lint", str(file)],
}
"""Command -> how it is called for a file; cfn-lint is given the file in a template."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validate", description=__doc__)
    parser.add_argument("--corpus", type=Path, action="append", help="a folder of definitions (repeatable)")
    parser.add_argument("--repeat", type=int, default=5, help="times that each file is checked; the best counts")
    parser.add_argument("--processes", type=int, default=20, help="processes of which the median is taken")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    files = _corpus(arguments.corpus or [ROOT / "examples", ROOT / "tests"])
    if not files:
        parser.error("there is no definition in the corpus")
    times = sorted(_in_process(file, arguments.repeat) for file in files)
    rows: dict[str, float] = {
        "files": len(files),
        "one file, CPU ms, median": statistics.median(times),
        "one file, CPU ms, 95th percentile": times[int(len(times) * 0.95)],
        "one file, CPU ms, slowest": times[-1],
        "python -c pass, ms": _process([sys.executable, "-c", "pass"], arguments.processes),
        "statemachine --version, ms": _process([*_OURS, "--version"], arguments.processes),
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = _typical(files, folder)
        rows["statemachine validate FILE, ms"] = _process([*_OURS, "validate", str(file)], arguments.processes)
        for name, call in PEERS.items():
            if shutil.which(name):
                checked = _template(file) if name == "cfn-lint" else file
                rows[f"{name} FILE, ms"] = _process(call(checked), min(arguments.processes, 5))
        _copies(files, folder / "many")
        rows[f"{FILES} files in one process, ms"] = _process([*_OURS, "validate", str(folder / "many")], 3)
    print(json.dumps(rows) if arguments.json else _table(rows))
    return 0


def _corpus(folders: list[Path]) -> list[Path]:
    patterns = (*DEFINITION_PATTERNS, "*.json") if len(folders) == 1 else DEFINITION_PATTERNS
    found = {path for folder in folders for pattern in patterns for path in folder.rglob(pattern)}
    return sorted(path for path in found if path.is_file())


def _in_process(file: Path, repeat: int) -> float:
    """CPU milliseconds for one check, the best of some."""
    target, configurations, overrides = Target(str(file)), Configurations(isolated=True), Overrides()
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        check_file(target, configurations, overrides)
        best = min(best, time.process_time() - started)
    return best * 1000


def _process(command: list[str], times: int) -> float:
    """Median wall milliseconds of a command."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False, env=_ENVIRONMENT)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def _typical(files: list[Path], folder: Path) -> Path:
    """A copy of the JSON definition (what every validator reads) of median size."""
    chosen = sorted((file for file in files if file.suffix == ".json"), key=lambda file: file.stat().st_size)
    if not chosen:
        path = folder / "typical.asl.json"
        path.write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}', encoding="utf-8")
        return path
    return Path(shutil.copy(chosen[len(chosen) // 2], folder / "typical.asl.json"))


def _template(file: Path) -> Path:
    """The definition in a template."""
    role = "arn:aws:iam::123456789012:role/machine"
    properties = {"RoleArn": role, "Definition": json.loads(file.read_text(encoding="utf-8"))}
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    path = file.with_name("template.json")
    path.write_text(json.dumps({"Resources": {"Machine": resource}}), encoding="utf-8")
    return path


def _copies(files: list[Path], folder: Path) -> None:
    folder.mkdir()
    for number in range(FILES):
        file = files[number % len(files)]
        suffix = ".asl.yaml" if file.suffix in (".yaml", ".yml") else ".asl.json"
        shutil.copy(file, folder / f"{number:03d}{suffix}")


def _table(rows: dict[str, float]) -> str:
    return "\n".join(f"{name:<40} {value:>10,.2f}" for name, value in rows.items())


if __name__ == "__main__":
    sys.exit(main())
