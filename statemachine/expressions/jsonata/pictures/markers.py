"""Date and time pictures, analysed (XPath F&O 3.1, section 9.8.4.1).

A picture is literal text with markers in brackets; ``[[`` and ``]]`` are the brackets themselves. A marker is a
component letter, a presentation (an integer picture, or ``N``, ``n``, ``Nn`` for names), one of ``a t c o``, and a
width ``,min-max``. White space inside does not count. As in the original, a letter that is no component passes if it
has a presentation.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.bounds import MAX_PICTURE_LENGTH, require_at_most
from statemachine.expressions.jsonata.pictures.ecmascript import WHITESPACE, read_integer
from statemachine.expressions.jsonata.pictures.integers import Case, IntegerPicture, analyse

DEFAULT_PRESENTATIONS = {
    "Y": "1",
    "M": "1",
    "D": "1",
    "d": "1",
    "F": "n",
    "W": "1",
    "w": "1",
    "X": "1",
    "x": "1",
    "H": "1",
    "h": "1",
    "P": "n",
    "m": "01",
    "s": "01",
    "f": "1",
    "Z": "01:01",
    "z": "01:01",
    "C": "n",
    "E": "n",
}
INTEGER_COMPONENTS = frozenset("YMDdFWwXxHhmsf")
_DATE_COMPONENTS = frozenset("YMD")
OFFSET_COMPONENTS = frozenset("Zz")

_WHITESPACE_RUN = re.compile(f"[{WHITESPACE}]+")
_SECOND_PRESENTATIONS = frozenset("atco")


class Marker(Struct, frozen=True):
    """`names` is set for a presentation by name, `integer` for one by number; neither for ``[P01]`` and the like.

    `max_width` is None if the marker has no width or an open one. `digits` is the number of digits that a year is cut
    to and that a reader expects of Y, M and D; None where it is open. Both may be NaN or negative: widths are not
    validated.
    """

    component: str
    names: Case | None
    integer: IntegerPicture | None
    max_width: float | None
    digits: float | None
    is_zulu: bool


def analyse_moment(picture: str) -> tuple[str | Marker, ...]:
    """Literals and markers in order. Raises D3135 (no closing bracket), D3132 (unknown component), D3131, D1001."""
    require_at_most(len(picture), MAX_PICTURE_LENGTH)
    return _analyse(picture)


@lru_cache(maxsize=256)
def _analyse(picture: str) -> tuple[str | Marker, ...]:
    parts: list[str | Marker] = []
    start = 0
    while True:
        opening = picture.find("[", start)
        literal = picture[start : opening if opening != -1 else None].replace("]]", "]")
        if literal:
            parts.append(literal)
        if opening == -1:
            return tuple(parts)
        if picture.startswith("[[", opening):
            parts.append("[")
            start = opening + 2
            continue
        closing = picture.find("]", opening)
        if closing == -1:
            raise JsonataError("D3135")
        parts.append(_analyse_marker(_WHITESPACE_RUN.sub("", picture[opening + 1 : closing])))
        start = closing + 1


def _analyse_marker(marker: str) -> Marker:
    component = marker[:1]
    comma = marker.rfind(",")
    min_width = max_width = None
    modifiers = marker[1:]
    if comma != -1:
        lower, dash, upper = marker[comma + 1 :].partition("-")
        min_width = _width(lower)
        max_width = _width(upper) if dash else None
        # A comma in the component's place is its own presentation: the original's substring swaps its bounds.
        modifiers = marker[1:comma] if comma else marker[:1]
    presentation, second = modifiers or DEFAULT_PRESENTATIONS.get(component), ""
    if presentation is None:
        raise JsonataError("D3132", value=component)
    if len(modifiers) > 1 and modifiers[-1] in _SECOND_PRESENTATIONS:
        presentation, second = modifiers[:-1], modifiers[-1]

    names = _name_case(presentation)
    integer = None
    digits = None
    if component in OFFSET_COMPONENTS:
        integer = analyse(presentation)
    elif names is None and (component in INTEGER_COMPONENTS):
        integer, digits = _integer_presentation(component, presentation, second, min_width, max_width)
    return Marker(component, names, integer, max_width, digits, is_zulu=second == "t")


def _width(text: str) -> float | None:
    return None if text == "*" else read_integer(text)


def _name_case(presentation: str) -> Case | None:
    if presentation.startswith("n"):
        return Case.LOWER
    if presentation.startswith("N"):
        return Case.TITLE if presentation.startswith("Nn") else Case.UPPER
    return None


def _integer_presentation(
    component: str, presentation: str, second: str, min_width: float | None, max_width: float | None
) -> tuple[IntegerPicture, float | None]:
    integer = analyse(f"{presentation};{second}" if second else presentation)
    mandatory = integer.mandatory_digits
    if mandatory is not None and min_width is not None and mandatory < min_width:
        mandatory = min_width
    digits = None
    if component in _DATE_COMPONENTS:
        if max_width is not None:
            digits = mandatory = max_width
        elif mandatory is not None and mandatory + integer.optional_digits >= 2:
            digits = mandatory + integer.optional_digits
    if digits == -1:
        digits = None  # the original's mark for none
    if mandatory is not None and math.isnan(mandatory):
        mandatory = None
    return replace(integer, mandatory_digits=mandatory), digits
