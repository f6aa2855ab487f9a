"""The data tests of Choice rules."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, Values
from statemachine.expressions.comparisons import COMPARISONS, compile_comparison

MakeValues = Callable[..., Values]

TIME = "2024-03-01T12:00:00Z"

CASES = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", " ", "     ", False),
    ("StringEquals", 1, "1", False),
    ("StringLessThan", "a", "b", True),
    ("StringLessThan", "B", "a", True),
    ("StringLessThan", "a", "a", False),
    ("StringLessThan", "\U0001f600", "\uffee", True),  # by UTF-16 code units
    ("StringLessThanEquals", "a", "a", True),
    ("StringGreaterThan", "ab", "a", True),
    ("StringGreaterThan", "é", "z", True),
    ("StringGreaterThanEquals", "a", "b", False),
    ("NumericEquals", 0, 0.0, True),
    ("NumericEquals", 1, 1.5, False),
    ("NumericEquals", True, 1, False),
    ("NumericEquals", "1", 1, False),
    ("NumericEquals", None, 0, False),
    ("NumericEquals", 2**53 + 1, 2**53, False),
    ("NumericLessThan", -1, 0.5, True),
    ("NumericLessThan", 1, 1, False),
    ("NumericLessThanEquals", 1, 1.0, True),
    ("NumericGreaterThan", 2, 1, True),
    ("NumericGreaterThanEquals", 1, 2, False),
    ("BooleanEquals", True, True, True),
    ("BooleanEquals", False, True, False),
    ("BooleanEquals", 0, False, False),
    ("BooleanEquals", None, False, False),
    ("BooleanEquals", "true", True, False),
    ("TimestampEquals", TIME, "2024-03-01T14:00:00+02:00", True),
    ("TimestampEquals", TIME, "2024-03-01T12:00:00.000Z", True),
    ("TimestampEquals", "x", TIME, False),
    ("TimestampEquals", TIME, "2024-03-01T12:00:00", False),
    ("TimestampEquals", 5, TIME, False),
    ("TimestampLessThan", "2024-03-01T12:59:59+01:00", TIME, True),
    ("TimestampLessThanEquals", TIME, TIME, True),
    ("TimestampGreaterThan", "2024-03-01T12:00:00.000000001Z", TIME, True),
    ("TimestampGreaterThanEquals", "2023-03-01T12:00:00Z", TIME, False),
]


@pytest.mark.parametrize(("operator", "value", "operand", "expected"), CASES)
def test_compares_with_a_literal_and_with_a_path(
    make_values: MakeValues, operator: str, value: Any, operand: Any, expected: bool
) -> None:
    values = make_values({"v": value}, w=operand)
    assert compile_comparison("$.v", operator, operand)(values) is expected
    assert compile_comparison("$.v", f"{operator}Path", "$w")(values) is expected


@pytest.mark.parametrize(
    ("operator", "holding"),
    [
        ("IsNull", [None]),
        ("IsNumeric", [0, 1.5]),
        ("IsString", ["", "x", TIME]),
        ("IsBoolean", [True, False]),
        ("IsTimestamp", [TIME]),
    ],
)
def test_types(make_values: MakeValues, operator: str, holding: list[Any]) -> None:
    every: list[Any] = [None, 0, 1.5, "", "x", TIME, True, False, [], {}]
    found = [value for value in every if compile_comparison("$.v", operator, True)(make_values({"v": value}))]
    others = [value for value in every if compile_comparison("$.v", operator, False)(make_values({"v": value}))]
    assert list(map(repr, found)) == list(map(repr, holding))
    assert len(found) + len(others) == len(every)


@pytest.mark.parametrize(
    ("variable", "present"),
    [
        ("$.a", True),
        ("$.n", True),
        ("$.b", False),
        ("$.a.b", False),
        ("$.l[1]", False),
        ("$no", False),
        ("$.l[*]", True),
    ],
)
def test_is_present(make_values: MakeValues, variable: str, present: bool) -> None:
    values = make_values({"a": 1, "n": None, "l": [0]})
    assert compile_comparison(variable, "IsPresent", True)(values) is present
    assert compile_comparison(variable, "IsPresent", False)(values) is not present


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*", ["", "anything"], []),
        ("a*", ["a", "abc"], ["", "ba"]),
        ("*.log", [".log", "x.log"], ["x.log1"]),
        ("a*b", ["ab", "axxb"], ["a", "b", "abx"]),
        ("aba*aba", ["abaaba", "aba-aba"], ["aba", "ababa"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba"]),
        ("a**b", ["ab", "acb"], ["a"]),
        ("a\\*b", ["a*b"], ["axb", "a\\*b"]),
        ("a\\\\*", ["a\\", "a\\x"], ["a", "a*"]),
        ("plain", ["plain"], ["plainer", "Plain"]),
        ("a\n*", ["a\nb"], ["ab"]),
        ("a\\", ["a\\"], ["a"]),
        ("", [""], ["a"]),
    ],
)
def test_string_matches(make_values: MakeValues, pattern: str, matching: list[str], others: list[Any]) -> None:
    def test(value: Any) -> bool:
        return compile_comparison("$", "StringMatches", pattern)(make_values(value))

    assert [text for text in matching if not test(text)] == []
    assert [text for text in [*others, None, 1, ["a"]] if test(text)] == []


@pytest.mark.parametrize(
    ("variable", "operator", "operand", "path"),
    [
        ("$.foo", "NumericGreaterThan", 1, "$.foo"),
        ("$.foo", "IsNull", True, "$.foo"),
        ("$.a", "StringEqualsPath", "$.a.b", "$.a.b"),
        ("$none", "BooleanEquals", True, "$none"),
    ],
)
def test_a_path_that_leads_nowhere(
    make_values: MakeValues, variable: str, operator: str, operand: Any, path: str
) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_comparison(variable, operator, operand)(make_values({"a": 1}))
    assert (raised.value.error, raised.value.cause) == (
        "States.Runtime",
        f"Invalid path '{path}': The choice state's condition path references an invalid value.",
    )


@pytest.mark.parametrize(
    ("variable", "operator", "operand"),
    [
        ("a", "StringEquals", "x"),
        ("$.", "StringEquals", "x"),
        ("$.a", "StringEqualsPath", "x"),
        ("$.a", "StringEqualsPath", 5),
        ("$.a", "StringMatchesPath", "$.b"),
        ("$.a", "Equals", 1),
        ("States.UUID()", "StringEquals", "x"),
    ],
)
def test_refuses_what_is_no_data_test(variable: str, operator: str, operand: Any) -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_comparison(variable, operator, operand)


def test_the_table_has_the_operators_of_the_specification() -> None:
    orders = ["Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"]
    families = {
        f"{family}{order}{path}"
        for family in ("String", "Numeric", "Timestamp")
        for order in orders
        for path in ("", "Path")
    }
    types = {"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"}
    assert set(COMPARISONS) == families | types | {"BooleanEquals", "BooleanEqualsPath", "StringMatches"}
    assert all(found.name == name for name, found in COMPARISONS.items())


ANY: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.just([])
    | st.just({})
)


@given(st.sampled_from(sorted(COMPARISONS)), ANY, ANY)
def test_any_two_values_can_be_compared(make_values: MakeValues, operator: str, value: Any, operand: Any) -> None:
    given_operand = "$w" if COMPARISONS[operator].path else operand
    assert compile_comparison("$.v", operator, given_operand)(make_values({"v": value}, w=operand)) in (True, False)


@given(st.text(max_size=6), st.text(max_size=6))
def test_texts_are_ordered(make_values: MakeValues, left: str, right: str) -> None:
    def holds(order: str) -> bool:
        return compile_comparison("$.v", f"String{order}", right)(make_values({"v": left}))

    assert [holds("LessThan"), holds("Equals"), holds("GreaterThan")].count(True) == 1
    assert holds("LessThanEquals") is not holds("GreaterThan")
    assert holds("Equals") is (left == right)
