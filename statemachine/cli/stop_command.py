"""``statemachine stop``: end executions as ABORTED, whoever drives them."""

from __future__ import annotations

from pathlib import Path

import click

from statemachine.cli.options import (
    aws_option,
    data_option,
    json_option,
    machines_option,
    quiet_option,
    store_option,
    tasks_option,
)
from statemachine.cli.output import print_json
from statemachine.cli.records import running
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Store


@click.command("stop")
@click.argument("executions", metavar="[EXECUTION]...", nargs=-1)
@click.option("--error", metavar="NAME", help="The error's name that it ends with.")
@click.option("--cause", metavar="TEXT", help="Why, in words.")
@click.option("--compensate", is_flag=True, help="First undo what it has completed (CompensateWith).")
@click.option("--all", "stop_all", is_flag=True, help="Stop all that run.")
@click.option("--machine", metavar="NAME", help="With --all: only executions of this machine.")
@tasks_option
@machines_option
@data_option
@aws_option
@store_option
@json_option
@quiet_option
def command(
    executions: tuple[str, ...],
    error: str | None,
    cause: str | None,
    compensate: bool,
    stop_all: bool,
    machine: str | None,
    tasks_file: Path | None,
    machines: Path | None,
    data: str | None,
    aws: bool,
    store: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """End each EXECUTION (an id, the beginning of one, or @last) as ABORTED.

    Its tasks are cancelled, and executions that it waits for are stopped too. If another process drives it, that one
    does it, and this command waits for it; otherwise it is done here. One that has ended stays as it is. The tasks that
    --compensate needs are those of `run`, unless --tasks, --machines or --data say otherwise.

    \b
    Examples:
      statemachine stop order-7 --cause "the customer has cancelled" --compensate
      statemachine stop --all --machine order
    """
    from statemachine.cli.binding import Given
    from statemachine.cli.driving import USAGE, message, result_json, run_loop
    from statemachine.cli.shared import SharedBindings
    from statemachine.cli.stopping import Stopping
    from statemachine.runtime.engine import Engine

    if bool(executions) == stop_all:
        raise click.UsageError("name the executions to stop, or use --all")
    if machine is not None and not stop_all:
        raise click.UsageError("--machine chooses among --all")
    opened = open_store(store, create=False)
    try:
        records = running(opened, machine) if stop_all else _named(opened, executions)
        engine = Engine(opened)
        shared = SharedBindings(engine, Given(tasks_file, machines, data, aws), None, lambda _: None)
        stopping = Stopping(engine, shared, error, cause, compensate=compensate)
        results = run_loop(stopping.stop(records))
    finally:
        opened.close()
    ended = {record.id: record.status for record in records if record.status is not ExecutionStatus.RUNNING}
    if as_json:
        print_json({"executions": [result_json(each) for each in results]})
    elif not quiet:
        for result in results:
            before = " before: there was nothing to stop" if result.id in ended else ""
            click.echo(f"{result.id} {result.status.value}{before}")
        if not records:
            click.echo("Nothing to stop.", err=True)
    for name, fault in stopping.errors.items():
        click.echo(f"Error: execution {name}: {message(fault)}", err=True)
    return USAGE if stopping.errors else 0


def _named(store: Store, references: tuple[str, ...]) -> list[ExecutionRecord]:
    return [store.get(name) for name in dict.fromkeys(map(store.resolve, references))]
