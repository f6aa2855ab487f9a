"""Printing findings about definitions, with the lines they are about."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.jsonvalue import Json

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


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


def show_finding(finding: Diagnostic, text: str) -> str:
    """A finding as text: place, severity, code and message, the source line, and a caret under the fault."""
    where = finding.file or "<stdin>"
    if finding.position:
        where += f":{finding.position.line}:{finding.position.column}"
    severity = click.style(finding.severity.value.lower(), fg=_COLOURS[finding.severity], bold=True)
    location = f" at {finding.location}" if finding.path else ""
    shown = f"{click.style(where, bold=True)}: {severity} {finding.code}: {finding.message}{location}"
    if finding.suggestion:
        shown += f" ({finding.suggestion})"
    return shown + _excerpt(finding, text)


def _excerpt(finding: Diagnostic, text: str) -> str:
    if not finding.position:
        return ""
    lines = text.splitlines()
    if not 1 <= finding.position.line <= len(lines):
        return ""
    line, column = lines[finding.position.line - 1].replace("\t", " "), finding.position.column
    start = max(0, column - 60) if len(line) > 110 else 0
    number = str(finding.position.line)
    caret = click.style("^", fg=_COLOURS[finding.severity], bold=True)
    return (
        f"\n  {number} | {line[start : start + 110]}\n  {' ' * len(number)} | {' ' * max(column - 1 - start, 0)}{caret}"
    )


def finding_json(finding: Diagnostic) -> dict[str, Json]:
    """A finding for machines: AWS's diagnostic with file, line and column."""
    shown: dict[str, Json] = {
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
        "location": finding.location,
        "file": finding.file,
        "line": finding.position.line if finding.position else None,
        "column": finding.position.column if finding.position else None,
        "suggestion": finding.suggestion,
    }
    return {key: value for key, value in shown.items() if value is not None}


def fail_with_findings(findings: Sequence[Diagnostic], text: str) -> int:
    """Print findings to standard error; the exit status for a definition that cannot be used."""
    for finding in findings:
        click.echo(show_finding(finding, text), err=True)
    click.echo("The definition cannot be run. Nothing was started.", err=True)
    return 2
