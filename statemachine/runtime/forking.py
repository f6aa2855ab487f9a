"""Time travel in a store: the state of an execution as of an event, and new executions that begin there.

Rules
- A fork has a copy of the history up to where it begins, so that it can be read like any other; its journal begins
  there. It is stored in one transaction and belongs to nobody: resume it, and it runs.
- Nothing is changed in the execution that is forked.
"""

from __future__ import annotations

import os
from itertools import takewhile

from statemachine.errors import ForkError
from statemachine.jsonvalue import Document
from statemachine.kernel.execution import Execution
from statemachine.kernel.fork import fork, state_at
from statemachine.kernel.snapshot import decode_event, encode_execution
from statemachine.program.load import LoadedDefinition, load_text
from statemachine.store.base import Commit, ExecutionRecord, NewExecution, Store


def execution_at(store: Store, execution_id: str, history_id: int) -> Execution:
    """An execution as of an event of its history. Raises ExecutionNotFoundError or ForkError."""
    recovery = store.recover(execution_id, from_start=True)
    program = load_text(recovery.definition).program
    return state_at(program, recovery.snapshot, [decode_event(each) for each in recovery.events], history_id)


def last_entry(store: Store, record: ExecutionRecord) -> int:
    """The event before the one with which the state was entered in which an execution ended, or is.

    Raises ForkError if it has entered none.
    """
    wanted = record.states[-1] if record.states else None
    for event in store.history(record.id, reverse=True):
        if (
            event.type.endswith("StateEntered")
            and event.details is not None
            and wanted in (None, event.details["name"])
        ):
            return event.id - 1
    raise ForkError(f"execution {record.id} has not entered any state yet: run it first")


def undone_since(store: Store, execution_id: str, history_id: int) -> list[str]:
    """The states that were undone (CompensateWith) after an event: a fork there does not do them again."""
    names = (
        event.details["state"]
        for event in store.history(execution_id, history_id)
        if event.type == "CompensationSucceeded" and event.details is not None
    )
    return list(dict.fromkeys(names))


def store_fork(
    store: Store,
    execution_id: str,
    history_id: int,
    *,
    name: str,
    now_ms: int,
    definition: LoadedDefinition | None = None,
    input: Document | None = None,
) -> Execution:
    """Store a fork of an execution as of an event, as `name`; it is not driven yet.

    It goes on with the same definition unless another one is given; `input` replaces what the state gets that it is in.
    Raises ExecutionNotFoundError, ForkError, or ExecutionAlreadyExistsError.
    """
    recovery = store.recover(execution_id, from_start=True)
    before = load_text(recovery.definition)
    loaded = definition or before
    loaded.require_runnable()
    events = [decode_event(each) for each in recovery.events]
    execution = state_at(before.program, recovery.snapshot, events, history_id)
    fork(
        execution,
        before.program,
        loaded.program,
        id=name,
        seed=os.urandom(len(execution.seed)),
        now_ms=now_ms,
        input=input,
    )
    new = NewExecution(
        id=name,
        machine_name=execution.machine_name,
        definition=loaded.text,
        definition_sha256=loaded.sha256,
        input=execution.input,
        durability=recovery.record.durability,
        started_ms=now_ms,
        snapshot=encode_execution(execution),
        tasks_source=recovery.record.tasks_source,
    )
    states = dict.fromkeys(loaded.program.nodes[frame.address].name for frame in execution.frames.values())
    store.create([new], _copied(store, execution, execution_id, tuple(states)))
    store.release(name)
    return execution


def _copied(store: Store, execution: Execution, origin: str, states: tuple[str, ...]) -> list[Commit]:
    """The history up to where a fork begins, as the fork's first commit."""
    length = execution.history_length
    if not length:
        return []
    history = tuple(takewhile(lambda event: event.id <= length, store.history(origin)))
    return [
        Commit(
            execution_id=execution.id,
            sequence=0,
            events=(),
            history=history,
            status=execution.status,
            updated_ms=execution.now_ms,
            states=states,
            next_deadline_ms=execution.next_deadline_ms(),
        )
    ]
