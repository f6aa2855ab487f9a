"""``statemachine history``: the events of an execution."""

from __future__ import annotations

import click

from statemachine.cli.options import json_option, store_option
from statemachine.cli.output import clip, clock_time, print_json, table
from statemachine.jsonvalue import Document
from statemachine.kernel.history import PAYLOAD_KEYS, HistoryEvent, to_api
from statemachine.store import open_store


@click.command("history")
@click.argument("execution")
@store_option
@click.option("--type", "types", metavar="TEXT", multiple=True, help="Only event types that contain TEXT.")
@click.option("--reverse", is_flag=True, help="Newest first.")
@click.option("-n", "--limit", type=click.IntRange(1), metavar="NUMBER", help="At most so many events.")
@json_option
def command(
    execution: str, store: str | None, types: tuple[str, ...], reverse: bool, limit: int | None, as_json: bool
) -> int:
    """Show the history of EXECUTION (an id, the beginning of one, or @last).

    With --json it is what AWS's GetExecutionHistory returns.
    """
    opened = open_store(store, create=False)
    try:
        events = []
        for event in opened.history(opened.resolve(execution), reverse=reverse):
            if not types or any(each.lower() in event.type.lower() for each in types):
                events.append(event)
            if limit is not None and len(events) == limit:
                break
    finally:
        opened.close()
    if as_json:
        print_json({"events": [to_api(each) for each in events]})
    else:
        click.echo(table(("ID", "AFTER", "TIME", "TYPE", "DETAILS"), map(_row, events)))
    return 0


def _row(event: HistoryEvent) -> tuple[str, ...]:
    details = event.details or {}
    parts = [str(details[key]) for key in ("name", "index", "error", "resource") if details.get(key) is not None]
    parts += [details[key].text for key in PAYLOAD_KEYS if isinstance(details.get(key), Document)]
    if details.get("cause"):
        parts.append(str(details["cause"]))
    return (
        str(event.id),
        str(event.previous_id),
        clock_time(event.at_ms),
        event.type,
        clip(" · ".join(parts), 80),
    )
