"""Functions on arrays and objects that call no function."""

from __future__ import annotations

import math
from typing import Any, Final

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row
from statemachine.expressions.jsonata.runtime import Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Sequence, Value, append, is_number
from statemachine.expressions.jsonata.sequences import lookup as lookup_in
from statemachine.expressions.jsonata.texts import number_text, quoted, rounded


def count(_runtime: Runtime, members: Value) -> Value:
    """`$count`."""
    return 0 if members is UNDEFINED else len(members)


def append_(runtime: Runtime, first: Value, second: Value) -> Value:
    """`$append`."""
    if first is UNDEFINED or second is UNDEFINED:
        return append(first, second)
    size = sum(len(value) if isinstance(value, list) else 1 for value in (first, second))
    runtime.members(size)
    runtime.step(size // 8)
    if isinstance(first, Sequence) and type(second) is Sequence:
        runtime.nested = True
    return append(first, second)


def exists(_runtime: Runtime, value: Value) -> Value:
    """`$exists`."""
    return value is not UNDEFINED


def keys(runtime: Runtime, value: Value) -> Value:
    """`$keys`: of an object, or of all objects in an array, each once."""
    return Sequence(_keys(runtime, value))


def _keys(runtime: Runtime, value: Value) -> dict[str, bool]:
    found: dict[str, bool] = {}
    if isinstance(value, list):
        for member in value:
            found.update(_keys(runtime, member))
    elif type(value) is dict:
        runtime.step(len(value) // 4)
        found.update(dict.fromkeys(value, True))
    return found


def lookup(runtime: Runtime, value: Value, key: Value) -> Value:
    """`$lookup`."""
    if isinstance(value, list):
        runtime.step(len(value))
    return lookup_in(value, key)


def spread(runtime: Runtime, value: Value) -> Value:
    """`$spread`: an object for each pair."""
    if isinstance(value, list):
        result: Value = Sequence()
        for member in value:
            part = spread(runtime, member)
            if part is UNDEFINED:
                continue
            if type(result) is Sequence:
                result = []
            result.extend(part if isinstance(part, list) else [part])
        return result
    if type(value) is dict:
        runtime.step(len(value))
        return Sequence({key: member} for key, member in value.items())
    return value


def merge(runtime: Runtime, objects: Value) -> Value:
    """`$merge`: later pairs win."""
    if objects is UNDEFINED:
        return UNDEFINED
    result: dict[str, Any] = {}
    for member in objects:
        runtime.step(len(member) // 4)
        result.update(member)
    runtime.members(4 * len(result))
    return result


def reverse(runtime: Runtime, members: Value) -> Value:
    """`$reverse`."""
    if members is UNDEFINED or len(members) <= 1:
        return members
    _copied(runtime, members)
    return list(reversed(members))


def _copied(runtime: Runtime, members: list[Any]) -> None:
    runtime.members(len(members))
    runtime.step(len(members) // 8)


def shuffle(runtime: Runtime, members: Value) -> Value:
    """`$shuffle`, by Fisher and Yates."""
    if members is UNDEFINED or len(members) <= 1:
        return members
    runtime.members(len(members))
    runtime.step(len(members))
    result: list[Any] = []
    for index, member in enumerate(members):
        at = math.floor(runtime.environment.random() * (index + 1))
        result.append(member)
        result[index], result[at] = result[at], member
    return result


def distinct(runtime: Runtime, members: Value) -> Value:
    """`$distinct`: the first of each value."""
    if not isinstance(members, list) or len(members) <= 1:
        return members
    _copied(runtime, members)
    first: dict[Any, Any] = {}
    for member in members:
        first.setdefault(_identity(runtime, member), member)
    return Sequence(first.values()) if isinstance(members, Sequence) else list(first.values())


def _identity(runtime: Runtime, value: Value) -> Any:
    """A key that equal values share."""
    if type(value) is str or (type(value) in (int, float) and value == value):
        return value
    if isinstance(value, (list, dict)):
        parts: list[str] = []
        _canonical(value, parts)
        runtime.step(len(parts) // 4)
        return tuple(parts)
    return (type(value), id(value))


def _canonical(value: Value, parts: list[str]) -> None:
    if isinstance(value, list):
        parts.append("[")
        for member in value:
            _canonical(member, parts)
        parts.append("]")
    elif type(value) is dict:
        parts.append("{")
        for key in sorted(value):
            parts.append(quoted(key))
            _canonical(value[key], parts)
        parts.append("}")
    elif type(value) is str:
        parts.append(quoted(value))
    elif type(value) in (int, float):
        parts.append(number_text(value))
    else:
        parts.append(f"{value}" if value is None or type(value) is bool else f"#{id(value)}")


def zip_(runtime: Runtime, *arrays: Value) -> Value:
    """`$zip`."""
    columns = [array for array in arrays if isinstance(array, list)]
    if not columns or len(columns) < len(arrays):
        return []
    size = min(map(len, columns))
    runtime.members(size * len(columns))
    runtime.step(size)
    return [list(row) for row in zip(*columns, strict=False)]


def type_(_runtime: Runtime, value: Value) -> Value:
    """`$type`."""
    if value is UNDEFINED:
        return UNDEFINED
    if value is None:
        return "null"
    if is_number(value):
        return "number"
    names = {str: "string", bool: "boolean", float: "object", dict: "object"}
    return names.get(type(value)) or ("array" if isinstance(value, list) else "function")


def error(_runtime: Runtime, message: Value) -> Value:
    """`$error`: raises JsonataError (D3137)."""
    raise JsonataError("D3137", message=message or "$error() function evaluated")


def assert_(_runtime: Runtime, condition: Value, message: Value) -> Value:
    """`$assert`: raises JsonataError (D3141) unless the condition holds."""
    if condition is UNDEFINED or not condition:
        raise JsonataError("D3141", message=message or "$assert() statement failed")
    return UNDEFINED


def clone(runtime: Runtime, value: Value) -> Value:
    """`$clone`: a deep copy, through the text that `$string` gives: functions become empty strings."""
    return UNDEFINED if value is UNDEFINED else _copy(runtime, value)


def _copy(runtime: Runtime, value: Value) -> Value:
    if isinstance(value, list):
        _copied(runtime, value)
        return [None if member is UNDEFINED else _copy(runtime, member) for member in value]
    if type(value) is dict:
        runtime.step(1 + len(value) // 8)
        runtime.members(4 * len(value))
        return {key: _copy(runtime, member) for key, member in value.items() if member is not UNDEFINED}
    if type(value) is float:
        return rounded(value) if is_number(value) else None
    return "" if isinstance(value, Function) else value


ROWS: Final[tuple[Row, ...]] = (
    ("count", count, "<a:n>", 1),
    ("append", append_, "<xx:a>", 2),
    ("exists", exists, "<x:b>", 1),
    ("keys", keys, "<x-:a<s>>", 1),
    ("lookup", lookup, "<x-s:x>", 2),
    ("spread", spread, "<x-:a<o>>", 1),
    ("merge", merge, "<a<o>:o>", 1),
    ("reverse", reverse, "<a:a>", 1),
    ("shuffle", shuffle, "<a:a>", 1),
    ("distinct", distinct, "<x:x>", 1),
    ("zip", zip_, "<a+>", 0),
    ("type", type_, "<x:s>", 1),
    ("error", error, "<s?:x>", 1),
    ("assert", assert_, "<bs?:x>", 2),
    ("clone", clone, "<(oa)-:o>", 1),
)
