"""``statemachine validate``: check definitions, for people, for CI and for editors.

Exit status: 0 if there is no error (warnings are none), 1 if there is one, 2 for a mistake in the call or in the
configuration, 3 for a fault of ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from statemachine.cli.reports import FORMATS, render
from statemachine.cli.reports.report import Report, summary
from statemachine.cli.validation.configuration import Configurations, Overrides
from statemachine.cli.validation.discovery import STDIN
from statemachine.cli.validation.run import Checks, Request, watch
from statemachine.cli.validation.selection import Selectors, unknown_selector

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path, dir_okay=False)


def _codes(_: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Codes of an option that may be repeated, and may have several with commas."""
    codes = tuple(code.strip() for each in value for code in each.split(",") if code.strip())
    for code in codes:
        wrong = unknown_selector(code)
        if wrong:
            raise click.BadParameter(wrong, param=parameter)
    return codes


def _codes_option(name: str, help: str) -> Callable[[_Decorated], _Decorated]:
    return click.option(name, metavar="CODES", multiple=True, callback=_codes, help=help)


@click.command("validate")
@click.argument("definitions", metavar="DEFINITIONS...", nargs=-1, required=True)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    metavar="NAME",
    help=f"How findings are reported: {', '.join(FORMATS)}. [default: text]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the same as --format json.")
@click.option("-o", "--output", type=_PATH, metavar="FILE", help="Write the report to a file.")
@_codes_option("--select", "Report only these codes (or beginnings of codes; ALL).")
@_codes_option("--extend-select", "Report these too.")
@_codes_option("--ignore", "Do not report these.")
@click.option("--type", "type_", type=click.Choice(["standard", "express"]), help="The type of the state machines.")
@click.option("--target", type=click.Choice(["any", "aws"]), help="Where they will run; aws refuses our extensions.")
@click.option("--warnings-as-errors", "--strict", "strict", is_flag=True, help="Report every warning as an error.")
@click.option("--no-warnings", is_flag=True, help="Report errors only.")
@click.option("--max-findings", type=click.IntRange(1), metavar="NUMBER", help="List so many findings at most.")
@click.option("--exit-zero", is_flag=True, help="End with status 0 also if there are errors.")
@click.option("--config", type=_PATH, metavar="FILE", help="The configuration for all files, instead of the nearest.")
@click.option("--isolated", is_flag=True, help="Use no configuration file.")
@click.option("--force-exclude", is_flag=True, help="Pass over excluded files also if they are named.")
@click.option("--stdin-filename", metavar="NAME", help="The name of standard input, in findings and for configuration.")
@click.option("--watch", "watching", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
@click.option("-v", "--verbose", is_flag=True, help="Tell each file's configuration, and what was skipped.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
def command(
    definitions: tuple[str, ...],
    format_: str | None,
    as_json: bool,
    output: Path | None,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    type_: str | None,
    target: str | None,
    strict: bool,
    no_warnings: bool,
    max_findings: int | None,
    exit_zero: bool,
    config: Path | None,
    isolated: bool,
    force_exclude: bool,
    stdin_filename: str | None,
    watching: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Check DEFINITIONS: files, folders, patterns, or - for standard input.

    Prints every finding with its place. A folder is searched for *.asl.json, *.asl.yaml, *.asl.yml, *.asl, and for
    CloudFormation and SAM templates. `statemachine explain CODE` tells more about a finding. Exit status 1 if there is
    an error.

    \b
    Examples:
      statemachine validate order.asl.yaml infra/
      statemachine validate . --target aws --format sarif --output statemachine.sarif
      statemachine validate --watch .
    """
    if as_json and format_ not in (None, "json"):
        raise click.UsageError(f"--json and --format {format_} exclude each other")
    if config is not None and isolated:
        raise click.UsageError("--config and --isolated exclude each other")
    if watching and STDIN in definitions:
        raise click.UsageError("--watch needs files: standard input does not change")
    request = Request(
        arguments=definitions,
        config=config,
        isolated=isolated,
        overrides=Overrides(
            selectors=Selectors(select or None, extend_select, ignore),
            express=None if type_ is None else type_ == "express",
            target_aws=None if target is None else target == "aws",
            warnings_as_errors=strict,
            no_warnings=no_warnings,
        ),
        force_exclude=force_exclude,
        stdin_name=stdin_filename,
        max_findings=max_findings,
    )
    checks = Checks(request)
    chosen = "json" if as_json else format_ or "text"
    if watching:
        return _watch(checks, chosen, output)
    report = checks.run()
    if verbose:
        _tell(report, checks.configurations)
    _write(report, chosen, output)
    if not quiet and (output is not None or chosen == "text"):
        click.echo(summary(report), err=True)
    return 1 if report.errors and not exit_zero else 0


def _write(report: Report, format: str, output: Path | None) -> None:
    text = render(report, format)
    if output is not None:
        output.write_bytes(click.unstyle(text).encode("utf-8", "backslashreplace"))
    elif format == "text":
        click.echo(text, nl=False)
    elif text:
        click.echo(text.encode("utf-8", "backslashreplace"), nl=False)  # whatever the terminal's encoding is


def _watch(checks: Checks, format: str, output: Path | None) -> int:
    import time

    def show(report: Report) -> None:
        click.clear()
        _write(report, format, output)
        click.echo(f"{summary(report)}. Watching for changes; Ctrl-C ends it.", err=True)
        sys.stdout.flush()

    try:
        watch(checks, show, time.sleep)
    except KeyboardInterrupt:
        return 0


def _tell(report: Report, configurations: Configurations) -> None:
    from statemachine.cli.reports.excerpt import printable

    for file in report.files:
        name = printable(file.name or "standard input")
        read = configurations.of_file(file.name or STDIN)[1].file or "the defaults"
        click.echo(f"{name}: configuration: {read}", err=True)
        for skipped in file.skipped:
            click.echo(f"{name}: skipped {printable(skipped)}", err=True)
