"""``statemachine lower``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runs import CHARGE, WRONG, Command

SAGA = f"""\
StartAt: Charge
States:
  Charge:
    Type: Task
    Resource: {CHARGE}
    CompensateWith: Refund
    Next: Ship
  Ship:
    Type: Fail
    Error: Lost
  Refund:
    Type: Task
    Resource: {CHARGE}
    End: true
"""


@pytest.fixture
def saga(folder: Path) -> Path:
    path = folder / "saga.asl.yaml"
    path.write_text(SAGA)
    return path


def test_what_it_writes_is_plain_and_sound(command: Command, saga: Path) -> None:
    printed = command("lower", str(saga))
    assert (printed.status, printed.err) == (0, "")
    assert "CompensateWith" not in printed.out
    saga.write_text(printed.out)
    checked = command("validate", "--target", "aws", str(saga))
    assert checked.status == 0, checked.out


def test_it_writes_a_file(command: Command, saga: Path) -> None:
    printed = command("lower", str(saga), "-o", "plain.asl.json")
    assert (printed.status, printed.out, printed.err) == (0, "", "")
    written = json.loads(saga.with_name("plain.asl.json").read_text())
    assert "Refund (undoes Charge)" in written["States"]


def test_what_differs_is_said_with_its_place(command: Command, saga: Path) -> None:
    saga.write_text(f"TimeoutSeconds: 60\n{SAGA}")
    printed = command("lower", str(saga))
    assert printed.status == 0
    assert "saga.asl.yaml:1:1: warning SM_LOWER_DIFFERS" in printed.err
    assert json.loads(printed.out)["TimeoutSeconds"] == 60


def test_what_cannot_be_lowered_is_refused(command: Command, saga: Path) -> None:
    saga.write_text(SAGA + "    Assign: {v: 1}\n")
    printed = command("lower", str(saga))
    assert (printed.status, printed.out) == (1, "")
    assert "error SM_LOWER_REFUSED" in printed.err


def test_a_definition_that_is_wrong_is_not_lowered(command: Command, saga: Path) -> None:
    saga.write_text(WRONG)
    printed = command("lower", str(saga))
    assert (printed.status, printed.out) == (1, "")
    assert "error SCHEMA_VALIDATION_FAILED" in printed.err
    saga.write_text("{")
    assert command("lower", str(saga)).status == 1
