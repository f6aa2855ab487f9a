"""Findings as SARIF 2.1.0 (OASIS standard), for GitHub code scanning and other platforms.

- Files are relative to the root of the repository (``%SRCROOT%``); a file elsewhere has its absolute address.
- A result's fingerprint says what is wrong where in the definition, and not on which line: it stays the same when
  lines are added above it. Equal ones in one file are told apart by their number.
- Columns count characters, not UTF-16 units (`columnKind`).
"""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import quote

from statemachine import __version__
from statemachine.cli.reports.excerpt import end_column
from statemachine.cli.reports.json import to_text
from statemachine.cli.reports.report import Report, headline
from statemachine.cli.reports.repository import repository_path
from statemachine.definition.codes import RULES
from statemachine.definition.diagnostics import Diagnostic, Position, Severity
from statemachine.jsonvalue import Json, pointer

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "statemachine/v1"
_ROOT: Final = "%SRCROOT%"
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def render(report: Report) -> str:
    """One SARIF log with one run."""
    found = [finding for _, finding in report.findings()]
    present = {finding.code for finding in found}
    codes = [code for code in RULES if code in present] + sorted(present - RULES.keys())
    indexes = {code: index for index, code in enumerate(codes)}
    seen: dict[str, int] = {}
    run: Json = {
        "tool": {
            "driver": {
                "name": "statemachine",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, report.line(file, finding), indexes[finding.code], seen)
            for file, finding in report.findings()
        ],
    }
    return to_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: str) -> dict[str, Json]:
    name = "".join(word.capitalize() for word in code.split("_"))
    rule = RULES.get(code)
    if rule is None:
        return {"id": code, "name": name}
    return {
        "id": code,
        "name": name,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.explanation},
        "help": {
            "text": f"{rule.explanation}\n\n{rule.fix}\n\nSource: {rule.source}",
            "markdown": f"{rule.explanation}\n\n**How to mend it:** {rule.fix}\n\nSource: {rule.source}",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Diagnostic, line: str | None, index: int, seen: dict[str, int]) -> dict[str, Json]:
    message = headline(finding)
    if finding.suggestion:
        message += f" ({finding.suggestion})"
    unplaced = [note.message for note in finding.notes if note.position is None]
    result: dict[str, Json] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join((message, *unplaced))},
        "locations": [_location(finding, line)],
        "partialFingerprints": {FINGERPRINT: _fingerprint(finding, seen)},
    }
    placed = [note for note in finding.notes if note.position is not None]
    if placed:
        result["relatedLocations"] = [
            {
                "id": number,
                "physicalLocation": _physical(finding.file, note.position, None),
                "message": {"text": note.message},
            }
            for number, note in enumerate(placed)
        ]
    return result


def _location(finding: Diagnostic, line: str | None) -> dict[str, Json]:
    location: dict[str, Json] = {"physicalLocation": _physical(finding.file, finding.position, line)}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": pointer(finding.path)}]
    return location


def _physical(file: str | None, position: Position | None, line: str | None) -> dict[str, Json]:
    physical: dict[str, Json] = {"artifactLocation": _artifact(file)}
    if position is not None:
        region = {"startLine": position.line, "startColumn": position.column}
        if line is not None:
            region["endColumn"] = end_column(line, position.column)
        physical["region"] = region
    return physical


def _artifact(file: str | None) -> dict[str, Json]:
    if file is None:
        return {"uri": "stdin:", "description": {"text": "Standard input."}}
    path = repository_path(file)
    address = quote(path, errors="surrogateescape")
    if path.startswith("/"):
        return {"uri": f"file://{address}"}
    if path[1:3] == ":/":
        return {"uri": f"file:///{quote(path, safe='/:')}"}
    return {"uri": address, "uriBaseId": _ROOT}


def _fingerprint(finding: Diagnostic, seen: dict[str, int]) -> str:
    file = "" if finding.file is None else repository_path(finding.file)
    parts = "\0".join((file, finding.code, finding.location or "", finding.message))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    seen[digest] = seen.get(digest, 0) + 1
    return f"{digest}:{seen[digest]}"
