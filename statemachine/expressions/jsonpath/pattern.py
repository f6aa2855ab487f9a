"""Regular expressions of filters (``=~ /…/i``), matched in bounded time.

Python's own engine backtracks and can take for ever on a short pattern, and it cannot be stopped. Here a pattern
becomes a nondeterministic automaton that is run over the text once: the time is at most states times characters, and
each step is taken off the evaluation's budget.

The dialect is the part of java.util.regex that such an automaton can do: literals, ``.``, classes, groups, ``|``,
greedy and lazy quantifiers, ``^``, ``$``, the escapes ``\\b \\d \\w \\s`` and their negations, ``\\t \\n \\r \\f``,
``\\uXXXX``, ``\\xXX``, the flags ``i``, ``s`` and ``m``. Back references, look-around, possessive quantifiers, inline
flags, class intersections and ``\\p{…}`` are refused when the definition is compiled. The whole text must match
(Matcher.matches), so greedy and lazy quantifiers are the same here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Never, TypeAlias

from msgspec import Struct

from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.budget import Budget

MAX_STATES = 2_000
"""States of one automaton; a repetition ``{n}`` copies what it repeats."""
MAX_NESTING = 32
"""Groups inside each other."""
MAX_REPEAT = 1_000
"""Either number of a repetition ``{n,m}``."""

CharacterTest: TypeAlias = Callable[[str], bool]
Condition: TypeAlias = Callable[[str, int], bool]
"""Whether an assertion holds in a text before the character at an index."""
Emit: TypeAlias = Callable[["_Builder", int], int]
"""Adds the states of a part that goes on to the given state; gives the part's first state."""


class _State(Struct, frozen=True):
    """Takes one character (`takes`), leads on for nothing (`leads`, if `when` allows), or ends the match (neither)."""

    takes: CharacterTest | None = None
    leads: tuple[int, ...] = ()
    when: Condition | None = None


class _Builder:
    def __init__(self, fail: Callable[[str], Never]) -> None:
        self.states: list[_State] = []
        self.fail = fail

    def add(self, state: _State) -> int:
        if len(self.states) >= MAX_STATES:
            self.fail(f"The pattern needs more than {MAX_STATES} states")
        self.states.append(state)
        return len(self.states) - 1


class Pattern:
    """A compiled pattern."""

    __slots__ = ("_start", "_states")

    def __init__(self, states: tuple[_State, ...], start: int) -> None:
        self._states = states
        self._start = start

    def matches(self, text: str, budget: Budget) -> bool:
        """Whether the whole text matches. Raises EvaluationError when the budget is used up."""
        active = self._reached([self._start], text, 0)
        for at, character in enumerate(text):
            budget.spend(1 + len(active))
            following = [state.leads[0] for state in active if state.takes is not None and state.takes(character)]
            if not following:
                return False
            active = self._reached(following, text, at + 1)
        return any(state.takes is None for state in active)

    def _reached(self, numbers: list[int], text: str, at: int) -> list[_State]:
        """The states that are reached for nothing and take a character or end the match."""
        seen: set[int] = set()
        reached: list[_State] = []
        while numbers:
            number = numbers.pop()
            if number in seen:
                continue
            seen.add(number)
            state = self._states[number]
            if state.takes is not None or not state.leads:
                reached.append(state)
            elif state.when is None or state.when(text, at):
                numbers.extend(state.leads)
        return reached


def compile_pattern(pattern: str, flags: str, expression: str, offset: int) -> Pattern:
    """Compile a pattern; `offset` is its place in `expression`. Raises ExpressionSyntaxError."""
    parser = _Parser(pattern, flags, expression, offset)
    emit = parser.alternatives(0)
    if parser.at < len(pattern):
        parser.fail("Unexpected ')'")
    builder = _Builder(parser.fail)
    start = emit(builder, builder.add(_State()))
    return Pattern(tuple(builder.states), start)


# -- the automaton -----------------------------------------------------------------------------------------------------


def _character(test: CharacterTest) -> Emit:
    return lambda builder, target: builder.add(_State(takes=test, leads=(target,)))


def _assertion(when: Condition) -> Emit:
    return lambda builder, target: builder.add(_State(leads=(target,), when=when))


