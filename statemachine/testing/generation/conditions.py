"""Which data makes a Choice rule match, or not match.

Rules
- An answer is a list of alternatives, each a list of assignments of values to places in the state's input; an empty
  list means that nothing is known. Alternatives are tried, so a guess does no harm.
- JSONPath: comparisons of a definite path with a constant or another path, And, Or, Not. JSONata: comparisons of
  ``$states.input.…`` with literals, `in` with a list of them, `and`, `or`, `$not`, `$exists`, and a path alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import chain, islice, product
from typing import Final, TypeAlias

from statemachine.definition import model
from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.jsonata import ast
from statemachine.expressions.jsonpath.definite import definite_steps
from statemachine.expressions.jsonpath.tokens import tokenize
from statemachine.jsonvalue import Json, is_number

MAX_ALTERNATIVES: Final = 12


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""There is to be nothing at this place."""
Place: TypeAlias = tuple[str | int, ...]
"""Keys and indexes below a state's input."""
Assignment: TypeAlias = tuple[Place, Json | _Missing]
Alternatives: TypeAlias = list[list[Assignment]]


def making(condition: model.ChoiceCondition, wanted: bool) -> Alternatives:
    """What makes a condition true, or false."""
    match condition:
        case model.Comparison():
            return _comparison(condition, wanted)
        case model.And(rules=rules):
            return _all([making(rule, True) for rule in rules]) if wanted else _any([making(r, False) for r in rules])
        case model.Or(rules=rules):
            return _any([making(rule, True) for rule in rules]) if wanted else _all([making(r, False) for r in rules])
        case model.Not(rule=rule):
            return making(rule, not wanted)
        case model.JsonataCondition(expression=expression):
            return _jsonata(expression, wanted)


def place_of_path(text: str) -> Place | None:
    """The place that a definite JSONPath below ``$`` names."""
    if not text.startswith(("$.", "$[")):
        return None
    try:
        steps = definite_steps(tokenize(text, 1))
    except ExpressionSyntaxError:
        return None
    if steps is None or not steps:
        return None
    place = tuple(step for step in steps if isinstance(step, str) or (isinstance(step, int) and 0 <= step < 100))
    return place if len(place) == len(steps) else None


def _all(parts: Sequence[Alternatives]) -> Alternatives:
    """All of these together; what nothing is known about is left to chance."""
    known = [each for each in parts if each]
    return [list(chain(*each)) for each in islice(product(*known), MAX_ALTERNATIVES)] if known else []


def _any(parts: Sequence[Alternatives]) -> Alternatives:
    return [alternative for part in parts for alternative in part][:MAX_ALTERNATIVES]


# -- JSONPath ----------------------------------------------------------------------------------------------------------

_TYPES: Final[dict[str, tuple[Json, Json]]] = {
    "IsNull": (None, "text"),
    "IsNumeric": (1, "text"),
    "IsString": ("text", 1),
    "IsBoolean": (True, "text"),
    "IsTimestamp": ("2025-01-01T00:00:00Z", "text"),
}
"""Operator -> a value for which it is true, and one for which it is false."""
_RELATIONS: Final = (
    ("LessThanEquals", "<="),
    ("GreaterThanEquals", ">="),
    ("LessThan", "<"),
    ("GreaterThan", ">"),
    ("Equals", "="),
)


def _comparison(condition: model.Comparison, wanted: bool) -> Alternatives:
    place = place_of_path(condition.variable)
    if place is None:
        return []
    operator, operand = condition.operator, condition.operand
    if operator in _TYPES:
        return [[(place, _TYPES[operator][0 if operand is wanted else 1])]]
    if operator == "IsPresent":
        return [[(place, "text")]] if operand is wanted else [[(place, MISSING)]]
    if operator == "StringMatches" and isinstance(operand, str):
        return [[(place, operand.replace("\\*", "\0").replace("*", "").replace("\0", "*") if wanted else "\u2205")]]
    first: list[Assignment] = []
    kind = next((each for each in ("String", "Numeric", "Boolean", "Timestamp") if operator.startswith(each)), "")
    if operator.endswith("Path"):
        other = place_of_path(operand) if isinstance(operand, str) else None
        if other is None:
            return []
        operand = {"String": "m", "Numeric": 10, "Boolean": True, "Timestamp": "2025-06-01T00:00:00Z"}.get(kind)
        first = [(other, operand)]
    relation = operator.removesuffix("Path").removeprefix(kind)
    sign = next((sign for name, sign in _RELATIONS if name == relation), "")
    return [[*first, (place, value)] for value in _related(sign, operand, wanted)]


