"""How many executions there are: by status, by machine, by error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from statemachine.cli.output import line_width, print_json, table
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import Group

_ROWS = 30
"""Machines or errors that are shown to people."""


def show_counts(groups: Sequence[Group], *, as_json: bool) -> None:
    """Print counts of executions."""
    statuses: Counter[ExecutionStatus] = Counter()
    machines: dict[str, Counter[ExecutionStatus]] = {}
    errors: Counter[str] = Counter()
    for group in groups:
        statuses[group.status] += group.count
        machines.setdefault(group.machine_name, Counter())[group.status] += group.count
        if group.error is not None:
            errors[group.error] += group.count
    if as_json:
        print_json(
            {
                "total": statuses.total(),
                "byStatus": _named(statuses),
                "byMachine": {name: {"total": found.total(), **_named(found)} for name, found in machines.items()},
                "byError": dict(errors.most_common()),
            }
        )
    elif not groups:
        click.echo("No executions.", err=True)
    else:
        _show_tables(statuses, machines, errors)


def _named(counts: Counter[ExecutionStatus]) -> dict[str, int]:
    return {status.value: counts[status] for status in ExecutionStatus if counts[status]}


def _show_tables(
    statuses: Counter[ExecutionStatus], machines: dict[str, Counter[ExecutionStatus]], errors: Counter[str]
) -> None:
    present = [status for status in ExecutionStatus if statuses[status]]
    header = ("MACHINE", "ALL", *(status.value for status in present))
    most = sorted(machines.items(), key=lambda each: (-each[1].total(), each[0]))
    rows = [(name, f"{found.total():,}", *(f"{found[status]:,}" for status in present)) for name, found in most[:_ROWS]]
    if len(machines) > 1:
        rows.append(("all machines", f"{statuses.total():,}", *(f"{statuses[status]:,}" for status in present)))
    click.echo(table(header, rows, width=line_width(), flexible=("MACHINE",)))
    _show_rest(len(most), "machines")
    if errors:
        click.echo()
        listed = [(name, f"{number:,}") for name, number in errors.most_common(_ROWS)]
        click.echo(table(("ERROR", "EXECUTIONS"), listed, width=line_width(), flexible=("ERROR",)))
        _show_rest(len(errors), "errors")


def _show_rest(number: int, what: str) -> None:
    if number > _ROWS:
        click.echo(f"… and {number - _ROWS:,} more {what} (all: --json)")
