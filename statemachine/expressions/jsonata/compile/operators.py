"""Operators: arithmetic, comparison, equality, `and`, `or`, `in`, `&`, `..` and the unary minus."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from statemachine.expressions.jsonata.arithmetic import OPERATIONS, normal
from statemachine.expressions.jsonata.ast import Binary, Expression, Name, Negation, Number, Path, Text
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import Scope
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import Evaluator, Frame, Runtime
from statemachine.expressions.jsonata.sequences import (
    UNDEFINED,
    Sequence,
    Value,
    boolean,
    deep_equal,
    is_number,
    less,
    unwrap,
)
from statemachine.expressions.jsonata.texts import EXACT, string

MAX_RANGE: Final = 10_000_000

_BOOLEAN: Final = frozenset({"=", "!=", "<", "<=", ">", ">=", "in", "and", "or"})


def gives_boolean(node: Expression) -> bool:
    """Whether the expression gives true, false or nothing, whatever its operands are."""
    return (
        isinstance(node, Binary)
        and node.operator in _BOOLEAN
        and not node.predicates
        and node.group is None
        and not node.keep_array
    )


def compile_binary(node: Binary, scope: Scope, depth: int) -> tuple[Evaluator, int]:
    if node.operator in ("and", "or"):
        return _compile_logic(node, scope, depth), 0
    field = _bare_field(node.left)
    if field is not None and isinstance(node.right, (Text, Number)) and node.operator in ("=", "!=", *_COMPARISONS):
        constant = node.right.value
        if node.operator in _COMPARISONS:
            return _field_comparison(node, field, constant), 2
        return _field_equality(field, constant, equal=node.operator == "="), 2
    left = core.compile_node(node.left, scope, depth + 1)
    right = core.compile_node(node.right, scope, depth + 1)
    if node.operator in ("=", "!="):
        return _equality(left, right, equal=node.operator == "="), 0
    if node.operator in OPERATIONS:
        return _arithmetic(node, left, right), 0
    operation = _OPERATORS[node.operator]
    return _located(node, left, right, operation), 0


def _located(
    node: Binary, left: Evaluator, right: Evaluator, operation: Callable[[Value, Value, Runtime], Value]
) -> Evaluator:
    position, token = node.position, node.operator

    def evaluate(input: Value, frame: Frame) -> Value:
        first = left(input, frame)
        second = right(input, frame)
        try:
            return operation(first, second, frame.runtime)
        except JsonataError as error:
            error.position, error.token = position, token
            raise

    return evaluate


def _arithmetic(node: Binary, left: Evaluator, right: Evaluator) -> Evaluator:
    position, token = node.position, node.operator
    calculate = OPERATIONS[token]
    quick = {"+": operator.add, "-": operator.sub, "*": operator.mul}.get(token)

    def evaluate(input: Value, frame: Frame) -> Value:
        first = left(input, frame)
        second = right(input, frame)
        if quick is not None and type(first) is int and type(second) is int:
            result = quick(first, second)
            if -EXACT <= result <= EXACT:
                return result
        try:
            if first is not UNDEFINED and not is_number(first):
                raise JsonataError("T2001", value=first)
            if second is not UNDEFINED and not is_number(second):
                raise JsonataError("T2002", value=second)
        except JsonataError as error:
            error.position, error.token = position, token
            raise
        if first is UNDEFINED or second is UNDEFINED:
            return UNDEFINED
        return calculate(first, second)

    return evaluate


def _equality(left: Evaluator, right: Evaluator, *, equal: bool) -> Evaluator:
    def evaluate(input: Value, frame: Frame) -> Value:
        first = left(input, frame)
        second = right(input, frame)
        if first is UNDEFINED or second is UNDEFINED:
            return False
        if type(first) is str and type(second) is str:
            return (first == second) is equal
        return deep_equal(first, second) is equal

    return evaluate


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compare(token: str, first: Value, second: Value) -> Value:
    """`<`, `<=`, `>` or `>=`. Raises JsonataError (T2009, T2010)."""
    first_text, second_text = type(first) is str, type(second) is str
    first_number, second_number = type(first) in (int, float), type(second) in (int, float)
    if not (first_text or first_number or first is UNDEFINED):
        raise JsonataError("T2010", value=first)
    if not (second_text or second_number or second is UNDEFINED):
        raise JsonataError("T2010", value=second if first_text or first_number else first)
    if first is UNDEFINED or second is UNDEFINED:
        return UNDEFINED
    if first_text is not second_text:
        raise JsonataError("T2009", value=first, value2=second)
    if first_text:
        return "=" in token if first == second else less(first, second) is (token[0] == "<")
    return _COMPARISONS[token](first, second)


def _field_comparison(node: Binary, field: str, constant: Any) -> Evaluator:
    """`name < constant`, as predicates have it."""
    position, token = node.position, node.operator
    calculate = _COMPARISONS[token]
    numeric = not isinstance(constant, str)

    def evaluate(input: Value, _frame: Frame) -> Value:
        value = input.get(field, UNDEFINED) if type(input) is dict else _field_of(input, field)
        if numeric and (type(value) is int or type(value) is float):
            return calculate(value, constant)
        if value is UNDEFINED:
            return UNDEFINED
        try:
            return compare(token, _only(value), constant)
        except JsonataError as error:
            error.position, error.token = position, token
            raise

    return evaluate


def _field_equality(field: str, constant: Any, *, equal: bool) -> Evaluator:
    """`name = constant`."""
    is_text = type(constant) is str

    def evaluate(input: Value, _frame: Frame) -> Value:
        value = input.get(field, UNDEFINED) if type(input) is dict else _field_of(input, field)
        if value is UNDEFINED:
            return False
        if is_text and type(value) is str:
            return (value == constant) is equal
        return deep_equal(_only(value), constant) is equal

    return evaluate


def _bare_field(node: Expression) -> str | None:
    """The name, if the expression is one name and nothing else."""
    if isinstance(node, Path) and len(node.steps) == 1 and node.group is None and not node.keep_singleton:
        step = node.steps[0]
        if isinstance(step, Name) and not step.stages and not step.tuple and not node.keep_array:
            return step.value
    return None


def _field_of(input: Value, field: str) -> Value:
    if not isinstance(input, list):
        return UNDEFINED
    from statemachine.expressions.jsonata.compile.paths import select

    return select(input, (field,))


def _only(value: Value) -> Value:
    return unwrap(value) if isinstance(value, Sequence) else value


def _compile_logic(node: Binary, scope: Scope, depth: int) -> Evaluator:
    left = core.compile_node(node.left, scope, depth + 1)
    right = core.compile_node(node.right, scope, depth + 1)
    position, token, decided = node.position, node.operator, node.operator == "or"

    def evaluate(input: Value, frame: Frame) -> Value:
        first = left(input, frame)
        try:
            if boolean(first) is decided:
                return decided
            second = right(input, frame)
            return second if second is True or second is False else boolean(second)
        except JsonataError as error:
            error.position, error.token = position, token
            raise

    return evaluate


def _includes(first: Value, second: Value, runtime: Runtime) -> Value:
    if first is UNDEFINED or second is UNDEFINED:
        return False
    members = second if isinstance(second, list) else [second]
    runtime.step(len(members))
    if isinstance(first, (list, dict)):
        return any(member is first for member in members)
    return any(deep_equal(first, member) for member in members)


def _concatenate(first: Value, second: Value, runtime: Runtime) -> Value:
    left = "" if first is UNDEFINED else first if type(first) is str else string(first)
    right = "" if second is UNDEFINED else second if type(second) is str else string(second)
    size = len(left) + len(right)
    if size > 64:
        runtime.allocate(size)
    return left + right


def integer_range(first: Value, second: Value, runtime: Runtime) -> Value:
    """`first..second`. Raises JsonataError (T2003, T2004, D2014, U1003)."""
    if first is not UNDEFINED and not _is_integer(first):
        raise JsonataError("T2003", value=first)
    if second is not UNDEFINED and not _is_integer(second):
        raise JsonataError("T2004", value=second)
    if first is UNDEFINED or second is UNDEFINED or first > second:
        return UNDEFINED
    size = int(second) - int(first) + 1
    if size > MAX_RANGE:
        raise JsonataError("D2014", value=size)
    runtime.members(size)
    runtime.step(size // 16)
    return Sequence(range(int(first), int(second) + 1))


def _is_integer(value: Value) -> bool:
    return type(value) is int or (type(value) is float and value.is_integer())


def compile_negation(node: Negation, scope: Scope, depth: int) -> Evaluator:
    operand = core.compile_node(node.expression, scope, depth + 1)
    position = node.position

    def evaluate(input: Value, frame: Frame) -> Value:
        value = operand(input, frame)
        if value is UNDEFINED:
            return UNDEFINED
        if type(value) in (int, float) and not math.isinf(value) and is_number(value):
            return normal(-value)
        if is_number(value):
            return -value
        raise JsonataError("D1002", position=position, token="-", value=value)  # noqa: S106  # of syntax

    return evaluate


def _comparison(token: str) -> Callable[[Value, Value, Runtime], Value]:
    quick = _COMPARISONS[token]

    def operation(first: Value, second: Value, _runtime: Runtime) -> Value:
        if type(first) is int and type(second) is int:
            return quick(first, second)
        return compare(token, first, second)

    return operation


_OPERATORS: Final[dict[str, Callable[[Value, Value, Runtime], Value]]] = {
    **{token: _comparison(token) for token in _COMPARISONS},
    "in": _includes,
    "&": _concatenate,
    "..": integer_range,
}
