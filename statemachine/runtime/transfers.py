"""Reading items and writing results of distributed Maps: from a command to an event.

Rules
- A transfer runs in a thread. One that is cancelled is left behind: what it read is dropped, and what it writes is what
  it would have been asked to write again.
- At most `THREADS` run at a time; the others wait in order.
- Whatever goes wrong is a failure of the map run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

from statemachine.errors import ITEM_READER_FAILED, RESULT_WRITER_FAILED, Failure, StatemachineError, TaskError
from statemachine.integrations.objects import ENVIRONMENT, ObjectStore
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ReadItems, WriteResults
from statemachine.kernel.events import Event, ItemsRead, ItemsReadFailed, ResultsWriteFailed, ResultsWritten
from statemachine.program.nodes import MapNode, Program
from statemachine.runtime.clock import Clock
from statemachine.runtime.threads import Threads

THREADS = 32
NO_DATA = f"no place for data is given: name a folder, or 's3', by the option data or by {ENVIRONMENT}"

Key: TypeAlias = tuple[str, int]
"""An execution's id and an operation."""

logger = logging.getLogger("statemachine.transfers")


class Transfers:
    """Performs transfers and posts their outcomes: `post(execution id, event)` is called on the loop."""

    def __init__(self, clock: Clock, post: Callable[[str, Event], None], objects: ObjectStore | None) -> None:
        self._clock = clock
        self._post = post
        self.objects = objects
        self._works: dict[Key, asyncio.Task[None]] = {}
        self._threads = Threads("statemachine-transfer", THREADS)

    def __len__(self) -> int:
        return len(self._works)

    def perform(self, execution_id: str, command: ReadItems | WriteResults) -> None:
        """Begin a transfer."""
        key = (execution_id, command.operation)
        self.cancel(key)  # one delivery at a time
        self._works[key] = asyncio.get_running_loop().create_task(self._run(key, command), name=f"transfer {key}")

    def cancel(self, key: Key) -> None:
        """The outcome is not wanted any more; nothing happens if the transfer is over."""
        work = self._works.pop(key, None)
        if work is not None:
            work.cancel()

    async def stop(self) -> None:
        """Cancel everything."""
        works = list(self._works.values())
        for key in list(self._works):
            self.cancel(key)
        await asyncio.gather(*works, return_exceptions=True)
        self._threads.close()

    async def _run(self, key: Key, command: ReadItems | WriteResults) -> None:
        event = await self._outcome(command)
        del self._works[key]
        self._post(key[0], event)

    async def _outcome(self, command: ReadItems | WriteResults) -> Event:
        try:
            document = await self._threads.call(self._transfer, command)
        except TaskError as error:
            failure = Failure(error.error, error.cause)
        except Exception as error:
            logger.exception("a transfer of the state %s failed", command.state)
            name = ITEM_READER_FAILED if isinstance(command, ReadItems) else RESULT_WRITER_FAILED
            failure = Failure(name, f"{type(error).__name__}: {error}"[:1_000])
        else:
            return _done(self._clock.now_ms(), command, document)
        if isinstance(command, ReadItems):
            return ItemsReadFailed(self._clock.now_ms(), command.operation, failure)
        return ResultsWriteFailed(self._clock.now_ms(), command.operation, failure)

    def _transfer(self, command: ReadItems | WriteResults) -> Document:
        reads = isinstance(command, ReadItems)
        if self.objects is None:
            raise TaskError(ITEM_READER_FAILED if reads else RESULT_WRITER_FAILED, NO_DATA)
        if isinstance(command, ReadItems):
            from statemachine.integrations.items import read_items  # loaded only if it is used

            document = Document(read_items(self.objects, command))
        else:
            from statemachine.integrations.result_files import write_results

            document = Document(write_results(self.objects, command))
        document.encoded  # noqa: B018 - written here, in the thread, and found here if it cannot be
        return document


def _done(now_ms: int, command: ReadItems | WriteResults, document: Document) -> Event:
    if isinstance(command, ReadItems):
        return ItemsRead(now_ms, command.operation, document)
    return ResultsWritten(now_ms, command.operation, document)


def require_data(program: Program, objects: ObjectStore | None) -> None:
    """Raise StatemachineError if a program reads or writes data and there is no place for it."""
    if objects is not None:
        return
    for node in program.nodes.values():
        if isinstance(node, MapNode) and (node.reader or (node.writer and node.writer.resource)):
            field = "ItemReader" if node.reader else "ResultWriter"
            raise StatemachineError(f"the {field} of the state {node.name!r}: {NO_DATA}")
