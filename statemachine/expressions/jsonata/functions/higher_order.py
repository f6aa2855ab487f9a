"""Functions that call functions. They read the depth of their own call before the first one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row
from statemachine.expressions.jsonata.runtime import Runtime, arity, callback
from statemachine.expressions.jsonata.sequences import UNDEFINED, Sequence, Value, boolean, is_number, less


def _caller(runtime: Runtime, function: Value) -> Callable[[Value, Value, Value], Value]:
    """The function for value, position (or key) and the whole, of which it gets as many as it takes."""
    call = callback(function, runtime, runtime.depth)
    takes = arity(function)
    if takes >= 3:
        return call
    if takes == 2:
        return lambda value, position, _whole: call(value, position)
    return lambda value, _position, _whole: call(value)


def map_(runtime: Runtime, members: Value, function: Value) -> Value:
    """`$map`."""
    if members is UNDEFINED:
        return UNDEFINED
    runtime.members(len(members))
    found = Sequence()
    if arity(function) < 2:
        call = callback(function, runtime, runtime.depth)
        for member in members:
            value = call(member)
            if value is not UNDEFINED:
                found.append(value)
    else:
        call_with = _caller(runtime, function)
        for index, member in enumerate(members):
            value = call_with(member, index, members)
            if value is not UNDEFINED:
                found.append(value)
    runtime.nested = runtime.nested or any(isinstance(value, Sequence) for value in found)
    return found


def filter_(runtime: Runtime, members: Value, function: Value) -> Value:
    """`$filter`."""
    if members is UNDEFINED:
        return UNDEFINED
    runtime.members(len(members))
    call = _caller(runtime, function)
    return Sequence([member for index, member in enumerate(members) if boolean(call(member, index, members))])


def single(runtime: Runtime, members: Value, function: Value) -> Value:
    """`$single`. Raises JsonataError (D3138 for more than one, D3139 for none)."""
    if members is UNDEFINED:
        return UNDEFINED
    call = None if function is UNDEFINED else _caller(runtime, function)
    found: Value = UNDEFINED
    matched = False
    for index, member in enumerate(members):
        if call is None or boolean(call(member, index, members)):
            if matched:
                raise JsonataError("D3138", index=index)
            found, matched = member, True
    if not matched:
        raise JsonataError("D3139")
    return found


def reduce(runtime: Runtime, members: Value, function: Value, initial: Value) -> Value:
    """`$reduce`. Raises JsonataError (D3050)."""
    if members is UNDEFINED:
        return UNDEFINED
    takes = arity(function)
    if takes < 2:
        raise JsonataError("D3050", index=1)
    call = callback(function, runtime, runtime.depth)
    start = 1 if initial is UNDEFINED and members else 0
    result = members[0] if start else initial
    for index in range(start, len(members)):
        further = (index, members)[: max(0, takes - 2)]
        result = call(result, members[index], *further)
    return result


def each(runtime: Runtime, pairs: Value, function: Value) -> Value:
    """`$each`."""
    found = Sequence()
    if pairs is UNDEFINED:
        return found
    call = _caller(runtime, function)
    for key, member in pairs.items():
        value = call(member, key, pairs)
        if value is not UNDEFINED:
            found.append(value)
            runtime.nested = runtime.nested or isinstance(value, Sequence)
    return found


def sift(runtime: Runtime, pairs: Value, function: Value) -> Value:
    """`$sift`."""
    if pairs is UNDEFINED or function is UNDEFINED:
        return UNDEFINED
    call = _caller(runtime, function)
    result = {key: member for key, member in pairs.items() if boolean(call(member, key, pairs))}
    return result or UNDEFINED


def sort(runtime: Runtime, members: Value, comparator: Value) -> Value:
    """`$sort`: stable; the comparator says whether its arguments are to be swapped. Raises JsonataError (D3070)."""
    if members is UNDEFINED or len(members) <= 1:
        return members
    runtime.members(len(members))
    if comparator is not UNDEFINED:
        call = callback(comparator, runtime, runtime.depth)
        return _merge_sort(runtime, list(members), lambda left, right: boolean(call(left, right)))
    runtime.step(len(members))
    if all(map(is_number, members)):
        return sorted(members)
    if not all(type(member) is str for member in members):
        raise JsonataError("D3070", index=1)
    if all(member.isascii() for member in members):
        return sorted(members)
    return _merge_sort(runtime, list(members), lambda left, right: less(right, left))


def _merge_sort(runtime: Runtime, members: list[Any], swap: Callable[[Any, Any], bool]) -> list[Any]:
    """The original's algorithm, since a comparator need not be consistent."""
    if len(members) <= 1:
        return members
    middle = len(members) // 2
    left = _merge_sort(runtime, members[:middle], swap)
    right = _merge_sort(runtime, members[middle:], swap)
    runtime.step(len(members))
    merged: list[Any] = []
    at = other = 0
    while at < len(left) and other < len(right):
        if swap(left[at], right[other]):
            merged.append(right[other])
            other += 1
        else:
            merged.append(left[at])
            at += 1
    return merged + left[at:] + right[other:]


ROWS: Final[tuple[Row, ...]] = (
    ("map", map_, "<af>", 2),
    ("filter", filter_, "<af>", 2),
    ("single", single, "<af?>", 2),
    ("reduce", reduce, "<afj?:j>", 3),
    ("each", each, "<o-f:a>", 2),
    ("sift", sift, "<o-f?:o>", 2),
    ("sort", sort, "<af?:a>", 2),
)
