"""The conditions of filters, ``[?(@.price < 10 && @.name =~ /a.*/)]``, compiled to closures.

Grammar (Jayway's FilterCompiler):

    or      = and { "||" and }
    and     = not { "&&" not }
    not     = "!" not | "(" or ")" | test
    test    = operand [ operator operand ]
    operand = path from @ (the value tested) or $ (the document) | text | number | true | false | null
            | array | object | /pattern/flags

- A lone path tests that it leads somewhere (fact jsonpath-filter-existence); ``!@.a`` that it does not.
- Values of different types are not equal, except that a text equals a number if it reads like it; ``<`` and its like
  hold between two numbers or two texts only. A path that leads nowhere is equal to nothing, not even to null.
- A value that is neither object nor array is never matched (developer guide, "Paths": @ matches objects only).
- A bare word is no value. AWS accepts a definition with one (published samples have them), so it fails when it is
  evaluated, not when it is compiled.
- An indefinite path tests and compares as the array of what it finds; alone, it tests that it finds something.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Final, Never, TypeAlias

from msgspec import Struct

from statemachine.errors import RUNTIME, EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.budget import Budget
from statemachine.expressions.java import utf16_key
from statemachine.expressions.jsonpath.definite import MISSING, definite_steps, walk
from statemachine.expressions.jsonpath.pattern import Pattern, compile_pattern
from statemachine.expressions.jsonpath.tokens import Filter, Token, skip_quoted, tokenize
from statemachine.jsonvalue import Json, is_number, json_equal

MAX_NESTING = 32
"""Parentheses, negations and literal arrays inside each other, and filters inside filters."""


class Search:
    """One evaluation of an indefinite path: the document, which ``$`` in filters means, and what may be spent."""

    __slots__ = ("budget", "document")

    def __init__(self, document: Json, budget: Budget) -> None:
        self.document = document
        self.budget = budget


Condition: TypeAlias = Callable[[Json, Search], bool]
"""Whether a value matches."""
Operand: TypeAlias = Callable[[Json, Search], Json]
"""What an operand gives for the value that is tested: JSON, MISSING or a Pattern."""


class _Parsed(Struct, frozen=True):
    """An operand as read. `exists` is set for a path: whether it leads somewhere."""

    value: Operand
    exists: Condition | None = None
    number: float | None = None
    """The number that it is, if it is a literal one."""


def compile_condition(text: str, condition: Filter, depth: int) -> Condition:
    """Compile the condition of a filter in the path `text`, inside `depth` other filters.

    Raises ExpressionSyntaxError.
    """
    parser = _Parser(text, condition, depth)
    compiled = parser.any_of(depth)
    if parser.at < parser.end:
        parser.fail("Expected an operator, '&&' or '||'")
    return compiled


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BARE_WORD: Final = re.compile(r"[A-Za-z_][\w-]*")
_WORD = re.compile(r"true|false|null")
_WORDS: Final = {"true": True, "false": False, "null": None}
_OPERATOR = re.compile(r"===|!==|==|!=|<=|>=|=~|<|>|[A-Za-z]+\b")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_PATH_END = re.compile(r"\s|[<>=~!,\])]|&&|\|\|")
_FLAGS = re.compile(r"[A-Za-z]*")


class _Parser:
    def __init__(self, text: str, condition: Filter, depth: int) -> None:
        self.text = text
        self.at = condition.offset
        self.end = condition.offset + len(condition.condition)
        self._filters = depth
        self.blanks()

    def fail(self, message: str, at: int | None = None) -> Never:
        raise ExpressionSyntaxError(message, self.text, self.at if at is None else at)

    def blanks(self) -> None:
        while self.at < self.end and self.text[self.at].isspace():
            self.at += 1

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at, self.end)

    def take(self, text: str) -> bool:
        if not self.peek(text):
            return False
        self.at += len(text)
        self.blanks()
        return True

    def any_of(self, depth: int) -> Condition:
        conditions = [self.all_of(depth)]
        while self.take("||"):
            conditions.append(self.all_of(depth))
        if len(conditions) == 1:
            return conditions[0]
        return lambda node, search: any(condition(node, search) for condition in conditions)

    def all_of(self, depth: int) -> Condition:
        conditions = [self.term(depth)]
        while self.take("&&"):
            conditions.append(self.term(depth))
        if len(conditions) == 1:
            return conditions[0]
        return lambda node, search: all(condition(node, search) for condition in conditions)

    def term(self, depth: int) -> Condition:
        if depth > MAX_NESTING:
            self.fail(f"The filter is nested more than {MAX_NESTING} deep")
        if self.take("!"):
            negated = self.term(depth + 1)
            return lambda node, search: not negated(node, search)
        if self.take("("):
            inner = self.any_of(depth + 1)
            if not self.take(")"):
                self.fail("Expected ')'")
            return inner
        return self.test()

    def test(self) -> Condition:
        start = self.at
        left = self.operand()
        match = _OPERATOR.match(self.text, self.at, self.end)
        if match is None:
            if left.exists is None:
                self.fail("A condition compares two values, or names a path that must exist", start)
            return left.exists
        name = match[0].lower()
        if name not in _OPERATORS:
            self.fail(f"There is no operator {match[0]}")
        self.at = match.end()
        self.blanks()
        return _test(left.value, name, self.operand())

    def operand(self) -> _Parsed:
        if self.at >= self.end:
            self.fail("Expected a value")
        if self.text[self.at] in "@$":
            return self.path()
        if self.text[self.at] == "/":
            return _constant(self.pattern())
        word = _BARE_WORD.match(self.text, self.at, self.end)
        if word and not _WORD.match(self.text, self.at, self.end):
            return self.bare_word(word)
        return _constant(self.literal(0))

    def bare_word(self, word: re.Match[str]) -> _Parsed:
        self.at = word.end()
        self.blanks()

        def refuse(_: Json, __: Search) -> Json:
            raise EvaluationError(RUNTIME, f"The filter compares with {word[0]}, which is no value: quote it")

        return _Parsed(refuse)

    def path(self) -> _Parsed:
        start = self.at
        self.at += 1
        while self.at < self.end:
            if self.text[self.at] == "[":
                self.at = self.bracket(self.at)
            elif self.peek("()"):  # a member named f(), as elsewhere
                self.at += 2
            elif _PATH_END.match(self.text, self.at, self.end):
                break
            else:
                self.at += 1
        path = self.text[start : self.at]
        try:
            tokens = tokenize(path, 1)
            found = _path(path, tokens, self._filters)
        except ExpressionSyntaxError as error:
            self.fail(error.message, start + error.offset)
        self.blanks()
        return found

    def bracket(self, at: int) -> int:
        """Behind the bracket that opens at `at`."""
        depth = 0
        while at < self.end:
            character = self.text[at]
            if character in "'\"":
                at = skip_quoted(self.text, at)
                if not 0 <= at < self.end:
                    break
                continue
            depth += (character == "[") - (character == "]")
            at += 1
            if not depth:
                return at
        return self.fail("The bracket is not closed")

    def pattern(self) -> Pattern:
        start = self.at
        end = skip_quoted(self.text, start)
        if not 0 <= end <= self.end:
            self.fail("The pattern is not closed")
        flags = _FLAGS.match(self.text, end, self.end)
        assert flags is not None
        compiled = compile_pattern(self.text[start + 1 : end - 1], flags[0], self.text, start + 1)
        self.at = flags.end()
        self.blanks()
        return compiled

    def literal(self, depth: int) -> Json:
        if depth > MAX_NESTING:
            self.fail(f"The filter is nested more than {MAX_NESTING} deep")
        if self.peek("'") or self.peek('"'):
            return self.quoted()
        if self.take("["):
            return self.array(depth)
        if self.take("{"):
            return self.object(depth)
        if match := _WORD.match(self.text, self.at, self.end):
            self.at = match.end()
            self.blanks()
            return _WORDS[match[0]]
        match = _NUMBER.match(self.text, self.at, self.end)
        if match is None or len(match[0]) > 310:
            self.fail("Expected a path, a text, a number, true, false, null, an array, an object or a /pattern/")
        self.at = match.end()
        self.blanks()
        return float(match[0]) if match[1] or match[2] else int(match[0])

    def quoted(self) -> str:
        start = self.at
        end = skip_quoted(self.text, start)
        if not 0 <= end <= self.end:
            self.fail("The text is not closed")
        self.at = end
        self.blanks()
        return _ESCAPE.sub(_unescape, self.text[start + 1 : end - 1])

    def array(self, depth: int) -> Json:
        items: list[Json] = []
        while not self.take("]"):
            if items and not self.take(","):
                self.fail("Expected ',' or ']'")
            items.append(self.literal(depth + 1))
        return items

    def object(self, depth: int) -> Json:
        members: dict[str, Json] = {}
        while not self.take("}"):
            if members and not self.take(","):
                self.fail("Expected ',' or '}'")
            if not (self.peek("'") or self.peek('"')):
                self.fail("Expected a key in quotes")
            key = self.quoted()
            if not self.take(":"):
                self.fail("Expected ':'")
            members[key] = self.literal(depth + 1)
        return members


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])


def _constant(value: Json | Pattern) -> _Parsed:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return _Parsed(lambda _, __: value, number=number)


def _path(path: str, tokens: tuple[Token, ...], filters: int) -> _Parsed:
    """A path inside a condition: from the value that is tested, or from the document."""
    of_document = path.startswith("$")
    steps = definite_steps(tokens)
    if steps is not None and not of_document and len(steps) == 1 and isinstance(steps[0], str):
        return _member(steps[0])
    if steps is not None:

        def lookup(node: Json, search: Search) -> Json:
            try:
                return walk(search.document if of_document else node, steps)
            except (KeyError, TypeError, IndexError):
                return MISSING

        return _Parsed(lookup, lambda node, search: lookup(node, search) is not MISSING)

    from statemachine.expressions.jsonpath.indefinite import compile_find

    find = compile_find(path, tokens, filters + 1)

    def found(node: Json, search: Search) -> Json:
        return find(search.document if of_document else node, search)

    return _Parsed(found, lambda node, search: bool(found(node, search)))


def _member(name: str) -> _Parsed:
    """``@.name``, which most conditions test."""

    def lookup(node: Json, _: Search) -> Json:
        return node.get(name, MISSING) if type(node) is dict else MISSING

    return _Parsed(lookup, lambda node, _: type(node) is dict and name in node)


# -- operators -------------------------------------------------------------------------------------------------------

Compare: TypeAlias = Callable[[Json, Json, Budget], bool]


def _test(left: Operand, name: str, right: _Parsed) -> Condition:
    if right.number is not None and name in _ORDERS:
        return _test_number(left, _ORDERS[name], right.number)
    compare, operand = _OPERATORS[name], right.value
    return lambda node, search: compare(left(node, search), operand(node, search), search.budget)


def _test_number(left: Operand, order: Callable[[Json, Json], bool], limit: float) -> Condition:
    """The same for ``<`` and its like with a literal number: a text is never below or above one."""

    def compare(node: Json, search: Search) -> bool:
        value = left(node, search)
        return (type(value) is int or type(value) is float) and order(value, limit)

    return compare


def _equal(left: Json, right: Json, _: Budget) -> bool:
    if isinstance(left, str):
        return left == (_number_text(right) if is_number(right) else right)
    if is_number(left):
        return bool(left == (_read_number(right) if isinstance(right, str) else right)) and not isinstance(right, bool)
    return left is not MISSING and right is not MISSING and json_equal(left, right)


def _number_text(number: float) -> str:
    return str(number)


def _read_number(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text) if len(text) <= 310 else None
    if match is None:
        return None
    return float(text) if match[1] or match[2] else int(text)


def _same_type(left: Json, right: Json) -> bool:
    return isinstance(left, str) is isinstance(right, str)


def _ordered(compare: Callable[[Json, Json], bool]) -> Compare:
    def ordered(left: Json, right: Json, _: Budget) -> bool:
        if is_number(left) and is_number(right):
            return compare(left, right)
        return isinstance(left, str) and isinstance(right, str) and compare(utf16_key(left), utf16_key(right))

    return ordered


def _matches(left: Json, right: Json, budget: Budget) -> bool:
    if isinstance(left, Pattern) is isinstance(right, Pattern):
        return False
    pattern, value = (left, right) if isinstance(left, Pattern) else (right, left)
    if isinstance(value, list):
        return any(pattern.matches(_input(item), budget) for item in value)
    return bool(pattern.matches(_input(value), budget))


def _input(value: Json) -> str:
    """What a pattern sees of a value; of null, objects and what is missing, nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return _number_text(value) if is_number(value) else ""


