"""Definition -> program, in one call: read, check, compile; every finding with its position.

A program is compiled once per text: `load` keeps the most recent ones by the hash of the text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.parse import parse_sound_states
from statemachine.definition.placeholders import is_code_unknown, refuse_placeholders, value_at
from statemachine.definition.source import Source, load_source
from statemachine.definition.validate import check_definition, locate
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Json, encode_json
from statemachine.program.compile import compile_machine
from statemachine.program.context_fields import check_context_fields
from statemachine.program.integrations import check_resources
from statemachine.program.lookalikes import check_lookalikes
from statemachine.program.nodes import Program

Definition: TypeAlias = Mapping[str, Json] | str | PathLike[str]
"""A definition: its data, its text (JSON or YAML), or the path of its file. A string is a text if it has a line break
or starts with ``{``, and a path otherwise."""


@lru_cache(maxsize=256)
def _name_of_file(file: str) -> str:
    # Kept, because every start of an execution asks.
    name = Path(file).name
    for ending in (".json", ".yaml", ".yml", ".asl"):
        name = name.removesuffix(ending)
    return name or "StateMachine"


class LoadedDefinition(Struct, frozen=True):
    """A definition that can be run."""

    text: str
    sha256: str
    program: Program
    warnings: tuple[Diagnostic, ...]
    file: str | None

    @property
    def machine_name(self) -> str:
        """What to call the machine: its file's name without endings, or ``StateMachine``."""
        return "StateMachine" if self.file is None else _name_of_file(self.file)

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


def check(
    source: Source,
    *,
    schema: bool = False,
    express: bool = False,
    target_aws: bool = False,
    analysis: bool = True,
) -> tuple[Program | None, list[Diagnostic]]:
    """All findings about a source, ordered by position; the program unless one of them keeps the definition from being
    run, or a placeholder keeps a value from being known.

    `express`: for an Express machine. `target_aws`: our extensions are errors. `schema`: see `check_definition`.
    `analysis`: warn of what AWS accepts and is probably wrong, if there are no errors.
    """
    machine, found = check_definition(source, schema=schema)
    checked = machine or parse_sound_states(source.value)
    program: Program | None = None
    more: list[Diagnostic] = []
    if checked is not None:
        program, more = compile_machine(checked, text_sha256(source.text))
        more += check_lookalikes(checked.states)
    more += check_context_fields(source.value)
    more += check_resources(source.value, express=express, target_aws=target_aws)
    more = [each for each in more if not is_code_unknown(value_at(source.value, each.place or each.path or ()))]
    if analysis and machine is not None and not any(each.severity is Severity.ERROR for each in (*found, *more)):
        from statemachine.program.analysis import analyse

        more += analyse(machine, express=express)
    if machine is None or machine.stand_ins:
        program = None
    more += () if program is None else program.unsupported
    return program, locate(source, [*found, *more])


def text_sha256(text: str) -> str:
    """What identifies a definition: the SHA-256 of its text in UTF-8, as hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=256)
def load_text(text: str, file: str | None = None) -> LoadedDefinition:
    """Load a definition from its text; `file` is only its name in findings. Raises DefinitionError."""
    source = load_source(text, file=file)
    program, found = check(source, analysis=False)
    if program is None:
        if not any(each.prevents_running for each in found):
            refused = refuse_placeholders(source.value)
            found.append(refused.at(source.position(refused.path or ()), file))
        raise DefinitionError(found)
    warnings = tuple(each for each in found if each.severity is Severity.WARNING)
    return LoadedDefinition(text, program.sha256, program, warnings, file)
