"""What each part of a date picture accepts in a text, and which value it reads from that.

A part answers, for a start in the text, with the ends it accepts: ranges (lowest, highest) in order of preference,
and in each the highest first. Comparison is without case, as in the original; reading is not: a month's name must be
capitalised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.ecmascript import fold_case, read_integer
from statemachine.expressions.jsonata.pictures.integers import IntegerPicture, Numbering, read
from statemachine.expressions.jsonata.pictures.markers import OFFSET_COMPONENTS, Marker
from statemachine.expressions.jsonata.pictures.moment_writing import COMPONENT_NAMES
from statemachine.expressions.jsonata.pictures.words import WORD_VALUES


class Alphabet(Enum):
    """Sets of characters, folded to upper case."""

    DIGITS = frozenset("0123456789")
    LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    NUMERALS = frozenset("MDCLXVI")


class Subject:
    """The folded text that is matched, with the lengths of its runs computed once per alphabet."""

    __slots__ = ("_runs", "text")

    def __init__(self, text: str) -> None:
        self.text = fold_case(text)
        self._runs: dict[Alphabet, list[int]] = {}

    def run(self, alphabet: Alphabet, start: int) -> int:
        """How many characters of the alphabet stand from `start` on."""
        lengths = self._runs.get(alphabet)
        if lengths is None:
            lengths = [0] * (len(self.text) + 2)
            for index in range(len(self.text) - 1, -1, -1):
                lengths[index] = lengths[index + 1] + 1 if self.text[index] in alphabet.value else 0
            self._runs[alphabet] = lengths
        return lengths[start]


Ranges = Sequence[tuple[int, int]]

_HALF_DAYS = {"am": 0, "AM": 0, "pm": 1, "PM": 1}
_ORDINAL_SUFFIXES = frozenset(("TH", "ST", "ND", "RD"))
_NO_ENDS: Ranges = ()


class Literal(Struct, frozen=True):
    folded: str

    def ends(self, subject: Subject, start: int) -> Ranges:
        end = start + len(self.folded)
        return ((end, end),) if subject.text.startswith(self.folded, start) else _NO_ENDS


class Name(Struct, frozen=True):
    """A month, a day of the week or a half of the day. Unknown names read as if they were not there (None)."""

    component: str
    values: Mapping[str, int]

    def ends(self, subject: Subject, start: int) -> Ranges:
        return _run_ends(subject, Alphabet.LETTERS, start)

    def value(self, text: str) -> float | None:
        value = self.values.get(text)
        return None if value is None else float(value)


class Digits(Struct, frozen=True):
    component: str
    picture: IntegerPicture
    least: int
    most: float

    def ends(self, subject: Subject, start: int) -> Ranges:
        run = subject.run(Alphabet.DIGITS, start)
        if not self.picture.ordinal:
            most = int(min(run, self.most))
            return ((start + self.least, start + most),) if self.least <= most else _NO_ENDS
        end = start + run
        if self.least <= run <= self.most and subject.text[end : end + 2] in _ORDINAL_SUFFIXES:
            return ((end + 2, end + 2),)
        return _NO_ENDS

    def value(self, text: str) -> float | None:
        if self.picture.zero != 0x30 and text:
            # Only ASCII digits match, and they are none of the picture's family.
            raise JsonataError("D3131")
        return read(text, self.picture)


class Letters(Struct, frozen=True):
    """Spreadsheet letters or roman numerals."""

    component: str
    picture: IntegerPicture
    alphabet: Alphabet

    def ends(self, subject: Subject, start: int) -> Ranges:
        return _run_ends(subject, self.alphabet, start)

    def value(self, text: str) -> float | None:
        return read(text, self.picture)


class Words(Struct, frozen=True):
    """Counting words, "and", hyphens, commas and spaces in any order. The matcher knows their `tokens` by itself."""

    component: str
    picture: IntegerPicture

    def value(self, text: str) -> float | None:
        return read(text, self.picture)


WORD_TOKENS = (*(word.upper() for word in WORD_VALUES), "AND", "-", ",", " ")
"""What a `Words` part is made of, in the order of preference."""


class ZoneOffset(Struct, frozen=True):
    """``+0530`` or, if the picture has a separator, ``+05:30``; the component z has GMT before. Minutes."""

    component: str
    separator: str

    def ends(self, subject: Subject, start: int) -> Ranges:
        if self.component == "z":
            if not subject.text.startswith("GMT", start):
                return _NO_ENDS
            start += 3
        if subject.text[start : start + 1] not in ("+", "-"):
            return _NO_ENDS
        hours = _run_ends(subject, Alphabet.DIGITS, start + 1)
        if not hours or not self.separator:
            return hours
        end = hours[0][1]
        if not subject.text.startswith(fold_case(self.separator), end):
            return _NO_ENDS
        return _run_ends(subject, Alphabet.DIGITS, end + len(self.separator))

    def value(self, text: str) -> float | None:
        """The minutes of a negative offset are added to its hours: -0530 is -270, as in the original."""
        if self.component == "z":
            text = text[3:]
        if self.separator:
            hours, found, minutes = text.partition(self.separator)
            # The separator matches without case, but is looked for with it.
            return read_integer(hours) * 60 + read_integer(minutes) if found else math.nan
        if len(text) <= 3:
            return read_integer(text) * 60
        return read_integer(text[:3]) * 60 + read_integer(text[3:])


Part = Literal | Name | Digits | Letters | Words | ZoneOffset


def reading_part(part: str | Marker) -> Part:
    """Raises D3130 for a numbering sequence, D3133 for a component that cannot be read by name."""
    if isinstance(part, str):
        return Literal(fold_case(part))
    picture = part.integer
    if picture is None:
        return Name(part.component, _names(part))
    if part.component in OFFSET_COMPONENTS:
        return ZoneOffset(part.component, picture.separators[0].character if picture.interval else "")
    match picture.numbering:
        case Numbering.DECIMAL:
            return _digits(part, picture)
        case Numbering.LETTERS:
            return Letters(part.component, picture, Alphabet.LETTERS)
        case Numbering.ROMAN:
            return Letters(part.component, picture, Alphabet.NUMERALS)
        case Numbering.WORDS:
            return Words(part.component, picture)
        case Numbering.SEQUENCE:
            raise JsonataError("D3130", value=picture.primary)


def _digits(marker: Marker, picture: IntegerPicture) -> Digits:
    most = marker.digits
    if most is None or not most > 0:
        return Digits(marker.component, picture, 1, math.inf)
    # More optional digits than the width has leave nothing to match.
    least = most - picture.optional_digits
    if least < 0:
        return Digits(marker.component, picture, 1, 0)
    return Digits(marker.component, picture, int(min(least, 1e9)), most)


def _names(marker: Marker) -> Mapping[str, int]:
    if marker.component == "P":
        return _HALF_DAYS
    names = COMPONENT_NAMES.get(marker.component)
    if names is None:
        raise JsonataError("D3133", value=marker.component)
    width = marker.max_width
    if not width or math.isnan(width):
        return {name: value for value, name in enumerate(names, start=1)}
    return {name[: max(int(min(width, 100)), 0)]: value for value, name in enumerate(names, start=1)}


def _run_ends(subject: Subject, alphabet: Alphabet, start: int) -> Ranges:
    run = subject.run(alphabet, start) if start <= len(subject.text) else 0
    return ((start + 1, start + run),) if run else _NO_ENDS
