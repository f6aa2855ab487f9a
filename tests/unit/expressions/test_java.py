"""What Java does: hashes, orders, rounding and texts of numbers, with values of the Java documentation or of a JVM."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions import java


@pytest.mark.parametrize(
    ("text", "hash"),
    [
        ("", 0),
        ("a", 97),
        ("Hello", 69609650),
        ("Aa", 2112),
        ("BB", 2112),
        ("polygenelubricants", 0x80000000),
        ("😀", 1772899),
    ],
)
def test_string_hash(text: str, hash: int) -> None:
    assert java.string_hash(text) == hash


def test_hash_map_order_grows_the_table() -> None:
    few = [chr(code) for code in range(ord("p"), ord("p") + 12)]
    assert java.hash_map_order(few[::-1]) == few
    assert java.hash_map_order(["a", "p"]) == ["p", "a"]
    assert java.hash_map_order([*few, "a"]) == ["a", *few]


@given(st.lists(st.text(max_size=5)))
def test_hash_map_order_keeps_each_name_once(names: list[str]) -> None:
    assert sorted(java.hash_map_order(names)) == sorted(set(names))


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (2.5, 3),
        (-2.5, -2),
        (1.49, 1),
        (-1.51, -2),
        (0.49999999999999994, 0),
        (-0.5, 0),
        (7, 7),
        (1e15 + 0.5, 10**15 + 1),
    ],
)
def test_round_half_up(number: float, rounded: int) -> None:
    assert java.round_half_up(number) == rounded


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (1.1, "1.1"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (0.000123, "1.23E-4"),
        (-1.5e300, "-1.5E300"),
        (1e16, "1.0E16"),
        (5e-324, "5.0E-324"),
    ],
)
def test_double_to_string(number: float, text: str) -> None:
    assert java.double_to_string(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_double_to_string_reads_back(number: float) -> None:
    assert float(java.double_to_string(number)) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": []}, "{a=1, b=[]}"),
        ([None, True, "x y", {"k": {"l": False}}], "[null, true, x y, {k={l=false}}]"),
        ({}, "{}"),
        (10**30, str(10**30)),
    ],
)
def test_to_string(value: Any, text: str) -> None:
    assert java.to_string(value) == text


def test_random_draws_what_java_draws() -> None:
    # new Random(42).nextInt(): -1170105035, 234785527, -1360544799, 205897768; nextInt(10) takes their upper 31 bits
    random = java.Random(42)
    assert [random.below(10) for _ in range(4)] == [1562431130 % 10, 117392763 % 10, 1467211248 % 10, 102948884 % 10]
    random = java.Random(42)
    assert [random.below(16) for _ in range(2)] == [1562431130 >> 27, 117392763 >> 27]
