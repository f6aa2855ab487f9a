"""Shapes: what is known about a JSON value before anything runs.

A shape says what the value can have at most. It is open (anything, but for the members that it lists), or it lists all
members that an object may have and what the elements of an array may be; a value that is neither has no members. So
the shape of what two ways lead to is the union of both, and a member that no way gives is missing for sure.

Rules
- `size` is a lower bound of the value's bytes as compact JSON, `length` the exact length of an array, `constant` the
  value of a scalar, where they are known.
- Shapes are immutable and shared; joining gives back one of its arguments where the other adds nothing, so that a fixed
  point is seen by identity.
- Bounded: what is deeper than `DEPTH` or wider than `WIDTH` is OPEN, and a `Budget` counts all work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from statemachine.jsonvalue import Json

DEPTH: Final = 16
WIDTH: Final = 256
ELEMENTS: Final = 64
"""Elements of a literal array that are looked at; those of a longer one are OPEN."""


class ExhaustedError(Exception):
    """The analysis has done as much work as it may."""


class Budget:
    """What is left of the work that one analysis may do, in nodes of shapes and templates."""

    __slots__ = ("_left",)

    def __init__(self, work: int) -> None:
        self._left = work

    def take(self, work: int = 1) -> None:
        """Count work. Raises ExhaustedError."""
        self._left -= work
        if self._left < 0:
            raise ExhaustedError


class _NotConstant(Enum):
    NOT_CONSTANT = "not constant"


NOT_CONSTANT: Final = _NotConstant.NOT_CONSTANT
Constant: TypeAlias = Json | _NotConstant
_NO_MEMBERS: Final[Mapping[str, Shape]] = MappingProxyType({})


class Shape(Struct, frozen=True, eq=False):
    """What a value can have at most."""

    is_open: bool = False
    """It may have anything beside `members`; what those are is known if they are there."""
    members: Mapping[str, Shape] = field(default_factory=lambda: _NO_MEMBERS)
    element: Shape | None = None
    """What an element is; None: it is no array that has any."""
    is_array: bool = False
    """It may be an array."""
    length: int | None = None
    size: int = 1
    constant: Constant = NOT_CONSTANT
    depth: int = 0
    is_certain: bool = True
    """Every member is there; otherwise some may not be."""


OPEN: Final = Shape(is_open=True)
"""Anything."""
SCALAR: Final = Shape()
"""A text, a number, true, false or null."""
EMPTY_OBJECT: Final = Shape(size=2)
TEXT: Final = Shape(size=2)


class _Lost(Enum):
    LOST = "lost"


Lost: TypeAlias = _Lost
LOST: Final = _Lost.LOST
"""A path leads nowhere."""


def made_object(members: Mapping[str, Shape], size: int | None = None) -> Shape:
    """An object that has these members; with a `size` it has some of them."""
    depth = 0
    total = 1 + len(members) if members else 2
    for name, each in members.items():
        total += len(name) + 3 + each.size
        if each.depth > depth:
            depth = each.depth
    least = total if size is None else size
    if depth >= DEPTH or len(members) > WIDTH:
        return replace(OPEN, size=least)
    return Shape(members=members, size=least, depth=depth + 1, is_certain=size is None)


def array_of(element: Shape | None, length: int | None, size: int | None = None) -> Shape:
    """An array with such elements; `size` where they are not all alike."""
    inner = SCALAR if element is None else element
    if size is None:
        size = 2 if not length else 1 + length * (inner.size + 1)
    if inner.depth >= DEPTH:
        return replace(OPEN, size=size)
    return Shape(element=element, is_array=True, length=length, size=size, depth=inner.depth + 1)


def literal(value: Json, budget: Budget) -> Shape:
    """The shape of a value that is written in the definition."""
    budget.take()
    if isinstance(value, dict):
        return made_object({name: literal(each, budget) for name, each in value.items()})
    if isinstance(value, list):
        shapes = [literal(each, budget) for each in value]
        size = 1 + len(value) + sum(each.size for each in shapes) if shapes else 2
        if len(value) > ELEMENTS:
            return array_of(OPEN, len(value), size)
        element = None
        for each in shapes:
            element = each if element is None else join(element, each, budget)
        return array_of(element, len(value), size)
    return scalar(value)


def scalar(value: Json) -> Shape:
    """A text, a number, true, false or null that is known."""
    if isinstance(value, str):
        return Shape(size=len(value) + 2, constant=value)
    if value is None or isinstance(value, bool):
        return Shape(size=5 if value is False else 4, constant=value)
    return Shape(size=1, constant=value)


def join(left: Shape, right: Shape, budget: Budget) -> Shape:
    """What either may be."""
    if left is right:
        return left
    budget.take()
    size = min(left.size, right.size)
    if left.is_open or right.is_open:
        return _joined_open(left, right, size, budget)
    members = _joined_members(left.members, right.members, budget)
    element = left.element
    if right.element is not None:
        element = right.element if element is None else join(element, right.element, budget)
    is_array = left.is_array or right.is_array
    length = left.length if left.length == right.length and left.is_array == right.is_array else None
    same = type(left.constant) is type(right.constant) and left.constant == right.constant
    constant = left.constant if same else NOT_CONSTANT
    is_certain = left.is_certain and right.is_certain and left.members.keys() == right.members.keys()
    for side in (left, right):
        if (
            members is side.members
            and element is side.element
            and is_array is side.is_array
            and length == side.length
            and size == side.size
            and constant is side.constant
            and is_certain is side.is_certain
        ):
            return side
    if len(members) > WIDTH:
        return replace(OPEN, size=size)
    return Shape(False, members, element, is_array, length, size, constant, max(left.depth, right.depth), is_certain)


def _joined_open(left: Shape, right: Shape, size: int, budget: Budget) -> Shape:
    """An open shape: of the members that one side has, those that the other side cannot have otherwise."""
    members: dict[str, Shape] = {}
    for name, mine in left.members.items():
        other = right.members.get(name)
        if other is not None:
            members[name] = join(mine, other, budget)
        elif not right.is_open:
            members[name] = mine
    if not left.is_open:
        members |= {name: other for name, other in right.members.items() if name not in left.members}
    budget.take(len(left.members) + len(right.members))
    is_array = left.is_array or right.is_array
    if left.is_open and size == left.size and is_array is left.is_array and _are_same(members, left.members):
        return left
    return _open_with(members, size, is_array=is_array)


def _are_same(members: Mapping[str, Shape], others: Mapping[str, Shape]) -> bool:
    return len(members) == len(others) and all(each is others.get(name) for name, each in members.items())


def _open_with(members: Mapping[str, Shape], size: int, *, is_array: bool = False) -> Shape:
    """Anything, with these members if they are there; `is_array`: what is listed may not be all there is of them."""
    depth = max((each.depth for each in members.values()), default=-1) + 1
    if depth > DEPTH or len(members) > WIDTH:
        return replace(OPEN, size=size)
    return Shape(is_open=True, members=members, is_array=is_array, size=size, depth=depth)


def _joined_members(left: Mapping[str, Shape], right: Mapping[str, Shape], budget: Budget) -> Mapping[str, Shape]:
    """All members of both; one of the two where it has them all."""
    if left is right or not right:
        return left
    if not left:
        return right
    budget.take(len(right))
    joined: dict[str, Shape] = {}
    as_left = True
    for name, each in right.items():
        mine = left.get(name)
        shape = each if mine is None else join(mine, each, budget)
        if shape is not mine:
            as_left = False
            joined[name] = shape
    return left if as_left else {**left, **joined}


def follow(shape: Shape, steps: tuple[str | int, ...], *, maps: bool = False) -> tuple[Shape | Lost, int]:
    """What a path leads to, and at which step it ends if it leads nowhere.

    With `maps`, a name goes into the elements of an array, and what it gives is open.
    """
    for number, step in enumerate(steps):
        if maps and shape.is_array:
            return OPEN, number
        inner = shape.members.get(step) if isinstance(step, str) else _element(shape, step)
        if inner is None:
            return (OPEN if shape.is_open else LOST), number
        shape = inner
    return shape, len(steps)


def _element(shape: Shape, index: int) -> Shape | None:
    if not shape.is_array or (shape.length is not None and not -shape.length <= index < shape.length):
        return None
    return shape.element


def write(shape: Shape, steps: tuple[str | int, ...], value: Shape, budget: Budget) -> Shape:
    """A value like `shape` with `value` at a place (ResultPath)."""
    if not steps:
        return value
    budget.take()
    step = steps[0]
    if not isinstance(step, str):
        return replace(OPEN, size=value.size)
    inner = write(shape.members.get(step, OPEN if shape.is_open else EMPTY_OBJECT), steps[1:], value, budget)
    members = {**shape.members, step: inner}
    if not shape.is_certain or shape.is_open:
        size = len(step) + 5 + inner.size + (0 if step in shape.members or shape.is_open else shape.size - 2)
        return _open_with(members, size) if shape.is_open else made_object(members, size)
    return made_object(members)
