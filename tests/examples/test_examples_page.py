"""examples/README.md names every example, and its commands name files that are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```sh\ncd ([\w-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"@?([\w-]+(?:\.[\w-]+)*\.(?:yaml|json|py)|machines)")


def test_every_example_is_named_and_has_its_commands() -> None:
    folders = {each.name for each in EXAMPLES.iterdir() if each.is_dir() and not each.name.startswith((".", "__"))}
    assert set(re.findall(r"^\| \[([\w-]+)\]", PAGE, re.MULTILINE)) == folders
    assert {folder for folder, _ in _BLOCK.findall(PAGE)} == folders


def test_the_files_of_the_commands_are_there() -> None:
    for folder, commands in _BLOCK.findall(PAGE):
        named = [_FILE.fullmatch(word) for line in commands.splitlines() for word in _words(line)]
        files = [each[1] for each in named if each is not None]
        assert files, folder
        for file in files:
            assert (EXAMPLES / folder / file).exists(), f"{folder}: {file}"


def _words(line: str) -> list[str]:
    """The words of a command that runs something; the others write files."""
    words = shlex.split(line, comments=True)
    return words if words[0] in ("statemachine", "python") else []
