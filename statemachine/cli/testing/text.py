"""``statemachine test`` for people: a character for each case, what failed, a line at the end, the coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import click

from statemachine.cli.output import duration, table
from statemachine.testing.cases.checking import CaseResult, Verdict
from statemachine.testing.cases.telling import headline, place, tell
from statemachine.testing.coverage.measuring import GROUPS, DefinitionCoverage, percent, total

MARKS: Final = {
    Verdict.PASSED: (".", "green"),
    Verdict.FAILED: ("F", "red"),
    Verdict.ERROR: ("E", "red"),
    Verdict.SKIPPED: ("s", "yellow"),
}


class Progress:
    """Tells of each case as it ends: a character or, if `verbose`, a line."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._file: str | None = None

    def add(self, file: str, result: CaseResult) -> None:
        """A case has ended."""
        character, colour = MARKS[result.verdict]
        if self._verbose:
            click.echo(f"{file}::{result.case.name} {click.style(result.verdict.value, fg=colour)}{_time(result)}")
            return
        if file != self._file:
            click.echo(f"{'' if self._file is None else chr(10)}{file} ", nl=False)
            self._file = file
        click.echo(click.style(character, fg=colour), nl=False)

    def end(self) -> None:
        """No more cases."""
        if self._file is not None:
            click.echo()


def _time(result: CaseResult) -> str:
    if result.run is None:
        return f" ({result.case.skip})"
    return f" ({duration(result.run.duration_ms)} of virtual time)" if result.run.duration_ms else ""


def failures(results: Sequence[CaseResult]) -> Iterator[str]:
    """What failed, in full."""
    for result in results:
        if result.ok:
            continue
        title = f" {result.case.source.file}::{result.case.name} "
        yield ""
        yield click.style(f"{title:_^100}", fg="red", bold=True)
        for line in tell(result):
            colour = {"-": "green", "+": "red"}.get(line.strip()[:1]) if line.startswith("    ") else None
            yield click.style(line, fg=colour) if colour else line


def summary(results: Sequence[CaseResult], seconds: float) -> Iterator[str]:
    """The failures in a line each, and how many there are of each kind."""
    failed = [result for result in results if not result.ok]
    if failed:
        yield ""
        yield from (
            f"{result.verdict.value.upper()} {place(result)} {result.case.name}: {headline(result)}"
            for result in failed
        )
    counts = [(verdict, sum(result.verdict is verdict for result in results)) for verdict in Verdict]
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts if count) or "no case was chosen"
    yield click.style(f"{told} in {seconds:.2f} s", fg="red" if failed else "green", bold=True)


def coverage(definitions: Sequence[DefinitionCoverage], *, verbose: bool) -> Iterator[str]:
    """The coverage as a table; if `verbose`, with everything that was not reached."""
    rows = [[each.name, *_counts([each]), each.missing_lines()] for each in definitions]
    rows.append(["Total", *_counts(definitions), ""])
    yield ""
    yield table(["Definition", *(group.capitalize() for group in GROUPS), "Total", "Missing lines"], rows)
    if verbose:
        for each in definitions:
            for element in sorted(each.missing, key=lambda missed: missed.line):
                yield f"{each.name}:{element.line}: {element.text} was not reached"


def _counts(definitions: Sequence[DefinitionCoverage]) -> list[str]:
    cells = [f"{reached}/{there}" for reached, there in (total(definitions, group) for group in GROUPS)]
    return [*cells, f"{percent(total(definitions)):.1f} %"]
