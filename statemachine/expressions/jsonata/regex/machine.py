"""A backtracking machine for regular expressions that counts its steps.

Rules
- A program is a list of instructions. What is still to be tried lies on a list, not on Python's stack.
- The groups and loop marks are one tuple, so that going back costs nothing. A group is (start, end), or None.
- JavaScript's particulars: an iteration clears the groups inside it, an optional iteration that matches nothing fails,
  a reference to a group without a match matches the empty text, lookbehind matches from right to left.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, TypeAlias, assert_never

from msgspec import Struct, field

from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.regex.syntax import (
    LINE_ENDS,
    WORD,
    Assertion,
    Capture,
    Choice,
    Look,
    Node,
    Reference,
    Repeat,
    Sequence,
    Set,
    Tree,
)

MAX_INSTRUCTIONS: Final = 20_000
MAX_PENDING: Final = 500_000

Test: TypeAlias = Callable[[str], bool]
Span: TypeAlias = tuple[int, int] | None


class Op(IntEnum):
    SET = 0
    """test: take a character of the set"""
    SET_BACK = 1
    SPLIT = 2
    """first, second: go on at the first, try the second later"""
    JUMP = 3
    OPEN = 4
    """mark: remember the position"""
    CLOSE = 5
    """group, mark: the group is from the mark to here (or the other way round)"""
    CLEAR = 6
    """from, to: these groups have no match"""
    ADVANCED = 7
    """mark: fail if the position is the marked one"""
    ASSERT = 8
    """condition on text and position"""
    REFERENCE = 9
    """group, backwards"""
    LOOK = 10
    """negated, where to go on; the body follows"""
    RUN = 11
    """test, least, most: as many characters of the set as there are, then ever fewer"""
    MATCH = 12


class Program(Struct):
    """Instructions, and the number of groups and marks."""

    code: list[tuple[Any, ...]] = field(default_factory=list)
    groups: int = 1
    marks: int = 0
    ignore_case: bool = False

    def emit(self, *instruction: Any) -> int:
        """Append an instruction; gives its address."""
        if len(self.code) >= MAX_INSTRUCTIONS:
            raise JsonataError("S0303", value="The regular expression is too large")
        self.code.append(instruction)
        return len(self.code) - 1

    def mark(self) -> int:
        """A new mark: its place in the state."""
        self.marks += 1
        return self.groups + self.marks - 1


def assemble(tree: Tree, *, multiline: bool, ignore_case: bool) -> Program:
    """The program of an expression. Raises JsonataError (S0303) if it is too large."""
    program = Program(groups=tree.groups, ignore_case=ignore_case)
    _emit(program, tree.root, multiline, back=False)
    program.emit(Op.MATCH)
    return program


def _emit(program: Program, node: Node, multiline: bool, *, back: bool) -> None:
    match node:
        case Set():
            program.emit(Op.SET_BACK if back else Op.SET, _test(node, program.ignore_case))
        case Assertion():
            program.emit(Op.ASSERT, _condition(node.kind, multiline))
        case Capture():
            mark = program.mark()
            program.emit(Op.OPEN, mark)
            _emit(program, node.body, multiline, back=back)
            program.emit(Op.CLOSE, node.index, mark)
        case Look():
            look = program.emit(Op.LOOK)
            _emit(program, node.body, multiline, back=node.behind)
            program.emit(Op.MATCH)
            program.code[look] = (Op.LOOK, node.negated, len(program.code))
        case Reference():
            program.emit(Op.REFERENCE, node.index, back)
        case Repeat():
            _emit_repeat(program, node, multiline, back=back)
        case Sequence():
            for part in reversed(node.parts) if back else node.parts:
                _emit(program, part, multiline, back=back)
        case Choice():
            _emit_choice(program, node, multiline, back=back)
        case _:
            assert_never(node)


def _emit_choice(program: Program, node: Choice, multiline: bool, *, back: bool) -> None:
    jumps = []
    for option in node.options[:-1]:
        split = program.emit(Op.SPLIT)
        _emit(program, option, multiline, back=back)
        jumps.append(program.emit(Op.JUMP))
        program.code[split] = (Op.SPLIT, split + 1, len(program.code))
    _emit(program, node.options[-1], multiline, back=back)
    for jump in jumps:
        program.code[jump] = (Op.JUMP, len(program.code))


def _emit_repeat(program: Program, node: Repeat, multiline: bool, *, back: bool) -> None:
    if isinstance(node.body, Set) and node.greedy and not back:
        program.emit(Op.RUN, _test(node.body, program.ignore_case), node.least, node.most)
        return

    def body() -> None:
        if node.captures[0] < node.captures[1]:
            program.emit(Op.CLEAR, *node.captures)
        _emit(program, node.body, multiline, back=back)

    def split(skip: int, enter: int) -> tuple[Any, ...]:
        return (Op.SPLIT, enter, skip) if node.greedy else (Op.SPLIT, skip, enter)

    for _ in range(node.least):
        body()
    mark = program.mark()
    optional = []
    for _ in range((node.most or 0) - node.least) if node.most is not None else (0,):
        optional.append(program.emit(Op.SPLIT))
        program.emit(Op.OPEN, mark)
        body()
        program.emit(Op.ADVANCED, mark)
    if node.most is None:
        program.emit(Op.JUMP, optional[0])
    for address in optional:
        program.code[address] = split(len(program.code), address + 1)


def _test(node: Set, ignore_case: bool) -> Test:
    ranges, negated = node.ranges, node.negated
    lows = [low for low, _ in ranges]

    def inside(code: int) -> bool:
        at = bisect_right(lows, code) - 1
        return at >= 0 and code <= ranges[at][1]

    def test(char: str) -> bool:
        found = inside(ord(char)) or (
            ignore_case and any(len(other) == 1 and inside(ord(other)) for other in (char.lower(), char.upper()))
        )
        return found is not negated

    ascii_table = [test(chr(code)) for code in range(128)]

    def quick(char: str) -> bool:
        code = ord(char)
        return ascii_table[code] if code < 128 else test(char)

    return quick


def _condition(kind: str, multiline: bool) -> Callable[[str, int], bool]:
    is_word, ends_line = _test(Set(WORD), ignore_case=False), _test(Set(LINE_ENDS), ignore_case=False)
    if kind == "^":
        return lambda text, at: at == 0 or (multiline and ends_line(text[at - 1]))
    if kind == "$":
        return lambda text, at: at == len(text) or (multiline and ends_line(text[at]))

    def at_boundary(text: str, at: int) -> bool:
        before = at > 0 and is_word(text[at - 1])
        return before is not (at < len(text) and is_word(text[at]))

    return at_boundary if kind == "b" else lambda text, at: not at_boundary(text, at)


def search(program: Program, text: str, start: int, steps: int) -> tuple[tuple[Span, ...] | None, int]:
    """The spans of the first match from `start` on, the whole first; and the steps left, negative if too few."""
    run = _Run(program, text, steps)
    for at in range(start, len(text) + 1):
        found = run.match(0, at, (None,) * (program.groups + program.marks))
        if run.steps < 0:
            return None, -1
        if found is not None:
            end, state = found
            return ((at, end), *state[1 : program.groups]), run.steps
    return None, run.steps


class _Run:
    __slots__ = ("program", "steps", "text")

    def __init__(self, program: Program, text: str, steps: int) -> None:
        self.program = program
        self.text = text
        self.steps = steps

    def match(self, address: int, at: int, state: tuple[Any, ...]) -> tuple[int, tuple[Any, ...]] | None:
        """Run from an instruction on: the position and state at MATCH, or None."""
        code = self.program.code
        pending: list[tuple[int, int, tuple[Any, ...], int]] = []
        while True:
            self.steps -= 1
            if self.steps < 0 or len(pending) > MAX_PENDING:
                self.steps = -1
                return None
            instruction = code[address]
            if instruction[0] is Op.MATCH:
                return at, state
            if instruction[0] is Op.SPLIT:
                pending.append((instruction[2], at, state, -1))
                address = instruction[1]
                continue
            if instruction[0] is Op.RUN:
                least, furthest = self._run(instruction, at)
                if furthest > least:
                    pending.append((address + 1, furthest - 1, state, least))
                moved = (address + 1, furthest, state) if furthest >= least else None
            else:
                moved = self._step(instruction, address, at, state)
            if moved is not None:
                address, at, state = moved
                continue
            if not pending:
                return None
            address, at, state, low = pending.pop()
            if low >= 0 and at > low:
                pending.append((address, at - 1, state, low))

    def _run(self, instruction: tuple[Any, ...], at: int) -> tuple[int, int]:
        """The nearest and the furthest position after a run; it fails if the furthest is nearer."""
        _, test, least, most = instruction
        text = self.text
        end = len(text) if most is None else min(len(text), at + most)
        furthest = at
        while furthest < end and test(text[furthest]):
            furthest += 1
        self.steps -= (furthest - at) // 4
        return at + least, furthest

    def _step(
        self, instruction: tuple[Any, ...], address: int, at: int, state: tuple[Any, ...]
    ) -> tuple[int, int, tuple[Any, ...]] | None:
        match instruction:
            case (Op.SET, test):
                return (address + 1, at + 1, state) if at < len(self.text) and test(self.text[at]) else None
            case (Op.SET_BACK, test):
                return (address + 1, at - 1, state) if at > 0 and test(self.text[at - 1]) else None
            case (Op.JUMP, target):
                return target, at, state
            case (Op.OPEN, mark):
                return address + 1, at, (*state[:mark], at, *state[mark + 1 :])
            case (Op.CLOSE, group, mark):
                span = (min(at, state[mark]), max(at, state[mark]))
                return address + 1, at, (*state[:group], span, *state[group + 1 :])
            case (Op.CLEAR, first, last):
                return address + 1, at, (*state[:first], *(None,) * (last - first), *state[last:])
            case (Op.ADVANCED, mark):
                return (address + 1, at, state) if state[mark] != at else None
            case (Op.ASSERT, condition):
                return (address + 1, at, state) if condition(self.text, at) else None
            case (Op.REFERENCE, group, back):
                return self._reference(address, at, state, state[group], back)
            case (Op.LOOK, negated, target):
                found = self.match(address + 1, at, state)
                if (found is None) is not negated:
                    return None
                return target, at, state if found is None else found[1]
            case _:
                raise AssertionError(f"unknown instruction {instruction[0]!r}")

    def _reference(
        self, address: int, at: int, state: tuple[Any, ...], span: Span, back: bool
    ) -> tuple[int, int, tuple[Any, ...]] | None:
        if span is None:
            return address + 1, at, state
        wanted = self.text[span[0] : span[1]]
        start = at - len(wanted) if back else at
        found = self.text[start : start + len(wanted)] if start >= 0 else None
        self.steps -= len(wanted) // 16
        if found is None or not (
            found == wanted or (self.program.ignore_case and found.casefold() == wanted.casefold())
        ):
            return None
        return address + 1, (start if back else at + len(wanted)), state
