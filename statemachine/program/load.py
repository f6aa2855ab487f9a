"""Definition -> program, in one call: read, check, compile; every finding with its position.

A program is compiled once per text: `load` keeps the most recent ones by the hash of the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import Source, load_source
from statemachine.definition.validate import check_definition
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Json, encode_json
from statemachine.program.compile import compile_machine
from statemachine.program.nodes import Program

Definition: TypeAlias = Mapping[str, Json] | str | PathLike[str]
"""A definition: its data, its text (JSON or YAML), or the path of its file. A string is a text if it has a line break
or starts with ``{``, and a path otherwise."""


@dataclass(frozen=True, slots=True)
class LoadedDefinition:
    """A definition that can be run."""

    text: str
    sha256: str
    program: Program
    warnings: tuple[Diagnostic, ...]
    file: str | None

    def require_runnable(self) -> None:
        """Raise DefinitionError if the definition uses what this release cannot run."""
        if self.program.unsupported:
            raise DefinitionError([each for each in self.warnings if each.code.startswith("SM_UNSUPPORTED")])


def load(definition: Definition) -> LoadedDefinition:
    """Load a definition. Raises DefinitionError with all findings, or OSError if its file cannot be read."""
    if isinstance(definition, Mapping):
        return load_text(encode_json(definition).decode(), None)
    if isinstance(definition, str) and ("\n" in definition or definition.lstrip()[:1] in ("{", "")):
        return load_text(definition, None)
    path = Path(definition)
    return load_text(path.read_text(encoding="utf-8-sig"), str(path))


def check(source: Source, *, schema: bool = True, express: bool = False) -> tuple[Program | None, list[Diagnostic]]:
    """All findings about a source, ordered by position; the program if none of them is an error."""
    machine, found = check_definition(source, schema=schema, express=express)
    if machine is None or any(each.severity is Severity.ERROR for each in found):
        return None, found
    program, more = compile_machine(machine, text_sha256(source.text))
    more += () if program is None else program.unsupported
    placed = [each.at(source.position(each.place or each.path or ()), source.file) for each in more]
    return program, sorted([*found, *placed], key=_place)


def _place(diagnostic: Diagnostic) -> tuple[int, int]:
    position = diagnostic.position
    return (position.line, position.column) if position else (0, 0)


def text_sha256(text: str) -> str:
    """What identifies a definition: the SHA-256 of its text in UTF-8, as hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=256)
def load_text(text: str, file: str | None = None) -> LoadedDefinition:
    """Load a definition from its text; `file` is only its name in findings. Raises DefinitionError."""
    source = load_source(text, file=file)
    program, found = check(source, schema=False)
    if program is None:
        raise DefinitionError(found)
    return LoadedDefinition(text, program.sha256, program, tuple(found), file)
