"""Queries on one execution's segments: history, journal, recovery.

Rules
- Read in chunks, each with a connection of its own: what is held does not grow with the history, and nothing is held
  while the caller looks at it.
- First history ids rise with the segments' numbers, which have no gaps: the segment of an id is found by halving.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from statemachine.errors import ExecutionNotFoundError
from statemachine.jsonvalue import Document
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import AtRest, ExecutionRecord, Recovery
from statemachine.store.checks import MAX_CANDIDATES, damaged, no_definition, not_found, only_candidate
from statemachine.store.connections import Connections
from statemachine.store.rows import NUMBER_BITS, SELECT_RECORD, bind_text, number_of, place, read_record, read_text
from statemachine.store.segments import SegmentDecoder, StoredDocument

CHUNK_SEGMENTS: Final = 32
CHUNK_EVENTS: Final = 256
CHUNK_EXECUTIONS: Final = 256

SELECT_OWNERS: Final = "SELECT DISTINCT owner FROM executions WHERE status = 'RUNNING'"
"""The owners of all executions that have not ended, None for those that have none."""

_decode_events = msgspec.msgpack.Decoder(list[bytes]).decode


def find_record(connection: sqlite3.Connection, execution_id: str, location: str) -> tuple[int, ExecutionRecord]:
    """An execution's key and record. Raises ExecutionNotFoundError."""
    row = connection.execute(SELECT_RECORD, (bind_text(execution_id),)).fetchone()
    if row is None:
        raise not_found(execution_id, location)
    return row[0], read_record(row, location)


def find_owner(connection: sqlite3.Connection, execution_id: str, location: str) -> str | None:
    """Who owns an execution. Raises ExecutionNotFoundError."""
    row = connection.execute("SELECT owner FROM executions WHERE id = ?", (bind_text(execution_id),)).fetchone()
    if row is None:
        raise not_found(execution_id, location)
    owner: str | None = row[0]
    return owner


def read_at_rest(connection: sqlite3.Connection, execution_ids: Sequence[str]) -> dict[str, AtRest]:
    """The last states of executions (see Store.at_rest)."""
    found: dict[str, AtRest] = {}
    for first in range(0, len(execution_ids), CHUNK_EXECUTIONS):
        names = [bind_text(each) for each in execution_ids[first : first + CHUNK_EXECUTIONS]]
        rows = connection.execute(
            "SELECT id, snapshots.sequence, snapshot FROM executions JOIN snapshots ON execution = key "  # noqa: S608 - marks only
            f"WHERE snapshots.sequence = executions.sequence AND id IN ({', '.join('?' * len(names))})",
            names,
        )
        found.update((read_text(name), AtRest(sequence, snapshot)) for name, sequence, snapshot in rows)
    return found


def find_key(connection: sqlite3.Connection, execution_id: str, location: str) -> int:
    """An execution's key. Raises ExecutionNotFoundError."""
    row = connection.execute("SELECT key FROM executions WHERE id = ?", (bind_text(execution_id),)).fetchone()
    if row is None:
        raise not_found(execution_id, location)
    return int(row[0])


def resolve(connection: sqlite3.Connection, reference: str, location: str) -> str:
    """The id that a reference means (see Store.resolve)."""
    if reference == "@last":
        row = connection.execute("SELECT id FROM executions ORDER BY started_ms DESC, key DESC LIMIT 1").fetchone()
        if row is None:
            raise ExecutionNotFoundError(f"store {location} holds no execution yet")
        return str(read_text(row[0]))
    bound = bind_text(reference)
    if connection.execute("SELECT 1 FROM executions WHERE id = ?", (bound,)).fetchone():
        return reference
    if not reference or isinstance(bound, bytes):
        raise not_found(reference, location)
    found = connection.execute(
        "SELECT id FROM executions WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (reference, reference + "\U0010ffff", MAX_CANDIDATES + 1),
    ).fetchall()
    return only_candidate(reference, [row[0] for row in found], location)


def read_owned(connection: sqlite3.Connection, owners: Sequence[str | None], limit: int) -> list[str]:
    """The ids of the executions of these owners that have not ended, oldest first."""
    found: list[tuple[int, str]] = []
    for owner in owners:
        found += connection.execute(
            "SELECT key, id FROM executions WHERE owner IS ? AND status = 'RUNNING' ORDER BY key LIMIT ?",
            (owner, limit),
        ).fetchall()
    return [read_text(name) for _, name in sorted(found)[:limit]]


def next_segment(connection: sqlite3.Connection, key: int) -> int:
    """The number that the execution's next segment gets."""
    (last,) = connection.execute(
        "SELECT max(place) FROM segments WHERE place BETWEEN ? AND ?", (place(key, 0), place(key + 1, 0) - 1)
    ).fetchone()
    return 0 if last is None else number_of(last) + 1


