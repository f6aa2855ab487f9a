"""The expressions directly inside an expression, and the names that a scope binds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from statemachine.expressions.jsonata.ast import (
    ArrayConstructor,
    Binary,
    Bind,
    Block,
    Call,
    Chain,
    Condition,
    Constant,
    Descendants,
    EndOfText,
    Expression,
    Infix,
    Lambda,
    Name,
    Negation,
    Number,
    ObjectConstructor,
    Parent,
    PartialCall,
    Path,
    Placeholder,
    Predicate,
    Regex,
    Sort,
    Text,
    Transform,
    Variable,
    Wildcard,
)


def children(node: Expression) -> Iterator[Expression]:
    """The parts of a resolved expression, with those of its predicates and group."""
    yield from parts(node)
    for predicate in node.predicates:
        yield predicate.expression
    for stage in node.stages:
        if isinstance(stage, Predicate):
            yield stage.expression
    if node.group is not None:
        for key, value in node.group.pairs:
            yield key
            yield value


def parts(node: Expression) -> Iterator[Expression]:  # noqa: C901  # one case per kind
    """The parts of a resolved expression without those of its predicates, stages and group."""
    match node:
        # First, because most are one of these.
        case Name() | Variable() | Number() | Text() | Constant() | Regex() | Wildcard() | Descendants() | Parent():
            return
        case Path():
            yield from node.steps
        case Binary() | Chain():
            yield from (node.left, node.right)
        case Negation():
            yield node.expression
        case ArrayConstructor():
            yield from node.items
        case ObjectConstructor():
            for pair in node.pairs:
                yield from pair
        case Block():
            yield from node.expressions
        case Condition():
            yield from (node.condition, node.then)
            if node.otherwise is not None:
                yield node.otherwise
        case Bind():
            yield node.value
        case Call() | PartialCall():
            yield node.procedure
            yield from node.arguments
        case Lambda():
            yield node.body
        case Transform():
            yield from (node.pattern, node.update)
            if node.delete is not None:
                yield node.delete
        case Sort():
            for term in node.terms:
                yield term.expression
        case Placeholder() | Infix() | EndOfText():
            return
        case _:
            assert_never(node)


def bound_names(expressions: list[Expression]) -> frozenset[str]:
    """The names that these expressions bind in the scope they are in; blocks and lambdas have scopes of their own."""
    names: set[str] = set()
    pending = list(expressions)
    while pending:
        node = pending.pop()
        if isinstance(node, Bind):
            names.add(node.name)
        if isinstance(node, Block):
            pending.extend(predicate.expression for predicate in node.predicates)
        elif not isinstance(node, Lambda):
            pending.extend(children(node))
    return frozenset(names)
