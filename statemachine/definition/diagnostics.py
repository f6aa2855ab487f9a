"""Diagnostics: findings about a definition, as data.

All findings of a definition are returned at once, each with a code, a severity, a message, the path of the fault and
its position in the source. AWS's codes and wording are used where AWS has them (ValidateStateMachineDefinition); our
own codes start with ``SM_``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from statemachine.jsonvalue import pointer

SCHEMA_VALIDATION_FAILED: Final = "SCHEMA_VALIDATION_FAILED"
"""AWS's code for everything about fields and their values."""
JsonPath: TypeAlias = tuple[str | int, ...]
"""A place in a definition: the keys and indexes from its root, for instance ``("States", "Pay", "Next")``."""


class Severity(StrEnum):
    """How bad it is: AWS refuses a definition with an ERROR and accepts one with a WARNING."""

    ERROR = "ERROR"
    WARNING = "WARNING"


class Position(Struct, frozen=True):
    """Where something stands in a source text; both count from 1."""

    line: int
    column: int


class Note(Struct, frozen=True):
    """What belongs to a finding without being one: where the first of two equal names stands, or what follows."""

    message: str
    path: JsonPath | None = None
    position: Position | None = None
    code: str | None = None
    """AWS reports it as a finding of its own, with this code: `program.load.validate_definition` does the same."""


class Diagnostic(Struct, frozen=True):
    """One finding."""

    code: str
    message: str
    path: JsonPath | None = ()
    """The fault's place; None if it has none (AWS: no location)."""
    severity: Severity = Severity.ERROR
    position: Position | None = None
    file: str | None = None
    suggestion: str | None = None
    """What was probably meant, as a sentence without a full stop."""
    place: JsonPath | None = None
    """The key that is at fault, where AWS names only the object around it: `position` is taken from here."""
    notes: tuple[Note, ...] = ()
    offset: int | None = None
    """For a fault inside a text: the characters of the text before it."""
    runs: bool = False
    """AWS refuses it, but here it can be run: it does not keep a definition from being loaded."""

    @property
    def prevents_running(self) -> bool:
        """Whether a definition with this finding cannot be run."""
        return self.severity is Severity.ERROR and not self.runs

    @property
    def location(self) -> str | None:
        """The path in AWS's notation."""
        return None if self.path is None else pointer(self.path)

    def at(self, position: Position | None, file: str | None = None) -> Diagnostic:
        """The same finding with its place in a source text."""
        return replace(self, position=position, file=file)

    def __str__(self) -> str:
        where = self.file or "<definition>"
        if self.position:
            where += f":{self.position.line}:{self.position.column}"
        text = f"{where}: {self.severity.value.lower()} {self.code}: {self.message}"
        if self.path:
            text += f" at {self.location}"
        return f"{text} ({self.suggestion})" if self.suggestion else text
