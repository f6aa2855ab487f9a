"""Functions that take a regular expression, or any function that finds matches as one does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions.rows import Row, whole
from statemachine.expressions.jsonata.regex import Found
from statemachine.expressions.jsonata.runtime import RegexFunction, Runtime, apply, callback
from statemachine.expressions.jsonata.sequences import UNDEFINED, Function, Sequence, Value
from statemachine.expressions.jsonata.texts import utf16_length


def _matches(runtime: Runtime, matcher: Value, text: str) -> Iterator[Found]:
    if isinstance(matcher, RegexFunction):
        yield from matcher.pattern.matches(runtime, text)
        return
    depth = runtime.depth
    result = apply(matcher, [text], None, runtime, depth)
    while result is not UNDEFINED and result is not None:
        yield _as_found(result, text)
        runtime.step()
        result = apply(result.get("next"), [], None, runtime, depth)


def _as_found(result: Value, text: str) -> Found:
    """A match from what a matcher function gave: offsets in UTF-16 units. Raises JsonataError (T1010)."""
    if type(result) is not dict:
        raise JsonataError("T1010")
    start, end, groups = result.get("start"), result.get("end"), result.get("groups")
    match = result.get("match")
    if not (type(start) is int and isinstance(groups, list) and isinstance(result.get("next"), Function)):
        raise JsonataError("T1010")
    if type(match) is not str or type(end) is not int:
        raise JsonataError("T1010")
    begin = _offset(text, start)
    return Found(match, begin, max(begin, _offset(text, end)), tuple(groups))


def _offset(text: str, units: int) -> int:
    """The Python offset of a UTF-16 one."""
    if text.isascii():
        return min(max(units, 0), len(text))
    prefix = text.encode("utf-16-le", "surrogatepass")[: max(units, 0) * 2]
    return len(prefix.decode("utf-16-le", "replace"))


def contains(runtime: Runtime, text: Value, token: Value) -> Value:
    """`$contains`."""
    if text is UNDEFINED or token is UNDEFINED:
        return text if text is UNDEFINED else False
    if type(token) is str:
        return token in text
    return next(_matches(runtime, token, text), None) is not None


def _limited(limit: Value, code: str, index: int) -> float:
    if limit is UNDEFINED:
        return math.inf
    if limit < 0:
        raise JsonataError(code, value=limit, index=index)
    return float(limit)


def match(runtime: Runtime, text: Value, matcher: Value, limit: Value) -> Value:
    """`$match`. Raises JsonataError (D3040, D1004)."""
    if text is UNDEFINED:
        return UNDEFINED
    most = _limited(limit, "D3040", 3)
    found = Sequence()
    if most <= 0:
        return found
    units, at = 0, 0
    for result in _matches(runtime, matcher, text):
        units += utf16_length(text[at : result.start])
        at = result.start
        found.append({"match": result.text, "index": units, "groups": list(result.groups)})
        runtime.allocate(64 + len(result.text) * 2)
        if any(group is UNDEFINED for group in result.groups):
            runtime.nested = True
        if len(found) >= most:
            break
    return found


def replace(runtime: Runtime, text: Value, pattern: Value, replacement: Value, limit: Value) -> Value:
    """`$replace`. Raises JsonataError (D3010, D3011, D3012, D1004)."""
    if text is UNDEFINED:
        return UNDEFINED
    if pattern == "":
        raise JsonataError("D3010", value=pattern, index=2)
    most = _limited(limit, "D3011", 4)
    if most <= 0 or pattern is UNDEFINED:
        return text
    if type(pattern) is str:
        return _replace_text(runtime, text, pattern, replacement, most)
    substitute = _substitute(runtime, replacement)
    parts: list[str] = []
    at = size = 0
    for count, found in enumerate(_matches(runtime, pattern, text)):
        if count >= most:
            break
        new = substitute(found)
        parts += [text[at : found.start], new]
        size += len(new) + found.start - at
        if size > runtime.limits.value_bytes:
            raise JsonataError("U1003")
        at = found.start + len(found.text)
    parts.append(text[at:])
    runtime.allocate(size)
    return "".join(parts)


def _replace_text(runtime: Runtime, text: str, pattern: str, replacement: Value, most: float) -> Value:
    count = min(text.count(pattern), math.ceil(most) if math.isfinite(most) else len(text))
    if count == 0:
        return text
    if type(replacement) is not str:
        raise JsonataError("D3012", value=replacement)
    runtime.allocate(len(text) + count * (len(replacement) - len(pattern)))
    return text.replace(pattern, replacement, count)


def _substitute(runtime: Runtime, replacement: Value) -> Callable[[Found], str]:
    if type(replacement) is str:
        return lambda found: _expand(replacement, found)
    call = callback(replacement, runtime, runtime.depth)

    def substitute(found: Found) -> str:
        start = found.start
        value = call(
            {
                "match": found.text,
                "start": start,
                "end": found.end,
                "groups": list(found.groups),
            }
        )
        if type(value) is not str:
            raise JsonataError("D3012", value=value)
        return value

    return substitute


def _expand(template: str, found: Found) -> str:
    """`$$`, `$0` and `$n` in a replacement; n has as many digits as the number of groups can have."""
    if "$" not in template:
        return template
    groups = found.groups
    digits = len(str(len(groups))) if groups else 1
    parts: list[Any] = []
    at = 0
    while (dollar := template.find("$", at)) >= 0:
        parts.append(template[at:dollar])
        at = dollar + 1
        if template.startswith("$", at):
            parts.append("$")
            at += 1
        elif template.startswith("0", at):
            parts.append(found.text)
            at += 1
        else:
            number = _number(template[at : at + digits])
            if digits > 1 and number is not None and number > len(groups):
                number = _number(template[at : at + digits - 1])
            if number is None:
                parts.append("$")
                continue
            if 1 <= number <= len(groups) and groups[number - 1] is not UNDEFINED:
                parts.append(groups[number - 1])
            at += len(str(number))
    parts.append(template[at:])
    return "".join(parts)


def _number(text: str) -> int | None:
    digits = ""
    for char in text:
        if char not in "0123456789":
            break
        digits += char
    return int(digits) if digits else None


def split(runtime: Runtime, text: Value, separator: Value, limit: Value) -> Value:
    """`$split`. Raises JsonataError (D3020, D1004)."""
    if text is UNDEFINED:
        return UNDEFINED
    most = _limited(limit, "D3020", 3)
    if most <= 0:
        return []
    if separator is UNDEFINED:
        return [text]
    if type(separator) is str:
        parts = text.split(separator) if separator else _units(text)
        runtime.members(len(parts))
        runtime.step(len(parts) // 8)
        return parts if math.isinf(most) else parts[: whole(most)]
    found: list[str] = []
    at = 0
    for result in _matches(runtime, separator, text):
        if len(found) >= most:
            break
        found.append(text[at : result.start])
        at = result.end
    if len(found) < most:
        found.append(text[at:])
    runtime.members(len(found))
    return found


def _units(text: str) -> list[str]:
    """The UTF-16 units of a text, as it is split by the empty string."""
    if utf16_length(text) == len(text):
        return list(text)
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(data), 2)]


ROWS: Final[tuple[Row, ...]] = (
    ("match", match, "<s-f<s:o>n?:a<o>>", 3),
    ("contains", contains, "<s-(sf):b>", 2),
    ("replace", replace, "<s-(sf)(sf)n?:s>", 4),
    ("split", split, "<s-(sf)n?:a<s>>", 3),
)
