"""``statemachine worker``: drive what nobody else drives, for as long as it is wanted (docs/operating.md)."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

from statemachine.cli.logs import log_history, log_options, logging_to_stderr
from statemachine.cli.options import (
    binding_options,
    concurrency_option,
    store_option,
)
from statemachine.cli.times import read_duration
from statemachine.store import open_store
from statemachine.store.locate import MEMORY, locate_store

logger = logging.getLogger("statemachine.worker")


@click.command("worker")
@binding_options
@store_option
@concurrency_option
@click.option(
    "--retain",
    "retain_ms",
    metavar="DURATION",
    callback=read_duration,
    help="Remove executions so long after their end: 12h, 30d, 4w. [default: keep all]",
)
@click.option(
    "--drain-timeout",
    "drain_seconds",
    metavar="SECONDS",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="How long tasks that run may take after SIGTERM.",
)
@click.option(
    "--metrics",
    metavar="FILE|-",
    help="Write metrics as Prometheus' text: to a file, every 10 seconds, or to standard output, at the end.",
)
@log_options
@click.option("--once", is_flag=True, help="Drive what nobody drives to its end, then stop.")
def command(
    tasks_file: Path | None,
    machines: Path | None,
    data: str | None,
    aws: bool,
    store: str | None,
    concurrency: int,
    retain_ms: int | None,
    drain_seconds: float,
    metrics: str | None,
    log_level: str,
    log_format: str,
    once: bool,
) -> int:
    """Drive executions that nobody drives: those that `run --no-wait` has stored, and those whose process has died.

    Several workers may share a store. Tasks are bound as each execution was started, unless the options say otherwise.
    SIGTERM or SIGINT: it lets tasks end and stops; the exit status is 1 if some had to be cut short.

    \b
    Examples:
      statemachine worker --store /var/lib/orders/store.db --retain 30d --log-format json
      statemachine worker --once
    """
    from statemachine.cli.binding import Given
    from statemachine.cli.driving import run_loop
    from statemachine.cli.shared import SharedBindings
    from statemachine.cli.working import STDOUT, Wanted, work
    from statemachine.runtime.engine import Engine
    from statemachine.runtime.metrics import Metrics

    if locate_store(store) == MEMORY:
        raise click.UsageError("a worker needs a store that other processes can open: name a file with --store")
    wanted = Wanted(retain_ms, drain_seconds, metrics, once)
    opened = open_store(store)
    measured = None if metrics is None else Metrics()
    try:
        with logging_to_stderr(log_level, log_format):
            engine = Engine(opened, concurrency=concurrency, metrics=measured)
            engine.add_listener(log_history)
            shared = SharedBindings(engine, Given(tasks_file, machines, data, aws), store, logger.info)
            logger.info("worker %d on store %s", os.getpid(), locate_store(store))
            return run_loop(work(engine, shared, measured, wanted))
    finally:
        opened.close()
        if measured is not None and metrics == STDOUT:
            click.echo(measured.render(), nl=False)
