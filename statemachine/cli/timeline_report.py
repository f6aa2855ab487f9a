"""``statemachine show --timeline``: a line for each visit of a state, with a bar for when it was."""

from __future__ import annotations

from itertools import takewhile

import click

from statemachine.cli.output import clock_time, duration, line_width, print_json
from statemachine.cli.showing import Shown
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Store
from statemachine.timestamps import to_iso
from statemachine.visibility.journey import Outcome
from statemachine.visibility.timeline import Line, Timeline, bar, names_of, timeline_of

_WIDTH = 80
"""Columns where there is no terminal."""
_COLOURS = {
    Outcome.DONE: "green",
    Outcome.CAUGHT: "yellow",
    Outcome.CUT_SHORT: "yellow",
    Outcome.FAILED: "red",
    Outcome.UNDER_WAY: "blue",
}
_FILLED = {
    Outcome.DONE: "█",
    Outcome.CAUGHT: "▓",
    Outcome.CUT_SHORT: "░",
    Outcome.FAILED: "▒",
    Outcome.UNDER_WAY: "▶",
}
"""What a bar is made of: it tells the outcome without colours too."""


def show_timeline(store: Store, shown: Shown, *, as_json: bool) -> None:
    """Print the timeline of an execution."""
    record = shown.record
    history = takewhile(lambda event: event.id <= record.history_length, store.history(record.id))
    now_ms = shown.now_ms if record.status is ExecutionStatus.RUNNING else None
    timeline = timeline_of(history, now_ms=now_ms, width=line_width() or _WIDTH)
    if as_json:
        print_json(_timeline_json(record.id, timeline))
        return
    if not timeline.lines:
        click.echo("It has entered no state.", err=True)
        return
    if timeline.left_out:
        click.echo(f"The last {len(timeline.lines):,} of {timeline.left_out + len(timeline.lines):,} steps:")
    begin, end = clock_time(timeline.begin_ms), clock_time(timeline.end_ms)
    gap = max(timeline.cells - len(begin) - len(end), 1)
    scale = f"{begin}{' ' * gap}{end}" if timeline.cells > len(begin) + len(end) else begin
    click.echo(click.style(f"{'':{timeline.names}}  {scale}", dim=True))
    for name, line in zip(names_of(timeline), timeline.lines, strict=True):
        click.echo(_drawn(name, line, timeline))
    seen = list(dict.fromkeys(line.outcome for line in timeline.lines))
    legend = "  ".join(
        f"{click.style(_FILLED[each], fg=_COLOURS[each])} {each.value}" for each in Outcome if each in seen
    )
    click.echo(f"{'':{timeline.names}}  {legend}")


def _drawn(name: str, line: Line, timeline: Timeline) -> str:
    drawn = click.style(bar(line, timeline, _FILLED[line.outcome]), fg=_COLOURS[line.outcome])
    took = "-" if line.milliseconds is None else duration(line.milliseconds)
    return f"{name:<{timeline.names}}  {drawn}  {took}"


def _timeline_json(execution_id: str, timeline: Timeline) -> dict[str, Json]:
    return {
        "id": execution_id,
        "leftOut": timeline.left_out,
        "visits": [
            {
                "state": line.name,
                "type": line.visit.kind,
                "depth": line.depth,
                "entered": to_iso(line.visit.since_ms),
                "left": None if line.visit.until_ms is None else to_iso(line.visit.until_ms),
                "milliseconds": line.milliseconds,
                "attempts": line.visit.attempts,
                "outcome": line.outcome.value,
                "error": line.visit.error,
            }
            for line in timeline.lines
        ],
    }
