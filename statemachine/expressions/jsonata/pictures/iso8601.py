"""ISO 8601 texts, as JSONata admits them and as JavaScript's Date.parse then reads them.

JSONata's check is looser than Date.parse: it lets ranges, repetitions and orders pass that are no ISO 8601. They give
NaN here. V8 has a second, unspecified reader for such texts, which takes ``2018.5`` for May and ``0011-26`` for 2001;
of it only a date with a Z is kept. Without an offset a time is UTC.
"""

from __future__ import annotations

import math
import re

from statemachine.expressions.jsonata.pictures.moments import MS_PER_MINUTE, utc

_ADMITTED = re.compile(
    r"""\d{4} (?:-[0-3]\d)* (?:T[0-2]\d:[0-5]\d:[0-5]\d)* (?:\.\d+)? (?:[+-][0-2]\d:?[0-5]\d|Z)?""",
    re.ASCII | re.VERBOSE,
)
_MOMENT = re.compile(
    r"""(?P<year>\d{4}) (?:-(?P<month>\d\d) (?:-(?P<day>\d\d))?)?
    (?:T (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) (?:\.(?P<fraction>\d+))?
        (?:(?P<sign>[+-])(?P<offset_hours>\d\d):?(?P<offset_minutes>\d\d))?)?
    Z?""",
    re.ASCII | re.VERBOSE,
)


def is_iso8601(text: str) -> bool:
    return _ADMITTED.fullmatch(text) is not None


def parse_date(text: str) -> float:
    """Milliseconds since 1970, or NaN. A day that its month does not have counts on into the next."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return math.nan
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    hour, minute, second = (int(match[field] or 0) for field in ("hour", "minute", "second"))
    millisecond = _milliseconds(match["fraction"] or "0")
    offset_hours, offset_minutes = int(match["offset_hours"] or 0), int(match["offset_minutes"] or 0)
    is_end_of_day = (hour, minute, second, millisecond) == (24, 0, 0, 0)
    if not (1 <= month <= 12 and 1 <= day <= 31 and (hour <= 23 or is_end_of_day) and offset_hours <= 23):
        return math.nan
    # 400 years later, since `utc` takes the years 0 to 99 for those after 1900.
    shifted = utc(year + 400, month, day, hour, minute, second, millisecond) - 146_097 * 86_400_000
    offset = offset_hours * 60 + offset_minutes
    return shifted - (-offset if match["sign"] == "-" else offset) * MS_PER_MINUTE


def _milliseconds(fraction: str) -> int:
    """The first three digits. V8 reads nine at most, not counting leading zeros in number but in place."""
    significant = fraction.lstrip("0")[:9]
    if len(fraction) <= 3:
        return int(fraction.ljust(3, "0"))
    return int(int(significant or "0") // 10.0 ** (min(len(fraction), 9) - 3))
