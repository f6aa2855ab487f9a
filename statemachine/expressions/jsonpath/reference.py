"""Reference paths: paths that name exactly one place, which ResultPath writes to (states-language.net, "Reference
Paths": no ``@ , : ? * ..``)."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from statemachine.errors import RESULT_PATH_MATCH_FAILURE, EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, shown
from statemachine.expressions.jsonpath.definite import definite_steps
from statemachine.expressions.jsonpath.path import PathRoot, parse_path
from statemachine.jsonvalue import Json


class _BlockedError(Exception):
    """The value on the way is neither an object nor an array that has the element."""


class ReferencePath(Struct, frozen=True):
    """A place in the input."""

    text: str
    steps: tuple[str | int, ...]

    def write(self, document: Json, value: Json) -> Json:
        """A document with `value` at this place, sharing everything else with `document`, which stays as it is.

        Objects that are missing on the way are made; an element must exist already. Raises EvaluationError
        (States.ResultPathMatchFailure) if a value on the way cannot hold the next step.
        """
        try:
            return _write(document, self.steps, 0, value)
        except _BlockedError:
            raise EvaluationError(
                RESULT_PATH_MATCH_FAILURE, f"Unable to apply ReferencePath {self.text} to input {shown(document)}"
            ) from None


def _write(document: Json, steps: tuple[str | int, ...], at: int, value: Json) -> Json:
    if at == len(steps):
        return value
    step = steps[at]
    if isinstance(step, str):
        if type(document) is not dict:
            raise _BlockedError
        inner = document[step] if step in document else _made(steps, at + 1)
        return {**document, step: _write(inner, steps, at + 1, value)}
    if type(document) is not list or not -len(document) <= step < len(document):
        raise _BlockedError
    changed = document.copy()
    changed[step] = _write(document[step], steps, at + 1, value)
    return changed


def _made(steps: tuple[str | int, ...], at: int) -> Json:
    """What stands for a missing member: the object that the rest of the path is written into."""
    if at < len(steps) and not isinstance(steps[at], str):
        raise _BlockedError
    return {}


@lru_cache(maxsize=4096)
def compile_reference_path(text: str) -> ReferencePath:
    """Compile a reference path into the input. Raises ExpressionSyntaxError."""
    parsed = parse_path(text)
    if parsed.root is not PathRoot.INPUT:
        raise ExpressionSyntaxError("A reference path starts with '$' and names a place in the input", text)
    steps = definite_steps(parsed.tokens)
    names_and_indexes = tuple(step for step in steps or () if not isinstance(step, tuple))
    if steps is None or len(names_and_indexes) < len(steps):
        raise ExpressionSyntaxError("A reference path names one place: no '@', ',', ':', '?', '*' or '..'", text)
    return ReferencePath(text, names_and_indexes)
