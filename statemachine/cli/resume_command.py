"""``statemachine resume``: go on with interrupted executions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from statemachine.cli.logs import log_instead_option
from statemachine.cli.options import (
    binding_options,
    concurrency_option,
    json_option,
    quiet_option,
    store_option,
)
from statemachine.cli.output import print_json
from statemachine.cli.progress import SEEDED, Progress
from statemachine.cli.records import running
from statemachine.errors import ExecutionOwnedError, StatemachineError
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Store

if TYPE_CHECKING:
    from statemachine.runtime.engine import Engine


@click.command("resume")
@click.argument("execution", required=False)
@binding_options
@store_option
@concurrency_option
@log_instead_option
@json_option
@quiet_option
def command(
    execution: str | None,
    tasks_file: Path | None,
    machines: Path | None,
    data: str | None,
    aws: bool,
    store: str | None,
    concurrency: int,
    log_format: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Go on with EXECUTION (an id, the beginning of one, or @last), or with all that were interrupted.

    A task whose result was stored is not called again; one that was in flight is, with the same operation id. Tasks,
    state machines and data are those of `run`, unless --tasks, --machines or --data say otherwise.
    """
    from statemachine.cli.binding import Given
    from statemachine.cli.driving import drive, outcome_json, report, report_rest
    from statemachine.cli.shared import SharedBindings
    from statemachine.runtime.engine import Engine

    opened = open_store(store, create=False)
    try:
        records = _chosen(opened, execution)
        progress = Progress(quiet=quiet or as_json, many=len(records) > 1, log_format=log_format)
        errors: dict[str, Exception] = {}
        engine = Engine(opened, concurrency=concurrency)
        shared = SharedBindings(engine, Given(tasks_file, machines, data, aws), store, progress.say)

        async def begin(engine: Engine) -> list[str]:
            ids: list[str] = []
            for record in records:
                try:
                    progress.resume(record.id, opened.history(record.id, max(record.history_length - SEEDED, 0)))
                    ids += await engine.resume(record.id, tasks=shared.bind(record))
                except StatemachineError as error:
                    if execution is not None:
                        raise
                    if isinstance(error, ExecutionOwnedError):
                        progress.say(f"Left alone: {error}")
                    else:
                        errors[record.id] = error
            return ids

        with progress:
            outcome = drive(engine, begin, progress)
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
            report(result, store, quiet=quiet, logged=log_format is not None)
    return report_rest(outcome, store)


def _chosen(store: Store, execution: str | None) -> list[ExecutionRecord]:
    return running(store) if execution is None else [store.get(store.resolve(execution))]
