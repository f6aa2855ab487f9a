"""Numbers as text, arithmetic, equality, results."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonata_evaluation import evaluate

from statemachine.expressions.jsonata import UNDEFINED, is_function
from statemachine.expressions.jsonata.arithmetic import add, divide, modulo, multiply, subtract
from statemachine.expressions.jsonata.sequences import deep_equal, less
from statemachine.expressions.jsonata.texts import json_text, number_text, string, utf16_length


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (123456.789, "123456.789"),
        (2**63 - 1, "9223372036854775807"),
        (10**21, "1e+21"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
    ],
)
def test_number_text(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back(value: float) -> None:
    assert float(number_text(value)) == value


def test_string_has_fifteen_digits() -> None:
    assert string(0.1 + 0.2) == "0.3"
    assert json_text([0.1 + 0.2]) == "[0.30000000000000004]"


def test_string_as_json() -> None:
    assert string({"a": [1.0, None, True, 'q"é'], "b": {}}) == '{"a":[1,null,true,"q\\"é"],"b":{}}'
    assert string([{"a": []}], prettify=True) == '[\n  {\n    "a": []\n  }\n]'
    assert string(["\ud800"]) == '["\\ud800"]'


@given(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))
def test_arithmetic_is_that_of_doubles(left: int, right: int) -> None:
    assert add(left, right) == float(left) + float(right)
    assert subtract(left, right) == float(left) - float(right)
    assert multiply(left, right) == float(left) * float(right)
    if right:
        assert divide(left, right) == float(left) / float(right)
        assert modulo(left, right) == math.fmod(left, right)


@pytest.mark.parametrize(("text", "kind"), [("4 / 2", int), ("0.5 + 0.5", int), ("1 / 2", float), ("1e300 * 1", float)])
def test_whole_numbers_are_ints(text: str, kind: type) -> None:
    assert type(evaluate(text)) is kind


def test_numbers_of_the_data_stay() -> None:
    assert evaluate("[a, b]", {"a": 10**30, "b": 1.0}) == [10**30, 1.0]
    assert evaluate("a", {"a": 2**63}) == 2**63


def test_not_finite() -> None:
    assert math.isnan(evaluate("0/0"))
    assert evaluate("[1/0, -1/0]") == [math.inf, -math.inf]


def test_deep_equal_keeps_types_apart() -> None:
    assert deep_equal({"a": [1, 2]}, {"a": [1.0, 2.0]})
    assert not deep_equal(1, True)
    assert not deep_equal([0], [False])
    assert not deep_equal(None, False)
    assert not deep_equal("1", 1)


def test_order_of_strings_is_that_of_utf16() -> None:
    assert less("\U0001f600", "\uffff")
    assert less("a", "b")
    assert utf16_length("a\U0001f600") == 3


def _classes(value: Any) -> set[type]:
    if isinstance(value, list):
        return {type(value)}.union(*map(_classes, value))
    if isinstance(value, dict):
        return {type(value)}.union(*map(_classes, value.values()))
    return {type(value)}


@pytest.mark.parametrize(
    "text",
    [
        "a.b",
        "{'x': a.b}",
        "[a.b, [a.b]]",
        "$map(a, function($v){[$v.b]})",
        "$$",
        "$match('ab', /(x)?b/)",
        "a@$v.{'q': $v}",
    ],
)
def test_results_are_plain(text: str) -> None:
    result = evaluate(text, {"a": [{"b": [1, 2]}, {"b": [3]}]})
    assert _classes(result) <= {list, dict, int, str, type(None)}


def test_an_array_as_input_is_one_value() -> None:
    assert evaluate("$", [1, 2]) == [1, 2]
    assert evaluate("$count($)", [1, 2]) == 2
    assert evaluate("$$[1]", [1, 2]) == 2
    assert evaluate("$[0]", [[1], 2]) == [1]


def test_functions_are_recognised() -> None:
    assert all(is_function(evaluate(text)) for text in ("$sum", "function(){1}", "/a/", "$sum ~> $string"))
    assert evaluate("nothing") is UNDEFINED


def test_the_input_is_not_changed() -> None:
    given = {"a": [3, 1, 2], "o": {"k": 1}}
    evaluate("($ ~> |o|{'k': 2, 'n': a}|; $sort(a); $append(a, 4); a^($); $shuffle(a); $reverse(a))", given)
    assert given == {"a": [3, 1, 2], "o": {"k": 1}}
