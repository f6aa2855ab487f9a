"""$toMillis. Expected results are those of jsonata-js 2.0.6 at a fixed current moment, its departures included."""

from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.dates import from_millis, to_millis

NOW_MS = 1520000000123  # 2018-03-02T14:13:20.123Z

READ = [
    ("2018", None, 1514764800000),
    ("2018-03", None, 1519862400000),
    ("2018-03-23", None, 1521763200000),
    ("2018-03-23T10:33:36", None, 1521801216000),
    ("2018-03-23T10:33:36Z", None, 1521801216000),
    ("2018-03-23T10:33:36.6Z", None, 1521801216600),
    ("2018-03-23T10:33:36.61789Z", None, 1521801216617),
    ("2018-03-23T10:33:36.0012345678901Z", None, 1521801216123),
    ("2018-03-23T10:33:36+05:30", None, 1521781416000),
    ("2018-03-23T10:33:36-0530", None, 1521821016000),
    ("2018-03-23T24:00:00Z", None, 1521849600000),
    ("2018-03-23T24:00:01Z", None, nan),
    ("2018-02-31", None, 1520035200000),
    ("2018-02-31T00:00:00Z", None, 1520035200000),
    ("2018-13", None, nan),
    ("2018-00", None, nan),
    ("2018-01-32", None, nan),
    ("2018Z", None, 1514764800000),
    ("2018-03Z", None, 1519862400000),
    ("2018-03-23Z", None, 1521763200000),
    ("0050-01-01", None, -60589296000000),
    ("0000", None, -62167219200000),
    ("9999-12-31T23:59:59.999Z", None, 253402300799999),
    ("2018-03-23T10:33:36+24:00", None, nan),
    ("2018-01-01-01", None, nan),
    ("2018-01-01T00:00:00T00:00:00", None, nan),
    ("2018-03-23", "[Y0001]-[M01]-[D01]", 1521763200000),
    ("2018-3-3", "[Y0001]-[M01]-[D01]", None),
    ("20180323103336", "[Y0001][M01][D01][H01][m01][s01]", 1525482186000),
    ("23/3/2018", "[D]/[M]/[Y]", 1521763200000),
    ("March 23rd, 2018", "[MNn] [D1o], [Y]", 1521763200000),
    ("MARCH 2018", "[MNn] [Y]", 1514764800000),
    ("march 2018", "[MNn] [Y]", 1514764800000),
    ("Mar 2018", "[MNn,3-3] [Y]", 1519862400000),
    ("2018 three", "[Y] [Mw]", 1519862400000),
    ("MMXVIII iii", "[YI] [Mi]", 1519862400000),
    ("twenty-third of March", "[Dwo] of [MNn]", 1521763200000),
    ("2018 82", "[Y] [d]", 1521763200000),
    ("2018-366", "[Y]-[d001]", 1514764800000),
    ("82", "[d]", 1521814400123),
    ("10:33", "[H]:[m]", 1519986780000),
    ("33", "[m]", 1520001180000),
    ("10:33:36.617", "[H01]:[m01]:[s01].[f001]", 1519986816617),
    ("3:05 pm", "[h]:[m01] [P]", 1520003100000),
    ("12:05 am", "[h]:[m] [P]", 1519949100000),
    ("12:05 PM", "[h]:[m] [PN]", 1519992300000),
    ("12:05 Pm", "[h]:[m] [PN]", 1519949100000),
    ("am", "[P]", 1520000000123),
    ("3", "[h]", 1519959600000),
    ("2018-W12-5", "[X]-W[W]-[F]", None),
    ("2018 3 4", "[Y] [x] [w]", 1514764800000),
    ("2018-03-23 +05:30", "[Y]-[M]-[D] [Z]", 1521743400000),
    ("2018-03-23 -05:30", "[Y]-[M]-[D] [Z]", 1521779400000),
    ("2018-03-23 -0530", "[Y]-[M]-[D] [Z0000]", 1521779400000),
    ("2018-03-23 +5", "[Y]-[M]-[D] [Z0]", 1521745200000),
    ("2018-03-23 GMT+01:00", "[Y]-[M]-[D] [z]", 1521759600000),
    ("2018-03-23 gmt-12", "[Y]-[M]-[D] [z0]", 1521806400000),
    ("2018-03-23 +05H30", "[Y]-[M]-[D] [Z00h00]", 1521763200000),
    ("+01:00", "[Z]", 1519996400123),
    ("Friday 2018", "[FNn] [Y]", 1514764800000),
    ("Freitag 2018", "[FNn] [Y]", 1514764800000),
    ("x2018", "[Y]", None),
    ("2018", "x", None),
    ("x", "x", None),
    ("", "", None),
    ("x", "", None),
    ("[2018]", "[[[Y]]]", 1514764800000),
    ("0099-01", "[Y]-[M]", 915148800000),
    ("2018-0-0", "[Y]-[M]-[D]", 1514678400000),
    ("2018-14-40", "[Y]-[M]-[D]", 1552348800000),
    ("99999999999", "[Y]", nan),
    ("275761", "[Y]", nan),
    ("18", "[Y,2]", -1640995200000),
    ("2018", "[Y,*-2]", None),
    ("118", "[Y#1,*-1]", None),
    ("1118", "[Y1][M1][D1]", -1861315200000),
    ("sixteenand", "[Dw]and", 1521158400000),
    ("sixteenteen", "[Dw]teen", 1521158400000),
    ("sixteenth", "[Dw][FNn]", 1520294400000),
    ("5", "[Y##1,*-1]", None),
    ("", "[Y#1,*-1]", nan),
    (".", ".", None),
    ("a.b", "a.b", None),
    ("aXb", "a.b", None),
    ("2018 x", "[Y] [FNn]", 1514764800000),
    ("1", "[M]", 1514764800000),
    ("31", "[D]", 1522454400000),
    ("\u017f 2018", "s [Y]", None),
    ("\u00e9 2018", "\u00c9 [Y]", 1514764800000),
]

