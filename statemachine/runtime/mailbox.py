"""The owner's side of messages: what other processes want of the executions that are driven here.

Rules
- The store is asked every `POLL_SECONDS`, more and more rarely (up to `IDLE_POLL_SECONDS`) while nothing comes. A store
  in memory has no other processes, and is not asked.
- An event is applied by the worker, and settled in the transaction that stores what came of it; what is refused, and a
  sign of life, is settled with the turn.
- An execution that is taken over has its messages first: before any timer that was due later than they were sent.
- A message is looked at once, also if it is read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from statemachine.errors import StoreError, TaskTimedOutError
from statemachine.kernel.events import TimerFired
from statemachine.runtime.driven import Delivery, Driven
from statemachine.runtime.messages import Heartbeat, UnreadableMessageError, decode_body, encode_refusal
from statemachine.runtime.threads import Threads
from statemachine.runtime.worker import Worker
from statemachine.store.base import Message, Settled, Store

POLL_SECONDS = 0.05
IDLE_POLL_SECONDS = 0.2
MESSAGES_AT_ONCE = 1_000
REMEMBERED = 20_000
"""So many messages are known to have been looked at."""

STOP_SECONDS = 1.0
"""How long `stop` waits for a store that does not answer."""

logger = logging.getLogger("statemachine.runtime")


class Mailbox:
    """Reads and applies messages. All methods belong to the worker's loop."""

    def __init__(self, worker: Worker, store: Store) -> None:
        self._worker = worker
        self._store = store
        self._thread = Threads("statemachine-mailbox", 1)
        self._after = 0
        self._seen: dict[int, None] = {}
        self._polling: asyncio.Task[None] | None = None
        self._asked: asyncio.Future[Sequence[Message]] | None = None

    def start(self) -> None:
        """Begin to ask."""
        if self._polling is None:
            self._polling = asyncio.get_running_loop().create_task(self._poll(), name="statemachine-mailbox")

    async def stop(self) -> None:
        """Ask no more. A question that is being asked is waited for, though not for long: a store that is closed while
        it is still read keeps its write-ahead log."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
        if self._asked is not None:
            await asyncio.wait([self._asked], timeout=STOP_SECONDS)
            if self._asked.done() and not self._asked.cancelled():
                self._asked.exception()  # nobody else looks at it any more
        self._thread.close()

    def take_over(self, driven: Driven) -> None:
        """Apply what was sent to an execution while nobody drove it."""
        for message in self._store.messages(execution_id=driven.id):
            if message.id not in self._seen:
                self._worker.post(driven.id, TimerFired(message.sent_ms))  # what was due by then comes first
                self._apply(message)

    async def _poll(self) -> None:
        seconds = POLL_SECONDS
        while True:
            await asyncio.sleep(seconds)
            self._asked = self._thread.call(self._store.messages, self._after, MESSAGES_AT_ONCE)
            try:
                found = await asyncio.shield(self._asked)
            except StoreError:
                logger.exception("messages could not be read; they are asked for again")
                seconds = IDLE_POLL_SECONDS
                continue
            for message in found:
                self._after = message.id
                if message.id not in self._seen:
                    self._apply(message)
            seconds = POLL_SECONDS if found else min(seconds * 1.25, IDLE_POLL_SECONDS)

    def _apply(self, message: Message) -> None:
        self._seen[message.id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        try:
            body = decode_body(message.body)
        except UnreadableMessageError as error:
            self._worker.settle(Settled(message.id, encode_refusal(error)))
            return
        if not isinstance(body, Heartbeat):
            self._worker.post(message.execution_id, Delivery(body, message=message.id))
            return
        driven = self._worker.driven.get(message.execution_id)
        if driven is not None and body.operation in self._worker.load(driven).operations:
            self._worker.beat(driven, body.operation)
            self._worker.settle(Settled(message.id))
        else:
            over = TaskTimedOutError("the task of this token is over")
            self._worker.settle(Settled(message.id, encode_refusal(over)))
