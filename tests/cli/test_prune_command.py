"""prune: old executions, and the space they took."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runs import Command, begin_command, is_in_a_state, wait_until


def ids(command: Command) -> list[str]:
    return [each["id"] for each in command("list", "--json").json["executions"]]


def test_what_has_ended_is_removed(executions: Command) -> None:
    assert executions("prune", "--older-than", "1h").out.startswith("Removed 0 executions; 3 are left in ")
    assert executions("prune", "--older-than", "0s", "--dry-run").out == "2 executions would be removed.\n"
    assert ids(executions) == ["interrupted", "failed", "greeted"]
    assert executions("prune", "--older-than", "0s", "--status", "failed").out.startswith(
        "Removed 1 execution; 2 are left in "
    )
    assert ids(executions) == ["interrupted", "greeted"]
    assert executions("prune", "--older-than", "0s", "--quiet").out == ""
    assert ids(executions) == ["interrupted"]


def test_the_newest_are_kept(executions: Command) -> None:
    assert executions("prune", "--keep", "1", "--json").json["removed"] == 1
    assert ids(executions) == ["interrupted", "failed"]
    shown = executions("prune", "--keep", "1", "--older-than", "0s", "--dry-run", "--json").json
    assert (shown["removed"], shown["wouldBeRemoved"], shown["executions"]) == (0, 0, 2)


def test_space_is_given_back(executions: Command, folder: Path) -> None:
    (folder / "large.json").write_text(json.dumps({"a": "x" * 3_000_000}))
    executions("run", "greet.asl.yaml", "-q", "-i", "@large.json", "--limits", "none")
    before = Path(".statemachine/store.db").stat().st_size
    printed = executions("prune", "--older-than", "0s")
    assert "To give them back: statemachine prune --compact\n" in printed.err
    assert executions("prune", "--compact").out.startswith("Removed 0 executions; 1 are left in ")
    assert Path(".statemachine/store.db").stat().st_size < before - 3_000_000
    assert executions("resume", "-q").status == 0


def test_a_store_in_use_is_pruned_but_not_compacted(executions: Command) -> None:
    running = begin_command("run", "work.asl.yaml", "--tasks", "hang.yaml", "--name", "one")
    try:
        wait_until(lambda: is_in_a_state("one"), running)
        printed = executions("prune", "--older-than", "0s", "--compact")
        assert printed.status == 2
        assert f"process {running.pid} on " in printed.err
        assert "drives executions of it" in printed.err
        assert ids(executions) == ["one", "interrupted"]
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which ones: --older-than 30d, --keep 1000, or both"),
        (("--status", "failed"), "say which ones"),
        (("--dry-run", "--compact"), "say which ones"),
        (("--older-than", "soon"), "'soon' is no time"),
        (("--keep", "0"), "--keep"),
        (("--older-than", "0s", "--status", "running"), "running"),
    ],
)
def test_mistakes_of_usage(arguments: tuple[str, ...], message: str, executions: Command) -> None:
    printed = executions("prune", *arguments)
    assert (printed.status, printed.out, message in printed.err) == (2, "", True)
    assert len(ids(executions)) == 3
