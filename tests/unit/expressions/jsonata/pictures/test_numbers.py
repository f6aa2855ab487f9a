"""$formatNumber and $formatBase. Expected texts are those of jsonata-js 2.0.6, its departures from XPath included."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.pictures.numbers import format_base, format_number

WRITTEN = [
    (0, "0", "0"),
    (0.5, "0", "0"),
    (1.5, "0", "2"),
    (2.5, "0", "2"),
    (-1.5, "0", "-2"),
    (1e21, "0", "1e+21"),
    (123456789012345680000, "0", "123456789012345683968"),
    (-0.0, "0", "0"),
    (nan, "0", "-NaN"),
    (1234.567, "#,##0.00", "1,234.57"),
    (0, "#,##0.00", "0.00"),
    (-0.004, "#,##0.00", "-0.00"),
    (999999.995, "#,##0.00", "1,000,000.00"),
    (1.005, "#,##0.00", "1.00"),
    (2.675, "#,##0.00", "2.68"),
    (1e20, "#,##0.00", "100,000,000,000,000,000,000.00"),
    (1e308, "#,##0.00", "NaN.00"),
    (inf, "#,##0.00", "NaN.00"),
    (-inf, "#,##0.00", "-NaN.00"),
    (nan, "#,##0.00", "-NaN.00"),
    (1234567.891, "#,##,##0.0#", "12,34,567.89"),
    (5, "#,##,##0.0#", ",5.,0"),
    (99999, "#,##,##0.0#", ",99,999.0"),
    (1234567, "##,#0,00", "1,23,45,67"),
    (1, "##,#0,00", "0,01"),
    (123, "##,#0,00", "1,23"),
    (1.5, "0.000,0##", "1.500,0"),
    (3.14159265, "0.000,0##", "3.141,593"),
    (1.5, "00.##;(00.##)", "01.5"),
    (-1.5, "00.##;(00.##)", "(01.5)"),
    (0.125, "#%", "12%"),
    (1.5, "#%", "150%"),
    (0.0125, "0.0\u2030", "12.5\u2030"),
    (-0.5, "0.0\u2030", "-500.0\u2030"),
    (4321.1, "$#,##0.00 net", "$4,321.10 net"),
    (-4321.1, "$#,##0.00 net", "-$4,321.10 net"),
    (12345.678, "0.0##e0", "1.235e4"),
    (0.00012345, "0.0##e0", "1.234e-4"),
    (1, "0.0##e0", "1.0e0"),
    (1e300, "0.0##e0", "1.0e300"),
    (5e-324, "0.0##e0", "4.941e-324"),
    (12345, "00.0e000", "12.3e003"),
    (0.5, "00.0e000", "50.0e-002"),
    (7, "#.e0", "0.7e1"),
    (12345, "#.e0", "0.1e5"),
    (0.25, ".0", ".2"),
    (12.5, ".0", "12.5"),
    (0, "#.#", ".0"),
    (0.04, "#.#", ".0"),
    (10.26, "#.#", "10.3"),
    (0, "#", "0"),
    (12, "#", "12"),
    (1234567, "0,0,00", "1234,5,67"),
    (875947059505349.1, "0.00", "875947059505349.13"),
    (1e21, "0.00", "1e+21.00"),
    (5, "a0z", "a5z"),
]

REFUSED = [
    (1.0, "0;0;0", "D3080"),
    (1.0, "0.0.0", "D3081"),
    (1.0, "0%0%", "D3086"),
    (1.0, "0\u20300\u2030", "D3086"),
    (1.0, "0%\u2030", "D3084"),
    (1.0, ".", "D3085"),
    (1.0, "x.y", "D3085"),
    (1.0, "0x0", "D3086"),
    (1.0, "0,.0", "D3087"),
    (1.0, "0,", "D3088"),
    (1.0, "0,,0", "D3089"),
    (1.0, "0#", "D3090"),
    (1.0, ".#0", "D3091"),
    (1.0, "0e0%", "D3092"),
    (1.0, "0e#", "D3093"),
    (1.0, "$0e0", "D3093"),
]

WITH_OPTIONS = [
    (12345.6, "#.##0,00", {"decimal-separator": ",", "grouping-separator": "."}, "12.345,60"),
    (-5.25, "0.0", {"minus-sign": "\u2212"}, "\u22125.2"),
    (42, "\u0660\u0660\u0660.\u0660", {"zero-digit": "\u0660"}, "\u0660\u0664\u0662.\u0660"),
    (0.5, "0pc", {"percent": "pc"}, "50pc"),
    (1234, "0.0E0", {"exponent-separator": "E"}, "1.2E3"),
    (-7, "0|<0>", {"pattern-separator": "|"}, "<7>"),
    (1234, "@,@@0", {"digit": "@"}, "1,234"),
]

IN_BASE = [
    (255.0, 2, "11111111"),
    (255.0, 16, "ff"),
    (255.0, 36, "73"),
    (255.0, 10, "255"),
    (255.0, 2.4, "11111111"),
    (255.0, 36.4, "73"),
    (-255.0, 16, "-ff"),
    (0.5, 2, "0"),
    (1.5, 2, "10"),
    (-0.4, 2, "0"),
    (1e21, 10, "1e+21"),
    (1e21, 7, "5135235413265003022600000"),
    (9007199254740992.0, 3, "1121202011211211122211100012101112"),
    (9007199254740992.0, 7, "5350140446150306054"),
    (1.8e16, 7, "14024264041001440113"),
    (5e-324, 2, "0"),
]

BAD_BASE = [
    (255.0, 1, "D3100"),
    (255.0, 37, "D3100"),
    (255.0, 0, "D3100"),
    (255.0, -2, "D3100"),
]


@pytest.mark.parametrize(("value", "picture", "text"), WRITTEN)
def test_number_is_written_by_its_picture(value: float, picture: str, text: str) -> None:
    assert format_number(value, picture) == text


@pytest.mark.parametrize(("value", "picture", "code"), REFUSED)
def test_wrong_picture_is_refused_with_the_code_of_its_last_broken_rule(value: float, picture: str, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        format_number(value, picture)
    assert caught.value.code == code


@pytest.mark.parametrize(("value", "picture", "options", "text"), WITH_OPTIONS)
def test_options_replace_symbols(value: float, picture: str, options: dict[str, str], text: str) -> None:
    assert format_number(value, picture, options) == text


@pytest.mark.parametrize(
    ("picture", "code"), [("x", "D3086"), ("", "D3085"), ("0;", "D3085"), ("0;x", "D3086"), ("e", "D3093")]
)
def test_picture_without_digits_is_refused(picture: str, code: str) -> None:
    """The first is fact jsonata-formatnumber-bad-picture; jsonata-js fails here without a code."""
    with pytest.raises(JsonataError) as caught:
        format_number(1, picture)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("value", "picture", "text"),
    [
        (0, "0.0e0", "0.0e0"),
        (-0.0, "00.0e00", "00.0e00"),
        (-12345, "0.0e0", "-1.2e4"),
        (-0.5, "0.0e0;0.00e0", "5.00e-1"),
    ],
)
def test_exponent_of_zero_and_of_negative_numbers(value: float, picture: str, text: str) -> None:
    """jsonata-js does not return from these; XPath says what they are."""
    assert format_number(value, picture) == text


@pytest.mark.parametrize(
    ("value", "picture"),
    [(inf, "0.0e0"), (-inf, "0e0"), (1, "0." + "0" * 101), (1, "0" * 20_000)],
)
def test_bounds(value: float, picture: str) -> None:
    with pytest.raises(JsonataError) as caught:
        format_number(value, picture)
    assert caught.value.code == "D1001"


def test_symbol_that_is_no_text_is_refused() -> None:
    options: dict[str, Any] = {"digit": 5}
    with pytest.raises(JsonataError) as caught:
        format_number(1, "0", options)
    assert caught.value.code == "T0410"


def test_long_grouped_picture_takes_no_quadratic_time() -> None:
    text = format_number(1234, "#," * 8_000 + "0")
    assert text == "1,2,3,4"


@given(st.floats(), st.text(alphabet="0#,.e;%x ", max_size=20))
def test_any_number_and_picture_give_a_text_or_our_error(value: float, picture: str) -> None:
    try:
        assert isinstance(format_number(value, picture), str)
    except JsonataError as error:
        assert error.code == "D1001" or error.code.startswith("D30")  # noqa: PT017 either outcome is fine


@pytest.mark.parametrize(("value", "radix", "text"), IN_BASE)
def test_base(value: float, radix: float, text: str) -> None:
    assert format_base(value, radix) == text


def test_base_of_the_largest_number() -> None:
    assert format_base(1.7976931348623157e308, 36) == "1a1e4vngaiqo" + "0" * 187
    assert format_base(10**400, 2) == "Infinity"


@pytest.mark.parametrize(("value", "radix", "code"), [*BAD_BASE, (5, nan, "D3100"), (5, 36.51, "D3100")])
def test_base_out_of_range(value: float, radix: float, code: str) -> None:
    with pytest.raises(JsonataError) as caught:
        format_base(value, radix)
    assert caught.value.code == code


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(2, 36))
def test_base_reads_back(value: int, radix: int) -> None:
    assert int(format_base(value, radix), radix) == value
