"""What executions used of AWS's quotas, and what they would cost there: ``show --usage`` and ``list --usage``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from statemachine.cli.output import clip, duration, line_width, print_json, size_text, table
from statemachine.jsonvalue import Json
from statemachine.limits import AWS_LIMITS, DEFINITION_LIMITS
from statemachine.runtime.map_runs import map_runs
from statemachine.store.base import ExecutionRecord, Filter, Store
from statemachine.visibility.prices import Prices, prices
from statemachine.visibility.usage import Largest, Usage, usage_of

_PAGE = 200


def read_usage(store: Store, record: ExecutionRecord) -> Usage:
    """The usage of a stored execution."""
    definition_bytes = len(store.definition(record.definition_sha256).encode("utf-8", "surrogatepass"))
    usage = usage_of(store.history(record.id), definition_bytes=definition_bytes, started_ms=record.started_ms)
    if usage.map_runs:
        counts = [each.executions for each in map_runs(store, record.id)]
        usage.child_executions = sum(each.total - each.pending for each in counts)
    return usage


def show_usage(store: Store, record: ExecutionRecord, *, as_json: bool) -> None:
    """Print one execution's usage."""
    usage, priced = read_usage(store, record), prices()
    if as_json:
        print_json({"id": record.id, **usage_json(usage), "estimatedCost": _cost_json([usage], priced)})
        return
    express = f"1 request, {priced.billed_ms(usage) / 1000:,.1f} s with {priced.billed_megabytes(usage):,} MB"
    rows = [
        ("Events", _against(usage.events, AWS_LIMITS.history_events)),
        ("Transitions", f"{usage.transitions:,} ({_parts(usage)})"),
        ("Payload", _against_bytes(usage.payload, AWS_LIMITS.payload_bytes)),
        ("Variables", _against_bytes(usage.variables, AWS_LIMITS.variable_bytes)),
        ("Definition", _of_bytes(usage.definition_bytes, DEFINITION_LIMITS.bytes)),
        ("Time", duration(usage.duration_ms)),
        ("Standard", f"{_money(priced.standard([usage]), priced)}: {usage.transitions:,} state transitions"),
        ("Express", f"{_money(priced.express([usage]), priced)}: {express}"),
        *(("", f"not as it is: {each}") for each in usage.not_express),
    ]
    for label, text in rows:
        click.echo(f"{label:<11}  {text}")
    _explain(priced, usage.child_executions)


def _against(number: int, quota: int | None) -> str:
    assert quota is not None
    return f"{number:,} of {quota:,} ({_share(number, quota)})"


def _of_bytes(size: int, quota: int | None) -> str:
    assert quota is not None
    return f"{size_text(size)} of {size_text(quota)} ({_share(size, quota)})"


def _against_bytes(largest: Largest, quota: int | None) -> str:
    if not largest.event:
        return "none"
    of = "the execution" if largest.state is None else clip(largest.state, 30)
    return f"{_of_bytes(largest.size, quota)}: {largest.what} of {of}, event {largest.event}"


def _share(number: int, quota: int) -> str:
    share = 100 * number / quota
    text = f"{share:.1f} %"
    return click.style(text, fg="red") if share >= 80 else text


def _parts(usage: Usage) -> str:
    parts = [f"{usage.entered:,} state{'' if usage.entered == 1 else 's'} entered"]
    for number, what in (
        (usage.retries, ("retry", "retries")),
        (usage.child_executions, ("child execution", "child executions")),
        (usage.redrives, ("redrive", "redrives")),
    ):
        if number:
            parts.append(f"{number:,} {what[number != 1]}")
    return ", ".join(parts)


def _money(amount: float, priced: Prices) -> str:
    sign = "$" if priced.currency == "USD" else f"{priced.currency} "
    return f"{sign}{amount:,.2f}" if amount >= 100 else f"{sign}{amount:,.6f}"


def _explain(priced: Prices, child_executions: int) -> None:
    click.echo()
    click.echo(f"An estimate, with the prices of {priced.region} as of {priced.date}:")
    click.echo(priced.source)
    click.echo("Without the free tier, and without what tasks and data transfer cost.")
    if child_executions:
        click.echo("What child executions of distributed Maps do inside costs more: it is not counted.")


