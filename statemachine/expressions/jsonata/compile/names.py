"""Constants, variables, names, wildcards, parents and regular expressions."""

from __future__ import annotations

from typing import Any

from statemachine.expressions.jsonata.ast import Name, Parent, Regex, Variable
from statemachine.expressions.jsonata.compile.scope import Scope
from statemachine.expressions.jsonata.regex import compile_regex as compile_pattern
from statemachine.expressions.jsonata.runtime import Evaluator, Frame, RegexFunction
from statemachine.expressions.jsonata.sequences import (
    UNDEFINED,
    OuterWrapper,
    Sequence,
    Value,
    lookup,
    unwrap,
)


def compile_constant(value: Value) -> Evaluator:
    return lambda _input, _frame: value


def compile_name(node: Name) -> Evaluator:
    name = node.value

    def evaluate(input: Value, _frame: Frame) -> Value:
        if type(input) is dict:
            value = input.get(name, UNDEFINED)
            return value if not isinstance(value, Sequence) else unwrap(value)
        return unwrap(lookup(input, name))

    return evaluate


def compile_parent(node: Parent) -> Evaluator:
    slot = node.slot
    assert slot is not None  # resolve gives each parent its slot
    return lambda _input, frame: frame.lookup(slot.label)


def compile_regex(node: Regex) -> Evaluator:
    function = RegexFunction(compile_pattern(node.source, node.flags, node.position))
    return lambda _input, _frame: function


def compile_variable(node: Variable, scope: Scope) -> Evaluator:
    raw = raw_variable(node.value, scope)

    def evaluate(input: Value, frame: Frame) -> Value:
        value = raw(input, frame)
        return value if not isinstance(value, Sequence) else unwrap(value)

    return evaluate


def raw_variable(name: str, scope: Scope) -> Evaluator:
    """A variable's value as it is bound. The frame that has it is found now, as far as that can be known."""
    if name == "":
        return _context
    for hops, level in enumerate(scope.levels):
        if level.names is None or name in level.names:
            return _bound(name, hops) if name in level.bound else _perhaps_bound(name, hops)
    return _at_root(name)


def _context(input: Value, _frame: Frame) -> Value:
    return input[0] if type(input) is OuterWrapper else input


def _at_root(name: str) -> Evaluator:
    def evaluate(_input: Value, frame: Frame) -> Value:
        runtime = frame.runtime
        value = runtime.bindings.get(name, UNDEFINED)
        return runtime.functions.get(name, UNDEFINED) if value is UNDEFINED and name not in runtime.bindings else value

    return evaluate


def _bound(name: str, hops: int) -> Evaluator:
    if hops == 0:
        return lambda _input, frame: frame.variables[name]
    if hops == 1:
        return lambda _input, frame: frame.parent.variables[name]  # type: ignore[union-attr]  # there is one

    def evaluate(_input: Value, frame: Frame) -> Value:
        return outer(frame, hops).variables[name]

    return evaluate


def _perhaps_bound(name: str, hops: int) -> Evaluator:
    if hops == 0:
        return lambda _input, frame: frame.lookup(name)
    return lambda _input, frame: outer(frame, hops).lookup(name)


def outer(frame: Frame, hops: int) -> Frame:
    """The frame so many steps outwards."""
    for _ in range(hops):
        assert frame.parent is not None  # the scope mirrors the frames
        frame = frame.parent
    return frame


def wildcard(input: Value, frame: Frame) -> Value:
    """`*`: all values of an object, or members of an array; arrays among them flattened."""
    if type(input) is OuterWrapper and input:
        input = input[0]
    if type(input) is dict:
        values: list[Any] = list(input.values())
    elif isinstance(input, list):
        values = input
    else:
        return UNDEFINED
    if not any(isinstance(value, list) for value in values):
        return unwrap(Sequence(values))
    found: list[Any] = []
    for value in values:
        if isinstance(value, list):
            _flatten(value, found)
        else:
            found.append(value)
    frame.runtime.step(len(found))
    frame.runtime.members(len(found))
    return found


def _flatten(value: list[Any], found: list[Any]) -> None:
    for member in value:
        if isinstance(member, list):
            _flatten(member, found)
        else:
            found.append(member)


def descendants(input: Value, frame: Frame) -> Value:
    """`**`: the value and all below it, arrays replaced by their members."""
    if input is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    pending = [input]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
            continue
        found.append(value)
        if type(value) is dict:
            pending.extend(reversed(value.values()))
    frame.runtime.step(len(found))
    frame.runtime.members(len(found))
    return unwrap(found)
