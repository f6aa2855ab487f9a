"""Findings for machines: the answer of AWS's ValidateStateMachineDefinition (result, diagnostics, truncated), with the
file, line, column, suggestion and notes of each diagnostic."""

from __future__ import annotations

import json

from statemachine.cli.reports.report import Report
from statemachine.definition.diagnostics import Diagnostic, Note
from statemachine.jsonvalue import Json, pointer


def render(report: Report) -> str:
    """One JSON object. Text that is no Unicode is escaped."""
    shown: Json = {
        "result": "FAIL" if report.errors else "OK",
        "diagnostics": [finding_json(finding) for _, finding in report.findings()],
        "truncated": report.is_truncated,
    }
    return to_text(shown)


def to_text(value: Json) -> str:
    """Indented JSON; escaped to ASCII if a lone surrogate asks for it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    return text + "\n"


def finding_json(finding: Diagnostic) -> dict[str, Json]:
    """One diagnostic; what is not known is left out."""
    position = finding.position
    return _known(
        {
            "severity": finding.severity.value,
            "code": finding.code,
            "message": finding.message,
            "location": finding.location,
            "file": finding.file,
            "line": position.line if position else None,
            "column": position.column if position else None,
            "suggestion": finding.suggestion,
            "notes": [_note_json(note) for note in finding.notes] or None,
        }
    )


def _note_json(note: Note) -> dict[str, Json]:
    return _known(
        {
            "code": note.code,
            "message": note.message,
            "location": None if note.path is None else pointer(note.path),
            "line": note.position.line if note.position else None,
            "column": note.position.column if note.position else None,
        }
    )


def _known(values: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value is not None}
