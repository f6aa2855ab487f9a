"""Timestamps: RFC 3339 in, ISO 8601 out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.timestamps import parse_timestamp, parse_timestamp_ms, to_iso


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.001Z", 1),
        ("2016-03-14T01:59:00Z", 1_457_920_740_000),
        ("2016-03-14T03:59:00+02:00", 1_457_920_740_000),
        ("2016-03-13T20:29:00-05:30", 1_457_920_740_000),
        ("1969-12-31T23:59:59.5Z", -500),
        ("2000-02-29T00:00:00Z", 951_782_400_000),
        ("2024-11-06T09:42:03.123456789Z", 1_730_886_123_124),
    ],
)
def test_reading(text: str, milliseconds: int) -> None:
    assert parse_timestamp_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2016-03-14",
        "2016-03-14 01:59:00Z",
        "2016-03-14t01:59:00Z",
        "2016-03-14T01:59:00z",
        "2016-03-14T01:59:00",
        "2016-03-14T01:59Z",
        "2016-13-14T01:59:00Z",
        "2016-02-30T01:59:00Z",
        "2001-02-29T01:59:00Z",
        "2016-03-14T25:59:00Z",
        "2016-03-14T01:60:00Z",
        "2016-03-14T01:59:60Z",
        "2016-03-14T01:59:00+0200",
        "2016-03-14T01:59:00+99:00",
        "2016-03-14T01:59:00.Z",
        "16-03-14T01:59:00Z",
        " 2016-03-14T01:59:00Z",
        "2016-03-14T01:59:00Z\n",
        "٢٠١٦-03-14T01:59:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_reading_refuses(text: str) -> None:
    assert parse_timestamp(text) is None
    assert parse_timestamp_ms(text) is None


def test_fractions_are_rounded_up_so_that_no_wait_ends_early() -> None:
    assert parse_timestamp("1970-01-01T00:00:00.0000001Z") == 100
    assert parse_timestamp_ms("1970-01-01T00:00:00.0000001Z") == 1


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_730_886_123_123, "2024-11-06T09:42:03.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (10**18, "9999-12-31T23:59:59.999Z"),
        (-(10**18), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_writing(milliseconds: int, text: str) -> None:
    assert to_iso(milliseconds) == text


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    text = to_iso(milliseconds)
    assert len(text) == 24
    assert parse_timestamp_ms(text) == milliseconds
