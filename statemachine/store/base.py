"""The Store protocol: what the runtime needs of a store, and what a store promises (docs/durability.md).

Rules
- Write first, act second: `commit` returns when everything in it is on disk as `Durability` says; only then does the
  runtime perform commands.
- A commit is atomic for all executions in it: one transaction, one fsync, for many executions.
- One writer per execution: an execution is claimed by an owner before it is committed to. A claim by a process that
  died (for whatever reason, `kill -9` too) is taken over at once; one by a living process is refused.
- Readers never block writers, nor the other way round.
- What one process wants of an execution that another one drives goes through the store: messages, which the owner
  reads and settles, in the transaction that holds what came of them.
- A document is stored once: consecutive history events that carry the same `Document` (the output of a state and the
  input of the next) share one row's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from statemachine.errors import Failure
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent


class Durability(StrEnum):
    """What a commit waits for. Stored with the execution."""

    FULL = "full"
    """fsync: survives a power cut."""
    NORMAL = "normal"
    """Written to the operating system: survives a killed process, not a power cut."""
    NONE = "none"
    """Nothing but the start and the end is written: an interrupted execution starts again from its input."""


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """One execution as the store lists it."""

    id: str
    machine_name: str
    definition_sha256: str
    status: ExecutionStatus
    durability: Durability
    started_ms: int
    stopped_ms: int | None
    updated_ms: int
    states: tuple[str, ...]
    """Names of the states it is in; of the one it failed in, if it failed."""
    next_deadline_ms: int | None
    """When the next timer is due, if it waits for one."""
    failure: Failure | None
    input: Document
    output: Document | None
    sequence: int
    """How many events the journal holds: the next commit must carry this number plus its events."""
    history_length: int
    tasks_source: str | None
    """How the tasks were bound (the ``--tasks`` file), so that `resume` can bind them again; None if by the caller."""
    owner: str | None
    parent: str | None = None
    """The id of the execution whose task started it, if one did."""


class NewExecution(Struct, frozen=True):
    """What `create` stores, together with the first commit's data, in one transaction."""

    id: str
    machine_name: str
    definition: str
    """The definition's text, as given."""
    definition_sha256: str
    input: Document
    durability: Durability
    started_ms: int
    snapshot: bytes
    """The execution before its first event (kernel/snapshot.py)."""
    tasks_source: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody wants of an execution: an answer to one of its tasks, or its stop."""

    id: int
    """Rises with the order in which they were sent."""
    execution_id: str
    body: bytes
    """The runtime's matter (runtime/messages.py)."""
    sent_ms: int


