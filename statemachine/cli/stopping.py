"""Stopping executions, whoever drives them."""

from __future__ import annotations

import asyncio

from statemachine.cli.shared import SharedBindings
from statemachine.errors import StatemachineError
from statemachine.runtime.engine import Engine
from statemachine.runtime.results import ExecutionResult
from statemachine.store.base import ExecutionRecord

AT_ONCE = 16
"""Executions that are stopped at a time."""


class Stopping:
    """Stops executions. `errors` says why some could not be stopped, by id."""

    def __init__(
        self, engine: Engine, shared: SharedBindings, error: str | None, cause: str | None, *, compensate: bool
    ) -> None:
        self._engine = engine
        self._shared = shared
        self._error = error
        self._cause = cause
        self._compensate = compensate
        self.errors: dict[str, StatemachineError] = {}

    async def stop(self, records: list[ExecutionRecord]) -> list[ExecutionResult]:
        """How they ended, in order, without those that could not be stopped."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(record: ExecutionRecord) -> ExecutionResult | None:
            async with places:
                try:
                    return await self._stop(record)
                except StatemachineError as error:
                    self.errors[record.id] = error
                    return None

        async with self._engine:
            results = await asyncio.gather(*map(one, records))
        return [each for each in results if each is not None]

    async def _stop(self, record: ExecutionRecord) -> ExecutionResult:
        tasks = None
        try:
            tasks = self._shared.bind(record)  # which also tells the engine of the machines of its children
        except StatemachineError:
            if self._compensate:
                raise
        return await self._engine.stop(record.id, self._error, self._cause, compensate=self._compensate, tasks=tasks)
