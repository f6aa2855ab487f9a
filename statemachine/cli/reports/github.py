"""Findings as workflow commands of GitHub Actions, which become annotations in a pull request.

Escaping: GitHub's "Workflow commands" and the toolkit's `command.ts`: ``%``, CR and LF everywhere, ``:`` and ``,`` in
properties as well. GitHub shows ten errors and ten warnings of a step.
"""

from __future__ import annotations

from statemachine.cli.reports.excerpt import end_column
from statemachine.cli.reports.report import Report, additions, headline
from statemachine.cli.reports.repository import repository_path
from statemachine.definition.diagnostics import Diagnostic, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def render(report: Report) -> str:
    """One line for each finding."""
    return "".join(_command(finding, report.line(file, finding)) for file, finding in report.findings())


def _command(finding: Diagnostic, line: str | None) -> str:
    properties: dict[str, str] = {}
    if finding.file is not None:
        properties["file"] = repository_path(finding.file)
        if finding.position is not None:
            properties["line"] = str(finding.position.line)
            properties["col"] = str(finding.position.column)
            if line is not None:
                properties["endColumn"] = str(end_column(line, finding.position.column))
    properties["title"] = finding.code
    listed = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    message = "\n".join((headline(finding), *additions(finding)))
    return f"::{_COMMANDS[finding.severity]} {listed}::{_escape(message)}\n"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
