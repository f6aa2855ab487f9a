"""Regular expressions of filters (``=~ /…/i``), matched in bounded time.

Python's own engine backtracks and can take for ever on a short pattern, and it cannot be stopped. Here a pattern
becomes a nondeterministic automaton that is run over the text once: the time is at most states times characters, and
each step is taken off the evaluation's budget.

The dialect is the part of java.util.regex that such an automaton can do: literals, ``.``, classes, groups, ``|``,
greedy and lazy quantifiers, ``^ $ \\b \\B``, the escapes ``\\d \\w \\s \\t \\n \\r \\f \\uXXXX \\xXX`` and their negations, the
flags ``i`` and ``s``. Back references, look-around, possessive quantifiers, inline flags, class intersections and
``\\p{…}`` are refused when the definition is compiled. The whole text must match (Matcher.matches), so greedy and lazy
quantifiers are the same here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Never, TypeAlias

from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.budget import Budget

MAX_STATES = 2_000
"""States of one automaton; a repetition ``{n}`` copies what it repeats."""
MAX_NESTING = 32
"""Groups inside each other."""

CharacterTest: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern."""

    _program: tuple[_Instruction, ...]

    def matches(self, text: str, budget: Budget) -> bool:
        """Whether the whole text matches. Raises EvaluationError when the budget is used up."""
        program = self._program
        states = _closure(program, [0], text, 0)
        for at, character in enumerate(text):
            budget.spend(1 + len(states))
            following = [
                target
                for state in states
                for test, target in (program[state].consume or _NOTHING,)
                if target >= 0 and test(character)
            ]
            if not following:
                return False
            states = _closure(program, following, text, at + 1)
        return any(program[state].accept for state in states)


@dataclass(slots=True)
class _Instruction:
    """One state: it consumes a character, goes on for nothing (if `when` allows), or accepts."""

    consume: tuple[CharacterTest, int] | None = None
    free: tuple[int, ...] = ()
    when: Callable[[str, int], bool] | None = None
    accept: bool = False


_NOTHING: tuple[CharacterTest, int] = (lambda _: False, -1)


def _closure(program: tuple[_Instruction, ...], states: list[int], text: str, at: int) -> list[int]:
    """The states that are reached for nothing, without those that only lead on."""
    seen: dict[int, None] = {}
    pending = states[::-1]
    while pending:
        state = pending.pop()
        if state in seen:
            continue
        seen[state] = None
        instruction = program[state]
        if instruction.free and (instruction.when is None or instruction.when(text, at)):
            pending.extend(reversed(instruction.free))
    return [state for state in seen if not program[state].free]


def compile_pattern(pattern: str, flags: str, expression: str, offset: int) -> Pattern:
    """Compile a pattern; `offset` is its place in `expression`. Raises ExpressionSyntaxError."""
    parser = _Parser(pattern, flags, expression, offset)
    start = parser.alternatives(0)
    if parser.at < len(pattern):
        parser.fail("Unexpected ')'")
    program = _assemble(start)
    return Pattern(program)
