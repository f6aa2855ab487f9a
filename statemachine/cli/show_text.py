"""``statemachine show``: an execution in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from statemachine.cli.failures import brief_failure, stack_of
from statemachine.cli.options import store_hint
from statemachine.cli.output import clip, clock_time, date_time, duration, line_width, size_text, status_text, table
from statemachine.cli.showing import Shown
from statemachine.jsonvalue import Json, encode_json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.map_runs import MapRun, MapRunStatus
from statemachine.limits import limit_hint
from statemachine.store.base import ExecutionRecord
from statemachine.visibility.position import (
    ActiveState,
    CompensationState,
    CompensationStatus,
    InFlight,
    Inside,
    Position,
    Ready,
    Retrying,
    Transferring,
    Undoing,
    Waiting,
)
from statemachine.visibility.visits import Visit

_ROWS = 20
"""Rows of each table but that of the steps."""
_MAP_RUNS = 10
_MAX_PAYLOAD = 200
_MAP_RUN_COLOURS = {
    MapRunStatus.RUNNING: "blue",
    MapRunStatus.SUCCEEDED: "green",
    MapRunStatus.FAILED: "red",
    MapRunStatus.ABORTED: "yellow",
}
_COMPENSATION_COLOURS = {
    CompensationStatus.REGISTERED: None,
    CompensationStatus.WAITING: "yellow",
    CompensationStatus.RUNNING: "blue",
    CompensationStatus.FAILED: "red",
}


def show(shown: Shown, store: str | None) -> None:
    """Print an execution; `store` is the option, for commands that are suggested."""
    _show_fields(shown)
    _show_steps(shown, store)
    position = shown.position
    if position is not None:
        if position.states:
            _show_states(position, shown.now_ms)
        if position.variables:
            _show_variables(position)
        if position.compensations or shown.account.compensated:
            _show_compensations(position, shown.account.compensated)
    elif shown.unreadable is not None:
        click.echo(f"Where it is cannot be told: {shown.unreadable}", err=True)
    if shown.children:
        _show_children(shown, store)
    if shown.map_runs:
        _show_map_runs(shown.map_runs[-_MAP_RUNS:], len(shown.map_runs))


def _print_table(
    title: str | None, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], flexible: tuple[str, ...]
) -> None:
    click.echo()
    if title:
        click.echo(title)
    click.echo(table(header, rows, width=line_width(), flexible=flexible))


def _show_fields(shown: Shown) -> None:
    fields = list(_fields(shown))
    width = max(len(label) for label, _ in fields)
    most = line_width()
    for label, text in fields:
        left = _MAX_PAYLOAD if most is None else max(most - width - 2, 20)
        if label in ("Input", "Output"):
            text = clip(text, min(_MAX_PAYLOAD, left))
        click.echo(f"{label:<{width}}  {text}")


def _fields(shown: Shown) -> Iterator[tuple[str, str]]:
    record = shown.record
    ended = record.stopped_ms is not None
    yield "Execution", record.id
    if shown.at is not None:
        last = shown.account.last
        yield "As of", f"event {shown.at}" + (f", {last.type}, {clock_time(last.at_ms)}" if last else ", the beginning")
    yield "Machine", record.machine_name
    yield "Status", status_text(record.status)
    yield "Started", date_time(record.started_ms)
    until_ms = record.updated_ms if record.stopped_ms is None else record.stopped_ms
    if ended:
        yield "Took", duration(until_ms - record.started_ms)
    else:
        yield "Last change", f"{date_time(until_ms)}, {duration(until_ms - record.started_ms)} after the start"
    if record.parent is not None:
        yield "Started by", record.parent
    if shown.redrives:
        yield "Redrives", str(shown.redrives)
    if record.states:
        yield "Ended in" if ended else "Now in", ", ".join(record.states)
    if record.next_deadline_ms is not None and not ended:
        yield "Next timer", date_time(record.next_deadline_ms)
    if shown.undone_for is not None:
        yield "Undoes", f"what has completed, because of {brief_failure(shown.undone_for)}"
    if record.failure is not None:
        yield "Failure", brief_failure(record.failure)
        yield from (("", line) for line in stack_of(record.failure))
        if (hint := limit_hint(record.failure)) is not None:
            yield "", hint
    if shown.account.failed_in is not None:
        yield "Failed at", _failed_at(shown.account.failed_in, shown.failed_line)
    yield "Input", record.input.text
    if record.output is not None:
        yield "Output", record.output.text


def _failed_at(visit: Visit, line: int | None) -> str:
    parts = [visit.name]
    if line is not None:
        parts.append(f"line {line} of the definition")
    if visit.attempts > 1:
        parts.append(f"after {visit.attempts} attempts")
    return ", ".join(parts)


# -- steps -------------------------------------------------------------------------------------------------------------


def _show_steps(shown: Shown, store: str | None) -> None:
    account, record = shown.account, shown.record
    if not account.steps:
        return
    title = None
    if account.total > len(account.steps):
        title = (
            f"The last {len(account.steps)} of {account.total:,} steps "
            f"(all: statemachine history {record.id}{store_hint(store)}):"
        )
    header = ("ENTERED", "STATE", "TYPE", "TOOK", "ATTEMPTS", "OUTCOME")
    _print_table(title, header, [_step(each, record) for each in account.steps], ("STATE", "OUTCOME"))


def _step(visit: Visit, record: ExecutionRecord) -> tuple[str, ...]:
    depth = 0
    above = visit.parent
    while above is not None:
        above, depth = above.parent, depth + 1
    return (
        clock_time(visit.since_ms),
        "  " * min(depth, 8) + clip(visit.name, 40),
        visit.kind,
        "-" if visit.until_ms is None else duration(visit.until_ms - visit.since_ms),
        str(visit.attempts) if visit.attempts > 1 or (visit.kind == "Task" and visit.attempts) else "",
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
        text, colour = (f"failed with {visit.error}", "yellow") if visit.error else ("under way", "blue")
    return click.style(clip(text, 40), fg=colour)


# -- where it is -------------------------------------------------------------------------------------------------------


def _show_states(position: Position, now_ms: int) -> None:
    rows: list[tuple[str, ...]] = []
    for state in position.states[:_ROWS]:
        name = "  " * min(state.depth, 8) + (f"[{state.place}] " if state.place else "") + state.name
        first, *more = _doing(state, now_ms)
        rows.append((name, first))
        rows += [("", line) for line in more]
    left = len(position.states) - _ROWS
    if left > 0:
        rows.append((f"… and {left:,} more", "(all: --json)"))
    _print_table(None, ("IN FLIGHT", "DOING"), rows, ("IN FLIGHT", "DOING"))


def _doing(state: ActiveState, now_ms: int) -> list[str]:
    """What a state does, in lines."""
    match state.doing:
        case InFlight() as task:
            return list(_task(task, state, now_ms))
        case Retrying() as retry:
            most = "" if retry.most is None else f" of {retry.most}"
            lines = [f"attempt {retry.attempt}{most} {_when(retry.at_ms, now_ms)}"]
            if retry.failure is not None:
                lines.append(f"after {brief_failure(retry.failure)}")
            return lines
        case Waiting(until_ms=until_ms):
            return [f"waits until {_when(until_ms, now_ms)}".replace("until in", "for another", 1)]
        case Transferring() as transfer:
            return [f"{'reads its items' if transfer.reads else 'writes its results'}: {transfer.resource}"]
        case Inside() as inside:
            return [_progress(inside)]
        case Undoing() as undoing:
            return [f"has {undoing.left:,} compensations run, because of {undoing.failure.error}"]
        case Ready():
            return ["goes on" if state.since_ms is not None else "is about to be entered"]


def _task(task: InFlight, state: ActiveState, now_ms: int) -> Iterator[str]:
    since_ms = state.since_ms if task.since_ms is None else task.since_ms
    line = f"waits for {task.awaited.value}"
    if since_ms is not None:
        line += f" for {duration(max(now_ms - since_ms, 0))}"
    yield line + (f", attempt {task.attempt}" if task.attempt > 1 else "")
    bounds = []
    if task.deadline_ms is not None:
        bounds.append(f"times out {_when(task.deadline_ms, now_ms)}")
    if task.heartbeat_seconds is not None:
        bounds.append(f"heartbeat within {task.heartbeat_seconds} s")
    if bounds:
        yield ", ".join(bounds)
    yield task.resource


def _when(at_ms: int, now_ms: int) -> str:
    left = at_ms - now_ms
    if left < 0:
        return f"{date_time(at_ms)}, {duration(-left)} ago"
    return f"in {duration(left)} ({clock_time(at_ms)[:8] if left < 86_400_000 else date_time(at_ms)})"


def _progress(inside: Inside) -> str:
    what = "items" if inside.iterations else "branches"
    parts = [f"{inside.done:,} of {inside.total:,} {what} done", f"{inside.running:,} running"]
    if inside.failed:
        parts.append(f"{inside.failed:,} failed")
    if inside.pending:
        parts.append(f"{inside.pending:,} to come")
    return ", ".join(parts)


def _show_variables(position: Position) -> None:
    rows = []
    for each in position.variables[:_ROWS]:
        name = f"${each.name}" + (f" [{each.place}]" if each.place else "")
        rows.append((clip(name, 40), size_text(each.size), clip(_text(each.value), _MAX_PAYLOAD)))
    left = len(position.variables) - _ROWS
    if left > 0:
        rows.append((f"… and {left:,} more", "", "(all: --json)"))
    _print_table(None, ("VARIABLE", "SIZE", "VALUE"), rows, ("VALUE", "VARIABLE"))


def _text(value: Json) -> str:
    return encode_json(value).decode()


def _show_compensations(position: Position, succeeded: int) -> None:
    rows = [_compensation(each) for each in position.compensations[-_ROWS:]]
    held = len(position.compensations)
    title = f"Compensations that have succeeded: {succeeded:,}" if succeeded else None
    if held > _ROWS:
        title = "\n".join(filter(None, [title, f"The last {_ROWS} of {held:,} others:"]))
    if rows:
        _print_table(
            title, ("COMPLETED", "UNDONE BY", "COMPENSATION"), rows, ("COMPLETED", "UNDONE BY", "COMPENSATION")
        )
    else:
        click.echo(f"\n{title}")


def _compensation(each: CompensationState) -> tuple[str, ...]:
    status = each.status.value
    if each.status is CompensationStatus.FAILED:
        status += ": never ended" if each.failure is None else f": {brief_failure(each.failure)}"
    state = each.state if each.index is None else f"{each.state} [iteration {each.index}]"
    return state, each.compensate_with, click.style(clip(status, 80), fg=_COMPENSATION_COLOURS[each.status])


# -- what it started ---------------------------------------------------------------------------------------------------


def _show_children(shown: Shown, store: str | None) -> None:
    title = None
    if shown.more_children:
        again = f"statemachine list --parent {shown.record.id}{store_hint(store)}"
        title = f"The last {len(shown.children)} executions that it started (all: {again}):"
    rows = [
        (each.id, each.machine_name, status_text(each.status), each.failure.error or "" if each.failure else "")
        for each in shown.children
    ]
    _print_table(title, ("CHILD", "MACHINE", "STATUS", "ERROR"), rows, ("CHILD", "MACHINE", "ERROR"))


def _show_map_runs(runs: Sequence[MapRun], total: int) -> None:
    """What became of the items of the distributed Maps."""
    title = f"The last {len(runs)} of {total:,} map runs:" if total > len(runs) else None
    header = ("MAP RUN OF", "TOOK", "STATUS", "ITEMS", "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "ABORTED")
    _print_table(title, header, [_map_run(each) for each in runs], ("MAP RUN OF",))


def _map_run(run: MapRun) -> tuple[str, ...]:
    items = run.items
    counts = (items.total, items.pending, items.running, items.succeeded, items.failed, items.aborted)
    return (
        clip(run.state, 40),
        "-" if run.stopped_ms is None else duration(run.stopped_ms - run.started_ms),
        click.style(run.status.value, fg=_MAP_RUN_COLOURS[run.status]),
        *map(str, counts),
    )
