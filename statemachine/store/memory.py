"""MemoryStore: executions as objects in this process, for runs that need no file, and for tests.

Rules
- The same contract as SqliteStore, held by one test suite; only nothing survives the process.
- Closed executions are kept too, until `prune`. What each one holds: memory_executions.py.
- Commits are checked first and applied when all have passed: they are atomic without a log.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from statemachine.errors import ExecutionNotFoundError, StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import (
    AtRest,
    Commit,
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
from statemachine.store.checks import (
    MAX_CANDIDATES,
    already_exists,
    check_history,
    no_definition,
    not_claimed,
    not_found,
    not_running,
    only_candidate,
    out_of_sequence,
    read_cursor,
    write_cursor,
)
from statemachine.store.memory_executions import LOCATION, OWNER, Definition, StoredExecution
from statemachine.store.memory_mailbox import MemoryMailbox
from statemachine.store.segments import SegmentEncoder


class MemoryStore:
    """A store without a file."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._next_key = 1
        self._executions: dict[str, StoredExecution] = {}
        self._order: list[tuple[int, int, str]] = []
        """Start, key and id of all executions, oldest first."""
        self._definitions: dict[str, Definition] = {}
        self._encoder = SegmentEncoder(compress_from=None)
        self._mailbox = MemoryMailbox()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the memory store is closed")

    def _find(self, execution_id: str) -> StoredExecution:
        self._check_open()
        found = self._executions.get(execution_id)
        if found is None:
            raise not_found(execution_id, LOCATION)
        return found

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        """See Store.create."""
        with self._lock:
            self._check_open()
            created: dict[str, StoredExecution] = {}
            definitions: dict[str, Definition] = {}
            for new in executions:
                if new.id in self._executions or new.id in created:
                    raise already_exists(new.id)
                definition = definitions.get(new.definition_sha256) or self._definitions.get(new.definition_sha256)
                if definition is None:
                    definition = definitions[new.definition_sha256] = Definition(new.definition, new.snapshot)
                created[new.id] = StoredExecution(self._next_key + len(created), new, definition)
            self._check(commits, created)
            self._definitions |= definitions
            for stored in created.values():
                self._executions[stored.id] = stored
                insort(self._order, (stored.started_ms, stored.key, stored.id))
            self._next_key += len(created)
            self._apply(commits)

    def commit(self, commits: Sequence[Commit]) -> None:
        """See Store.commit."""
        with self._lock:
            self._check_open()
            self._check(commits, {})
            self._apply(commits)

    def _check(self, commits: Sequence[Commit], created: dict[str, StoredExecution]) -> None:
        after: dict[str, tuple[int, int, bool]] = {}
        for commit in commits:
            name = commit.execution_id
            stored = created.get(name) or self._executions.get(name)
            if stored is None:
                raise not_claimed(name)
            known = after.get(name)
            sequence, length, owned = known or (stored.sequence, stored.history_length, stored.owner is not None)
            if not owned:
                raise not_claimed(name)
            if commit.sequence != sequence:
                raise out_of_sequence(name, commit.sequence, sequence)
            if commit.history:
                length = check_history(name, commit.history, length, stored.durability)
            after[name] = sequence + len(commit.events), length, commit.status is ExecutionStatus.RUNNING

    def _apply(self, commits: Sequence[Commit]) -> None:
        ended: set[str] = set()
        for commit in commits:
            self._executions[commit.execution_id].apply(commit, self._encoder)
            if commit.settled:
                self._mailbox.settle(commit.settled)
            if commit.status is not ExecutionStatus.RUNNING:
                ended.add(commit.execution_id)
        if ended and (self._mailbox.waiting or self._mailbox.offers):
            self._mailbox.forget(ended.__contains__)

    def claim(self, execution_id: str) -> Recovery:
        """See Store.claim."""
        with self._lock:
            self._find(execution_id).owner = OWNER
            return self.recover(execution_id)

    def release(self, *execution_ids: str) -> None:
        """See Store.release."""
        with self._lock:
            self._check_open()
            for each in execution_ids:
                stored = self._executions.get(each)
                if stored is not None:
                    stored.owner = None

    def is_driven(self, execution_id: str) -> bool:
        """See Store.is_driven."""
        with self._lock:
            return self._find(execution_id).owner is not None

    def abandoned(self, limit: int = 1_000) -> list[str]:
        """See Store.abandoned."""
        with self._lock:
            self._check_open()
            executions = (self._executions[name] for _, _, name in self._order)
            found = (each.id for each in executions if each.owner is None and not each.closed)
            return list(islice(found, limit))

    def send(self, execution_id: str, body: bytes, sent_ms: int) -> int:
        """See Store.send."""
        with self._lock:
            stored = self._find(execution_id)
            if stored.closed:
                raise not_running(execution_id, stored.status)
            return self._mailbox.send(execution_id, body, sent_ms)

    def messages(self, after: int = 0, limit: int = 1_000, execution_id: str | None = None) -> Sequence[Message]:
        """See Store.messages."""
        with self._lock:
            self._check_open()
            if execution_id is not None:
                return self._mailbox.messages(after, limit, execution_id.__eq__)
            return self._mailbox.messages(after, limit, lambda name: self._executions[name].owner is not None)

    def settle(self, settled: Sequence[Settled]) -> None:
        """See Store.settle."""
        with self._lock:
            self._check_open()
            self._mailbox.settle(settled)

    def collect(self, message: int) -> Settled | None:
        """See Store.collect."""
        with self._lock:
            self._check_open()
            return self._mailbox.collect(message)

    def offer(self, offers: Sequence[Offer]) -> None:
        """See Store.offer."""
        with self._lock:
            for each in offers:
                self._find(each.execution_id)
            self._mailbox.offers.update({(each.execution_id, each.operation): each for each in offers})

    def withdraw(self, execution_id: str, operations: Sequence[int]) -> None:
        """See Store.withdraw."""
        with self._lock:
            self._check_open()
            for operation in operations:
                self._mailbox.offers.pop((execution_id, operation), None)

    def take(self, activity: str) -> Offer | None:
        """See Store.take."""
        with self._lock:
            self._check_open()
            return self._mailbox.take(activity)

    def recover(self, execution_id: str, from_start: bool = False) -> Recovery:
        """See Store.recover."""
        with self._lock:
            return self._find(execution_id).recovery(from_start=from_start)

    def at_rest(self, execution_ids: Sequence[str]) -> dict[str, AtRest]:
        """See Store.at_rest."""
        with self._lock:
            self._check_open()
            known = (self._executions.get(each) for each in execution_ids)
            snapshots = ((each, each.at_rest()) for each in known if each is not None)
            return {each.id: AtRest(each.sequence, snapshot) for each, snapshot in snapshots if snapshot is not None}

    def get(self, execution_id: str) -> ExecutionRecord:
        """See Store.get."""
        with self._lock:
            return self._find(execution_id).record()

    def resolve(self, reference: str) -> str:
        """See Store.resolve."""
        with self._lock:
            self._check_open()
            if reference == "@last":
                if not self._order:
                    raise ExecutionNotFoundError("store memory holds no execution yet")
                return self._order[-1][2]
            if reference in self._executions:
                return reference
            found = [each for each in self._executions if reference and each.startswith(reference)]
            return only_candidate(reference, sorted(found)[: MAX_CANDIDATES + 1], LOCATION)

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """See Store.list."""
        with self._lock:
            self._check_open()
            limit = max(1, limit)
            position = len(self._order) if cursor is None else bisect_left(self._order, (*read_cursor(cursor), ""))
            found: list[StoredExecution] = []
            while position > 0 and len(found) <= limit:
                position -= 1
                stored = self._executions[self._order[position][2]]
                if stored.matches(where):
                    found.append(stored)
            page = found[:limit]
            following = write_cursor(page[-1].started_ms, page[-1].key) if len(found) > limit else None
            return Page(tuple(each.record() for each in page), following)

    def count(self, where: Filter = Filter()) -> Sequence[Group]:  # noqa: B008 - frozen
        """See Store.count."""
        with self._lock:
            self._check_open()
            counts = Counter(
                (stored.machine_name, stored.status, stored.error)
                for stored in self._executions.values()
                if stored.matches(where)
            )
            ordered = sorted(counts.items(), key=lambda pair: tuple(each or "" for each in pair[0]))
            return [Group(*key, number) for key, number in ordered]

    def history(
        self, execution_id: str, after: int = 0, limit: int | None = None, reverse: bool = False
    ) -> Iterator[HistoryEvent]:
        """See Store.history."""
        with self._lock:
            return self._find(execution_id).history(after, limit, reverse=reverse)

    def journal(self, execution_id: str) -> Iterator[bytes]:
        """See Store.journal."""
        with self._lock:
            return iter(self._find(execution_id).journal())

    def definition(self, sha256: str) -> str:
        """See Store.definition."""
        with self._lock:
            self._check_open()
            definition = self._definitions.get(sha256)
            if definition is None:
                raise no_definition(sha256)
            return definition.text

    def prune(
        self,
        before_ms: int,
        statuses: frozenset[ExecutionStatus] | None = None,
        *,
        keep: int = 0,
        dry_run: bool = False,
    ) -> int:
        """See Store.prune."""
        with self._lock:
            self._check_open()
            closed = [
                ((each.updated_ms, each.key), name)
                for name, each in self._executions.items()
                if each.closed and (statuses is None or each.status in statuses)
            ]
            old = sorted(closed)[: max(len(closed) - keep, 0)]
            gone = {name for (stopped_ms, _), name in old if stopped_ms < before_ms and self._is_removable(name)}
            if dry_run:
                return len(gone)
            kept = {name: stored for name, stored in self._executions.items() if name not in gone}
            removed = len(self._executions) - len(kept)
            self._mailbox.forget(lambda name: name not in kept)
            self._executions = kept
            self._order = [each for each in self._order if each[2] in kept]
            used = {stored.sha256 for stored in kept.values()}
            self._definitions = {sha256: each for sha256, each in self._definitions.items() if sha256 in used}
            return removed

    def _is_removable(self, name: str) -> bool:
        stored = self._executions[name]
        parent = self._executions.get(stored.parent or "")
        return stored.owner is None and (parent is None or parent.closed)

    def compact(self) -> None:
        """See Store.compact. What is removed from memory is free at once."""
        with self._lock:
            self._check_open()

    def statistics(self) -> Statistics:
        """See Store.statistics."""
        with self._lock:
            self._check_open()
            counts = Counter(stored.status for stored in self._executions.values())
            return Statistics({status: counts[status] for status in sorted(counts)}, 0)

    def check(self) -> None:
        """See Store.check: there is no file."""

    def close(self) -> None:
        """See Store.close."""
        with self._lock:
            self._closed = True
