"""Integers as roman numerals and as the letters of spreadsheet columns, both ways."""

from __future__ import annotations

import math

from statemachine.expressions.jsonata.pictures.bounds import MAX_ROMAN, out_of_range, require_at_most
from statemachine.expressions.jsonata.pictures.ecmascript import code_units, floor, remainder

_ROMAN_STEPS = (
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
_ROMAN_VALUES = {"M": 1000.0, "D": 500.0, "C": 100.0, "L": 50.0, "X": 10.0, "V": 5.0, "I": 1.0}


def in_roman(value: float) -> str:
    """A non-negative integer in lower-case roman numerals; 0 and NaN are the empty text. D1001 beyond `MAX_ROMAN`."""
    require_at_most(value, MAX_ROMAN)
    if math.isnan(value):
        return ""
    rest = int(value)
    text = []
    for step, letters in _ROMAN_STEPS:
        count, rest = divmod(rest, step)
        text.append(letters * count)
    return "".join(text)


def from_roman(text: str) -> float:
    """The value of upper-case numerals in any order: one smaller than a later one is subtracted. NaN for other text."""
    total = 0.0
    largest = 1.0
    for letter in reversed(text):
        value = _ROMAN_VALUES.get(letter, math.nan)
        if value < largest:
            total -= value
        else:
            largest = value
            total += value
    return total


def in_letters(value: float, first: str) -> str:
    """A non-negative integer as a, b … z, aa, ab …, from the letter `first`; 0 and NaN are the empty text."""
    if math.isinf(value):
        raise out_of_range(value)
    letters = []
    while value > 0:
        letters.append(chr(ord(first) + int(remainder(value - 1, 26))))
        value = floor((value - 1) / 26)
    return "".join(reversed(letters))


def from_letters(text: str, first: str) -> float:
    """The inverse. Characters that are no letters count by their code, as in the original: it does not look at them."""
    total = 0.0
    weight = 1.0
    for unit in reversed(code_units(text)):
        total += (ord(unit) - ord(first) + 1) * weight
        weight *= 26
    return total
