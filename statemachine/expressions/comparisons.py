"""The data tests of JSONPath Choice rules: one table of operators (states-language.net, "Choice State").

- A value of another type makes a test false, it is no error (facts choice-numeric-null, choice-boolean-zero).
- A Variable, or the path of a …Path operator, that leads nowhere is States.Runtime; only IsPresent may ask for it (fact
  choice-missing-variable-runtime).
- Texts compare by UTF-16 code units, as Java does; timestamps compare as moments, not as texts.
- In StringMatches ``*`` stands for any characters; ``\\\\*`` is an asterisk and ``\\\\\\\\`` a backslash.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.java import utf16_key
from statemachine.expressions.jsonpath import MISSING, compile_path
from statemachine.jsonvalue import Json, is_number
from statemachine.timestamps import parse_timestamp

Test: TypeAlias = Callable[[Json, Json], bool]
"""Whether a value (first) stands to an operand (second) as the operator says."""


class ComparisonOperator(Struct, frozen=True):
    """One operator. `operand` says what its operand must be; for a …Path operator, the value that the path gives."""

    name: str
    operand: str
    test: Test
    path: bool = False
    prepare: Callable[[Json], Callable[[Json], bool]] | None = None
    """For a literal operand: the test with the operand's work done once."""


def compile_comparison(variable: str, operator: str, operand: Json) -> Callable[[Values], bool]:
    """Compile a data test. Raises ExpressionSyntaxError for a wrong path, operand or operator.

    Evaluating raises EvaluationError (States.Runtime) for a path that leads nowhere.
    """
    found = COMPARISONS.get(operator)
    if found is None:
        raise ExpressionSyntaxError(f"There is no comparison operator {operator}", operator)
    path = compile_path(variable)
    if operator == "IsPresent":
        return _is_present(path.lookup, operand)
    if not found.path:
        bound = found.prepare(operand) if found.prepare else _bind(found.test, operand)
        return _with_literal(path.evaluate, bound)
    if not isinstance(operand, str):
        raise ExpressionSyntaxError(f"The operand of {operator} is a path", str(operand)[:80])
    return _with_path(path.evaluate, compile_path(operand).evaluate, found.test)


def _is_present(lookup: Callable[[Values], Json], operand: Json) -> Callable[[Values], bool]:
    def is_present(values: Values) -> bool:
        return (lookup(values) is not MISSING) is operand

    return is_present


def _bind(test: Test, operand: Json) -> Callable[[Json], bool]:
    return lambda value: test(value, operand)


def _with_literal(variable: Evaluate, test: Callable[[Json], bool]) -> Callable[[Values], bool]:
    def compare(values: Values) -> bool:
        try:
            value = variable(values)
        except PathNotFoundError as missing:
            raise _invalid(missing) from None
        return test(value)

    return compare


def _with_path(variable: Evaluate, operand: Evaluate, test: Test) -> Callable[[Values], bool]:
    def compare(values: Values) -> bool:
        try:
            value, other = variable(values), operand(values)
        except PathNotFoundError as missing:
            raise _invalid(missing) from None
        return test(value, other)

    return compare


def _invalid(missing: PathNotFoundError) -> EvaluationError:
    return EvaluationError(
        RUNTIME, f"Invalid path '{missing.path}': The choice state's condition path references an invalid value."
    )


# -- the tests -----------------------------------------------------------------------------------------------------

_NUMBERS = (int, float)


def _numeric(compare: Callable[[Json, Json], bool]) -> Test:
    def test(value: Json, operand: Json) -> bool:
        return type(value) in _NUMBERS and type(operand) in _NUMBERS and compare(value, operand)

    return test


def _string(compare: Callable[[Json, Json], bool]) -> Test:
    def test(value: Json, operand: Json) -> bool:
        if type(value) is not str or type(operand) is not str:
            return False
        if value.isascii() and operand.isascii():
            return compare(value, operand)
        return compare(utf16_key(value), utf16_key(operand))

    return test


def _timestamp(compare: Callable[[Json, Json], bool]) -> Test:
    def test(value: Json, operand: Json) -> bool:
        left, right = _moment(value), _moment(operand)
        return left is not None and right is not None and compare(left, right)

    return test


def _moment(value: Json) -> int | None:
    return parse_timestamp(value) if isinstance(value, str) else None


def _boolean_equals(value: Json, operand: Json) -> bool:
    return type(value) is bool and value is operand


def _is(has_type: Callable[[Json], bool]) -> Test:
    return lambda value, operand: has_type(value) is operand


def _matches(value: Json, pattern: Json) -> bool:
    return _matcher(pattern)(value)


def _matcher(pattern: Json) -> Callable[[Json], bool]:
    """StringMatches with this pattern. The work is linear: each piece is looked for once, leftmost first."""
    if not isinstance(pattern, str):
        return lambda _: False
    first, *rest = _pieces(pattern)
    if not rest:
        return lambda value: bool(value == first)
    last = rest.pop()

    def matches(value: Json) -> bool:
        if type(value) is not str or not value.startswith(first):
            return False
        at, end = len(first), len(value) - len(last)
        for piece in rest:
            at = value.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end and value.endswith(last)

    return matches


def _pieces(pattern: str) -> list[str]:
    """The texts between the asterisks; a backslash takes away the meaning of what follows."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += next(characters, "\\") if character == "\\" else character
    return pieces


# -- the table -----------------------------------------------------------------------------------------------------

_ORDERS: Final = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_FAMILIES: Final[tuple[tuple[str, str, Callable[[Callable[[Json, Json], bool]], Test]], ...]] = (
    ("String", "a string", _string),
    ("Numeric", "a number", _numeric),
    ("Timestamp", "a timestamp", _timestamp),
)
_TYPE_TESTS: Final[dict[str, Callable[[Json], bool]]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _moment(value) is not None,
}


def _table() -> dict[str, ComparisonOperator]:
    operators: list[ComparisonOperator] = []
    for family, operand, test_of in _FAMILIES:
        for order, compare in _ORDERS.items():
            test = test_of(compare)
            operators.append(ComparisonOperator(family + order, operand, test))
            operators.append(ComparisonOperator(f"{family}{order}Path", operand, test, path=True))
    operators.append(ComparisonOperator("BooleanEquals", "a boolean", _boolean_equals))
    operators.append(ComparisonOperator("BooleanEqualsPath", "a boolean", _boolean_equals, path=True))
    operators.append(ComparisonOperator("StringMatches", "a string", _matches, prepare=_matcher))
    operators += (ComparisonOperator(name, "a boolean", _is(test)) for name, test in _TYPE_TESTS.items())
    operators.append(
        ComparisonOperator("IsPresent", "a boolean", lambda value, operand: (value is not MISSING) is operand)
    )
    return {each.name: each for each in operators}


COMPARISONS: Final[dict[str, ComparisonOperator]] = _table()
"""All operators by name."""
