"""Where a character of a text stands in the source that the text was read from.

Rules
- Blanks are not counted: YAML folds them, indents them and strips them, and no fault stands on one. Every other
  character of the value stands once in the source, itself or as an escape.
- JSON's strings and YAML's double-quoted ones share their escapes, but for YAML's ``\\x``, ``\\U`` and a few of one
  letter; in single quotes a quote is written twice; plain and block texts have no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_DOUBLE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\U[0-9a-fA-F]{8}"
    r"|\\\r?\n|\\.|.",
    re.DOTALL,
)
_SINGLE = re.compile(r"''|.", re.DOTALL)
_PLAIN = re.compile(r".", re.DOTALL)
_BLANK_ESCAPES = frozenset("0abtnvfre N_LP\t\n")
_PROPERTIES = re.compile(r"(?:[!&]\S*+\s*+)*+")
"""The tag and the anchor that may stand before a value of YAML."""
_ALIAS = "*"


def offset_inside(source: str, start: int, value: str, offset: int) -> int:
    """The offset in `source` of the character `offset` of a text `value`, which begins at `start` there; of the last
    one if the text is shorter."""
    start = _after_properties(source, start)
    if source.startswith(_ALIAS, start):
        return start
    before = sum(not _is_blank(character) for character in value[:offset])
    wanted = before if value[offset:].strip() else max(0, before - 1)
    last = start
    for at, is_blank in _characters(source, start):
        if is_blank:
            continue
        last = at
        if wanted == 0:
            break
        wanted -= 1
    return last


def offsets_inside(source: str, start: int, value: str) -> list[int]:
    """The same for each character of the text and for its end, in one walk; a blank stands after what is before it."""
    start = _after_properties(source, start)
    if source.startswith(_ALIAS, start):
        return [start] * (len(value) + 1)
    written = (at for at, is_blank in _characters(source, start) if not is_blank)
    offsets = []
    end = start
    for character in value:
        if _is_blank(character):
            offsets.append(end)
        else:
            at = next(written, end)
            offsets.append(at)
            end = at + 1
    return [*offsets, end]


def _after_properties(source: str, start: int) -> int:
    properties = _PROPERTIES.match(source, start)
    return properties.end() if properties else start


def _is_blank(character: str) -> bool:
    return character.isspace() or character < " "


def _characters(source: str, start: int) -> Iterator[tuple[int, bool]]:
    """Where each character of the text begins, and whether it is blank."""
    first = source[start : start + 1]
    if first in ("|", ">"):
        start = source.find("\n", start) + 1 or len(source)
    pattern = _DOUBLE if first == '"' else _SINGLE if first == "'" else _PLAIN
    for match in pattern.finditer(source, start + (first in ('"', "'"))):
        found = match[0]
        if found == first and first in ('"', "'"):
            return
        yield match.start(), _is_blank_escape(found) if len(found) > 1 else _is_blank(found)


def _is_blank_escape(text: str) -> bool:
    if text[0] != "\\":
        return False
    if text[1] in "uxU" and 2 < len(text) <= 10:
        digits = text[2:]
        return _is_blank(chr(int(digits, 16)))
    return text[1] in _BLANK_ESCAPES or text[1:].isspace()
