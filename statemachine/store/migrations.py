"""The tables, and how older ones become these.

Rules
- `PRAGMA user_version` is the schema version: the number of `STEPS` that were taken. A step is never changed once
  released; a new version is a new step at the end.
- All missing steps are taken in one transaction: a store is of the old version or of the new one.
- A newer version is refused, and so is a database of another program (`PRAGMA application_id`).
- `executions` holds what changes with every commit and what lists need. What may be large and never changes (the input,
  the first snapshot) is in `origins`, because SQLite rewrites a row as a whole.
- `messages` and `offers` are the mailbox of executions (mailbox.py).
- A segment has one integer key, `place`, made of the execution's key and the segment's number (rows.py): the rows of an
  execution lie side by side, with no second index. A snapshot names the segment that it comes before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from statemachine.errors import StoreError
from statemachine.store.checks import damaged

APPLICATION_ID: Final = int.from_bytes(b"aslm")

STEPS: Final = (
    (
        """CREATE TABLE definitions (
            key INTEGER PRIMARY KEY,
            sha256 TEXT NOT NULL UNIQUE,
            text TEXT NOT NULL
        )""",
        """CREATE TABLE executions (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            machine_name TEXT NOT NULL,
            definition INTEGER NOT NULL REFERENCES definitions (key),
            durability TEXT NOT NULL,
            tasks_source TEXT,
            started_ms INTEGER NOT NULL,
            status TEXT NOT NULL,
            owner TEXT,
            sequence INTEGER NOT NULL DEFAULT 0,
            history_length INTEGER NOT NULL DEFAULT 0,
            updated_ms INTEGER NOT NULL,
            stopped_ms INTEGER,
            next_deadline_ms INTEGER,
            states TEXT NOT NULL DEFAULT '[]',
            error TEXT,
            failure TEXT,
            output BLOB
        )""",
        "CREATE INDEX executions_by_start ON executions (started_ms)",
        "CREATE INDEX executions_by_status ON executions (status, started_ms)",
        "CREATE INDEX executions_by_machine ON executions (machine_name, started_ms)",
        "CREATE INDEX executions_by_definition ON executions (definition)",
        "CREATE INDEX executions_by_error ON executions (error, started_ms) WHERE error IS NOT NULL",
        """CREATE TABLE origins (
            execution INTEGER PRIMARY KEY,
            input BLOB NOT NULL,
            snapshot BLOB NOT NULL
        )""",
        """CREATE TABLE snapshots (
            execution INTEGER PRIMARY KEY,
            sequence INTEGER NOT NULL,
            segment INTEGER NOT NULL,
            snapshot BLOB NOT NULL
        )""",
        """CREATE TABLE segments (
            place INTEGER PRIMARY KEY,
            first_id INTEGER NOT NULL,
            events BLOB,
            history BLOB,
            texts BLOB
        )""",
    ),
    (
        "ALTER TABLE executions ADD COLUMN parent TEXT",
        "CREATE INDEX executions_by_parent ON executions (parent, started_ms) WHERE parent IS NOT NULL",
        "CREATE INDEX executions_by_owner ON executions (owner) WHERE status = 'RUNNING'",
        # Ids are not used again: who has read up to one would miss the next message.
        """CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            execution INTEGER NOT NULL,
            sent_ms INTEGER NOT NULL,
            body BLOB NOT NULL,
            settled INTEGER NOT NULL DEFAULT 0,
            refusal BLOB
        )""",
        "CREATE INDEX messages_by_execution ON messages (execution)",
        "CREATE INDEX messages_settled ON messages (sent_ms) WHERE settled = 1",
        """CREATE TABLE offers (
            execution INTEGER NOT NULL,
            operation INTEGER NOT NULL,
            activity TEXT NOT NULL,
            token TEXT NOT NULL,
            input BLOB NOT NULL,
            offered_ms INTEGER NOT NULL,
            taken INTEGER NOT NULL,
            PRIMARY KEY (execution, operation)
        ) WITHOUT ROWID""",
        "CREATE INDEX offers_by_activity ON offers (activity, offered_ms, execution, operation) WHERE taken = 0",
    ),
)
"""Step n makes version n + 1 of version n."""

Steps = Sequence[Sequence[str]]
_SCHEMA: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name"
)


def version(connection: sqlite3.Connection, location: str, steps: Steps = STEPS) -> int:
    """The schema version of a database, 0 if it is empty.

    Raises StoreError for another program's database, and for a newer version than this program knows.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        if application == 0 and found == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            return 0
        # Another process may have made it between these reads; it does so in one transaction.
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (found,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(
            f"store {location}: this is another program's database; "
            "name another file with --store or STATEMACHINE_STORE"
        )
    if found > len(steps):
        raise StoreError(
            f"store {location}: it has schema version {found}, this program knows up to {len(steps)}; "
            "use a newer version of statemachine, or another store"
        )
    return int(found)


def migrate(connection: sqlite3.Connection, location: str, steps: Steps = STEPS) -> None:
    """Bring a database to the newest version. Does not write if it is there already."""
    if version(connection, location, steps) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated it while this one waited for the lock.
        for step in steps[version(connection, location, steps) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check_schema(connection: sqlite3.Connection, location: str) -> None:
    """Raise StoreError unless the database has the tables and indexes that the steps make, to the letter."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(fresh, location)
        wanted, found = (each.execute(_SCHEMA).fetchall() for each in (fresh, connection))
    finally:
        fresh.close()
    if found != wanted:
        raise damaged(location, "its tables are not those that were made")
