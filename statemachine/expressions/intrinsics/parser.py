"""The text of an intrinsic function, taken apart (states-language.net, "Intrinsic Functions").

    call     = "States." name "(" [ argument { "," argument } ] ")"
    argument = text in single quotes | number | true | false | null | path | call

- A backslash stands before ``'``, ``{``, ``}`` or another backslash; before anything else, and at the end, it is an
  error (fact intrinsic-escaped-double-quote-rejected). Any other character stands for itself, line ends included (fact
  stringsplit-newline).
- A path ends at the first comma, parenthesis or blank outside its brackets.
- At most ten calls are nested (fact intrinsic-nesting-limit).
"""

from __future__ import annotations

import re
from typing import Never, TypeAlias

from msgspec import Struct

from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.jsonpath.tokens import skip_quoted
from statemachine.jsonvalue import Json

MAX_NESTING = 10
MAX_LENGTH = 10_000
"""Characters of one expression: ours, above AWS's limit for the values of a definition that are of any use."""

_NAME = re.compile(r"States\.([A-Za-z0-9]+)\s*\(")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?=[\s,)]|$)")
_WORD = re.compile(r"(true|false|null)(?=[\s,)]|$)")
_WORDS = {"true": True, "false": False, "null": None}


class Text(Struct, frozen=True):
    """A text in quotes: its value, and the pieces between its placeholders ``{}`` for States.Format."""

    value: str
    pieces: tuple[str, ...]
    offset: int


class Literal(Struct, frozen=True):
    """A number, true, false or null."""

    value: Json
    offset: int


class PathArgument(Struct, frozen=True):
    """A path, still as text."""

    text: str
    offset: int


class Call(Struct, frozen=True):
    """A function call. `text` is the call as written."""

    name: str
    arguments: tuple[Argument, ...]
    text: str
    offset: int


Argument: TypeAlias = Text | Literal | PathArgument | Call


def parse_intrinsic(text: str) -> Call:
    """Take the whole of `text` apart. Raises ExpressionSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError(f"The expression is longer than {MAX_LENGTH} characters", text[:80])
    parser = _Parser(text)
    parser.blanks()
    call = parser.call(1)
    parser.blanks()
    if parser.at < len(text):
        parser.fail("Expected nothing after the function call")
    return call


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, message: str, at: int | None = None) -> Never:
        raise ExpressionSyntaxError(message, self.text, self.at if at is None else at)

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def call(self, depth: int) -> Call:
        match = _NAME.match(self.text, self.at)
        if match is None:
            self.fail("Expected an intrinsic function: States.Name(…)")
        if depth > MAX_NESTING:
            self.fail(f"Intrinsic functions are nested more than {MAX_NESTING} deep")
        start, self.at = self.at, match.end()
        arguments: list[Argument] = []
        self.blanks()
        if not self.text.startswith(")", self.at):
            arguments.append(self.argument(depth))
            while self.text.startswith(",", self.at):
                self.at += 1
                self.blanks()
                arguments.append(self.argument(depth))
        if not self.text.startswith(")", self.at):
            self.fail("Expected ',' or ')'")
        self.at += 1
        return Call(match[1], tuple(arguments), self.text[start : self.at], start)

    def argument(self, depth: int) -> Argument:
        text, at = self.text, self.at
        found: Argument
        if text.startswith("'", at):
            found = self.quoted()
        elif text.startswith("$", at):
            found = self.path()
        elif text.startswith("States.", at):
            found = self.call(depth + 1)
        elif match := _NUMBER.match(text, at):
            self.at = match.end()
            found = Literal(self.number(match), at)
        elif match := _WORD.match(text, at):
            self.at = match.end()
            found = Literal(_WORDS[match[1]], at)
        else:
            self.fail("Expected a text in single quotes, a number, true, false, null, a path or a function call")
        self.blanks()
        return found

    def number(self, match: re.Match[str]) -> int | float:
        if match[1] is None and match[2] is None:
            if len(match[0]) > 310:
                self.fail("The number is too large", match.start())
            return int(match[0])
        value = float(match[0])
        if value in (float("inf"), float("-inf")):
            self.fail("The number is too large", match.start())
        return value

    def quoted(self) -> Text:
        text, start = self.text, self.at
        pieces: list[str] = []
        whole: list[str] = []
        piece: list[str] = []
        at = start + 1
        while at < len(text) and text[at] != "'":
            character = text[at]
            if character == "\\":
                at += 1
                if at == len(text) or text[at] not in "'{}\\":
                    self.fail("A backslash stands before ', {, } or another backslash only", at - 1)
                character = text[at]
            elif text.startswith("{}", at):
                pieces.append("".join(piece))
                piece = []
                whole.append("{}")
                at += 2
                continue
            piece.append(character)
            whole.append(character)
            at += 1
        if at >= len(text):
            self.fail("The text is not closed with a single quote", start)
        self.at = at + 1
        pieces.append("".join(piece))
        return Text("".join(whole), tuple(pieces), start)

    def path(self) -> PathArgument:
        text, start = self.text, self.at
        at, depth = start, 0
        while at < len(text):
            character = text[at]
            if depth == 0 and (character in ",)" or character.isspace()):
                break
            if character == "[":
                depth += 1
            elif character == "]":
                depth -= 1
            elif depth and character in "'\"":
                after = skip_quoted(text, at)
                if after < 0:
                    self.fail("The quoted name is not closed", at)
                at = after
                continue
            at += 1
        self.at = at
        return PathArgument(text[start:at], start)
