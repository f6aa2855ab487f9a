"""Writing a moment by the markers of a picture (XPath F&O 3.1, section 9.8.4.3 and on)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.bounds import MAX_RESULT_LENGTH, out_of_range, require_at_most
from statemachine.expressions.jsonata.pictures.ecmascript import (
    floor,
    power_of_ten,
    read_integer,
    remainder,
)
from statemachine.expressions.jsonata.pictures.integers import (
    Case,
    IntegerPicture,
    Numbering,
    format_integer,
    in_case,
    write_integer,
)
from statemachine.expressions.jsonata.pictures.markers import Marker
from statemachine.expressions.jsonata.pictures.moments import MS_PER_MINUTE, Moment

# fmt: off
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
# fmt: on
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

COMPONENT_NAMES = {"M": MONTHS, "x": MONTHS, "F": WEEKDAYS}
"""The components that have names; the first name is that of the value 1."""

NOON = 12
UNDEFINED = "undefined"
"""What the original writes for a letter that is no component, and for the name of a day that no valid date has."""

COMPONENT_VALUES: dict[str, Callable[[Moment], float]] = {
    "Y": lambda moment: moment.year,
    "M": lambda moment: moment.month,
    "D": lambda moment: moment.day,
    "d": lambda moment: moment.day_of_year,
    "F": lambda moment: moment.weekday,
    "W": lambda moment: moment.week_of_year,
    "w": lambda moment: moment.week_of_month,
    "X": lambda moment: moment.week_year,
    "x": lambda moment: moment.week_month,
    "H": lambda moment: moment.hour,
    "h": lambda moment: remainder(moment.hour, NOON) or float(NOON),
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
    "f": lambda moment: moment.millisecond,
}


class Offset(Struct, frozen=True):
    """An offset from UTC. The original takes ``±HHMM`` for one number and cuts it by floor and remainder.

    A negative offset with minutes is therefore wrong: -0530 is -6 hours and -30 minutes.
    """

    hours: float
    minutes: float

    @classmethod
    def of(cls, timezone: str | None) -> Offset:
        number = 0.0 if timezone is None else read_integer(timezone)
        return cls(floor(number / 100), remainder(number, 100))

    @property
    def ms(self) -> float:
        return (60 * self.hours + self.minutes) * MS_PER_MINUTE

    @property
    def hhmm(self) -> float:
        return self.hours * 100 + self.minutes


def write_moment(ms: float, parts: Sequence[str | Marker], offset: Offset) -> str:
    """Raises D3130, D3133, D3134, D1001."""
    moment = Moment.at(ms + offset.ms)
    written = []
    length = 0
    for part in parts:
        text = part if isinstance(part, str) else _write_component(moment, part, offset)
        length += len(text)
        require_at_most(length, MAX_RESULT_LENGTH)
        written.append(text)
    return "".join(written)


def _write_component(moment: Moment, marker: Marker, offset: Offset) -> str:
    match marker.component:
        case "Z" | "z":
            return _write_offset(marker, offset)
        case "P":
            half = "pm" if moment.hour >= NOON else "am"
            return half.upper() if marker.names is Case.UPPER else half
        case "C" | "E":
            return "ISO"
        case component if component in COMPONENT_VALUES:
            return _write_value(COMPONENT_VALUES[component](moment), marker)
        case _:
            return UNDEFINED


def _write_value(value: float, marker: Marker) -> str:
    if marker.names is not None:
        return _write_name(value, marker, marker.names)
    assert marker.integer is not None
    if marker.component == "Y" and marker.digits is not None:
        value = remainder(value, power_of_ten(marker.digits))
    return write_integer(value, marker.integer)


def _write_name(value: float, marker: Marker, case: Case) -> str:
    names = COMPONENT_NAMES.get(marker.component)
    if names is None:
        raise JsonataError("D3133", value=marker.component)
    if math.isnan(value):
        if case is Case.TITLE and marker.max_width is None:
            return UNDEFINED
        # Here the original stops with an error of JavaScript's own.
        raise out_of_range(value)
    name = in_case(names[int(value) - 1], case)
    width = marker.max_width
    return name[: max(int(width), 0)] if width is not None and len(name) > width else name


def _write_offset(marker: Marker, offset: Offset) -> str:
    assert marker.integer is not None
    if offset.hhmm == 0 and marker.is_zulu:
        # The picture is judged all the same.
        _offset_digits(marker.integer, offset)
        return "Z"
    sign = "+" if offset.hhmm >= 0 else ""
    return ("GMT" if marker.component == "z" else "") + sign + _offset_digits(marker.integer, offset)


def _offset_digits(picture: IntegerPicture, offset: Offset) -> str:
    if picture.interval:
        return write_integer(offset.hhmm, picture)
    digits = picture.mandatory_digits if picture.numbering is Numbering.DECIMAL else None
    match digits:
        case 1 | 2:
            hours = write_integer(offset.hours, picture)
            return hours if offset.minutes == 0 else f"{hours}:{format_integer(offset.minutes, '00')}"
        case 3 | 4:
            return write_integer(offset.hhmm, picture)
        case _:
            raise JsonataError("D3134", value=digits)
