"""What differs between two JSON values, place by place, in words."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from statemachine.expressions.base import shown
from statemachine.jsonvalue import Json, json_equal

MAX_DIFFERENCES: Final = 20
MAX_TEXT: Final = 200


def differences(expected: Json, actual: Json, *, subset: bool = False, at: str = "$") -> Iterator[str]:
    """A line for each place at which the values differ. `subset`: objects may have further fields."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            if key in actual:
                yield from differences(value, actual[key], subset=subset, at=f"{at}{_step(key)}")
            else:
                yield f"{at}{_step(key)}: missing; expected {_shown(value)}"
        for key, value in actual.items():
            if key not in expected and not subset:
                yield f"{at}{_step(key)}: not expected; it is {_shown(value)}"
    elif isinstance(expected, list) and isinstance(actual, list):
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(left, right, subset=subset, at=f"{at}[{index}]")
        if len(expected) != len(actual):
            yield f"{at}: expected {len(expected)} elements, got {len(actual)}"
    elif not json_equal(expected, actual):
        yield f"{at}: expected {_shown(expected)}, got {_shown(actual)}"


def bounded(lines: Iterator[str]) -> list[str]:
    """The first lines, and how many there are more."""
    found = list(lines)
    more = len(found) - MAX_DIFFERENCES
    return found if more <= 0 else [*found[:MAX_DIFFERENCES], f"… and {more} more"]


def sequence_differences(expected: list[str], actual: list[str]) -> Iterator[str]:
    """Both sequences as one: what is missing with a minus, what is too much with a plus."""
    for kind, start, end, other_start, other_end in SequenceMatcher(
        None, expected, actual, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            yield from (f"  {each}" for each in expected[start:end])
        else:
            yield from (f"- {each}" for each in expected[start:end])
            yield from (f"+ {each}" for each in actual[other_start:other_end])


def _step(key: str) -> str:
    return f".{key}" if key.isidentifier() else f"[{shown(key)}]"


def _shown(value: Json) -> str:
    text = shown(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
