"""$formatInteger and $parseInteger. Expected results are those of jsonata-js 2.0.6, departures from XPath included."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.integers import format_integer, parse_integer

WRITTEN = [
    (0.0, "0", "0"),
    (7.9, "0", "7"),
    (-7.1, "0", "-8"),
    (1e21, "0", "1e+21"),
    (-0.0, "0", "0"),
    (1e308, "0", "1e+308"),
    (5.0, "000", "005"),
    (-5.0, "000", "-005"),
    (12345.0, "000", "12345"),
    (1.0, "#,##0", "1"),
    (999.0, "#,##0", "999"),
    (1000.0, "#,##0", "1,000"),
    (1234567.0, "#,##0", "1,234,567"),
    (-1234567.0, "#,##0", "-1,234,567"),
    (1e21, "#,##0", "1e,+21"),
    (1234567.0, "#'##,##0", "12'34,567"),
    (5.0, "#'##,##0", ",5"),
    (1.0, "0;o", "1st"),
    (2.0, "0;o", "2nd"),
    (3.0, "0;o", "3rd"),
    (4.0, "0;o", "4th"),
    (11.0, "0;o", "11th"),
    (12.0, "0;o", "12th"),
    (13.0, "0;o", "13th"),
    (21.0, "0;o", "21st"),
    (101.0, "0;o", "101st"),
    (111.0, "0;o", "111th"),
    (112.0, "0;o", "112th"),
    (1011.0, "#,##0;o", "1,011th"),
    (1001.0, "#,##0;o", "1,001st"),
    (1.0, "0;x", "1"),
    (0.0, "w", "zero"),
    (15.0, "w", "fifteen"),
    (20.0, "w", "twenty"),
    (21.0, "w", "twenty-one"),
    (100.0, "w", "one hundred"),
    (101.0, "w", "one hundred and one"),
    (999.0, "w", "nine hundred and ninety-nine"),
    (1000.0, "w", "one thousand"),
    (1001.0, "w", "one thousand and one"),
    (1100.0, "w", "one thousand, one hundred"),
    (123456.0, "w", "one hundred and twenty-three thousand, four hundred and fifty-six"),
    (1000000.0, "w", "one million"),
    (1000000000000.0, "w", "one trillion"),
    (1000000000000000.0, "w", "one thousand trillion"),
    (1500000000000000.0, "w", "one thousand, five hundred trillion"),
    (1e24, "w", "one trillion trillion"),
    (-42.0, "w", "-forty-two"),
    (42.0, "W", "FORTY-TWO"),
    (1234.0, "Ww", "One Thousand, Two Hundred and Thirty-Four"),
    (0.0, "w;o", "zeroth"),
    (1.0, "w;o", "first"),
    (3.0, "w;o", "third"),
    (12.0, "w;o", "twelfth"),
    (20.0, "w;o", "twentieth"),
    (21.0, "w;o", "twenty-first"),
    (90.0, "w;o", "ninetieth"),
    (100.0, "w;o", "one hundredth"),
    (101.0, "w;o", "one hundred and first"),
    (112.0, "w;o", "one hundred and twelfth"),
    (1000.0, "w;o", "one thousandth"),
    (1020.0, "w;o", "one thousand and twentieth"),
    (1000000000000.0, "w;o", "one trillionth"),
    (1e24, "w;o", "one trillion trillionth"),
    (342.0, "Ww;o(-er)", "Three Hundred and Forty-Second"),
    (0.0, "I", ""),
    (4.0, "I", "IV"),
    (9.0, "I", "IX"),
    (14.0, "I", "XIV"),
    (1994.0, "I", "MCMXCIV"),
    (3999.0, "I", "MMMCMXCIX"),
    (5000.0, "I", "MMMMM"),
    (-4.0, "I", "-IV"),
    (1994.0, "i", "mcmxciv"),
    (0.0, "A", ""),
    (1.0, "A", "A"),
    (26.0, "A", "Z"),
    (27.0, "A", "AA"),
    (702.0, "A", "ZZ"),
    (703.0, "A", "AAA"),
    (18278.0, "A", "ZZZ"),
    (-3.0, "A", "-C"),
    (28.0, "a", "ab"),
    (1e20, "a", "angwjirsmasvagw"),
    (5.0, "\u0660\u0661", "\u0660\u0665"),
    (123.0, "\u0660\u0661", "\u0661\u0662\u0663"),
    (12345.0, "#,##\uff10", "\uff11\uff12,\uff13\uff14\uff15"),
    (1.0, "\u0966;o", "\u0967th"),
    (5.0, "1", "5"),
    (5.0, "x0x", "x5x"),
    (50.0, "x0x", "5x0x"),
    (12.0, "0000,", "0012,"),
    (123.0, "0,0", "1,2,3"),
]

REFUSED = [
    (1.0, "x", "D3130"),
    (1.0, "", "D3130"),
    (1.0, "#", "D3130"),
    (1.0, "#;o", "D3130"),
    (1.0, "Aa", "D3130"),
    (1.0, "\u2460", "D3130"),
    (1.0, "0\u0660", "D3131"),
    (1.0, "\u0967,\u0662", "D3131"),
]

READ = [
    ("12", "0", 12),
    ("  12x", "0", 12),
    ("-5", "0", -5),
    ("abc", "0", nan),
    ("", "0", nan),
    ("1,234", "0", 1),
    ("0x1f", "0", 31),
    ("0x", "0", nan),
    ("99999999999999999999", "0", 1e20),
    ("-0", "0", 0),
    ("1,234,567", "#,##0", 1234567),
    ("1.234", "#,##0", 1),
    ("1.234", "#.##0", 1),
    ("1,234", "#.##0", 1234),
    ("1'23,456", "#'##,##0", 123456),
    ("21st", "0;o", 21),
    ("1", "0;o", nan),
    ("x", "0;o", nan),
    ("zero", "w", 0),
    ("twelve", "w", 12),
    ("twenty-one", "w", 21),
    ("one hundred and five", "w", 105),
    ("one thousand, two hundred and thirty-four", "w", 1234),
    ("two million", "w", 2000000),
    ("One Thousand", "w", 1000),
    ("twenty-first", "w", 21),
    ("one trillion trillion", "w", 1e24),
    ("nonsense", "w", nan),
    ("one  two", "w", nan),
    ("three hundred thousand and five", "w", 300005),
    ("constructor", "w", nan),
    ("First", "Ww;o", 1),
    ("Ninetieth", "Ww;o", 90),
    ("MCMXCIV", "I", 1994),
    ("mcm", "I", nan),
    ("IIX", "I", 8),
    ("", "I", 0),
    ("Q", "I", nan),
    ("mcmxciv", "i", 1994),
    ("MCM", "i", 1900),
    ("A", "A", 1),
    ("AZ", "A", 52),
    ("ZZZ", "A", 18278),
    ("a", "A", 33),
    ("1", "A", -15),
    ("aa", "a", 27),
    ("", "a", 0),
    ("\u0661\u0662", "\u0660", 12),
    ("\uff11,\uff12\uff13\uff14", "\uff10,\uff10\uff10\uff10", 1234),
]

UNREADABLE_PICTURES = [
    ("1", "x", "D3130"),
    ("1", "#", "D3130"),
    ("1", "", "D3130"),
    ("1", "0\u0660", "D3131"),
]


@pytest.mark.parametrize(("value", "picture", "text"), WRITTEN)
def test_integer_is_written_by_its_picture(value: float, picture: str, text: str) -> None:
    assert format_integer(value, picture) == text


@pytest.mark.parametrize(("value", "picture", "code"), REFUSED)
def test_wrong_picture_is_refused(value: float, picture: str, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        format_integer(value, picture)
    assert caught.value.code == code


def test_numbering_sequence_is_named_in_the_error() -> None:
    with pytest.raises(JsonataError) as caught:
        format_integer(1, "x;o")
    assert caught.value.value == "x"


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (inf, "w"),
        (nan, "w"),
        (-inf, "A"),
        (10_000_001, "I"),
        (inf, "i"),
        (10**400, "a"),
        (1, "0" * 20_000),
    ],
)
def test_bounds(value: float, picture: str) -> None:
    with pytest.raises(JsonataError) as caught:
        format_integer(value, picture)
    assert caught.value.code == "D1001"


@pytest.mark.parametrize(("value", "text"), [(nan, "NaN"), (inf, "Infinity"), (-inf, "-Infinity")])
def test_decimal_pattern_writes_what_is_no_integer(value: float, text: str) -> None:
    assert format_integer(value, "0") == text


@pytest.mark.parametrize("picture", ["A", "i"])
def test_nan_has_no_letters(picture: str) -> None:
    assert format_integer(nan, picture) == ""


@pytest.mark.parametrize(("text", "picture", "value"), READ)
def test_integer_is_read_by_its_picture(text: str, picture: str, value: float) -> None:
    found = parse_integer(text, picture)
    assert found is not None
    assert isnan(found) if isnan(value) else found == value


@pytest.mark.parametrize(("text", "picture", "code"), UNREADABLE_PICTURES)
def test_text_is_not_read_by_a_wrong_picture(text: str, picture: str, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        parse_integer(text, picture)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["12", "\u0661x"])
def test_digits_of_another_family_are_unreadable(text: str) -> None:
    found = parse_integer(text, "\u0660")
    assert found is not None
    assert isnan(found)


@pytest.mark.parametrize(("text", "picture"), [("9" * 100_000, "0"), ("z" * 100_000, "a"), ("0x" + "f" * 5_000, "0")])
def test_too_large_a_number_reads_as_infinite(text: str, picture: str) -> None:
    assert parse_integer(text, picture) == inf


@given(
    st.integers(1, 10**6), st.sampled_from(["0", "#,##0", "00000;o", "w", "Ww;o", "W", "a", "A", "I", "i", "\u0966"])
)
def test_written_integer_reads_back(value: int, picture: str) -> None:
    assert parse_integer(format_integer(value, picture), picture) == value


@given(st.floats(), st.text(alphabet="0#,.;oIiAaWw\u0660", max_size=12))
def test_any_number_and_picture_give_a_text_or_our_error(value: float, picture: str) -> None:
    try:
        assert isinstance(format_integer(value, picture), str)
    except JsonataError as error:
        assert error.code in ("D1001", "D3130", "D3131")  # noqa: PT017 either outcome is fine


@given(st.text(max_size=30), st.sampled_from(["0", "#,##0", "w", "I", "i", "A", "a", "0;o", "#'##,#0", "\u0660"]))
def test_any_text_reads_as_a_number(text: str, picture: str) -> None:
    assert isinstance(parse_integer(text, picture), (int, float))
