"""The syntax of JavaScript regular expressions (without the flag u) as a tree.

Rules
- Sets of characters are sorted, disjoint ranges of code points; `\\d`, `\\w`, `\\s` and `.` are sets as well.
- What JavaScript takes literally (`a{`, `]`, `\\-`, an octal escape) is literal here.
- Errors are JsonataError S0303 with the reason as their value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError

Ranges: TypeAlias = tuple[tuple[int, int], ...]

MAX_CODE: Final = 0x10FFFF
MAX_REPEAT: Final = 1000
"""The largest count in `{n,m}`: each is a copy in the machine."""
MAX_NESTING: Final = 50
LINE_ENDS: Final[Ranges] = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
DIGITS: Final[Ranges] = ((0x30, 0x39),)
WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Final[Ranges] = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)


def complement(ranges: Ranges) -> Ranges:
    """All other code points."""
    result, at = [], 0
    for low, high in ranges:
        if low > at:
            result.append((at, low - 1))
        at = high + 1
    if at <= MAX_CODE:
        result.append((at, MAX_CODE))
    return tuple(result)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges sorted and joined."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


class Set(Struct, frozen=True):
    """One character of a set, or, negated, one that is not in it: with the flag i that is not its complement."""

    ranges: Ranges
    negated: bool = False


class Assertion(Struct, frozen=True):
    """``^``, ``$``, ``b`` or ``B``."""

    kind: str


class Capture(Struct, frozen=True):
    body: Node
    index: int


class Look(Struct, frozen=True):
    body: Node
    behind: bool
    negated: bool


class Reference(Struct, frozen=True):
    """`\\1` or `\\k<name>`; `index` is settled once all groups are known."""

    index: int


class Repeat(Struct, frozen=True):
    body: Node
    least: int
    most: int | None
    greedy: bool
    captures: tuple[int, int]
    """The groups inside: from, and up to but not."""


class Sequence(Struct, frozen=True):
    parts: tuple[Node, ...]


class Choice(Struct, frozen=True):
    options: tuple[Node, ...]


Node: TypeAlias = Set | Assertion | Capture | Look | Reference | Repeat | Sequence | Choice

_CLASSES: Final[dict[str, Ranges]] = {
    "d": DIGITS,
    "D": complement(DIGITS),
    "w": WORD,
    "W": complement(WORD),
    "s": SPACE,
    "S": complement(SPACE),
}
_CONTROLS: Final = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_ANY: Final = complement(LINE_ENDS)
_OPENINGS: Final = (("?:", ""), ("?=", "ahead"), ("?!", "not ahead"), ("?<=", "behind"), ("?<!", "not behind"))


class Tree(Struct, frozen=True):
    """A parsed expression, the number of its groups (the whole match is group 0)."""

    root: Node
    groups: int


def parse_regex(source: str, position: int | None = None) -> Tree:
    """Parse the text between the slashes. Raises JsonataError (S0303)."""
    try:
        return _Parser(source).parse()
    except _Invalid as error:
        raise JsonataError("S0303", position=position, value=str(error)) from None


class _Invalid(Exception):
    pass


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._groups = 1
        self._depth = 0
        self._total, self._names = _count_groups(source)

    def parse(self) -> Tree:
        root = self._choice()
        if self._at < len(self._source):
            raise _Invalid("Unmatched ')'")
        return Tree(root, self._groups)

    def _peek(self, length: int = 1) -> str:
        return self._source[self._at : self._at + length]

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise _Invalid("Groups are nested too deeply")
        options = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            options.append(self._sequence())
        self._depth -= 1
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            first = self._groups
            atom = self._atom()
            parts.append(self._quantified(atom, first))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _quantified(self, atom: Node, first: int) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return atom
        if isinstance(atom, Assertion) or (isinstance(atom, Look) and atom.behind):
            raise _Invalid("Nothing to repeat")
        least, most = bounds
        if most is not None and most < least:
            raise _Invalid("Numbers out of order in {} quantifier")
        if max(least, most or 0) > MAX_REPEAT:
            raise _Invalid(f"A quantifier counts to more than {MAX_REPEAT}")
        greedy = self._peek() != "?"
        if not greedy:
            self._at += 1
        if self._bounds() is not None:
            raise _Invalid("Nothing to repeat")
        return Repeat(atom, least, most, greedy, (first, self._groups))

    def _bounds(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        char = self._peek()
        if char in simple:
            self._at += 1
            return simple[char]
        if char != "{":
            return None
        end = self._source.find("}", self._at)
        low, comma, high = self._source[self._at + 1 : end].partition(",")
        if end < 0 or not _is_count(low) or (high and not _is_count(high)):
            return None
        self._at = end + 1
        return int(low[:9]), (int(high[:9]) if high else None if comma else int(low[:9]))

    def _atom(self) -> Node:
        char = self._peek()
        self._at += 1
        if char in ("^", "$"):
            return Assertion(char)
        if char == ".":
            return Set(_ANY)
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        if char in ("*", "+", "?"):
            raise _Invalid("Nothing to repeat")
        return Set(((ord(char), ord(char)),))

    def _group(self) -> Node:
        for opening, meaning in _OPENINGS:
            if self._source.startswith(opening, self._at):
                self._at += len(opening)
                body = self._choice()
                self._close()
                if meaning:
                    return Look(body, "behind" in meaning, "not" in meaning)
                # so a group of an assertion may be repeated, while an assertion may not
                return Sequence((body,)) if isinstance(body, (Assertion, Look)) else body
        if self._peek(2) == "?<":
            self._at = self._source.index(">", self._at) + 1
        elif self._peek() == "?":
            raise _Invalid("Invalid group")
        index = self._groups
        self._groups += 1
        body = self._choice()
        self._close()
        return Capture(body, index)

    def _close(self) -> None:
        if self._peek() != ")":
            raise _Invalid("Unterminated group")
        self._at += 1

    def _escape(self) -> Node:
        char = self._peek()
        if char in ("b", "B"):
            self._at += 1
            return Assertion(char)
        if char in _CLASSES:
            self._at += 1
            return Set(_CLASSES[char])
        if char == "k" and self._names:
            end = self._source.find(">", self._at)
            name = self._source[self._at + 2 : end]
            if self._peek(2) != "k<" or end < 0 or name not in self._names:
                raise _Invalid("Invalid named reference")
            self._at = end + 1
            return Reference(self._names[name])
        digits = self._digits()
        if digits and digits[0] != "0" and int(digits) < self._total:
            self._at += len(digits)
            return Reference(int(digits))
        code = self._character()
        return Set(((code, code),))

    def _digits(self) -> str:
        end = self._at
        while end < len(self._source) and self._source[end] in "0123456789" and end - self._at < 3:
            end += 1
        return self._source[self._at : end]

    def _character(self) -> int:
        """The code of what follows a backslash."""
        char = self._peek()
        if not char:
            raise _Invalid("\\ at end of pattern")
        self._at += 1
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "01234567":
            return self._octal(char)
        length = {"x": 2, "u": 4}.get(char)
        if length is not None:
            digits = self._peek(length)
            if len(digits) == length and all(digit in "0123456789abcdefABCDEF" for digit in digits):
                self._at += length
                return int(digits, 16)
        if char == "c" and self._peek().isascii() and self._peek().isalpha():
            self._at += 1
            return ord(self._source[self._at - 1]) % 32
        if char == "c":
            self._at -= 1
            return ord("\\")
        return ord(char)

    def _octal(self, first: str) -> int:
        digits = first
        while len(digits) < 3 and self._peek() and self._peek() in "01234567" and int(digits + self._peek(), 8) < 256:
            digits += self._peek()
            self._at += 1
        return int(digits, 8)

    def _set(self) -> Node:
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            low = self._member(ranges)
            if self._peek() != "-" or self._peek(2) == "-]" or len(self._peek(2)) < 2:
                continue
            self._at += 1
            high = self._member(ranges)
            if low is None or high is None:
                ranges.append((0x2D, 0x2D))
            elif high < low:
                raise _Invalid("Range out of order in character class")
            else:
                ranges.append((low, high))
        self._at += 1
        return Set(merged(ranges), negated)

    def _member(self, ranges: list[tuple[int, int]]) -> int | None:
        """One member of a class: its code, or None for a class within; it is added to the ranges."""
        char = self._peek()
        if not char:
            raise _Invalid("Unterminated character class")
        self._at += 1
        code = ord(char)
        if char == "\\":
            escaped = self._peek()
            if escaped in _CLASSES:
                self._at += 1
                ranges.extend(_CLASSES[escaped])
                return None
            if escaped == "b":
                self._at += 1
                code = 8
            else:
                code = self._character()
        ranges.append((code, code))
        return code


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _count_groups(source: str) -> tuple[int, dict[str, int]]:
    """The number of groups and the names, before parsing: a reference may come before its group."""
    groups, names, at, in_set = 1, {}, 0, False
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif char == "[":
            in_set = True
        elif char == "]":
            in_set = False
        elif char == "(" and not in_set:
            if source[at + 1 : at + 2] != "?":
                groups += 1
            elif source[at + 2 : at + 3] == "<" and source[at + 3 : at + 4] not in ("=", "!"):
                name = source[at + 3 : source.find(">", at)]
                if not name.isidentifier() or name in names or ">" not in source[at:]:
                    raise _Invalid("Invalid capture group name")
                names[name] = groups
                groups += 1
        at += 1
    return groups, names
