"""Who stays in memory: executions that run, and some of those at rest (parking.py).

Rules
- At most `max_running` executions are in memory and not at rest; others that are started or resumed wait in the store.
  One that another waits for never does.
- What is parked is taken back for the first event that comes; those of a turn together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from statemachine.errors import KernelError, StatemachineError
from statemachine.kernel.commands import CancelOperation, Command, StartTimer
from statemachine.kernel.execution import Execution
from statemachine.kernel.snapshot import decode_execution
from statemachine.runtime.driven import Driven
from statemachine.runtime.parking import REST_SECONDS, Resting, is_due_soon, load_parked
from statemachine.store.base import AtRest, Durability, Store


class Residency:
    """Loads and parks executions. All methods belong to the worker's loop.

    `is_at_rest` says whether one only waits; `give_turn` gets those that are to be parked by a commit of their own;
    `begin` makes the first moves of one that has waited for room.
    """

    def __init__(
        self,
        store: Store,
        max_running: int | None,
        *,
        is_at_rest: Callable[[Driven, Execution], bool],
        give_turn: Callable[[Driven], None],
        begin: Callable[[Driven], None],
    ) -> None:
        self._store = store
        self._max_running = max_running
        self._is_at_rest = is_at_rest
        self._give_turn = give_turn
        self._begin = begin
        self.in_memory = 0
        """How many are."""
        self._waiting: deque[Driven] = deque()
        """In the store until there is room."""
        self._resting = Resting(lambda: asyncio.get_running_loop().time())
        self._sweep: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Park nothing any more."""
        if self._sweep is not None:
            self._sweep.cancel()
        self._waiting.clear()

    # -- running -----------------------------------------------------------------------------------------------

    def has_room_for(self, driven: Driven) -> bool:
        """Whether an execution may run now."""
        running = self.in_memory - len(self._resting)
        return driven.nesting > 0 or self._max_running is None or running < self._max_running

    def came(self) -> None:
        """One more is in memory."""
        self.in_memory += 1

    def wait(self, driven: Driven) -> None:
        """Let an execution wait in the store until there is room. One that was in memory has left (`left`)."""
        driven.loaded, driven.waits = None, True
        self._waiting.append(driven)

    def next_with_room(self) -> Driven | None:
        """One that may run now, of those that wait for that and still do."""
        while self._waiting and self.has_room_for(self._waiting[0]):
            driven = self._waiting.popleft()
            if driven.waits:
                return driven
        return None

    def left(self, driven: Driven) -> None:
        """An execution is not driven any more, or waits in the store."""
        self._resting.discard(driven)
        driven.waits = False
        if driven.loaded is not None:
            self.in_memory -= 1

    # -- loading -----------------------------------------------------------------------------------------------

    def load(self, driven: Driven) -> Execution:
        """The execution, from the store if it is parked or waits there. Raises StoreError."""
        execution = driven.loaded
        if execution is None:
            execution = driven.loaded = load_parked(self._store, driven)
            self.in_memory += 1
            if driven.waits:
                driven.waits = False
                self._begin(driven)
            self.rest(driven)
        return execution

    def take_back(self, parked: Sequence[Driven], states: Mapping[str, AtRest]) -> None:
        """Take executions back whose last states were read together. Others are loaded one by one, when they are asked
        for, and so are those that cannot be read: each has its own error then."""
        for driven in parked:
            state = states.get(driven.id)
            if driven.is_parked and state is not None and state.sequence == driven.sequence:
                with suppress(StatemachineError, KernelError):
                    driven.loaded = decode_execution(state.snapshot)
                    self.in_memory += 1

    # -- resting -----------------------------------------------------------------------------------------------

    def stir(self, driven: Driven) -> None:
        """Something has come for an execution."""
        self._resting.discard(driven)
        driven.parks = False

    def rest(self, driven: Driven) -> None:
        """Note that an execution is at rest, if it is, and make room for it."""
        execution = driven.loaded
        if execution is None or driven.queued or not self._is_at_rest(driven, execution):
            return
        self._resting.add(driven)
        if self._resting.is_crowded:
            self._park_some()
        elif self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(REST_SECONDS, self._sweep_up)

    def _sweep_up(self) -> None:
        self._park_some()
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(REST_SECONDS, self._sweep_up) if len(self._resting) else None

    def _park_some(self) -> None:
        """Park those that are at rest for longest: at once if their snapshot is their last state."""
        for driven in self._resting.parkable():
            if driven.unsaved == 0 and driven.snapshot_every:
                self.park(driven)
            else:
                self._give_turn(driven)
                driven.parks = True

    def parks_at_once(self, driven: Driven, execution: Execution, commands: Sequence[Command]) -> bool:
        """Whether an execution that is at rest after a step is to be parked by that step's commit."""
        return (
            self._resting.is_full
            and driven.durability is not Durability.NONE
            and not is_due_soon(execution)
            and all(isinstance(each, StartTimer | CancelOperation) for each in commands)
        )

    def park(self, driven: Driven) -> None:
        """Let an execution leave memory whose last state is stored."""
        self.stir(driven)
        driven.loaded = driven.inbox = None
        self.in_memory -= 1