def usage_json(usage: Usage) -> dict[str, Json]:
    """Usage for machines, with the quotas that it counts against."""
    return {
        "events": usage.events,
        "stateTransitions": {
            "total": usage.transitions,
            "statesEntered": usage.entered,
            "retries": usage.retries,
            "childExecutions": usage.child_executions,
            "redrives": usage.redrives,
        },
        "largestPayload": _largest_json(usage.payload),
        "largestVariables": _largest_json(usage.variables),
        "definitionBytes": usage.definition_bytes,
        "durationMilliseconds": usage.duration_ms,
        "quotas": {
            "events": AWS_LIMITS.history_events,
            "payloadBytes": AWS_LIMITS.payload_bytes,
            "variablesBytes": AWS_LIMITS.variable_bytes,
        },
        "notExpressBecause": list(usage.not_express),
    }


def _largest_json(largest: Largest) -> Json:
    if not largest.event:
        return None
    return {"bytes": largest.size, "event": largest.event, "what": largest.what, "state": largest.state}


def _cost_json(usages: Sequence[Usage], priced: Prices) -> Json:
    return {
        "currency": priced.currency,
        "standard": priced.standard(usages),
        "express": priced.express(usages),
        "region": priced.region,
        "pricesAsOf": priced.date,
        "source": priced.source,
    }


# -- of many -----------------------------------------------------------------------------------------------------------


def show_usage_of_all(store: Store, where: Filter, limit: int | None, *, as_json: bool) -> None:
    """Print the usage of all executions that fit, or of the newest ones, by machine."""
    machines: dict[str, list[Usage]] = {}
    for record in _records(store, where, limit):
        machines.setdefault(record.machine_name, []).append(read_usage(store, record))
    priced = prices()
    every = [usage for usages in machines.values() for usage in usages]
    if as_json:
        by_machine: Json = {name: _totals_json(usages, priced) for name, usages in machines.items()}
        print_json({**_totals_json(every, priced), "byMachine": by_machine})
        return
    if not every:
        click.echo("No executions.", err=True)
        return
    rows = [_totals_row(name, usages, priced) for name, usages in machines.items()]
    if len(machines) > 1:
        rows.append(_totals_row("all machines", every, priced))
    header = ("MACHINE", "RUNS", "EVENTS", "MOST", "TRANSITIONS", "PAYLOAD", "STANDARD", "EXPRESS")
    click.echo(table(header, rows, width=line_width(), flexible=("MACHINE",)))
    quotas = f"{AWS_LIMITS.history_events:,} events and {size_text(AWS_LIMITS.payload_bytes or 0)}"
    click.echo(f"\nMOST and PAYLOAD are the most of one execution. AWS allows {quotas}.")
    _explain(priced, sum(usage.child_executions for usage in every))


def _records(store: Store, where: Filter, limit: int | None) -> Iterator[ExecutionRecord]:
    cursor: str | None = None
    left = limit
    while left is None or left > 0:
        page = store.list(where, _PAGE if left is None else min(_PAGE, left), cursor)
        yield from page.records
        cursor = page.cursor
        if cursor is None:
            return
        left = None if left is None else left - len(page.records)


def _totals_row(name: str, usages: Sequence[Usage], priced: Prices) -> tuple[str, ...]:
    return (
        name,
        f"{len(usages):,}",
        f"{sum(usage.events for usage in usages):,}",
        f"{max(usage.events for usage in usages):,}",
        f"{sum(usage.transitions for usage in usages):,}",
        size_text(max(usage.payload.size for usage in usages)),
        _money(priced.standard(usages), priced),
        _money(priced.express(usages), priced),
    )


def _totals_json(usages: Sequence[Usage], priced: Prices) -> dict[str, Json]:
    return {
        "executions": len(usages),
        "events": sum(usage.events for usage in usages),
        "mostEvents": max((usage.events for usage in usages), default=0),
        "stateTransitions": sum(usage.transitions for usage in usages),
        "largestPayloadBytes": max((usage.payload.size for usage in usages), default=0),
        "largestVariablesBytes": max((usage.variables.size for usage in usages), default=0),
        "notExpress": sum(bool(usage.not_express) for usage in usages),
        "estimatedCost": _cost_json(usages, priced),
    }
