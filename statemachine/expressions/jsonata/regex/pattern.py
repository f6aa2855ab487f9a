"""Searching with a regular expression: by `re` where its cost for this text is bounded, else by counted steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.regex.machine import Program, assemble, search
from statemachine.expressions.jsonata.regex.syntax import Tree, parse_regex
from statemachine.expressions.jsonata.regex.translate import Translation, translate
from statemachine.expressions.jsonata.sequences import UNDEFINED, Value
from statemachine.expressions.jsonata.texts import utf16_length

if TYPE_CHECKING:
    from statemachine.expressions.jsonata.runtime import Runtime

QUICK_STEPS: Final = 5_000_000
"""How many steps `re` may need at worst: a fraction of a second."""


class Found(Struct, frozen=True):
    """A match: its groups as texts (UNDEFINED for those that took no part); `start` and `end` are Python offsets."""

    text: str
    start: int
    end: int
    groups: tuple[Value, ...]


class Pattern:
    """A compiled regular expression."""

    def __init__(self, source: str, flags: str, position: int | None) -> None:
        self.source = source
        self.position = position
        self._ignore_case = "i" in flags
        self._multiline = "m" in flags
        self._tree: Tree = parse_regex(source, position)

    @cached_property
    def _translation(self) -> tuple[Translation, re.Pattern[str]] | None:
        translation = translate(self._tree, multiline=self._multiline)
        if translation is None:
            return None
        return translation, re.compile(translation.pattern, re.IGNORECASE if self._ignore_case else 0)

    @cached_property
    def _program(self) -> Program:
        return assemble(self._tree, multiline=self._multiline, ignore_case=self._ignore_case)

    def search(self, runtime: Runtime, text: str, start: int = 0) -> Found | None:
        """The first match from `start` on. Raises JsonataError (U1006)."""
        quick = self._translation
        if quick is not None:
            translation, pattern = quick
            if (len(text) - start + 1) ** translation.exponent * translation.factor <= QUICK_STEPS:
                match = pattern.search(text, start)
                # each position is tried once in all searches of one text, so the bound holds for their sum
                runtime.step(1 + ((len(text) if match is None else match.end()) - start) // 64)
                if match is None:
                    return None
                groups = tuple(UNDEFINED if group is None else group for group in match.groups())
                return Found(match[0], match.start(), match.end(), groups)
        spans, left = search(self._program, text, start, runtime.regex_steps)
        runtime.regex_steps = left
        if left < 0:
            raise JsonataError("U1006", position=self.position, max=runtime.limits.regex_steps)
        if spans is None:
            return None
        groups = tuple(UNDEFINED if span is None else text[span[0] : span[1]] for span in spans[1:])
        whole = spans[0]
        assert whole is not None  # a match has a span
        return Found(text[whole[0] : whole[1]], whole[0], whole[1], groups)

    def matches(self, runtime: Runtime, text: str) -> Iterator[Found]:
        """All matches in order. An empty one after the first raises JsonataError (D1004), as the original's do."""
        found = self.search(runtime, text)
        while found is not None:
            yield found
            if found.end >= len(text):
                return
            found = self.search(runtime, text, found.end)
            if found is not None and found.text == "":
                raise JsonataError("D1004", position=self.position, value=self.source)

    def call(self, runtime: Runtime, text: Value = UNDEFINED) -> Value:
        """The expression as a function: the first match as an object, with `next` for the one after it."""
        if type(text) is not str:
            return UNDEFINED
        return self._as_object(runtime, text, self.matches(runtime, text))

    def _as_object(self, runtime: Runtime, text: str, matches: Iterator[Found]) -> Value:
        from statemachine.expressions.jsonata.runtime import NextMatch

        found = next(matches, None)
        if found is None:
            return UNDEFINED
        start = utf16_length(text[: found.start])
        result: dict[str, Any] = {
            "match": found.text,
            "start": start,
            "end": start + utf16_length(found.text),
            "groups": list(found.groups),
            "next": NextMatch(lambda runtime: self._as_object(runtime, text, matches)),
        }
        runtime.nested = True
        return result


@lru_cache(maxsize=256)
def compile_regex(source: str, flags: str, position: int | None = None) -> Pattern:
    """A pattern from the text between the slashes and the flags `i` and `m`. Raises JsonataError (S0303)."""
    return Pattern(source, flags, position)
