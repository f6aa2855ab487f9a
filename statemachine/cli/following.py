"""Following a history while somebody else writes it: the store is read again and again, and no writer is held up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import Store

POLL_SECONDS = 0.25


def follow(store: Store, execution_id: str, pause: Callable[[], None]) -> Iterator[HistoryEvent]:
    """The events of an execution, those to come as well, until it has ended. `pause` is called when there are no more.

    Raises ExecutionNotFoundError, also if it is removed meanwhile.
    """
    last = 0
    while True:
        # Its status is read first: what is stored after that is seen in the next round.
        ended = store.get(execution_id).status is not ExecutionStatus.RUNNING
        for event in store.history(execution_id, after=last):
            last = event.id
            yield event
        if ended:
            return
        pause()
