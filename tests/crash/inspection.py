"""What must hold of a store whose processes are killed, whenever one looks, and at the end.

Whenever one looks
- A journal only grows: what was stored stays, and nothing is stored twice.
- No task begins whose outcome was stored (the return of its call, for one that waits for a token), and no stored
  outcome comes from a call that has not ended.
- No task begins that the store does not know: it is written first (not looked at in `fights`).
- The journal gives the stored history again, to the event.
- A process begins an operation once; another one does only if that one was killed (`fights`).

At the end
- Every execution has ended as it does when nothing is killed, with the same transitions; so have its children.
- Histories are well-formed: ids count, each event follows an earlier one, who exits has entered.
- No answer was taken twice.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workload import Line, read_lines

from statemachine.errors import StatemachineError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import TaskFailed, TaskSubmitted, TaskSucceeded
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import decode_event
from statemachine.runtime.recordings import record, replay
from statemachine.store.base import ExecutionRecord, Store
from statemachine.store.sqlite import SqliteStore

Shape: TypeAlias = Counter[tuple[str, str]]
"""How often each type of event was there, for which state."""

_BY_CHANCE = ("Activity", "TaskSubmitted", "TaskStarted")
"""Types of events that depend on when somebody outside does something, or on when a branch is cut short."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an execution has ended."""

    status: ExecutionStatus
    output: str | None
    error: str | None
    shape: Shape


class Inspector:
    """Looks at the store and the witness of a folder, again and again. `violations` is what must not be."""

    def __init__(self, folder: Path, *, fights: bool = False) -> None:
        self._witness = folder / "witness"
        self._tokens = folder / "tokens"
        self._fights = fights
        self._read = 0
        self._journals: dict[str, list[bytes]] = {}
        self._begun: dict[str, str] = {}
        """By operation, who has begun it last."""
        self._ended: set[str] = set()
        self._completed: set[str] = set()
        self._killed: set[str] = set()
        self._taken: Counter[str] = Counter()
        self.actions = 0
        self.repeated = 0
        """Begun again after whoever had begun it was killed."""
        self.violations: list[str] = []

    def look(self, path: Path) -> None:
        """Look at the store, or at a copy of it. Nobody drives executions meanwhile, unless it `fights`."""
        if is_empty(path):
            return
        journals: dict[str, list[bytes]] = {}
        known: dict[str, int] = {}
        with closing(_open(path)) as store:
            for each in _records(store):
                journals[each.id] = list(store.journal(each.id))
                if not self._fights:
                    known[each.id] = self._replayed(store, each.id)
        for line in self._new_lines():
            self._check(line)
        asked = {each.rpartition("/")[0] for each in _read_lines(self._tokens)}
        for name, journal in journals.items():
            self._grow(name, journal, asked)
        self._violate(f"{name} is gone from the store" for name in self._journals.keys() - journals.keys())
        if not self._fights:
            self._violate(
                f"{operation} was begun and is not known"
                for operation in self._begun
                if int(operation.rpartition("/")[2]) >= known.get(operation.rpartition("/")[0], 0)
            )

    def _violate(self, messages: Iterator[str]) -> None:
        self.violations += messages

    def _new_lines(self) -> list[Line]:
        if not self._witness.exists():
            return []
        end = self._witness.stat().st_size
        lines = list(read_lines(self._witness, self._read, end))
        self._read = end
        return lines

    def _check(self, line: Line) -> None:
        operation = line.subject
        match line.what:
            case "begin":
                before = self._begun.get(operation)
                self.actions += 1
                self.repeated += before is not None
                if operation in self._completed:
                    self.violations.append(f"{operation} was completed, and {line.who} began it again")
                if before == line.who:
                    self.violations.append(f"{line.who} began {operation} twice")
                elif self._fights and before is not None and before not in self._killed:
                    self.violations.append(f"{line.who} began {operation}, and {before}, which lives, had begun it")
                self._begun[operation] = line.who
            case "end":
                self._ended.add(operation)
            case "killing":
                self._killed.add(line.subject)
            case "answer-applied":
                self._taken[operation] += 1
                if self._taken[operation] > 1:
                    self.violations.append(f"two answers were taken for {operation}")
            case "answer-failed":
                self.violations.append(f"an answer failed: {operation}")

    def _grow(self, name: str, journal: list[bytes], asked: set[str]) -> None:
        before = self._journals.get(name, [])
        if journal[: len(before)] != before:
            self.violations.append(f"the journal of {name} has lost or changed some of {len(before)} events")
        for event in map(decode_event, journal[len(before) :]):
            if isinstance(event, TaskSucceeded | TaskFailed | TaskSubmitted):
                operation = f"{name}/{event.operation}"
                if operation in asked and not isinstance(event, TaskSubmitted):
                    continue
                self._completed.add(operation)
                if operation in self._begun and operation not in self._ended:
                    self.violations.append(f"{operation} has an outcome, and its call has not ended")
        self._journals[name] = journal

    def _replayed(self, store: Store, name: str) -> int:
        """The first number that no operation of an execution has."""
        try:
            return replay(record(store, name)).next_id
        except StatemachineError as error:
            self.violations.append(f"{name} cannot be replayed: {error}")
            return 1 << 62

    def finish(self, path: Path, expected: Mapping[str, Ending] | None) -> dict[str, Ending]:
        """Look a last time, at what has ended. What has, by name; children by machine and parent."""
        self.look(path)
        endings: dict[str, Ending] = {}
        with closing(_open(path)) as store:
            for each in _records(store):
                history = list(store.history(each.id))
                self._violate(f"{each.id}: {fault}" for fault in faults(history, each))
                name = each.id if each.parent is None else f"{each.machine_name} of {each.parent}"
                if name in endings:
                    self.violations.append(f"there are two: {name}")
                endings[name] = _ending(each, history)
        if expected is not None:
            self._compare(endings, expected)
        return endings

    def _compare(self, endings: Mapping[str, Ending], expected: Mapping[str, Ending]) -> None:
        for name, wanted in expected.items():
            found = endings.get(name)
            if found is None:
                if not name.startswith("sleeper"):  # it may be cut short before it has begun
                    self.violations.append(f"{name} was never started")
            elif found != wanted:
                differences = {
                    key: (found.shape[key], wanted.shape[key])
                    for key in found.shape | wanted.shape
                    if found.shape[key] != wanted.shape[key]
                }
                self.violations.append(
                    f"{name} ended otherwise: {found.status} {found.error} {found.output}, events {differences} "
                    f"instead of {wanted.status} {wanted.error} {wanted.output}"
                )
        self._violate(f"{name} was not to be started" for name in endings.keys() - expected.keys())


