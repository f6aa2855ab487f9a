"""$formatInteger and $parseInteger: integer pictures (XPath F&O 3.1, section 4.6.1).

A picture is a primary format, then optionally ``;`` and a modifier of which only a leading ``o`` (ordinal) counts:

    A a      letters          I i      roman numerals          W w Ww   words
    other    a decimal pattern if it has a digit of some digit family: digits are mandatory, ``#`` optional places,
             all else separates groups. Without a digit it is a numbering sequence, which is refused (D3130).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from enum import Enum
from functools import lru_cache

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.bounds import MAX_PICTURE_LENGTH, MAX_WIDTH, require_at_most
from statemachine.expressions.jsonata.pictures.ecmascript import as_number, floor, number_text, plain, read_integer
from statemachine.expressions.jsonata.pictures.numerals import from_letters, from_roman, in_letters, in_roman
from statemachine.expressions.jsonata.pictures.words import from_words, in_words


class Numbering(Enum):
    DECIMAL = "decimal"
    LETTERS = "letters"
    ROMAN = "roman"
    WORDS = "words"
    SEQUENCE = "sequence"


class Case(Enum):
    LOWER = "lower"
    UPPER = "upper"
    TITLE = "title"


class Separator(Struct, frozen=True):
    """A grouping separator: `position` digits stand to its right."""

    position: int
    character: str


class IntegerPicture(Struct, frozen=True):
    """A picture, analysed.

    `primary` is the text before the modifier. The rest matters for decimal patterns: `zero` is the code of the digit
    family's zero; `mandatory_digits` is None for all other numberings, and may be NaN or negative when a date's width
    modifier sets it; `separators` go from right to left; `interval` is their distance if it is everywhere the same,
    otherwise 0.
    """

    numbering: Numbering
    case: Case
    ordinal: bool
    primary: str
    zero: int = 0x30
    mandatory_digits: float | None = None
    optional_digits: int = 0
    separators: tuple[Separator, ...] = ()
    interval: int = 0


_NAMED_FORMATS = {
    "A": (Numbering.LETTERS, Case.UPPER),
    "a": (Numbering.LETTERS, Case.LOWER),
    "I": (Numbering.ROMAN, Case.UPPER),
    "i": (Numbering.ROMAN, Case.LOWER),
    "W": (Numbering.WORDS, Case.UPPER),
    "w": (Numbering.WORDS, Case.LOWER),
    "Ww": (Numbering.WORDS, Case.TITLE),
}

# The zeros of the digit families that the original knows, ascending. None lies beyond the basic plane.
# fmt: off
_ZEROS = (
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
)
# fmt: on


def format_integer(value: float, picture: str) -> str:
    """`value`, rounded down, written as `picture` says.

    Raises D3130 (a numbering sequence), D3131 (digits of two families), D1001 (a bound; infinite words or letters).
    """
    analysed = analyse(picture)
    return write_integer(floor(as_number(value)), analysed)


def parse_integer(text: str, picture: str) -> int | float | None:
    """The integer that `text` says in the form of `picture`; NaN if it cannot be read that way.

    The text is not held against the picture: grouping and width are ignored, and so is what follows a decimal number.
    Raises D3130 and D3131. Source: fact jsonata-parseinteger-unreadable-nan.
    """
    return plain(read(text, analyse(picture)))


@lru_cache(maxsize=256)
def analyse(picture: str) -> IntegerPicture:
    """Raises D3131 if the digits belong to two families, D1001 if the picture is too long."""
    require_at_most(len(picture), MAX_PICTURE_LENGTH)
    primary, semicolon, modifier = picture.rpartition(";")
    if not semicolon:
        primary, modifier = picture, ""
    ordinal = modifier.startswith("o")
    named = _NAMED_FORMATS.get(primary)
    if named is not None:
        return IntegerPicture(*named, ordinal, primary)
    return _analyse_decimal(primary, ordinal)


def _analyse_decimal(primary: str, ordinal: bool) -> IntegerPicture:
    zero: int | None = None
    mandatory = optional = 0
    separators = []
    for char in reversed(primary):
        family = _digit_family(ord(char))
        if family is not None:
            if zero is not None and zero != family:
                raise JsonataError("D3131")
            zero = family
            mandatory += 1
        elif char == "#":
            optional += 1
        else:
            separators.append(Separator(mandatory + optional, char))
    if zero is None:
        return IntegerPicture(Numbering.SEQUENCE, Case.LOWER, ordinal, primary)
    return IntegerPicture(
        numbering=Numbering.DECIMAL,
        case=Case.LOWER,
        ordinal=ordinal,
        primary=primary,
        zero=zero,
        mandatory_digits=mandatory,
        optional_digits=optional,
        separators=tuple(separators),
        interval=_interval(separators),
    )


def _digit_family(code: int) -> int | None:
    zero = _ZEROS[max(bisect_right(_ZEROS, code) - 1, 0)]
    return zero if zero <= code <= zero + 9 else None


def _interval(separators: list[Separator]) -> int:
    if len({separator.character for separator in separators}) != 1:
        return 0
    return regular_interval([separator.position for separator in separators])


def regular_interval(positions: list[int]) -> int:
    """The distance of the positions if they are its first multiples, in any order; otherwise 0."""
    distance = math.gcd(*positions)
    known = set(positions)
    return distance if all(index * distance in known for index in range(1, len(positions) + 1)) else 0


def write_integer(value: float, picture: IntegerPicture) -> str:
    """An integer or NaN by an analysed picture. Raises as `format_integer` does."""
    magnitude = abs(value)
    match picture.numbering:
        case Numbering.DECIMAL:
            text = _write_decimal(magnitude, picture)
        case Numbering.LETTERS:
            text = in_letters(magnitude, "A" if picture.case is Case.UPPER else "a")
        case Numbering.ROMAN:
            text = in_case(in_roman(magnitude), picture.case)
        case Numbering.WORDS:
            text = in_case(in_words(magnitude, ordinal=picture.ordinal), picture.case)
        case Numbering.SEQUENCE:
            raise JsonataError("D3130", value=picture.primary)
    return f"-{text}" if value < 0 else text


def in_case(text: str, case: Case) -> str:
    """Names and words are kept capitalised; TITLE leaves them so."""
    match case:
        case Case.UPPER:
            return text.upper()
        case Case.LOWER:
            return text.lower()
        case Case.TITLE:
            return text


def _write_decimal(magnitude: float, picture: IntegerPicture) -> str:
    text = number_text(magnitude)
    width = picture.mandatory_digits or 0
    require_at_most(width, MAX_WIDTH)
    if width > len(text):
        text = text.rjust(int(width), "0")
    if picture.zero != 0x30:
        # Every character moves, even those of an exponent.
        text = "".join(chr(ord(char) - 0x30 + picture.zero) for char in text)
    text = _group_evenly(text, picture) if picture.interval else _group(text, picture.separators)
    return text + _ordinal_suffix(text) if picture.ordinal else text


def _group_evenly(text: str, picture: IntegerPicture) -> str:
    first = len(text) % picture.interval or picture.interval
    groups = [
        text[:first],
        *(text[start : start + picture.interval] for start in range(first, len(text), picture.interval)),
    ]
    return picture.separators[0].character.join(groups)


def _group(text: str, separators: tuple[Separator, ...]) -> str:
    for separator in reversed(separators):
        place = len(text) - separator.position
        # Left of the number's start, the original writes the separator and then only the last -place characters.
        text = text[: max(place, 0)] + separator.character + text[place:]
    return text


def _ordinal_suffix(text: str) -> str:
    teen = text[-2:-1] == "1"
    return "th" if teen else {"1": "st", "2": "nd", "3": "rd"}.get(text[-1:], "th")


def read(text: str, picture: IntegerPicture) -> float:
    """An integer's text by an analysed picture; NaN if it cannot be read. Raises D3130."""
    match picture.numbering:
        case Numbering.DECIMAL:
            return _read_decimal(text, picture)
        case Numbering.LETTERS:
            return from_letters(text, "A" if picture.case is Case.UPPER else "a")
        case Numbering.ROMAN:
            return from_roman(text if picture.case is Case.UPPER else text.upper())
        case Numbering.WORDS:
            return from_words(text.lower())
        case Numbering.SEQUENCE:
            raise JsonataError("D3130", value=picture.primary)


def _read_decimal(text: str, picture: IntegerPicture) -> float:
    digits = text[: max(len(text) - 2, 0)] if picture.ordinal else text
    if picture.interval:
        # Whatever the picture's separator is: the original only knows the comma here.
        digits = digits.replace(",", "")
    else:
        for separator in picture.separators:
            digits = digits.replace(separator.character, "")
    if picture.zero != 0x30:
        codes = [ord(char) - picture.zero + 0x30 for char in digits]
        if any(not 0 <= code <= 0x10FFFF for code in codes):
            return math.nan
        digits = "".join(map(chr, codes))
    return read_integer(digits)