REFUSED = [
    ("2018-03-23T10:33:36.", None, "D3110"),
    ("2018-1", None, "D3110"),
    ("18", None, "D3110"),
    ("", None, "D3110"),
    ("x", None, "D3110"),
    ("2018-03-23 10:33:36", None, "D3110"),
    ("2018-03-23T10:33", None, "D3110"),
    ("2018-03-23T10:33:36z", None, "D3110"),
    ("2018-03-23T10:60:36Z", None, "D3110"),
    (" 2018", None, "D3110"),
    ("2018\n", None, "D3110"),
    ("\u0662\u0660\u0661\u0668", None, "D3110"),
    ("march 23RD, 2018", "[MNn] [D1o], [Y]", "D3136"),
    ("b 2018", "[Da] [Y]", "D3136"),
    ("2018 82 10", "[Y] [d] [H]", "D3136"),
    ("2018 10", "[Y] [H]", "D3136"),
    ("2018 3 33", "[Y] [M] [m]", "D3136"),
    ("10 36", "[H] [s]", "D3136"),
    ("0:36", "[H]:[s]", "D3136"),
    ("2018 40:70", "[Y] [H]:[m]", "D3136"),
    ("x", "[Y", "D3135"),
    ("x", "[q]", "D3132"),
    ("x", "[C]", "D3133"),
    ("x", "[YN]", "D3133"),
    ("x", "[Yx]", "D3130"),
    ("x", "[fn]", "D3133"),
    ("x", "[D0\u0660]", "D3131"),
]


@pytest.mark.parametrize(("text", "picture", "ms"), READ)
def test_moment_is_read_by_its_picture(text: str, picture: str | None, ms: float | None) -> None:
    found = to_millis(text, picture, now_ms=NOW_MS)
    if ms is None or not isnan(ms):
        assert found == ms
    else:
        assert found is not None
        assert isnan(found)


@pytest.mark.parametrize(("text", "picture", "code"), REFUSED)
def test_refused(text: str, picture: str | None, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        to_millis(text, picture, now_ms=NOW_MS)
    assert caught.value.code == code


def test_error_carries_the_text_that_is_no_iso_8601() -> None:
    with pytest.raises(JsonataError) as caught:
        to_millis("yesterday")
    assert caught.value.value == "yesterday"


def test_digits_of_another_family_are_not_read() -> None:
    """Only ASCII digits match, and they are no digits of this picture; jsonata-js fails without a code."""
    assert to_millis("\u0662\u0660", "[Y\u0661]") is None
    with pytest.raises(JsonataError) as caught:
        to_millis("2018", "[Y\u0661]")
    assert caught.value.code == "D3131"


@pytest.mark.parametrize("separator", [".", "*", "("])
def test_separator_of_an_offset_is_itself(separator: str) -> None:
    """In jsonata-js it is a piece of a regular expression, which is mostly none."""
    assert to_millis(f"2018 +01{separator}30", f"[Y] [Z00{separator}00]") == to_millis("2018 +01:30", "[Y] [Z00:00]")
    assert to_millis("2018 +01x30", f"[Y] [Z00{separator}00]") is None


@pytest.mark.parametrize(
    ("text", "picture"),
    [("1" * 60 + "x", "[H]" * 1_500), ("sixteen" * 50 + "x", "[Dw]" * 250), ("a" * 900 + "1", "[MNn]" * 100)],
    ids=["digits", "words", "names"],
)
def test_ambiguous_picture_is_matched_without_backtracking(text: str, picture: str) -> None:
    assert to_millis(text, picture) is None


def test_repeated_iso_8601_groups_are_checked_in_linear_time() -> None:
    with pytest.raises(JsonataError) as caught:
        to_millis("2018" + "-01" * 100_000 + "x")
    assert caught.value.code == "D3110"


def test_bounds() -> None:
    with pytest.raises(JsonataError) as caught:
        to_millis("1" * 60_000, "[Y][M]")
    assert caught.value.code == "D1001"


@given(
    st.integers(-30_000_000_000_000, 100_000_000_000_000),
    st.sampled_from(
        [
            "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z]",
            "[D1o] [MNn] [Y0001], [h]:[m01]:[s01].[f001] [P]",
            "[Yw]/[Mw]/[Dwo] [H]-[m]-[s]-[f]",
            "[YI] [MI] [Di] [H01]:[m01]:[s01].[f001] [z]",
        ]
    ),
)
def test_written_moment_reads_back(ms: int, picture: str) -> None:
    assert to_millis(from_millis(ms, picture), picture) == ms


@given(st.integers(-62_167_219_200_000, 253_402_300_799_999))
def test_iso_8601_reads_back(ms: int) -> None:
    assert to_millis(from_millis(ms)) == ms


@given(
    st.text(alphabet="0123456789-:TZ+. aMonday", max_size=20),
    st.text(alphabet="[]YMDdFWwXxHhPmsfZzCEqN01#,-*o; ", max_size=20),
)
def test_any_input_gives_a_number_nothing_or_our_error(text: str, picture: str) -> None:
    try:
        assert isinstance(to_millis(text, picture), (int, float, type(None)))
    except JsonataError as error:
        assert error.code == "D1001" or error.code.startswith("D313")  # noqa: PT017 either outcome is fine
