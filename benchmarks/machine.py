"""What this machine's disk and SQLite allow, measured in the same run as the engine: its rates are shares of these.

- An append with fdatasync bounds what any program can make durable one after the other.
- Commits to SQLite (write-ahead log) of one row and of a hundred, synced (FULL) or not (NORMAL).
- `raw_seconds` writes the very rows that an engine has written, a hundred executions to a transaction, with no engine.
- `plain_seconds` writes the same executions in the plain way: a row for each, and one for each of its history events, a
  hundred rows to a transaction. The engine's own rows are packed, so that fewer are enough.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from statemachine.jsonvalue import Document, encode_json
from statemachine.store.base import ExecutionRecord
from statemachine.store.sqlite import SqliteStore

SECONDS: Final = 1.0
"""How long each limit is measured."""
EXECUTIONS_PER_COMMIT: Final = 100
ROWS_PER_COMMIT: Final = 100
_ROW: Final = b"x" * 200
_PLAIN_EXECUTION: Final = "INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?)"
_PLAIN_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
_TABLES: Final = ("executions", "origins", "snapshots", "segments")


def limits(place: Path) -> dict[str, float]:
    """Operations per second, by name."""
    found = {"append + fdatasync": _rate(_appending(place / "append"))}
    for mode in ("FULL", "NORMAL"):
        for rows in (1, 100):
            with _database(place / f"{mode}{rows}.db", mode) as connection:
                connection.execute("CREATE TABLE entries (key INTEGER PRIMARY KEY, body BLOB)")
                found[f"SQLite {mode}, rows at {rows} per commit"] = rows * _rate(_committing(connection, rows))
    return found


def _rate(operation: Callable[[], Any]) -> float:
    done, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < SECONDS:
        operation()
        done += 1
    return done / passed


def _appending(path: Path) -> Callable[[], None]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sync = getattr(os, "fdatasync", os.fsync)

    def append() -> None:
        os.write(descriptor, _ROW)
        sync(descriptor)

    return append


def _committing(connection: sqlite3.Connection, rows: int) -> Callable[[], None]:
    bodies = [(_ROW,)] * rows

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entries (body) VALUES (?)", bodies)
        connection.execute("COMMIT")

    return commit


class _database:  # noqa: N801 - used as a function
    def __init__(self, path: Path, synchronous: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def raw_seconds(written: Path, copy: Path) -> float:
    """How long it takes to write the rows of a store again, with its tables and indexes, synced like its own."""
    with _database(written, "FULL") as source, _database(copy, "FULL") as target:
        for (statement,) in source.execute(
            "SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'"
        ):
            target.execute(statement)
        rows = {table: _by_execution(source, table) for table in _TABLES}
        keys = [key for (key,) in source.execute("SELECT key FROM executions ORDER BY key")]
        started = time.perf_counter()
        for first in range(0, len(keys), EXECUTIONS_PER_COMMIT):
            target.execute("BEGIN IMMEDIATE")
            for statement, of_key in rows.values():
                chunk = [row for key in keys[first : first + EXECUTIONS_PER_COMMIT] for row in of_key.get(key, ())]
                target.executemany(statement, chunk)
            target.execute("COMMIT")
        return time.perf_counter() - started


def plain_seconds(written: Path, copy: Path) -> float:
    """How long it takes to write a store's executions with a row for each and one for each history event."""
    rows: list[tuple[str, tuple[Any, ...]]] = []
    with closing(SqliteStore(written, read_only=True)) as store:
        for record in _records(store):
            shown = (record.id, record.machine_name, record.status, record.started_ms, record.stopped_ms)
            ended = None if record.output is None else record.output.encoded
            rows.append((_PLAIN_EXECUTION, (*shown, record.input.encoded, ended)))
            for event in store.history(record.id):
                details = None if event.details is None else encode_json(_plain(event.details))
                rows.append((_PLAIN_EVENT, (record.id, event.id, event.type, event.at_ms, event.previous_id, details)))
    with _database(copy, "FULL") as target:
        target.execute("CREATE TABLE executions (id PRIMARY KEY, machine, status, started, stopped, input, output)")
        target.execute(
            "CREATE TABLE events (execution, id, type, at, previous, details, PRIMARY KEY (execution, id)) "
            "WITHOUT ROWID"
        )
        started = time.perf_counter()
        for first in range(0, len(rows), ROWS_PER_COMMIT):
            target.execute("BEGIN IMMEDIATE")
            for statement, values in rows[first : first + ROWS_PER_COMMIT]:
                target.execute(statement, values)
            target.execute("COMMIT")
        return time.perf_counter() - started


def _records(store: SqliteStore) -> Iterator[ExecutionRecord]:
    cursor: str | None = None
    while True:
        page = store.list(limit=1_000, cursor=cursor)
        yield from page.records
        cursor = page.cursor
        if cursor is None:
            return


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value.text if isinstance(value, Document) else value for key, value in details.items()}


def _by_execution(source: sqlite3.Connection, table: str) -> tuple[str, dict[int, list[tuple[Any, ...]]]]:
    """The statement that inserts a row of a table, and its rows by their execution's key."""
    found = source.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of _TABLES
    places = ", ".join("?" * len(found.description))
    by_key: dict[int, list[tuple[Any, ...]]] = {}
    for row in found:
        key = row[0] >> 32 if table == "segments" else row[0]
        by_key.setdefault(key, []).append(row)
    return f"INSERT INTO {table} VALUES ({places})", by_key  # noqa: S608 - one of _TABLES
