"""``statemachine graph``: a definition, or what an execution did in it, as a drawing."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from statemachine.cli.findings import fail_with_findings, read_definition
from statemachine.cli.options import store_option
from statemachine.definition.model import StateMachine
from statemachine.definition.source import load_source
from statemachine.definition.validate import check_definition
from statemachine.errors import DefinitionError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_to_read
from statemachine.visibility.dot import to_dot
from statemachine.visibility.graph import graph_of
from statemachine.visibility.journey import Journey, journey_of
from statemachine.visibility.mermaid import to_mermaid

_FORMATS = {"mermaid": to_mermaid, "dot": to_dot}


@click.command("graph")
@click.argument("definition", metavar="DEFINITION|EXECUTION")
@store_option
@click.option(
    "--format", "format_", type=click.Choice(list(_FORMATS)), default="mermaid", show_default=True, help="The language."
)
@click.option(
    "--direction", type=click.Choice(["TD", "LR"]), default="TD", show_default=True, help="Downwards, or to the right."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it to this file."
)
def command(definition: str, store: str | None, format_: str, direction: str, output: Path | None) -> int:
    """Draw a definition (a file; - for standard input), or an execution (an id, the beginning of one, or @last).

    For an execution the drawing shows where it went, how often, for how long, and what failed.

    \b
    Examples:
      statemachine graph order.asl.yaml > order.mmd
      statemachine graph @last --format dot | dot -Tsvg -o last.svg
    """
    if definition == "-" or Path(definition).is_file():
        text, journey = read_definition(Path(definition)), None
    else:
        text, journey = _execution(definition, store)
    machine = _machine(text, definition)
    if machine is None:
        return 2
    drawn = _FORMATS[format_](graph_of(machine), journey, direction=direction)
    if output is None:
        sys.stdout.write(drawn)
    else:
        output.write_text(drawn, encoding="utf-8")
    return 0


def _execution(reference: str, store: str | None) -> tuple[str, Journey]:
    """An execution's definition and journey."""
    if Path(reference).suffix in (".json", ".yaml", ".yml"):
        raise click.BadParameter(f"there is no file '{reference}'", param_hint="DEFINITION|EXECUTION")
    opened = open_to_read(store)
    try:
        record = opened.get(opened.resolve(reference))
        ended = record.status is not ExecutionStatus.RUNNING
        return opened.definition(record.definition_sha256), journey_of(opened.history(record.id), ended=ended)
    finally:
        opened.close()


def _machine(text: str, file: str) -> StateMachine | None:
    """The model of a definition; what is wrong with it is printed."""
    try:
        machine, found = check_definition(load_source(text, file=file))
    except DefinitionError as error:
        machine, found = None, list(error.diagnostics)
    if machine is None:
        fail_with_findings(found, text)
    return machine
