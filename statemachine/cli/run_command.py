"""``statemachine run``: start an execution and drive it to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from statemachine.cli.findings import fail_with_findings, read_definition
from statemachine.cli.options import (
    concurrency_option,
    json_option,
    quiet_option,
    read_input,
    store_option,
    tasks_option,
)
from statemachine.cli.output import print_json
from statemachine.cli.progress import Progress
from statemachine.errors import DefinitionError, ExecutionAlreadyExistsError
from statemachine.limits import AWS_LIMITS, UNLIMITED
from statemachine.store.base import Durability

if TYPE_CHECKING:
    from statemachine.runtime.engine import Engine


@click.command("run")
@click.argument("definition", type=click.Path(path_type=Path, allow_dash=True))
@click.option("-i", "--input", "input_value", metavar="JSON", help="The input: JSON, @FILE, or - for standard input.")
@tasks_option
@click.option("--mocks", metavar="FILE[:CASE]", help="Answer tasks from a mock file instead; CASE names its test case.")
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
@json_option
@quiet_option
def command(
    definition: Path,
    input_value: str | None,
    tasks_file: Path | None,
    mocks: str | None,
    name: str | None,
    store: str | None,
    durability: str,
    limits: str,
    concurrency: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run DEFINITION (JSON or YAML; - for standard input) to its end and print its output.

    Every transition is stored first. If the process dies, `statemachine resume` goes on where it was.

    \b
    Examples:
      statemachine run order.asl.yaml --input '{"orderId": 7}' --tasks tasks.yaml
      statemachine run order.asl.json --input @order.json --json
    """
    from statemachine.cli.binding import bindings_source, registry_from
    from statemachine.cli.driving import drive, outcome_json, report, report_rest
    from statemachine.program.load import load_text
    from statemachine.runtime.engine import Engine, machine_name_of

    if definition == Path("-") and input_value == "-":
        raise click.UsageError("definition and input cannot both come from standard input")
    document = read_input(input_value)
    text = read_definition(definition)
    file = None if definition == Path("-") else str(definition)
    try:
        loaded = load_text(text, file)
        loaded.require_runnable()
    except DefinitionError as error:
        return fail_with_findings(error.diagnostics, text)
    folder = Path.cwd() if file is None else definition.parent
    source = bindings_source(tasks_file, folder, mocks)
    engine = Engine(
        store,
        durability=durability,
        limits=AWS_LIMITS if limits == "aws" else UNLIMITED,
        concurrency=concurrency,
        tasks=registry_from(source),
    )
    progress = Progress(quiet=quiet or as_json)

    async def begin(engine: Engine) -> list[str]:
        started = await engine.start(
            loaded, document, name=name, machine_name=machine_name_of(loaded), tasks_source=source
        )
        progress.say(f"Execution {started} of {machine_name_of(loaded)}")
        return [started]

    try:
        with progress:
            outcome = drive(engine, begin, progress)
    except ExecutionAlreadyExistsError as error:
        raise click.UsageError(f"{error} (it has another definition or input)") from None
    if as_json:
        print_json(outcome_json(outcome)[0])
    else:
        for result in outcome.results:
            report(result, store, quiet=quiet)
    return report_rest(outcome, store)
