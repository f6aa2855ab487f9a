"""``statemachine test``: run test cases of definitions in virtual time.

Exit status: 0 if every case passed, 1 if one did not or the coverage is too low, 2 if a file cannot be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from statemachine.cli.options import json_option
from statemachine.cli.output import print_json
from statemachine.jsonvalue import Json

if TYPE_CHECKING:
    from statemachine.testing.cases.checking import CaseResult
    from statemachine.testing.cases.model import Case, CasesFile
    from statemachine.testing.coverage.measuring import Coverage, DefinitionCoverage

_FORMATS: Final = ("text", "json", "html", "cobertura")
_DEFAULT_FILES: Final = {"json": "coverage.json", "html": "coverage.html", "cobertura": "coverage.xml"}


def _coverage_reports(
    _context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, Path | None]]:
    """FORMAT[:FILE] taken apart; only text needs no file."""
    reports: list[tuple[str, Path | None]] = []
    for each in given:
        name, _, file = each.partition(":")
        if name not in _FORMATS:
            raise click.BadParameter(f"'{name}' is none of {', '.join(_FORMATS)}", param=parameter)
        file = file or _DEFAULT_FILES.get(name, "")
        reports.append((name, Path(file) if file else None))
    return reports


@click.command("test")
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "expression", metavar="EXPR", help="Only cases whose names match: 'declined and not slow'.")
@click.option("-x", "--exitfirst", "first_only", is_flag=True, help="Stop at the first case that fails.")
@click.option("--list", "listing", is_flag=True, help="List the cases; run nothing.")
@click.option(
    "--coverage",
    "reports",
    metavar="FORMAT[:FILE]",
    multiple=True,
    callback=_coverage_reports,
    help="Report what the cases reach: text, json, html or cobertura; may be repeated.",
)
@click.option(
    "--fail-under", metavar="PERCENT", type=click.FloatRange(0, 100), help="Exit status 1 if the coverage is lower."
)
@click.option(
    "--junit", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report to a file."
)
@click.option(
    "--generate",
    "definition",
    metavar="DEFINITION",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write cases that reach every branch of a definition, with what they give now.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where --generate writes to.",
)
@json_option
@click.option("-v", "--verbose", is_flag=True, help="A line for each case, and for everything that is not reached.")
def command(
    paths: tuple[Path, ...],
    expression: str | None,
    first_only: bool,
    listing: bool,
    reports: list[tuple[str, Path | None]],
    fail_under: float | None,
    junit: Path | None,
    definition: Path | None,
    output: Path | None,
    as_json: bool,
    verbose: bool,
) -> int:
    """Run test cases of definitions: files, or all *.asl-test.yaml, .yml and .json in folders. No task is called, and
    time is virtual: a Wait of a year costs nothing.

    \b
    Examples:
      statemachine test tests/
      statemachine test order.asl-test.yaml -k declined -v
      statemachine test . --coverage text --coverage cobertura:coverage.xml --fail-under 100
      statemachine test --generate order.asl.yaml -o order.asl-test.yaml
    """
    if definition is not None:
        if paths:
            raise click.UsageError("--generate runs no cases: name no files")
        return _generate(definition, output)
    if output is not None:
        raise click.UsageError("-o belongs to --generate")
    files = _read(paths)
    if files is None:
        return 2
    chosen = _chosen(files, expression)
    if expression and not chosen:
        raise click.UsageError(f"no case matches -k {expression!r}; --list shows their names")
    if listing:
        return _list(chosen, as_json=as_json)
    results, coverage, seconds = _run(chosen, files, first_only=first_only, verbose=verbose, quiet=as_json)
    measured = coverage.definitions() if reports or fail_under is not None else []
    if as_json:
        print_json(_as_json(results, seconds, measured if reports or fail_under is not None else None))
    else:
        _tell(results, seconds)
    _report(measured, reports, as_json=as_json, verbose=verbose)
    if junit is not None:
        from statemachine.cli.testing.junit import render

        _write(junit, render(results))
    enough = fail_under is None or _enough(measured, fail_under)
    return 0 if enough and all(result.ok for result in results) else 1


def _read(paths: Sequence[Path]) -> list[CasesFile] | None:
    """All files; None if one cannot be used, which is told."""
    from statemachine.testing.cases.discovery import ENDINGS, find_cases_files
    from statemachine.testing.cases.reading import CasesError, read_cases

    if not paths:
        raise click.UsageError("name a file or a folder with test cases")
    found = list(find_cases_files(paths))
    if not found:
        named = ", ".join(f"*{ending}" for ending in ENDINGS)
        raise click.UsageError(
            f"there are no test cases in {', '.join(map(str, paths))}: their files are called {named}"
        )
    files: list[CasesFile] = []
    faults: list[str] = []
    for path in found:
        try:
            files.append(read_cases(path))
        except CasesError as error:
            faults += error.findings
    for line in dict.fromkeys(faults):
        click.echo(line, err=True)
    if faults:
        click.echo("Nothing was run.", err=True)
        return None
    return files


def _chosen(files: Sequence[CasesFile], expression: str | None) -> list[tuple[str, Case]]:
    from statemachine.testing.cases.discovery import SelectionError, parse_choice

    try:
        choice = parse_choice(expression) if expression is not None else lambda _: True
    except SelectionError as error:
        raise click.BadParameter(str(error), param_hint="'-k'") from None
    return [(str(file.path), case) for file in files for case in file.cases if choice(f"{file.path.name}::{case.name}")]


def _list(chosen: Sequence[tuple[str, Case]], *, as_json: bool) -> int:
    if as_json:
        print_json(
            {"cases": [{"file": file, "name": case.name, "line": case.position().line} for file, case in chosen]}
        )
    else:
        for file, case in chosen:
            click.echo(f"{file}::{case.name}")
    return 0


def _run(
    chosen: Sequence[tuple[str, Case]], files: Sequence[CasesFile], *, first_only: bool, verbose: bool, quiet: bool
) -> tuple[list[CaseResult], Coverage, float]:
    import time

    from statemachine.cli.testing.text import Progress
    from statemachine.testing.cases.checking import run_case
    from statemachine.testing.coverage.measuring import Coverage

    coverage = Coverage()
    for file in files:
        for case in file.cases:
            coverage.include(case.setup.loaded)
    progress = Progress(verbose=verbose)
    results: list[CaseResult] = []
    began = time.perf_counter()
    for name, case in chosen:
        result = run_case(case, time.perf_counter)
        results.append(result)
        if not quiet:
            progress.add(name, result)
        if result.run is not None:
            coverage.add(result.run, [case.setup.loaded, *case.setup.machines.values()])
        if first_only and not result.ok:
            break
    if not quiet:
        progress.end()
    return results, coverage, time.perf_counter() - began


def _tell(results: Sequence[CaseResult], seconds: float) -> None:
    from statemachine.cli.testing.text import failures, summary

    for line in (*failures(results), *summary(results, seconds)):
        click.echo(line)


def _report(
    measured: Sequence[DefinitionCoverage],
    reports: Sequence[tuple[str, Path | None]],
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    from statemachine.cli.testing import text
    from statemachine.jsonvalue import encode_json
    from statemachine.testing.coverage import cobertura, html
    from statemachine.testing.coverage.measuring import to_json

    for name, file in reports:
        match name:
            case "text":
                told = "\n".join(text.coverage(measured, verbose=verbose)) + "\n"
            case "html":
                told = html.render(measured)
            case "cobertura":
                told = cobertura.render(measured)
            case _:
                told = encode_json(to_json(measured)).decode() + "\n"
        if file is not None:
            _write(file, click.unstyle(told))
        elif not as_json:
            click.echo(told, nl=False)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "backslashreplace"))


def _enough(measured: Sequence[DefinitionCoverage], wanted: float) -> bool:
    from statemachine.testing.coverage.measuring import percent, total

    reached = percent(total(measured))
    if reached < wanted:
        click.echo(f"The coverage is {reached:.1f} %, less than {wanted:g} %", err=True)
    return reached >= wanted


def _as_json(results: Sequence[CaseResult], seconds: float, measured: Sequence[DefinitionCoverage] | None) -> Json:
    from statemachine.testing.cases.checking import Verdict
    from statemachine.testing.coverage.measuring import to_json

    counts = {verdict.value: sum(result.verdict is verdict for result in results) for verdict in Verdict}
    shown: dict[str, Json] = {
        "summary": {**counts, "seconds": round(seconds, 3)},
        "cases": [_case_json(result) for result in results],
    }
    if measured is not None:
        shown["coverage"] = to_json(measured)
    return shown


def _case_json(result: CaseResult) -> Json:
    shown: dict[str, Json] = {
        "file": result.case.source.file,
        "line": result.case.position().line,
        "name": result.case.name,
        "verdict": result.verdict.value,
    }
    if result.case.skip is not None:
        shown["reason"] = result.case.skip
    if result.run is not None:
        shown |= {
            "status": result.run.status.value,
            "path": list(result.run.path),
            "virtual_seconds": result.run.duration_ms / 1000,
        }
        if result.run.fault is not None:
            shown["fault"] = result.run.fault
    shown["mismatches"] = [
        {
            "field": each.field,
            "line": result.case.position("expect", each.field).line,
            "expected": each.expected,
            "actual": each.actual,
            "details": list(each.details),
        }
        for each in result.mismatches
    ]
    return shown


def _generate(definition: Path, output: Path | None) -> int:
    from statemachine.cli.findings import fail_with_findings, read_definition
    from statemachine.errors import DefinitionError
    from statemachine.program.load import load_text
    from statemachine.testing.generation.generate import generate

    text = read_definition(definition)
    try:
        loaded = load_text(text, str(definition))
        loaded.require_runnable()
    except DefinitionError as error:
        return fail_with_findings(error.diagnostics, text)
    folder = Path.cwd() if output is None else output.parent
    generated = generate(loaded, folder)
    if output is None:
        click.echo(generated.text, nl=False)
    else:
        if output.exists():
            raise click.BadParameter(
                f"'{output}' is there already; remove it, or write to another file", param_hint="'-o'"
            )
        _write(output, generated.json if output.suffix == ".json" else generated.text)
    click.echo(generated.summary, err=True)
    return 0
