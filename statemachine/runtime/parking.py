"""Parking: executions that only wait leave memory, and come back when their time comes.

Rules
- An execution is at rest when all it waits for are timers, tokens and workers of activities: nothing that this process
  does needs it. `AT_REST` of them stay in memory, those that came to rest last; none for longer than `REST_SECONDS`.
- What is parked has a snapshot in the store that is its last state, stored with the commit that brought it to rest or
  by one of its own. It stays owned. Only its `Driven`, its timers and its place among the tasks are left.
- It is loaded for the first event that comes; a timer that is due soon (`SOON_MS`) is waited for in memory.
- Without durability nothing is stored before the end, so nothing is parked.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from statemachine.errors import StoreError
from statemachine.kernel.execution import Execution
from statemachine.runtime.driven import Driven
from statemachine.runtime.recovery import recover
from statemachine.store.base import Durability, Store

AT_REST = 128
REST_SECONDS = 30.0
SOON_MS = 100


class Resting:
    """The executions in memory that are at rest, in the order in which they came to it."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._since: dict[Driven, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def add(self, driven: Driven) -> None:
        """It has come to rest."""
        self._since[driven] = self._seconds()

    def discard(self, driven: Driven) -> None:
        """It is not at rest any more."""
        self._since.pop(driven, None)

    @property
    def is_full(self) -> bool:
        """Whether one more would be too many."""
        return len(self._since) >= AT_REST

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many."""
        return len(self._since) > AT_REST

    def parkable(self) -> list[Driven]:
        """Those that are to be parked now: too many, or too long at rest."""
        most = max(0, len(self._since) - AT_REST)
        until = self._seconds() - REST_SECONDS
        found = list(takewhile(lambda each: self._since[each] <= until, self._since))
        if len(found) < most:
            found = [each for each, _ in zip(self._since, range(most), strict=False)]
        return [each for each in found if each.durability is not Durability.NONE]


def is_due_soon(execution: Execution) -> bool:
    """Whether an execution will be needed again in a moment."""
    deadline_ms = execution.next_deadline_ms()
    return deadline_ms is not None and deadline_ms - execution.now_ms < SOON_MS


def load_parked(store: Store, driven: Driven) -> Execution:
    """The execution as it was stored last. Raises StoreError if somebody else has written to it, or a KernelError."""
    recovery = store.recover(driven.id)
    if recovery.record.sequence != driven.sequence:
        raise StoreError(
            f"execution {driven.id} was changed by somebody else while it was parked: the store holds "
            f"{recovery.record.sequence:,} events, not {driven.sequence:,}; resume it"
        )
    return recover(driven.program, recovery, lambda after: store.history(driven.id, after))
