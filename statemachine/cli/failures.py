"""Failures in words.

The cause of a Lambda function's failure is the JSON text that Lambda's runtime writes. For people its message is shown,
and its stack trace where there is room; ``--json`` and ``history --payloads`` have the text itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from statemachine.errors import Failure, InvalidJsonError
from statemachine.jsonvalue import read_document

_LAMBDA_FIELDS = frozenset({"errorMessage", "errorType", "requestId", "stackTrace"})
_FRAMES = 20


@dataclass(frozen=True, slots=True)
class _Cause:
    message: str
    stack: tuple[str, ...]


def describe_failure(failure: Failure) -> str:
    """Error and cause in one text."""
    return _joined(failure.error, failure.cause)


def brief_failure(failure: Failure) -> str:
    """Error and cause in one text; of a Lambda function's cause its message."""
    read = _read(failure.cause)
    return _joined(failure.error, failure.cause if read is None else read.message)


def stack_of(failure: Failure) -> list[str]:
    """The lines of the stack trace in a Lambda function's cause, the last frames of many; none if there is no trace."""
    read = _read(failure.cause)
    if read is None:
        return []
    lines = [line for frame in read.stack[-_FRAMES:] for line in frame.splitlines()]
    return [line.rstrip() for line in lines if line.strip()]


def _joined(error: str | None, cause: str | None) -> str:
    return ": ".join(part for part in (error, cause) if part) or "no error name, no cause"


def _read(cause: str | None) -> _Cause | None:
    """What Lambda's runtime wrote; None for any other text."""
    if cause is None or not cause.startswith("{"):
        return None
    try:
        found = read_document(cause).value
    except InvalidJsonError:
        return None
    if not isinstance(found, dict) or not found.keys() <= _LAMBDA_FIELDS:
        return None
    message, stack = found.get("errorMessage"), found.get("stackTrace", [])
    if not isinstance(message, str) or not message or not isinstance(stack, list):
        return None
    return _Cause(message, tuple(each for each in stack if isinstance(each, str)))
