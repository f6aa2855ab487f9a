"""MemoryStore: executions as objects in this process, for runs that need no file, and for tests.

Rules
- The same contract as SqliteStore, held by one test suite; only nothing survives the process.
- Objects are kept as they came, none is copied or encoded. Closed executions are kept too, until `prune`.
- Commits are checked first and applied when all have passed: they are atomic without a log.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from statemachine.errors import ExecutionNotFoundError, StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import (
    Commit,
    ExecutionRecord,
    Filter,
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
from statemachine.store.memory_mailbox import MemoryMailbox

OWNER = "memory"
"""The owner of what is claimed: there is only one."""


@dataclass(slots=True)
class _Stored:
    """An execution, and what was last committed of it."""

    key: int
    new: NewExecution
    status: ExecutionStatus
    updated_ms: int
    snapshot: bytes
    snapshot_sequence: int = 0
    states: tuple[str, ...] = ()
    next_deadline_ms: int | None = None
    last: Commit | None = None
    """The commit that closed it."""
    owner: str | None = OWNER
    history_length: int = 0
    events: list[bytes] = field(default_factory=list)
    history: list[HistoryEvent] = field(default_factory=list)

    def record(self) -> ExecutionRecord:
        new, last = self.new, self.last
        return ExecutionRecord(
            id=new.id,
            machine_name=new.machine_name,
            definition_sha256=new.definition_sha256,
            status=self.status,
            durability=new.durability,
            started_ms=new.started_ms,
            stopped_ms=None if last is None else last.updated_ms,
            updated_ms=self.updated_ms,
            states=self.states,
            next_deadline_ms=self.next_deadline_ms,
            failure=None if last is None else last.failure,
            input=new.input,
            output=None if last is None else last.output,
            sequence=len(self.events),
            history_length=self.history_length,
            tasks_source=new.tasks_source,
            owner=self.owner,
            parent=new.parent,
        )

    def apply(self, commit: Commit) -> None:
        self.events += commit.events
        if commit.history:
            self.history += commit.history
            self.history_length = commit.history[-1].id
        self.status = commit.status
        self.updated_ms = commit.updated_ms
        self.states = commit.states
        self.next_deadline_ms = commit.next_deadline_ms
        if commit.snapshot is not None:
            self.snapshot = commit.snapshot
            self.snapshot_sequence = len(self.events)
        if commit.status is ExecutionStatus.RUNNING:
            self.last = None
        else:
            self.last = commit
            self.owner = None

    def matches(self, where: Filter) -> bool:
        error = None if self.last is None or self.last.failure is None else self.last.failure.error
        return (
            (where.statuses is None or self.status in where.statuses)
            and (where.machine_name is None or self.new.machine_name == where.machine_name)
            and (where.error is None or error == where.error)
            and (where.parent is None or self.new.parent == where.parent)
            and (where.started_from_ms is None or self.new.started_ms >= where.started_from_ms)
            and (where.started_before_ms is None or self.new.started_ms < where.started_before_ms)
        )


class MemoryStore:
    """A store without a file."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._closed = False
        self._next_key = 1
        self._executions: dict[str, _Stored] = {}
        self._order: list[tuple[int, int, str]] = []
        """Start, key and id of all executions, oldest first."""
        self._definitions: dict[str, str] = {}
        self._mailbox = MemoryMailbox()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the memory store is closed")

    def _find(self, execution_id: str) -> _Stored:
        self._check_open()
        found = self._executions.get(execution_id)
        if found is None:
            raise not_found(execution_id, "memory")
        return found

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        """See Store.create."""
        with self._lock:
            self._check_open()
            created: dict[str, _Stored] = {}
            for new in executions:
                if new.id in self._executions or new.id in created:
                    raise already_exists(new.id)
                key = self._next_key + len(created)
                created[new.id] = _Stored(key, new, ExecutionStatus.RUNNING, new.started_ms, new.snapshot)
            self._check(commits, created)
            for stored in created.values():
                new = stored.new
                self._executions[new.id] = stored
                self._definitions.setdefault(new.definition_sha256, new.definition)
                insort(self._order, (new.started_ms, stored.key, new.id))
            self._next_key += len(created)
            self._apply(commits)

    def commit(self, commits: Sequence[Commit]) -> None:
        """See Store.commit."""
        with self._lock:
            self._check_open()
            self._check(commits, {})
            self._apply(commits)

    def _check(self, commits: Sequence[Commit], created: dict[str, _Stored]) -> None:
        after: dict[str, tuple[int, int, bool]] = {}
        for commit in commits:
            name = commit.execution_id
            stored = created.get(name) or self._executions.get(name)
            if stored is None:
                raise not_claimed(name)
            known = after.get(name)
            sequence, length, owned = known or (len(stored.events), stored.history_length, stored.owner is not None)
            if not owned:
                raise not_claimed(name)
            if commit.sequence != sequence:
                raise out_of_sequence(name, commit.sequence, sequence)
            if commit.history:
                length = check_history(name, commit.history, length, stored.new.durability)
            after[name] = sequence + len(commit.events), length, commit.status is ExecutionStatus.RUNNING

    def _apply(self, commits: Sequence[Commit]) -> None:
        ended: set[str] = set()
        for commit in commits:
            self._executions[commit.execution_id].apply(commit)
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

    def release(self, execution_id: str) -> None:
        """See Store.release."""
        with self._lock:
            self._check_open()
            stored = self._executions.get(execution_id)
            if stored is not None:
                stored.owner = None

    def abandoned(self, limit: int = 1_000) -> list[str]:
        """See Store.abandoned."""
        with self._lock:
            self._check_open()
            executions = (self._executions[name] for _, _, name in self._order)
            found = (each.new.id for each in executions if each.owner is None and each.last is None)
            return list(islice(found, limit))

    def send(self, execution_id: str, body: bytes, sent_ms: int) -> int:
        """See Store.send."""
        with self._lock:
            stored = self._find(execution_id)
            if stored.last is not None:
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
            stored = self._find(execution_id)
            sequence = 0 if from_start else stored.snapshot_sequence
            return Recovery(
                record=stored.record(),
                definition=self._definitions[stored.new.definition_sha256],
                snapshot=stored.new.snapshot if from_start else stored.snapshot,
                snapshot_sequence=sequence,
                events=tuple(stored.events[sequence:]),
            )

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
            return only_candidate(reference, sorted(found)[: MAX_CANDIDATES + 1], "memory")

    def list(self, where: Filter = Filter(), limit: int = 50, cursor: str | None = None) -> Page:  # noqa: B008 - frozen
        """See Store.list."""
        with self._lock:
            self._check_open()
            limit = max(1, limit)
            position = len(self._order) if cursor is None else bisect_left(self._order, (*read_cursor(cursor), ""))
            found: list[_Stored] = []
            while position > 0 and len(found) <= limit:
                position -= 1
                stored = self._executions[self._order[position][2]]
                if stored.matches(where):
                    found.append(stored)
            page = found[:limit]
            following = write_cursor(page[-1].new.started_ms, page[-1].key) if len(found) > limit else None
            return Page(tuple(each.record() for each in page), following)

    def history(
        self, execution_id: str, after: int = 0, limit: int | None = None, reverse: bool = False
    ) -> Iterator[HistoryEvent]:
        """See Store.history."""
        with self._lock:
            history = self._find(execution_id).history
            first, last = 0, len(history)
            if after and reverse:
                last = bisect_left(history, after, key=_id)
            elif after:
                first = bisect_right(history, after, key=_id)
            if limit is not None:
                limit = max(0, limit)
                first, last = (max(first, last - limit), last) if reverse else (first, min(last, first + limit))
            places = range(first, last)
            # A history only grows at its end, so these places stay what they are.
            return (history[place] for place in (reversed(places) if reverse else places))

    def journal(self, execution_id: str) -> Iterator[bytes]:
        """See Store.journal."""
        with self._lock:
            return iter(tuple(self._find(execution_id).events))

    def definition(self, sha256: str) -> str:
        """See Store.definition."""
        with self._lock:
            self._check_open()
            text = self._definitions.get(sha256)
            if text is None:
                raise no_definition(sha256)
            return text

    def prune(self, before_ms: int, statuses: frozenset[ExecutionStatus] | None = None) -> int:
        """See Store.prune."""
        with self._lock:
            self._check_open()
            kept: dict[str, _Stored] = {}
            for name, stored in self._executions.items():
                gone = (
                    stored.last is not None
                    and stored.owner is None
                    and stored.last.updated_ms < before_ms
                    and (statuses is None or stored.status in statuses)
                )
                if not gone:
                    kept[name] = stored
            removed = len(self._executions) - len(kept)
            self._mailbox.forget(lambda name: name not in kept)
            self._executions = kept
            self._order = [each for each in self._order if each[2] in kept]
            used = {stored.new.definition_sha256 for stored in kept.values()}
            self._definitions = {sha256: text for sha256, text in self._definitions.items() if sha256 in used}
            return removed

    def statistics(self) -> Statistics:
        """See Store.statistics."""
        with self._lock:
            self._check_open()
            counts = Counter(stored.status for stored in self._executions.values())
            return Statistics({status: counts[status] for status in sorted(counts)}, 0)

    def close(self) -> None:
        """See Store.close."""
        with self._lock:
            self._closed = True


def _id(event: HistoryEvent) -> int:
    return event.id
