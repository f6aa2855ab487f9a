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
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "CONFORMANCE": str(SUITE)}
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
    return rows


def share(rows: list[dict[str, Any]], strength: str) -> float:
    return sum(not row["unsupported"] and not row[strength] for row in rows) / len(rows)


def uses_jsonata(definition: Any) -> bool:
    return "JSONata" in json.dumps(definition)


def test_jsonpath_executions(tmp_path: Path) -> None:
    definitions = {}
    for file in SUITE.glob("*.json"):
        for case in json.loads(file.read_text(encoding="utf-8")):
            definitions[case["id"]] = case.get("definition")
    rows = run_suite(tmp_path / "cases.json")
    chosen = [row for row in rows if row["kind"] == "execution" and not uses_jsonata(definitions[row["id"]])]
    assert len(chosen) > 500
    assert not [row["id"] for row in chosen if "crash" in json.dumps(row["actual"] or {})[:40]]
    assert share(chosen, "outcome") >= 0.99
    assert share(chosen, "history") >= 0.97


def test_facts_about_jsonpath(tmp_path: Path) -> None:
    facts_file = SUITE.parent / "aws-facts.json"
    facts = {fact["id"]: fact for fact in json.loads(facts_file.read_text(encoding="utf-8"))}
    rows = run_suite(tmp_path / "facts.json", "--facts", str(facts_file))
    chosen = [
        row for row in rows
        if facts[row["id"]]["topic"] not in ("jsonata", "test_state") and not uses_jsonata(facts[row["id"]]["definition"])
    ]  # fmt: skip
    assert len(chosen) > 120
    assert share(chosen, "outcome") >= 0.97
