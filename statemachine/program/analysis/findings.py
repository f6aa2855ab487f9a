"""How the analyses report: every finding is a warning at the exact place of what is meant."""

from __future__ import annotations

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity


def warning(code: str, message: str, path: JsonPath, suggestion: str | None = None) -> Diagnostic:
    """A warning about what stands at `path`."""
    return Diagnostic(code, message, path, Severity.WARNING, suggestion=suggestion)
