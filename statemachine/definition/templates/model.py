"""What is found in a template: one entry for each state machine, its definition with positions in the template."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from statemachine.definition.diagnostics import Diagnostic, Note, Position
from statemachine.definition.source import Source


class TemplateDefinition(Struct, frozen=True, kw_only=True):
    """The definition of one state machine resource."""

    logical_id: str
    """The resource's name in the template."""
    position: Position
    """Where the resource's name stands."""
    express: bool | None
    """Whether it is an Express machine; None if the type comes from an intrinsic function."""
    source: Source | None
    """The definition, to be checked as any other: `value` has the placeholders that are not known yet, `position`,
    `file` and `text` are those of the template or, for a DefinitionUri, of the definition's own file. None if there
    is nothing to check: see `skipped`, else `diagnostics` has an ERROR."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with the embedding, and syntax errors of an embedded text; with position and file."""
    skipped: str | None = None
    """Why the definition is not here: it is in S3, or a function gives it. A sentence without full stop."""

    def about(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """What was found in the definition, each with a note that names the resource. Paths stay the definition's."""
        note = Note(f"in the state machine {self.logical_id} of the template")
        return [replace(each, notes=(*each.notes, note)) for each in found]


class TemplateDefinitions(Struct, frozen=True, kw_only=True):
    """What a template holds."""

    definitions: tuple[TemplateDefinition, ...]
    """In the order of the text."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """What is wrong with the template itself, for instance its YAML; then there are no definitions."""
