"""Messages and offers of a MemoryStore, with the rules of mailbox.py. Its lock is the store's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from statemachine.store.base import Message, Offer, Settled
from statemachine.store.checks import message_gone


@dataclass(slots=True)
class MemoryMailbox:
    """What executions' senders and workers left."""

    next_id: int = 1
    waiting: dict[int, Message] = field(default_factory=dict)
    settled: dict[int, Settled] = field(default_factory=dict)
    offers: dict[tuple[str, int], Offer] = field(default_factory=dict)
    """Those that are not taken."""

    def send(self, execution_id: str, body: bytes, sent_ms: int) -> int:
        """See Store.send."""
        number = self.next_id
        self.next_id += 1
        self.waiting[number] = Message(number, execution_id, body, sent_ms)
        return number

    def messages(self, after: int, limit: int, wanted: Callable[[str], bool]) -> list[Message]:
        """See Store.messages."""
        found = (each for number, each in self.waiting.items() if number > after and wanted(each.execution_id))
        return [each for each, _ in zip(found, range(limit), strict=False)]

    def settle(self, settled: Sequence[Settled]) -> None:
        """See Store.settle."""
        for each in settled:
            if self.waiting.pop(each.message, None) is not None:
                self.settled[each.message] = each

    def collect(self, message: int) -> Settled | None:
        """See Store.collect."""
        if message in self.waiting:
            return None
        found = self.settled.pop(message, None)
        if found is None:
            raise message_gone(message)
        return found

    def take(self, activity: str) -> Offer | None:
        """See Store.take."""
        matching = [each for each in self.offers.values() if each.activity == activity]
        if not matching:
            return None
        first = min(matching, key=lambda each: each.offered_ms)
        return self.offers.pop((first.execution_id, first.operation))

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Remove what waits for executions that have ended."""
        self.waiting = {number: each for number, each in self.waiting.items() if not gone(each.execution_id)}
        self.offers = {key: each for key, each in self.offers.items() if not gone(key[0])}
