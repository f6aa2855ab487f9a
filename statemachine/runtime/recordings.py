"""Recordings: what a store holds of one execution, as a file; and replaying them.

Rules
- A recording has all that a replay needs: the definition, the execution before its first event, the events, and the
  history to compare with, in AWS's form. No handler is called and no clock is read.
- A replay that gives another history is a mismatch, with the first event that differs; it is never silent.
- Files of other versions of the format are refused; those of other releases of the program are replayed, which is what
  they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from statemachine.errors import ReplayMismatchError, StatemachineError, StoreError
from statemachine.jsonvalue import Json, encode_json, load_json
from statemachine.kernel.advance import advance
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import Event
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import to_api
from statemachine.kernel.snapshot import decode_event, decode_execution
from statemachine.program.load import load_text
from statemachine.program.nodes import Program
from statemachine.store.base import ExecutionRecord, Store

VERSION: Final = 1
ENDING: Final = ".recording.json"
"""What the files' names end in."""
_FIELDS: Final = ("execution", "machine", "definition", "start", "events", "history")


class RecordingError(StatemachineError):
    """A file is not a recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One execution, from its first event to its last one so far."""

    execution_id: str
    machine_name: str
    definition: str
    start: bytes
    """The execution before its first event (kernel/snapshot.py)."""
    events: tuple[bytes, ...]
    history: tuple[dict[str, Json], ...]
    """As GetExecutionHistory returns it."""
    summary: ExecutionRecord | None = None
    """What the store says of it in lists, if it comes from one."""

    @property
    def program(self) -> Program:
        """The program of its definition."""
        return load_text(self.definition).program

    def decoded_events(self) -> list[Event]:
        """The events, in order."""
        return [decode_event(each) for each in self.events]


def record(store: Store, execution_id: str) -> Recording:
    """The recording of a stored execution. Raises ExecutionNotFoundError."""
    recovery = store.recover(execution_id, from_start=True)
    before = decode_execution(recovery.snapshot).history_length
    return Recording(
        execution_id,
        recovery.record.machine_name,
        recovery.definition,
        recovery.snapshot,
        recovery.events,
        tuple(to_api(event) for event in store.history(execution_id, before)),
        recovery.record,
    )


def write_recording(recording: Recording) -> str:
    """A recording as text: JSON, an event or a history event to a line, so that differences read well."""
    head = {
        "recording": VERSION,
        "execution": recording.execution_id,
        "machine": recording.machine_name,
        "definition": recording.definition,
        "start": recording.start.decode(),
    }
    lines = [f" {_text(key)}: {_text(value)}," for key, value in head.items()]
    for name, values in (("events", [each.decode() for each in recording.events]), ("history", recording.history)):
        inner = ",\n".join(f"  {_text(each)}" for each in values)
        lines.append(f' "{name}": [\n{inner}\n ]' + ("," if name == "events" else ""))
    return "{\n" + "\n".join(lines) + "\n}\n"


def _text(value: Json) -> str:
    return encode_json(value).decode()


def read_recording(path: Path) -> Recording:
    """Read a recording's file. Raises RecordingError, InvalidJsonError or OSError."""
    found = load_json(path.read_bytes())
    if not isinstance(found, dict) or not isinstance(found.get("recording"), int):
        raise RecordingError(f"{path}: this is no recording; `statemachine replay ID --record FILE` writes one")
    if found["recording"] != VERSION:
        raise RecordingError(f"{path}: a recording of version {found['recording']}; this release reads {VERSION}")
    missing = [name for name in _FIELDS if name not in found]
    if missing:
        raise RecordingError(f"{path}: {missing[0]} is missing")
    try:
        return _recording(found)
    except (AttributeError, TypeError) as error:
        raise RecordingError(f"{path}: a field has the wrong type ({error})") from None


def _recording(found: dict[str, Any]) -> Recording:
    return Recording(
        str(found["execution"]),
        str(found["machine"]),
        found["definition"],
        found["start"].encode(),
        tuple(each.encode() for each in found["events"]),
        tuple(found["history"]),
    )


def find_recordings(path: Path) -> list[Path]:
    """The recordings in a folder and below it, in order; a file itself."""
    return [path] if path.is_file() else sorted(path.rglob(f"*{ENDING}"))


def replay(recording: Recording) -> Execution:
    """Apply the events again; the execution as it is then.

    Raises ReplayMismatchError at the first history event that comes out differently, KernelError, or StoreError if what
    the store says of how it ended is something else.
    """
    execution = decode_execution(recording.start)
    actual = _history(recording.program, execution, recording.decoded_events())
    for recorded, replayed in zip_longest(recording.history, actual):
        if recorded != replayed:
            index = (replayed or recorded or {}).get("id", 0)
            raise ReplayMismatchError(index, _shown(recorded), _shown(replayed))
    if recording.summary is not None and recording.summary.status is not ExecutionStatus.RUNNING:
        _compare(recording.summary, execution)
    return execution


def _compare(summary: ExecutionRecord, execution: Execution) -> None:
    """Raise StoreError if what is stored of an execution's end is not what comes out."""
    ended: dict[str, tuple[object, object]] = {
        "status": (summary.status, execution.status),
        "input": (summary.input, execution.input),
        "output": (summary.output, execution.output),
        "failure": (summary.failure, execution.failure),
        "end": (summary.stopped_ms, execution.now_ms),
    }
    for name, (stored, replayed) in ended.items():
        if stored != replayed:
            raise StoreError(
                f"the stored {name} of execution {summary.id} is damaged: it is {str(stored)[:200]}, and comes out as "
                f"{str(replayed)[:200]}"
            )


def _history(program: Program, execution: Execution, events: list[Event]) -> Iterator[dict[str, Json]]:
    for event in events:
        yield from map(to_api, advance(program, execution, event).history)


def _shown(event: dict[str, Json] | None) -> str:
    return "nothing" if event is None else _text(event)
