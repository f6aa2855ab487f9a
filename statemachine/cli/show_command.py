"""``statemachine show``: one execution, for people: where it is, what it did, what failed."""

from __future__ import annotations

import click

from statemachine.cli.options import json_option, store_hint, store_option
from statemachine.cli.output import print_json
from statemachine.cli.showing import read
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_to_read


@click.command("show")
@click.argument("execution")
@store_option
@click.option("--at", type=click.IntRange(0), metavar="EVENT", help="As it was after this event of its history.")
@click.option("--timeline", is_flag=True, help="Draw when each state was entered, and how long it took.")
@click.option("--usage", is_flag=True, help="What it used of AWS's quotas, and what it would cost there.")
@json_option
def command(execution: str, store: str | None, at: int | None, timeline: bool, usage: bool, as_json: bool) -> int:
    """Show EXECUTION (an id, the beginning of one, or @last): where it is, what it did, what failed.

    \b
    Examples:
      statemachine show @last
      statemachine show order-7 --at 12
      statemachine show @last --timeline
    """
    if usage and (timeline or at is not None):
        raise click.UsageError("--usage goes with neither --timeline nor --at")
    opened = open_to_read(store)
    try:
        execution_id = opened.resolve(execution)
        if usage:
            from statemachine.cli.usage_report import show_usage

            show_usage(opened, opened.get(execution_id), as_json=as_json)
            return 0
        shown = read(opened, execution_id, at)
        if timeline:
            from statemachine.cli.timeline_report import show_timeline

            show_timeline(opened, shown, as_json=as_json)
        elif as_json:
            from statemachine.cli.show_json import shown_json

            print_json(shown_json(shown))
        else:
            from statemachine.cli.show_text import show

            show(shown, store)
        if shown.record.status is ExecutionStatus.RUNNING and at is None and not as_json:
            alone = "Nobody drives it" if shown.record.owner is None else "If its process is gone"
            click.echo(f"{alone}: statemachine resume {execution_id}{store_hint(store)}", err=True)
    finally:
        opened.close()
    return 0
