"""docs/tutorial.md, done as a reader does it: each command is run, and prints what the page says.

A block ``console`` has commands after ``$`` and below each some of the lines that it prints, in their order; ``…``
stands for any text, and blanks for any blanks. ``(exit status N)`` is what it ends with, otherwise 0. A block ``yaml
replace FILE`` is replaced in that file by the next block ``yaml with``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"\(exit status (\d+)\)")


def blocks() -> Iterator[tuple[str, str, str]]:
    for language, words, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        yield language, words.strip(), text


def pattern(line: str) -> re.Pattern[str]:
    """A line of the page as what a printed line must contain."""
    words = [".*?".join(map(re.escape, word.split("…"))) for word in line.split()]
    return re.compile(r"\s*".join(words))


class Reader:
    """Does what the page says, in a shell that stays where it went."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tools = folder / "bin"
        tools.mkdir()
        command = tools / "statemachine"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m statemachine "$@"\n')
        command.chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
        self.environment.pop("STATEMACHINE_STORE", None)

    def run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", f"{command}\nstatus=$?\npwd > '{self.folder}/where'\nexit $status"],
            cwd=self.folder if not (self.folder / "where").exists() else (self.folder / "where").read_text().strip(),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    def check(self, command: str, expected: list[str]) -> None:
        status, printed = self.run(command)
        wanted = 0
        lines = iter(printed.splitlines())
        for line in expected:
            told = _STATUS.fullmatch(line.strip())
            if told is not None:
                wanted = int(told[1])
                continue
            assert any(pattern(line).search(each) for each in lines), (
                f"$ {command}\n{printed}\n-- does not print: {line}"
            )
        assert status == wanted, f"$ {command}\n{printed}"

    def edit(self, name: str, old: str, new: str) -> None:
        path = Path((self.folder / "where").read_text().strip()) / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has not one place of\n{old}"
        path.write_text(text.replace(old, new))


def test_the_tutorial(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__", ".statemachine")
    )
    reader = Reader(tmp_path)
    replaced: tuple[str, str] | None = None
    commands = 0
    for language, words, text in blocks():
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *expected = part.splitlines()
                reader.check(command, [line for line in expected if line.strip()])
                commands += 1
        elif words.startswith("replace "):
            replaced = words.removeprefix("replace "), text
        elif words == "with":
            assert replaced is not None
            reader.edit(*replaced, text)
    assert commands >= 12
