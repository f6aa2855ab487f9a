"""Those that wait until they may start an execution: only so many are in memory before they are stored."""

from __future__ import annotations

import asyncio
from collections import deque

from statemachine.runtime.driven import Receipt, give


class Starters:
    """A queue in front of a worker. Belongs to its loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Receipt] = deque()

    async def wait(self, beginning: int) -> None:
        """Wait for a place while as many as may be (or more) are about to begin, or wait already."""
        if self._waiting or beginning >= self._most:
            place: Receipt = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place

    def let_in(self, beginning: int) -> None:
        """Let as many go on as there are places."""
        places = self._most - beginning
        while self._waiting and places > 0:
            place = self._waiting.popleft()
            places -= not place.done()
            give(place)

    def let_all_in(self) -> None:
        """Nothing is started any more, which they are told when they try."""
        while self._waiting:
            give(self._waiting.popleft())
