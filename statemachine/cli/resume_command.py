"""``statemachine resume``: go on with interrupted executions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from statemachine.cli.options import concurrency_option, json_option, quiet_option, store_option, tasks_option
from statemachine.cli.output import print_json
from statemachine.cli.progress import SEEDED, Progress
from statemachine.errors import ExecutionOwnedError, StatemachineError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Filter, Store

if TYPE_CHECKING:
    from statemachine.runtime.engine import Engine


@click.command("resume")
@click.argument("execution", required=False)
@tasks_option
@store_option
@concurrency_option
@json_option
@quiet_option
def command(
    execution: str | None,
    tasks_file: Path | None,
    store: str | None,
    concurrency: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go on with EXECUTION (an id, the beginning of one, or @last), or with all that were interrupted.

    A task whose result was stored is not called again; one that was in flight is, with the same operation id. Tasks are
    bound as they were by `run`, unless --tasks says otherwise.
    """
    from statemachine.cli.binding import registry_from
    from statemachine.cli.driving import drive, outcome_json, report, report_rest
    from statemachine.runtime.engine import Engine

    opened = open_store(store, create=False)
    try:
        records = _chosen(opened, execution)
        progress = Progress(quiet=quiet or as_json, many=len(records) > 1)
        errors: dict[str, Exception] = {}
        bound = cache(lambda source: registry_from(source, tasks_file))

        async def begin(engine: Engine) -> list[str]:
            ids: list[str] = []
            for record in records:
                try:
                    progress.resume(record.id, opened.history(record.id, max(record.history_length - SEEDED, 0)))
                    ids += await engine.resume(record.id, tasks=bound(record.tasks_source))
                except StatemachineError as error:
                    if execution is not None:
                        raise
                    if isinstance(error, ExecutionOwnedError):
                        progress.say(f"Left alone: {error}")
                    else:
                        errors[record.id] = error
            return ids

        with progress:
            outcome = drive(Engine(opened, concurrency=concurrency), begin, progress)
    finally:
        opened.close()
    outcome.errors = {**errors, **outcome.errors}
    if as_json:
        shown = outcome_json(outcome)
        print_json({"executions": shown} if execution is None else shown[0])
    elif not (outcome.results or outcome.unfinished or outcome.errors):
        if not quiet:
            click.echo("Nothing to resume.", err=True)
    else:
        for result in outcome.results:
            report(result, store, quiet=quiet)
    return report_rest(outcome, store)


def _chosen(store: Store, execution: str | None) -> list[ExecutionRecord]:
    if execution is not None:
        return [store.get(store.resolve(execution))]
    running = Filter(statuses=frozenset({ExecutionStatus.RUNNING}))
    records: list[ExecutionRecord] = []
    cursor: str | None = None
    while True:
        page = store.list(running, 200, cursor)
        records += page.records
        cursor = page.cursor
        if cursor is None:
            return records
