"""The words of a JSONPath as Jayway's JsonPath reads them.

AWS uses Jayway's library (com.jayway.jsonpath, before path functions), so its grammar is the truth, not RFC 9535:
- a name after a dot runs to the next dot or bracket, whatever it is made of: ``$.a-b``, ``$.größe``, and in
  ``$.list.length()`` a member named ``length()`` (fact jsonpath-no-length-function). Only blanks, quotes and ``]`` are
  refused;
- a dot may stand before a bracket: ``$.a.['b c']``;
- a quoted name is taken as it stands, backslashes included (recorded: ``$['Test\\""Name"']`` finds the key
  ``Test\\""Name"``). The closing quote is the one before ``]``, or before ``,`` and the next name; a quote elsewhere
  must follow a backslash, which is then dropped, so that a name may hold its own quotes.
"""

from __future__ import annotations

import re
from typing import Never, TypeAlias

from msgspec import Struct

from statemachine.expressions.base import ExpressionSyntaxError

MAX_LENGTH = 10_000
"""Characters of one path."""
MAX_STEPS = 256
"""Steps of one path."""

_DOT_NAME = re.compile(r"[^\s.\['\"\]]+")
_SUBSCRIPT = re.compile(
    r"\[\s*("
    r"-?[0-9]{1,9}(\s*,\s*-?[0-9]{1,9})*"
    r"|(-?[0-9]{1,9}\s*:(\s*-?[0-9]{1,9})?|:\s*-?[0-9]{1,9})(\s*:\s*(-?[0-9]{1,9})?)?"
    r")\s*\]"
)
_WILDCARD = re.compile(r"\*|\[\s*\*\s*\]")
_QUOTE = re.compile(r"\[\s*(?=['\"])")
_FILTER = re.compile(r"\[\s*\?\s*\(")


class Members(Struct, frozen=True):
    """``.a``, ``['a']`` or ``['a','b']``."""

    names: tuple[str, ...]


class Subscript(Struct, frozen=True):
    """``[0]``, ``[0,2]``, ``[1:3]``: the text without blanks. A negative index counts from the end; the third number of
    a slice has no effect, as in Jayway."""

    text: str


class Wildcard(Struct, frozen=True):
    """``*`` or ``[*]``."""


class Descent(Struct, frozen=True):
    """``..``: what follows applies to the value and to everything inside it."""


class Filter(Struct, frozen=True):
    """``[?(…)]``: the text between the parentheses and where it starts."""

    condition: str
    offset: int


Token: TypeAlias = Members | Subscript | Wildcard | Descent | Filter


def tokenize(text: str, start: int) -> tuple[Token, ...]:
    """The steps of `text` from `start`, which is right behind the root. Raises ExpressionSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError(f"The path is longer than {MAX_LENGTH} characters", text[:80])
    scanner = _Scanner(text.rstrip(), start)
    return scanner.steps()


class _Scanner:
    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.at = start

    def fail(self, message: str, at: int | None = None) -> Never:
        raise ExpressionSyntaxError(message, self.text, self.at if at is None else at)

    def steps(self) -> tuple[Token, ...]:
        tokens: list[Token] = []
        text = self.text
        if self.at < len(text) and text[self.at] not in ".[":
            self.fail("Expected '.' or '['")
        while self.at < len(text):
            if text[self.at] == ".":
                if text.startswith("..", self.at):
                    tokens.append(Descent())
                    self.at += 1
                self.at += 1
                if self.at == len(text):
                    self.fail("A path must not end with a dot")
                if text[self.at] == ".":
                    self.fail("Expected a name or '['")
            tokens.append(self.step())
            if len(tokens) > MAX_STEPS:
                self.fail(f"The path has more than {MAX_STEPS} steps")
        return tuple(tokens)

    def step(self) -> Token:
        text, at = self.text, self.at
        if match := _WILDCARD.match(text, at):
            self.at = match.end()
            return Wildcard()
        if text[at] != "[":
            match = _DOT_NAME.match(text, at)
            if match is None:
                self.fail("Expected a name; one with blanks, quotes or brackets is written ['…']")
            self.at = match.end()
            return Members((match[0],))
        if match := _SUBSCRIPT.match(text, at):
            self.at = match.end()
            return Subscript("".join(match[1].split()))
        if match := _QUOTE.match(text, at):
            return self.members(match.end())
        if match := _FILTER.match(text, at):
            return self.filter(match.end())
        return self.fail("Expected an index, a slice, '*', a quoted name or '?(' after '['", at + 1)

    def members(self, at: int) -> Members:
        """The quoted names of a bracket; `at` is on the first quote."""
        text = self.text
        names: list[str] = []
        while True:
            if at >= len(text) or text[at] not in "'\"":
                self.fail("Expected a quoted name", at)
            name, at = self.quoted(at)
            names.append(name)
            at = self.blanks(at)
            if text[at] == "]":
                self.at = at + 1
                return Members(tuple(names))
            at = self.blanks(at + 1)

    def quoted(self, at: int) -> tuple[str, int]:
        """The name in quotes at `at`, and where its closing quote is passed."""
        text, quote, opened = self.text, self.text[at], at
        name = ""
        start = at + 1
        while True:
            at = text.find(quote, at + 1)
            if at < 0:
                self.fail("The quoted name is not closed", opened)
            escaped = text[at - 1] == "\\" and at > start
            if self.closes(at, escaped=escaped):
                return name + text[start:at], at + 1
            if not escaped:
                self.fail("Expected ']' or ',' after the quoted name", at + 1)
            name += text[start : at - 1] + quote
            start = at + 1

    def closes(self, at: int, *, escaped: bool) -> bool:
        """Whether the quote at `at` ends a name: a bracket follows, or a comma (with another name, if in doubt)."""
        follows = self.blanks(at + 1)
        if not self.text.startswith(",", follows):
            return self.text.startswith("]", follows)
        return not escaped or self.text[self.blanks(follows + 1) :][:1] in ("'", '"')

    def filter(self, at: int) -> Filter:
        """The condition that starts at `at`, up to the parenthesis that closes it."""
        end = closing(self.text, at)
        if end < 0:
            self.fail("The filter is not closed")
        follows = self.blanks(end + 1)
        if follows >= len(self.text) or self.text[follows] != "]":
            self.fail("Expected ']' after the filter", follows)
        self.at = follows + 1
        return Filter(self.text[at:end], at)

    def blanks(self, at: int) -> int:
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at


def closing(text: str, at: int) -> int:
    """Where the parenthesis that was opened before `at` closes; -1 if nowhere. Texts and patterns are skipped."""
    depth = 1
    operand = True
    while at < len(text):
        character = text[at]
        if character in "'\"" or (character == "/" and operand):
            at = skip_quoted(text, at)
            if at < 0:
                return -1
            operand = False
            continue
        if character in "([":
            depth += character == "("
        elif character == ")":
            depth -= 1
            if not depth:
                return at
        if not character.isspace():
            operand = character in "(!~=,[&|<>"
        at += 1
    return -1


def skip_quoted(text: str, at: int) -> int:
    """Behind the text in quotes (or slashes) that opens at `at`; -1 if it does not close."""
    quote = text[at]
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == quote:
            return at + 1
        at += 1
    return -1


def fragment(token: Token) -> str:
    """The token as Jayway writes it in messages: ``['a']``, ``[0]``, ``['a', 'b']``."""
    match token:
        case Members(names):
            return "[" + ", ".join(f"'{name}'" for name in names) + "]"
        case Subscript(text):
            return f"[{text}]"
        case Wildcard():
            return "[*]"
        case Descent():
            return ".."
        case Filter():
            return "[?]"