def is_empty(path: Path) -> bool:
    """Whether no process has got as far as to make a store of it."""
    if not path.exists():
        return True
    if path.with_name(path.name + "-journal").exists():
        return True  # its very first transaction, from before there is a log, has not ended
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return bool(connection.execute("PRAGMA user_version").fetchone() == (0,))


def _open(path: Path) -> SqliteStore:
    """The store, without owning anything or moving its log."""
    return SqliteStore(path, read_only=True)


def _read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _records(store: Store) -> Iterator[ExecutionRecord]:
    cursor = None
    while True:
        page = store.list(limit=200, cursor=cursor)
        yield from page.records
        cursor = page.cursor
        if cursor is None:
            return


def _ending(record: ExecutionRecord, history: list[HistoryEvent]) -> Ending:
    return Ending(
        record.status,
        None if record.output is None else record.output.text,
        None if record.failure is None else record.failure.error,
        Counter(
            (event.type, str((event.details or {}).get("name", "")))
            for event in history
            if not event.type.startswith(_BY_CHANCE)
        ),
    )


def faults(history: list[HistoryEvent], record: ExecutionRecord) -> Iterator[str]:
    """What is not well-formed in the history of an execution that has ended."""
    if [event.id for event in history] != list(range(1, len(history) + 1)):
        yield "ids do not count from 1"
        return
    if record.history_length != len(history):
        yield f"its record has {record.history_length} events, its history {len(history)}"
    if not all(event.previous_id < event.id for event in history):
        yield "an event follows a later one"
        return
    if [event.at_ms for event in history] != sorted(event.at_ms for event in history):
        yield "time goes back"
    ends = [event.type for event in history if event.type.startswith("Execution")]
    wanted = "Execution" + {"TIMED_OUT": "TimedOut"}.get(record.status, record.status.value.capitalize())
    if ends != ["ExecutionStarted", wanted] or history[-1].type != wanted:
        yield f"it begins and ends with {ends}, and is {record.status}"
    entered: dict[int, str] = {
        event.id: str((event.details or {}).get("name")) for event in history if event.type.endswith("StateEntered")
    }
    left: set[int] = set()
    for event in history:
        if event.type.endswith("StateExited"):
            yield from _exit_faults(event, history, entered, left)
    if record.status is ExecutionStatus.SUCCEEDED and not any(event.type.endswith("Aborted") for event in history):
        open_ = [name for id_, name in entered.items() if id_ not in left]
        if open_:
            yield f"these were entered and never left: {open_}"


def _exit_faults(
    event: HistoryEvent, history: list[HistoryEvent], entered: Mapping[int, str], left: set[int]
) -> Iterator[str]:
    """Faults of one exit: what led to it must be the entry of the same state, which nothing else has left."""
    name = str((event.details or {}).get("name"))
    at = event.previous_id
    while at and not (entered.get(at) == name and at not in left):
        at = history[at - 1].previous_id
    if not at:
        yield f"event {event.id} leaves {name}, which was not entered"
    left.add(at)
