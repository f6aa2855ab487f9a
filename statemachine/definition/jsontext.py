"""Where each value of a JSON text stands.

Rules
- The value itself is read by `jsonvalue.load_json`; this scan runs only when a position is asked for, or when a text
  was refused for what it says (a duplicate key, NaN, too deep) and the places have to be named. A valid definition
  never pays for it.
- No recursion: the text may be nested without end. A text that is no JSON ends the scan where it breaks off, and what
  was found until then counts.
"""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from json.decoder import scanstring  # type: ignore[attr-defined]

from msgspec import Struct, field

from statemachine.definition.diagnostics import JsonPath

_BLANKS = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^ \t\n\r,:{}\[\]\"]+")
_NON_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_DIGITS_MAX = 4300  # what Python converts between text and int (sys.get_int_max_str_digits)


class Fault(Struct, frozen=True):
    """Something that JSON's grammar allows, or Python's reader does, and a definition must not have."""

    offset: int
    message: str
    path: JsonPath
    duplicate: bool = False


class Scan(Struct):
    """Offsets from the text's start: of each value, and of each key by the path of its value."""

    values: dict[JsonPath, int] = field(default_factory=dict)
    keys: dict[JsonPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def scan_json(text: str, max_depth: int) -> Scan:
    """Walk through a JSON text. The first of two equal keys keeps its place; the second is a fault."""
    scan = Scan()
    # Where the text is no JSON, load_json says so with its own position.
    with suppress(IndexError, json.JSONDecodeError, _BrokenOffError):
        _scan(text, max_depth, scan)
    return scan


class _BrokenOffError(Exception):
    pass


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _scan(text: str, max_depth: int, scan: Scan) -> None:
    at = _skip(text, 0)
    # The open containers: path, and the index of the next element or, for an object, the keys seen.
    stack: list[tuple[JsonPath, list[int] | set[str]]] = []
    path: JsonPath = ()
    while True:
        scan.values.setdefault(path, at)
        first = text[at]
        if first in "{[":
            if len(stack) >= max_depth:
                scan.faults.append(Fault(at, f"nested deeper than {max_depth} levels", ()))
                return
            stack.append((path, set() if first == "{" else [0]))
            at = _skip(text, at + 1)
            if text[at] not in "}]":
                path, at = _enter(text, at, stack[-1], scan)
                continue
        elif first == '"':
            _, at = scanstring(text, at + 1, True)
        else:
            at = _scalar(text, at, path, scan)
            at = _skip(text, at)
        if not stack:
            return
        while True:
            at = _skip(text, at)
            mark = text[at]
            at += 1
            if mark == ",":
                at = _skip(text, at)
                path, at = _enter(text, at, stack[-1], scan)
                break
            if mark not in "}]":
                raise _BrokenOffError
            stack.pop()
            if not stack:
                return


def _enter(text: str, at: int, container: tuple[JsonPath, list[int] | set[str]], scan: Scan) -> tuple[JsonPath, int]:
    """The path and offset of the next member of a container, `at` being where its key or value begins."""
    outer, seen = container
    if isinstance(seen, list):
        index = seen[0]
        seen[0] += 1
        return (*outer, index), at
    if text[at] != '"':
        raise _BrokenOffError
    key, end = scanstring(text, at + 1, True)
    path = (*outer, key)
    if key in seen:
        message = f"The key {json.dumps(key[:80], ensure_ascii=False)} occurs twice in one object"
        scan.faults.append(Fault(at, message, path, duplicate=True))
    seen.add(key)
    scan.keys.setdefault(path, at)
    end = _skip(text, end)
    if text[end] != ":":
        raise _BrokenOffError
    return path, _skip(text, end + 1)


def _scalar(text: str, at: int, path: JsonPath, scan: Scan) -> int:
    match = _SCALAR.match(text, at)
    if match is None:
        raise _BrokenOffError
    word = match[0]
    if word in _NON_FINITE:
        scan.faults.append(Fault(at, f"{word} is not a JSON value", path))
    elif word[-1].isdigit():
        _check_number(word, at, path, scan)
    return match.end()


def _check_number(word: str, at: int, path: JsonPath, scan: Scan) -> None:
    if len(word) > _DIGITS_MAX and word.lstrip("-").isdigit():
        scan.faults.append(Fault(at, f"The number {word[:40]}… has more than {_DIGITS_MAX} digits", path))
        return
    try:
        if math.isinf(float(word)):
            scan.faults.append(Fault(at, f"The number {word[:40]} is too large", path))
    except ValueError:
        raise _BrokenOffError from None
