"""A source line with its fault underlined, for a terminal.

The line is cut around the fault if it is long; tabs become blanks; wide characters count twice and combining ones not
at all, so that the underline stands where it should; control characters, also those that reverse the direction of
text, are shown as symbols: a definition must not be able to write to the terminal.
"""

from __future__ import annotations

import re
from typing import Final

COLUMNS_MAX: Final = 100
"""How much of a line is shown."""
_BEFORE_MAX: Final = 40
_TAB: Final = 4
_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"?'
    r"|'(?:[^'\n]|'')*'?"
    r"|[^\s\"'\[\]{},:](?:[^\[\]{},:\s]|:(?=\S)|[ ](?![\s#]))*"
)
_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def end_column(line: str, column: int) -> int:
    """The column after the word, string or sign that begins at a column; both count from 1."""
    token = _TOKEN.match(line, column - 1)
    end = token.end() + 1 if token else column + 1
    return max(min(end, len(line) + 1), column)


def printable(text: str) -> str:
    """The text without what would act on a terminal."""
    return _UNSAFE.sub(_symbol, text)


def _symbol(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def excerpt(line: str, column: int) -> tuple[str, int, int]:
    """The line as it is shown, the blanks before the underline, and the underline's length."""
    fault, end = column - 1, min(end_column(line, column), column + COLUMNS_MAX) - 1
    first = max(0, fault - 2 * COLUMNS_MAX)
    cells = _cells(line[first : fault + 2 * COLUMNS_MAX])
    fault, end, last = min(fault - first, len(cells)), min(end - first, len(cells)), len(cells)
    left, right = 0, last
    if first or sum(map(_width, cells)) > COLUMNS_MAX:
        left = fault
        room = _BEFORE_MAX
        while left and room >= _width(cells[left - 1]):
            left -= 1
            room -= _width(cells[left])
        right, room = left, COLUMNS_MAX
        while right < last and room >= _width(cells[right]):
            room -= _width(cells[right])
            right += 1
    before = "…" if first or left else ""
    after = "…" if right < last or first + last < len(line) else ""
    shown = before + "".join(cells[left:right]) + after
    blanks = len(before) + sum(map(_width, cells[left:fault]))
    return shown.rstrip(), blanks, max(1, sum(map(_width, cells[fault : min(end, right)])))


def _cells(text: str) -> list[str]:
    """What is shown for each character."""
    if text.isascii() and text.isprintable():
        return list(text)
    cells: list[str] = []
    at = 0
    for char in text:
        cell = " " * (_TAB - at % _TAB) if char == "\t" else printable(char)
        cells.append(cell)
        at += _width(cell)
    return cells


def _width(cell: str) -> int:
    if cell.isascii():
        return len(cell)
    import unicodedata

    if len(cell) != 1:
        return len(cell)
    if unicodedata.combining(cell) or unicodedata.category(cell) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in "WF" else 1
