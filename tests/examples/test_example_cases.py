"""The examples' own test cases: they pass, and reach everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "statemachine",
            "test",
            "examples",
            "--json",
            "--coverage",
            "text",
            "--fail-under",
            "100",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize(
    "definition",
    [
        "order-fulfilment/order-fulfilment.asl.yaml",
        "order-fulfilment/order-saga.asl.yaml",
        "trip-booking/trip-booking.asl.yaml",
    ],
)
def test_cases_reach_every_state_transition_and_catcher(report: dict[str, Any], definition: str) -> None:
    (found,) = [each for each in report["coverage"]["definitions"] if each["file"] == f"examples/{definition}"]
    for group in ("states", "transitions", "catchers", "retriers"):
        assert found[group]["reached"] == found[group]["total"]
    assert found["states"]["total"] > 5


def test_every_case_passes(report: dict[str, Any]) -> None:
    assert {each["name"]: each["verdict"] for each in report["cases"] if each["verdict"] != "passed"} == {}
