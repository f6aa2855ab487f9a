"""Reading a moment by the markers of a picture, as jsonata-js 2.0.6 does.

First the text is matched: each part takes as much as it can while the rest still matches, which is what the original's
regular expression does; here without its backtracking, so time is bounded by parts times characters. Then the values
are put together:

- A date is given by Y M D or Y d, a time by H m s f or P h m s f. Which of them it is shows in the components that are
  present *and not zero*. Week dates (X W, x w) are refused.
- What is missing left of the first given component comes from the current moment, right of the last it is the smallest
  value. A gap in between is refused (D3136), and so is a time after Y d, whose day of month counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.markers import Marker
from statemachine.expressions.jsonata.pictures.matching import match_parts
from statemachine.expressions.jsonata.pictures.moment_writing import COMPONENT_VALUES, NOON
from statemachine.expressions.jsonata.pictures.moments import MS_PER_DAY, MS_PER_MINUTE, Moment, utc
from statemachine.expressions.jsonata.pictures.reading_parts import Literal, reading_part

_DATE_LETTERS = "YXMxWwdD"
_TIME_LETTERS = "PHhmsf"


def read_moment(text: str, parts: Sequence[str | Marker], now_ms: int) -> float | None:
    """Milliseconds since 1970; None if the text does not match, NaN if it names no moment.

    Raises D3130, D3131, D3133, D3136, D1001.
    """
    readers = [reading_part(part) for part in parts]
    found = match_parts(readers, text)
    if found is None:
        return None
    given: dict[str, float | None] = {}
    for reader, value in zip(readers, found, strict=True):
        if not isinstance(reader, Literal):
            given[reader.component] = reader.value(value)
    return _assemble(given, Moment.at(float(now_ms))) if given else None


def _assemble(given: dict[str, float | None], now: Moment) -> float:
    by_day_of_year = _is_form(given, _DATE_LETTERS, "Yd") and not _is_form(given, _DATE_LETTERS, "YMD")
    by_half_day = _is_form(given, _TIME_LETTERS, "Phmsf") and not _is_form(given, _TIME_LETTERS, "Hmsf")
    if _is_form(given, _DATE_LETTERS, "Xxw") or _is_form(given, _DATE_LETTERS, "XW"):
        raise JsonataError("D3136")
    values = _fill_in(given, ("YD" if by_day_of_year else "YMD") + ("Phmsf" if by_half_day else "Hmsf"), now)
    year, month, day = values["Y"], values.get("M", 1.0), values["D"]
    if not month > 0:
        month = 1.0
    if by_day_of_year:
        start = Moment.at(utc(year, 1) + (_number(given.get("d")) - 1) * MS_PER_DAY)
        month, day = start.month, start.day
    if by_half_day:
        hour = (0.0 if values["h"] == NOON else values["h"]) + (NOON if values["P"] == 1 else 0)
    else:
        hour = values["H"]
    ms = utc(year, month, day, hour, values["m"], values["s"], values["f"])
    offset = _truthy(given.get("Z")) or _truthy(given.get("z"))
    return ms - offset * MS_PER_MINUTE


def _is_form(given: dict[str, float | None], letters: str, form: str) -> bool:
    """Whether some of the letters of `form` are given, and none of the others."""
    present = [letter for letter in letters if _truthy(given.get(letter))]
    return bool(present) and all(letter in form for letter in present)


def _truthy(value: float | None) -> float:
    return 0.0 if value is None or math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _fill_in(given: dict[str, float | None], letters: str, now: Moment) -> dict[str, float]:
    values: dict[str, float] = {}
    has_begun = has_ended = False
    for letter in letters:
        value = given.get(letter)
        if value is not None:
            if has_ended:
                raise JsonataError("D3136")
            has_begun = True
            values[letter] = value
        elif has_begun:
            has_ended = True
            values[letter] = 1.0 if letter in "MD" else 0.0
        else:
            # The half of the current day would be a text in the original, and so never the second half.
            values[letter] = COMPONENT_VALUES[letter](now) if letter in COMPONENT_VALUES else 0.0
    return values
