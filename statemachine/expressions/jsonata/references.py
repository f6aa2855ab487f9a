"""What an expression refers to, with positions: for checks before anything runs.

A reference to a variable has the `name` without its `$` ("" is the context, "$" the root) and the names of the path
after it: `$states.errorOutput.Error` has the fields ``("errorOutput", "Error")``. A top-level name is one that is
looked up in the input of the whole expression, of which there is none in Step Functions.
"""

from __future__ import annotations

from msgspec import Struct

from statemachine.expressions.jsonata.ast import (
    Block,
    Expression,
    Lambda,
    Name,
    Path,
    Predicate,
    Sort,
    Transform,
    Variable,
)
from statemachine.expressions.jsonata.walk import bound_names, children, parts


class Reference(Struct, frozen=True):
    """A variable or a top-level name. `position` is in UTF-16 units, at the end of the token."""

    name: str
    position: int
    fields: tuple[str, ...] = ()


class References(Struct, frozen=True):
    """In the order of the text, as far as the tree keeps it. `variables` are free: not bound by the expression itself;
    `context` are the `$` that stand for the input of the whole expression."""

    variables: tuple[Reference, ...]
    names: tuple[Reference, ...]
    context: tuple[Reference, ...]


_Bound = frozenset[str]


def find_references(tree: Expression) -> References:
    """The free variables and top-level names of a resolved tree."""
    variables: list[Reference] = []
    names: list[Reference] = []
    context: list[Reference] = []
    pending: list[tuple[Expression, _Bound, bool]] = [(tree, bound_names([tree]), True)]
    while pending:
        node, bound, top = pending.pop()
        match node:
            case Variable():
                _variable(node, (), bound, top, variables, context)
            case Name() if top:
                names.append(Reference(node.value, node.position))
            case Path() if isinstance(node.steps[0], Variable):
                _variable(node.steps[0], _fields(node), bound, top, variables, context)
            case _:
                pass
        pending.extend(reversed(_parts(node, bound, top)))
    key = _position
    return References(tuple(sorted(variables, key=key)), tuple(sorted(names, key=key)), tuple(sorted(context, key=key)))


def _position(reference: Reference) -> int:
    return reference.position


def _variable(
    node: Variable,
    fields: tuple[str, ...],
    bound: _Bound,
    top: bool,
    variables: list[Reference],
    context: list[Reference],
) -> None:
    if node.value == "":
        if top:
            context.append(Reference("", node.position, fields))
    elif node.value not in bound:
        variables.append(Reference(node.value, node.position, fields))


def _fields(path: Path) -> tuple[str, ...]:
    fields = []
    for step in path.steps[1:]:
        if not isinstance(step, Name):
            break
        fields.append(step.value)
    return tuple(fields)


def _parts(node: Expression, bound: _Bound, top: bool) -> list[tuple[Expression, _Bound, bool]]:
    """The parts with the names bound around them, and whether their context is that of the whole expression."""
    if isinstance(node, Path):
        return _path_parts(node, bound, top)
    if isinstance(node, Lambda):
        inner = bound | frozenset(node.parameters) | bound_names([node.body])
        return [(node.body, inner, top)]
    if isinstance(node, Block):
        inner = bound | bound_names(node.expressions)
        found = [(part, inner, top) for part in node.expressions]
        return found + [(predicate.expression, bound, False) for predicate in node.predicates] + _group(node, bound)
    if isinstance(node, Transform):
        return [(part, bound, False) for part in children(node)]
    found = [(part, bound, top) for part in parts(node)]
    return found + [(predicate.expression, bound, False) for predicate in node.predicates] + _group(node, bound)


def _group(node: Expression, bound: _Bound) -> list[tuple[Expression, _Bound, bool]]:
    return [] if node.group is None else [(part, bound, False) for pair in node.group.pairs for part in pair]


def _path_parts(path: Path, bound: _Bound, top: bool) -> list[tuple[Expression, _Bound, bool]]:
    """The first step has the path's context, the others that of the step before; `@` and `#` bind for what follows."""
    found: list[tuple[Expression, _Bound, bool]] = []
    for index, step in enumerate(path.steps):
        outermost = top and index == 0
        if isinstance(step, Sort):
            found += [(term.expression, bound, False) for term in step.terms]
        elif not (index == 0 and isinstance(step, Variable)):
            found.append((step, bound, outermost))
        else:
            found += [(predicate.expression, bound, False) for predicate in step.predicates]
        bound = bound | {name for name in (step.focus, step.index) if name is not None}
        for stage in step.stages:
            if isinstance(stage, Predicate):
                found.append((stage.expression, bound, False))
            else:
                bound = bound | {stage.name}
    return found + _group(path, bound)
