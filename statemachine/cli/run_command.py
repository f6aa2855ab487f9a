"""``statemachine run``: start an execution and drive it to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from statemachine.cli.findings import UNUSABLE, load_definition
from statemachine.cli.logs import log_instead_option
from statemachine.cli.options import (
    binding_options,
    concurrency_option,
    json_option,
    quiet_option,
    read_input,
    store_hint,
    store_option,
    substitutions_option,
)
from statemachine.cli.output import print_json
from statemachine.cli.progress import Progress
from statemachine.errors import ExecutionAlreadyExistsError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.limits import AWS_LIMITS, UNLIMITED, Limits
from statemachine.store.base import Durability
from statemachine.store.locate import MEMORY, locate_store

if TYPE_CHECKING:
    from statemachine.runtime.engine import Engine
    from statemachine.runtime.starting import Start


@click.command("run")
@click.argument("definition", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-i", "--input", "input_value", metavar="JSON", help="The input: JSON, @FILE, or - for standard input.")
@binding_options
@click.option("--mocks", metavar="FILE[:CASE]", help="Answer tasks from a mock file instead; CASE names its test case.")
@substitutions_option
@click.option("--name", metavar="ID", help="The execution's id. The same id, definition and input: the same execution.")
@store_option
@click.option(
    "--durability",
    type=click.Choice([each.value for each in Durability]),
    default=Durability.FULL.value,
    show_default=True,
    help="full: survives a power cut; normal: survives a killed process; none: starts again.",
)
@click.option(
    "--limits",
    type=click.Choice(["aws", "none"]),
    default="aws",
    show_default=True,
    help="AWS's quotas for payloads and history, or none.",
)
@concurrency_option
@click.option("--no-wait", is_flag=True, help="Only store the execution, for `statemachine worker`; print its id.")
@log_instead_option
@json_option
@quiet_option
def command(
    definition: Path,
    input_value: str | None,
    tasks_file: Path | None,
    machines: Path | None,
    data: str | None,
    aws: bool,
    mocks: str | None,
    substitutions: dict[str, str],
    name: str | None,
    store: str | None,
    durability: str,
    limits: str,
    concurrency: int,
    no_wait: bool,
    log_format: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run DEFINITION (JSON or YAML; - for standard input) to its end and print its output.

    Every transition is stored first. If the process dies, `statemachine resume` or a `statemachine worker` goes on
    where it was.

    \b
    Examples:
      statemachine run order.asl.yaml --input '{"orderId": 7}' --tasks tasks.yaml
      statemachine run order.asl.json --input @order.json --json
      statemachine run order.asl.yaml --machines machines/ --data buckets/
    """
    from statemachine.cli.binding import Bindings, Given, bindings_source
    from statemachine.cli.driving import drive, report_one
    from statemachine.cli.shared import SharedBindings
    from statemachine.runtime.engine import Engine
    from statemachine.runtime.starting import Start, checked_input, checked_name

    if definition == Path("-") and input_value == "-":
        raise click.UsageError("definition and input cannot both come from standard input")
    document = read_input(input_value)
    loaded = load_definition(definition, substitutions)
    if loaded is None:
        return UNUSABLE
    folder = Path.cwd() if definition == Path("-") else definition.parent
    source = bindings_source(Given(tasks_file, machines, data, aws), folder, mocks)
    bindings = Bindings.of(source)
    registry, known = bindings.registry(), bindings.machines()
    allowed = AWS_LIMITS if limits == "aws" else UNLIMITED
    if no_wait:
        left = Start(
            loaded=loaded,
            input=checked_input(document, allowed),
            execution_id=checked_name(name),
            machine_name=loaded.machine_name,
            registry=registry,
            durability=Durability(durability),
            tasks_source=source,
        )
        return _leave_to_worker(left, allowed, store, as_json=as_json, quiet=quiet)
    engine = Engine(
        store,
        durability=durability,
        limits=allowed,
        concurrency=concurrency,
        tasks=registry,
        machines=known,
        data=bindings.data,
    )
    progress = Progress(quiet=quiet or as_json, log_format=log_format)
    if locate_store(store) != MEMORY:  # which no other process sees
        shared = SharedBindings(engine, Given(), store, progress.say)
        shared.offer((loaded.program, *(each.program for each in known.values())), registry)

    async def begin(engine: Engine) -> list[str]:
        started = await engine.start(loaded, document, name=name, machine_name=loaded.machine_name, tasks_source=source)
        progress.say(f"Execution {started} of {loaded.machine_name}")
        return [started]

    try:
        with progress:
            outcome = drive(engine, begin, progress)
    except ExecutionAlreadyExistsError as error:
        raise _taken(error) from None
    return report_one(outcome, store, as_json=as_json, quiet=quiet, logged=log_format is not None)


def _taken(error: ExecutionAlreadyExistsError) -> click.UsageError:
    return click.UsageError(f"{error} (it has another definition or input)")


def _leave_to_worker(start: Start, limits: Limits, store: str | None, *, as_json: bool, quiet: bool) -> int:
    """Store an execution that another process is to drive."""
    from statemachine.runtime.clock import SystemClock
    from statemachine.runtime.starting import store_start
    from statemachine.store import open_store

    if locate_store(store) == MEMORY:
        raise click.UsageError("--no-wait needs a store that a worker can open: name a file with --store")
    opened = open_store(store)
    try:
        store_start(opened, start, limits, SystemClock().now_ms())
    except ExecutionAlreadyExistsError as error:
        raise _taken(error) from None
    finally:
        opened.close()
    if as_json:
        print_json({"id": start.execution_id, "status": ExecutionStatus.RUNNING.value})
        return 0
    click.echo(start.execution_id)
    if not quiet:
        click.echo(f"It is driven by: statemachine worker{store_hint(store)}", err=True)
    return 0
