"""What a worker does until it is told to stop: drive executions, remove old ones, write metrics.

Rules
- The first signal drains: nothing new is begun, tasks that run have some time, what came of them is stored, and all is
  given up to other processes. The second one ends the process at once, which loses nothing that was stored.
- What keeps the store from being used ends the worker; whatever concerns one execution only is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statemachine.cli.driving import interruption
from statemachine.cli.shared import SharedBindings
from statemachine.errors import StatemachineError, StoreError
from statemachine.integrations.registry import TaskRegistry
from statemachine.runtime.clock import SystemClock
from statemachine.runtime.engine import Engine
from statemachine.runtime.metrics import Metrics
from statemachine.runtime.takeover import Takeover, serve
from statemachine.runtime.threads import Threads
from statemachine.store.base import Store

METRICS_SECONDS = 10.0
"""How often metrics are written."""
PRUNE_SECONDS = 3_600.0
"""How often old executions are removed."""
STDOUT = "-"
NOT_ALL_DONE = 1

logger = logging.getLogger("statemachine.worker")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say about the worker itself."""

    retain_ms: int | None
    drain_seconds: float
    metrics: str | None
    once: bool


async def work(engine: Engine, shared: SharedBindings, metrics: Metrics | None, wanted: Wanted) -> int:
    """Drive what nobody else drives; the exit status. Raises StoreError, and OSError for metrics."""
    left_alone: list[str] = []

    def report(execution_id: str, error: StatemachineError) -> None:
        left_alone.append(execution_id)
        logger.warning("execution %s is left alone: %s", execution_id, error, extra={"execution_id": execution_id})

    def bind(execution_id: str) -> TaskRegistry:
        return shared.bind(engine.store.get(execution_id))

    def stop_soon(_: object) -> None:
        logger.info("stopping: tasks that run have %g seconds", wanted.drain_seconds)
        stop.set()

    stop = asyncio.Event()
    stopped = interruption(lambda: None)
    stopped.add_done_callback(stop_soon)
    all_driven = True
    async with engine, _beside(engine.store, metrics, wanted):
        if wanted.once:
            all_driven = await _drive_once(engine, Takeover(engine, report, bind), stopped) and not left_alone
            in_time = await engine.drain(wanted.drain_seconds)
        else:
            in_time = await serve(engine, stop, report=report, bind=bind, drain_seconds=wanted.drain_seconds)
    if not in_time:
        logger.warning("tasks were cut short; they are called again when their executions go on")
    logger.info("stopped")
    return 0 if in_time and all_driven else NOT_ALL_DONE


async def _drive_once(engine: Engine, takeover: Takeover, stopped: asyncio.Future[None]) -> bool:
    """Drive what nobody drives until all of it has ended, or until it is `stopped`; whether all could go on."""
    sound = True
    while not stopped.done() and (taken := await takeover.look()):
        ended = asyncio.gather(*(engine.wait(each) for each in taken), return_exceptions=True)
        either: list[asyncio.Future[Any]] = [ended, stopped]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            sound = sound and not any(isinstance(each, BaseException) for each in ended.result())
    return sound


@asynccontextmanager
async def _beside(store: Store, metrics: Metrics | None, wanted: Wanted) -> AsyncIterator[None]:
    """What goes on beside the executions: old ones are removed, metrics are written."""
    threads = Threads("statemachine-upkeep", 1)
    works: list[asyncio.Task[None]] = []
    file = None if wanted.metrics in (None, STDOUT) else Path(str(wanted.metrics))
    if file is not None and metrics is not None:
        _write_whole(file, metrics.render())  # a place that cannot be written to is told at once
        works.append(asyncio.create_task(_write_often(file, metrics, threads)))
    if wanted.retain_ms is not None:
        works.append(asyncio.create_task(_prune_often(store, wanted.retain_ms, threads)))
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        threads.close()
        if file is not None and metrics is not None:
            _write_whole(file, metrics.render())


async def _write_often(file: Path, metrics: Metrics, threads: Threads) -> None:
    while True:
        await asyncio.sleep(METRICS_SECONDS)
        try:
            await threads.call(_write_whole, file, metrics.render())
        except OSError as error:
            logger.warning("metrics could not be written: %s", error)


def _write_whole(file: Path, text: str) -> None:
    """Put a text in place of a file's, so that nobody reads half of it."""
    beside = file.with_name(file.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


async def _prune_often(store: Store, retain_ms: int, threads: Threads) -> None:

    while True:
        try:
            removed = await threads.call(store.prune, SystemClock().now_ms() - retain_ms)
        except StoreError as error:
            logger.warning("old executions could not be removed: %s", error)
        else:
            if removed:
                logger.info("removed %d old executions", removed, extra={"removed": removed})
        await asyncio.sleep(PRUNE_SECONDS)
