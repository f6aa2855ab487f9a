"""Taking over what other processes left: executions whose process has died, or that nobody drives.

Rules
- At most `AT_ONCE` executions are claimed in a round, so that several workers share what a dead one leaves.
- One that cannot be driven here (its tasks are not bound, its definition cannot be used, its replay differs) is
  reported once and not tried again for `AGAIN_SECONDS`.
- One that another process claims first is that process's.
- The tasks of one are bound as its `Bind` says; without one, as the engine's are.
- `serve` works until it is told to stop, then drains: no new work, handlers get some time, ownership is given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from statemachine.errors import ExecutionNotFoundError, ExecutionOwnedError, StatemachineError
from statemachine.runtime.bindings import Tasks
from statemachine.runtime.engine import Engine
from statemachine.runtime.threads import Threads

POLL_SECONDS = 1.0
AT_ONCE = 100
AGAIN_SECONDS = 300.0
REMEMBERED = 100_000
DRAIN_SECONDS = 30.0

logger = logging.getLogger("statemachine.runtime")

Bind = Callable[[str], Tasks | None]
"""What performs the tasks of an execution, by id. Raises StatemachineError if it cannot be driven here."""
Report = Callable[[str, StatemachineError], None]
"""Told of an execution that cannot be driven here, by id, and why."""


class Takeover:
    """Looks for executions that nobody drives, and drives them. Belongs to the engine's loop."""

    def __init__(self, engine: Engine, report: Report | None = None, bind: Bind | None = None) -> None:
        self._engine = engine
        self._bind = bind or (lambda _: None)
        self._report = report or _log
        self._thread = Threads("statemachine-takeover", 1)
        self._unfit: dict[str, float] = {}
        """Executions that cannot be driven here, and until when they are left alone."""

    async def look(self) -> list[str]:
        """Take over some; their ids. Raises StatemachineError if the engine cannot drive any more."""
        self._engine.require_running()
        now = asyncio.get_running_loop().time()
        taken: list[str] = []
        limit = AT_ONCE + len(self._unfit)
        for execution_id in await self._thread.call(self._engine.store.abandoned, limit):
            if len(taken) >= AT_ONCE:
                break
            if self._unfit.get(execution_id, now) > now:
                continue
            try:
                await self._engine.resume(execution_id, tasks=self._bind(execution_id))
            except (ExecutionOwnedError, ExecutionNotFoundError):
                continue
            except StatemachineError as error:
                self._engine.require_running()
                self._leave_alone(execution_id, error, now)
            else:
                taken.append(execution_id)
        return taken

    def _leave_alone(self, execution_id: str, error: StatemachineError, now: float) -> None:
        if execution_id not in self._unfit:
            self._report(execution_id, error)
        self._unfit.pop(execution_id, None)
        self._unfit[execution_id] = now + AGAIN_SECONDS
        if len(self._unfit) > REMEMBERED:
            del self._unfit[next(iter(self._unfit))]


async def serve(
    engine: Engine,
    stop: asyncio.Event,
    *,
    report: Report | None = None,
    bind: Bind | None = None,
    poll_seconds: float = POLL_SECONDS,
    drain_seconds: float = DRAIN_SECONDS,
) -> bool:
    """Drive all that nobody else drives, until `stop` is set; then drain and close the engine, which must be running.

    `report` is told of what cannot be driven here. Whether all handlers had ended in time. Raises StoreError if the
    store cannot be used any more.
    """
    takeover = Takeover(engine, report, bind)
    while not stop.is_set():
        taken = await takeover.look()
        if len(taken) < AT_ONCE:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), poll_seconds)
    return await engine.drain(drain_seconds)


def _log(execution_id: str, error: StatemachineError) -> None:
    logger.warning("execution %s is left alone: %s", execution_id, error, extra={"execution_id": execution_id})
