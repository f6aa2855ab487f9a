"""SqliteStore: executions in one SQLite file (docs/durability.md).

Rules
- A commit of any number of executions is one transaction. What it writes is made before the transaction begins, and
  what this object remembers changes after it has ended.
- Each commit is an UPDATE of the execution's row, which checks owner and sequence, and one segment (segments.py): no
  row for each history event, and no index on anything that changes while an execution runs.
- What is owned is remembered here (`_Position`), so that a commit reads nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from statemachine.errors import ExecutionOwnedError, StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store import mailbox, reading
from statemachine.store.base import (
    AtRest,
    Commit,
    Durability,
    ExecutionRecord,
    Filter,
    Group,
    Message,
    NewExecution,
    Offer,
    Page,
    Recovery,
    Settled,
    Statistics,
)
from statemachine.store.checks import already_exists, check_history, damaged, not_claimed, out_of_sequence
from statemachine.store.connections import Connections
from statemachine.store.migrations import check_schema
from statemachine.store.owners import Owner
from statemachine.store.rows import bind_failure, bind_json, bind_text, count_groups, list_page, place
from statemachine.store.segments import INPUT, OUTPUT, Placed, SegmentEncoder

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for another process's transaction."""
PRUNE_EXECUTIONS: Final = 500
PRUNE_SEGMENTS: Final = 10_000
"""So many executions are removed in a transaction at most, and no further one after so many segments."""

