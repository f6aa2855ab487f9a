"""Printing: JSON, times, statuses and tables, the same in every command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus

STATUS_COLOURS = {
    ExecutionStatus.RUNNING: "blue",
    ExecutionStatus.SUCCEEDED: "green",
    ExecutionStatus.FAILED: "red",
    ExecutionStatus.TIMED_OUT: "red",
    ExecutionStatus.ABORTED: "yellow",
}


def print_json(value: Json) -> None:
    """JSON on standard output: indented for people, one line for a pipe; escaped where the output's encoding, or a lone
    surrogate, asks for it."""
    indent = 2 if sys.stdout.isatty() else None
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent)
    click.echo(text)


def status_text(status: ExecutionStatus) -> str:
    """A status in its colour; click drops the colour where there is no terminal."""
    return click.style(status.value, fg=STATUS_COLOURS[status])


def clock_time(at_ms: int) -> str:
    """A local time of day with milliseconds."""
    moment = datetime.fromtimestamp(at_ms / 1000).astimezone()
    return f"{moment:%H:%M:%S}.{at_ms % 1000:03d}"


def date_time(at_ms: int | None) -> str:
    """A local date and time, to the second."""
    if at_ms is None:
        return "-"
    return f"{datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"


def duration(ms: int) -> str:
    """A length of time in the two largest units that matter: ``27 ms``, ``3.2 s``, ``4 min 5 s``, ``2 d 3 h``."""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    for size, unit, below, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // below)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds:.1f} s"


def clip(text: str, width: int) -> str:
    """The text in one line of at most `width` columns."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns, two blanks apart. Cells may be styled."""
    lines = [[click.style(cell, bold=True) for cell in header], *[list(row) for row in rows]]
    widths = [max(len(click.unstyle(line[i])) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell + " " * (widths[i] - len(click.unstyle(cell))) for i, cell in enumerate(line)).rstrip()
        for line in lines
    )
