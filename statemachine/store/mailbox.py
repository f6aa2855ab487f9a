"""Messages and offers in the SQLite file: how processes that share a store talk to each other.

Rules
- A message stays until its sender has collected what became of it. One that waits ends with its execution; one that is
  settled and that nobody collects is removed after `UNCOLLECTED_MS`.
- Ids of messages rise and are never used again: a reader goes on above the last one it saw.
- An offer is taken by at most one process. It stays, as taken, until it is withdrawn or its execution ends.
- Functions get a connection in a transaction of its own kind (reading or writing); they begin and end none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from statemachine.errors import ExecutionNotFoundError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Message, Offer, Settled
from statemachine.store.checks import message_gone, not_found, not_running
from statemachine.store.rows import bind_text, read_text
from statemachine.store.segments import StoredDocument

UNCOLLECTED_MS: Final = 3_600_000
"""How long what became of a message is kept for its sender."""

_MESSAGES: Final = "SELECT messages.id, executions.id, body, sent_ms FROM messages JOIN executions ON key = execution"
_IS_EMPTY: Final = "SELECT NOT EXISTS (SELECT 1 FROM messages) AND NOT EXISTS (SELECT 1 FROM offers)"
_FIRST_OFFER: Final = (
    "SELECT execution, operation FROM offers WHERE activity = ? AND taken = 0 "
    "ORDER BY offered_ms, execution, operation LIMIT 1"
)


def insert_message(connection: sqlite3.Connection, execution_id: str, body: bytes, sent_ms: int, location: str) -> int:
    """See Store.send."""
    found = connection.execute("SELECT key, status FROM executions WHERE id = ?", (bind_text(execution_id),)).fetchone()
    if found is None:
        raise not_found(execution_id, location)
    key, status = found
    if status != ExecutionStatus.RUNNING:
        raise not_running(execution_id, status)
    connection.execute("DELETE FROM messages WHERE settled = 1 AND sent_ms < ?", (sent_ms - UNCOLLECTED_MS,))
    inserted = connection.execute(
        "INSERT INTO messages (execution, sent_ms, body) VALUES (?, ?, ?)", (key, sent_ms, body)
    ).lastrowid
    assert inserted is not None
    return inserted


def read_messages(
    connection: sqlite3.Connection, after: int, limit: int, execution_id: str | None, owner: str | None
) -> list[Message]:
    """See Store.messages."""
    if execution_id is not None:
        condition, value = "executions.id = ?", bind_text(execution_id)
    elif owner is not None:
        condition, value = "owner = ?", owner
    else:
        return []
    rows = connection.execute(
        f"{_MESSAGES} WHERE messages.id > ? AND settled = 0 AND {condition} ORDER BY messages.id LIMIT ?",
        (after, value, limit),
    )
    return [Message(number, read_text(name), body, sent_ms) for number, name, body, sent_ms in rows]


def settle(connection: sqlite3.Connection, settled: Iterable[Settled]) -> None:
    """See Store.settle. What was settled before stays as it was told."""
    connection.executemany(
        "UPDATE messages SET settled = 1, refusal = ?, body = x'' WHERE id = ? AND settled = 0",
        [(each.refusal, each.message) for each in settled],
    )


def read_outcome(connection: sqlite3.Connection, message: int) -> Settled | None:
    """What became of a message. Raises ExecutionNotFoundError if it is gone."""
    row = connection.execute("SELECT settled, refusal FROM messages WHERE id = ?", (message,)).fetchone()
    if row is None:
        raise message_gone(message)
    return Settled(message, row[1]) if row[0] else None


def delete_message(connection: sqlite3.Connection, message: int) -> None:
    """Remove a message."""
    connection.execute("DELETE FROM messages WHERE id = ?", (message,))


def insert_offers(connection: sqlite3.Connection, offers: Iterable[Offer], location: str) -> None:
    """See Store.offer."""
    for each in offers:
        inserted = connection.execute(
            "INSERT OR REPLACE INTO offers (execution, operation, activity, token, input, offered_ms, taken) "
            "SELECT key, ?, ?, ?, ?, ?, 0 FROM executions WHERE id = ?",
            (
                each.operation, bind_text(each.activity), bind_text(each.token), each.input.encoded, each.offered_ms,
                bind_text(each.execution_id),
            ),
        )  # fmt: skip
        if inserted.rowcount != 1:
            raise not_found(each.execution_id, location)


def delete_offers(connection: sqlite3.Connection, execution_id: str, operations: Sequence[int]) -> None:
    """See Store.withdraw."""
    name = bind_text(execution_id)
    connection.executemany(
        "DELETE FROM offers WHERE execution = (SELECT key FROM executions WHERE id = ?) AND operation = ?",
        [(name, operation) for operation in operations],
    )


def is_offered(connection: sqlite3.Connection, activity: str) -> bool:
    """Whether there is anything to take."""
    return connection.execute(_FIRST_OFFER, (bind_text(activity),)).fetchone() is not None


def take_offer(connection: sqlite3.Connection, activity: str) -> Offer | None:
    """See Store.take."""
    found = connection.execute(_FIRST_OFFER, (bind_text(activity),)).fetchone()
    if found is None:
        return None
    connection.execute("UPDATE offers SET taken = 1 WHERE execution = ? AND operation = ?", found)
    row = connection.execute(
        "SELECT id, operation, token, offers.input, offered_ms FROM offers JOIN executions ON key = execution "
        "WHERE execution = ? AND operation = ?",
        found,
    ).fetchone()
    if row is None:
        raise ExecutionNotFoundError(f"the execution of an offered task of {activity} is gone")
    name, operation, token, input_, offered_ms = row
    return Offer(activity, read_text(name), operation, read_text(token), StoredDocument(input_), offered_ms)


def forget_executions(connection: sqlite3.Connection, keys: Iterable[int], *, settled_too: bool = False) -> None:
    """Remove what waits for executions that have ended, or (`settled_too`) all about those that are removed."""
    if connection.execute(_IS_EMPTY).fetchone()[0]:
        return
    of_keys: list[tuple[Any, ...]] = [(key,) for key in keys]
    waiting = "" if settled_too else " AND settled = 0"
    connection.executemany(f"DELETE FROM messages WHERE execution = ?{waiting}", of_keys)  # noqa: S608 - constants only
    connection.executemany("DELETE FROM offers WHERE execution = ?", of_keys)
