"""Numbers as JavaScript writes and rounds them."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata.pictures.ecmascript import (
    code_units,
    fixed,
    from_code_units,
    number_text,
    read_integer,
    round_half_even,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5.0, "5"),
        (-5.5, "-5.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (2.0**53 + 2, "9007199254740994"),
        (123456789.125, "123456789.125"),
        (nan, "NaN"),
        (-inf, "-Infinity"),
    ],
)
def test_number_text(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back(value: float) -> None:
    assert float(number_text(value)) == value


@pytest.mark.parametrize(
    ("value", "digits", "rounded"),
    [
        (0.5, 0, 0),
        (1.5, 0, 2),
        (-2.5, 0, -2),
        (-1.2, 0, -1),
        (1.005, 2, 1.0),
        (1.015, 2, 1.02),
        (0.4999999999999999, 0, 0),
    ],
)
def test_halves_are_rounded_to_even(value: float, digits: int, rounded: float) -> None:
    assert round_half_even(value, digits) == rounded


@pytest.mark.parametrize("value", [inf, 1e308, nan])
def test_rounding_at_a_place_beyond_the_doubles_gives_nan(value: float) -> None:
    assert isnan(round_half_even(value, 2))


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(0.5, 0, "1"), (2.5, 0, "3"), (0.125, 2, "0.13"), (1.45, 1, "1.4")]
)
def test_fixed_rounds_exact_ties_up(value: float, digits: int, text: str) -> None:
    assert fixed(value, digits) == text


@pytest.mark.parametrize(
    ("text", "value"), [("\ufeff\u3000 7x", 7), ("+0X1F", 31), ("-12.9", -12), ("08", 8), ("1" * 400, inf)]
)
def test_read_integer(text: str, value: float) -> None:
    assert read_integer(text) == value


@pytest.mark.parametrize("text", ["", "x", "0x", "- 1", "\u0661", "\x1c1"])
def test_no_integer(text: str) -> None:
    assert isnan(read_integer(text))


@given(st.text())
def test_code_units_join_again(text: str) -> None:
    units = code_units(text)
    assert len(units) == len(text.encode("utf-16-le", "surrogatepass")) // 2
    assert from_code_units(units) == text
