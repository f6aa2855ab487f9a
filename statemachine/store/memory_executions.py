"""One execution in a MemoryStore: what was last committed of it, and its history.

Rules
- The newest events and history are kept as they came. When a snapshot is stored and when the execution ends, they are
  packed: as the segments of a SqliteStore are (segments.py), but not compressed. What waits and what has ended costs
  little memory so, and Python's garbage collector has no objects of it to look through.
- Snapshots are compressed with the first one of the same definition as dictionary: they differ in little.
- Readers may go on with what they have begun to read: lists are replaced, never cut.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

import msgspec

from statemachine.errors import Failure
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import Commit, ExecutionRecord, Filter, NewExecution, Recovery
from statemachine.store.reading import decode_events
from statemachine.store.segments import INPUT, OUTPUT, SegmentDecoder, SegmentEncoder, StoredDocument

OWNER: Final = "memory"
"""The owner of what is claimed: there is only one."""
LOCATION: Final = "memory"

_WINDOW: Final = -12
"""zlib: raw data, a window of 4 KiB. It is set up quickly, and snapshots are small."""
_MEMORY: Final = 5

_encode_events = msgspec.msgpack.Encoder().encode


class Definition(NamedTuple):
    """A definition's text, and the first snapshot of an execution of it."""

    text: str
    dictionary: bytes


class _Packed(NamedTuple):
    """Events and history that lie side by side."""

    sequence: int
    """Events before these."""
    first_id: int
    events: bytes | None
    history: bytes | None
    texts: bytes
    number: int
    before: _Packed | None


