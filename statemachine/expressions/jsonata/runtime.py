"""What an evaluation carries, and how functions are applied.

Rules
- `Runtime` is one evaluation: its environment and what is left of its budgets. `Frame` is one scope of variables.
- Depth is static but for calls: each compiled expression knows its depth within its unit (the whole text, or a lambda's
  body), and a frame the depth of the call that made it. Only a unit that may pass the limit counts at each node.
- The last call of a lambda comes back as a `TailCall`, which `apply` makes in a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.limits import NUMBER_BYTES, Environment, Limits
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Value
from statemachine.expressions.jsonata.signature import Signature


class Runtime:
    """One evaluation."""

    __slots__ = (
        "allocated",
        "bindings",
        "depth",
        "environment",
        "functions",
        "limits",
        "nested",
        "regex_steps",
        "site",
        "steps",
    )

    def __init__(
        self,
        bindings: dict[str, Value],
        environment: Environment,
        functions: Mapping[str, Native],
    ) -> None:
        self.bindings = bindings
        self.environment = environment
        self.functions = functions
        self.limits: Limits = environment.limits
        self.steps = environment.limits.steps
        """Steps left."""
        self.regex_steps = environment.limits.regex_steps
        """Steps of matching left."""
        self.allocated = environment.limits.total_bytes
        """Bytes left."""
        self.depth = 0
        """Depth of the call that a native function is in; it reads it before it calls anything."""
        self.site: tuple[Value, Frame | None] = (UNDEFINED, None)
        """Context and frame of that call, for functions that evaluate text."""
        self.nested = False
        """Whether a sequence, or a hole, was put into an array or object."""

    def step(self, count: int = 1) -> None:
        """Take steps off the budget. Raises JsonataError (U1002)."""
        self.steps -= count
        if self.steps < 0:
            raise JsonataError("U1002", max=self.limits.steps)

    def allocate(self, size: float) -> None:
        """Account for a new value of `size` bytes. Raises JsonataError (U1003)."""
        if size > self.limits.value_bytes:
            raise JsonataError("U1003")
        self.allocated -= int(size)
        if self.allocated < 0:
            raise JsonataError("U1003")

    def members(self, count: float) -> None:
        """Account for a sequence of `count` members. Raises JsonataError (U1003)."""
        self.allocate(count * NUMBER_BYTES)


class Frame:
    """A scope: its variables, the scope around it, and the depth at which it was entered."""

    __slots__ = ("base", "parent", "runtime", "variables")

    def __init__(self, variables: dict[str, Value], parent: Frame | None, base: int, runtime: Runtime) -> None:
        self.variables = variables
        self.parent = parent
        self.base = base
        self.runtime = runtime

    def lookup(self, name: str) -> Value:
        """The value of a variable from here outwards."""
        frame: Frame | None = self
        while frame is not None:
            value = frame.variables.get(name, MISSING)
            if value is not MISSING:
                return value
            frame = frame.parent
        return self.runtime.functions.get(name, UNDEFINED)


MISSING: Final = object()
"""No variable of that name here (a variable may well hold UNDEFINED)."""

Evaluator: TypeAlias = Callable[[Any, Frame], Any]
"""A compiled expression: context and frame to value."""


class Native(Function):
    """A function of the library. `implementation` takes the runtime, then the arguments that `signature` lets pass."""

    __slots__ = ("arity", "implementation", "name", "parameters", "signature")

    def __init__(self, name: str, implementation: Callable[..., Value], signature: str, arity: int) -> None:
        self.name = name
        self.implementation = implementation
        self.signature = Signature(signature)
        self.arity = arity
        """How many arguments a higher-order function gives it: its declared parameters."""


class RegexFunction(Function):
    """A regular expression: called with a text it gives the first match."""

    __slots__ = ("pattern",)
    arity = 2

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern


class NextMatch(Function):
    """The `next` of a match that a regular expression gave."""

    __slots__ = ("find",)
    arity = 0

    def __init__(self, find: Callable[[Runtime], Value]) -> None:
        self.find = find


class LambdaCode:
    """The compiled part of a lambda, shared by all functions made from it. It is compiled when first called."""

    __slots__ = ("_body", "_checked", "_compile", "height", "parameters", "signature", "weight")

    def __init__(
        self,
        parameters: tuple[str, ...],
        signature: Signature | None,
        compile_body: Callable[[bool], tuple[Evaluator, int, int]],
    ) -> None:
        self.parameters = parameters
        self.signature = signature
        self.height = 0
        self.weight = 1
        self._compile = compile_body
        self._body: Evaluator | None = None
        self._checked: Evaluator | None = None

    def body(self, depth: int, limit: int) -> Evaluator:
        """The body for a call at this depth: one that counts at each node if it may come to pass the limit."""
        if self._body is None:
            self._body, self.height, self.weight = self._compile(False)
        if depth + self.height <= limit:
            return self._body
        if self._checked is None:
            self._checked = self._compile(True)[0]
        return self._checked


class Lambda(Function):
    """A lambda with the scope and context it was made in."""

    __slots__ = ("code", "frame", "input")

    def __init__(self, code: LambdaCode, frame: Frame, input: Value) -> None:
        self.code = code
        self.frame = frame
        self.input = input

    @property
    def arity(self) -> int:
        return len(self.code.parameters)


class Partial(Function):
    """A function with some arguments given. `positions` says where those of a call go among `arguments`."""

    __slots__ = ("arguments", "function", "positions")

    def __init__(self, function: Function, arguments: list[Value], positions: list[int]) -> None:
        self.function = function
        self.arguments = arguments
        self.positions = positions

    @property
    def arity(self) -> int:
        return len(self.positions)


class Composition(Function):
    """`first ~> second`: a function of one argument."""

    __slots__ = ("first", "second")
    arity = 1

    def __init__(self, first: Function, second: Function) -> None:
        self.first = first
        self.second = second


class TransformFunction(Function):
    """`|pattern|update|`: a function of one object or array."""

    __slots__ = ("change",)
    arity = 1
    signature = Signature("<(oa):o>")

    def __init__(self, change: Callable[[Value, Runtime, int], Value]) -> None:
        self.change = change


class TailCall:
    """A call that the caller of the lambda is to make."""

    __slots__ = ("arguments", "function", "name", "position")

    def __init__(self, function: Value, arguments: list[Value], name: Value, position: int) -> None:
        self.function = function
        self.arguments = arguments
        self.name = name
        self.position = position


def overflow(depth: int, limits: Limits) -> JsonataError:
    """The error of an evaluation that is nested too deeply."""
    return JsonataError("U1001", depth=depth, max=limits.depth)


def arity(function: Function) -> int:
    """How many arguments a higher-order function gives to it."""
    return int(getattr(function, "arity", 1))


def apply(function: Value, arguments: list[Value], input: Value, runtime: Runtime, depth: int) -> Value:
    """Call a function at a depth. `input` is the context that a parameter left out may take."""
    result = _apply_once(function, arguments, input, runtime, depth)
    while type(result) is TailCall:
        call = result
        runtime.step()
        try:
            result = _apply_once(call.function, call.arguments, input, runtime, depth)
        except JsonataError as error:
            if error.token is None:
                error.token = call.name
            error.position = call.position
            raise
    return result


def _apply_once(function: Value, arguments: list[Value], input: Value, runtime: Runtime, depth: int) -> Value:
    kind = type(function)
    if kind is Native:
        runtime.steps -= 1
        runtime.depth = depth
        return function.implementation(runtime, *function.signature.validate(arguments, input))
    if kind is Lambda:
        return call_lambda(function, arguments, input, runtime, depth)
    runtime.step()
    if depth > runtime.limits.depth:
        raise overflow(depth, runtime.limits)
    match function:
        case Partial():
            complete = list(function.arguments)
            for position, value in zip(function.positions, arguments, strict=False):
                complete[position] = value
            return apply(function.function, complete, UNDEFINED, runtime, depth)
        case Composition():
            first = apply(function.first, arguments[:1], None, runtime, depth + 1)
            return apply(function.second, [first], None, runtime, depth + 1)
        case TransformFunction():
            (value,) = function.signature.validate(arguments, input)
            return function.change(value, runtime, depth)
        case RegexFunction():
            return function.pattern.call(runtime, *arguments[:1])
        case NextMatch():
            return function.find(runtime)
        case _:
            raise JsonataError("T1006")


def call_lambda(function: Lambda, arguments: list[Value], input: Value, runtime: Runtime, depth: int) -> Value:
    """One call of a lambda, without the tail call it may end in."""
    code = function.code
    runtime.steps -= code.weight
    if runtime.steps < 0:
        raise JsonataError("U1002", max=runtime.limits.steps)
    if code.signature is not None:
        arguments = code.signature.validate(arguments, input)
    parameters = code.parameters
    if len(arguments) == len(parameters):
        variables = dict(zip(parameters, arguments, strict=True))
    else:
        variables = dict.fromkeys(parameters, UNDEFINED)
        variables.update(zip(parameters, arguments, strict=False))
    body = code.body(depth, runtime.limits.depth)
    return body(function.input, Frame(variables, function.frame, depth, runtime))


def callback(function: Value, runtime: Runtime, depth: int) -> Callable[..., Value]:
    """The function for a loop that calls it with the number of arguments that `arity` says."""
    if type(function) is Lambda and function.code.signature is None:
        if len(function.code.parameters) == 1:
            return _unary_callback(function, runtime, depth)
        if len(function.code.parameters) == 2:
            return _binary_callback(function, runtime, depth)

        def call_lambda_with(*arguments: Value) -> Value:
            result = call_lambda(function, list(arguments), None, runtime, depth)
            return result if type(result) is not TailCall else _finish(result, runtime, depth)

        return call_lambda_with
    return lambda *arguments: apply(function, list(arguments), None, runtime, depth)


def _unary_callback(function: Lambda, runtime: Runtime, depth: int) -> Callable[..., Value]:
    code, input, outer = function.code, function.input, function.frame
    (parameter,) = code.parameters
    body = code.body(depth, runtime.limits.depth)

    def call(value: Value = UNDEFINED, *_more: Value) -> Value:
        runtime.steps -= code.weight
        if runtime.steps < 0:
            raise JsonataError("U1002", max=runtime.limits.steps)
        result = body(input, Frame({parameter: value}, outer, depth, runtime))
        return result if type(result) is not TailCall else _finish(result, runtime, depth)

    return call


def _binary_callback(function: Lambda, runtime: Runtime, depth: int) -> Callable[..., Value]:
    code, input, outer = function.code, function.input, function.frame
    first, second = code.parameters
    body = code.body(depth, runtime.limits.depth)

    def call(left: Value = UNDEFINED, right: Value = UNDEFINED, *_more: Value) -> Value:
        runtime.steps -= code.weight
        if runtime.steps < 0:
            raise JsonataError("U1002", max=runtime.limits.steps)
        result = body(input, Frame({first: left, second: right}, outer, depth, runtime))
        return result if type(result) is not TailCall else _finish(result, runtime, depth)

    return call


def _finish(call: TailCall, runtime: Runtime, depth: int) -> Value:
    try:
        return apply(call.function, call.arguments, None, runtime, depth)
    except JsonataError as error:
        if error.token is None:
            error.token = call.name
        error.position = call.position
        raise
