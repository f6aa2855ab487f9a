"""The formats in which findings are reported. Each module has `render(report) -> str`, and is loaded when it is asked
for.

Rules
- A report depends on the files and the configuration alone: no time, no machine, no absolute path where a relative one
  will do. The same input gives the same bytes.
- Every format shows everything about a finding: place, code, severity, message, suggestion and notes.
- What comes from a file is data: it is escaped for the format, and no control character of it reaches a terminal.
"""

from __future__ import annotations

import importlib
from typing import Final

from statemachine.cli.reports.report import Report

FORMATS: Final = ("text", "json", "github", "sarif", "junit")


def render(report: Report, format: str) -> str:
    """The report in one of `FORMATS`; ends with a line break unless it is empty. Text has colours (ANSI sequences)."""
    if format == "text" and not any(file.findings for file in report.files):
        return ""  # the usual case: there is no need to load the module
    module = importlib.import_module(f"statemachine.cli.reports.{format}")
    text: str = module.render(report)
    return text
