"""$fromMillis and $toMillis.

Without a picture both speak ISO 8601. With one, `moment_writing` and `moment_reading` follow the analysed picture.
No clock is read: the parts of a moment that a text does not say come from `now_ms`.
"""

from __future__ import annotations

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.ecmascript import as_number, plain
from statemachine.expressions.jsonata.pictures.iso8601 import is_iso8601, parse_date
from statemachine.expressions.jsonata.pictures.markers import analyse_moment
from statemachine.expressions.jsonata.pictures.moment_reading import read_moment
from statemachine.expressions.jsonata.pictures.moment_writing import Offset, write_moment

_ISO8601 = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"


def from_millis(ms: float, picture: str | None = None, timezone: str | None = None) -> str:
    """`ms` milliseconds since 1970, written by `picture` (ISO 8601) at the offset `timezone` (``±HHMM``, UTC).

    Raises D3130 to D3135 for a wrong picture, D1001 for a bound and for the name of a month or day of no valid date.
    """
    return write_moment(as_number(ms), analyse_moment(_ISO8601 if picture is None else picture), Offset.of(timezone))


def to_millis(text: str, picture: str | None = None, *, now_ms: int = 0) -> int | float | None:
    """Milliseconds since 1970 of what `text` says in the form of `picture` (ISO 8601).

    None if the text does not match the picture, NaN if it names no moment. Raises D3110 (no ISO 8601), D3136 (parts are
    missing between those given; week dates), D3130 to D3135 for a wrong picture, D1001 for a bound.
    """
    if picture is None:
        if not is_iso8601(text):
            raise JsonataError("D3110", value=text)
        return plain(parse_date(text))
    ms = read_moment(text, analyse_moment(picture), now_ms)
    return None if ms is None else plain(ms)
