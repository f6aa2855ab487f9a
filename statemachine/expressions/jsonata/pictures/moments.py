"""Moments as JavaScript's Date has them: milliseconds since 1970, proleptic Gregorian, without leap seconds.

All numbers are floats, and an invalid date is NaN in every field: pictures write it so.
The calendar of weeks is ISO 8601's, which XPath F&O 3.1 (section 9.8.4) extends to the weeks of a month.
"""

from __future__ import annotations

import math
from datetime import date

from msgspec import Struct

from statemachine.expressions.jsonata.pictures.ecmascript import remainder

MS_PER_MINUTE = 60_000.0
MS_PER_DAY = 86_400_000.0
_MAX_MS = 8.64e15
_MAX_YEAR = 1_000_000
_MAX_MONTH = 10_000_000

# Python's calendar repeats after 400 years; the cycle used stands in the middle of its range.
_CYCLE_YEARS = 400
_CYCLE_DAYS = 146_097
_CYCLE_START = 2000
_CYCLE_ORDINAL = date(_CYCLE_START, 1, 1).toordinal()
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Moment(Struct, frozen=True):
    """The fields of an instant as Date's UTC getters give them, but `month` and `weekday` (Monday) count from 1."""

    ms: float
    year: float
    month: float
    day: float
    hour: float
    minute: float
    second: float
    millisecond: float
    weekday: float

    @classmethod
    def at(cls, ms: float) -> Moment:
        instant = clip(ms)
        if math.isnan(instant):
            return cls(*[math.nan] * 9)
        days, rest = divmod(int(instant), int(MS_PER_DAY))
        year, month, day = _civil(days)
        seconds, millisecond = divmod(rest, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        fields = (year, month, day, hour, minute, second, millisecond, (days + 3) % 7 + 1)
        return cls(instant, *map(float, fields))

    @property
    def midnight(self) -> float:
        return utc(self.year, self.month, self.day)

    @property
    def day_of_year(self) -> float:
        return (self.midnight - utc(self.year, 1)) / MS_PER_DAY + 1

    @property
    def week_of_year(self) -> float:
        return _week(
            self.midnight, utc_week(self.year - 1, 1), utc_week(self.year, 1), utc_week(self.year + 1, 1), last=52
        )

    @property
    def week_of_month(self) -> float:
        before, this, after = self._months_around()
        return _week(self.midnight, utc_week(*before), utc_week(*this), utc_week(*after), last=4)

    @property
    def week_year(self) -> float:
        """The year to which the week belongs."""
        if self.ms < utc_week(self.year, 1):
            return self.year - 1
        return self.year + 1 if self.ms >= utc_week(self.year + 1, 1) else self.year

    @property
    def week_month(self) -> float:
        """The month to which the week belongs."""
        before, this, after = self._months_around()
        if self.ms < utc_week(*this):
            return before[1]
        return after[1] if self.ms >= utc_week(*after) else self.month

    def _months_around(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        before = (self.year - 1, 12.0) if self.month == 1 else (self.year, self.month - 1)
        after = (self.year + 1, 1.0) if self.month == 12 else (self.year, self.month + 1)
        return before, (self.year, self.month), after


def clip(ms: float) -> float:
    """Whole milliseconds, towards zero; NaN outside of Date's 100,000,000 days around 1970."""
    return math.nan if math.isnan(ms) or abs(ms) > _MAX_MS else float(math.trunc(ms))


def utc(
    year: float,
    month: float,
    day: float = 1,
    hour: float = 0,
    minute: float = 0,
    second: float = 0,
    millisecond: float = 0,
) -> float:
    """Date.UTC, with months from 1. Fields may lie outside of their ranges; the years 0 to 99 mean 1900 to 1999."""
    fields = (year, month, day, hour, minute, second, millisecond)
    if not all(map(math.isfinite, fields)):
        return math.nan
    year, month, day, hour, minute, second, millisecond = (float(math.trunc(field)) for field in fields)
    if 0 <= year <= 99:
        year += 1900
    if abs(year) > _MAX_YEAR or abs(month - 1) > _MAX_MONTH:
        return math.nan
    years, month_index = divmod(int(month) - 1, 12)
    days = _days(int(year) + years, month_index + 1) + day - 1
    return clip(days * MS_PER_DAY + (hour * 3_600_000.0 + minute * MS_PER_MINUTE + second * 1000.0 + millisecond))


def utc_week(year: float, month: float) -> float:
    """When the first week of a month begins: the Monday of the week that holds its first Thursday."""
    first = utc(year, month)
    weekday = remainder(remainder(first / MS_PER_DAY + 3, 7) + 7, 7) + 1
    return first + (8 - weekday if weekday > 4 else 1 - weekday) * MS_PER_DAY


def _week(day: float, before: float, this: float, after: float, *, last: int) -> float:
    """The number of the week that `day` is in, given when the weeks of three periods begin."""
    week = _weeks_between(this, day)
    if week > last and day >= after:
        return 1.0
    if week < 1:
        week = _weeks_between(before, day)
    return float(math.floor(week)) if math.isfinite(week) else week


def _weeks_between(start: float, end: float) -> float:
    return (end - start) / (MS_PER_DAY * 7) + 1


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970."""
    cycle, rest = divmod(days + _EPOCH_ORDINAL - _CYCLE_ORDINAL, _CYCLE_DAYS)
    found = date.fromordinal(_CYCLE_ORDINAL + rest)
    return found.year + cycle * _CYCLE_YEARS, found.month, found.day


def _days(year: int, month: int) -> int:
    """Days from 1970 to the first of a month."""
    cycle, rest = divmod(year - _CYCLE_START, _CYCLE_YEARS)
    return date(_CYCLE_START + rest, month, 1).toordinal() - _EPOCH_ORDINAL + cycle * _CYCLE_DAYS
