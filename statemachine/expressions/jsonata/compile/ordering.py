"""The order-by step: a stable sort by terms, of which later ones are evaluated only where earlier ones are equal."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from statemachine.expressions.jsonata.ast import Sort
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import ANY_NAME, Scope, deferred
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import UNDEFINED, TupleStream, Value, less

Order = Callable[[list[Any], Frame], list[Any]]


def compile_order(step: Sort, scope: Scope, depth: int) -> Order:
    def terms(scope: Scope) -> list[tuple[Evaluator, bool]]:
        return [(core.compile_node(term.expression, scope, depth), term.descending) for term in step.terms]

    single = terms(scope)
    tuples = deferred(lambda: terms(scope.enter(ANY_NAME)))
    position = step.position

    def order(members: list[Any], frame: Frame) -> list[Any]:
        if len(members) <= 1:
            return members
        runtime = frame.runtime
        runtime.step(len(members) * len(single))
        runtime.members(len(members))
        if type(members) is TupleStream:
            rows = [_Row(entry, entry["@"], Frame(entry, frame, frame.base, runtime)) for entry in members]
            return TupleStream(row.member for row in _sorted(rows, tuples(), position))
        rows = [_Row(member, member, frame) for member in members]
        return [row.member for row in _sorted(rows, single, position)]

    return order


class _Row:
    """A member and the terms' values for it, as far as they were asked for."""

    __slots__ = ("_values", "context", "frame", "member")

    def __init__(self, member: Any, context: Value, frame: Frame) -> None:
        self.member = member
        self.context = context
        self.frame = frame
        self._values: list[Value] = []

    def value(self, index: int, term: Evaluator) -> Value:
        if index == len(self._values):
            self._values.append(term(self.context, self.frame))
        return self._values[index]


def _sorted(rows: list[_Row], terms: list[tuple[Evaluator, bool]], position: int) -> list[_Row]:
    if len(terms) == 1:
        term, descending = terms[0]
        keys = [row.value(0, term) for row in rows]
        kinds = set(map(type, keys))
        if kinds <= {int, float} or (kinds == {str} and all(key.isascii() for key in keys)):
            ordered = sorted(range(len(rows)), key=keys.__getitem__, reverse=descending)
            return [rows[index] for index in ordered]

    def compare(left: _Row, right: _Row) -> int:
        for index, (term, descending) in enumerate(terms):
            result = _compare(left.value(index, term), right.value(index, term), position, descending=descending)
            if result:
                return result
        return 0

    return sorted(rows, key=cmp_to_key(compare))


def _compare(left: Value, right: Value, position: int, *, descending: bool) -> int:
    """Nothing comes last, whatever the direction."""
    if left is UNDEFINED or right is UNDEFINED:
        return int(left is UNDEFINED) - int(right is UNDEFINED)
    for value in (left, right):
        if type(value) not in (str, int, float):
            raise JsonataError("T2008", position=position, value=value)
    if (type(left) is str) is not (type(right) is str):
        raise JsonataError("T2007", position=position, value=left, value2=right)
    if left == right:
        return 0
    result = -1 if (less(left, right) if type(left) is str else left < right) else 1
    return -result if descending else result
