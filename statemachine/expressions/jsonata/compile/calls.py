"""Calls, partial applications, lambdas and `~>`.

Rules
- A call's arguments are evaluated at its own place; the call is made at its depth.
- The last call of a lambda goes back to `apply` as a `TailCall`: its parts count from the caller's depth.
- Errors get the function's name as their token, and the position of the outermost call of a function by name.
"""

from __future__ import annotations

from typing import Any

from statemachine.expressions.jsonata.ast import (
    Call,
    Chain,
    Expression,
    Lambda,
    Name,
    PartialCall,
    Path,
    Placeholder,
    Variable,
)
from statemachine.expressions.jsonata.compile import core
from statemachine.expressions.jsonata.compile.scope import Level, Scope, Unit
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.runtime import (
    Composition,
    Evaluator,
    Frame,
    LambdaCode,
    Native,
    Partial,
    TailCall,
    apply,
)
from statemachine.expressions.jsonata.runtime import Lambda as LambdaFunction
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Sequence, Value, keep_singleton, unwrap
from statemachine.expressions.jsonata.walk import bound_names


def _called_name(procedure: Expression) -> Value:
    """The name that errors show for what is called."""
    step = procedure.steps[0] if isinstance(procedure, Path) else procedure
    return step.value if isinstance(step, (Name, Variable)) else None


def _forgotten_dollar(procedure: Expression) -> str | None:
    """The name, where a function's name may lack its `$`."""
    step = procedure.steps[0] if isinstance(procedure, Path) else None
    return step.value if isinstance(step, Name) else None


def compile_call(node: Call, scope: Scope, depth: int) -> Evaluator:
    if node.tail:
        return _tail_call(node, scope)
    call = _compile_application(node, scope, depth)

    def evaluate(input: Value, frame: Frame) -> Value:
        result = call(input, frame, None)
        return unwrap(result) if isinstance(result, Sequence) else result

    if node.keep_array or node.predicates or node.group is not None:
        return lambda context, frame: call(context, frame, None)
    return evaluate


def _tail_call(node: Call, scope: Scope) -> Evaluator:
    procedure_of, arguments = _compile_parts(node, scope, 1)
    name, position = _called_name(node.procedure), node.position

    def evaluate(input: Value, frame: Frame) -> Value:
        function = procedure_of(input, frame)
        return TailCall(function, [argument(input, frame) for argument in arguments], name, position)

    return evaluate


def _compile_parts(node: Call, scope: Scope, depth: int) -> tuple[Evaluator, list[Evaluator]]:
    procedure = _guarded(node.procedure, core.compile_node(node.procedure, scope, depth), "T1005", node.position)
    return procedure, [core.compile_node(argument, scope, depth) for argument in node.arguments]


def _guarded(node: Expression, evaluator: Evaluator, code: str, position: int) -> Evaluator:
    """Say so when a function was called without its `$`."""
    name = _forgotten_dollar(node)
    if name is None:
        return evaluator

    def evaluate(input: Value, frame: Frame) -> Value:
        value = evaluator(input, frame)
        if value is UNDEFINED and frame.lookup(name) is not UNDEFINED:
            raise JsonataError(code, position=position, token=name)
        return value

    return evaluate


def _compile_application(node: Call, scope: Scope, depth: int) -> Any:
    """The call, of its arguments after a first one that `~>` may give."""
    procedure_of, arguments = _compile_parts(node, scope, depth + 1)
    name, position = _called_name(node.procedure), node.position
    of_text = name == "eval"

    def call(input: Value, frame: Frame, first: list[Value] | None) -> Value:
        function = procedure_of(input, frame)
        values = [argument(input, frame) for argument in arguments]
        if first is not None:
            values = first + values
        runtime = frame.runtime
        if of_text:
            runtime.site = (input, frame)
        try:
            if type(function) is Native:
                runtime.steps -= 1
                runtime.depth = frame.base + depth
                return function.implementation(runtime, *function.signature.validate(values, input))
            return apply(function, values, input, runtime, frame.base + depth)
        except JsonataError as error:
            if error.token is None:
                error.token = name
            if error.position is None or isinstance(function, Function):
                error.position = position
            raise

    return call


def compile_lambda(node: Lambda, scope: Scope) -> Evaluator:
    parameters = frozenset(node.parameters)
    names = bound_names([node.body]) | parameters

    def compile_body(checked: bool) -> tuple[Evaluator, int, int]:
        unit = Unit(scope.unit.limit, checked)
        body = core.compile_node(node.body, scope.in_unit(unit).enter(Level(names, parameters)), 1)
        return body, unit.height, unit.weight

    code = LambdaCode(tuple(node.parameters), node.signature, compile_body)
    return lambda context, frame: LambdaFunction(code, frame, context)


def compile_partial(node: PartialCall, scope: Scope, depth: int) -> Evaluator:
    compiled = core.compile_node(node.procedure, scope, depth + 1)
    procedure_of = _guarded(node.procedure, compiled, "T1007", node.position)
    arguments = [
        None if isinstance(argument, Placeholder) else core.compile_node(argument, scope, depth + 1)
        for argument in node.arguments
    ]
    name, position = _called_name(node.procedure), node.position

    def evaluate(input: Value, frame: Frame) -> Value:
        values = [UNDEFINED if argument is None else argument(input, frame) for argument in arguments]
        function = procedure_of(input, frame)
        if not isinstance(function, Function):
            raise JsonataError("T1008", position=position, token=name)
        if type(function) is Native and function.arity:
            values = values[: function.arity]  # the original gives a native function its declared parameters only
        open_at = [index for index, argument in enumerate(arguments) if argument is None and index < len(values)]
        return Partial(function, values, open_at)

    return evaluate


def compile_chain(node: Chain, scope: Scope, depth: int) -> Evaluator:
    left = core.compile_node(node.left, scope, depth + 1)
    if isinstance(node.right, Call):
        evaluate = _chained_call(left, node.right, scope, depth)
    else:
        evaluate = _chained_function(node, left, core.compile_node(node.right, scope, depth + 1), depth)
    keep = node.keep_array

    def finish(input: Value, frame: Frame) -> Value:
        result = evaluate(input, frame)
        return unwrap(keep_singleton(result) if keep else result) if isinstance(result, Sequence) else result

    return finish


def _chained_call(left: Evaluator, right: Call, scope: Scope, depth: int) -> Evaluator:
    call = _compile_application(right, scope, depth)
    return lambda context, frame: call(context, frame, [left(context, frame)])


def _chained_function(node: Chain, left: Evaluator, right: Evaluator, depth: int) -> Evaluator:
    position = node.position

    def evaluate(input: Value, frame: Frame) -> Value:
        value = left(input, frame)
        function = right(input, frame)
        if not isinstance(function, Function):
            raise JsonataError("T2006", position=position, value=function)
        if isinstance(value, Function):
            return Composition(value, function)
        return apply(function, [value], None, frame.runtime, frame.base + depth)

    return evaluate
