"""``statemachine lower``: a definition with compensation as plain Amazon States Language, for AWS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from statemachine.cli.findings import print_findings, read_definition
from statemachine.definition.diagnostics import Diagnostic
from statemachine.definition.source import Source, load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check
from statemachine.program.lowering import lower


@click.command("lower")
@click.argument("definition", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it to this file."
)
def command(definition: Path, output: Path | None) -> int:
    """Write DEFINITION (a file; - for standard input) without CompensateWith and Compensate, as JSON that AWS runs.

    Success, failure, output and error are the same, and so is what is undone. Where AWS cannot do that exactly, a
    warning says so, or the definition is refused with exit status 1 (docs/compensation.md).

    \b
    Example:
      statemachine lower order.asl.yaml -o order.json
    """
    text = read_definition(definition)
    file = None if definition == Path("-") else str(definition)
    try:
        source = load_source(text, file=file)
        program, found = check(source)
    except DefinitionError as error:
        print_findings(error.diagnostics, text)
        return 1
    if program is None:
        print_findings(found, text)
        return 1
    lowered, said = lower(source.value)
    print_findings(_located(said, source), text)
    if lowered is None:
        return 1
    written = json.dumps(lowered, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(written, nl=False)
    else:
        output.write_text(written, encoding="utf-8")
    return 0


def _located(found: Sequence[Diagnostic], source: Source) -> list[Diagnostic]:
    return [each.at(source.position(each.path or (), key=True), source.file) for each in found]
