"""What a start is given, checked before anything is stored; and the new execution that comes of it."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping

from msgspec import Struct

from statemachine.errors import ExecutionAlreadyExistsError, StatemachineError
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.results import copy_json, find_fault
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import new_execution
from statemachine.kernel.snapshot import encode_new_execution
from statemachine.limits import Limits
from statemachine.program.load import Definition, LoadedDefinition, load
from statemachine.runtime.driven import Driven
from statemachine.store.base import Durability, ExecutionRecord, NewExecution, Store

MAX_NAME = 80
"""Characters of an execution's name (API reference, StartExecution)."""

_NAME = re.compile(
    r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff@-][^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff]*"""
)
"""AWS's rule; and neither ``@last`` nor an option can be a name."""


class Start(Struct, frozen=True):
    """An execution that is to be started: all checked."""

    loaded: LoadedDefinition
    input: Document
    execution_id: str
    machine_name: str
    registry: TaskRegistry
    durability: Durability
    tasks_source: str | None = None
    parent: str | None = None
    """The execution whose task starts it."""
    nesting: int = 0


def new_driven(start: Start, limits: Limits, now_ms: int) -> tuple[Driven, NewExecution]:
    """A new execution, in memory and as it is to be stored."""
    program = start.loaded.program
    execution = new_execution(
        program,
        id=start.execution_id,
        input=start.input,
        seed=os.urandom(16),
        machine_name=start.machine_name,
        limits=limits,
    )
    new = NewExecution(
        id=start.execution_id,
        machine_name=execution.machine_name,
        definition=start.loaded.text,
        definition_sha256=start.loaded.sha256,
        input=start.input,
        durability=start.durability,
        started_ms=now_ms,
        snapshot=encode_new_execution(execution),
        tasks_source=start.tasks_source,
        parent=start.parent,
    )
    driven = Driven(start.execution_id, program, start.registry, start.durability, 0, execution, nesting=start.nesting)
    return driven, new


def store_start(store: Store, start: Start, limits: Limits, now_ms: int) -> None:
    """Store a new execution that belongs to nobody: whoever resumes it drives it. The same one may be there already.

    Raises ExecutionAlreadyExistsError if another one has its name.
    """
    _, new = new_driven(start, limits, now_ms)
    try:
        store.create([new])
    except ExecutionAlreadyExistsError:
        if not is_same(store.get(new.id), new):
            raise
        return
    store.release(new.id)


def is_same(existing: ExecutionRecord, new: NewExecution) -> bool:
    """Whether a start asks for the very execution that is there."""
    return (existing.definition_sha256, existing.input) == (new.definition_sha256, new.input)


def loaded_definition(definition: Definition | LoadedDefinition) -> LoadedDefinition:
    """A definition, loaded if it is not."""
    return definition if isinstance(definition, LoadedDefinition) else load(definition)


def check_numbers(numbers: Mapping[str, int | None]) -> None:
    """Raise StatemachineError for a bound that lets nothing run. None is no bound."""
    for name, number in numbers.items():
        if number is not None and (not isinstance(number, int) or number < 1):
            raise StatemachineError(f"{name}: at least one task must be able to run, not {number!r:.80}")


def checked_name(name: str | None) -> str:
    """An execution's name, a new one if none is given. Raises StatemachineError for one that AWS would refuse."""
    if name is None:
        return str(uuid.uuid4())
    if not isinstance(name, str) or len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise StatemachineError(
            f"an execution cannot be called {name!r:.100}: a name has 1 to {MAX_NAME} characters, no blanks, none of "
            """<>{}[]?*"#%\\^|~`$&,;:/ and does not begin with @ or -"""
        )
    return name


def checked_input(input: Json, limits: Limits) -> Document:
    """The input as a document that shares nothing with the caller's data.

    Raises StatemachineError for one that AWS would refuse.
    """
    if isinstance(input, Document):
        document = input
    else:
        fault = find_fault(input)
        if fault is not None:
            raise StatemachineError(f"the input is not JSON data: {fault}")
        document = Document({} if input is None else copy_json(input))
    if limits.payload_bytes is not None and document.size > limits.payload_bytes:
        raise StatemachineError(
            f"the input has {document.size:,} bytes, more than the {limits.payload_bytes:,} that AWS allows; "
            "other limits (--limits none, or limits=UNLIMITED) lift this"
        )
    return document
