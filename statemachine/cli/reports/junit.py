"""Findings as JUnit XML, which every CI server reads: one test case for each file. A file with an error is a failure;
warnings stand in its output."""

from __future__ import annotations

from typing import Final

from statemachine.cli.reports.report import STDIN_NAME, Report, additions, count, headline, place
from statemachine.cli.validation.checking import CheckedFile
from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.testing.xmltext import attribute, content

_SUITE: Final = "statemachine validate"


def render(report: Report) -> str:
    """One test suite."""
    failed = sum(bool(_of(file, Severity.ERROR)) for file in report.files)
    totals = f'tests="{len(report.files)}" failures="{failed}" errors="0" skipped="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="{_SUITE}" {totals}>',
        f'  <testsuite name="{_SUITE}" {totals}>',
        *[_case(file) for file in report.files],
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(file: CheckedFile) -> str:
    name = attribute(file.name or STDIN_NAME)
    opened = f"    <testcase name={name} classname={attribute(_SUITE)} file={name}"
    errors, warnings = _of(file, Severity.ERROR), _of(file, Severity.WARNING)
    if not errors and not warnings:
        return f"{opened}/>"
    lines = [f"{opened}>"]
    if errors:
        message = count(len(errors), "error") + (f", {count(len(warnings), 'warning')}" if warnings else "")
        lines.append(
            f"      <failure message={attribute(message)} type={attribute(errors[0].code)}>{_body(errors)}</failure>"
        )
    if warnings:
        lines.append(f"      <system-out>{_body(warnings)}</system-out>")
    return "\n".join((*lines, "    </testcase>"))


def _of(file: CheckedFile, severity: Severity) -> list[Diagnostic]:
    return [finding for finding in file.findings if finding.severity is severity]


def _body(findings: list[Diagnostic]) -> str:
    lines = []
    for each in findings:
        lines.append(f"{place(each)}: {each.severity.value.lower()} {each.code}: {headline(each)}")
        lines += [f"  {addition}" for addition in additions(each)]
    return content("\n".join(lines))