def _in(left: Json, right: Json, budget: Budget) -> bool:
    if not isinstance(right, list):
        return False
    budget.spend(len(right))
    return any(_equal(item, left, budget) for item in right)


def _contains(left: Json, right: Json, budget: Budget) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _in(right, left, budget)


def _subset_of(left: Json, right: Json, budget: Budget) -> bool:
    return isinstance(left, list) and all(_in(item, right, budget) for item in left)


def _any_of(left: Json, right: Json, budget: Budget) -> bool:
    return isinstance(left, list) and any(_in(item, right, budget) for item in left)


def _size(left: Json, right: Json, _: Budget) -> bool:
    return isinstance(left, str | list) and is_number(right) and len(left) == int(right)


def _empty(left: Json, right: Json, _: Budget) -> bool:
    return isinstance(left, str | list | dict) and (not left) is right


_ORDERS: Final[dict[str, Callable[[Json, Json], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS: Final[dict[str, Compare]] = {
    "==": _equal,
    "!=": lambda left, right, budget: not _equal(left, right, budget),
    "===": lambda left, right, budget: _same_type(left, right) and _equal(left, right, budget),
    "!==": lambda left, right, budget: not (_same_type(left, right) and _equal(left, right, budget)),
    **{name: _ordered(order) for name, order in _ORDERS.items()},
    "=~": _matches,
    "in": _in,
    "nin": lambda left, right, budget: not _in(left, right, budget),
    "contains": _contains,
    "all": lambda left, right, budget: _subset_of(right, left, budget),
    "subsetof": _subset_of,
    "anyof": _any_of,
    "noneof": lambda left, right, budget: isinstance(left, list) and not _any_of(left, right, budget),
    "size": _size,
    "empty": _empty,
}
"""The operators by name; those that are words may be written in any case."""