class Settled(Struct, frozen=True):
    """What became of a message: accepted, or refused with the encoded reason."""

    message: int
    refusal: bytes | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A task of an activity that waits for a worker. One for each execution and operation."""

    activity: str
    execution_id: str
    operation: int
    token: str
    input: Document
    offered_ms: int


class Commit(Struct, frozen=True):
    """One or more events of one execution, and all that followed from them."""

    execution_id: str
    sequence: int
    """Events in the journal before this commit. Another value in the store means that somebody else wrote."""
    events: tuple[bytes, ...]
    """Encoded events (kernel/snapshot.py), in order."""
    history: tuple[HistoryEvent, ...]
    status: ExecutionStatus
    updated_ms: int
    states: tuple[str, ...]
    next_deadline_ms: int | None = None
    output: Document | None = None
    failure: Failure | None = None
    snapshot: bytes | None = None
    """The execution after these events, if it is time for a snapshot."""
    settled: tuple[Settled, ...] = ()
    """The messages whose matter this commit is."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions to list. None means any."""

    statuses: frozenset[ExecutionStatus] | None = None
    machine_name: str | None = None
    started_from_ms: int | None = None
    started_before_ms: int | None = None
    error: str | None = None
    parent: str | None = None
    """Only those that this execution's tasks started."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing, newest first. `cursor` continues it; None at the end."""

    records: tuple[ExecutionRecord, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Executions that have this in common."""

    machine_name: str
    status: ExecutionStatus
    error: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """What it takes to go on with an execution (or to replay it): a snapshot and the events after it."""

    record: ExecutionRecord
    definition: str
    snapshot: bytes
    snapshot_sequence: int
    events: tuple[bytes, ...]


class AtRest(NamedTuple):
    """The last state of an execution."""

    sequence: int
    """How many events its journal holds."""
    snapshot: bytes


@dataclass(frozen=True, slots=True)
class Statistics:
    """How much a store holds."""

    executions: dict[ExecutionStatus, int]
    """How many there are of each status; statuses without any are absent."""
    stored_bytes: int
    """Size of the store's file without its log; 0 for a store without a file."""
    free_bytes: int = 0
    """How much of it holds nothing: what `compact` gives back."""


class Store(Protocol):
    """A place for executions. Every method may raise StoreError; `close` may be called twice. Thread-safe."""

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        """Store new executions, owned by this store's owner, and their first commits, in one transaction.

        Raises ExecutionAlreadyExistsError (nothing is stored then) if an id is taken.
        """

    def commit(self, commits: Sequence[Commit]) -> None:
        """Store what happened, in one transaction, as durably as the most demanding execution among them asks.

        An execution may occur several times, in order. Its owner gives it up with a commit that closes it; its messages
        and offers end with it.

        Raises ExecutionOwnedError if this owner does not (any longer) own one of them or its sequence is another;
        nothing is stored then. The history goes on where the stored one ends, without a gap; only an execution of
        durability NONE may leave events out.
        """

    def claim(self, execution_id: str) -> Recovery:
        """Become the writer of an execution, closed or not, and get what is needed to go on.

        Claiming what this store owns already gives the same again: after a failed commit, for instance.

        Raises ExecutionNotFoundError, or ExecutionOwnedError while a living process owns it.
        """

    def release(self, *execution_ids: str) -> None:
        """Give up writing to executions. Not needed after they have ended."""

    def recover(self, execution_id: str, from_start: bool = False) -> Recovery:
        """The same data as `claim`, for a reader; with the snapshot before the first event if `from_start`.

        Raises ExecutionNotFoundError.
        """

    def at_rest(self, execution_ids: Sequence[str]) -> dict[str, AtRest]:
        """Those of these executions whose newest snapshot is their last state: with it, nothing else is needed to go
        on. For a writer that knows the rest of them."""

    def get(self, execution_id: str) -> ExecutionRecord:
        """One execution. Raises ExecutionNotFoundError."""

    def resolve(self, reference: str) -> str:
        """The id that a user means: an id, an unambiguous beginning of one, or ``@last`` (the newest).

        Raises ExecutionNotFoundError, naming the candidates if there are several.
        """

    def list(self, where: Filter = ..., limit: int = 50, cursor: str | None = None) -> Page:
        """Executions, newest first."""

    def count(self, where: Filter = ...) -> Sequence[Group]:
        """How many executions there are, by machine, status and error: groups in the order of these."""

    def is_driven(self, execution_id: str) -> bool:
        """Whether a living process owns an execution. Raises ExecutionNotFoundError."""

    def abandoned(self, limit: int = 1_000) -> Sequence[str]:
        """Executions that have not ended and that no living process drives, oldest first."""

    def send(self, execution_id: str, body: bytes, sent_ms: int) -> int:
        """Leave a message for whoever drives an execution, now or later; its id. On disk (FULL) when this returns.

        Raises ExecutionNotFoundError, also if it has ended.
        """

    def messages(self, after: int = 0, limit: int = 1_000, execution_id: str | None = None) -> Sequence[Message]:
        """Messages above an id that are not settled, in order: for what this store owns, or for one execution."""

    def settle(self, settled: Sequence[Settled]) -> None:
        """Say what became of messages that change nothing in their execution's journal."""

    def collect(self, message: int) -> Settled | None:
        """What became of a message, which is removed then; None while it waits.

        Raises ExecutionNotFoundError if it is there no more: its execution has ended without it, or was removed.
        """

    def offer(self, offers: Sequence[Offer]) -> None:
        """Let tasks wait for workers of any process. One that is offered already is offered anew, also if taken."""

    def withdraw(self, execution_id: str, operations: Sequence[int]) -> None:
        """Take offers back."""

    def take(self, activity: str) -> Offer | None:
        """The task of an activity that has waited longest, handed out once; None if none waits."""

    def history(
        self, execution_id: str, after: int = 0, limit: int | None = None, reverse: bool = False
    ) -> Iterator[HistoryEvent]:
        """History events with ids above `after` (below it when `reverse` and `after` is not 0).

        Raises ExecutionNotFoundError at once, not when the iterator is first used.
        """

    def journal(self, execution_id: str) -> Iterator[bytes]:
        """All encoded events from the first. Raises ExecutionNotFoundError at once."""

    def definition(self, sha256: str) -> str:
        """The text of a stored definition. Raises StoreError if there is none of this hash."""

    def prune(
        self,
        before_ms: int,
        statuses: frozenset[ExecutionStatus] | None = None,
        *,
        keep: int = 0,
        dry_run: bool = False,
    ) -> int:
        """Remove closed executions (of these statuses) that stopped before a time. Returns how many, and only counts
        them if it is a `dry_run`. The newest `keep` of these statuses, by their end, stay in any case.

        Done in transactions of bounded size: what is removed stays removed if it is interrupted. One that is claimed by
        a living process stays, and so does one whose parent has not ended: a task may still ask how it ended.
        """

    def compact(self) -> None:
        """Give the space that nothing uses back to the file system. It takes as long as copying the store does, and
        nobody else can write to it meanwhile.

        Raises StoreError while another process drives executions of this store.
        """

    def statistics(self) -> Statistics:
        """How much the store holds."""

    def check(self) -> None:
        """Read everything and raise StoreError if the file's structure is damaged. Takes as long as reading the file.

        What its rows say is not looked at: `runtime.recordings.replay` does so, for each execution.
        """

    def close(self) -> None:
        """Release everything, ownership too."""
