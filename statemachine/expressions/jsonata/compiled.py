"""The public face: compile a text, evaluate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statemachine.expressions.jsonata.ast import Expression
from statemachine.expressions.jsonata.compile import Code, compile_tree
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions import FUNCTIONS
from statemachine.expressions.jsonata.limits import DEFAULT_LIMITS, Environment, Limits
from statemachine.expressions.jsonata.parser import parse
from statemachine.expressions.jsonata.references import References, find_references
from statemachine.expressions.jsonata.resolve import resolve
from statemachine.expressions.jsonata.runtime import Frame, Native, Runtime, overflow
from statemachine.expressions.jsonata.sequences import Function, OuterWrapper, Sequence, Value, plain


class CompiledJsonata:
    """A compiled expression. It has no state: one object may be evaluated any number of times, also nested."""

    __slots__ = ("_code", "_functions", "text")

    def __init__(self, text: str, code: Code, functions: Mapping[str, Native]) -> None:
        self.text = text
        self._code = code
        self._functions = functions

    @property
    def tree(self) -> Expression:
        """The resolved syntax tree."""
        return self._code.tree

    def evaluate(self, input: Value, bindings: Mapping[str, Any], environment: Environment) -> Value:
        """The value for this input (`$`, `$$`) and these variables: JSON, a function (`is_function`), or UNDEFINED.

        Whole numbers are ints; NaN and the infinities are floats. The result may share structure with the input.
        Raises JsonataError.
        """
        runtime = Runtime({**bindings, "$": input}, environment, self._functions)
        frame = Frame(runtime.bindings, None, 0, runtime)
        if isinstance(input, list):
            input = OuterWrapper([input])
        try:
            result = self._code.evaluate(input, frame)
            if runtime.nested or isinstance(result, list):
                return plain(result) if runtime.nested else _outermost(result)
        except RecursionError:
            raise overflow(environment.limits.depth + 1, environment.limits) from None
        return result


def _outermost(result: Value) -> Value:
    if type(result) is OuterWrapper:
        return result[0]
    if isinstance(result, Sequence) or type(result) is not list:
        return plain(result)
    return result


def compile_jsonata(
    text: str, *, functions: Mapping[str, Native] = FUNCTIONS, limits: Limits = DEFAULT_LIMITS
) -> CompiledJsonata:
    """Compile a text for a table of functions. Evaluations cannot get deeper than the `limits` given here.

    Raises JsonataError (S0xxx for the syntax, U1004 and U1005 for its size).
    """
    try:
        return CompiledJsonata(text, compile_tree(resolve(parse(text, limits)), limits.depth), functions)
    except RecursionError:
        raise JsonataError("U1004", position=0, max=limits.nesting) from None


def references(compiled: CompiledJsonata) -> References:
    """The free variables and top-level names of an expression, those of functions among them, with positions."""
    return find_references(compiled.tree)


def is_function(value: Value) -> bool:
    """Whether a result is a function: a lambda, one of the library, or a regular expression."""
    return isinstance(value, Function)
