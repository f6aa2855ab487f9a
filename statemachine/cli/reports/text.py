"""Findings for people: a line with place, severity, code and message, the source line with the fault underlined, what
was probably meant, and notes."""

from __future__ import annotations

import click

from statemachine.cli.reports.excerpt import excerpt, printable
from statemachine.cli.reports.report import Report, additions, headline, place
from statemachine.definition.diagnostics import Diagnostic, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def render(report: Report) -> str:
    """All findings, a blank line after each."""
    return "".join(f"{show_finding(finding, report.line(file, finding))}\n" for file, finding in report.findings())


def show_finding(finding: Diagnostic, line: str | None) -> str:
    """One finding; `line` is the source line that it is about."""
    colour = _COLOURS[finding.severity]
    where = click.style(printable(place(finding)), bold=True)
    severity = click.style(finding.severity.value.lower(), fg=colour, bold=True)
    lines = [f"{where}: {severity} {finding.code}: {printable(headline(finding))}"]
    margin = ""
    if line and line.strip() and finding.position is not None:
        number = str(finding.position.line)
        margin = " " * len(number)
        shown, blanks, length = excerpt(line, finding.position.column)
        bar = click.style("|", fg="blue")
        lines.append(f"  {click.style(number, fg='blue')} {bar} {shown}".rstrip())
        lines.append(f"  {margin} {bar} {' ' * blanks}{click.style('^' * length, fg=colour, bold=True)}")
    lines += [f"  {margin} {click.style('=', fg='blue')} {printable(each)}" for each in additions(finding)]
    return "\n".join(lines) + "\n"
