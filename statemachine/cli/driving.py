"""Driving executions to their end from a command: progress, interruption, the result, the exit status.

Rules
- SIGINT or SIGTERM: the commit that is going on is ended, handlers are cancelled, and the command says how to resume.
  The second one ends the process at once: whatever is stored can be resumed all the same.
- An execution that cannot go on harms no other: all are driven to their end before anything is reported.
- The command ends when the executions have. A handler that goes on after its cancellation is left behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from statemachine.cli.failures import brief_failure, stack_of
from statemachine.cli.options import store_hint
from statemachine.cli.output import duration, print_json, status_text
from statemachine.cli.progress import Progress
from statemachine.errors import Failure, KernelError, StatemachineError
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.runtime.results import ExecutionResult
from statemachine.store.locate import MEMORY
from statemachine.timestamps import to_iso

T = TypeVar("T")

USAGE = 2
INTERNAL = 3
INTERRUPTED = 130

_LISTED = 10


@dataclass(slots=True)
class Outcome:
    """What came of the executions that a command drove."""

    results: list[ExecutionResult] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    """Ids of those that had not ended when the command was interrupted."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """Why others could not be begun or could not go on, by id."""


def drive(engine: Engine, begin: Callable[[Engine], Awaitable[list[str]]], progress: Progress) -> Outcome:
    """Begin executions and drive them until all have ended, or until SIGINT or SIGTERM. What `begin` raises is
    raised."""
    return run_loop(_drive(engine, begin, progress))


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own. Unlike `asyncio.run` it waits for nothing that goes on after that."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        if asyncio.all_tasks(loop):
            # Handlers that do not end although they were cancelled. `asyncio.run` would wait for them.
            loop.set_exception_handler(lambda *_: None)
        else:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


async def _drive(engine: Engine, begin: Callable[[Engine], Awaitable[list[str]]], progress: Progress) -> Outcome:
    interrupted = interruption(progress.close)
    engine.add_listener(progress.listen)
    waits: dict[str, asyncio.Task[ExecutionResult]] = {}
    async with engine:
        for each in await begin(engine):
            waits[each] = asyncio.ensure_future(engine.wait(each))
        everything = asyncio.gather(*waits.values(), return_exceptions=True)
        everything.add_done_callback(lambda _: interrupted.done() or interrupted.cancel())
        await asyncio.wait([interrupted])
        cut_short = not everything.done()
    outcome = Outcome()
    for each, result in zip(waits, await everything, strict=True):
        if isinstance(result, ExecutionResult):
            outcome.results.append(result)
        elif cut_short and isinstance(result, Exception) and not is_ours(result):
            outcome.unfinished.append(each)
        elif isinstance(result, Exception):
            outcome.errors[each] = result
        else:
            raise result
    return outcome


def interruption(before_end: Callable[[], None]) -> asyncio.Future[None]:
    """A future that SIGINT or SIGTERM sets; the second signal ends the process, after `before_end`."""
    loop = asyncio.get_running_loop()
    interrupted: asyncio.Future[None] = loop.create_future()

    def received() -> None:
        if not interrupted.done():
            interrupted.set_result(None)
            return
        before_end()
        sys.stdout.flush()
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, received)
        except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            break
    return interrupted


def result_json(result: ExecutionResult) -> dict[str, Json]:
    """A result for machines; absent fields are left out, as in AWS's DescribeExecution."""
    shown: dict[str, Json] = {
        "id": result.id,
        "status": result.status.value,
        "startDate": to_iso(result.started_ms),
        "stopDate": to_iso(result.stopped_ms),
    }
    if result.succeeded:
        shown["output"] = result.output
    told = {"error": result.error, "cause": result.cause}
    return shown | {key: value for key, value in told.items() if value is not None}


def outcome_json(outcome: Outcome) -> list[Json]:
    """The outcome for machines, an object for each execution. One that has not ended is still RUNNING; `message` says
    what keeps it from going on."""
    running = ExecutionStatus.RUNNING.value
    return [
        *map(result_json, outcome.results),
        *({"id": each, "status": running} for each in outcome.unfinished),
        *({"id": name, "status": running, "message": message(error)} for name, error in outcome.errors.items()),
    ]


def report(result: ExecutionResult, store: str | None, *, quiet: bool, logged: bool = False) -> None:
    """Print how an execution ended: its output on standard output, all else on standard error, unless it was logged."""
    if logged:
        if result.succeeded:
            print_json(result.output)
        return
    if not quiet:
        took = duration(result.stopped_ms - result.started_ms)
        click.echo(f"{status_text(result.status)} {result.id} in {took}", err=True)
    if result.succeeded:
        print_json(result.output)
        return
    failure = Failure(result.error, result.cause)
    if result.status is not ExecutionStatus.ABORTED or result.error or result.cause:
        click.echo(brief_failure(failure), err=True)
    for line in stack_of(failure):
        click.echo(line, err=True)
    if result.limit_hint is not None:
        click.echo(result.limit_hint, err=True)
    if not quiet and store != MEMORY:
        click.echo(f"See what happened: statemachine show {result.id}{store_hint(store)}", err=True)


def report_one(outcome: Outcome, store: str | None, *, as_json: bool, quiet: bool, logged: bool) -> int:
    """Print what came of the one execution that a command drove; the exit status."""
    if as_json:
        print_json(outcome_json(outcome)[0])
    else:
        for result in outcome.results:
            report(result, store, quiet=quiet, logged=logged)
    return report_rest(outcome, store)


def report_rest(outcome: Outcome, store: str | None) -> int:
    """Print what kept executions from ending, and how to go on; the exit status of it all."""
    for name, error in outcome.errors.items():
        if not isinstance(error, StatemachineError):
            traceback.print_exception(error)
        click.echo(f"Error: execution {name}: {message(error)}", err=True)
        if not is_ours(error) and store != MEMORY:
            click.echo(f"Then go on with: statemachine resume {name}{store_hint(store)}", err=True)
    for each in outcome.unfinished[:_LISTED]:
        if store == MEMORY:
            click.echo(f"Interrupted. {each} was in memory only: nothing is left of it.", err=True)
        else:
            click.echo(f"Interrupted. Go on with: statemachine resume {each}{store_hint(store)}", err=True)
    if len(outcome.unfinished) > _LISTED:
        more = len(outcome.unfinished) - _LISTED
        click.echo(f"And {more} more. Go on with all: statemachine resume{store_hint(store)}", err=True)
    if outcome.unfinished:
        return INTERRUPTED
    if outcome.errors:
        return INTERNAL if any(map(is_ours, outcome.errors.values())) else USAGE
    return 0 if all(each.succeeded for each in outcome.results) else 1


def is_ours(error: Exception) -> bool:
    """Whether an error is a mistake of this package."""
    return isinstance(error, KernelError) or not isinstance(error, StatemachineError)


def message(error: Exception) -> str:
    """An error in words."""
    if is_ours(error):
        return f"internal error, {type(error).__name__}: {error}. It is kept as it was. Please report this"
    return str(error)
