"""The hooks for pre-commit: their command exists, and they choose the files that validate looks for itself."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from cli_runs import Command

from statemachine.cli.group import cli
from statemachine.cli.validation.configuration import DEFINITION_PATTERNS, TEMPLATE_PATTERNS

HOOKS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_the_command_exists_with_its_options(hook: dict[str, Any], command: Command) -> None:
    program, name, *options = shlex.split(hook["entry"])
    assert program == "statemachine"
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert command(name, *options, "greet.asl.yaml").status == 0
    assert command(name, *options, "wrong.asl.yaml").status == 1
    assert hook["language"] == "python"


@pytest.mark.parametrize(
    ("hook", "patterns"), [(HOOKS[0], DEFINITION_PATTERNS), (HOOKS[1], TEMPLATE_PATTERNS)], ids=["files", "templates"]
)
def test_the_files_are_those_that_validate_looks_for(hook: dict[str, Any], patterns: tuple[str, ...]) -> None:
    files = re.compile(hook["files"])
    for pattern in patterns:
        name = pattern.replace("*", "x.y")
        assert files.search(name)
        assert files.search(f"infra/{name}")
    for path in (
        "package.json",
        "values.yaml",
        "x.asl.txt",
        "template.yaml.bak",
        "asl.json",
        "xasl.json",
        "a/README.md",
    ):
        assert not files.search(path), path
