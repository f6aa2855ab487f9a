"""``statemachine validate``: check definitions, for people and for CI."""

from __future__ import annotations

from pathlib import Path

import click

from statemachine.cli.findings import finding_json, read_definition, show_finding
from statemachine.cli.options import json_option, quiet_option
from statemachine.cli.output import print_json
from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check


@click.command("validate")
@click.argument("definitions", type=click.Path(path_type=Path, allow_dash=True), nargs=-1, required=True)
@json_option
@quiet_option
def command(definitions: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Check DEFINITIONS (JSON or YAML files; - for standard input).

    Prints every finding with its place. Exit status 1 if there is an error.
    """
    errors = warnings = 0
    shown = []
    for path in definitions:
        text = read_definition(path)
        findings = find(text, None if path == Path("-") else str(path))
        errors += sum(each.severity is Severity.ERROR for each in findings)
        warnings += sum(each.severity is Severity.WARNING for each in findings)
        if as_json:
            shown += [finding_json(each) for each in findings]
        else:
            for finding in findings:
                click.echo(show_finding(finding, text))
    if as_json:
        print_json({"result": "FAIL" if errors else "OK", "diagnostics": shown})
    elif not quiet:
        checked = f"{len(definitions)} definition{'s' if len(definitions) != 1 else ''}"
        click.echo(f"{checked} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}", err=True)
    return 1 if errors else 0


def find(text: str, file: str | None) -> list[Diagnostic]:
    """All findings about a text."""
    try:
        return check(load_source(text, file=file))[1]
    except DefinitionError as error:
        return list(error.diagnostics)


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'s' if number != 1 else ''}"
