"""``statemachine resume``: go on with interrupted executions."""

from __future__ import annotations

from pathlib import Path

import click

from statemachine.cli.binding import registry_from
from statemachine.cli.driving import drive, report, report_interrupted, result_json
from statemachine.cli.options import concurrency_option, json_option, quiet_option, store_option, tasks_option
from statemachine.cli.output import print_json
from statemachine.cli.progress import Progress
from statemachine.errors import ExecutionOwnedError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Filter, Store


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
    opened = open_store(store, create=False)
    try:
        records = _chosen(opened, execution)
        progress = Progress(quiet=quiet or as_json)
        engine = Engine(opened, concurrency=concurrency)

        async def begin(engine: Engine) -> list[str]:
            ids = []
            for record in records:
                try:
                    ids += await engine.resume(record.id, tasks=registry_from(record.tasks_source, tasks_file))
                except ExecutionOwnedError as error:
                    if execution is not None:
                        raise
                    progress.say(str(error))
            return ids

        with progress:
            results, unfinished = drive(engine, begin, progress)
    finally:
        opened.close()
    if unfinished:
        return report_interrupted(unfinished, store)
    if execution is not None:
        return report(results[0], as_json=as_json, quiet=quiet)
    if as_json:
        print_json({"executions": [result_json(each) for each in results]})
    elif not results:
        click.echo("Nothing to resume.", err=True)
    else:
        for each in results:
            report(each, as_json=False, quiet=quiet)
    return 0 if all(each.succeeded for each in results) else 1


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
