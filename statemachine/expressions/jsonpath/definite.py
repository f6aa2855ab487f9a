"""Definite paths: one closure over the names and indexes of the path.

These are nearly all paths of real definitions, and the hottest code of the engine: the shapes that occur most have a
closure of their own. Each closure takes `fail`, which is called with the values when the path leads nowhere: it raises
for `evaluate` and gives MISSING for `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, NoReturn, TypeAlias

from statemachine.expressions.base import Evaluate, PathNotFoundError, Values, shown
from statemachine.expressions.jsonpath.tokens import Members, Subscript, Token, fragment
from statemachine.jsonvalue import Json


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


Missing: TypeAlias = _Missing
MISSING: Final = _Missing.MISSING
"""The path leads nowhere; null is None."""

Fetch: TypeAlias = Callable[[Values], Json]
"""Gives the document that a path reads. An undefined variable raises KeyError."""

Step: TypeAlias = str | int | tuple[str, ...]
"""A member, an element, or several members, which are read into one new object (``['a','b']``)."""

LEAVES_ONLY = "Multi properties can only be used as path leafs"


def definite_steps(tokens: tuple[Token, ...]) -> tuple[Step, ...] | None:
    """The steps if the path is definite: it can lead to one value only. Otherwise None."""
    steps: list[Step] = []
    for token in tokens:
        match token:
            case Members(names=(name,)):
                steps.append(name)
            case Members(names=names):
                steps.append(names)
            case Subscript(text) if _is_index(text):
                steps.append(int(text))
            case _:
                return None
    return tuple(steps)


def _is_index(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def walk(document: Json, steps: tuple[Step, ...]) -> Json:
    """Follow the steps. Raises KeyError, TypeError or IndexError where they lead nowhere."""
    for position, step in enumerate(steps):
        if type(step) is str:
            document = document[step]
        elif type(step) is int:
            if type(document) is not list:
                raise TypeError
            document = document[step]
        elif position + 1 < len(steps) or type(document) is not dict or type(step) is not tuple:
            raise TypeError
        else:
            document = {name: document[name] for name in step if name in document}
    return document


def compile_input(steps: tuple[Step, ...], fail: Evaluate) -> Evaluate:
    """A closure for a path from ``$``."""
    match steps:
        case ():
            return lambda values: values.input
        case (str(first),):

            def one(values: Values) -> Json:
                try:
                    return values.input[first]
                except (KeyError, TypeError):
                    return fail(values)

            return one
        case (str(first), str(second)):

            def two(values: Values) -> Json:
                try:
                    return values.input[first][second]
                except (KeyError, TypeError):
                    return fail(values)

            return two
        case (str(first), str(second), str(third)):

            def three(values: Values) -> Json:
                try:
                    return values.input[first][second][third]
                except (KeyError, TypeError):
                    return fail(values)

            return three
        case _:
            return compile_from(lambda values: values.input, steps, fail)


def compile_from(fetch: Fetch, steps: tuple[Step, ...], fail: Evaluate) -> Evaluate:
    """A closure for a path from another document."""
    names = tuple(step for step in steps if isinstance(step, str))
    if len(names) == len(steps):

        def members(values: Values) -> Json:
            document = fetch(values)
            try:
                for name in names:
                    document = document[name]
            except (KeyError, TypeError):
                return fail(values)
            return document

        return members

    def any_steps(values: Values) -> Json:
        document = fetch(values)
        try:
            return walk(document, steps)
        except (KeyError, TypeError, IndexError):
            return fail(values)

    return any_steps


def compile_variable(name: str, steps: tuple[Step, ...], fail: Evaluate) -> Evaluate:
    """A closure for a path from a variable; an undefined variable leads nowhere."""
    if not steps:

        def variable(values: Values) -> Json:
            try:
                return values.variables[name]
            except KeyError:
                return fail(values)

        return variable

    def within(values: Values) -> Json:
        try:
            return walk(values.variables[name], steps)
        except (KeyError, TypeError, IndexError):
            return fail(values)

    return within


def raise_not_found(text: str, tokens: tuple[Token, ...], fetch: Fetch) -> Callable[[Values], NoReturn]:
    """What `evaluate` does when the path leads nowhere."""

    def fail(values: Values) -> NoReturn:
        try:
            document = fetch(values)
        except KeyError:
            raise PathNotFoundError(text, f"No results for path: {text}") from None
        raise PathNotFoundError(text, explain(document, tokens)) from None

    return fail


def explain(document: Json, tokens: tuple[Token, ...]) -> str:
    """Why a definite path leads nowhere in this document, in Jayway's words.

    Sources: fact jsonpath-missing-inputpath-cause (No results), a recorded cause of an OutputPath (Missing property);
    the others are those of the library's versions without path functions.
    """
    reached = "$"
    for position, token in enumerate(tokens):
        last = position + 1 == len(tokens)
        here = reached + fragment(token)
        match token:
            case Members(names):
                if type(document) is not dict:
                    return f"Property {fragment(token)} not found in path {reached}"
                if len(names) > 1:
                    return f"{LEAVES_ONLY}: {here}"
                if names[0] not in document:
                    return f"No results for path: {here}" if last else f"Missing property in path {here}"
                document = document[names[0]]
            case Subscript(text):
                if document is None:
                    return f"The path {reached} is null"
                rest = "".join(map(fragment, tokens[position:]))
                if type(document) is not list:
                    return f"Filter: {rest} can only be applied to arrays. Current context is: {shown(document)}"
                if not -len(document) <= int(text) < len(document):
                    return f"No results for path: {reached}{rest}"
                document = document[int(text)]
            case _:
                break
        reached = here
    return f"No results for path: {reached}"
