"""Integer milliseconds since 1970 and ISO 8601, both ways. No clock.

AWS writes context-object times as ``2024-11-06T09:42:03.123Z`` and reads RFC 3339 with an upper-case T and an
explicit offset (``Z`` or ``+hh:mm``); anything else is no timestamp (facts wait-timestamp-*).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_iso(at_ms: int) -> str:
    """``2024-11-06T09:42:03.123Z``. Years 1 to 9999; beyond, the nearest of these."""
    at_ms = min(max(at_ms, -62_135_596_800_000), 253_402_300_799_999)
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".rjust(24, "0")


def parse_timestamp(text: str) -> int | None:
    """Nanoseconds since 1970 of an RFC 3339 timestamp; None if the text is none (or names no real moment)."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    offset = timedelta(0)
    if match[8]:
        hours, minutes = int(match[9]), int(match[10])
        if hours > 18 or minutes > 59:
            return None
        offset = timedelta(hours=hours, minutes=minutes) * (1 if match[8] == "+" else -1)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc) - offset  # noqa: UP017
    except (ValueError, OverflowError):
        return None
    delta = moment - _EPOCH
    whole = delta.days * 86_400 + delta.seconds
    return whole * 1_000_000_000 + int((match[7] or "").ljust(9, "0") or 0)


def parse_timestamp_ms(text: str) -> int | None:
    """The same in milliseconds, rounded up so that a wait never ends early."""
    nanoseconds = parse_timestamp(text)
    return None if nanoseconds is None else -(-nanoseconds // 1_000_000)
