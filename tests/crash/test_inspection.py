"""The inspector finds what must not be: each rule is broken once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inspection import Ending, Inspector, faults
from workload import Witness, tasks

from statemachine.jsonvalue import Json
from statemachine.kernel.history import HistoryEvent
from statemachine.runtime.engine import Engine
from statemachine.store.sqlite import SqliteStore

TASK = {"Type": "Task", "Resource": "work"}
TWO = {"StartAt": "A", "States": {"A": {**TASK, "Next": "B"}, "B": {**TASK, "End": True}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an execution that has ended."""

    async def main() -> None:
        handlers: dict[str, Any] = dict(tasks(Witness(tmp_path / "witness", "one"), tmp_path / "tokens", 1))
        async with Engine(tmp_path / "store.db", tasks=handlers) as engine:
            await engine.run(TWO, {"n": 1}, name="x")

    asyncio.run(main())
    return tmp_path


def look(folder: Path, **options: bool) -> Inspector:
    inspector = Inspector(folder, **options)
    inspector.look(folder / "store.db")
    assert inspector.violations == []
    return inspector


def operations(folder: Path) -> list[str]:
    return [line.split()[2] for line in (folder / "witness").read_text().splitlines() if line.startswith("begin")]


def change(folder: Path, statement: str, *values: Json) -> None:
    with closing(sqlite3.connect(folder / "store.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount


def test_nothing_is_wrong(folder: Path) -> None:
    inspector = look(folder)
    endings = inspector.finish(folder / "store.db", None)
    inspector.finish(folder / "store.db", endings)
    assert inspector.violations == []
    assert inspector.actions == 2


def test_a_completed_task_is_begun_again(folder: Path) -> None:
    inspector = look(folder)
    Witness(folder / "witness", "two").note("begin", operations(folder)[0])
    inspector.look(folder / "store.db")
    assert [each for each in inspector.violations if "was completed, and two began it again" in each]


@pytest.mark.parametrize(
    ("who", "killed", "found"),
    [("two", True, 0), ("two", False, 1), ("one", False, 1), ("one", True, 1)],
)
def test_a_task_is_begun_twice(who: str, killed: bool, found: int, folder: Path) -> None:
    inspector = Inspector(folder, fights=True)
    again = operations(folder)[0]
    Witness(folder / "witness", "referee").note("killing", "one" if killed else "somebody")
    Witness(folder / "witness", who).note("begin", again)
    inspector.look(folder / "store.db")
    assert len(inspector.violations) == found


def test_a_task_is_begun_before_it_is_stored(folder: Path) -> None:
    inspector = look(folder)
    Witness(folder / "witness", "two").note("begin", "x/99")
    inspector.look(folder / "store.db")
    assert inspector.violations == ["x/99 was begun and is not known"]


def test_an_outcome_comes_from_nowhere(folder: Path) -> None:
    lines = (folder / "witness").read_text().splitlines()
    (folder / "witness").write_text("\n".join(lines[:-1]) + "\n")
    inspector = Inspector(folder)
    inspector.look(folder / "store.db")
    assert inspector.violations == [f"{operations(folder)[1]} has an outcome, and its call has not ended"]


def test_a_journal_shrinks_and_an_execution_disappears(folder: Path) -> None:
    inspector = look(folder)
    change(folder, "DELETE FROM segments WHERE place = (SELECT max(place) FROM segments)")
    inspector.look(folder / "store.db")
    assert [each for each in inspector.violations if "has lost or changed" in each]
    assert [each for each in inspector.violations if "cannot be replayed" in each]
    change(folder, "DELETE FROM executions")
    inspector.look(folder / "store.db")
    assert "x is gone from the store" in inspector.violations


@pytest.mark.parametrize(
    "changes", [{"output": "1"}, {"error": "E"}, {"shape": Counter({("TaskStateEntered", "A"): 2})}]
)
def test_it_ends_otherwise(changes: dict[str, Any], folder: Path) -> None:
    inspector = look(folder)
    endings = inspector.finish(folder / "store.db", None)
    wanted: dict[str, Ending] = {"x": replace(endings["x"], **changes)}
    inspector.finish(folder / "store.db", wanted)
    assert len(inspector.violations) == 1
    assert "x ended otherwise" in inspector.violations[0]


def test_more_or_less_executions_than_expected(folder: Path) -> None:
    inspector = look(folder)
    endings = inspector.finish(folder / "store.db", None)
    inspector.finish(folder / "store.db", {"y": endings["x"]})
    assert inspector.violations == ["y was never started", "x was not to be started"]


def test_two_answers_are_taken(folder: Path) -> None:
    inspector = look(folder)
    for who in ("two", "three"):
        Witness(folder / "witness", who).note("answer-applied", "x/5/token")
    inspector.look(folder / "store.db")
    assert inspector.violations == ["two answers were taken for x/5/token"]


@pytest.mark.parametrize(
    ("at", "changes", "fault"),
    [
        (3, {"id": 9}, "ids do not count"),
        (3, {"previous_id": 9}, "follows a later one"),
        (3, {"at_ms": 1}, "time goes back"),
        (-1, {"type": "ExecutionFailed"}, "it begins and ends with"),
        (-1, {"type": "TaskStateEntered", "details": {"name": "C"}}, "never left: ['C']"),
        (5, {"details": {"name": "C"}}, "leaves C, which was not entered"),
    ],
)
def test_histories_that_are_not_well_formed(at: int, changes: dict[str, Any], fault: str, folder: Path) -> None:
    with closing(SqliteStore(folder / "store.db", read_only=True)) as store:
        history: list[HistoryEvent] = list(store.history("x"))
        record = store.get("x")
    assert list(faults(history, record)) == []
    history[at] = history[at]._replace(**changes)
    assert any(fault in each for each in faults(history, record))
