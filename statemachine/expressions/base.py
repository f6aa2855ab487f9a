"""What every expression is: a closure from `Values` to JSON.

Rules
- Compiling may fail with `ExpressionSyntaxError`, which becomes a diagnostic; evaluating may fail with
  `EvaluationError`, which becomes an ASL failure, or with `PathNotFoundError`, which the field that holds the path
  words in its own way (AWS's causes differ between InputPath, Parameters and Choice).
- Evaluation is a pure function of `Values`: the clock comes through the context object, chance through `draws`.
- Nothing is changed in place; results may share structure with the input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from statemachine.jsonvalue import Json, encode_json


class Draws(Protocol):
    """Chance, reproducible: the same draws come again on replay."""

    def uuid(self) -> str:
        """A version 4 UUID."""

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1."""

    def fraction(self) -> float:
        """A number from 0 up to, but not, 1."""


class Values:
    """What an expression may read: ``$`` (`input`), ``$$`` (`context`), ``$name`` (`variables`), chance (`draws`) and
    the time (`now_ms`, milliseconds since 1970)."""

    __slots__ = ("_context", "_make_context", "draws", "input", "now_ms", "variables")

    def __init__(
        self,
        input: Json,
        make_context: Callable[[], Json],
        variables: Mapping[str, Json],
        draws: Draws,
        now_ms: int = 0,
    ) -> None:
        self.input = input
        self.variables = variables
        self.draws = draws
        self.now_ms = now_ms
        self._make_context = make_context
        self._context: Json = None

    @property
    def context(self) -> Json:
        """The context object. It is built when first asked for: few states read it."""
        if self._context is None:
            self._context = self._make_context()
        return self._context

    def with_input(self, input: Json) -> Values:
        """The same values around another ``$``."""
        other = Values(input, self._make_context, self.variables, self.draws, self.now_ms)
        other._context = self._context
        return other


Evaluate: TypeAlias = Callable[[Values], Json]
"""A compiled expression."""


def shown(value: Json) -> str:
    """The value as causes show it: compact JSON; an ellipsis for one that is nested too deeply to be written."""
    try:
        return encode_json(value).decode()
    except ValueError:
        return "…"


class ExpressionSyntaxError(Exception):
    """An expression text is wrong. `offset` counts characters from 0 within `expression`; `meant` is the name that was
    probably meant."""

    def __init__(self, message: str, expression: str, offset: int = 0, *, meant: str | None = None) -> None:
        super().__init__(message)
        self.meant = meant
        self.message = message
        self.expression = expression
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.message}\n  {self.expression}\n  {' ' * self.offset}^"


class PathNotFoundError(Exception):
    """A definite path leads nowhere in this data. `detail` is the path library's wording that AWS shows.

    For a missing last member ``No results for path: $['a']['b']``, for a missing one before it
    ``Missing property in path $['a']``.
    """

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"Invalid path '{path}' : {detail}")
        self.path = path
        self.detail = detail
