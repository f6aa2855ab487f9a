"""Text to tokens, one at a time: whether `/` divides or opens a regular expression depends on what the parser expects.

Positions are those of the original: UTF-16 units, at the end of the token. Errors: S0101 … S0106, S0301, S0302.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.texts import EXACT, joined_surrogates, utf16_length

Kind: TypeAlias = Literal["name", "variable", "operator", "string", "number", "value", "regex"]

WORD_OPERATORS: Final = ("and", "or", "in")
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_DOUBLE: Final = frozenset({"..", ":=", "!=", ">=", "<=", "**", "~>"})
_SINGLE: Final = frozenset(".[]{}(),@#;:?+-*/%|=<>^&!~")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BLANK: Final = re.compile(r"(?:[ \t\n\r\v]+|/\*.*?\*/)*", re.DOTALL)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_NAME: Final = re.compile(r"[^ \t\n\r\v.\[\]{}(),@#;:?+\-*/%|=<>^&!~]*")
_PLAIN: Final = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_HEX: Final = re.compile(r"[0-9a-fA-F]{1,4}")


class Token(Struct, frozen=True):
    """`value` is the text of an operator or name, or the value of a literal; a regex has (source, flags)."""

    kind: Kind
    value: str | float | bool | tuple[str, str] | None
    position: int

    @property
    def id(self) -> str:
        """The operator, or `(name)`, `(literal)`, `(regex)`."""
        if self.kind == "operator":
            return str(self.value)
        if self.kind == "regex":
            return "(regex)"
        return "(name)" if self.kind in ("name", "variable") else "(literal)"


class Lexer:
    """Reads one text. `next` gives None at the end."""

    __slots__ = ("_ascii", "_at", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ascii = text.isascii() or utf16_length(text) == len(text)

    def position(self, offset: int) -> int:
        """An offset into the text in UTF-16 units."""
        return offset if self._ascii else utf16_length(self._text[:offset])

    def next(self, *, infix: bool) -> Token | None:
        """The next token. With `infix` a `/` is the division."""
        text = self._text
        self._skip_blanks()
        at = self._at
        if at >= len(text):
            return None
        char = text[at]
        if char == "/" and not infix:
            return self._regex()
        if text[at : at + 2] in _DOUBLE:
            return self._token("operator", text[at : at + 2], at + 2)
        if char in _SINGLE:
            return self._token("operator", char, at + 1)
        if char in _PLAIN:
            return self._string(char)
        if char.isdigit() and (match := _NUMBER.match(text, at)):
            return self._number(match)
        if char == "`":
            return self._quoted_name()
        return self._name()

    def _token(self, kind: Kind, value: str | float | bool | tuple[str, str] | None, end: int) -> Token:
        self._at = end
        return Token(kind, value, self.position(end))

    def _skip_blanks(self) -> None:
        match = _BLANK.match(self._text, self._at)
        assert match is not None  # it matches the empty text
        self._at = match.end()
        if self._text.startswith("/*", self._at):
            raise JsonataError("S0106", position=self.position(self._at))

    def _string(self, quote: str) -> Token:
        text, at, parts = self._text, self._at + 1, []
        while True:
            plain = _PLAIN[quote].match(text, at)
            assert plain is not None  # it matches the empty text
            parts.append(plain[0])
            at = plain.end()
            if at >= len(text):
                raise JsonataError("S0101", position=self.position(len(text)))
            if text[at] == quote:
                return self._token("string", joined_surrogates("".join(parts)), at + 1)
            escape = text[at + 1 : at + 2]
            if escape == "u":
                parts.append(self._unicode_escape(at + 1))
                at += 6
            elif escape in _ESCAPES:
                parts.append(_ESCAPES[escape])
                at += 2
            else:
                raise JsonataError("S0103", position=self.position(at + 1), token=escape)

    def _unicode_escape(self, at: int) -> str:
        digits = self._text[at + 1 : at + 5]
        if not _HEX.fullmatch(digits):
            raise JsonataError("S0104", position=self.position(at))
        return chr(int(digits, 16))

    def _number(self, match: re.Match[str]) -> Token:
        text = match[0]
        value = float(text)
        if math.isinf(value):
            raise JsonataError("S0102", position=self.position(match.start()), token=text)
        if value.is_integer() and abs(value) <= EXACT:
            return self._token("number", int(value), match.end())
        return self._token("number", value, match.end())

    def _quoted_name(self) -> Token:
        end = self._text.find("`", self._at + 1)
        if end < 0:
            raise JsonataError("S0105", position=self.position(len(self._text)))
        return self._token("name", self._text[self._at + 1 : end], end + 1)

    def _name(self) -> Token:
        match = _NAME.match(self._text, self._at)
        assert match is not None  # it matches the empty text
        name = match[0]
        if name.startswith("$"):
            return self._token("variable", name[1:], match.end())
        if name in WORD_OPERATORS:
            return self._token("operator", name, match.end())
        if name in _CONSTANTS:
            return self._token("value", _CONSTANTS[name], match.end())
        return self._token("name", name, match.end())

    def _regex(self) -> Token:
        """From `/` to the next one that is neither escaped nor within brackets, then the flags."""
        text, start = self._text, self._at + 1
        depth, at, escaped = 0, start, False
        while at < len(text):
            char = text[at]
            if char == "/" and depth == 0 and not escaped:
                break
            if char in "([{" and text[at - 1] != "\\":
                depth += 1
            elif char in ")]}" and text[at - 1] != "\\":
                depth -= 1
            escaped = char == "\\" and not escaped
            at += 1
        else:
            raise JsonataError("S0302", position=self.position(len(text)))
        if at == start:
            raise JsonataError("S0301", position=self.position(at))
        end = at + 1
        while end < len(text) and text[end] in "im":
            end += 1
        return self._token("regex", (text[start:at], text[at + 1 : end]), end)
