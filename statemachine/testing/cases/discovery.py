"""Which files hold cases, and which of their cases are chosen.

Rules
- A file that is named is read, whatever its name; a folder is searched for files with one of `ENDINGS`, in the order of
  their names, without hidden folders and those where tools keep their own.
- A choice is an expression of parts of names: ``declined and not (slow or retry)``. Case does not matter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from statemachine.errors import StatemachineError

ENDINGS: Final = (".asl-test.yaml", ".asl-test.yml", ".asl-test.json")
_IGNORED: Final = ("node_modules", "__pycache__", "build", "dist", "venv")
_MAX_DEPTH: Final = 64
_MAX_EXPRESSION: Final = 2_000
_MAX_BRACKETS: Final = 50
_TOKEN: Final = re.compile(r"\s*(?:([()])|([^\s()]+))")

Choice: TypeAlias = Callable[[str], bool]
"""Whether a case with this name is chosen."""


class SelectionError(StatemachineError):
    """An expression that chooses cases is wrong."""


def is_cases_file(name: str) -> bool:
    """Whether a file of this name holds cases."""
    return name.endswith(ENDINGS)


def find_cases_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files with cases, each once, in order."""
    seen: set[str] = set()
    for path in paths:
        for file in _in_folder(path) if path.is_dir() else (path,):
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _in_folder(folder: Path, depth: int = 0) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if each.is_dir():
            hidden = each.name.startswith(".") or each.name in _IGNORED
            if not hidden and not each.is_symlink() and depth < _MAX_DEPTH:
                yield from _in_folder(each, depth + 1)
        elif is_cases_file(each.name):
            yield each


def parse_choice(expression: str) -> Choice:
    """Compile an expression. Raises SelectionError."""
    if len(expression) > _MAX_EXPRESSION:
        raise SelectionError(f"the expression has more than {_MAX_EXPRESSION} characters")
    tokens = [bracket or word for bracket, word in _TOKEN.findall(expression)]
    if tokens.count("(") > _MAX_BRACKETS:
        raise SelectionError(f"the expression has more than {_MAX_BRACKETS} brackets")
    chosen = _either(tokens, expression)
    if tokens:
        raise SelectionError(f"'{expression}': '{tokens[0]}' is one too many")
    return chosen


def _either(tokens: list[str], expression: str) -> Choice:
    choices = [_both(tokens, expression)]
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        choices.append(_both(tokens, expression))
    return lambda name: any(each(name) for each in choices)


def _both(tokens: list[str], expression: str) -> Choice:
    choices = [_single(tokens, expression)]
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        choices.append(_single(tokens, expression))
    return lambda name: all(each(name) for each in choices)


def _single(tokens: list[str], expression: str) -> Choice:
    refused = False
    while tokens and tokens[0] == "not":
        refused = not refused
        tokens.pop(0)
    if not tokens or tokens[0] in (")", "and", "or"):
        raise SelectionError(f"'{expression}': a name is missing {f'before {tokens[0]!r}' if tokens else 'at the end'}")
    token = tokens.pop(0)
    if token == "(":  # noqa: S105 - a bracket
        found = _either(tokens, expression)
        if not tokens:
            raise SelectionError(f"'{expression}': a bracket is not closed")
        tokens.pop(0)
    else:
        part = token.lower()

        def found(name: str) -> bool:
            return part in name.lower()

    return (lambda name: not found(name)) if refused else found