def _sequence(parts: list[Emit]) -> Emit:
    def emit(builder: _Builder, target: int) -> int:
        if not parts:
            return builder.add(_State(leads=(target,)))
        for part in reversed(parts):
            target = part(builder, target)
        return target

    return emit


def _either(branches: list[Emit]) -> Emit:
    def emit(builder: _Builder, target: int) -> int:
        return builder.add(_State(leads=tuple([branch(builder, target) for branch in branches])))

    return emit


def _any_number(part: Emit) -> Emit:
    def emit(builder: _Builder, target: int) -> int:
        loop = builder.add(_State(leads=(target,)))
        builder.states[loop] = _State(leads=(part(builder, loop), target))
        return loop

    return emit


def _repeated(part: Emit, least: int, most: int | None) -> Emit:
    def emit(builder: _Builder, target: int) -> int:
        if most is None:
            target = _any_number(part)(builder, target)
        for _ in range((most or least) - least):
            target = _either([part, _sequence([])])(builder, target)
        for _ in range(least):
            target = part(builder, target)
        return target if least or most != 0 else builder.add(_State(leads=(target,)))

    return emit


# -- the parser --------------------------------------------------------------------------------------------------------

_LINE_ENDS: Final = "\n\r\u0085\u2028\u2029"
_DIGITS: Final = frozenset("0123456789")
_WORD: Final = _DIGITS | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_BLANK: Final = frozenset(" \t\n\x0b\f\r")
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _BLANK}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "a": "\x07", "e": "\x1b", "0": "\0"}
_COUNT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
_GROUP = re.compile(r"\(\?(:|<[A-Za-z][A-Za-z0-9]*>)")


