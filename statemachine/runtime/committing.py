"""From turns to transactions: what is stored of a step, when with a snapshot, and by whom.

Rules
- A turn is one transaction: new executions and what happened to all others in it.
- A snapshot is stored once `EVENTS_PER_SNAPSHOT` events (journal and history) have gathered since the last one, and
  more if that one was large: one event for `SNAPSHOT_BYTES_PER_EVENT` of its bytes. So recovery replays a bounded
  number of events, and writing snapshots takes a bounded share of the time, however large the state is.
- An execution that ends gets no snapshot for that: the events since the last one are few.
- `durability=none`: commits are kept back until the execution ends, or until `KEPT_BACK_EVENTS` have gathered.
- A start whose name is taken leaves the transaction; the others in it are stored all the same.
- With a file, transactions are made in a thread of their own: the loop waits neither for the disk nor for a lock. On
  a loop that is the engine's own, one execution that runs alone is stored without that detour: nobody else would wait.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct, field

from statemachine.errors import ExecutionAlreadyExistsError, ExecutionNotFoundError, StoreError
from statemachine.kernel.commands import CloseExecution, Command
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import encode_execution
from statemachine.runtime.driven import Driven, Kept, last_states, note_failure, state_names
from statemachine.runtime.metrics import MetricsHook
from statemachine.runtime.threads import Threads
from statemachine.store.base import AtRest, Commit, Durability, NewExecution, Settled, Store

EVENTS_PER_SNAPSHOT = 2_000
SNAPSHOT_BYTES_PER_EVENT = 32
KEPT_BACK_EVENTS = 20_000


def commit_of(
    driven: Driven,
    events: list[bytes],
    history: list[HistoryEvent],
    settled: tuple[Settled, ...] = (),
    *,
    parks: bool = False,
) -> Commit | None:
    """What is to be stored of a step, with a snapshot if it is time for one or if the execution `parks`; None if it is
    kept back."""
    execution = driven.execution
    if driven.durability is Durability.NONE:
        kept = driven.kept = driven.kept or Kept()
        kept.events += events
        kept.history += history
        if not execution.closed and not settled and len(kept.events) + len(kept.history) < KEPT_BACK_EVENTS:
            return None
        events, history = kept.events, kept.history
        driven.kept = None
    note_failure(driven, history)
    driven.states = last_states(driven, history) if execution.closed else state_names(driven)
    driven.unsaved += len(history) + len(events)
    snapshot = None
    if parks or driven.unsaved >= (driven.snapshot_every or EVENTS_PER_SNAPSHOT):
        snapshot = encode_execution(execution)
        driven.unsaved = 0
        driven.snapshot_every = max(EVENTS_PER_SNAPSHOT, len(snapshot) // SNAPSHOT_BYTES_PER_EVENT)
    sequence = driven.sequence
    driven.sequence += len(events)
    return Commit(
        execution_id=driven.id,
        sequence=sequence,
        events=tuple(events),
        history=tuple(history),
        status=execution.status,
        updated_ms=execution.now_ms,
        states=driven.states,
        next_deadline_ms=execution.next_deadline_ms(),
        output=execution.output,
        failure=execution.failure,
        snapshot=snapshot,
        settled=settled,
    )


class Advanced(Struct, eq=False):
    """An execution after its step, and what is to be done once that is stored."""

    driven: Driven
    commands: Sequence[Command] = ()
    history: tuple[HistoryEvent, ...] = ()
    parks: bool = False
    waits: bool = False
    """There is no room for it yet: it is only stored."""
    error: Exception | None = None
    """Why it cannot go on."""


class Turn(Struct, eq=False):
    """What is stored together."""

    advanced: list[Advanced] = field(default_factory=list)
    begun: dict[str, NewExecution] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    refused: dict[str, ExecutionAlreadyExistsError] = field(default_factory=dict)
    """Starts that were not stored, since their names are taken."""
    settled: list[Settled] = field(default_factory=list)
    """Messages that change nothing."""
    made: int = 0
    """Events and history."""


class Committer:
    """Stores turns."""

    def __init__(self, store: Store, *, in_thread: bool, own_loop: bool = False) -> None:
        self._store = store
        self._own_loop = own_loop
        # Of its own: if it had to wait for a thread that a handler holds, handlers could stop the engine.
        self._thread = Threads("statemachine-commit", 1) if in_thread else None
        self.seconds = 0.0
        """How long the last transaction took."""

    async def commit(self, turn: Turn, *, alone: bool = False) -> None:
        """Store a turn; `turn.refused` has the starts that were left out. Nothing else goes on if it is `alone`.

        Raises StoreError; nothing is stored then.
        """
        if not (turn.begun or turn.commits or turn.settled):
            return
        if self._thread is None or (alone and self._own_loop):
            self._write(turn)
        else:
            await self._thread.call(self._write, turn)

    async def at_rest(self, execution_ids: Sequence[str]) -> dict[str, AtRest]:
        """See Store.at_rest: read where the loop does not wait for it. Empty if it cannot be read: who needs one then
        asks for it again, and gets the error."""
        try:
            if self._thread is None:
                found = self._store.at_rest(execution_ids)
            else:
                found = await self._thread.call(self._store.at_rest, execution_ids)
        except StoreError:
            return {}
        return found

    def close(self) -> None:
        """Store nothing any more."""
        if self._thread is not None:
            self._thread.close()

    def _write(self, turn: Turn) -> None:
        begun = time.perf_counter()
        while turn.begun or turn.commits:
            try:
                if turn.begun:
                    self._store.create(list(turn.begun.values()), turn.commits)
                else:
                    self._store.commit(turn.commits)
                break
            except ExecutionAlreadyExistsError as error:
                self._refuse(turn, error)
        if turn.settled:
            self._store.settle(turn.settled)
        self.seconds = time.perf_counter() - begun

    def _refuse(self, turn: Turn, error: ExecutionAlreadyExistsError) -> None:
        """Take the starts out of a turn whose names are taken."""
        taken = [name for name in turn.begun if self._exists(name)]
        if not taken:
            raise error
        for name in taken:
            del turn.begun[name]
            turn.refused[name] = ExecutionAlreadyExistsError(
                f"an execution {name!r} exists already; give the new one another name"
            )
        turn.commits = [each for each in turn.commits if each.execution_id not in turn.refused]

    def _exists(self, execution_id: str) -> bool:
        try:
            self._store.get(execution_id)
        except ExecutionNotFoundError:
            return False
        return True


def measure_turn(metrics: MetricsHook, turn: Turn, seconds: float) -> None:
    """Tell of a turn that was stored within so many seconds."""
    metrics.count("statemachine_commits_total")
    metrics.count("statemachine_commit_rows_total", amount=len(turn.begun) + len(turn.commits))
    metrics.observe("statemachine_commit_seconds", seconds)
    if turn.begun:
        metrics.count("statemachine_executions_started_total", amount=len(turn.begun))
    for each in turn.advanced:
        for event in each.history:
            if event.type.endswith("TimedOut") and event.type != "ExecutionTimedOut":
                metrics.count("statemachine_task_timeouts_total", (("event", event.type),))
        if each.error is not None:
            metrics.count("statemachine_executions_failed_internally_total")
        elif each.commands and isinstance(last := each.commands[-1], CloseExecution):
            metrics.count("statemachine_executions_closed_total", (("status", last.status.value),))
