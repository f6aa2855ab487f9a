"""``statemachine list``: the executions of a store, newest first."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import click

from statemachine.cli.options import json_option, store_hint, store_option
from statemachine.cli.output import clip, date_time, duration, line_width, print_json, status_text, table
from statemachine.cli.records import record_json
from statemachine.cli.times import read_time
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_to_read
from statemachine.store.base import ExecutionRecord, Filter, Page, Store
from statemachine.timestamps import to_iso

_LIMIT = 20


@dataclass(frozen=True, slots=True)
class _Selection:
    """What is listed, as it was asked for."""

    statuses: tuple[str, ...]
    machine: str | None
    since: int | None
    until: int | None
    error: str | None
    parent: str | None

    def filter(self, store: Store) -> Filter:
        """The store's words for it."""
        return Filter(
            statuses=frozenset(ExecutionStatus(each.upper()) for each in self.statuses) or None,
            machine_name=self.machine,
            started_from_ms=self.since,
            started_before_ms=self.until,
            error=self.error,
            parent=None if self.parent is None else store.resolve(self.parent),
        )

    def options(self) -> str:
        """The options to be given again."""
        times = (("--since", self.since), ("--until", self.until))
        texts = (("--error", self.error), ("--parent", self.parent))
        return "".join(
            [
                *[f" --status {each}" for each in self.statuses],
                f" --machine {shlex.quote(self.machine)}" if self.machine is not None else "",
                *[f" {name} {to_iso(at_ms)}" for name, at_ms in times if at_ms is not None],
                *[f" {name} {shlex.quote(text)}" for name, text in texts if text is not None],
            ]
        )


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
@click.option("--since", callback=read_time, metavar="TIME", help="Only what began since: 2h, 7d, 2026-01-31.")
@click.option("--until", callback=read_time, metavar="TIME", help="Only what began before this time.")
@click.option("--error", metavar="NAME", help="Only what ended with this error.")
@click.option("--parent", metavar="EXECUTION", help="Only what this execution's tasks started.")
@click.option("--count", "counts", is_flag=True, help="Count them, by status, machine and error.")
@click.option("--usage", is_flag=True, help="What they used of AWS's quotas, and what they would cost there.")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), help=f"How many.  [default: {_LIMIT}]", metavar="NUMBER")
@click.option("--cursor", metavar="TEXT", help="Go on where a listing ended (printed by --json as nextCursor).")
@json_option
def command(
    store: str | None,
    statuses: tuple[str, ...],
    machine: str | None,
    since: int | None,
    until: int | None,
    error: str | None,
    parent: str | None,
    counts: bool,
    usage: bool,
    limit: int | None,
    cursor: str | None,
    as_json: bool,
) -> int:
    """List executions, newest first.

    --count and --usage tell about all that fit; --usage with --limit about the newest ones.

    \b
    Examples:
      statemachine list --status FAILED --since 2h
      statemachine list --machine order --since 2026-01-01 --count
    """
    if counts and (usage or limit is not None or cursor is not None):
        raise click.UsageError("--count counts all executions that fit: it has no --usage, --limit or --cursor")
    if usage and cursor is not None:
        raise click.UsageError("--usage begins with the newest execution: it has no --cursor")
    selection = _Selection(statuses, machine, since, until, error, parent)
    opened = open_to_read(store)
    try:
        where = selection.filter(opened)
        if counts:
            from statemachine.cli.counting import show_counts

            show_counts(opened.count(where), as_json=as_json)
        elif usage:
            from statemachine.cli.usage_report import show_usage_of_all

            show_usage_of_all(opened, where, limit, as_json=as_json)
        else:
            page = opened.list(where, limit or _LIMIT, cursor)
            _show(page, selection, limit, store, as_json=as_json)
    finally:
        opened.close()
    return 0


def _show(page: Page, selection: _Selection, limit: int | None, store: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"executions": [record_json(each) for each in page.records], "nextCursor": page.cursor})
    elif not page.records:
        click.echo("No executions.", err=True)
    else:
        header = ("ID", "MACHINE", "STATUS", "STARTED", "TOOK", "WHERE")
        rows = map(_row, page.records)
        click.echo(table(header, rows, width=line_width(), flexible=("ID", "MACHINE", "WHERE")))
        if page.cursor:
            again = selection.options() + (f" --limit {limit}" if limit is not None else "")
            click.echo(f"More: statemachine list{again} --cursor {page.cursor}{store_hint(store)}", err=True)


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
