"""``statemachine show``: one execution, for people."""

from __future__ import annotations

from collections import deque

import click

from statemachine.cli.options import json_option, store_hint, store_option
from statemachine.cli.output import clip, clock_time, date_time, duration, print_json, status_text, table
from statemachine.cli.progress import describe_failure
from statemachine.cli.records import record_json
from statemachine.cli.visits import Visit, Visits
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store import open_store
from statemachine.store.base import ExecutionRecord, Store

_STEPS = 30


@click.command("show")
@click.argument("execution")
@store_option
@json_option
def command(execution: str, store: str | None, as_json: bool) -> int:
    """Show EXECUTION (an id, the beginning of one, or @last): where it is, what it did, what failed."""
    opened = open_store(store, create=False)
    try:
        record = opened.get(opened.resolve(execution))
        if as_json:
            print_json(record_json(record, payloads=True))
        else:
            click.echo(_describe(record))
            _show_steps(opened, record, store)
            if record.status is ExecutionStatus.RUNNING:
                click.echo(f"If it was interrupted: statemachine resume {record.id}{store_hint(store)}", err=True)
    finally:
        opened.close()
    return 0


def _describe(record: ExecutionRecord) -> str:
    ended = record.stopped_ms if record.stopped_ms is not None else record.updated_ms
    lines = [
        ("Execution", record.id),
        ("Machine", record.machine_name),
        ("Status", status_text(record.status)),
        ("Started", date_time(record.started_ms)),
        ("Took" if record.stopped_ms is not None else "Last seen after", duration(ended - record.started_ms)),
    ]
    if record.states:
        where = "Now in" if record.status is ExecutionStatus.RUNNING else "Ended in"
        lines.append((where, ", ".join(record.states)))
    if record.next_deadline_ms is not None and record.status is ExecutionStatus.RUNNING:
        lines.append(("Next timer", date_time(record.next_deadline_ms)))
    if record.failure is not None:
        lines.append(("Failure", describe_failure(record.failure)))
    lines.append(("Input", clip(record.input.text, 200)))
    if record.output is not None:
        lines.append(("Output", clip(record.output.text, 200)))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in lines)


def _show_steps(store: Store, record: ExecutionRecord, location: str | None) -> None:
    visits = Visits()
    last: deque[Visit] = deque(maxlen=_STEPS)
    total = 0
    for event in store.history(record.id):
        visit = visits.add(event)
        if visit is not None and event.type.endswith("StateEntered"):
            last.append(visit)
            total += 1
    if not last:
        return
    click.echo()
    if total > len(last):
        click.echo(
            f"The last {len(last)} of {total:,} steps (all: statemachine history {record.id}{store_hint(location)}):"
        )
    click.echo(
        table(("ENTERED", "STATE", "TYPE", "TOOK", "ATTEMPTS", "OUTCOME"), [_row(each, record) for each in last])
    )


def _row(visit: Visit, record: ExecutionRecord) -> tuple[str, ...]:
    depth = 0
    above = visit.parent
    while above is not None:
        above, depth = above.parent, depth + 1
    return (
        clock_time(visit.since_ms),
        "  " * min(depth, 8) + clip(visit.name, 40),
        visit.kind,
        "-" if visit.until_ms is None else duration(visit.until_ms - visit.since_ms),
        str(visit.attempts) if visit.attempts else "",
        _outcome(visit, record),
    )


def _outcome(visit: Visit, record: ExecutionRecord) -> str:
    ended = record.status is not ExecutionStatus.RUNNING
    if visit.exited:
        text, colour = (f"caught {visit.error}", "yellow") if visit.error else ("done", "green")
    elif visit.error and (visit.over or ended):
        text, colour = visit.error, "red"
    elif visit.aborted or (ended and record.status is ExecutionStatus.ABORTED):
        text, colour = "aborted", "yellow"
    elif visit.kind == "Fail":
        text, colour = "failed", "red"
    elif visit.over or ended:
        text, colour = ("timed out", "red") if record.status is ExecutionStatus.TIMED_OUT else ("cut short", "yellow")
    else:
        text, colour = (f"retries after {visit.error}", "yellow") if visit.error else ("under way", "blue")
    return click.style(clip(text, 40), fg=colour)
