"""Stores of earlier versions: each opens, and everything in it can be read and gone on with.

``data/version_<n>.db`` was written by the program of that version (write_store.py).
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from statemachine.errors import StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.program.load import load_text
from statemachine.runtime.recovery import recover
from statemachine.store.migrations import STEPS, migrate
from statemachine.store.sqlite import SqliteStore

DATA = Path(__file__).with_name("data")
STORES = sorted(DATA.glob("version_*.db"))


@pytest.fixture(params=STORES, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an old store."""
    copy: Path = tmp_path / "store.db"
    shutil.copyfile(request.param, copy)
    return copy


def schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        return set(connection.execute("SELECT name, replace(sql, ' ', '') FROM sqlite_schema WHERE sql IS NOT NULL"))


def test_there_is_a_store_of_every_earlier_version() -> None:
    assert [path.stem for path in STORES] == [f"version_{number}" for number in range(1, len(STEPS))]


def test_becomes_the_newest_version(old: Path, tmp_path: Path) -> None:
    SqliteStore(old).close()
    SqliteStore(tmp_path / "new.db").close()
    with sqlite3.connect(old) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert schema(old) == schema(tmp_path / "new.db")


def test_records_and_histories(old: Path) -> None:
    store = SqliteStore(old)
    assert {(each.id, each.status) for each in store.list().records} == {
        ("succeeded", ExecutionStatus.SUCCEEDED),
        ("failed", ExecutionStatus.FAILED),
        ("waiting", ExecutionStatus.RUNNING),
    }
    succeeded, failed = store.get("succeeded"), store.get("failed")
    assert succeeded.output is not None
    assert succeeded.output.value == [
        "ünï \U0001f600",
        {"card": "4711", "total": 12.5, "charged": True},
    ]
    assert failed.failure is not None
    assert (failed.failure.error, failed.failure.cause) == ("NoCard", "there is no card")
    for record in store.list().records:
        events = list(store.history(record.id))
        assert [event.id for event in events] == list(range(1, record.history_length + 1))
        assert record.parent is None
    assert store.abandoned() == ["waiting"]
    store.close()


@pytest.mark.parametrize("execution_id", ["succeeded", "failed", "waiting"])
def test_replays_to_the_recorded_history(old: Path, execution_id: str) -> None:
    store = SqliteStore(old)
    for from_start in (True, False):
        recovery = store.recover(execution_id, from_start)
        program = load_text(recovery.definition).program
        execution = recover(program, recovery, lambda after: store.history(execution_id, after))
        assert execution.status is recovery.record.status
        assert execution.history_length == recovery.record.history_length
    store.close()


def test_a_failed_migration_leaves_the_old_version(old: Path) -> None:
    with sqlite3.connect(old) as connection:
        (before,) = connection.execute("PRAGMA user_version").fetchone()
        old_schema = schema(old)
        steps = (*STEPS, ("CREATE TABLE half (a)", "CREATE TABLE half (a)"))
        with pytest.raises(sqlite3.OperationalError, match="half"):
            migrate(connection, "here", steps)
        assert connection.execute("PRAGMA user_version").fetchone() == (before,)
    assert schema(old) == old_schema


def test_an_older_store_is_not_read_without_being_migrated(old: Path) -> None:
    with pytest.raises(StoreError, match="open it once for writing"):
        SqliteStore(old, read_only=True)
