"""Fields that take a path or an intrinsic function: ``.$`` values of a template, ErrorPath, CausePath."""

from __future__ import annotations

from typing import NoReturn

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, PathNotFoundError, Values, shown
from statemachine.expressions.intrinsics import compile_intrinsic, is_intrinsic
from statemachine.expressions.jsonpath import compile_path
from statemachine.jsonvalue import Json


def compile_expression(text: str) -> Evaluate:
    """Compile a path or an intrinsic function. Raises ExpressionSyntaxError.

    Evaluating may raise EvaluationError, and PathNotFoundError for a path that leads nowhere.
    """
    if is_intrinsic(text):
        return compile_intrinsic(text)
    if text.lstrip().startswith("$"):
        return compile_path(text).evaluate
    raise ExpressionSyntaxError("Expected a path, which starts with '$', or an intrinsic function, States.…(…)", text)


def compile_field(field_name: str, text: str) -> Evaluate:
    """The same for a named field, which words the missing path itself: only EvaluationError is raised.

    Facts jsonpath-missing-parameters-cause, jsonpath-missing-causepath.
    """
    evaluate = compile_expression(text)

    def field(values: Values) -> Json:
        try:
            return evaluate(values)
        except PathNotFoundError as missing:
            raise_missing(field_name, missing, values)

    return field


def raise_missing(field_name: str, missing: PathNotFoundError, values: Values) -> NoReturn:
    """Word a missing path as AWS does for a field; the input shown is ``$``, for context paths too (fact
    jsonpath-missing-context-path-cause)."""
    raise EvaluationError(
        RUNTIME,
        f"The JSONPath '{missing.path}' specified for the field '{field_name}' could not be found in the input "
        f"'{shown(values.input)}'",
    ) from None
