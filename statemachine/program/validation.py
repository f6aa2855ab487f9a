"""AWS's ValidateStateMachineDefinition: the same request, the same shape of answer.

Rules (API reference; recorded answers of ValidateStateMachineDefinition)
- `severity` ERROR leaves the warnings out; `max_results` is how many diagnostics are given at most (100; 0 is all that
  there is room for, 100), and `truncated` says whether there are more. The result is FAIL if there is an error, in the
  answer or not.
- A note that AWS reports as a finding is one here, behind the finding that it belongs to.
- The text is JSON; the fault of a text that is none is located in Jackson's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NotRequired, TypedDict

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import INVALID_JSON, SourceFormat, load_source
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import pointer
from statemachine.program.load import check

MAX_RESULTS: Final = 100
_SHOWN_MAX: Final = 500
"""Characters of the text that Jackson quotes."""
_UNRECOGNIZED: Final = re.compile(r"Unrecognized token '(.*)': was")


class AwsDiagnostic(TypedDict):
    """One finding in AWS's shape."""

    severity: str
    code: str
    message: str
    location: NotRequired[str]


class Validation(TypedDict):
    """AWS's answer."""

    result: Literal["OK", "FAIL"]
    diagnostics: list[AwsDiagnostic]
    truncated: bool


def validate_definition(
    text: str,
    *,
    type: Literal["STANDARD", "EXPRESS"] = "STANDARD",
    severity: Literal["ERROR", "WARNING"] = "ERROR",
    max_results: int = MAX_RESULTS,
) -> Validation:
    """What AWS answers for a definition's text. Raises ValueError for another type or severity, or for a `max_results`
    that is not from 0 to 100."""
    if type not in ("STANDARD", "EXPRESS") or severity not in ("ERROR", "WARNING"):
        raise ValueError("type is STANDARD or EXPRESS, severity is ERROR or WARNING")
    if not 0 <= max_results <= MAX_RESULTS:
        raise ValueError(f"max_results is from 0 to {MAX_RESULTS}")
    try:
        found = check(load_source(text, format=SourceFormat.JSON), express=type == "EXPRESS", target_aws=True)[1]
    except DefinitionError as error:
        found = list(error.diagnostics)
    least = Severity(severity)
    wanted = aws_diagnostics((each for each in found if least is Severity.WARNING or each.severity is least), text)
    most = max_results or MAX_RESULTS
    return {
        "result": "FAIL" if any(each.severity is Severity.ERROR for each in found) else "OK",
        "diagnostics": wanted[:most],
        "truncated": len(wanted) > most,
    }


def aws_diagnostics(found: Iterable[Diagnostic], text: str) -> list[AwsDiagnostic]:
    """Findings about a text in AWS's shape, those of their notes that AWS reports among them. What this release cannot
    run is no matter of AWS's."""
    shown: list[AwsDiagnostic] = []
    for each in found:
        if not each.code.startswith("SM_UNSUPPORTED"):
            shown += _shown(each, text)
    return shown


def _shown(found: Diagnostic, text: str) -> Iterator[AwsDiagnostic]:
    message, location = found.message, found.location
    if found.code == INVALID_JSON and found.position is not None:
        token = _UNRECOGNIZED.match(message)
        column = found.position.column + (len(token[1]) if token else 0)
        rest = len(text) - _SHOWN_MAX
        shown = f'"{text[:_SHOWN_MAX]}"' + (f"[truncated {rest} chars]" if rest > 0 else "")
        location = f"[Source: (String){shown}; line: {found.position.line}, column: {column}]"
        message = f"{message}\n at {location}"
    yield _diagnostic(found.severity, found.code, message, location)
    for note in found.notes:
        if note.code is not None:
            yield _diagnostic(
                found.severity, note.code, note.message, None if note.path is None else pointer(note.path)
            )


def _diagnostic(severity: Severity, code: str, message: str, location: str | None) -> AwsDiagnostic:
    shown: AwsDiagnostic = {"severity": severity.value, "code": code, "message": message}
    if location is not None:
        shown["location"] = location
    return shown
