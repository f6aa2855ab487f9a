"""``statemachine history``: the events of an execution."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from statemachine.cli.following import POLL_SECONDS, follow
from statemachine.cli.options import json_option, store_option
from statemachine.cli.output import clip, clock_time, line_width, print_json, table
from statemachine.cli.times import read_time
from statemachine.jsonvalue import Document
from statemachine.kernel.history import PAYLOAD_KEYS, HistoryEvent, to_api
from statemachine.store import open_to_read
from statemachine.store.base import Store
from statemachine.visibility.visits import Visits

_HEADER = ("ID", "AFTER", "TIME", "TYPE", "DETAILS")
_LIVE_WIDTHS = (5, 5, 12, 26)
"""Of all columns but the last, while rows come one by one: AWS's longer types are rare."""
_DETAILS = 80
_NAMED = ("name", "state", "index", "error", "resource")
"""Details that are shown to people, in this order, before payload and cause."""


def _pattern(_context: click.Context, _parameter: click.Parameter, value: str | None) -> re.Pattern[str] | None:
    if value is None:
        return None
    try:
        return re.compile(value, re.IGNORECASE)
    except re.error as error:
        raise click.BadParameter(f"'{value}' is no regular expression: {error}") from None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which events are shown: those that pass every filter that is given."""

    types: tuple[str, ...]
    states: tuple[str, ...]
    since_ms: int | None
    until_ms: int | None
    error: str | None
    pattern: re.Pattern[str] | None

    def among(self, events: Iterable[HistoryEvent]) -> Iterator[HistoryEvent]:
        """Those of a history that begins with its first event."""
        visits = Visits()
        for event in events:
            visit = visits.add(event) if self.states else None
            if self._passes(event) and (not self.states or (visit is not None and visit.name in self.states)):
                yield event

    def _passes(self, event: HistoryEvent) -> bool:
        details = event.details or {}
        return (
            (not self.types or any(each.lower() in event.type.lower() for each in self.types))
            and (self.since_ms is None or event.at_ms >= self.since_ms)
            and (self.until_ms is None or event.at_ms < self.until_ms)
            and (self.error is None or details.get("error") == self.error)
            and (self.pattern is None or self.pattern.search(_searched(event)) is not None)
        )


@click.command("history")
@click.argument("execution")
@store_option
@click.option("--type", "types", metavar="TEXT", multiple=True, help="Only event types that contain TEXT.")
@click.option("--state", "states", metavar="NAME", multiple=True, help="Only events of this state.")
@click.option(
    "--since", callback=read_time, metavar="TIME", help="Only events of this time or later: 90s, 2h, 2026-01-31T12:00."
)
@click.option("--until", callback=read_time, metavar="TIME", help="Only events before this time.")
@click.option("--error", metavar="NAME", help="Only failures with this error.")
@click.option(
    "--grep", "pattern", metavar="REGEX", callback=_pattern, help="Only events whose type, details or payload match."
)
@click.option("--payloads", is_flag=True, help="Print inputs, outputs and causes in full, below their events.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the execution has ended.")
@click.option("--reverse", is_flag=True, help="Newest first.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="NUMBER", help="At most so many events.")
@json_option
def command(
    execution: str,
    store: str | None,
    types: tuple[str, ...],
    states: tuple[str, ...],
    since: int | None,
    until: int | None,
    error: str | None,
    pattern: re.Pattern[str] | None,
    payloads: bool,
    following: bool,
    reverse: bool,
    limit: int | None,
    as_json: bool,
) -> int:
    """Show the history of EXECUTION (an id, the beginning of one, or @last).

    With --json it is what AWS's GetExecutionHistory returns; with --follow --json, one event on each line.

    \b
    Examples:
      statemachine history @last --type failed --payloads
      statemachine history order-7 --state ChargePayment --since 2h
      statemachine history @last --follow
    """
    if following and reverse:
        raise click.UsageError("--follow shows the oldest first: it has no --reverse")
    wanted = _Wanted(types, states, since, until, error, pattern)
    opened = open_to_read(store)
    try:
        execution_id = opened.resolve(execution)
        if following:
            events = wanted.among(follow(opened, execution_id, lambda: time.sleep(POLL_SECONDS)))
            _print_live(_first(events, limit), as_json=as_json, payloads=payloads)
        else:
            found = list(_first(_stored(opened, execution_id, wanted, reverse=reverse), limit))
            _print_all(found, as_json=as_json, payloads=payloads)
    finally:
        opened.close()
    return 0


def _stored(store: Store, execution_id: str, wanted: _Wanted, *, reverse: bool) -> Iterable[HistoryEvent]:
    if reverse and wanted.states:  # whose event it is follows from those before it
        return reversed(list(wanted.among(store.history(execution_id))))
    return wanted.among(store.history(execution_id, reverse=reverse))


def _first(events: Iterable[HistoryEvent], limit: int | None) -> Iterator[HistoryEvent]:
    """So many of them; the next one is not waited for."""
    left = limit
    for event in events:
        yield event
        if left is not None:
            left -= 1
            if left == 0:
                return


def _print_all(events: list[HistoryEvent], *, as_json: bool, payloads: bool) -> None:
    if as_json:
        print_json({"events": [to_api(each) for each in events]})
        return
    if not events:
        click.echo("No such events.", err=True)
        return
    rows = [_row(each, payloads=payloads) for each in events]
    lines = table(_HEADER, rows, width=line_width(), flexible=("DETAILS",)).splitlines()
    click.echo(lines[0])
    for line, event in zip(lines[1:], events, strict=True):
        click.echo(line)
        if payloads:
            _print_payloads(event)


def _print_live(events: Iterable[HistoryEvent], *, as_json: bool, payloads: bool) -> None:
    """Print each event when it comes."""
    width = line_width()
    if not as_json:
        click.echo(click.style(_aligned(_HEADER, width), bold=True))
    for event in events:
        if as_json:
            print_json(to_api(event), lines=True)
            continue
        click.echo(_aligned(_row(event, payloads=payloads), width))
        if payloads:
            _print_payloads(event)


def _aligned(cells: tuple[str, ...], width: int | None) -> str:
    padded = [f"{cell:<{least}}" for cell, least in zip(cells, _LIVE_WIDTHS, strict=False)]
    line = "  ".join([*padded, cells[-1]]).rstrip()
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def _print_payloads(event: HistoryEvent) -> None:
    details = event.details or {}
    for key in (*PAYLOAD_KEYS, "cause"):
        if details.get(key) is not None:
            value = details[key]
            click.echo(f"    {key}: {value.text if isinstance(value, Document) else value}")
    for name, text in (details.get("assignedVariables") or {}).items():
        click.echo(f"    ${name}: {text}")


def _searched(event: HistoryEvent) -> str:
    """The text in which a pattern is looked for."""
    details = event.details or {}
    texts = [value.text if isinstance(value, Document) else str(value) for value in details.values()]
    return "\n".join([event.type, *texts])


def _row(event: HistoryEvent, *, payloads: bool) -> tuple[str, ...]:
    details = event.details or {}
    parts = [str(details[key]) for key in _NAMED if details.get(key) is not None]
    if not payloads:
        parts += [details[key].text for key in PAYLOAD_KEYS if isinstance(details.get(key), Document)]
        if details.get("cause"):
            parts.append(str(details["cause"]))
    return (
        str(event.id),
        str(event.previous_id),
        clock_time(event.at_ms),
        event.type,
        clip(" · ".join(parts), _DETAILS),
    )
