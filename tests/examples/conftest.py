"""The examples, as a reader would run them: in their folder, through the command line, with their own input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Ended:
    """How a run of an example ended."""

    status: int
    result: dict[str, Any]
    """What ``--json`` printed."""
    history: list[dict[str, Any]]
    errors: str

    @property
    def output(self) -> Any:
        return self.result.get("output")

    def states(self) -> list[str]:
        """The states that were entered, in order."""
        entered = [each["stateEnteredEventDetails"]["name"] for each in self.history if "Entered" in each["type"]]
        return [str(name) for name in entered]


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("order-fulfilment", "@order.json", "--tasks", "tasks.yaml", ENVIRONMENT="…")`"""
    store = ["--store", str(tmp_path / "store.db")]

    def call(example: str, value: str, *options: str, definition: str | None = None, **environment: str) -> Ended:
        def command(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "statemachine", *arguments, *store],
                cwd=EXAMPLES / example,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        done = command("run", f"{definition or example}.asl.yaml", "--input", value, "--json", *options)
        assert done.returncode in (0, 1), done.stderr
        history = json.loads(command("history", "@last", "--json").stdout)["events"]
        return Ended(done.returncode, json.loads(done.stdout), history, done.stderr)

    return call
