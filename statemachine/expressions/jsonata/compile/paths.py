"""Paths without tuples, and predicates.

Rules
- A path takes a list of contexts from step to step. Each context's result that is an array gives its members, unless it
  was written as an array constructor; the last step leaves an array that is its only result as it is.
- Names only, from the context or a variable, is the common path: it walks down objects and makes no list.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from statemachine.expressions.jsonata.ast import (
    Expression,
    Name,
    Number,
    Path,
    Predicate,
    Sort,
    Variable,
)
from statemachine.expressions.jsonata.compile import constructors, core, names, ordering, tuples
from statemachine.expressions.jsonata.compile.operators import gives_boolean
from statemachine.expressions.jsonata.compile.scope import ANY_NAME, Scope, deferred
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.limits import NUMBER_BYTES
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import (
    UNDEFINED,
    ConsArray,
    KeptSequence,
    Sequence,
    TupleStream,
    Value,
    boolean,
    is_number,
    lookup,
    unwrap,
)

Filter: TypeAlias = Callable[[Any, Frame], list[Any]]
Select: TypeAlias = Callable[[Any, Frame], Any]
"""From the contexts of a step, a list, to its results: also a list, flattened."""


def compile_path(node: Path, scope: Scope, depth: int) -> tuple[Evaluator, int]:
    if any(step.tuple for step in node.steps):
        return tuples.compile_tuple_path(node, scope, depth), 0
    evaluator, extra = _plain_path(node, scope, depth)
    if node.keep_singleton or node.keep_array:
        evaluator = _kept(evaluator)
    if node.group is not None:
        evaluator = constructors.compile_group(evaluator, node.group, scope, depth + 1)
    elif extra == 0:
        evaluator = _unwrapped(evaluator)
    return evaluator, extra


def _plain_path(node: Path, scope: Scope, depth: int) -> tuple[Evaluator, int]:
    first, *rest = node.steps
    bare = all(isinstance(step, Name) and not step.stages for step in rest)
    fields = tuple(step.value for step in rest if isinstance(step, Name))
    plain = bare and not node.keep_singleton and not node.keep_array and node.group is None
    if plain and isinstance(first, Name) and not first.stages:
        return compile_fields((first.value, *fields)), 1
    if plain and isinstance(first, Variable) and not first.predicates and not first.keep_array:
        return _variable_fields(first, fields, scope), 1
    steps = [
        compile_step(step, scope, depth + 1, last=index == len(node.steps) - 1) for index, step in enumerate(node.steps)
    ]
    cons = None
    if first.cons:
        cons = core.compile_node(first, scope, depth + 1)
    return _chain(steps, cons, absolute=isinstance(first, Variable)), 0


def _kept(evaluator: Evaluator) -> Evaluator:
    """`[]` in the path: its only result stays in an array; so does an array that was written in the path."""

    def evaluate(input: Value, frame: Frame) -> Value:
        value = evaluator(input, frame)
        if type(value) is ConsArray or (isinstance(value, Sequence) and len(value) == 1):
            return KeptSequence([value] if type(value) is ConsArray else value)
        return value

    return evaluate


def _unwrapped(evaluator: Evaluator) -> Evaluator:
    def evaluate(input: Value, frame: Frame) -> Value:
        value = evaluator(input, frame)
        return unwrap(value) if isinstance(value, Sequence) else value

    return evaluate


def _chain(steps: list[Select], cons: Evaluator | None, *, absolute: bool) -> Evaluator:
    later = steps[1:] if cons is not None else steps

    def evaluate(input: Value, frame: Frame) -> Value:
        found: Any = input if isinstance(input, list) and not absolute else Sequence((input,))
        if cons is not None:
            found = cons(found, frame)
            if not isinstance(found, list):
                found = Sequence() if found is UNDEFINED else Sequence((found,))
        for select in later:
            if not found:
                return found
            found = select(found, frame)
        return found

    return evaluate


def compile_fields(fields: tuple[str, ...]) -> Evaluator:
    """Names from the context."""
    if len(fields) == 1:
        (field,) = fields

        def evaluate_one(input: Value, frame: Frame) -> Value:
            if type(input) is dict:
                value = input.get(field, UNDEFINED)
                return unwrap(value) if isinstance(value, Sequence) else value
            return _select_counted(input, fields, frame) if isinstance(input, list) else UNDEFINED

        return evaluate_one

    def evaluate(input: Value, frame: Frame) -> Value:
        value = input
        for index, field in enumerate(fields):
            if type(value) is dict:
                value = value.get(field, UNDEFINED)
            elif isinstance(value, list):
                return _select_counted(value, fields[index:], frame, flatten=index > 0)
            else:
                return UNDEFINED
        return unwrap(value) if isinstance(value, Sequence) else value

    return evaluate


def _variable_fields(variable: Variable, fields: tuple[str, ...], scope: Scope) -> Evaluator:
    """Names from a variable."""
    raw = names.raw_variable(variable.value, scope)

    def evaluate(input: Value, frame: Frame) -> Value:
        value = raw(input, frame)
        if isinstance(value, Sequence):
            value = unwrap(value)
        for index, field in enumerate(fields):
            if type(value) is dict:
                value = value.get(field, UNDEFINED)
            elif isinstance(value, list):
                return _select_counted(value, fields[index:], frame)
            else:
                return UNDEFINED
        return unwrap(value) if isinstance(value, Sequence) else value

    if len(fields) > 1:
        return evaluate
    (only,) = fields

    def evaluate_one(input: Value, frame: Frame) -> Value:
        """The commonest path of all, `$v.name`, by its commonest values."""
        value = raw(input, frame)
        if type(value) is dict:
            found = value.get(only, UNDEFINED)
            kind = type(found)
            if kind is int or kind is str or kind is dict:
                return found
        return evaluate(input, frame)

    return evaluate_one


def _select_counted(members: list[Any], fields: tuple[str, ...], frame: Frame, *, flatten: bool = True) -> Value:
    frame.runtime.step(len(members))
    return select([members] if type(members) is ConsArray and flatten else members, fields, frame)


def select(members: list[Any], fields: tuple[str, ...], frame: Frame | None = None) -> Value:
    """Names from each of the members: the sequence as a result."""
    found: Any = members
    last = len(fields) - 1
    for index, field in enumerate(fields):
        found = flattened(_values(found, field), frame, last=index == last)
        if not found:
            return unwrap(found) if isinstance(found, Sequence) else found
    return unwrap(found) if isinstance(found, Sequence) else found


def _values(members: list[Any], field: str) -> list[Any]:
    results = []
    for member in members:
        if type(member) is dict:
            value = member.get(field, UNDEFINED)
            if isinstance(value, Sequence):
                value = unwrap(value)
        else:
            value = unwrap(lookup(member, field))
        if value is not UNDEFINED:
            results.append(value)
    return results


def flattened(results: list[Any], frame: Frame | None, *, last: bool) -> list[Any]:
    """What a step hands on. Results that are arrays give their members; see the rules above for the last step."""
    index = next((at for at, value in enumerate(results) if isinstance(value, list)), None)
    if index is None:
        return Sequence(results)
    if last and len(results) == 1 and not isinstance(results[0], Sequence):
        only: list[Any] = results[0]
        return only
    found = Sequence(results[:index])
    limit = frame.runtime.limits.value_bytes // NUMBER_BYTES if frame is not None else None
    for value in results[index:]:
        if isinstance(value, list) and type(value) is not ConsArray:
            found.extend(value)
            if limit is not None and len(found) > limit:
                raise JsonataError("U1003")
        else:
            found.append(value)
    if frame is not None and len(results) > 1:
        frame.runtime.members(len(found))
        frame.runtime.step(len(found) // 8)
    return found


def compile_step(step: Expression, scope: Scope, depth: int, *, last: bool) -> Select:
    """One step of a path without tuples."""
    if isinstance(step, Sort):
        return _sort_step(step, scope, depth)
    stages = [compile_filter(stage.expression, scope, depth) for stage in step.stages if isinstance(stage, Predicate)]
    if isinstance(step, Name) and not stages and not scope.unit.checked:
        scope.unit.height = max(scope.unit.height, depth)
        return _name_step(step.value, last=last)
    evaluator = core.compile_node(step, scope, depth)

    def evaluate(contexts: list[Any], frame: Frame) -> list[Any]:
        if len(contexts) > 1:
            frame.runtime.step(len(contexts))
        results = []
        for context in contexts:
            value = evaluator(context, frame)
            for apply_filter in stages:
                value = apply_filter(value, frame)
            if value is not UNDEFINED:
                results.append(value)
        return flattened(results, frame, last=last)

    return evaluate


def _name_step(field: str, *, last: bool) -> Select:
    def evaluate(contexts: list[Any], frame: Frame) -> list[Any]:
        if len(contexts) > 1:
            frame.runtime.step(len(contexts))
        return flattened(_values(contexts, field), frame, last=last)

    return evaluate


def _sort_step(step: Sort, scope: Scope, depth: int) -> Select:
    order = ordering.compile_order(step, scope, depth)
    stages = [compile_filter(stage.expression, scope, depth) for stage in step.stages if isinstance(stage, Predicate)]

    def evaluate(contexts: list[Any], frame: Frame) -> list[Any]:
        result = order(contexts, frame)
        for apply_filter in stages:
            result = apply_filter(result, frame)
        return result

    return evaluate


def compile_filter(predicate: Expression, scope: Scope, depth: int) -> Filter:
    """A predicate: a position, or a condition on each member; what it evaluates to decides."""
    if isinstance(predicate, Number):
        return _position_filter(predicate.value)
    condition = core.compile_node(predicate, scope, depth)
    on_tuples = deferred(lambda: _tuple_filter(core.compile_node(predicate, scope.enter(ANY_NAME), depth)))
    if gives_boolean(predicate):

        def evaluate_boolean(value: Value, frame: Frame) -> list[Any]:
            if not isinstance(value, list):
                return Sequence((value,)) if condition(value, frame) is True else Sequence()
            if type(value) is TupleStream:
                return on_tuples()(value, frame)
            frame.runtime.step(len(value))
            return Sequence([member for member in value if condition(member, frame) is True])

        return evaluate_boolean

    def evaluate(value: Value, frame: Frame) -> list[Any]:
        if type(value) is TupleStream:
            return on_tuples()(value, frame)
        members = value if isinstance(value, list) else (value,)
        frame.runtime.step(len(members))
        found = Sequence()
        for index, member in enumerate(members):
            result = condition(member, frame)
            if result is True:
                found.append(member)
            elif result is not False and result is not UNDEFINED:
                found.extend([member] * _times_chosen(result, index, len(members), frame))
        return found

    return evaluate


def _times_chosen(result: Value, index: int, length: int, frame: Frame) -> int:
    """How often a member is in the result of a predicate: each number that is its position chooses it."""
    if type(result) in (int, float) and is_number(result):
        return int(_position(result, length) == index)
    if isinstance(result, list):
        frame.runtime.step(len(result) // 4)
        if all(map(is_number, result)):
            return sum(_position(number, length) == index for number in result)
    return int(boolean(result))


def _position(number: float, length: int) -> int:
    at = math.floor(number)
    return at + length if at < 0 else at


def _position_filter(number: float) -> Filter:
    at = math.floor(number)

    def evaluate(value: Value, _frame: Frame) -> list[Any]:
        members = value if isinstance(value, list) else (value,)
        index = at + len(members) if at < 0 else at
        found: Any = members[index] if 0 <= index < len(members) else UNDEFINED
        if isinstance(found, list):
            return found
        kind = TupleStream if type(value) is TupleStream else Sequence
        return kind() if found is UNDEFINED else kind((found,))

    return evaluate


def _tuple_filter(condition: Evaluator) -> Filter:
    def evaluate(stream: list[Any], frame: Frame) -> list[Any]:
        runtime = frame.runtime
        runtime.step(len(stream))
        found = TupleStream()
        for index, entry in enumerate(stream):
            result = condition(entry["@"], Frame(entry, frame, frame.base, runtime))
            if result is True:
                found.append(entry)
            elif result is not False and result is not UNDEFINED:
                found.extend([entry] * _times_chosen(result, index, len(stream), frame))
        return found

    return evaluate
