"""What is particular to SqliteStore: the file, its faults, its versions, several stores on one file."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import ExecutionOwnedError, StoreError
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Durability, Filter
from statemachine.store.migrations import APPLICATION_ID, STEPS, migrate
from statemachine.store.sqlite import SqliteStore

Open = Callable[..., SqliteStore]


def raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def row(path: Path, statement: str) -> Any:
    connection = raw(path)
    try:
        return connection.execute(statement).fetchone()
    finally:
        connection.close()


def change(path: Path, statement: str) -> None:
    connection = raw(path)
    connection.execute(statement)
    connection.close()


def files(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


class TestFile:
    def test_header(self, open_sqlite: Open, path: Path) -> None:
        open_sqlite()
        assert row(path, "PRAGMA application_id") == (APPLICATION_ID,)
        assert row(path, "PRAGMA user_version") == (len(STEPS),)
        assert row(path, "PRAGMA journal_mode") == ("wal",)

    def test_stays_after_close(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        first = open_sqlite()
        first.create([samples.new()])
        first.commit([samples.commit(snapshot=b"s"), samples.commit(sequence=1)])
        first.close()
        assert files(path) == ["store.db", "store.db.owners"]
        second = open_sqlite()
        assert second.get("one").owner is None
        assert second.claim("one").events == (b"event 1",)
        second.commit([samples.commit(sequence=2)])
        assert [event.id for event in second.history("one")] == [1, 2, 3]

    @pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
    def test_is_for_the_user_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b ?#%" / "store.db"
        SqliteStore(path).close()
        assert [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)] == [
            0o600,
            0o700,
            0o700,
        ]

    def test_directory(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="is a directory; name a file in it"):
            SqliteStore(tmp_path)

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="make the place writable, or name another one with --store"):
            SqliteStore(tmp_path / "file" / "store.db")

    @pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
    def test_missing(self, path: Path, options: dict[str, bool]) -> None:
        with pytest.raises(StoreError, match="there is no such file; name the store with --store"):
            SqliteStore(path, **options)
        assert files(path) == []

    def test_name_that_cannot_be(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            SqliteStore(tmp_path / "a\0b")
        with pytest.raises(StoreError):
            SqliteStore(tmp_path / ("n" * 300))

    @pytest.mark.parametrize("content", [b"This is a text file, and a long one. " * 100, b"short"])
    def test_not_a_database(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(StoreError, match="is not a store; name another one"):
            SqliteStore(path)
        assert path.read_bytes() == content

    def test_database_of_another_program(self, path: Path) -> None:
        change(path, "CREATE TABLE cookies (id)")
        before = path.read_bytes()
        with pytest.raises(StoreError, match="another program's database"):
            SqliteStore(path)
        assert path.read_bytes() == before

    def test_empty_file_becomes_a_store(self, path: Path, samples: Any, open_sqlite: Open) -> None:
        path.touch()
        open_sqlite().create([samples.new()])

    def test_file_system_without_write_ahead_log(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        connect = SqliteStoreConnect(path)
        monkeypatch.setattr("statemachine.store.connections.sqlite3.connect", connect)
        with pytest.raises(StoreError, match="put the store on a local disk"):
            SqliteStore(path)


class SqliteStoreConnect:
    """Connects to a database in memory, which has no write-ahead log either."""

    def __init__(self, path: Path) -> None:
        self.connect = sqlite3.connect

    def __call__(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        return self.connect("file::memory:", **options)


class TestVersions:
    def test_newer_is_refused(self, open_sqlite: Open, path: Path) -> None:
        open_sqlite().close()
        change(path, f"PRAGMA user_version = {len(STEPS) + 1}")
        for options in ({}, {"read_only": True}):
            with pytest.raises(StoreError, match=rf"schema version {len(STEPS) + 1}.*use a newer version"):
                SqliteStore(path, **options)

    def test_older_is_migrated(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        """A store of this version stands for an older one: the step is one that does not exist yet."""
        store = open_sqlite()
        store.create([samples.new()])
        store.close()
        step = ("ALTER TABLE executions ADD COLUMN note TEXT", "UPDATE executions SET note = 'migrated'")
        connection = raw(path)
        migrate(connection, "x", [*STEPS, step])
        migrate(connection, "x", [*STEPS, step])
        assert connection.execute("SELECT id, note FROM executions").fetchall() == [("one", "migrated")]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
        connection.close()

    def test_failing_step_changes_nothing(self, open_sqlite: Open, path: Path) -> None:
        open_sqlite().close()
        connection = raw(path)
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, "x", [*STEPS, ("CREATE TABLE more (x)",), ("nonsense",)])
        assert connection.execute("SELECT * FROM sqlite_schema WHERE name = 'more'").fetchall() == []
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        connection.close()

    def test_read_only_does_not_migrate(self, open_sqlite: Open, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        open_sqlite().close()
        monkeypatch.setattr("statemachine.store.connections.STEPS", [*STEPS, ()])
        monkeypatch.setattr("statemachine.store.migrations.version.__defaults__", ([*STEPS, ()],))
        with pytest.raises(StoreError, match="open it once for writing"):
            SqliteStore(path, read_only=True)


class TestReadOnly:
    @pytest.fixture
    def reader(self, open_sqlite: Open, samples: Any) -> SqliteStore:
        writer = open_sqlite()
        writer.create([samples.new()], [samples.commit()])
        writer.close()
        return open_sqlite(read_only=True)

    def test_reads(self, reader: SqliteStore, samples: Any) -> None:
        assert [record.id for record in reader.list().records] == ["one"]
        assert list(reader.history("one")) == [samples.event(1)]
        assert reader.recover("one").events == (b"event 0",)
        assert reader.statistics().stored_bytes > 0

    @pytest.mark.parametrize(
        "call",
        [
            lambda store, samples: store.create([samples.new("two")]),
            lambda store, _: store.claim("one"),
            lambda store, _: store.prune(1),
        ],
    )
    def test_refuses_to_write(self, reader: SqliteStore, samples: Any, call: Callable[..., Any], path: Path) -> None:
        with pytest.raises(StoreError, match="open for reading only"):
            call(reader, samples)
        assert list((path.parent / "store.db.owners").iterdir()) == []

    def test_beside_a_writer(self, open_sqlite: Open, samples: Any) -> None:
        writer = open_sqlite()
        reader = open_sqlite(read_only=True)
        writer.create([samples.new()])
        assert reader.get("one").sequence == 0
        writer.commit([samples.commit()])
        assert reader.get("one").sequence == 1

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
    def test_in_a_read_only_directory(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        writer = open_sqlite()
        writer.create([samples.new()])
        writer.close()
        path.chmod(0o400)
        path.parent.chmod(0o500)
        try:
            with pytest.raises(StoreError, match="read-only"):
                open_sqlite()
            assert open_sqlite(read_only=True).get("one").sequence == 0
        finally:
            path.parent.chmod(0o700)


class TestFaults:
    def test_full_disk(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        connection = store._connections._writer
        assert connection is not None
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        large = samples.commit(events=(b"x" * 1_000_000,))
        with pytest.raises(StoreError, match=r"store\.db: the disk is full; free some space"):
            store.commit([large])
        assert (store.get("one").sequence, list(store.journal("one"))) == (0, [])
        connection.execute(f"PRAGMA max_page_count = {pages * 1000}")
        store.commit([large])
        assert store.get("one").sequence == 1

    def test_documents_of_a_failed_commit_are_not_referred_to(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        connection = store._connections._writer
        assert connection is not None
        document = Document("x" * 1_000_000)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError):
            store.commit([samples.commit(history=(samples.event(1, input=document),))])
        connection.execute(f"PRAGMA max_page_count = {pages * 1000}")
        store.commit([samples.commit(history=(samples.event(1, output=document),))])
        assert list(store.history("one")) == [samples.event(1, output=document)]

    def test_locked_by_another_program(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite(busy_seconds=0)
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process has kept it locked"):
            store.create([samples.new()])
        other.execute("ROLLBACK")
        other.close()
        store.create([samples.new()])

    def test_readers_do_not_wait_for_a_writer(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite(busy_seconds=0)
        store.create([samples.new()])
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE executions SET status = 'FAILED'")
        assert store.get("one").status is ExecutionStatus.RUNNING
        other.execute("ROLLBACK")
        other.close()

    def test_damaged_file(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new(f"x{number}", input=Document("y" * 5000)) for number in range(50)])
        store.close()
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xa5" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"store\.db: .*restore it from a copy"):
            open_sqlite().list()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE segments SET history = x'c1'",
            "UPDATE segments SET history = x'78ffff'",
            "UPDATE segments SET history = x'91c0'",
            "UPDATE segments SET texts = x''",
            "UPDATE segments SET place = place + 1",
        ],
    )
    def test_damaged_history(self, open_sqlite: Open, samples: Any, path: Path, statement: str) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        store.commit([samples.commit(history=(samples.event(1, input=Document("new")),))])
        store.close()
        change(path, statement)
        with pytest.raises(StoreError, match=r"store\.db: .*the store is damaged"):
            list(open_sqlite().history("one"))

    @pytest.mark.parametrize("column", ["status", "durability", "states", "failure"])
    def test_damaged_record(self, open_sqlite: Open, samples: Any, path: Path, column: str) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        store.close()
        change(path, f"UPDATE executions SET {column} = 'nonsense['")  # noqa: S608
        for call in (SqliteStore.get, SqliteStore.claim, SqliteStore.recover):
            with pytest.raises(StoreError, match="record of execution 'one'"):
                call(open_sqlite(), "one")

    @pytest.mark.parametrize("statement", ["DELETE FROM segments", "UPDATE segments SET events = x'c1'"])
    def test_damaged_journal(self, open_sqlite: Open, samples: Any, path: Path, statement: str) -> None:
        store = open_sqlite()
        store.create([samples.new()], [samples.commit()])
        store.close()
        change(path, statement)
        with pytest.raises(StoreError, match="journal"):
            open_sqlite().claim("one")


class TestDurability:
    @pytest.mark.parametrize(
        ("durabilities", "expected"),
        [
            ([Durability.FULL], 2),
            ([Durability.NORMAL], 1),
            ([Durability.NONE], 1),
            ([Durability.NORMAL, Durability.FULL, Durability.NONE], 2),
        ],
    )
    def test_is_set_for_the_transaction(
        self, open_sqlite: Open, samples: Any, durabilities: list[Durability], expected: int
    ) -> None:
        store = open_sqlite()
        names = [f"x{number}" for number in range(len(durabilities))]
        connection = store._connections._writer
        assert connection is not None
        seen: list[int] = []

        def trace(statement: str) -> None:
            if statement == "COMMIT":
                # A pragma cannot be asked for here; so it is what was set last.
                seen.append(levels[-1])
            elif statement.startswith("PRAGMA synchronous"):
                levels.append({"NORMAL": 1, "FULL": 2}[statement.rsplit(maxsplit=1)[-1]])

        levels: list[int] = []
        connection.set_trace_callback(trace)
        store.create([samples.new(name, durability=each) for name, each in zip(names, durabilities, strict=True)])
        assert connection.execute("PRAGMA synchronous").fetchone() == (expected,)
        store.create([samples.new("other", durability=Durability.NORMAL)])
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        store.commit([samples.commit(name) for name in names])
        assert connection.execute("PRAGMA synchronous").fetchone() == (expected,)
        assert seen == [expected, 1, expected]

    def test_claimed_execution_keeps_its_durability(self, open_sqlite: Open, samples: Any) -> None:
        first = open_sqlite()
        first.create([samples.new(durability=Durability.FULL)])
        first.close()
        second = open_sqlite()
        second.claim("one")
        connection = second._connections._writer
        assert connection is not None
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        second.commit([samples.commit()])
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


class TestSharing:
    """Payloads are stored once."""

    LARGE = "payload" * 10_000

    def texts(self, path: Path) -> list[int]:
        connection = raw(path)
        found = connection.execute("SELECT length(texts) FROM segments ORDER BY place").fetchall()
        connection.close()
        return [length for (length,) in found]

    def test_within_a_commit(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        document = Document(self.LARGE)
        history = tuple(samples.event(number, output=document) for number in range(1, 50))
        store.commit([samples.commit(history=history)])
        assert self.texts(path) == [document.size]
        assert list(store.history("one")) == list(history)

    def test_across_commits(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        document = Document(self.LARGE)
        history = [samples.event(number, output=document) for number in range(1, 6)]
        for number, event in enumerate(history):
            store.commit([samples.commit(sequence=number, history=(event,))])
        assert self.texts(path) == [document.size, 0, 0, 0, 0]
        assert list(store.history("one")) == history
        assert list(store.history("one", after=4)) == history[4:]
        assert list(store.history("one", reverse=True)) == history[::-1]

    def test_input_and_output_of_the_record(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        given, result = Document(self.LARGE), Document(self.LARGE + "!")
        store.create([samples.new(input=given)])
        history = [
            samples.event(1, "ExecutionStarted", input=given),
            samples.event(2, input=Document("small")),
            samples.event(3, input=given),
            samples.event(4, output=result),
        ]
        store.commit([samples.commit(history=tuple(history[:2]))])
        store.commit(
            [samples.commit(sequence=1, history=tuple(history[2:]), status=ExecutionStatus.SUCCEEDED, output=result)]
        )
        assert self.texts(path) == [len('"small"'), 0]
        assert list(store.history("one")) == history
        assert (store.get("one").input, store.get("one").output) == (given, result)

    def test_output_of_a_running_execution_is_in_its_history(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        result = Document("result")
        store.commit([samples.commit(history=(samples.event(1, output=result),), output=result)])
        assert list(store.history("one")) == [samples.event(1, output=result)]

    def test_reads_share_documents_too(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        document = Document(self.LARGE)
        store.commit([samples.commit(history=(samples.event(1, output=document), samples.event(2, input=document)))])
        first, second = store.history("one")
        assert first.details is not None
        assert second.details is not None
        assert first.details["output"] is second.details["input"]

    def test_long_histories_are_several_segments(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        documents = [Document(f"{number}" + self.LARGE) for number in range(60)]
        history = tuple(samples.event(number + 1, output=documents[number // 2]) for number in range(120))
        store.commit([samples.commit(history=history, events=(b"a", b"b"))])
        texts = self.texts(path)
        assert len(texts) > 2
        assert sum(texts) == sum(document.size for document in documents)
        assert max(texts) < 2_000_000
        assert list(store.history("one")) == list(history)
        assert list(store.history("one", after=100, reverse=True)) == list(history[98::-1])
        assert list(store.journal("one")) == [b"a", b"b"]
        store.commit([samples.commit(sequence=2, history=(samples.event(121, output=documents[-1]),))])
        assert self.texts(path)[-1] == 0

    def test_small_on_disk(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        history = tuple(samples.event(number, name="Loop", input=Document(number)) for number in range(1, 20_001))
        store.commit([samples.commit(history=history)])
        store.close()
        assert path.stat().st_size < 30 * len(history)


class TestSeveralStores:
    def test_one_writer(self, open_sqlite: Open, samples: Any) -> None:
        first, second = open_sqlite(), open_sqlite()
        first.create([samples.new()])
        assert second.get("one").owner == first.get("one").owner
        with pytest.raises(ExecutionOwnedError, match=rf"driven by process {os.getpid()} on .*one writer"):
            second.claim("one")
        with pytest.raises(ExecutionOwnedError):
            second.commit([samples.commit()])
        first.commit([samples.commit()])
        first.release("one")
        assert second.claim("one").record.sequence == 1
        with pytest.raises(ExecutionOwnedError):
            first.claim("one")
        second.commit([samples.commit(sequence=1)])

    def test_different_executions_at_the_same_time(self, open_sqlite: Open, samples: Any) -> None:
        first, second = open_sqlite(), open_sqlite()
        first.create([samples.new("a")])
        second.create([samples.new("b")])
        for sequence in range(5):
            first.commit([samples.commit("a", sequence)])
            second.commit([samples.commit("b", sequence)])
        assert [record.sequence for record in first.list(Filter()).records] == [5, 5]

    def test_lost_ownership_is_noticed(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new("one"), samples.new("two")])
        change(path, "UPDATE executions SET owner = 'somebody' WHERE id = 'one'")
        with pytest.raises(ExecutionOwnedError, match="execution one is no longer driven by this process"):
            store.commit([samples.commit("two"), samples.commit("one")])
        assert store.get("two").sequence == 0
        store.commit([samples.commit("two")])
        with pytest.raises(ExecutionOwnedError):
            store.commit([samples.commit("one")])

    def test_sequence_is_checked_in_the_file(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        change(path, "UPDATE executions SET sequence = 1")
        with pytest.raises(ExecutionOwnedError):
            store.commit([samples.commit()])

    def test_threads(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        names = [f"x{number}" for number in range(8)]
        store.create([samples.new(name) for name in names])
        failures: list[BaseException] = []

        def work(name: str) -> None:
            try:
                for sequence in range(20):
                    store.commit([samples.commit(name, sequence)])
                    assert len(list(store.history(name))) == store.get(name).sequence == sequence + 1
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert {record.sequence for record in store.list().records} == {20}
        assert len(store._connections._readers) <= 4

    def test_log_is_reset_while_a_history_is_half_read(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        for sequence in range(100):
            store.commit([samples.commit(sequence=sequence)])
        reader = store.history("one")
        next(reader)
        busy, _, _ = row(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert busy == 0
        assert len(list(reader)) == 99


def plan(store: SqliteStore, where: Filter) -> str:
    """How SQLite finds a page, in its own words."""
    with store._connections.reading() as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        store_list = store.list
        store._connections._readers.append(connection)
        store_list(where)
        connection.set_trace_callback(None)
        store._connections._readers.remove(connection)
        return "\n".join(each[3] for each in connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}"))


@pytest.mark.parametrize(
    "where",
    [
        Filter(),
        Filter(statuses=frozenset({ExecutionStatus.FAILED})),
        Filter(statuses=frozenset({ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT})),
        Filter(machine_name="m"),
        Filter(error="E"),
        Filter(started_from_ms=1, started_before_ms=2),
    ],
)
def test_lists_read_an_index_in_order(open_sqlite: Open, where: Filter) -> None:
    lines = [line for line in plan(open_sqlite(), where).splitlines() if "executions" in line]
    assert any("USING COVERING INDEX executions_by_" in line for line in lines)
    assert all("INDEX" in line or "INTEGER PRIMARY KEY" in line for line in lines)


def test_processes_that_create_a_store_at_once_all_get_it(tmp_path: Path) -> None:
    code = "import sys; from statemachine.store import open_store; open_store(sys.argv[1]).close()"
    command = [sys.executable, "-c", code, str(tmp_path / "new.db")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    errors = [each.communicate()[1] for each in started]
    assert errors == [""] * 8
