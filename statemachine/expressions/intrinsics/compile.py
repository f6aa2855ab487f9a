"""An intrinsic function compiled to a closure."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import assert_never

from statemachine.errors import INTRINSIC_FAILURE, EvaluationError
from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, Values
from statemachine.expressions.intrinsics.functions import INTRINSICS, FunctionError, Intrinsic, fill
from statemachine.expressions.intrinsics.parser import Argument, Call, Literal, PathArgument, Text, parse_intrinsic
from statemachine.expressions.jsonpath import compile_path
from statemachine.jsonvalue import Json


def is_intrinsic(text: str) -> bool:
    """Whether the text means to be an intrinsic function; it may still be a wrong one."""
    return text.lstrip().startswith("States.")


def intrinsic_name(text: str) -> str | None:
    """The name, without ``States.``, of the function that a right text calls; None for a path."""
    return parse_intrinsic(text).name if is_intrinsic(text) else None


@lru_cache(maxsize=4096)
def compile_intrinsic(text: str) -> Evaluate:
    """Compile ``States.Name(…)``. Raises ExpressionSyntaxError.

    Evaluating raises EvaluationError (States.IntrinsicFailure) if the function cannot work on its arguments, and
    PathNotFoundError if an argument is a path that leads nowhere.
    """
    return _compile_call(parse_intrinsic(text), text)


def _compile_call(call: Call, whole: str) -> Evaluate:
    function = INTRINSICS.get(call.name)
    if function is None:
        from difflib import get_close_matches

        likely = get_close_matches(call.name, INTRINSICS, n=1)
        meant = f"States.{likely[0]}" if likely else None
        raise ExpressionSyntaxError(
            f"There is no intrinsic function States.{call.name}", whole, call.offset, meant=meant
        )
    _check_arguments(call, function, whole)
    arguments = tuple(_compile_argument(argument, whole) for argument in call.arguments)
    implementation = function.implementation
    if call.name == "Format" and isinstance(call.arguments[0], Text):
        return _format(partial(fill, call.arguments[0].pieces), arguments[1:], call.text)
    if call.name == "MathAdd":
        return _math_add(implementation, arguments[0], arguments[1], call.text)
    if function.draws:
        return _drawing(implementation, arguments, call.text)
    return _calling(implementation, arguments, call.text)


def _check_arguments(call: Call, function: Intrinsic, whole: str) -> None:
    count, most = len(call.arguments), len(function.parameters)
    least = most - function.optional
    if count < least or (count > most and function.rest is None):
        expected = f"{least} to {most}" if function.optional else f"at least {least}" if function.rest else f"{least}"
        raise ExpressionSyntaxError(
            f"States.{call.name} takes {expected} argument{'' if expected == '1' else 's'}, not {count}",
            whole,
            call.offset,
        )
    for argument, kind in zip(call.arguments, function.parameters, strict=False):
        if isinstance(argument, Text | Literal) and not kind.admits(argument.value):
            raise ExpressionSyntaxError(f"Expected {kind.value}", whole, argument.offset)


def _compile_argument(argument: Argument, whole: str) -> Evaluate:
    match argument:
        case Text(value) | Literal(value):
            return lambda _: value
        case PathArgument(text, offset):
            try:
                return compile_path(text).evaluate
            except ExpressionSyntaxError as error:
                raise ExpressionSyntaxError(error.message, whole, offset + error.offset) from None
        case Call():
            return _compile_call(argument, whole)
        case _:
            assert_never(argument)


def _failure(text: str, error: FunctionError | RecursionError) -> EvaluationError:
    reason = "An argument is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return EvaluationError(INTRINSIC_FAILURE, f"The function '{text}' had the following error: {reason}")


def _calling(function: Callable[..., Json], arguments: tuple[Evaluate, ...], text: str) -> Evaluate:
    if len(arguments) == 1:
        only = arguments[0]

        def call_one(values: Values) -> Json:
            try:
                return function(only(values))
            except (FunctionError, RecursionError) as error:
                raise _failure(text, error) from None

        return call_one

    def call(values: Values) -> Json:
        try:
            return function(*[argument(values) for argument in arguments])
        except (FunctionError, RecursionError) as error:
            raise _failure(text, error) from None

    return call


def _drawing(function: Callable[..., Json], arguments: tuple[Evaluate, ...], text: str) -> Evaluate:
    def draw(values: Values) -> Json:
        try:
            return function(values.draws, *[argument(values) for argument in arguments])
        except (FunctionError, RecursionError) as error:
            raise _failure(text, error) from None

    return draw


def _format(join: Callable[[tuple[Json, ...]], str], arguments: tuple[Evaluate, ...], text: str) -> Evaluate:
    """States.Format with a literal template, which is cut into pieces once."""

    def fill_in(values: Values) -> Json:
        try:
            return join(tuple([argument(values) for argument in arguments]))
        except (FunctionError, RecursionError) as error:
            raise _failure(text, error) from None

    return fill_in


def _math_add(function: Callable[..., Json], first: Evaluate, second: Evaluate, text: str) -> Evaluate:
    """States.MathAdd, the counter of every loop: integers that surely fit are added at once."""

    def add(values: Values) -> Json:
        left, right = first(values), second(values)
        if type(left) is int and type(right) is int:
            total = left + right
            if -0x7FFF_FFFF < total < 0x7FFF_FFFF and -0x7FFF_FFFF < left < 0x7FFF_FFFF:
                return total
        try:
            return function(left, right)
        except (FunctionError, RecursionError) as error:
            raise _failure(text, error) from None

    return add
