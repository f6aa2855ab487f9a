"""The condition of a JSONata rule as a test on regions; see `choices`. Imported only if a definition has one."""

from __future__ import annotations

from typing import Final

from statemachine.expressions.jsonata import ast
from statemachine.expressions.jsonata.walk import parts
from statemachine.program.analysis.choices import Reader, Subject, Test
from statemachine.program.analysis.jsonata_forms import FLIPPED, RELATIONS, is_annotated, tree_of

_COMMON: Final = frozenset(ast.Node.__struct_fields__)
"""What all kinds have, their position for one."""
_LITERALS: Final = (ast.Constant, ast.Text, ast.Number)


def read_condition(reader: Reader, text: str) -> Test:
    """A condition ``{% … %}``."""
    tree = tree_of(text)
    return reader.fact((text,)) if tree is None else _test(reader, tree)


def _test(reader: Reader, tree: ast.Expression) -> Test:
    if is_annotated(tree):
        return reader.fact(_key(tree))
    match tree:
        case ast.Constant(value=value):
            return lambda _: value is True
        case ast.Block(expressions=[inner]):
            return _test(reader, inner)
        case ast.Call(procedure=ast.Variable(value="not"), arguments=[inner]):
            test = _test(reader, inner)
            return lambda regions: not test(regions)
        case ast.Binary(operator="and", left=left, right=right):
            one, other = _test(reader, left), _test(reader, right)
            return lambda regions: one(regions) and other(regions)
        case ast.Binary(operator="or", left=left, right=right):
            one, other = _test(reader, left), _test(reader, right)
            return lambda regions: one(regions) or other(regions)
        case ast.Binary(operator="!=", left=left, right=right):
            equal = _compared(reader, "Equals", left, right)
            return lambda regions: not equal(regions)
        case ast.Binary(operator=operator, left=left, right=right) if operator in RELATIONS:
            return _compared(reader, RELATIONS[operator], left, right)
        case _:
            return reader.fact(_key(tree))


def _compared(reader: Reader, relation: str, left: ast.Expression, right: ast.Expression) -> Test:
    """A comparison; with true or false, it is what the other side says."""
    if isinstance(left, _LITERALS):
        left, right, relation = right, left, FLIPPED[relation]
    if isinstance(right, ast.Constant) and right.value is not None and relation == "Equals":
        test = _test(reader, left)
        return test if right.value else lambda regions: not test(regions)
    if isinstance(right, ast.Text | ast.Number):
        return reader.order((_key(left), type(right).__name__), relation, right.value)
    return reader.order((_key(left), _key(right)), relation, None)


def _key(tree: ast.Expression) -> Subject:
    """What two trees have in common that say the same: kind and content. An annotated tree is only itself."""
    if is_annotated(tree):
        return ("annotated", id(tree))
    content = tuple(
        value
        for name in tree.__struct_fields__
        if name not in _COMMON and isinstance(value := getattr(tree, name), str | int | float | bool | None)
    )
    return (type(tree).__name__, content, tuple(_key(part) for part in parts(tree)))
