"""The recorded cases, when they are there: `CONFORMANCE` or ../shared/conformance beside the checkout.

The bars are what this release reaches; a change may raise them, never lower them. What differs is in KNOWN.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SUITE = Path(os.environ.get("CONFORMANCE", HERE.parents[2] / "shared" / "conformance"))

pytestmark = [
    pytest.mark.skipif(not SUITE.is_dir(), reason=f"the recorded cases are not at {SUITE}"),
    pytest.mark.timeout(600),
]


def run_suite(report: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [
        sys.executable, str(SUITE / "run.py"), "--adapter", f"{sys.executable} {HERE / 'adapter.py'}",
        "--report", str(report), "--failures", "0", *arguments,
    ]  # fmt: skip
    environment = {**os.environ, "CONFORMANCE": str(SUITE)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
    return rows


def unmatched(rows: list[dict[str, Any]], strength: str) -> list[str]:
    return [row["id"] for row in rows if row["unsupported"] or row[strength]]


def test_recorded_cases(tmp_path: Path) -> None:
    rows = run_suite(tmp_path / "cases.json")
    assert len(rows) > 800
    assert not [row["id"] for row in rows if "crash" in (row["actual"] or {})]
    assert unmatched(rows, "outcome") == []
    assert len(unmatched(rows, "history")) / len(rows) <= 0.015, unmatched(rows, "history")


def test_measured_facts(tmp_path: Path) -> None:
    rows = run_suite(tmp_path / "facts.json", "--facts", str(SUITE.parent / "aws-facts.json"))
    assert len(rows) > 200
    assert unmatched(rows, "history") == []
