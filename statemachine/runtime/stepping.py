"""Stepping: an execution is advanced by what has come for it, and what is to be stored of that joins the turn.

Rules
- At most `EVENTS_PER_TURN` events of an execution in a turn, or one Yield: no execution starves others.
- A kernel error stops that execution only: it leaves memory after the turn, stays in the store as it was, and those who
  wait for it get the error.
- What a step gives up of other executions (children) ends in the same turn as far as they are driven here.
- An answer that comes too late is refused before it reaches the kernel: its sender is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping

from statemachine.kernel.advance import advance
from statemachine.kernel.commands import CancelOperation, Command, Yield
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import encode_event
from statemachine.runtime.committing import Advanced, Turn, commit_of
from statemachine.runtime.driven import Delivery, Driven, is_late
from statemachine.runtime.performing import Performer
from statemachine.runtime.residency import Residency
from statemachine.store.base import Settled

EVENTS_PER_TURN = 64

logger = logging.getLogger("statemachine.runtime")


class Stepper:
    """Advances executions. `driven` are those that are, by id; `refuse` is told of answers that come too late."""

    def __init__(
        self,
        driven: Mapping[str, Driven],
        residency: Residency,
        performer: Performer,
        refuse: Callable[[Delivery], None],
    ) -> None:
        self._driven = driven
        self._residency = residency
        self._performer = performer
        self._refuse = refuse
        self._urgent: deque[Driven] = deque()

    def stop(self) -> None:
        """Advance nothing any more."""
        self._urgent.clear()

    def advance_too(self, driven: Driven) -> None:
        """Let the turn that is going on have this execution as well."""
        self._urgent.append(driven)

    def advance(self, turn: Turn, driven: Driven) -> None:
        """Advance an execution, and those that this ends."""
        self._advance_one(turn, driven)
        while self._urgent:
            urgent = self._urgent.popleft()
            if urgent.loaded is None or not urgent.loaded.ready:  # what has yielded is answered before all else
                self._advance_one(turn, urgent)

    def _advance_one(self, turn: Turn, driven: Driven) -> None:
        if self._driven.get(driven.id) is not driven or (driven.loaded is not None and driven.loaded.closed):
            return  # it ended in the last turn, and what came meanwhile is too late
        if driven.birth is not None:
            turn.begun[driven.id] = driven.birth.new
            waits = not self._residency.has_room_for(driven)
            self._residency.came()
            if waits:
                turn.advanced.append(Advanced(driven, waits=True))
                return
        elif not driven.inbox and not driven.parks:
            turn.advanced.append(Advanced(driven))  # what came was taken up before its turn: it may be at rest
            return
        try:
            execution = self._residency.load(driven)
            commands, events, history = self._apply(driven, execution)
            rests = not execution.closed and self._performer.is_at_rest(driven, execution)
            parks = driven.parks or (rests and self._residency.parks_at_once(driven, execution, commands))
            settled = tuple(Settled(each.message) for each in driven.accepted or () if each.message is not None)
            commit = commit_of(driven, events, history, settled, parks=parks) if events or parks else None
        except Exception as error:
            logger.exception("execution %s cannot go on", driven.id, extra={"execution_id": driven.id})
            turn.advanced.append(Advanced(driven, error=error))
            return
        if commit is not None:
            turn.commits.append(commit)
        turn.advanced.append(Advanced(driven, commands, tuple(history), parks))
        turn.made += len(events) + len(history)

    def _apply(self, driven: Driven, execution: Execution) -> tuple[list[Command], list[bytes], list[HistoryEvent]]:
        commands: list[Command] = []
        events: list[bytes] = []
        history: list[HistoryEvent] = []
        inbox = driven.inbox
        while inbox and not execution.closed and len(events) < EVENTS_PER_TURN:
            item = inbox.popleft()
            if isinstance(item, Delivery):
                if is_late(execution, item.event):
                    self._refuse(item)
                    continue
                driven.accepted = [*(driven.accepted or ()), item]
                item = item.event
            step = advance(driven.program, execution, item)
            events.append(encode_event(item))
            commands += step.commands
            history += step.history
            for command in step.commands:
                if isinstance(command, CancelOperation):
                    self._performer.abort(driven, command.operation)
            if commands and isinstance(commands[-1], Yield):
                break
        return commands, events, history
