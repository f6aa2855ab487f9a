"""Offers: tasks of activities that wait for workers of other processes.

Rules
- What waits here is offered in the store too, and withdrawn when somebody has taken it or when it is over. An offer
  ends with its execution by itself.
- Offers are written together, `GATHER_SECONDS` after the first, in a thread; nothing waits for them.
- Who takes one sends a message (messages.py): the first whose start is stored has the task.
"""

from __future__ import annotations

import asyncio
import logging

from statemachine.errors import ExecutionNotFoundError, StoreError
from statemachine.runtime.threads import Threads
from statemachine.store.base import Offer, Store

GATHER_SECONDS = 0.02

logger = logging.getLogger("statemachine.runtime")


class Offers:
    """Writes offers. All methods belong to the worker's loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = Threads("statemachine-offers", 1)
        self._wanted: dict[tuple[str, int], Offer] = {}
        self._unwanted: dict[tuple[str, int], None] = {}
        self._offered: dict[tuple[str, int], None] = {}
        self._writing: asyncio.Task[None] | None = None

    def add(self, offer: Offer) -> None:
        """Offer a task."""
        key = (offer.execution_id, offer.operation)
        self._unwanted.pop(key, None)
        self._wanted[key] = offer
        self._write_soon()

    def withdraw(self, key: tuple[str, int]) -> None:
        """Take an offer back, if there is one."""
        self._wanted.pop(key, None)
        if key in self._offered:
            del self._offered[key]
            self._unwanted[key] = None
            self._write_soon()

    async def stop(self) -> None:
        """Write what is left, and no more."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        self._thread.close()

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="statemachine-offers")

    async def _write(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        while self._wanted or self._unwanted:
            offers, keys = list(self._wanted.values()), list(self._unwanted)
            self._offered.update(self._wanted.fromkeys(self._wanted))
            self._wanted.clear()
            self._unwanted.clear()
            try:
                await self._thread.call(self._store_all, offers, keys)
            except StoreError:
                logger.exception("tasks of activities could not be offered to other processes")
        self._writing = None

    def _store_all(self, offers: list[Offer], keys: list[tuple[str, int]]) -> None:
        try:
            if offers:
                self._store.offer(offers)
        except ExecutionNotFoundError:
            for each in offers:  # one has been removed: the others are there
                try:
                    self._store.offer([each])
                except ExecutionNotFoundError:
                    continue
        for execution_id, operation in keys:
            self._store.withdraw(execution_id, [operation])