def read_recovery(
    connection: sqlite3.Connection, key: int, record: ExecutionRecord, location: str, *, from_start: bool = False
) -> Recovery:
    """A snapshot and the events after it."""
    definition = read_definition(connection, record.definition_sha256, location)
    row = None
    if not from_start:
        row = connection.execute(
            "SELECT sequence, segment, snapshot FROM snapshots WHERE execution = ?", (key,)
        ).fetchone()
    if row is None:
        (snapshot,) = connection.execute("SELECT snapshot FROM origins WHERE execution = ?", (key,)).fetchone()
        row = (0, 0, snapshot)
    sequence, segment, snapshot = row
    events: list[bytes] = []
    for (encoded,) in connection.execute(
        "SELECT events FROM segments WHERE place BETWEEN ? AND ? AND events IS NOT NULL ORDER BY place",
        (place(key, segment), place(key + 1, 0) - 1),
    ):
        events += decode_events(encoded, location)
    if sequence + len(events) != record.sequence:
        found = sequence + len(events)
        raise damaged(location, f"the journal of {record.id} holds {found} events instead of {record.sequence}")
    return Recovery(record, definition, snapshot, sequence, tuple(events))


def read_definition(connection: sqlite3.Connection, sha256: str, location: str) -> str:
    """A definition's text. Raises StoreError if it is not there, or not the text of this hash."""
    row = connection.execute("SELECT text FROM definitions WHERE sha256 = ?", (bind_text(sha256),)).fetchone()
    if row is None:
        raise no_definition(sha256)
    text = str(read_text(row[0]))
    # What is hashed is the text as it is read: without a byte order mark.
    if hashlib.sha256(text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")).hexdigest() != sha256:
        raise damaged(location, f"the definition {sha256:.12} is not the text that was stored")
    return text


def decode_events(encoded: bytes, location: str) -> list[bytes]:
    """The encoded events of a segment. Raises StoreError if it is damaged."""
    try:
        return _decode_events(encoded)
    except (msgspec.MsgspecError, TypeError) as error:
        raise damaged(location, f"a segment of the journal cannot be read ({error})") from error


def read_journal(connections: Connections, key: int) -> Iterator[bytes]:
    """All encoded events of an execution."""
    at, end = place(key, 0), place(key + 1, 0)
    while True:
        with connections.reading() as connection:
            rows = connection.execute(
                "SELECT place, events FROM segments WHERE place >= ? AND place < ? AND events IS NOT NULL "
                "ORDER BY place LIMIT ?",
                (at, end, CHUNK_EVENTS),
            ).fetchall()
        for _, encoded in rows:
            yield from decode_events(encoded, connections.location)
        if len(rows) < CHUNK_EVENTS:
            return
        at = rows[-1][0] + 1


def read_history(
    connections: Connections, key: int, after: int, limit: int | None, *, reverse: bool
) -> Iterator[HistoryEvent]:
    """History events (see Store.history)."""
    left = limit
    for chunk in _chunks(connections, key, after, reverse=reverse):
        for events in chunk:
            for event in reversed(events) if reverse else events:
                if (event.id >= after if reverse else event.id <= after) and after:
                    continue
                if left is not None:
                    if left <= 0:
                        return
                    left -= 1
                yield event


def _chunks(connections: Connections, key: int, after: int, *, reverse: bool) -> Iterator[list[list[HistoryEvent]]]:
    with connections.reading() as connection:
        count = next_segment(connection, key)
        start = 0 if not reverse else count - 1
        if after:
            start = _segment_of(connection, key, after, count)
    size = 1
    while 0 <= start < count:
        low, high = (start - size + 1, start) if reverse else (start, start + size - 1)
        with connections.reading() as connection:
            rows = connection.execute(
                "SELECT place, history, texts FROM segments WHERE place BETWEEN ? AND ? ORDER BY place",
                (place(key, max(low, 0)), place(key, high)),
            ).fetchall()
            decoder = _decoder(connection, key, connections.location)
            chunk = [decoder.decode(number_of(at), history, texts) for at, history, texts in rows if history]
        yield chunk[::-1] if reverse else chunk
        start = low - 1 if reverse else high + 1
        size = min(size * 2, CHUNK_SEGMENTS)


def _segment_of(connection: sqlite3.Connection, key: int, history_id: int, count: int) -> int:
    """The last segment that begins at or before a history event; 0 if there is none."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        row = connection.execute("SELECT first_id FROM segments WHERE place = ?", (place(key, middle),)).fetchone()
        if row is None or row[0] > history_id:
            high = middle
        else:
            low = middle
    return low


def _decoder(connection: sqlite3.Connection, key: int, location: str) -> SegmentDecoder:
    def fetch(number: int, offset: int, length: int) -> bytes:
        row = connection.execute(
            "SELECT substr(texts, ?, ?) FROM segments WHERE place = ?",
            (offset + 1, length, key << NUMBER_BITS | number),
        ).fetchone()
        return row[0] if row else b""

    record: list[Any] = []

    def documents() -> tuple[Document, Document | None]:
        if not record:
            (output,) = connection.execute("SELECT output FROM executions WHERE key = ?", (key,)).fetchone()
            (input_,) = connection.execute("SELECT input FROM origins WHERE execution = ?", (key,)).fetchone()
            record[:] = StoredDocument(input_), None if output is None else StoredDocument(output)
        return record[0], record[1]

    return SegmentDecoder(location, fetch, documents)