_OPPOSITE: Final = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _related(sign: str, operand: Json, wanted: bool) -> list[Json]:
    """Values that stand in this relation to an operand."""
    if sign not in _OPPOSITE:
        return []
    sign = sign if wanted else _OPPOSITE[sign]
    if sign in ("=", "<=", ">="):
        return [operand]
    if isinstance(operand, bool):
        return [not operand]
    if is_number(operand):
        return {"<": [operand - 1], ">": [operand + 1], "!=": [operand + 1]}[sign]
    if isinstance(operand, str):
        return {"<": _before(operand), ">": _after(operand), "!=": [f"not {operand}"]}[sign]
    return ["text"]


def _before(text: str) -> list[Json]:
    """A smaller text; for a timestamp, an earlier one."""
    return ["1970-01-01T00:00:00Z"] if text[:4].isdigit() and "T" in text else ([""] if text else [])


def _after(text: str) -> list[Json]:
    return ["9000-01-01T00:00:00Z"] if text[:4].isdigit() and "T" in text else [f"{text}z"]


# -- JSONata -----------------------------------------------------------------------------------------------------------


def _jsonata(expression: str | bool, wanted: bool) -> Alternatives:
    if isinstance(expression, bool):
        return []
    from statemachine.expressions.jsonata.errors import JsonataError
    from statemachine.expressions.jsonata.parser import parse
    from statemachine.expressions.jsonata.resolve import resolve

    try:
        tree = resolve(parse(expression[2:-2]))
    except JsonataError:
        return []
    return _tree(tree, wanted)


def _tree(tree: ast.Expression, wanted: bool) -> Alternatives:
    match tree:
        case ast.Block(expressions=[only]):
            return _tree(only, wanted)
        case ast.Binary(operator="and" | "or" as operator, left=left, right=right):
            parts = [_tree(left, wanted), _tree(right, wanted)]
            return _all(parts) if (operator == "and") is wanted else _any(parts)
        case ast.Call(procedure=ast.Variable(value="not"), arguments=[argument]):
            return _tree(argument, not wanted)
        case ast.Call(procedure=ast.Variable(value="exists"), arguments=[argument]):
            place = _place(argument)
            return [] if place is None else [[(place, "text" if wanted else MISSING)]]
        case ast.Binary(operator="=" | "!=" | "<" | "<=" | ">" | ">=" as sign, left=left, right=right):
            return _compared(sign, left, right, wanted)
        case ast.Binary(operator="in", left=left, right=ast.ArrayConstructor(items=items)):
            return _one_of(left, [value for each in items for value in _literal(each)], wanted)
        case _:
            place = _place(tree)
            return [] if place is None else [[(place, wanted)]]


def _one_of(one: ast.Expression, values: list[Json], wanted: bool) -> Alternatives:
    place = _place(one)
    if place is None:
        return []
    found = values if wanted else [other for each in values for other in _related("!=", each, True)]
    return [[(place, value)] for value in found[:MAX_ALTERNATIVES] if wanted or value not in values]


_TURNED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


def _compared(sign: str, left: ast.Expression, right: ast.Expression, wanted: bool) -> Alternatives:
    for one, other, relation in ((left, right, sign), (right, left, _TURNED[sign])):
        counted = _counted(one)
        place = _place(one if counted is None else counted)
        if place is None:
            continue
        literal = list(_literal(other))
        second = _place(other)
        if literal and counted is not None and is_number(literal[0]):
            sizes = [size for size in _related(relation, literal[0], wanted) if is_number(size) and 0 <= size <= 100]
            return [[(place, ["text"] * int(size))] for size in sizes]
        if literal:
            return [[(place, value)] for value in _related(relation, literal[0], wanted)]
        if second is not None:
            return [[(second, 10), (place, value)] for value in _related(relation, 10, wanted)]
    return []


def _counted(tree: ast.Expression) -> ast.Expression | None:
    """What is counted, if the tree is a call of `$count`."""
    match tree:
        case ast.Call(procedure=ast.Variable(value="count"), arguments=[argument]):
            return argument
        case _:
            return None


def _literal(tree: ast.Expression) -> Iterator[Json]:
    match tree:
        case ast.Text(value=value) | ast.Constant(value=value):
            yield value
        case ast.Number(value=value):
            yield int(value) if value == int(value) else value
        case ast.Negation(expression=ast.Number(value=value)):
            yield -int(value) if value == int(value) else -value
        case _:
            pass


def _place(tree: ast.Expression) -> Place | None:
    """The place below ``$states.input`` that a path without predicates names."""
    match tree:
        case ast.Path(steps=[ast.Variable(value="states"), ast.Name(value="input"), *steps]):
            names = [step.value for step in steps if isinstance(step, ast.Name) and not step.stages]
            return tuple(names) if names and len(names) == len(steps) else None
        case _:
            return None
