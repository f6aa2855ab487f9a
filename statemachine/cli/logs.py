"""Logs of a command that runs for long: on standard error, a line each, as text or as JSON.

Rules
- They go through the standard library's logging, under the logger ``statemachine``. JSON has the time, level, logger
  and message, and whatever else the record was given (`extra`): ``execution_id`` above all.
- INFO tells of executions that begin and end, WARNING of what fails, DEBUG of every state.
- Payloads are never logged.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click

from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.timestamps import to_iso

F = TypeVar("F", bound=Callable[..., Any])

LEVELS: Final = ("debug", "info", "warning", "error")
TEXT, JSON = "text", "json"

_GIVEN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; the rest is what it was given."""
_DETAILS: Final = {"name": "state", "index": "index", "resource": "resource", "error": "error", "cause": "cause"}
"""Details of a history event that are logged, and under which name."""

_log_level_option = click.option(
    "--log-level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    help="What is logged: info has the begin and end of executions, debug every state.",
)
_log_format_option = click.option(
    "--log-format",
    type=click.Choice([TEXT, JSON]),
    default=TEXT,
    show_default=True,
    help="One line of text, or one JSON object, for each event.",
)
log_instead_option = click.option(
    "--log-format",
    type=click.Choice([TEXT, JSON]),
    help="Log what happens, as lines of text or of JSON, instead of showing the progress.",
)
logger = logging.getLogger("statemachine.executions")


def log_options(function: F) -> F:
    """``--log-level`` and ``--log-format``."""
    return _log_level_option(_log_format_option(function))


@contextmanager
def logging_to_stderr(level: str, form: str) -> Iterator[None]:
    """Have what this package logs written to standard error meanwhile."""
    root = logging.getLogger("statemachine")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == JSON else _TextLines())
    before = root.level
    root.setLevel(level.upper())
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{to_iso(int(record.created * 1000))} {record.levelname:<7} {record.getMessage()}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        shown: dict[str, Any] = {
            "time": to_iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        shown |= {key: value for key, value in vars(record).items() if key not in _GIVEN}
        if record.exc_info is not None:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str)


def log_history(execution: Execution, history: tuple[HistoryEvent, ...]) -> None:
    """An engine's listener that logs what has happened, once it is stored."""
    for event in history:
        level = _level(event.type)
        if not logger.isEnabledFor(level):
            continue
        details = event.details or {}
        told = {name: details[key] for key, name in _DETAILS.items() if details.get(key) is not None}
        message = " ".join(str(told[name]) for name in ("state", "resource") if name in told)
        failure = ": ".join(str(told[name]) for name in ("error", "cause") if name in told)
        logger.log(
            level,
            "%s %s%s",
            execution.id,
            event.type,
            "".join(f" {part}" for part in (message, failure) if part),
            extra={
                "execution_id": execution.id,
                "machine": execution.machine_name,
                "event": event.type,
                "event_id": event.id,
                **told,
            },
        )


def _level(event_type: str) -> int:
    if event_type.endswith(("Failed", "TimedOut")):
        return logging.WARNING
    return logging.INFO if event_type.startswith("Execution") else logging.DEBUG