class StoredExecution:
    """An execution and its history. It has no lock of its own."""

    __slots__ = (
        "_definition", "_events", "_history", "_input", "_origin", "_output", "_packed", "_snapshot",
        "_snapshot_sequence", "durability", "failure", "history_length", "id", "key", "machine_name",
        "next_deadline_ms", "owner", "parent", "sequence", "sha256", "started_ms", "states", "status", "tasks_source",
        "updated_ms",
    )  # fmt: skip

    def __init__(self, key: int, new: NewExecution, definition: Definition) -> None:
        self.key = key
        self.id = new.id
        self.machine_name = new.machine_name
        self.sha256 = new.definition_sha256
        self.durability = new.durability
        self.started_ms = new.started_ms
        self.tasks_source = new.tasks_source
        self.parent = new.parent
        self.status = ExecutionStatus.RUNNING
        self.updated_ms = new.started_ms
        self.states: tuple[str, ...] = ()
        self.next_deadline_ms: int | None = None
        self.failure: Failure | None = None
        self.owner: str | None = OWNER
        self.sequence = 0
        self.history_length = 0
        self._definition = definition
        self._input: Document | bytes = new.input
        """The document itself until the first history is packed, which may refer to it."""
        self._output: bytes | None = None
        self._origin = _compress(new.snapshot, definition.dictionary)
        self._snapshot: bytes | None = None
        self._snapshot_sequence = 0
        self._packed: _Packed | None = None
        """What was packed last."""
        # None of these stands for an empty list.
        self._events: list[bytes] | None = None
        self._history: list[HistoryEvent] | None = None

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.status is not ExecutionStatus.RUNNING

    @property
    def error(self) -> str | None:
        """With which it ended."""
        return None if self.failure is None else self.failure.error

    def _document(self) -> Document:
        given = self._input
        return given if isinstance(given, Document) else StoredDocument(given)

    def record(self) -> ExecutionRecord:
        """It as the store lists it."""
        return ExecutionRecord(
            id=self.id,
            machine_name=self.machine_name,
            definition_sha256=self.sha256,
            status=self.status,
            durability=self.durability,
            started_ms=self.started_ms,
            stopped_ms=self.updated_ms if self.closed else None,
            updated_ms=self.updated_ms,
            states=self.states,
            next_deadline_ms=self.next_deadline_ms,
            failure=self.failure,
            input=self._document(),
            output=None if self._output is None else StoredDocument(self._output),
            sequence=self.sequence,
            history_length=self.history_length,
            tasks_source=self.tasks_source,
            owner=self.owner,
            parent=self.parent,
        )

    def matches(self, where: Filter) -> bool:
        """Whether a list with this filter has it."""
        return (
            (where.statuses is None or self.status in where.statuses)
            and (where.machine_name is None or self.machine_name == where.machine_name)
            and (where.error is None or self.error == where.error)
            and (where.parent is None or self.parent == where.parent)
            and (where.started_from_ms is None or self.started_ms >= where.started_from_ms)
            and (where.started_before_ms is None or self.started_ms < where.started_before_ms)
        )

    def apply(self, commit: Commit, encoder: SegmentEncoder) -> None:
        """Take a commit, which was checked."""
        if commit.events:
            self._events = [*(self._events or ()), *commit.events]
            self.sequence += len(commit.events)
        if commit.history:
            if self._history is None:
                self._history = []
            self._history += commit.history
            self.history_length = commit.history[-1].id
        self.status = commit.status
        self.updated_ms = commit.updated_ms
        self.states = commit.states
        self.next_deadline_ms = commit.next_deadline_ms
        if commit.snapshot is not None:
            self._snapshot = _compress(commit.snapshot, self._definition.dictionary)
            self._snapshot_sequence = self.sequence
        closed = self.closed
        self.failure = commit.failure if closed else None
        self._output = commit.output.encoded if closed and commit.output is not None else None
        if closed:
            self.owner = None
        if closed or commit.snapshot is not None:
            self._pack(commit.output if closed else None, encoder)

    def _pack(self, output: Document | None, encoder: SegmentEncoder) -> None:
        sequence = self.sequence - len(self._events or ())
        events = None if self._events is None else _encode_events(self._events)
        if self._history is not None:
            known = [(self._input, INPUT)] if isinstance(self._input, Document) else []
            if output is not None:
                known.append((output, OUTPUT))
            number = 0 if self._packed is None else self._packed.number + 1
            segments, _ = encoder.encode(number, self._history, known)
            self._input = self._document().encoded
            for each in segments:
                self._add(sequence, each.first_id, events, each.history, each.texts)
                sequence, events = self.sequence, None
        elif events is not None:
            self._add(sequence, self.history_length + 1, events, None, b"")
        self._events = self._history = None

    def _add(self, sequence: int, first_id: int, events: bytes | None, history: bytes | None, texts: bytes) -> None:
        last = self._packed
        number = 0 if last is None else last.number + 1
        self._packed = _Packed(sequence, first_id, events, history, texts, number, last)

    def recovery(self, *, from_start: bool) -> Recovery:
        """A snapshot and the events after it."""
        snapshot = self._origin if from_start or self._snapshot is None else self._snapshot
        sequence = 0 if from_start else self._snapshot_sequence
        return Recovery(
            record=self.record(),
            definition=self._definition.text,
            snapshot=_decompress(snapshot, self._definition.dictionary),
            snapshot_sequence=sequence,
            events=self.journal(sequence),
        )

    def at_rest(self) -> bytes | None:
        """The snapshot if it is the last state."""
        if self._snapshot is None or self._snapshot_sequence != self.sequence:
            return None
        return _decompress(self._snapshot, self._definition.dictionary)

    def journal(self, after: int = 0) -> tuple[bytes, ...]:
        """The encoded events after so many."""
        found = [tuple(self._events or ())]
        end = self.sequence - len(found[0])
        found[0] = found[0][max(0, after - end) :]
        each = self._packed
        while each is not None and end > after:
            if each.events is not None:
                found.append(tuple(decode_events(each.events, LOCATION)[max(0, after - each.sequence) :]))
            end, each = each.sequence, each.before
        return tuple(event for events in reversed(found) for event in events)

    def history(self, after: int, limit: int | None, *, reverse: bool) -> Iterator[HistoryEvent]:
        """History events (see Store.history)."""
        # Taken now: what is added later is no part of what is read.
        packed, newest = self._all_packed(), self._history or []
        first, last = 0, len(newest)
        if after and reverse:
            last = bisect_left(newest, after, key=_id)
        elif after:
            first = bisect_right(newest, after, key=_id)
        tail = range(first, last)
        older = self._unpacked(packed, after, reverse=reverse)
        newer = (newest[place] for place in (reversed(tail) if reverse else tail))
        found = chain(newer, older) if reverse else chain(older, newer)
        return found if limit is None else islice(found, max(0, limit))

    def _all_packed(self) -> list[_Packed]:
        found: list[_Packed] = []
        each = self._packed
        while each is not None:
            found.append(each)
            each = each.before
        return found[::-1]

    def _unpacked(self, packed: list[_Packed], after: int, *, reverse: bool) -> Iterator[HistoryEvent]:
        output = None if self._output is None else StoredDocument(self._output)
        documents = self._document(), output
        decoder = SegmentDecoder(
            LOCATION, lambda number, at, size: packed[number].texts[at : at + size], lambda: documents
        )
        numbers: Iterable[int] = range(max(0, bisect_right(packed, after, key=_first_id) - 1), len(packed))
        if reverse:
            numbers = reversed(range(bisect_left(packed, after, key=_first_id) if after else len(packed)))
        for number in numbers:
            each = packed[number]
            if each.history is None:
                continue
            events = decoder.decode(number, each.history, each.texts)
            for event in reversed(events) if reverse else events:
                if not after or (event.id < after if reverse else event.id > after):
                    yield event


def _compress(snapshot: bytes, dictionary: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packer.compress(snapshot) + packer.flush()


def _decompress(packed: bytes, dictionary: bytes) -> bytes:
    unpacker = zlib.decompressobj(_WINDOW, dictionary)
    return unpacker.decompress(packed) + unpacker.flush()


def _id(event: HistoryEvent) -> int:
    return event.id


def _first_id(packed: _Packed) -> int:
    return packed.first_id
