"""Children that outlive the task that waited for them: whoever resumes one stops it.

Rules
- Only a child whose task waits for it (``.sync``) ends with it. The history of its parent says so: its TaskSubmitted
  names the child.
- If the crash came before that was stored, the child is one of a TaskScheduled that asks for its name and machine. If
  one of these tasks does not wait, the child may be that one's, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

from statemachine.errors import ExecutionNotFoundError
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.nested import machine_name, stop_cause, waited_for
from statemachine.program.load import load_text
from statemachine.runtime.recovery import recover
from statemachine.store.base import ExecutionRecord, Store


def orphaned_by(store: Store, child: ExecutionRecord) -> str | None:
    """Why an execution is to be stopped: the task that waited for it is over, and its stop was lost in a crash. None if
    nothing of the kind."""
    if child.parent is None:
        return None
    try:
        recovery = store.recover(child.parent)
        was_waited_for = _was_waited_for(store.history(child.parent, reverse=True), child)
    except ExecutionNotFoundError:
        return None  # its parent was removed: long ended
    if not was_waited_for:
        return None
    parent = recover(load_text(recovery.definition).program, recovery, None)
    still = any(name == child.id for _, name in waited_for(parent))
    return None if still else stop_cause(parent)


def _was_waited_for(history: Iterable[HistoryEvent], child: ExecutionRecord) -> bool:
    """Whether a task of this history, the newest event of which comes first, waited for a child."""
    asked: list[bool] = []
    for event in history:
        details = event.details
        resource = "" if details is None else str(details.get("resource"))
        if details is None or not resource.startswith("startExecution"):
            continue
        if event.type == "TaskSubmitted" and _name_of(_object(details.get("output")).get("ExecutionArn")) == child.id:
            return ".sync" in resource
        if event.type == "TaskScheduled" and _asks_for(_object(details.get("parameters")), child):
            asked.append(".sync" in resource)
    return bool(asked) and all(asked)


def _asks_for(arguments: dict[str, Json], child: ExecutionRecord) -> bool:
    machine = arguments.get("StateMachineArn")
    return (
        arguments.get("Name") in (None, child.id)
        and isinstance(machine, str)
        and machine_name(machine) == child.machine_name
    )


def _name_of(arn: Json) -> str:
    return str(arn).rpartition(":")[2]


def _object(document: Json) -> dict[str, Json]:
    value = document.value if isinstance(document, Document) else None
    return value if isinstance(value, dict) else {}
