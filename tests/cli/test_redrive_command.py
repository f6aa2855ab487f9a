"""redrive: an execution that failed goes on where it failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runs import CHARGE, Command, interrupt_run

STEPS = f"""\
StartAt: First
States:
  First: {{Type: Pass, Result: first, ResultPath: $.first, Next: Charge}}
  Charge: {{Type: Task, Resource: "{CHARGE}", End: true}}
"""


@pytest.fixture
def failed(command: Command, folder: Path) -> Command:
    """A store with an execution whose second state has failed."""
    (folder / "steps.asl.yaml").write_text(STEPS)
    assert command("run", "steps.asl.yaml", "--tasks", "decline.yaml", "--name", "one", "-q").status == 1
    return command


def test_what_failed_is_done_again_and_nothing_else(failed: Command) -> None:
    printed = failed("redrive", "one", "--tasks", "charge.yaml")
    assert (printed.status, printed.json) == (0, {"charged": {"first": "first"}})
    lines = printed.err.splitlines()
    assert lines[0] == "Execution one of steps goes on"
    assert [line.split("✓ ")[1].split()[0] for line in lines if "✓" in line] == ["Charge"]
    assert lines[-1].startswith("SUCCEEDED one in ")
    events = [each["type"] for each in failed("history", "one", "--json").json["events"]]
    assert events.count("ExecutionRedriven") == 1
    assert events.count("PassStateEntered") == 1
    assert failed("replay", "one").status == 0


def test_it_may_fail_again_and_be_redriven_again(failed: Command) -> None:
    printed = failed("redrive", "@last", "--json")
    assert (printed.status, printed.err) == (1, "")
    assert (printed.json["status"], printed.json["error"]) == ("FAILED", "ValueError")
    assert failed("redrive", "one", "--tasks", "charge.yaml", "-q").json == {"charged": {"first": "first"}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("greeted",), "cannot be redriven: Execution is SUCCEEDED and cannot be redriven"),
        (("nobody",), "no execution 'nobody'"),
        (("one", "--tasks", "nowhere.yaml"), "nowhere.yaml"),
    ],
)
def test_what_cannot_be_redriven(arguments: tuple[str, ...], message: str, failed: Command) -> None:
    assert failed("run", "greet.asl.yaml", "--name", "greeted", "-q").status == 0
    printed = failed("redrive", *arguments)
    assert (printed.status, printed.out, message in printed.err) == (2, "", True), printed.err
    assert failed("show", "one", "--json").json["status"] == "FAILED"


def test_one_that_was_interrupted_is_resumed_instead(command: Command) -> None:
    interrupt_run("one", "--tasks", "hang.yaml")
    printed = command("redrive", "one", "--tasks", "charge.yaml")
    assert (printed.status, "Execution is RUNNING and cannot be redriven" in printed.err) == (2, True)
    assert command("resume", "one", "--tasks", "charge.yaml", "-q").status == 0
