"""The virtual-time host: the same kernel, a clock that jumps.

Rules
- When nothing is left to do at this moment, the clock jumps to the next timer or task result: a Wait of a year costs
  no more than one of a second.
- A task runs when it is scheduled; it may `sleep` on the virtual clock, and its outcome arrives that much later.
- Between any two steps the execution is written to bytes and read again, and so is every event: nothing that cannot be
  stored can slip in unnoticed.
- Events at the same time are delivered in the order in which they were caused; `Resumed` before any other.
- A snapshot of a running execution is taken up like after a crash: what it waits for is asked for again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from statemachine.errors import Failure, TaskError
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import Step, advance, outstanding
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ScheduleTask,
    StartTimer,
    Yield,
)
from statemachine.kernel.events import (
    Event,
    ExecutionStarted,
    Resumed,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_event, encode_execution
from statemachine.program import Program

DEFAULT_START_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z: where virtual time starts unless told otherwise."""

_AT_ONCE = -1
"""A time before all others."""


@dataclass(slots=True)
class VirtualTask:
    """A task call in virtual time."""

    command: ScheduleTask
    slept_ms: int = 0

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass before the outcome."""
        self.slept_ms += round(seconds * 1000)


Perform: TypeAlias = Callable[[VirtualTask], Json]
"""Does a task's work: returns its result, or raises TaskError."""


@dataclass
class VirtualHost:
    """Runs one execution. `run` goes on until it closes, or waits for something that never comes."""

    program: Program
    execution: Execution
    perform: Perform
    start_ms: int = DEFAULT_START_MS
    reserialise: bool = True
    journal: list[bytes] = field(default_factory=list)
    history: list[HistoryEvent] = field(default_factory=list)
    calls: list[ScheduleTask] = field(default_factory=list)
    _inbox: list[tuple[int, int, Event]] = field(default_factory=list)
    _count: int = 0
    _begun: bool = False

    def run(self, max_events: int | None = None) -> Execution:
        """Start the execution or take it up, and run it to its end, or until `max_events` were delivered; return it as
        it is then."""
        if not self._begun:
            self._begin()
        delivered = 0
        while not self.execution.closed and self._inbox and (max_events is None or delivered < max_events):
            self._deliver(heapq.heappop(self._inbox)[2])
            delivered += 1
        return self.execution

    def send(self, event: Event) -> Step:
        """Deliver an event that the host did not cause, and perform what follows. A `Resumed` that is owed goes
        first."""
        if not self._begun:
            self._begin()
        while self._inbox and self._inbox[0][0] == _AT_ONCE:
            self._deliver(heapq.heappop(self._inbox)[2])
        return self._deliver(event)

    def _begin(self) -> None:
        self._begun = True
        if self.execution.history_length:
            for command in outstanding(self.execution):
                self._perform(command)
        else:
            self._put(self.start_ms, ExecutionStarted(self.start_ms))

    def _deliver(self, event: Event) -> Step:
        encoded = encode_event(event)
        self.journal.append(encoded)
        if self.reserialise:
            self.execution = decode_execution(encode_execution(self.execution))
            event = decode_event(encoded)
        step = advance(self.program, self.execution, event)
        self.history += step.history
        for command in step.commands:
            self._perform(command)
        return step

    def _put(self, at_ms: int, event: Event) -> None:
        self._count += 1
        heapq.heappush(self._inbox, (at_ms, self._count, event))

    def _perform(self, command: Command) -> None:
        now_ms = self.execution.now_ms
        match command:
            case ScheduleTask():
                self.calls.append(command)
                self._call(command, now_ms)
            case StartTimer(fire_at_ms=fire_at_ms):
                self._put(fire_at_ms, TimerFired(fire_at_ms))
            case Yield():
                heapq.heappush(self._inbox, (_AT_ONCE, 0, Resumed(now_ms)))
            case CancelOperation() | CloseExecution():
                pass  # a late result is ignored by the kernel
            case _:
                assert_never(command)

    def _call(self, command: ScheduleTask, now_ms: int) -> None:
        call = VirtualTask(command)
        event: Event
        try:
            result = Document(self.perform(call))
        except TaskError as error:
            event = TaskFailed(now_ms + call.slept_ms, command.operation, Failure(error.error, error.cause))
        else:
            event = TaskSucceeded(now_ms + call.slept_ms, command.operation, result)
        beat = command.heartbeat_seconds
        if beat is not None and call.slept_ms > beat * 1000:
            event = TaskHeartbeatLost(now_ms + beat * 1000, command.operation)
        self._put(event.at_ms, event)


def replay(program: Program, execution: Execution, journal: list[bytes]) -> tuple[Execution, list[HistoryEvent]]:
    """Advance a fresh (or snapshotted) execution by recorded events; the state and history that come of it."""
    history: list[HistoryEvent] = []
    for encoded in journal:
        history += advance(program, execution, decode_event(encoded)).history
    return execution, history
