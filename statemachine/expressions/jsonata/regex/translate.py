"""A regular expression in the notation of Python's `re`, where that means the same and its cost can be bounded.

Rules
- `re` cannot be stopped, so it gets only what cannot take long: no repetition inside a repetition, and for a text of n
  characters at most n^(k+1) steps, where k is the number of open repetitions that something follows which may fail.
- It does not get what it does differently: references to groups, lookbehind, groups that an iteration may leave out.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import Struct

from statemachine.expressions.jsonata.regex.syntax import (
    LINE_ENDS,
    MAX_CODE,
    WORD,
    Assertion,
    Capture,
    Choice,
    Look,
    Node,
    Ranges,
    Reference,
    Repeat,
    Sequence,
    Set,
    Tree,
)

SMALL_REPEAT: Final = 32
"""A repetition up to this count is a constant factor; beyond it is as bad as an open one."""


class Translation(Struct, frozen=True):
    """The pattern for `re`, and the exponent of its cost in the length of the text."""

    pattern: str
    exponent: int
    factor: int


def translate(tree: Tree, *, multiline: bool) -> Translation | None:
    """The translation; None where `re` must not have it."""
    if not _suits(tree.root, repeated=False):
        return None
    exponent, factor = _cost(tree.root, trailing=True)
    return Translation(_pattern(tree.root, multiline), exponent + 1, factor)


def _suits(node: Node, *, repeated: bool) -> bool:
    match node:
        case Set() | Assertion():
            return True
        case Reference() | Look():
            return False
        case Capture():
            return _suits(node.body, repeated=repeated)
        case Repeat():
            if repeated or (_nullable(node.body) and not isinstance(node.body, Set)):
                return False
            if node.captures[0] < node.captures[1] and node.most != 1 and _optional_capture(node.body):
                return False
            return _suits(node.body, repeated=node.most is None or node.most > 1)
        case Sequence():
            return all(_suits(part, repeated=repeated) for part in node.parts)
        case Choice():
            return all(_suits(option, repeated=repeated) for option in node.options)
        case _:
            assert_never(node)


def _optional_capture(node: Node) -> bool:
    """Whether a choice inside has groups: an iteration may leave them out."""
    match node:
        case Choice():
            return any(_has_capture(option) for option in node.options)
        case Sequence():
            return any(_optional_capture(part) for part in node.parts)
        case Capture():
            return _optional_capture(node.body)
        case Repeat():
            return _has_capture(node.body)
        case _:
            return False


def _has_capture(node: Node) -> bool:
    match node:
        case Capture():
            return True
        case Sequence():
            return any(_has_capture(part) for part in node.parts)
        case Choice():
            return any(_has_capture(option) for option in node.options)
        case Repeat():
            return _has_capture(node.body)
        case _:
            return False


def _nullable(node: Node) -> bool:
    match node:
        case Set():
            return False
        case Assertion() | Look() | Reference():
            return True
        case Capture():
            return _nullable(node.body)
        case Repeat():
            return node.least == 0 or _nullable(node.body)
        case Sequence():
            return all(_nullable(part) for part in node.parts)
        case Choice():
            return any(_nullable(option) for option in node.options)
        case _:
            assert_never(node)


def _cost(node: Node, *, trailing: bool) -> tuple[int, int]:
    """Open repetitions that something follows, and the product of the constant factors.

    `trailing` says that nothing follows that may fail.
    """
    match node:
        case Set() | Assertion() | Look() | Reference():
            return 0, 1
        case Capture():
            return _cost(node.body, trailing=trailing)
        case Repeat():
            exponent, factor = _cost(node.body, trailing=False)
            if node.most is None or node.most > SMALL_REPEAT:
                simple = isinstance(node.body, Set)
                return (0 if trailing and simple else 1) + exponent, factor * (1 if simple else 4)
            return exponent, factor**node.most if factor > 1 else node.most
        case Sequence():
            exponent, factor = 0, 1
            follows = trailing
            for part in reversed(node.parts):
                more, times = _cost(part, trailing=follows)
                exponent, factor = exponent + more, min(factor * times, 10**12)
                follows = follows and _never_fails(part)
            return exponent, factor
        case Choice():
            costs = [_cost(option, trailing=trailing) for option in node.options]
            return max(cost[0] for cost in costs), min(sum(cost[1] for cost in costs), 10**12)
        case _:
            assert_never(node)


def _never_fails(node: Node) -> bool:
    return isinstance(node, Repeat) and node.least == 0


def _pattern(node: Node, multiline: bool) -> str:
    match node:
        case Set():
            return _set(node.ranges, negated=node.negated)
        case Assertion():
            return _assertion(node.kind, multiline)
        case Capture():
            return f"({_pattern(node.body, multiline)})"
        case Repeat():
            most = "" if node.most is None else node.most
            suffix = "" if node.greedy else "?"
            return f"(?:{_pattern(node.body, multiline)}){{{node.least},{most}}}{suffix}"
        case Sequence():
            return "".join(
                f"(?:{_pattern(part, multiline)})" if isinstance(part, Choice) else _pattern(part, multiline)
                for part in node.parts
            )
        case Choice():
            return "|".join(_pattern(option, multiline) for option in node.options)
        case Look() | Reference():
            raise AssertionError("such an expression is not translated")
        case _:
            assert_never(node)


def _set(ranges: Ranges, *, negated: bool = False) -> str:
    if not ranges:
        return r"[\s\S]" if negated else "(?!)"
    if ranges == ((0, MAX_CODE),):
        return "(?!)" if negated else r"[\s\S]"
    return (
        ("[^" if negated else "[")
        + "".join(_code(low) if low == high else f"{_code(low)}-{_code(high)}" for low, high in ranges)
        + "]"
    )


def _code(code: int) -> str:
    return f"\\U{code:08x}"


def _assertion(kind: str, multiline: bool) -> str:
    ends, word = _set(LINE_ENDS), _set(WORD)
    match kind:
        case "^":
            return rf"(?:\A|(?<={ends}))" if multiline else r"\A"
        case "$":
            return rf"(?=\Z|{ends})" if multiline else r"\Z"
        case "b":
            return f"(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"
        case _:
            return f"(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"
