"""Where an expression stands when it is compiled: its unit, the scopes around it, its depth.

Rules
- A unit is what is called at once: the whole text, or a lambda's body. Depth counts from 1 at its outermost node.
- `Scope.levels` mirrors the frames at run time, the innermost first, without the root's: so the frame that has a
  variable is known as so many steps outwards. A level whose names are None (tuples, `$eval`) may bind any name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from statemachine.expressions.jsonata.runtime import Evaluator, Frame, overflow
from statemachine.expressions.jsonata.sequences import Value

T = TypeVar("T")


class Unit(Struct):
    """What is being compiled: its bounds, and what became of it."""

    limit: int
    """The depth at which no evaluation can get further."""
    checked: bool
    """Whether each node looks at its depth."""
    height: int = 0
    weight: int = 0
    """The number of nodes: what one evaluation of the unit counts for."""


class Level(Struct, frozen=True):
    """The names of one frame: `bound` has those that are bound from the start."""

    names: frozenset[str] | None
    bound: frozenset[str] = frozenset()


ANY_NAME = Level(None)


class Scope(Struct, frozen=True):
    unit: Unit
    levels: tuple[Level, ...] = ()

    def enter(self, level: Level) -> Scope:
        """The scope inside a new frame."""
        return Scope(self.unit, (level, *self.levels))

    def in_unit(self, unit: Unit) -> Scope:
        return Scope(unit, self.levels)


def too_deep(depth: int) -> Evaluator:
    """What stands for an expression that lies deeper than any evaluation gets."""

    def evaluate(_input: Value, frame: Frame) -> Value:
        raise overflow(frame.base + depth, frame.runtime.limits)

    return evaluate


def checked(evaluator: Evaluator, depth: int) -> Evaluator:
    """The expression, but not below the limit."""

    def evaluate(input: Value, frame: Frame) -> Value:
        limits = frame.runtime.limits
        if frame.base + depth > limits.depth:
            raise overflow(limits.depth + 1, limits)
        return evaluator(input, frame)

    return evaluate


def deferred(make: Callable[[], T]) -> Callable[[], T]:
    """Make something at most once, when it is first needed. Rarely used variants are compiled so: compiling each
    expression twice, nested, would take exponential time."""
    made: list[T] = []

    def get() -> T:
        if not made:
            made.append(make())
        return made[0]

    return get
