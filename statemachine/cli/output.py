"""Printing: JSON, times, statuses and tables, the same in every command."""

from __future__ import annotations

import json
import os
import shutil
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


def print_json(value: Json, *, lines: bool = False) -> None:
    """JSON on standard output: indented for people, one line for a pipe or if there will be more `lines`; escaped where
    the output's encoding, or a lone surrogate, asks for it."""
    indent = 2 if sys.stdout.isatty() and not lines else None
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


def line_width() -> int | None:
    """How many columns a line may take: COLUMNS, or the terminal's; None where there is no end, in a pipe or a file."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return max(shutil.get_terminal_size().columns, _MIN_WIDTH)
    return None


def size_text(size: int) -> str:
    """A number of bytes: ``512 B``, ``1.5 KiB``, ``2.0 MiB``."""
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} KiB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.1f} MiB"


_MIN_WIDTH = 40
_GAP = "  "


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, width: int | None = None, flexible: Sequence[str] = ()
) -> str:
    """Left-aligned columns, two blanks apart. Cells may be styled.

    If they take more than `width`, the columns of `flexible` are cut, the widest of them first.
    """
    lines = [[click.style(cell, bold=True) for cell in header], *[list(row) for row in rows]]
    widths = [max(len(click.unstyle(line[i])) for line in lines) for i in range(len(header))]
    if width is not None:
        _shrink(widths, width, {header.index(name): len(name) for name in flexible})
    return "\n".join(_GAP.join(_cell(cell, widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines)


def _shrink(widths: list[int], width: int, least: dict[int, int]) -> None:
    """Make the widths fit, as far as columns may be cut."""
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while over > 0:
        able = [i for i in least if widths[i] > least[i]]
        if not able:
            return
        widths[max(able, key=lambda i: widths[i])] -= 1
        over -= 1


def _cell(cell: str, width: int) -> str:
    plain = click.unstyle(cell)
    if len(plain) > width:
        return cell.replace(plain, clip(plain, width))
    return cell + " " * (width - len(plain))
