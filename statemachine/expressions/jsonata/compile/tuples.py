"""Paths with tuples: those that bind members (`@`), positions (`#`) or parents (`%`) on the way.

Rules
- A tuple is a dict: "@" has the context, the other entries are variables. Each step has a frame of the tuple.
- A step's result may be a stream itself (a block or path that seeks a parent): its tuples are merged into this one's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statemachine.expressions.jsonata.ast import Expression, IndexBinding, Path, Sort, Variable
from statemachine.expressions.jsonata.compile import constructors, core, ordering, paths
from statemachine.expressions.jsonata.compile.scope import ANY_NAME, Scope
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import (
    UNDEFINED,
    KeptSequence,
    Sequence,
    TupleStream,
    Value,
    unwrap,
)

TUPLE_MEMBERS = 16
"""A tuple counts as so many members of a sequence."""

TupleStep = Callable[[TupleStream | None, list[Any], Frame], TupleStream]
Stage = Callable[[Any, Frame], Any]


def compile_tuple_path(node: Path, scope: Scope, depth: int) -> Evaluator:
    first = node.steps[0]
    start = next(index for index, step in enumerate(node.steps) if step.tuple)
    if first.cons:
        start = max(start, 1)  # an array constructor is evaluated as it is: what it would bind is lost
    plain = [paths.compile_step(step, scope, depth + 1, last=False) for step in node.steps[:start]]
    cons = core.compile_node(first, scope, depth + 1) if first.cons else None
    steps = [_compile_tuple_step(step, scope, depth + 1) for step in node.steps[start:]]
    absolute = isinstance(first, Variable)
    keep_stream, keep = node.tuple, node.keep_singleton or node.keep_array
    group = None
    if node.group is not None:
        group = constructors.compile_group(lambda context, _frame: context, node.group, scope, depth + 1)

    def evaluate(input: Value, frame: Frame) -> Value:
        found: Any = input if isinstance(input, list) and not absolute else Sequence((input,))
        for index, select in enumerate(plain):
            if index > 0 or cons is None:
                found = select(found, frame)
            elif first.focus is None:
                found = cons(found, frame)
            if (found is UNDEFINED or not found) and not first.tuple:
                return unwrap(found) if group is None else group(found, frame)
        stream: TupleStream | None = None
        for step in steps:
            stream = step(stream, found, frame)
        assert stream is not None  # there is a step that needs tuples
        if group is not None:
            return group(stream, frame)
        if keep_stream:
            return stream
        result = Sequence(entry["@"] for entry in stream)
        return unwrap(KeptSequence(result) if keep and len(result) == 1 else result)

    return evaluate


def _compile_tuple_step(step: Expression, scope: Scope, depth: int) -> TupleStep:
    stages = [_compile_stage(stage, scope, depth) for stage in step.stages]
    select = _sort_step(step, scope, depth) if isinstance(step, Sort) else _value_step(step, scope, depth)

    def evaluate(stream: TupleStream | None, contexts: list[Any], frame: Frame) -> TupleStream:
        result = select(stream, contexts, frame)
        for stage in stages:
            result = stage(result, frame)
        return result

    return evaluate


def _compile_stage(stage: Any, scope: Scope, depth: int) -> Stage:
    if not isinstance(stage, IndexBinding):
        return paths.compile_filter(stage.expression, scope, depth)
    name = stage.name

    def number(stream: TupleStream, _frame: Frame) -> TupleStream:
        return TupleStream({**entry, name: index} for index, entry in enumerate(stream))

    return number


def _sort_step(step: Sort, scope: Scope, depth: int) -> TupleStep:
    order = ordering.compile_order(step, scope, depth)
    index_name = step.index

    def evaluate(stream: TupleStream | None, contexts: list[Any], frame: Frame) -> TupleStream:
        if stream is not None:
            ordered = order(stream, frame)
            return ordered if type(ordered) is TupleStream else TupleStream(ordered)
        members = order(contexts, frame)
        return TupleStream(
            {"@": member} if index_name is None else {"@": member, index_name: index}
            for index, member in enumerate(members)
        )

    return evaluate


def _value_step(step: Expression, scope: Scope, depth: int) -> TupleStep:
    evaluator = core.compile_node(step, scope.enter(ANY_NAME), depth)
    focus, index_name = step.focus, step.index
    label = step.ancestor

    def evaluate(stream: TupleStream | None, contexts: list[Any], frame: Frame) -> TupleStream:
        runtime = frame.runtime
        result = TupleStream()
        entries: list[dict[str, Any]] = [{"@": context} for context in contexts] if stream is None else stream
        runtime.step(len(entries))
        for entry in entries:
            context = entry["@"]
            value = evaluator(context, Frame(dict(entry), frame, frame.base, runtime))
            if value is UNDEFINED:
                continue
            values = value if isinstance(value, list) else (value,)
            runtime.step(len(values))
            runtime.members(TUPLE_MEMBERS * len(values))
            for index, member in enumerate(values):
                if type(value) is TupleStream:
                    result.append({**entry, **member})
                    continue
                merged = {**entry, (focus or "@"): member}
                if index_name is not None:
                    merged[index_name] = index
                if label is not None:
                    merged[label.label] = context
                result.append(merged)
        return result

    return evaluate