_UPDATE_RUNNING: Final = (
    "UPDATE executions SET sequence = ?, history_length = ?, updated_ms = ?, states = ?, next_deadline_ms = ? "
    "WHERE key = ? AND owner = ? AND sequence = ?"
)
_UPDATE_STATUS: Final = (
    "UPDATE executions SET sequence = ?, history_length = ?, updated_ms = ?, states = ?, next_deadline_ms = ?, "
    "status = ?, stopped_ms = ?, error = ?, failure = ?, output = ?, owner = ? "
    "WHERE key = ? AND owner = ? AND sequence = ?"
)
_INSERT_SEGMENT: Final = "INSERT INTO segments (place, first_id, events, history, texts) VALUES (?, ?, ?, ?, ?)"
_INSERT_SNAPSHOT: Final = (
    "INSERT OR REPLACE INTO snapshots (execution, sequence, segment, snapshot) VALUES (?, ?, ?, ?)"
)
_INSERT_EXECUTION: Final = (
    "INSERT INTO executions (key, id, machine_name, definition, durability, tasks_source, started_ms, status, owner, "
    "updated_ms, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_encode_events = msgspec.msgpack.Encoder().encode


class _Position(NamedTuple):
    """Where the next commit of an execution goes."""

    key: int
    sequence: int
    segment: int
    history_length: int
    running: bool
    durability: Durability
    input: Placed | None
    last: Placed | None
    """The last document of the history. These two and the output are what a history may refer to."""


class _Rows:
    """What a transaction writes."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, tuple[Any, ...], str]] = []
        self.segments: list[tuple[Any, ...]] = []
        self.snapshots: list[tuple[Any, ...]] = []
        self.settled: list[Settled] = []
        self.ended: list[int] = []
        """Keys of the executions that end with it."""
        self.positions: dict[str, _Position | None] = {}
        """Positions after the transaction; None where the owner has given it up."""
        self.durability = Durability.NORMAL


class SqliteStore:
    """A store in one file. `path` is made if it is missing and `create` is set.

    Raises StoreError, here and in every method, if the file cannot be used; the message says what to do.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        read_only: bool = False,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = Path(path)
        self._connections = Connections(self.path, create=create, read_only=read_only, busy_seconds=busy_seconds)
        self._location = str(path)
        self._owner = Owner(self.path.with_name(self.path.name + ".owners"))
        self._encoder = SegmentEncoder()
        self._positions: dict[str, _Position] = {}

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        """See Store.create."""
        if not executions:
            return self.commit(commits)
        durability = Durability.NORMAL
        if any(each.durability is Durability.FULL for each in executions):
            durability = Durability.FULL
        with self._connections.exclusive():
            with self._connections.writing(durability) as connection:
                owner = self._owner.acquire()
                created = self._insert(connection, executions, owner)
                rows = _Rows()
                rows.positions.update(created)
                for commit in commits:
                    self._prepare(rows, commit, owner)
                self._write(connection, rows)
            self._remember(rows)
        return None

    def _insert(
        self, connection: sqlite3.Connection, executions: Sequence[NewExecution], owner: str
    ) -> dict[str, _Position]:
        (last_key,) = connection.execute("SELECT coalesce(max(key), 0) FROM executions").fetchone()
        key = last_key
        definitions: dict[str, int] = {}
        positions: dict[str, _Position] = {}
        rows: list[tuple[Any, ...]] = []
        origins: list[tuple[Any, ...]] = []
        for new in executions:
            key += 1
            definition = definitions.get(new.definition_sha256)
            if definition is None:
                definition = definitions[new.definition_sha256] = _insert_definition(connection, new)
            rows.append(
                (
                    key, bind_text(new.id), bind_text(new.machine_name), definition, new.durability,
                    bind_text(new.tasks_source), new.started_ms, ExecutionStatus.RUNNING, owner, new.started_ms,
                    bind_text(new.parent),
                )
            )  # fmt: skip
            origins.append((key, new.input.encoded, new.snapshot))
            positions[new.id] = _Position(key, 0, 0, 0, True, new.durability, (new.input, INPUT), None)
        try:
            connection.executemany(_INSERT_EXECUTION, rows)
        except sqlite3.IntegrityError as error:
            raise _conflict(connection, executions, last_key, self._location) from error
        connection.executemany("INSERT INTO origins (execution, input, snapshot) VALUES (?, ?, ?)", origins)
        return positions

    def commit(self, commits: Sequence[Commit]) -> None:
        """See Store.commit."""
        if not commits:
            return
        with self._connections.exclusive():
            owner = self._owner.id
            rows = _Rows()
            for commit in commits:
                self._prepare(rows, commit, owner)
            with self._connections.writing(rows.durability) as connection:
                self._write(connection, rows)
            self._remember(rows)

    def _prepare(self, rows: _Rows, commit: Commit, owner: str | None) -> None:
        """Make the rows of one commit."""
        name = commit.execution_id
        position = rows.positions[name] if name in rows.positions else self._positions.get(name)
        if position is None or owner is None:
            raise not_claimed(name)
        key, sequence, segment, length, running, durability, input_, last = position
        is_running = commit.status is ExecutionStatus.RUNNING
        if commit.sequence != sequence:
            raise out_of_sequence(name, commit.sequence, sequence)
        if durability is Durability.FULL:
            rows.durability = durability
        events = _encode_events(commit.events) if commit.events else None
        if commit.history:
            length = check_history(name, commit.history, length, durability)
            known = [each for each in (input_, last) if each is not None]
            if commit.output is not None and not is_running:
                known.append((commit.output, OUTPUT))
            segments, newest = self._encoder.encode(segment, commit.history, known)
            last = newest or last
            for each in segments:
                rows.segments.append((place(key, segment), each.first_id, events, each.history, each.texts))
                events = None
                segment += 1
        elif events is not None:
            rows.segments.append((place(key, segment), length + 1, events, None, None))
            segment += 1
        sequence += len(commit.events)
        if commit.snapshot is not None:
            rows.snapshots.append((key, sequence, segment, commit.snapshot))
            input_ = last = None  # what comes next was read from the snapshot, or it is long until then
        start = (sequence, length, commit.updated_ms, bind_json(commit.states), commit.next_deadline_ms)
        end = (key, owner, position.sequence)
        if running and is_running:
            rows.updates.append((_UPDATE_RUNNING, start + end, name))
        else:
            rows.updates.append((_UPDATE_STATUS, start + _status_values(commit, owner) + end, name))
        rows.settled += commit.settled
        if not is_running:
            rows.ended.append(key)
        rows.positions[name] = (
            _Position(key, sequence, segment, length, is_running, durability, input_, last) if is_running else None
        )

    def _write(self, connection: sqlite3.Connection, rows: _Rows) -> None:
        execute = connection.execute
        for statement, values, name in rows.updates:
            if execute(statement, values).rowcount != 1:
                self._positions.pop(name, None)
                raise ExecutionOwnedError(
                    f"execution {name} is no longer driven by this process: another one has claimed it, "
                    "or it was removed; nothing was stored"
                )
        connection.executemany(_INSERT_SEGMENT, rows.segments)
        if rows.snapshots:
            connection.executemany(_INSERT_SNAPSHOT, rows.snapshots)
        if rows.settled:
            mailbox.settle(connection, rows.settled)
        if rows.ended:
            mailbox.forget_executions(connection, rows.ended)

    def _remember(self, rows: _Rows) -> None:
        for name, position in rows.positions.items():
            if position is None:
                self._positions.pop(name, None)
            else:
                self._positions[name] = position

    def claim(self, execution_id: str) -> Recovery:
        """See Store.claim."""
        with self._connections.exclusive():
            with self._connections.writing() as connection:
                key, record = reading.find_record(connection, execution_id, self._location)
                owner = self._owner.acquire()
                if record.owner is not None and record.owner != owner:
                    self._check_dead(record.owner, execution_id)
                connection.execute("UPDATE executions SET owner = ? WHERE key = ?", (owner, key))
                segment = reading.next_segment(connection, key)
                record = replace(record, owner=owner)
                recovery = reading.read_recovery(connection, key, record, self._location)
            self._positions[execution_id] = _Position(
                key,
                record.sequence,
                segment,
                record.history_length,
                record.status is ExecutionStatus.RUNNING,
                record.durability,
                None,
                None,
            )
            return recovery

    def _check_dead(self, owner: str, execution_id: str) -> None:
        living = self._owner.living(owner)
        if living is not None:
            raise ExecutionOwnedError(
                f"execution {execution_id} is driven by {living}; an execution has one writer: "
                "end that process, or let it finish"
            )

    def release(self, *execution_ids: str) -> None:
        """See Store.release."""
        with self._connections.exclusive():
            owned = [self._positions.pop(each, None) for each in execution_ids]
            positions = [each for each in owned if each is not None]
            if positions:
                self._release(positions)

    def is_driven(self, execution_id: str) -> bool:
        """See Store.is_driven."""
        with self._connections.reading() as connection:
            owner = reading.find_owner(connection, execution_id, self._location)
        if owner is None or owner == self._owner.id:
            return owner is not None
        with self._connections.writing():  # lock files are looked at inside of one only
            return self._owner.living(owner) is not None

    def _release(self, positions: Iterable[_Position]) -> None:
        owner = self._owner.id
        with self._connections.writing() as connection:
            connection.executemany(
                "UPDATE executions SET owner = NULL WHERE key = ? AND owner = ?",
                [(position.key, owner) for position in positions],
            )

    def abandoned(self, limit: int = 1_000) -> list[str]:
        """See Store.abandoned."""
        with self._connections.reading() as connection:
            owners = [owner for (owner,) in connection.execute(reading.SELECT_OWNERS)]
        others = [each for each in owners if each is None or each != self._owner.id]
        if not others:
            return []
        with self._connections.writing() as connection:
            dead = [each for each in others if each is None or self._owner.living(each) is None]
            return reading.read_owned(connection, dead, limit)

    def send(self, execution_id: str, body: bytes, sent_ms: int) -> int:
        """See Store.send."""
        with self._connections.writing(Durability.FULL) as connection:
            return mailbox.insert_message(connection, execution_id, body, sent_ms, self._location)

    def messages(self, after: int = 0, limit: int = 1_000, execution_id: str | None = None) -> Sequence[Message]:
        """See Store.messages."""
        with self._connections.reading() as connection:
            return mailbox.read_messages(connection, after, limit, execution_id, self._owner.id)

    def settle(self, settled: Sequence[Settled]) -> None:
        """See Store.settle."""
        with self._connections.writing() as connection:
            mailbox.settle(connection, settled)

    def collect(self, message: int) -> Settled | None:
        """See Store.collect."""
        with self._connections.reading() as connection:
            found = mailbox.read_outcome(connection, message)
        if found is not None:
            with self._connections.writing() as connection:
                mailbox.delete_message(connection, message)
        return found

    def offer(self, offers: Sequence[Offer]) -> None:
        """See Store.offer."""
        with self._connections.writing() as connection:
            mailbox.insert_offers(connection, offers, self._location)

    def withdraw(self, execution_id: str, operations: Sequence[int]) -> None:
        """See Store.withdraw."""
        with self._connections.writing() as connection:
            mailbox.delete_offers(connection, execution_id, operations)

    def take(self, activity: str) -> Offer | None:
        """See Store.take."""
        # Pollers ask often and mostly in vain: that must not cost a write transaction.
        with self._connections.reading() as connection:
            if not mailbox.is_offered(connection, activity):
                return None
        with self._connections.writing(Durability.FULL) as connection:
            return mailbox.take_offer(connection, activity)

    def recover(self, execution_id: str, from_start: bool = False) -> Recovery:
        """See Store.recover."""
        with self._connections.reading() as connection:
            connection.execute("BEGIN")
            try:
                key, record = reading.find_record(connection, execution_id, self._location)
                return reading.read_recovery(connection, key, record, self._location, from_start=from_start)
            finally:
                connection.execute("ROLLBACK")

    def at_rest(self, execution_ids: Sequence[str]) -> dict[str, AtRest]:
        """See Store.at_rest."""
        with self._connections.reading() as connection:
            return reading.read_at_rest(connection, execution_ids)

    def get(self, execution_id: str) -> ExecutionRecord:
        """See Store.get."""
        with self._connections.reading() as connection:
            return reading.find_record(connection, execution_id, self._location)[1]

    def resolve(self, reference: str) -> str:
        """See Store.resolve."""
        with self._connections.reading() as connection:
            return reading.resolve(connection, reference, self._location)

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """See Store.list."""
        with self._connections.reading() as connection:
            return list_page(connection, where, limit, cursor, self._location)

    def count(self, where: Filter = Filter()) -> Sequence[Group]:  # noqa: B008 - frozen
        """See Store.count."""
        with self._connections.reading() as connection:
            return count_groups(connection, where)

    def history(
        self, execution_id: str, after: int = 0, limit: int | None = None, reverse: bool = False
    ) -> Iterator[HistoryEvent]:
        """See Store.history."""
        with self._connections.reading() as connection:
            key = reading.find_key(connection, execution_id, self._location)
        return reading.read_history(self._connections, key, after, limit, reverse=reverse)

    def journal(self, execution_id: str) -> Iterator[bytes]:
        """See Store.journal."""
        with self._connections.reading() as connection:
            key = reading.find_key(connection, execution_id, self._location)
        return reading.read_journal(self._connections, key)

    def definition(self, sha256: str) -> str:
        """See Store.definition."""
        with self._connections.reading() as connection:
            return reading.read_definition(connection, sha256, self._location)

    def prune(
        self,
        before_ms: int,
        statuses: frozenset[ExecutionStatus] | None = None,
        *,
        keep: int = 0,
        dry_run: bool = False,
    ) -> int:
        """See Store.prune."""
        closed = frozenset(ExecutionStatus) - {ExecutionStatus.RUNNING}
        chosen = sorted(closed if statuses is None else statuses & closed)
        with self._connections.reading() as connection:
            end = _oldest_kept(connection, chosen, keep) if keep > 0 else (before_ms, 0)
        if end is None:
            return 0
        total = 0
        after: int | None = 0
        while after is not None:
            with self._connections.writing() as connection:
                after, removed = self._prune_some(connection, after, min((before_ms, 0), end), chosen, dry_run=dry_run)
                if after is None:
                    connection.execute(
                        "DELETE FROM definitions WHERE NOT EXISTS "
                        "(SELECT 1 FROM executions WHERE executions.definition = definitions.key)"
                    )
            total += removed
        return total

    def _prune_some(
        self,
        connection: sqlite3.Connection,
        after: int,
        end: tuple[int, int],
        statuses: Sequence[ExecutionStatus],
        *,
        dry_run: bool,
    ) -> tuple[int | None, int]:
        """Remove some executions with keys above `after`, whose time of end and key come before `end`: the last key
        looked at, None at the end; and how many."""
        # The + keeps SQLite from using the index on status, for which it would sort all that is left each time.
        rows = connection.execute(
            "SELECT key, owner FROM executions AS each WHERE key > ? AND (stopped_ms, key) < (?, ?) "  # noqa: S608 - marks only
            f"AND +status IN ({', '.join('?' * len(statuses))}) AND (parent IS NULL OR NOT EXISTS "
            "(SELECT 1 FROM executions AS above WHERE above.id = each.parent AND above.status = 'RUNNING')) "
            "ORDER BY key LIMIT ?",
            (after, *end, *statuses, PRUNE_EXECUTIONS),
        ).fetchall()
        removed = segments = 0
        for key, owner in rows:
            if owner is None or (owner != self._owner.id and self._owner.living(owner) is None):
                segments += 0 if dry_run else _delete(connection, key)
                removed += 1
            if segments >= PRUNE_SEGMENTS:
                return key, removed
        return (rows[-1][0] if len(rows) == PRUNE_EXECUTIONS else None), removed

    def compact(self) -> None:
        """See Store.compact."""
        with self._connections.exclusive():
            with self._connections.writing():
                others = self._owner.others()
            if others:
                raise StoreError(
                    f"store {self._location}: {others[0]} drives executions of it, and could store nothing while it is "
                    "compacted; stop it first"
                )
            self._connections.compact()

    def statistics(self) -> Statistics:
        """See Store.statistics."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT status, count(*) FROM executions GROUP BY status ORDER BY status"
            ).fetchall()
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        counts = {ExecutionStatus(status): count for status, count in rows}
        return Statistics(counts, pages * page_bytes, free * page_bytes)

    def check(self) -> None:
        """See Store.check."""
        with self._connections.reading() as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise damaged(self._location, str(found).replace("\n", " "))
            check_schema(connection, self._location)

    def close(self) -> None:
        """See Store.close."""
        # Without its lock file an owner counts as dead, so what cannot be released now can be claimed all the same.
        with suppress(StoreError), self._connections.exclusive():
            if self._positions:
                self._release(self._positions.values())
        self._positions.clear()
        self._connections.close()
        self._owner.close()


def _status_values(commit: Commit, owner: str) -> tuple[Any, ...]:
    """Status, end, error, failure, output and owner for a commit that changes the status."""
    if commit.status is ExecutionStatus.RUNNING:
        return commit.status, None, None, None, None, owner
    failure = commit.failure
    return (
        commit.status,
        commit.updated_ms,
        None if failure is None else bind_text(failure.error),
        bind_failure(failure),
        None if commit.output is None else commit.output.encoded,
        None,
    )


def _oldest_kept(
    connection: sqlite3.Connection, statuses: Sequence[ExecutionStatus], keep: int
) -> tuple[int, int] | None:
    """Time of end and key of the oldest of the newest `keep` executions; None if there are not so many."""
    found: tuple[int, int] | None = connection.execute(
        f"SELECT stopped_ms, key FROM executions WHERE +status IN ({', '.join('?' * len(statuses))}) "  # noqa: S608 - marks only
        "ORDER BY stopped_ms DESC, key DESC LIMIT 1 OFFSET ?",
        (*statuses, keep - 1),
    ).fetchone()
    return found


def _insert_definition(connection: sqlite3.Connection, new: NewExecution) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO definitions (sha256, text) VALUES (?, ?)",
        (new.definition_sha256, bind_text(new.definition)),
    )
    (key,) = connection.execute("SELECT key FROM definitions WHERE sha256 = ?", (new.definition_sha256,)).fetchone()
    return int(key)


def _conflict(
    connection: sqlite3.Connection, executions: Sequence[NewExecution], last_key: int, location: str
) -> StoreError:
    """Which of the new executions is there already: before, up to `last_key`, or twice in this call."""
    seen: set[str] = set()
    for new in executions:
        found = connection.execute(
            "SELECT 1 FROM executions WHERE id = ? AND key <= ?", (bind_text(new.id), last_key)
        ).fetchone()
        if found or new.id in seen:
            return already_exists(new.id)
        seen.add(new.id)
    return damaged(location, "new executions contradict the stored ones")


def _delete(connection: sqlite3.Connection, key: int) -> int:
    """Remove an execution. Returns how many segments it had."""
    segments = connection.execute(
        "DELETE FROM segments WHERE place BETWEEN ? AND ?", (place(key, 0), place(key + 1, 0) - 1)
    ).rowcount
    connection.execute("DELETE FROM snapshots WHERE execution = ?", (key,))
    connection.execute("DELETE FROM origins WHERE execution = ?", (key,))
    mailbox.forget_executions(connection, [key], settled_too=True)
    connection.execute("DELETE FROM executions WHERE key = ?", (key,))
    return segments
