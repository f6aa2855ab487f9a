"""Paths: ``$…`` into the input, ``$$…`` into the context object, ``$name…`` into a variable.

A definite path gives the value it leads to and fails where it leads nowhere; any other path gives an array of all that
it finds, also when that is one value or none (facts jsonpath-filter-one-match-is-array, jsonpath-missing-nested-
wildcard-empty).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from operator import attrgetter

from msgspec import Struct

from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, Values
from statemachine.expressions.jsonpath.definite import (
    MISSING,
    Fetch,
    Missing,
    compile_from,
    compile_input,
    compile_variable,
    definite_steps,
    raise_not_found,
)
from statemachine.expressions.jsonpath.tokens import Token, tokenize
from statemachine.jsonvalue import Json

MAX_VARIABLE_NAME = 80
"""Characters of a variable's name (developer guide, "Passing data between states with variables")."""

_ROOT = re.compile(r"\s*\$(?:(?P<context>\$)|(?P<variable>[^\W\d]\w*))?")


class PathRoot(Enum):
    """What a path starts from."""

    INPUT = "$"
    CONTEXT = "$$"
    VARIABLE = "$name"


class Path(Struct, frozen=True):
    """A compiled path. `variable` is the name for a path into a variable."""

    text: str
    root: PathRoot
    variable: str | None
    definite: bool
    evaluate: Evaluate
    """Raises PathNotFoundError when a definite path leads nowhere, EvaluationError when too much is visited."""
    lookup: Callable[[Values], Json | Missing]
    """The same, but MISSING when a definite path leads nowhere."""


class ParsedPath(Struct, frozen=True):
    """A path's root and steps."""

    root: PathRoot
    variable: str | None
    tokens: tuple[Token, ...]


def parse_path(text: str) -> ParsedPath:
    """Take a path apart. Raises ExpressionSyntaxError."""
    match = _ROOT.match(text)
    if match is None:
        raise ExpressionSyntaxError("A path starts with '$'", text)
    variable = match["variable"]
    if variable is not None and len(variable) > MAX_VARIABLE_NAME:
        raise ExpressionSyntaxError(f"A variable's name has at most {MAX_VARIABLE_NAME} characters", text, match.end())
    tokens = tokenize(text, match.end())
    if match["context"]:
        return ParsedPath(PathRoot.CONTEXT, None, tokens)
    return ParsedPath(PathRoot.INPUT if variable is None else PathRoot.VARIABLE, variable, tokens)


@lru_cache(maxsize=4096)
def compile_path(text: str) -> Path:
    """Compile a path. Raises ExpressionSyntaxError."""
    parsed = parse_path(text)
    fetch = _fetch(parsed)
    steps = definite_steps(parsed.tokens)
    if steps is None:
        from statemachine.expressions.jsonpath.indefinite import compile_indefinite

        find = compile_indefinite(text, parsed.tokens)
        fail = raise_not_found(text, (), fetch)
        evaluate = _search(fetch, find, fail)
        lookup = _search(fetch, find, _missing)
        return Path(text, parsed.root, parsed.variable, False, evaluate, lookup)

    fail = raise_not_found(text, parsed.tokens, fetch)

    def compiled(fail: Evaluate) -> Evaluate:
        if parsed.root is PathRoot.INPUT:
            return compile_input(steps, fail)
        if parsed.variable is not None:
            return compile_variable(parsed.variable, steps, fail)
        return compile_from(fetch, steps, fail)

    return Path(text, parsed.root, parsed.variable, True, compiled(fail), compiled(_missing))


def _missing(_: Values) -> Missing:
    return MISSING


def _fetch(parsed: ParsedPath) -> Fetch:
    match parsed.root:
        case PathRoot.INPUT:
            return attrgetter("input")
        case PathRoot.CONTEXT:
            return attrgetter("context")
        case PathRoot.VARIABLE:
            name = parsed.variable
            assert name is not None
            return lambda values: values.variables[name]


def _search(fetch: Fetch, find: Callable[[Json], list[Json]], fail: Evaluate) -> Evaluate:
    """An indefinite path fails only when its variable is undefined."""

    def search(values: Values) -> Json:
        try:
            document = fetch(values)
        except KeyError:
            return fail(values)
        return find(document)

    return search
