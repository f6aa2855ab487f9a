"""$fromMillis. Expected texts are those of jsonata-js 2.0.6, its departures from XPath included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.dates import from_millis

AT = 1521801216617  # 2018-03-23T10:33:36.617Z
EVERY_VALUE = "[Y] [M] [D] [d] [F] [W] [w] [X] [x] [H] [h] [P] [m] [s] [f]"

WRITTEN = [
    (AT, None, None, "2018-03-23T10:33:36.617Z"),
    (AT, "", None, ""),
    (
        AT,
        f"{EVERY_VALUE} [Z] [z] [C] [E]",
        None,
        "2018 3 23 82 friday 12 4 2018 3 10 10 am 33 36 617 +00:00 GMT+00:00 ISO ISO",
    ),
    (AT, "[Y0001]-[M01]-[D01]", None, "2018-03-23"),
    (AT, "[Y,2] [Y,*-2] [Y,2-2] [Y##01] [Y,4] [Y,*] [Y,*-0] [Y,x]", None, "18 18 18 2018 2018 2018 0 2018"),
    (AT, "[MNn] [Mn] [MN] [MNn,3-3] [MNn,*-4] [MNn,*-0] [xNn]", None, "March march MARCH Mar Marc  March"),
    (AT, "[FNn] [FN,2-3] [F1] [F01]", None, "Friday FRI 5 05"),
    (AT, "[D1o] [Dw] [DWwo] [Di] [DI] [DA] [Da]", None, "23rd twenty-three Twenty-Third xxiii XXIII W w"),
    (AT, "[YI] [Yw]", None, "MMXVIII two thousand and eighteen"),
    (AT, "[h01][PN] [hw][Pn] [PNn] [P01]", None, "10AM tenam am am"),
    (AT, "[f] [f001] [f1]", None, "617 617 617"),
    (AT, "[Z] [Z0] [Z00] [Z0000] [Z01:01t] [z] [z0000] [Z0t]", None, "+00:00 +0 +00 +0000 Z GMT+00:00 GMT+0000 Z"),
    (AT, "lit [[eral]] ] [Y]", None, "lit [eral] ] 2018"),
    (AT, "[ Y  0001 ]", None, "2018"),
    (AT, "[q1] [,1]", None, "undefined undefined"),
    (AT, "[H\u0660\u0661]", None, "\u0661\u0660"),
    (AT, "[Y0x3] [Y,0x5]", None, "1x8 02018"),
    (AT, "[Y9,999,*]", None, "2,018"),
    (AT, "[D,3] [D,*-3] [m,*-4] [s1] [s,1]", None, "023 023 33 36 36"),
    (AT, "[MNn,x]", None, "March"),
    (AT, "[C1]", None, "ISO"),
    (AT, "[X0001]-W[W01]-[F1]", None, "2018-W12-5"),
    (AT, None, "+0000", "2018-03-23T10:33:36.617Z"),
    (AT, None, "-0500", "2018-03-23T05:33:36.617-05:00"),
    (AT, None, "+0530", "2018-03-23T16:03:36.617+05:30"),
    (AT, None, "-0530", "2018-03-23T04:03:36.617-06:30"),
    (AT, None, "0100", "2018-03-23T11:33:36.617+01:00"),
    (AT, None, "+1", "2018-03-23T10:34:36.617+00:01"),
    (AT, None, "Z", "0NaN-NaN-NaNTNaN:NaN:NaN.NaN0N:aN"),
    (AT, None, "", "0NaN-NaN-NaNTNaN:NaN:NaN.NaN0N:aN"),
    (AT, None, "0x10", "2018-03-23T10:49:36.617+00:16"),
    (AT, None, "+9999", "2018-03-27T15:12:36.617+99:99"),
    (AT, None, "+0100x", "2018-03-23T11:33:36.617+01:00"),
    (AT, "[H01]:[m01] [Z] [Z0] [z0000] [Z000]", "+0530", "16:03 +05:30 +5:30 GMT+0530 +530"),
    (AT, "[H01]:[m01] [Z] [Z0] [z0000] [Z000]", "-0530", "04:03 -06:30 -6:-30 GMT-0630 -630"),
    (AT, "[H01]:[m01] [Z] [Z0] [z0000] [Z000]", "-0800", "02:33 -08:00 -8 GMT-0800 -800"),
    (AT, "[H01]:[m01] [Z] [Z0] [z0000] [Z000]", "+0000", "10:33 +00:00 +0 GMT+0000 +000"),
    (0, EVERY_VALUE, None, "1970 1 1 1 thursday 1 1 1970 1 0 12 am 00 00 0"),
    (-1, EVERY_VALUE, None, "1969 12 31 365 wednesday 1 1 1970 1 23 11 pm 59 59 999"),
    (951782400000, EVERY_VALUE, None, "2000 2 29 60 tuesday 9 1 2000 3 0 12 am 00 00 0"),
    (1104537600000, EVERY_VALUE, None, "2005 1 1 1 saturday 53 5 2004 12 0 12 am 00 00 0"),
    (1230768000000, EVERY_VALUE, None, "2009 1 1 1 thursday 1 1 2009 1 0 12 am 00 00 0"),
    (1262304000000, EVERY_VALUE, None, "2010 1 1 1 friday 53 5 2009 12 0 12 am 00 00 0"),
    (1293840000000, EVERY_VALUE, None, "2011 1 1 1 saturday 52 5 2010 12 0 12 am 00 00 0"),
    (1325376000000, EVERY_VALUE, None, "2012 1 1 1 sunday 52 5 2011 12 0 12 am 00 00 0"),
    (1419984000000, EVERY_VALUE, None, "2014 12 31 365 wednesday 1 1 2015 1 0 12 am 00 00 0"),
    (1451606400000, EVERY_VALUE, None, "2016 1 1 1 friday 53 5 2015 12 0 12 am 00 00 0"),
    (-62135596800000, EVERY_VALUE, None, "1 1 1 1 monday 1 1 0 12 0 12 am 00 00 0"),
    (-62167219200000, EVERY_VALUE, None, "0 1 1 1 saturday 1 1 -1 12 0 12 am 00 00 0"),
    (-60000000000000, EVERY_VALUE, None, "68 9 3 247 monday 36 1 67 8 13 1 pm 20 00 0"),
    (253402300800000, EVERY_VALUE, None, "10000 1 1 1 saturday 52 5 9999 12 0 12 am 00 00 0"),
    (8640000000000000.0, EVERY_VALUE, None, "275760 9 13 257 saturday 37 2 275760 9 0 12 am 00 00 0"),
    (-8640000000000000.0, EVERY_VALUE, None, "-271821 4 20 NaN tuesday NaN NaN -271821 4 0 12 am 00 00 0"),
    (-99999999999999, EVERY_VALUE, None, "-1199 2 15 46 thursday 7 3 -1199 2 14 2 pm 13 20 1"),
    (1514764799999.9, EVERY_VALUE, None, "2017 12 31 365 sunday 52 4 2017 12 23 11 pm 59 59 999"),
    (-0.5, EVERY_VALUE, None, "1970 1 1 1 thursday 1 1 1970 1 0 12 am 00 00 0"),
    (4102444799999, EVERY_VALUE, None, "2099 12 31 365 thursday 53 5 2099 12 23 11 pm 59 59 999"),
    (8640000000000001.0, "[Y0001]-[M01]-[D01] [W] [xNn] [Pn]", None, "0NaN-NaN-NaN NaN undefined am"),
    (nan, "[Y0001]-[M01]-[D01] [W] [xNn] [Pn]", None, "0NaN-NaN-NaN NaN undefined am"),
    (1e300, "[Y0001]-[M01]-[D01] [W] [xNn] [Pn]", None, "0NaN-NaN-NaN NaN undefined am"),
    (inf, None, None, "0NaN-NaN-NaNTNaN:NaN:NaN.NaNZ"),
]

REFUSED = [
    (AT, "[Y", None, "D3135"),
    (AT, "[", None, "D3135"),
    (AT, "[Y]]] [", None, "D3135"),
    (AT, "[q]", None, "D3132"),
    (AT, "[]", None, "D3132"),
    (AT, "[YN]", None, "D3133"),
    (AT, "[dn]", None, "D3133"),
    (AT, "[HNn]", None, "D3133"),
    (AT, "[Y#]", None, "D3130"),
    (AT, "[Mx]", None, "D3130"),
    (AT, "[Z00000]", None, "D3134"),
    (AT, "[z#]", None, "D3134"),
    (AT, "[Zn]", None, "D3134"),
    (AT, "[Z00000t]", None, "D3134"),
    (AT, "[D0\u0660]", None, "D3131"),
    (AT, "[YN][q]", None, "D3132"),
]


@pytest.mark.parametrize(("ms", "picture", "timezone", "text"), WRITTEN)
def test_moment_is_written_by_its_picture(ms: float, picture: str | None, timezone: str | None, text: str) -> None:
    assert from_millis(ms, picture, timezone) == text


@pytest.mark.parametrize(("ms", "picture", "timezone", "code"), REFUSED)
def test_wrong_picture_is_refused(ms: float, picture: str, timezone: str | None, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        from_millis(ms, picture, timezone)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("picture", "value"), [("[q]", "q"), ("[HN]", "H"), ("[fn]", "f"), ("[Mx]", "x"), ("[Z00000]", 5), ("[Zn]", None)]
)
def test_error_says_what_it_is_about(picture: str, value: object) -> None:
    with pytest.raises(JsonataError) as caught:
        from_millis(AT, picture)
    assert caught.value.value == value


@pytest.mark.parametrize(
    "picture",
    ["[Y,*-1000000]", "[M,99999999999999999999]", "[Y,9999]" * 1_500, "[Y]" * 10_000],
    ids=["maximum", "minimum", "many", "long"],
)
def test_bounds(picture: str) -> None:
    with pytest.raises(JsonataError) as caught:
        from_millis(AT, picture)
    assert caught.value.code == "D1001"


@pytest.mark.parametrize("picture", ["[FN]", "[Mn]", "[MNn,3-3]", "[Yw]"])
def test_invalid_date_has_no_name(picture: str) -> None:
    with pytest.raises(JsonataError) as caught:
        from_millis(nan, picture)
    assert caught.value.code == "D1001"


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 made UTC below
def test_calendar_and_weeks_are_pythons(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    ms = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert from_millis(ms) == f"{at.year:04}-{at.month:02}-{at.day:02}T{at:%H:%M:%S}.{at.microsecond // 1000:03}Z"
    if at.year >= 101:
        year, week, day = at.isocalendar()
        assert from_millis(ms, "[X] [W] [F1] [d]") == f"{year} {week} {day} {at.timetuple().tm_yday}"


@given(st.floats(), st.text(alphabet="[]YMDdFWwXxHhPmsfZzCEqN01#,-*o; ", max_size=20), st.text(max_size=6))
def test_any_input_gives_a_text_or_our_error(ms: float, picture: str, timezone: str) -> None:
    try:
        assert isinstance(from_millis(ms, picture, timezone), str)
    except JsonataError as error:
        assert error.code == "D1001" or error.code.startswith("D313")  # noqa: PT017 either outcome is fine
