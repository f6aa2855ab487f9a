"""Times as options take them: how long ago, a date, a date and a time; and lengths of time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import click

from statemachine.runtime.clock import SystemClock

_AGO: Final = re.compile(r"(\d{1,9})(ms|s|min|m|h|d|w)", re.ASCII)
_UNITS_MS: Final = {
    "ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
}  # fmt: skip


def read_time(_context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An option's callback: milliseconds since 1970. A date without an offset is one of the local time zone."""
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return SystemClock().now_ms() - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        return round(datetime.fromisoformat(value).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"'{value}' is no time: write how long ago (90s, 15min, 2h, 7d), a date (2026-01-31), or a date and a time "
            "(2026-01-31T12:00, 2026-01-31T12:00:00Z)",
            param=parameter,
        ) from None


def read_duration(_context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An option's callback: a length of time in milliseconds."""
    if value is None:
        return None
    found = _AGO.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"'{value}' is no length of time: write 90s, 15min, 2h, 30d or 4w", param=parameter)
    return int(found[1]) * _UNITS_MS[found[2]]