class _Parser:
    def __init__(self, pattern: str, flags: str, expression: str, offset: int) -> None:
        self.pattern = pattern
        self.at = 0
        self._expression = expression
        self._offset = offset
        for flag in flags:
            if flag not in "ismuUd":
                self.fail(f"The flag '{flag}' is not supported")
        self._ignore_case = "i" in flags
        self._dot_all = "s" in flags
        self._lines = "m" in flags

    def fail(self, message: str) -> Never:
        raise ExpressionSyntaxError(message, self._expression, self._offset + self.at)

    def peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def take(self, text: str) -> bool:
        found = self.peek(text)
        self.at += len(text) * found
        return found

    def alternatives(self, depth: int) -> Emit:
        if depth > MAX_NESTING:
            self.fail(f"Groups are nested more than {MAX_NESTING} deep")
        branches = [self.sequence(depth)]
        while self.take("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else _either(branches)

    def sequence(self, depth: int) -> Emit:
        parts: list[Emit] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self.quantified(self.atom(depth)))
        return _sequence(parts)

    def quantified(self, part: Emit) -> Emit:
        if self.take("*"):
            part = _any_number(part)
        elif self.take("+"):
            part = _repeated(part, 1, None)
        elif self.take("?"):
            part = _repeated(part, 0, 1)
        elif self.peek("{"):
            part = _repeated(part, *self.count())
        else:
            return part
        if self.peek("+"):
            self.fail("Possessive quantifiers are not supported")
        self.take("?")
        if self.at < len(self.pattern) and self.pattern[self.at] in "*+?{":
            self.fail("Expected something to repeat")
        return part

    def count(self) -> tuple[int, int | None]:
        match = _COUNT.match(self.pattern, self.at)
        if match is None:
            self.fail("Expected {n}, {n,} or {n,m}")
        least, most = match[1], match[3] if match[2] else match[1]
        if len(least) > 4 or len(most) > 4 or int(least) > MAX_REPEAT or int(most or 0) > MAX_REPEAT:
            self.fail(f"A repetition is at most {MAX_REPEAT}")
        if most and int(most) < int(least):
            self.fail("The repetition's numbers are out of order")
        self.at = match.end()
        return int(least), int(most) if most else None

    def atom(self, depth: int) -> Emit:
        character = self.pattern[self.at]
        if character == "(":
            return self.group(depth)
        if character == "[":
            self.at += 1
            return _character(self.character_class(depth))
        if character == "\\":
            return self.escape()
        if character in "*+?{":
            self.fail("Expected something to repeat")
        self.at += 1
        if character == ".":
            dot_all = self._dot_all
            return _character(lambda found: dot_all or found not in _LINE_ENDS)
        if character == "^":
            return _assertion(_after_line_end if self._lines else lambda _, at: at == 0)
        if character == "$":
            return _assertion(_before_line_end if self._lines else _before_last_line_end)
        return _character(self.fold(character.__eq__))

    def fold(self, test: CharacterTest) -> CharacterTest:
        """The test of a character or a range under the flag ``i``."""
        if self._ignore_case:
            return lambda found: test(found) or test(found.lower()) or test(found.upper())
        return test

    def group(self, depth: int) -> Emit:
        if match := _GROUP.match(self.pattern, self.at):
            self.at = match.end()
        else:
            self.at += 1
            if self.peek("?"):
                self.fail("Look-around, inline flags and atomic groups are not supported")
        inner = self.alternatives(depth + 1)
        if not self.take(")"):
            self.fail("The group is not closed")
        return inner

    def escape(self) -> Emit:
        if self.peek("\\b") or self.peek("\\B"):
            inside = self.peek("\\B")
            self.at += 2
            return _assertion(lambda text, at: _word_boundary(text, at) is not inside)
        return _character(self.named_class() or self.fold(self.single().__eq__))

    def named_class(self) -> CharacterTest | None:
        """``\\d`` and its like; None, and nothing read, if something else stands at the cursor."""
        name = self.pattern[self.at + 1 : self.at + 2]
        if not self.peek("\\") or name.lower() not in _CLASSES:
            return None
        self.at += 2
        members = _CLASSES[name.lower()]
        return members.__contains__ if name.islower() else lambda found: found not in members

    def character_class(self, depth: int) -> CharacterTest:
        if depth > MAX_NESTING:
            self.fail(f"Classes are nested more than {MAX_NESTING} deep")
        negated = self.take("^")
        tests: list[CharacterTest] = []
        first = True
        while first or not self.peek("]"):
            if self.at >= len(self.pattern):
                self.fail("The class is not closed")
            if self.peek("&&"):
                self.fail("Class intersections are not supported")
            tests.append(self.member(depth))
            first = False
        self.at += 1
        if negated:
            return lambda found: not any(test(found) for test in tests)
        return lambda found: any(test(found) for test in tests)

    def member(self, depth: int) -> CharacterTest:
        """A character, a range, an escape or an inner class."""
        if self.take("["):
            return self.character_class(depth + 1)
        if named := self.named_class():
            return named
        low = self.single()
        if not self.peek("-") or self.peek("-]"):
            return self.fold(low.__eq__)
        self.at += 1
        if self.at >= len(self.pattern) or self.peek("["):
            self.fail("Expected the end of the range")
        high = self.single()
        if high < low:
            self.fail("The range is out of order")
        return self.fold(lambda found: low <= found <= high)

    def single(self) -> str:
        """The one character, perhaps escaped, that stands at the cursor."""
        character = self.pattern[self.at]
        self.at += 1
        if character != "\\":
            return character
        if self.at == len(self.pattern):
            self.fail("The pattern ends with a backslash")
        if match := _HEX.match(self.pattern, self.at):
            self.at = match.end()
            return chr(int(match[1] or match[2], 16))
        character = self.pattern[self.at]
        if character.isalnum() and character not in _CONTROLS:
            self.fail(f"The escape \\{character} is not supported")
        self.at += 1
        return _CONTROLS.get(character, character)


def _word_boundary(text: str, at: int) -> bool:
    before = at > 0 and text[at - 1] in _WORD
    after = at < len(text) and text[at] in _WORD
    return before is not after


def _after_line_end(text: str, at: int) -> bool:
    return at == 0 or (text[at - 1] in _LINE_ENDS and at < len(text))


def _before_line_end(text: str, at: int) -> bool:
    return at == len(text) or text[at] in _LINE_ENDS


def _before_last_line_end(text: str, at: int) -> bool:
    return at == len(text) or (at == len(text) - 1 and text[at] in _LINE_ENDS)
