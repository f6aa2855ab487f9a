"""``statemachine show``: one execution, for people."""

from __future__ import annotations

from dataclasses import dataclass

import click

from statemachine.cli.options import json_option, store_option
from statemachine.cli.output import clip, clock_time, date_time, duration, print_json, status_text, table
from statemachine.cli.progress import describe_failure
from statemachine.cli.records import record_json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
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
            _show_steps(opened, record)
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
        lines.append(("Failed in" if record.failure else "Now in", ", ".join(record.states)))
    if record.next_deadline_ms is not None and record.status is ExecutionStatus.RUNNING:
        lines.append(("Next timer", date_time(record.next_deadline_ms)))
    if record.failure is not None:
        lines.append(("Failure", describe_failure(record.failure)))
    lines.append(("Input", clip(record.input.text, 200)))
    if record.output is not None:
        lines.append(("Output", clip(record.output.text, 200)))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in lines)


@dataclass(slots=True)
class _Visit:
    """One visit of a state."""

    name: str
    kind: str
    since_ms: int
    until_ms: int | None = None
    attempts: int = 0
    outcome: str = "under way"


def visits(history: list[HistoryEvent]) -> list[_Visit]:
    """The visits of states in a history, in the order in which they were entered."""
    found: list[_Visit] = []
    visit_of: dict[int, _Visit] = {}
    for event in history:
        details = event.details or {}
        if event.type.endswith("StateEntered"):
            visit = _Visit(details["name"], event.type.removesuffix("StateEntered"), event.at_ms)
            found.append(visit)
            visit_of[event.id] = visit
            continue
        current = visit_of.get(event.previous_id)
        if current is None:
            continue
        visit_of[event.id] = current
        if event.type.endswith("StateExited"):
            current.until_ms = event.at_ms
            current.outcome = "done" if current.outcome in ("under way", "done") else f"caught {current.outcome}"
        elif event.type.endswith("Scheduled"):
            current.attempts += 1
            current.outcome = "under way"
        elif event.type.endswith(("Failed", "TimedOut")):
            current.outcome = str(details.get("error") or "failed")
        elif event.type.endswith("Aborted"):
            current.until_ms, current.outcome = event.at_ms, "aborted"
    return found


def _show_steps(store: Store, record: ExecutionRecord) -> None:
    found = visits(list(store.history(record.id)))
    if not found:
        return
    click.echo()
    if len(found) > _STEPS:
        click.echo(f"The last {_STEPS} of {len(found)} steps:")
    rows = [
        (
            clock_time(visit.since_ms),
            visit.name,
            visit.kind,
            "-" if visit.until_ms is None else duration(visit.until_ms - visit.since_ms),
            str(visit.attempts) if visit.attempts else "",
            _outcome(visit, record),
        )
        for visit in found[-_STEPS:]
    ]
    click.echo(table(("ENTERED", "STATE", "TYPE", "TOOK", "ATTEMPTS", "OUTCOME"), rows))


def _outcome(visit: _Visit, record: ExecutionRecord) -> str:
    outcome = visit.outcome
    if outcome == "under way" and record.status is not ExecutionStatus.RUNNING:
        outcome = "failed" if visit.kind == "Fail" else "ended with the execution"
    colour = {"done": "green", "under way": "blue"}.get(outcome, "yellow" if outcome.startswith("caught") else "red")
    return click.style(clip(outcome, 40), fg=colour)
