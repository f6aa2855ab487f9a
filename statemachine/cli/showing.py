"""What ``statemachine show`` tells of an execution, read from the store: now, or as of an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from statemachine.errors import DefinitionError, Failure, KernelError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Execution
from statemachine.kernel.map_runs import MapRun
from statemachine.program.load import load_text
from statemachine.runtime.clock import SystemClock
from statemachine.runtime.forking import execution_at
from statemachine.runtime.recovery import recover
from statemachine.store.base import ExecutionRecord, Filter, Store
from statemachine.visibility.account import Account, account_of, line_of_state
from statemachine.visibility.position import Position, position_of

STEPS = 30
CHILDREN = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """An execution, and what is told of it."""

    record: ExecutionRecord
    """As it was then, if it is shown as of an event."""
    at: int | None
    """The event as of which it is shown; None for now."""
    now_ms: int
    """What times are counted from."""
    account: Account
    position: Position | None
    """None if its state cannot be read by this release."""
    unreadable: str | None
    """Why."""
    map_runs: Sequence[MapRun]
    redrives: int
    children: Sequence[ExecutionRecord]
    more_children: bool
    failed_line: int | None
    """The line of the definition where the state begins in which it failed."""
    undone_for: Failure | None
    """Why all that has completed is being undone; None if it is not."""


def read(store: Store, execution_id: str, at: int | None) -> Shown:
    """Read an execution. Raises ExecutionNotFoundError, or ForkError for an event that is not there."""
    recovery = store.recover(execution_id)
    record = recovery.record
    execution: Execution | None = None
    unreadable = None
    if at is not None:
        execution = execution_at(store, execution_id, at)
        record = _as_of(record, execution, recovery.definition)
    else:
        try:
            execution = recover(load_text(recovery.definition).program, recovery, None)
        except (DefinitionError, KernelError) as error:
            unreadable = str(error)
    history = takewhile(lambda event: event.id <= record.history_length, store.history(execution_id))
    account = account_of(history, steps=STEPS)
    position = None
    line = undone_for = None
    if execution is not None:
        position = position_of(execution, load_text(recovery.definition).program, account.visits)
        if account.failed_in is not None:
            line = line_of_state(recovery.definition, account.failed_in.name)
        if execution.unwinding is not None and not execution.closed:
            undone_for = execution.unwinding.failure
    children = store.list(Filter(parent=execution_id, started_before_ms=_until(record, at)), CHILDREN)
    return Shown(
        record,
        None if at is None else record.history_length,
        SystemClock().now_ms() if at is None else record.updated_ms,
        account,
        position,
        unreadable,
        () if execution is None else tuple(execution.map_runs.values()),
        0 if execution is None else execution.redrive_count,
        children.records,
        children.cursor is not None,
        line,
        undone_for,
    )


def _until(record: ExecutionRecord, at: int | None) -> int | None:
    return None if at is None else record.updated_ms + 1


def _as_of(record: ExecutionRecord, execution: Execution, definition: str) -> ExecutionRecord:
    """The record as it would have been then."""
    nodes = load_text(definition).program.nodes
    states = record.states
    if execution.status is ExecutionStatus.RUNNING:
        states = tuple(dict.fromkeys(nodes[frame.address].name for frame in execution.frames.values()))
    return replace(
        record,
        status=execution.status,
        stopped_ms=execution.now_ms if execution.closed else None,
        updated_ms=execution.now_ms,
        states=states,
        next_deadline_ms=execution.next_deadline_ms(),
        failure=execution.failure,
        output=execution.output,
        history_length=execution.history_length,
    )
