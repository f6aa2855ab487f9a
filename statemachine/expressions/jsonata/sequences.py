"""The values of JSONata as Python values.

Rules
- null is None, an object a dict, an array a list, a number an int or a float, and "nothing" is UNDEFINED.
- The original marks its arrays with flags. Here the class of a list is its flag:
  `list` an array from the data; `Sequence` what an expression selected, which as a result is its only member when it
  has one, and nothing when it has none; `KeptSequence` one of a single member that stays (`[]`); `OuterWrapper` the
  input when that is an array; `TupleStream` a sequence of tuples (dicts with "@"); `ConsArray` an array written in the
  expression that a path does not flatten.
- An array never changes once an expression can see it.
"""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

from statemachine.expressions.jsonata.errors import JsonataError


class Undefined:
    """The type of `UNDEFINED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()
"""No value: what a path that leads nowhere gives."""

Value: TypeAlias = Any
"""A JSON value, UNDEFINED, or a function."""


class Sequence(list[Any]):
    """Members that an expression selected."""

    __slots__ = ()


class KeptSequence(Sequence):
    """A sequence that stays an array although it has one member."""

    __slots__ = ()


class OuterWrapper(Sequence):
    """The input array as the only member of a sequence, so that paths take it as one value."""

    __slots__ = ()


class TupleStream(Sequence):
    """Members with the variables bound on the way to them: dicts of "@" and names."""

    __slots__ = ()


class ConsArray(list[Any]):
    """An array constructor at the start or end of a path: not flattened into the result."""

    __slots__ = ()


class Function:
    """What `$name` of a function, a lambda or a regular expression evaluates to."""

    __slots__ = ()


def unwrap(value: Value) -> Value:
    """A sequence as a result: nothing for none, the member for one, itself for more."""
    if isinstance(value, Sequence):
        if len(value) > 1 or type(value) is TupleStream:
            return value
        if not value:
            return UNDEFINED
        return value if type(value) is KeptSequence else value[0]
    return value


def keep_singleton(value: Value) -> Value:
    """What `[]` does to a result: its only member stays in an array."""
    if isinstance(value, Sequence) and len(value) == 1 and type(value) is not TupleStream:
        return KeptSequence(value)
    return value


def is_number(value: Value) -> bool:
    """Whether it is a number other than NaN. Raises JsonataError (D1001) for an infinity, as the original does."""
    kind = type(value)
    if kind is int:
        return True
    if kind is not float:
        return False
    if math.isinf(value):
        raise JsonataError("D1001", value=value)
    return not math.isnan(value)


def boolean(value: Value) -> bool:
    """The effective boolean of a value; false for UNDEFINED. A function is true here, but not for `$boolean`."""
    if value is True:
        return True
    if value is False or value is None or value is UNDEFINED:
        return False
    kind = type(value)
    if kind is str or kind is dict:
        return len(value) > 0
    if isinstance(value, list):
        return _any_true(value)
    if isinstance(value, Function):
        return True
    return is_number(value) and value != 0


def _any_true(value: list[Any]) -> bool:
    while len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return any(boolean(member) for member in value)


def deep_equal(left: Value, right: Value) -> bool:
    """Equality as JSON has it: true is not 1, 1 is 1.0, the order of keys does not matter."""
    kind, other = type(left), type(right)
    if kind is bool or other is bool or kind is str or left is None:
        return kind is other and bool(left == right)
    if kind is int or kind is float:
        return (other is int or other is float) and bool(left == right)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(deep_equal, left, right))
    if kind is dict and other is dict:
        return len(left) == len(right) and all(key in right and deep_equal(left[key], right[key]) for key in left)
    return left is right


def less(left: str, right: str) -> bool:
    """`<` on strings by UTF-16 code units, which differs from Python's order beyond the basic plane."""
    if left.isascii() or right.isascii() or (max(left) < "\ud800" and max(right) < "\ud800"):
        return left < right
    return left.encode("utf-16-be", "surrogatepass") < right.encode("utf-16-be", "surrogatepass")


def lookup(value: Value, key: str) -> Value:
    """The value of a key: of an object, or of each object in an array (one sequence, flattened)."""
    if type(value) is dict:
        return value.get(key, UNDEFINED)
    if not isinstance(value, list):
        return UNDEFINED
    found = Sequence()
    for member in value:
        result = member.get(key, UNDEFINED) if type(member) is dict else lookup(member, key)
        if isinstance(result, list):
            found.extend(result)
        elif result is not UNDEFINED:
            found.append(result)
    return found


def append(first: Value, second: Value) -> Value:
    """Both as one array; nothing adds nothing."""
    if first is UNDEFINED:
        return second
    if second is UNDEFINED:
        return first
    left = first if isinstance(first, list) else [first]
    return [*left, *second] if isinstance(second, list) else [*left, second]


def plain(value: Value) -> Value:
    """A result without sequences: lists of class `list` all the way down, null where nothing is inside an array."""
    if isinstance(value, list):
        return [
            plain(member) if isinstance(member, list | dict) else None if member is UNDEFINED else member
            for member in value
        ]
    if type(value) is dict:
        return {key: plain(member) if isinstance(member, list | dict) else member for key, member in value.items()}
    return value
