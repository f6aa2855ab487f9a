"""What holds for every expression: its depth, its predicates and group, and how a sequence becomes a result."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

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
    Regex,
    Sort,
    Text,
    Transform,
    Variable,
    Wildcard,
)
from statemachine.expressions.jsonata.compile import calls, constructors, control, names, operators, paths, transforms
from statemachine.expressions.jsonata.compile.scope import Level, Scope, Unit, checked, too_deep
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import Evaluator, Frame
from statemachine.expressions.jsonata.sequences import Sequence, Value, keep_singleton, unwrap


class Code(Struct):
    """A compiled text: the evaluator, and the same with depth checks, made when a lower limit calls for it."""

    tree: Expression
    levels: tuple[Level, ...]
    evaluator: Evaluator
    height: int
    limit: int
    counted: Evaluator | None = None

    def evaluate(self, input: Value, frame: Frame) -> Value:
        """The value. Raises JsonataError."""
        limit = frame.runtime.limits.depth
        if frame.base + self.height <= limit:
            return self.evaluator(input, frame)
        if self.counted is None:
            unit = Unit(self.limit, checked=True)
            self.counted = compile_node(self.tree, Scope(unit, self.levels), 1)
        return self.counted(input, frame)


def compile_tree(tree: Expression, depth_limit: int, levels: tuple[Level, ...] = ()) -> Code:
    """Compile a resolved tree for evaluations of at most this depth."""
    unit = Unit(depth_limit, checked=False)
    evaluator = compile_node(tree, Scope(unit, levels), 1)
    return Code(tree, levels, evaluator, unit.height, depth_limit)


def compile_node(node: Expression, scope: Scope, depth: int) -> Evaluator:
    """The closure of one expression. `depth` counts from 1 in the unit."""
    unit = scope.unit
    unit.height = max(unit.height, depth)
    unit.weight += 1
    if depth > unit.limit:
        return too_deep(depth)
    evaluator, extra = _compile_kind(node, scope, depth)
    unit.height = max(unit.height, depth + extra)
    if not (isinstance(node, Call) and node.tail):
        evaluator = _completed(node, evaluator, scope, depth)
    return checked(evaluator, depth + extra) if unit.checked else evaluator


def _completed(node: Expression, evaluator: Evaluator, scope: Scope, depth: int) -> Evaluator:
    """The expression with its predicates and group. Those after a tail call go unheard, as in the original."""
    for predicate in node.predicates:
        evaluator = _filtered(evaluator, paths.compile_filter(predicate.expression, scope, depth + 1))
    if node.group is not None and not isinstance(node, Path):
        evaluator = constructors.compile_group(evaluator, node.group, scope, depth + 1)
    if not isinstance(node, Path):
        if node.keep_array:
            evaluator = _kept(evaluator)
        elif node.predicates or node.group is not None:
            evaluator = _unwrapped(evaluator)
    return evaluator


def _compile_kind(node: Expression, scope: Scope, depth: int) -> tuple[Evaluator, int]:  # noqa: C901  # one case per kind
    """The closure, and how much deeper than this node it goes without compiling its parts by themselves."""
    match node:
        case Text() | Number() | Constant():
            return names.compile_constant(node.value), 0
        case Variable():
            return names.compile_variable(node, scope), 0
        case Name():
            return names.compile_name(node), 0
        case Wildcard():
            return names.wildcard, 0
        case Descendants():
            return names.descendants, 0
        case Parent():
            return names.compile_parent(node), 0
        case Regex():
            return names.compile_regex(node), 0
        case Path():
            return paths.compile_path(node, scope, depth)
        case Binary():
            return operators.compile_binary(node, scope, depth)
        case Negation():
            return operators.compile_negation(node, scope, depth), 0
        case ArrayConstructor():
            return constructors.compile_array(node, scope, depth), 0
        case ObjectConstructor():
            return constructors.compile_object(node, scope, depth), 0
        case Block():
            return control.compile_block(node, scope, depth), 0
        case Condition():
            return control.compile_condition(node, scope, depth), 0
        case Bind():
            return control.compile_bind(node, scope, depth), 0
        case Call():
            return calls.compile_call(node, scope, depth), 0
        case PartialCall():
            return calls.compile_partial(node, scope, depth), 0
        case Lambda():
            return calls.compile_lambda(node, scope), 0
        case Chain():
            return calls.compile_chain(node, scope, depth), 0
        case Transform():
            return transforms.compile_transform(node, scope), 0
        case Placeholder():
            raise JsonataError("S0201", position=node.position, token="?")  # noqa: S106  # of syntax
        case Sort() | Infix() | EndOfText():
            raise AssertionError(f"{type(node).__name__} does not stand by itself")
        case _:
            assert_never(node)


def _filtered(evaluator: Evaluator, apply_filter: paths.Filter) -> Evaluator:
    return lambda context, frame: apply_filter(evaluator(context, frame), frame)


def _kept(evaluator: Evaluator) -> Evaluator:
    return lambda context, frame: unwrap(keep_singleton(evaluator(context, frame)))


def _unwrapped(evaluator: Evaluator) -> Evaluator:
    def evaluate(input: Value, frame: Frame) -> Value:
        value = evaluator(input, frame)
        return unwrap(value) if isinstance(value, Sequence) else value

    return evaluate
