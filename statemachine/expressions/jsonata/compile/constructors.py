"""Arrays, objects and grouping."""

from __future__ import annotations

from typing import Any

from statemachine.expressions.jsonata.ast import ArrayConstructor, Expression, Group, ObjectConstructor, Text
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import ANY_NAME, Scope, deferred
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import UNDEFINED, ConsArray, Sequence, TupleStream, Value, append

Pairs = list[tuple[Evaluator, Evaluator]]


def compile_array(node: ArrayConstructor, scope: Scope, depth: int) -> Evaluator:
    """`[a, b]`: an array written inside stays one member, other arrays give their members."""
    items = [(core.compile_node(item, scope, depth + 1), isinstance(item, ArrayConstructor)) for item in node.items]
    cons = node.cons

    def evaluate(input: Value, frame: Frame) -> Value:
        result: list[Any] = ConsArray() if cons else []
        for item, nested in items:
            value = item(input, frame)
            if value is UNDEFINED:
                continue
            if nested or not isinstance(value, list):
                result.append(value)
            else:
                if len(value) > 8:
                    frame.runtime.step(len(value) // 8)
                    frame.runtime.members(len(result) + len(value))
                result.extend(value)
        return result

    return evaluate


def compile_object(node: ObjectConstructor, scope: Scope, depth: int) -> Evaluator:
    group = deferred(lambda: _grouping(node.pairs, node.position, scope, depth + 1))
    keys = [key.value if isinstance(key, Text) and not key.predicates else None for key, _ in node.pairs]
    if None in keys or len(set(keys)) < len(keys):
        return group()
    values = [
        (str(key), core.compile_node(value, scope, depth + 1)) for key, (_, value) in zip(keys, node.pairs, strict=True)
    ]
    if node.pairs:
        scope.unit.height = max(scope.unit.height, depth + 1)

    def evaluate(input: Value, frame: Frame) -> Value:
        if isinstance(input, list):
            return group()(input, frame)
        result = {}
        for key, value_of in values:
            value = value_of(input, frame)
            if value is not UNDEFINED:
                result[key] = value
                if isinstance(value, Sequence):
                    frame.runtime.nested = True
        return result

    return evaluate


def compile_group(selected: Evaluator, group: Group, scope: Scope, depth: int) -> Evaluator:
    """`selected{key: value}`."""
    grouping = _grouping(group.pairs, group.position, scope, depth)
    return lambda context, frame: grouping(selected(context, frame), frame)


def _grouping(pairs: list[tuple[Expression, Expression]], position: int, scope: Scope, depth: int) -> Evaluator:
    """Group the members of the input by their keys, and evaluate the value of each key once, on its members."""
    single = _compiled(pairs, scope, depth)
    tuples = deferred(lambda: _compiled(pairs, scope.enter(ANY_NAME), depth))

    def evaluate(input: Value, frame: Frame) -> Value:
        if type(input) is TupleStream:
            return _group_tuples(input, tuples(), position, frame)
        members = input if isinstance(input, list) and input else [UNDEFINED if isinstance(input, list) else input]
        groups: dict[str, tuple[int, Any, bool]] = {}
        for member in members:
            _assign_groups(groups, single, member, member, frame, position)
        result = {}
        for key, (index, data, _) in groups.items():
            value = single[index][1](data, frame)
            if value is not UNDEFINED:
                result[key] = value
                if isinstance(value, Sequence):
                    frame.runtime.nested = True
        return result

    return evaluate


def _compiled(pairs: list[tuple[Expression, Expression]], scope: Scope, depth: int) -> Pairs:
    return [(core.compile_node(key, scope, depth), core.compile_node(value, scope, depth)) for key, value in pairs]


def _assign_groups(
    groups: dict[str, tuple[int, Any, bool]], pairs: Pairs, context: Value, data: Value, frame: Frame, position: int
) -> None:
    """Put one member into the groups of its keys. A group's third entry says that its list is its own."""
    frame.runtime.step(len(pairs))
    for index, (key_of, _) in enumerate(pairs):
        key = key_of(context, frame)
        if key is UNDEFINED:
            continue
        if type(key) is not str:
            raise JsonataError("T1003", position=position, value=key)
        entry = groups.get(key)
        if entry is None:
            groups[key] = (index, data, False)
            continue
        known, members, owned = entry
        if known != index:
            raise JsonataError("D1009", position=position, value=key)
        if owned and data is not UNDEFINED:
            members.extend(data if isinstance(data, list) else [data])
        else:
            groups[key] = (index, append(members, data), members is not UNDEFINED and data is not UNDEFINED)


def _group_tuples(stream: TupleStream, pairs: Pairs, position: int, frame: Frame) -> Value:
    runtime = frame.runtime
    groups: dict[str, tuple[int, Any, bool]] = {}
    for entry in stream:
        _assign_groups(groups, pairs, entry["@"], entry, Frame(entry, frame, frame.base, runtime), position)
    result = {}
    for key, (index, data, _) in groups.items():
        merged = _merge_tuples(data) if isinstance(data, list) else dict(data)
        context = merged.pop("@")
        value = pairs[index][1](context, Frame(merged, frame, frame.base, runtime))
        if value is not UNDEFINED:
            result[key] = value
            if isinstance(value, Sequence):
                runtime.nested = True
    return result


def _merge_tuples(stream: list[dict[str, Any]]) -> dict[str, Any]:
    """One tuple whose variables have the values of all."""
    columns: dict[str, Any] = dict(stream[0])
    owned: set[str] = set()
    for entry in stream[1:]:
        for name, value in entry.items():
            if name in owned:
                columns[name].extend(value if isinstance(value, list) else [value])
            else:
                before = columns.get(name, UNDEFINED)
                columns[name] = append(before, value)
                if before is not UNDEFINED and value is not UNDEFINED:
                    owned.add(name)
    return columns
