"""Driving executions to their end from a command: progress, interruption, the result, the exit status."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import click

from statemachine.cli.output import duration, print_json, status_text
from statemachine.cli.progress import Progress, describe_failure
from statemachine.errors import Failure
from statemachine.jsonvalue import Json
from statemachine.runtime.engine import Engine
from statemachine.runtime.results import ExecutionResult
from statemachine.timestamps import to_iso

INTERRUPTED = 130


def drive(
    engine: Engine, begin: Callable[[Engine], Awaitable[list[str]]], progress: Progress
) -> tuple[list[ExecutionResult], list[str]]:
    """Begin executions and drive them until all have ended, or until SIGINT or SIGTERM; the results of those that
    ended, and the ids of those that did not."""
    return asyncio.run(_drive(engine, begin, progress))


async def _drive(
    engine: Engine, begin: Callable[[Engine], Awaitable[list[str]]], progress: Progress
) -> tuple[list[ExecutionResult], list[str]]:
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, lambda: stop.done() or stop.set_result(None))
        except NotImplementedError:  # Windows: KeyboardInterrupt ends asyncio.run
            break
    engine.add_listener(progress.listen)
    results: list[ExecutionResult] = []
    async with engine:
        ids = await begin(engine)
        waits = [asyncio.ensure_future(engine.wait(each)) for each in ids]
        everything = asyncio.gather(*waits)
        done, _ = await asyncio.wait([everything, stop], return_when=asyncio.FIRST_COMPLETED)
        if everything in done:
            results = everything.result()
        else:
            everything.cancel()
            await asyncio.gather(everything, return_exceptions=True)
            results = [each.result() for each in waits if each.done() and not each.cancelled() and not each.exception()]
    ended = {each.id for each in results}
    return results, [each for each in ids if each not in ended]


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
    for key, value in (("error", result.error), ("cause", result.cause)):
        if value is not None:
            shown[key] = value
    return shown


def report(result: ExecutionResult, *, as_json: bool, quiet: bool) -> int:
    """Print a result; the exit status."""
    if as_json:
        print_json(result_json(result))
    else:
        if not quiet:
            took = duration(result.stopped_ms - result.started_ms)
            click.echo(f"{status_text(result.status)} {result.id} in {took}", err=True)
        if result.succeeded:
            print_json(result.output)
        else:
            click.echo(describe_failure(Failure(result.error, result.cause)), err=True)
            if not quiet:
                click.echo(f"See what happened: statemachine show {result.id}", err=True)
    return 0 if result.succeeded else 1


def report_interrupted(ids: list[str], store: str | None) -> int:
    """Say how to go on; the exit status."""
    option = f" --store {store}" if store else ""
    for each in ids:
        click.echo(f"Interrupted. Go on with: statemachine resume {each}{option}", err=True)
    return INTERRUPTED
