"""Blocks, conditions and bindings."""

from __future__ import annotations

from statemachine.expressions.jsonata.ast import Bind, Block, Condition
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import Level, Scope
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import UNDEFINED, Sequence, Value, boolean, unwrap
from statemachine.expressions.jsonata.walk import bound_names


def compile_block(node: Block, scope: Scope, depth: int) -> Evaluator:
    """A block has a frame only if it binds something."""
    if not node.expressions:
        return lambda _input, _frame: UNDEFINED
    names = bound_names(node.expressions)
    inner = scope.enter(Level(names)) if names else scope
    *before, last = [core.compile_node(expression, inner, depth + 1) for expression in node.expressions]

    def evaluate(input: Value, frame: Frame) -> Value:
        if names:
            frame = Frame({}, frame, frame.base, frame.runtime)
        for expression in before:
            expression(input, frame)
        value = last(input, frame)
        return unwrap(value) if type(value) is Sequence else value

    return evaluate


def compile_condition(node: Condition, scope: Scope, depth: int) -> Evaluator:
    condition = core.compile_node(node.condition, scope, depth + 1)
    then = core.compile_node(node.then, scope, depth + 1)
    if node.otherwise is None:
        otherwise: Evaluator = lambda _input, _frame: UNDEFINED  # noqa: E731
    else:
        otherwise = core.compile_node(node.otherwise, scope, depth + 1)

    def evaluate(input: Value, frame: Frame) -> Value:
        value = condition(input, frame)
        chosen = then if value is True or (value is not False and boolean(value)) else otherwise
        result = chosen(input, frame)
        return unwrap(result) if type(result) is Sequence else result

    return evaluate


def compile_bind(node: Bind, scope: Scope, depth: int) -> Evaluator:
    name = node.name
    value_of = core.compile_node(node.value, scope, depth + 1)

    def evaluate(input: Value, frame: Frame) -> Value:
        value = value_of(input, frame)
        frame.variables[name] = value
        return unwrap(value) if isinstance(value, Sequence) else value

    return evaluate
