"""Rows and what they stand for: execution records, the SQL of lists, and the cursor of a list.

Rules
- A list is newest first, by start and then by key, and continued after the last pair seen (not by offset).
- For several statuses, each is read in its own order from the index and the results are merged: a rare status is found
  without looking at all executions.
- Text with lone surrogates, which UTF-8 cannot carry, is stored as a blob.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from statemachine.errors import Failure
from statemachine.jsonvalue import decode_json, encode_json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Durability, ExecutionRecord, Filter, Group, Page
from statemachine.store.checks import damaged, read_cursor, write_cursor
from statemachine.store.segments import StoredDocument

NUMBER_BITS: Final = 32
"""Bits of a segment's place that hold its number in the execution; the others hold the execution's key."""

_COLUMNS: Final = (
    "executions.key, id, machine_name, sha256, status, durability, started_ms, stopped_ms, updated_ms, states, "
    "next_deadline_ms, failure, input, output, sequence, history_length, tasks_source, owner, parent"
)
_TABLES: Final = (
    "executions JOIN definitions ON definitions.key = executions.definition "
    "JOIN origins ON origins.execution = executions.key"
)

SELECT_RECORD: Final = f"SELECT {_COLUMNS} FROM {_TABLES} WHERE id = ?"  # noqa: S608 - constants only


def place(key: int, number: int) -> int:
    """The place of a segment."""
    return key << NUMBER_BITS | number


def number_of(segment_place: int) -> int:
    """The segment's number in its execution."""
    return segment_place & (1 << NUMBER_BITS) - 1


def bind_text(text: str | None) -> str | bytes | None:
    """What to bind for a text."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def read_text(value: Any) -> Any:
    """The text that was bound."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def bind_json(value: Any) -> str:
    """Small JSON as text."""
    return encode_json(value).decode()


def bind_failure(failure: Failure | None) -> str | None:
    """A failure as a JSON array of error and cause."""
    return None if failure is None else bind_json((failure.error, failure.cause))


def read_record(row: tuple[Any, ...], location: str) -> ExecutionRecord:
    """The record of a row of `SELECT_RECORD` or of a list. Raises StoreError if it is damaged."""
    try:
        return _record(row)
    except (ValueError, TypeError) as error:
        raise damaged(location, f"the record of execution {row[1]!r} cannot be read ({error})") from error


def _record(row: tuple[Any, ...]) -> ExecutionRecord:
    failure = None if row[11] is None else Failure(*decode_json(row[11]))
    return ExecutionRecord(
        id=read_text(row[1]),
        machine_name=read_text(row[2]),
        definition_sha256=row[3],
        status=ExecutionStatus(row[4]),
        durability=Durability(row[5]),
        started_ms=row[6],
        stopped_ms=row[7],
        updated_ms=row[8],
        states=tuple(decode_json(row[9])),
        next_deadline_ms=row[10],
        failure=failure,
        input=StoredDocument(row[12]),
        output=None if row[13] is None else StoredDocument(row[13]),
        sequence=row[14],
        history_length=row[15],
        tasks_source=read_text(row[16]),
        owner=row[17],
        parent=read_text(row[18]),
    )


def _conditions(where: Filter) -> tuple[list[str], list[Any]]:
    """The SQL of a filter, but for its statuses, and what is bound to it."""
    conditions: list[str] = []
    values: list[Any] = []
    for condition, value in (
        ("machine_name = ?", bind_text(where.machine_name)),
        ("error = ?", bind_text(where.error)),
        ("parent = ?", bind_text(where.parent)),
        ("started_ms >= ?", where.started_from_ms),
        ("started_ms < ?", where.started_before_ms),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return conditions, values


def count_groups(connection: sqlite3.Connection, where: Filter) -> list[Group]:
    """How many executions there are, by machine, status and error."""
    conditions, values = _conditions(where)
    if where.statuses is not None:
        conditions.append(f"status IN ({', '.join('?' * len(where.statuses))})")
        values += sorted(where.statuses)
    filtered = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = "machine_name, status, error"
    rows = connection.execute(
        f"SELECT {columns}, count(*) FROM executions{filtered} GROUP BY {columns}",  # noqa: S608 - marks only
        values,
    ).fetchall()
    groups = [
        Group(read_text(machine), ExecutionStatus(status), read_text(error), number)
        for machine, status, error, number in rows
    ]
    return sorted(groups, key=lambda each: (each.machine_name, each.status, each.error or ""))


def list_page(connection: sqlite3.Connection, where: Filter, limit: int, cursor: str | None, location: str) -> Page:
    """A page of executions, newest first. Raises StoreError for a cursor that is none."""
    limit = max(1, limit)
    conditions, values = _conditions(where)
    if cursor is not None:
        conditions.append("(started_ms, key) < (?, ?)")
        values += read_cursor(cursor)
    order = "ORDER BY started_ms DESC, key DESC LIMIT ?"
    statuses: list[ExecutionStatus | None] = [None]
    if where.statuses is not None:
        statuses = [*sorted(where.statuses)]
    queries: list[str] = []
    bound: list[Any] = []
    for status in statuses:
        all_conditions = [*conditions] if status is None else ["status = ?", *conditions]
        filtered = f" WHERE {' AND '.join(all_conditions)}" if all_conditions else ""
        queries.append(f"SELECT * FROM (SELECT key, started_ms FROM executions{filtered} {order})")  # noqa: S608
        bound += [*([] if status is None else [status]), *values, limit + 1]
    if not queries:
        return Page((), None)
    found = f"SELECT key FROM ({' UNION ALL '.join(queries)}) {order}"  # noqa: S608
    statement = f"SELECT {_COLUMNS} FROM {_TABLES} WHERE executions.key IN ({found}) ORDER BY started_ms DESC, executions.key DESC"  # noqa: S608, E501
    rows = connection.execute(statement, (*bound, limit + 1)).fetchall()
    following = write_cursor(rows[limit - 1][6], rows[limit - 1][0]) if len(rows) > limit else None
    return Page(tuple(read_record(row, location) for row in rows[:limit]), following)
