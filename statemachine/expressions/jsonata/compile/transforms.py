"""The transform operator: a copy of an object with the matches of a pattern changed."""

from __future__ import annotations

from typing import Any

from statemachine.expressions.jsonata.ast import Expression, Transform
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import Level, Scope, Unit
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import Evaluator, Frame, LambdaCode, Runtime, TransformFunction, apply
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Value


def compile_transform(node: Transform, scope: Scope) -> Evaluator:
    pattern = _part(node.pattern, scope)
    update = _part(node.update, scope)
    delete = None if node.delete is None else _part(node.delete, scope)

    def evaluate(_input: Value, frame: Frame) -> Value:
        def change(value: Value, runtime: Runtime, depth: int) -> Value:
            if value is UNDEFINED:
                return UNDEFINED
            clone = frame.lookup("clone")
            if not isinstance(clone, Function):
                raise JsonataError("T2013", position=node.position)
            copy = apply(clone, [value], None, runtime, depth)
            inside = Frame({}, frame, depth, runtime)
            matches = _run(pattern, copy, inside)
            for match in matches if isinstance(matches, list) else [] if matches is UNDEFINED else [matches]:
                runtime.step()
                _change(node, match, _run(update, match, inside))
                if delete is not None and node.delete is not None:
                    _delete(node.delete, match, _run(delete, match, inside))
            return copy

        return TransformFunction(change)

    return evaluate


def _part(node: Expression, scope: Scope) -> LambdaCode:
    """A part of the transform; it is evaluated when the function is called, at that call's depth."""

    def compile_body(checked: bool) -> tuple[Evaluator, int, int]:
        unit = Unit(scope.unit.limit, checked)
        body = core.compile_node(node, scope.in_unit(unit).enter(Level(frozenset())), 1)
        return body, unit.height, unit.weight

    return LambdaCode((), None, compile_body)


def _run(code: LambdaCode, input: Value, frame: Frame) -> Value:
    return code.body(frame.base, frame.runtime.limits.depth)(input, frame)


def _change(node: Transform, match: Any, update: Value) -> None:
    if isinstance(match, Function):
        raise JsonataError("D1010", position=node.position)
    if update is UNDEFINED:
        return
    if type(update) is not dict:
        raise JsonataError("T2011", position=node.update.position, value=update)
    if type(match) is dict:
        match.update(update)


def _delete(node: Expression, match: Any, names: Value) -> None:
    if names is UNDEFINED:
        return
    chosen = names if isinstance(names, list) else [names]
    if not all(type(name) is str for name in chosen):
        raise JsonataError("T2012", position=node.position, value=names)
    if type(match) is dict:
        for name in chosen:
            match.pop(name, None)
