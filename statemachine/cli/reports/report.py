"""What a report is about: the files that were checked, and their findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from statemachine.cli.validation.checking import CheckedFile
from statemachine.definition.diagnostics import Diagnostic, Severity

STDIN_NAME: Final = "<stdin>"
"""How standard input is called where people read it."""


class Report(Struct, frozen=True, eq=False):
    """The outcome of one run. The counts are those of all findings, also where only some are listed."""

    files: tuple[CheckedFile, ...]
    errors: int
    warnings: int
    is_truncated: bool = False
    _lines: dict[tuple[int, str | None], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: tuple[CheckedFile, ...], max_findings: int | None = None) -> Report:
        """A report that lists at most so many findings, the first ones."""
        all_findings = [finding for file in files for finding in file.findings]
        errors = sum(finding.severity is Severity.ERROR for finding in all_findings)
        is_truncated = max_findings is not None and len(all_findings) > max_findings
        if is_truncated:
            left = max_findings or 0
            cut = []
            for file in files:
                cut.append(replace(file, findings=file.findings[:left]))
                left -= len(cut[-1].findings)
            files = tuple(cut)
        return cls(files, errors, len(all_findings) - errors, is_truncated)

    def findings(self) -> Iterator[tuple[CheckedFile, Diagnostic]]:
        """The findings that are listed."""
        for file in self.files:
            for finding in file.findings:
                yield file, finding

    def line(self, file: CheckedFile, finding: Diagnostic) -> str | None:
        """The source line that a finding is about, without its line break; None if there is none."""
        if finding.position is None:
            return None
        key = (id(file), finding.file)
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = source_lines(file.texts.get(finding.file))
        number = finding.position.line
        return lines[number - 1] if 1 <= number <= len(lines) else None


def source_lines(text: str | None) -> list[str]:
    """The lines of a source, as positions count them."""
    return [] if text is None else [line.removesuffix("\r") for line in text.split("\n")]


def count(number: int, word: str) -> str:
    """``no errors``, ``1 error``, ``2 errors``."""
    return f"{number or 'no'} {word}{'s' if number != 1 else ''}"


def place(finding: Diagnostic) -> str:
    """``file:line:column``."""
    where = finding.file or STDIN_NAME
    return f"{where}:{finding.position.line}:{finding.position.column}" if finding.position else where


def headline(finding: Diagnostic) -> str:
    """What is wrong, with the path in the definition."""
    return f"{finding.message} at {finding.location}" if finding.path else finding.message


def additions(finding: Diagnostic) -> list[str]:
    """What is said below a finding: what was probably meant, and its notes."""
    said = [f"help: {finding.suggestion}"] if finding.suggestion else []
    for note in finding.notes:
        at = f"{note.position.line}:{note.position.column}: " if note.position else ""
        said.append(f"note: {at}{note.message}")
    return said


def summary(report: Report) -> str:
    """How much was checked, and found."""
    definitions = sum(file.definitions for file in report.files)
    checked = f"{definitions} definition{'s' if definitions != 1 else ''}"
    if definitions != len(report.files):
        checked += f" in {count(len(report.files), 'file')}"
    text = f"{checked} checked: {count(report.errors, 'error')}, {count(report.warnings, 'warning')}"
    if report.is_truncated:
        text += f"; the first {sum(len(file.findings) for file in report.files)} are listed"
    return text
