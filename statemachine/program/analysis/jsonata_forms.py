"""The forms of JSONata expressions, from their syntax trees. Imported only if a definition has one."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from statemachine.expressions.jsonata import JsonataError, ast, references
from statemachine.expressions.jsonata.aws import AWS_FUNCTIONS, compile_for_aws
from statemachine.expressions.jsonata.walk import children
from statemachine.program.analysis.forms import (
    NOTHING_KNOWN,
    UNKNOWN,
    Comparison,
    Form,
    Known,
    Made,
    Range,
    Reading,
    Root,
    Select,
    Sum,
    VariableRead,
)

RELATIONS: Final = {
    "=": "Equals",
    "<": "LessThan",
    "<=": "LessThanEquals",
    ">": "GreaterThan",
    ">=": "GreaterThanEquals",
}
"""Comparison operators as data tests name them."""
FLIPPED: Final = {
    "Equals": "Equals",
    "LessThan": "GreaterThan",
    "LessThanEquals": "GreaterThanEquals",
    "GreaterThan": "LessThan",
    "GreaterThanEquals": "LessThanEquals",
}
"""The same relation with its sides exchanged."""

_ROOTS: Final = {"input": Root.INPUT, "result": Root.RESULT, "errorOutput": Root.ERROR_OUTPUT}
_ASKING = frozenset({"exists", "boolean", "not", "type", "count"})
"""Functions that make something of what is not there."""


def tree_of(text: str) -> ast.Expression | None:
    """The tree of a text ``{% … %}``; None if it is wrong."""
    try:
        return compile_for_aws(text[2:-2].strip()).tree
    except JsonataError:
        return None


def is_annotated(tree: ast.Expression) -> bool:
    """Whether there is more to an expression than its kind says: predicates, grouping, bindings."""
    return bool(tree.predicates or tree.stages or tree.group or tree.focus or tree.index or tree.keep_array)


@lru_cache(maxsize=32_768)  # a definition of 1 MiB has hardly more, and each is read several times
def read_jsonata(text: str) -> Reading:
    """A text ``{% … %}``."""
    try:
        compiled = compile_for_aws(text[2:-2].strip())
    except JsonataError:
        return NOTHING_KNOWN
    names = {
        each.name: None
        for each in references(compiled).variables
        if each.name != "states" and each.name not in AWS_FUNCTIONS
    }
    guarded = _guarded(compiled.tree) if names else frozenset()
    form = _form(compiled.tree, text)
    reads = (form,) if isinstance(form, Select) else ()
    return Reading(form, reads, tuple(VariableRead(name, name in guarded) for name in names))


def _form(tree: ast.Expression, text: str) -> Form:
    if is_annotated(tree):
        return UNKNOWN
    match tree:
        case ast.Block(expressions=[inner]):
            return _form(inner, text)
        case ast.Constant(value=value):
            return Known(value)
        case ast.Text(value=word):
            return Known(word)
        case ast.Number(value=number):
            return Known(number)
        case ast.Variable() | ast.Path():
            return _select(tree) or UNKNOWN
        case ast.ObjectConstructor(pairs=pairs):
            members = [(key.value, _form(value, text)) for key, value in pairs if isinstance(key, ast.Text)]
            return Made(tuple(members)) if len(members) == len(pairs) else UNKNOWN
        case ast.ArrayConstructor(items=[ast.Binary(operator="..", left=ast.Number(), right=ast.Number()) as limits]):
            return _range(limits)
        case ast.Binary(operator="+" | "-" as operator, left=left, right=ast.Number(value=number)):
            base = _select(left)
            return UNKNOWN if base is None else Sum(base, number if operator == "+" else -number)
        case ast.Binary(operator="+", left=ast.Number(value=number), right=right):
            base = _select(right)
            return UNKNOWN if base is None else Sum(base, number)
        case ast.Binary(operator=operator, left=left, right=right) if operator in RELATIONS:
            return _comparison(RELATIONS[operator], left, right)
        case _:
            return UNKNOWN


def _select(tree: ast.Expression) -> Select | None:
    steps = tree.steps if isinstance(tree, ast.Path) else [tree]
    first, *rest = steps
    if not isinstance(first, ast.Variable) or first.value in ("", "$") or any(is_annotated(step) for step in steps):
        return None
    if (isinstance(tree, ast.Path) and tree.keep_singleton) or not all(isinstance(step, ast.Name) for step in rest):
        return None
    names = tuple(step.value for step in rest if isinstance(step, ast.Name))
    text = ".".join((f"${first.value}", *names))
    if first.value != "states":
        return None if first.value in AWS_FUNCTIONS else Select(Root.VARIABLE, first.value, names, text)
    if not names or names[0] not in _ROOTS:
        return None
    return Select(_ROOTS[names[0]], None, names[1:], text)


def _range(limits: ast.Binary) -> Form:
    if not isinstance(limits.left, ast.Number) or not isinstance(limits.right, ast.Number):
        return UNKNOWN
    first, last = limits.left.value, limits.right.value
    return Range(int(last - first) + 1) if last >= first else UNKNOWN


def _comparison(relation: str, left: ast.Expression, right: ast.Expression) -> Form:
    if isinstance(left, ast.Number):
        left, right, relation = right, left, FLIPPED[relation]
    select = _select(left)
    if select is None or not isinstance(right, ast.Number):
        return UNKNOWN
    return Comparison(select, relation, right.value)


def _guarded(tree: ast.Expression) -> frozenset[str]:
    """The variables of which the expression asks whether they are there: in the arguments of a function that tells,
    or as an operand that is taken for true or false."""
    found: set[str] = set()
    todo = [tree]
    while todo:
        node = todo.pop()
        match node:
            case ast.Call(procedure=ast.Variable(value=name), arguments=arguments) if name in _ASKING:
                for argument in arguments:
                    found.update(_names_in(argument))
            case ast.Condition(condition=condition):
                found.update(_bare(condition))
            case ast.Binary(operator="and" | "or", left=left, right=right):
                found.update(_bare(left), _bare(right))
            case ast.Binary(operator="=" | "!=" | "in", left=left, right=right):
                found.update(_bare(left), _bare(right))
            case _:
                pass
        todo.extend(children(node))
    return frozenset(found)


def _bare(tree: ast.Expression) -> tuple[str, ...]:
    first = tree.steps[0] if isinstance(tree, ast.Path) else tree
    return (first.value,) if isinstance(first, ast.Variable) else ()


def _names_in(tree: ast.Expression) -> list[str]:
    names = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Variable):
            names.append(node.value)
        todo.extend(children(node))
    return names
