"""``statemachine list``: the executions of a store, newest first."""

from __future__ import annotations

import shlex

import click

from statemachine.cli.options import json_option, store_hint, store_option
from statemachine.cli.output import clip, date_time, duration, print_json, status_text, table
from statemachine.cli.records import record_json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Filter

_LIMIT = 20


@click.command("list")
@store_option
@click.option(
    "--status",
    "statuses",
    type=click.Choice([each.value for each in ExecutionStatus], case_sensitive=False),
    multiple=True,
    help="Only executions in this status; may be given several times.",
)
@click.option("--machine", metavar="NAME", help="Only executions of this machine.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), default=_LIMIT, show_default=True, help="How many.", metavar="NUMBER"
)
@click.option("--cursor", metavar="TEXT", help="Go on where a listing ended (printed by --json as nextCursor).")
@json_option
def command(
    store: str | None, statuses: tuple[str, ...], machine: str | None, limit: int, cursor: str | None, as_json: bool
) -> int:
    """List executions, newest first."""
    where = Filter(statuses=frozenset(ExecutionStatus(each.upper()) for each in statuses) or None, machine_name=machine)
    opened = open_store(store, create=False)
    try:
        page = opened.list(where, limit, cursor)
    finally:
        opened.close()
    if as_json:
        print_json({"executions": [record_json(each) for each in page.records], "nextCursor": page.cursor})
    elif not page.records:
        click.echo("No executions.", err=True)
    else:
        click.echo(table(("ID", "MACHINE", "STATUS", "STARTED", "TOOK", "WHERE"), map(_row, page.records)))
        if page.cursor:
            again = "".join(f" --status {each}" for each in statuses)
            again += f" --machine {shlex.quote(machine)}" if machine else ""
            again += f" --limit {limit}" if limit != _LIMIT else ""
            click.echo(f"More: statemachine list{again} --cursor {page.cursor}{store_hint(store)}", err=True)
    return 0


def _row(record: ExecutionRecord) -> tuple[str, ...]:
    took = "-" if record.stopped_ms is None else duration(record.stopped_ms - record.started_ms)
    where = ", ".join(record.states)
    if record.failure is not None and record.failure.error:
        where = f"{where}: {record.failure.error}" if where else record.failure.error
    return (
        record.id,
        clip(record.machine_name, 30),
        status_text(record.status),
        date_time(record.started_ms),
        took,
        clip(where, 50),
    )
