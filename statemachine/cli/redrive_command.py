"""``statemachine redrive``: begin an execution again that has ended without success, where it was."""

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
from statemachine.cli.progress import SEEDED, Progress
from statemachine.store import open_store

if TYPE_CHECKING:
    from statemachine.runtime.engine import Engine


@click.command("redrive")
@click.argument("execution")
@binding_options
@store_option
@concurrency_option
@log_instead_option
@json_option
@quiet_option
def command(
    execution: str,
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
    """Begin EXECUTION (an id, the beginning of one, or @last) again where it failed, and drive it to its end.

    States that succeeded are not run again; retries and timeouts are counted anew. The rules are AWS's: not after
    14 days, not after 25,000 events, not one that succeeded. Tasks, state machines and data are those of `run`, unless
    --tasks, --machines or --data say otherwise.
    """
    from statemachine.cli.binding import Given
    from statemachine.cli.driving import drive, report_one
    from statemachine.cli.shared import SharedBindings
    from statemachine.runtime.engine import Engine

    opened = open_store(store, create=False)
    try:
        record = opened.get(opened.resolve(execution))
        progress = Progress(quiet=quiet or as_json, log_format=log_format)
        engine = Engine(opened, concurrency=concurrency)
        shared = SharedBindings(engine, Given(tasks_file, machines, data, aws), store, progress.say)

        async def begin(engine: Engine) -> list[str]:
            progress.resume(record.id, opened.history(record.id, max(record.history_length - SEEDED, 0)))
            redriven = await engine.redrive(record.id, tasks=shared.bind(record))
            progress.say(f"Execution {redriven} of {record.machine_name} goes on")
            return [redriven]

        with progress:
            outcome = drive(engine, begin, progress)
    finally:
        opened.close()
    return report_one(outcome, store, as_json=as_json, quiet=quiet, logged=log_format is not None)
