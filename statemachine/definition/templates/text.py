"""A definition's text, put together from parts of a template.

Rules
- A text is a row of fragments. One that is `exact` has its characters one by one at its origin; any other (what a
  function gives, a substitution) stands where it was called for.
- Substitution is CloudFormation's: plain text, in what the author wrote and in the literals of Fn::Sub, never in what
  is itself not known (source: aws-cloudformation-resource-providers-stepfunctions, DefinitionProcessor).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Final, TypeGuard

from msgspec import Struct
from msgspec.structs import replace

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Position
from statemachine.definition.source import Source, SourceFormat, line_starts, load_source
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Json

_NAME = re.compile(r"(?<!\$)\$\{([\w.-]++)\}", re.ASCII)


class Fragment(Struct, frozen=True):
    """A part of a text. `index` is where it begins in the scalar at `path` of the template."""

    text: str
    path: JsonPath
    index: int = 0
    exact: bool = True
    """Whether each character has one of its own at the origin."""
    open: bool = True
    """Whether placeholders in it are still to be substituted."""


UNKNOWN: Final = None
"""The value of a substitution that an intrinsic function gives."""


class Substitutions:
    """DefinitionSubstitutions, and which of them are used and missing. What they put in is bounded: a text that breaks
    off after `characters_max` is too large for a definition anyway."""

    def __init__(self, values: Mapping[str, str | None], characters_max: int) -> None:
        self.values = values
        self.left = characters_max
        self.used: set[str] = set()
        self.missing: dict[str, tuple[JsonPath, int]] = {}
        """Names without a substitution, and where each occurs first: a path of the template and an index there."""

    def fragments(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """The fragments with literals in place of the placeholders they are for."""
        done: list[Fragment] = []
        for fragment in fragments:
            if self.left < 0:
                break
            if not fragment.open or "${" not in fragment.text:
                done.append(fragment)
            else:
                done += self._split(fragment)
        return done

    def _split(self, fragment: Fragment) -> list[Fragment]:
        parts: list[Fragment] = []
        end = 0
        for match in _NAME.finditer(fragment.text):
            if self.left < 0:
                return parts
            name = match[1]
            at = fragment.index + (match.start() if fragment.exact else 0)
            if name not in self.values:
                self.missing.setdefault(name, (fragment.path, at))
                continue
            self.used.add(name)
            literal = self.values[name]
            if literal is UNKNOWN:
                continue
            parts += _cut(fragment, end, match.start())
            self.left -= len(literal)
            parts.append(Fragment(literal, fragment.path, at, exact=False, open=False))
            end = match.end()
        return [*parts, *_cut(fragment, end, len(fragment.text))]


def _cut(fragment: Fragment, start: int, end: int) -> list[Fragment]:
    if start >= end:
        return []
    index = fragment.index + (start if fragment.exact else 0)
    return [replace(fragment, text=fragment.text[start:end], index=index)]


PositionOf = Callable[[JsonPath, int], Position]
"""Where the author wrote the character with this index of the scalar at this path."""


class ComposedText:
    """A text made of fragments, and the way back from it to what the author wrote in `written`, the text of `file`."""

    def __init__(self, fragments: list[Fragment], position_of: PositionOf, written: str, file: str | None) -> None:
        self.text = "".join(each.text for each in fragments)
        self.file = file
        self._fragments = fragments
        self._starts = list(accumulate((len(each.text) for each in fragments), initial=0))
        self._position_of = position_of
        self._written = written

    def load(self, format: SourceFormat | None) -> Source:
        """Read the text as a definition; its positions, and those of its faults, are where the author wrote them.

        Raises DefinitionError.
        """
        try:
            inner = load_source(self.text, file=self.file, format=format)
        except DefinitionError as error:
            raise DefinitionError([self._moved(each) for each in error.diagnostics]) from None

        def locate(path: JsonPath, *, key: bool = False, inside: int | None = None) -> Position:
            return self.position(inner.offset(path, key=key, inside=inside) or 0)

        return Source(inner.value, self._written, self.file, inner.format, inner.limits, locate=locate)

    def _moved(self, found: Diagnostic) -> Diagnostic:
        """A fault of the text, where the author wrote it; without a position, at the text's beginning."""
        offset = 0
        if found.position is not None:
            offset = line_starts(self.text)[found.position.line - 1] + found.position.column - 1
        return found.at(self.position(offset), self.file)

    def position(self, offset: int) -> Position:
        """Where a character of the text comes from."""
        if not self._fragments:
            return self._position_of((), 0)
        number = min(bisect_right(self._starts, offset), len(self._fragments)) - 1
        fragment = self._fragments[number]
        beyond = offset - self._starts[number] if fragment.exact else 0
        return self._position_of(fragment.path, fragment.index + beyond)


def is_literal(value: Json) -> TypeGuard[str | int | float]:
    """Whether a value of a template can be put into a text as it is."""
    return isinstance(value, str | int | float)
