"""Reading the one definition of a command that runs it, and telling why it cannot be run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from statemachine.definition.diagnostics import Diagnostic
from statemachine.errors import DefinitionError

if TYPE_CHECKING:
    from statemachine.program.load import LoadedDefinition

UNUSABLE: Final = 2
"""The exit status for a definition that cannot be used."""


def read_definition(path: Path) -> str:
    """A definition's text; ``-`` is standard input. Raises click's errors for what cannot be read."""
    if path == Path("-"):
        raw = sys.stdin.buffer.read()
    else:
        try:
            raw = path.read_bytes()
        except IsADirectoryError:
            raise click.BadParameter(f"'{path}' is a directory", param_hint="DEFINITION") from None
        except OSError as error:
            raise click.BadParameter(f"'{path}': {error.strerror}", param_hint="DEFINITION") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise click.BadParameter(f"'{path}' is not UTF-8 (line {line})", param_hint="DEFINITION") from None


def load_definition(path: Path, substitutions: Mapping[str, str] | None = None) -> LoadedDefinition | None:
    """The definition of a file, ready to be run; None after printing why it cannot be. `substitutions` fill its
    placeholders. Raises click's errors for a file that cannot be read."""
    from statemachine.definition.placeholders import placeholder_names, substitute
    from statemachine.program.load import load_text

    text = read_definition(path)
    if substitutions:
        known = placeholder_names(text)
        for name in substitutions:
            if name not in known:
                click.echo(f"Warning: --set {name} has no effect: ${{{name}}} is not in the definition", err=True)
        text = substitute(text, substitutions)
    try:
        loaded = load_text(text, None if path == Path("-") else str(path))
        loaded.require_runnable()
    except DefinitionError as error:
        fail_with_findings(error.diagnostics, text)
        return None
    return loaded


def fail_with_findings(findings: Sequence[Diagnostic], text: str) -> int:
    """Print findings to standard error; the exit status for a definition that cannot be used."""
    print_findings(findings, text)
    click.echo("The definition cannot be run. Nothing was started.", err=True)
    return UNUSABLE


def print_findings(findings: Sequence[Diagnostic], text: str) -> None:
    """Print findings about a text to standard error."""
    from statemachine.cli.reports.report import source_lines
    from statemachine.cli.reports.text import show_finding

    lines = source_lines(text)
    for finding in findings:
        number = finding.position.line if finding.position else 0
        click.echo(show_finding(finding, lines[number - 1] if 0 < number <= len(lines) else None), err=True)
