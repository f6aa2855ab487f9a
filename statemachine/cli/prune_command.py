"""``statemachine prune``: remove old executions."""

from __future__ import annotations

import click

from statemachine.cli.options import json_option, quiet_option, store_hint, store_option
from statemachine.cli.output import print_json, size_text
from statemachine.cli.times import read_time
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.clock import SystemClock
from statemachine.store import open_store

CLOSED = [each for each in ExecutionStatus if each is not ExecutionStatus.RUNNING]
WORTH_TELLING = 1_000_000
"""Bytes that nothing uses, above which `--compact` is suggested."""


@click.command("prune")
@click.option(
    "--older-than",
    "before_ms",
    metavar="TIME",
    callback=read_time,
    help="Only executions that ended before: 12h, 30d or 4w ago, or a date.",
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([each.value for each in CLOSED], case_sensitive=False),
    multiple=True,
    help="Only executions in this status; may be given several times.",
)
@click.option("--keep", type=click.IntRange(1), metavar="NUMBER", help="Keep the newest so many of them in any case.")
@click.option("--dry-run", is_flag=True, help="Only tell how many would be removed.")
@click.option(
    "--compact",
    is_flag=True,
    help="Then give the space back to the file system. No process may be driving executions meanwhile.",
)
@store_option
@json_option
@quiet_option
def command(
    before_ms: int | None,
    statuses: tuple[str, ...],
    keep: int | None,
    dry_run: bool,
    compact: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Remove executions that have ended, with their histories.

    One that runs is never removed, nor is one that a task of another execution may still ask for.

    \b
    Examples:
      statemachine prune --older-than 30d
      statemachine prune --status succeeded --keep 1000 --compact
    """
    removes = before_ms is not None or keep is not None
    if not removes and (statuses or dry_run or not compact):
        raise click.UsageError("say which ones: --older-than 30d, --keep 1000, or both (--older-than 0s removes all)")
    chosen = frozenset(ExecutionStatus(each.upper()) for each in statuses) or None
    before_ms = SystemClock().now_ms() + 1 if before_ms is None else before_ms
    opened = open_store(store, create=False)
    try:
        size = opened.statistics().stored_bytes
        removed = opened.prune(before_ms, chosen, keep=keep or 0, dry_run=dry_run) if removes else 0
        if compact and not dry_run:
            opened.compact()
        left = opened.statistics()
    finally:
        opened.close()
    if as_json:
        print_json(
            {
                "removed": 0 if dry_run else removed,
                **({"wouldBeRemoved": removed} if dry_run else {}),
                "executions": sum(left.executions.values()),
                "bytesBefore": size,
                "bytes": left.stored_bytes,
                "freeBytes": left.free_bytes,
            }
        )
        return 0
    noun = "execution" if removed == 1 else "executions"
    if dry_run:
        click.echo(f"{removed:,} {noun} would be removed.")
        return 0
    if not quiet:
        before = f" (before: {size_text(size)})" if left.stored_bytes != size else ""
        click.echo(
            f"Removed {removed:,} {noun}; {sum(left.executions.values()):,} are left in {size_text(left.stored_bytes)}"
            f"{before}."
        )
        if left.free_bytes > WORTH_TELLING:
            click.echo(
                f"{size_text(left.free_bytes)} of it hold nothing and are used again. To give them back: "
                f"statemachine prune --compact{store_hint(store)}",
                err=True,
            )
    return 0
