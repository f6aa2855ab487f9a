"""The virtual-time host: the same kernel, a clock that jumps.

Rules
- When nothing is left to do at this moment, the clock jumps to the next timer or task result: a Wait of a year costs
  no more than one of a second.
- A task runs when it is scheduled; it may `sleep` on the virtual clock, and its outcome arrives that much later.
- Between any two steps the execution is written to bytes and read again, and so is every event: nothing that cannot be
  stored can slip in unnoticed.
- A task that is ended by its token is submitted when its call returns. Its token is answered from within the call
  (`VirtualTask.succeed` …), or from outside (`VirtualHost.send_task_success` …), at once or later in virtual time.
- An activity's task is performed like any other, unless its call leaves it (`VirtualTask.leave`) to be polled.
- Executions of `machines` that a task starts run on the same clock (testing/nested.py).
- Events at the same time are delivered in the order in which they were caused; `Resumed` before any other.
- A snapshot of a running execution is taken up like after a crash: what it waits for is asked for again.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from statemachine.errors import ITEM_READER_FAILED, RESULT_WRITER_FAILED, Failure, TaskError
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.advance import Step, advance, outstanding
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ReadItems,
    ScheduleTask,
    StartTimer,
    WriteResults,
    Yield,
)
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    ExecutionStarted,
    ItemsRead,
    ItemsReadFailed,
    ResultsWriteFailed,
    ResultsWritten,
    Resumed,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.nested import starts_execution
from statemachine.kernel.randomness import task_token
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_event, encode_execution
from statemachine.kernel.tokens import ActivityTask, task_of_token
from statemachine.program import Program
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind, parse_resource
from statemachine.testing.nested import ChildHosts

DEFAULT_START_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z: where virtual time starts unless told otherwise."""

_AT_ONCE = -1
"""A time before all others."""


@dataclass(frozen=True, slots=True)
class _Beat:
    """A heartbeat: no event of the kernel."""

    at_ms: int
    operation: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What comes by a token: an output, a failure, or neither, a heartbeat."""

    after_ms: int
    output: Document | None = None
    failure: Failure | None = None

    def event(self, at_ms: int, operation: int) -> Event | _Beat:
        if self.output is not None:
            return TaskSucceeded(at_ms, operation, self.output)
        return _Beat(at_ms, operation) if self.failure is None else TaskFailed(at_ms, operation, self.failure)


@dataclass(slots=True)
class VirtualTask:
    """A task call in virtual time."""

    command: ScheduleTask
    token: str = ""
    slept_ms: int = 0
    worker_name: str | None = None
    """Who takes an activity's task; shown in the history."""
    left: bool = False
    answers: list[_Answer] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass before the outcome."""
        self.slept_ms += round(seconds * 1000)

    def leave(self) -> None:
        """Let the call never return: an activity's task waits for a worker, any other for its timeout."""
        self.left = True

    def succeed(self, output: Json, after_seconds: float = 0) -> None:
        """Let the task's token be answered, so long after the call has returned."""
        self.answers.append(_Answer(round(after_seconds * 1000), output=Document(output)))

    def fail(self, error: str | None = None, cause: str | None = None, after_seconds: float = 0) -> None:
        """Let the task be failed by its token."""
        self.answers.append(_Answer(round(after_seconds * 1000), failure=Failure(error, cause)))

    def heartbeat(self, after_seconds: float = 0) -> None:
        """Let a heartbeat come by the task's token."""
        self.answers.append(_Answer(round(after_seconds * 1000)))


Perform: TypeAlias = Callable[[VirtualTask], Json]
"""Does a task's work: returns its result, or raises TaskError. For ``.waitForTaskToken`` the result is what is
submitted."""


@dataclass
class VirtualHost:
    """Runs one execution. `run` goes on until it closes, or waits for something that never comes."""

    program: Program
    execution: Execution
    perform: Perform
    start_ms: int = DEFAULT_START_MS
    reserialise: bool = True
    read_items: Callable[[ReadItems], Json] | None = None
    """Gives the items of an ItemReader, or raises TaskError."""
    write_results: Callable[[WriteResults], Json] | None = None
    """Takes the results for a ResultWriter; gives Bucket and Key of their manifest, or raises TaskError."""
    journal: list[bytes] = field(default_factory=list)
    history: list[HistoryEvent] = field(default_factory=list)
    calls: list[ScheduleTask] = field(default_factory=list)
    _inbox: list[tuple[int, int, Event | _Beat]] = field(default_factory=list)
    machines: Mapping[str, Program] = field(default_factory=dict)
    """The state machines that tasks may start, by ARN or name."""
    stand_ins: frozenset[str] = frozenset()
    """Task states that are performed also if they would start one of the machines."""
    _beats: dict[int, int] = field(default_factory=dict)
    """Operation -> when its heartbeat is lost."""
    _polled: dict[str, deque[int]] = field(default_factory=dict)
    """Activity -> operations that wait for a worker."""
    _children: ChildHosts | None = None
    _count: int = 0
    _begun: bool = False

    def run(self, max_events: int | None = None, *, until_ms: int | None = None) -> Execution:
        """Start the execution or take it up, and run it to its end, or until `max_events` were delivered, or as far as
        `until_ms`; return it as it is then."""
        delivered = 0
        while (
            not self.execution.closed
            and (next_ms := self.next_ms()) is not None
            and (max_events is None or delivered < max_events)
            and (until_ms is None or next_ms <= until_ms)
        ):
            self.step()
            delivered += 1
        return self.execution

    def next_ms(self) -> int | None:
        """When something happens next, here or in a child; None if nothing does."""
        if not self._begun:
            self._begin()
        own = self._inbox[0][0] if self._inbox else None
        child = None if self._children is None else self._children.next_ms()
        if own is None or child is None:
            return child if own is None else own
        return min(own, child)

    def step(self) -> None:
        """Let the next thing happen, here or in a child."""
        if not self._begun:
            self._begin()
        child = None if self._children is None else self._children.next_ms()
        if self._children is not None and child is not None and (not self._inbox or child < self._inbox[0][0]):
            self._children.step()
            return
        event = heapq.heappop(self._inbox)[2]
        if isinstance(event, _Beat):
            self._beat(event.operation, event.at_ms)
        elif not isinstance(event, TaskHeartbeatLost) or self._beats.get(event.operation, 0) <= event.at_ms:
            self._deliver(event)

    @property
    def children(self) -> list[VirtualHost]:
        """The hosts of the executions that tasks have started, in that order."""
        return [] if self._children is None else self._children.hosts

    # -- what others do ----------------------------------------------------------------------------------------

    def tokens(self) -> dict[str, str]:
        """The tokens of the tasks that are waited for, by their state; of several in one state the last."""
        execution = self.execution
        return {
            each.command.state: task_token(execution, each.id)
            for each in execution.operations.values()
            if isinstance(each.command, ScheduleTask)
        }

    def send_task_success(self, token: str, output: Json, after_seconds: float = 0) -> None:
        """Answer a token, now or later. Raises InvalidTokenError and TaskTimedOutError, as it stands now."""
        self._answer(token, _Answer(round(after_seconds * 1000), output=Document(output)))

    def send_task_failure(
        self, token: str, error: str | None = None, cause: str | None = None, after_seconds: float = 0
    ) -> None:
        """Fail a task by its token. Raises as `send_task_success`."""
        self._answer(token, _Answer(round(after_seconds * 1000), failure=Failure(error, cause)))

    def send_task_heartbeat(self, token: str, after_seconds: float = 0) -> None:
        """A sign of life. Raises as `send_task_success`."""
        self._answer(token, _Answer(round(after_seconds * 1000)))

    def get_activity_task(self, activity_arn: str, worker_name: str | None = None) -> ActivityTask | None:
        """Take the task of an activity that has waited longest, if there is one."""
        queue = self._polled.get(activity_arn, deque())
        while queue:
            operation = self.execution.operations.get(queue.popleft())
            if operation is None or not isinstance(operation.command, ScheduleTask):
                continue
            command = operation.command
            taken = ActivityTask(task_token(self.execution, operation.id), command.arguments.value)
            self.send(ActivityStarted(self.execution.now_ms, operation.id, worker_name))
            self._watch(command, self.execution.now_ms)
            return taken
        return None

    def put(self, event: Event) -> None:
        """Deliver an event when its time has come."""
        self._put(event.at_ms, event)

    def _answer(self, token: str, answer: _Answer) -> None:
        operation = task_of_token(self.execution, token).id
        at_ms = self.execution.now_ms + answer.after_ms
        self._put(at_ms, answer.event(at_ms, operation))

    def _watch(self, command: ScheduleTask, at_ms: int) -> None:
        """Heartbeats are expected from now on."""
        if command.heartbeat_seconds is not None:
            self._expect(command.operation, at_ms + command.heartbeat_seconds * 1000)

    def _beat(self, operation: int, at_ms: int) -> None:
        waited = self.execution.operations.get(operation)
        if waited is None or not isinstance(waited.command, ScheduleTask) or operation not in self._beats:
            return
        self._watch(waited.command, at_ms)

    def _expect(self, operation: int, due_ms: int) -> None:
        self._beats[operation] = due_ms
        self._put(due_ms, TaskHeartbeatLost(due_ms, operation))

    def send(self, event: Event) -> Step:
        """Deliver an event that the host did not cause, and perform what follows. A `Resumed` that is owed goes
        first."""
        if not self._begun:
            self._begin()
        while self._inbox and self._inbox[0][0] == _AT_ONCE:
            self.step()
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

    def _put(self, at_ms: int, event: Event | _Beat) -> None:
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
            case ReadItems():
                self._read(command, now_ms)
            case WriteResults():
                self._write(command, now_ms)
            case Yield():
                heapq.heappush(self._inbox, (_AT_ONCE, 0, Resumed(now_ms)))
            case CancelOperation(operation=operation):
                if self._children is not None:  # anything else that is late is ignored by the kernel
                    self._children.cancel(operation)
            case CloseExecution():
                pass
            case _:
                assert_never(command)

    def _read(self, command: ReadItems, now_ms: int) -> None:
        event: Event
        try:
            if self.read_items is None:
                raise TaskError(ITEM_READER_FAILED, "No items are given to this host: set read_items")
            event = ItemsRead(now_ms, command.operation, Document(self.read_items(command)))
        except TaskError as error:
            event = ItemsReadFailed(now_ms, command.operation, Failure(error.error, error.cause))
        self._put(now_ms, event)

    def _write(self, command: WriteResults, now_ms: int) -> None:
        event: Event
        try:
            if self.write_results is None:
                raise TaskError(RESULT_WRITER_FAILED, "This host has no place for results: set write_results")
            event = ResultsWritten(now_ms, command.operation, Document(self.write_results(command)))
        except TaskError as error:
            event = ResultsWriteFailed(now_ms, command.operation, Failure(error.error, error.cause))
        self._put(now_ms, event)

    def _call(self, command: ScheduleTask, now_ms: int) -> None:
        resource = parse_resource(command.resource)
        if self.machines and starts_execution(resource) and command.state not in self.stand_ins:
            if self._children is None:
                self._children = ChildHosts(self)
            self._children.perform(command, resource)
            return
        if command.submitted:
            self._watch(command, now_ms)
            return
        call = VirtualTask(command, task_token(self.execution, command.operation))
        event = self._made(call, resource, now_ms)
        activity = resource.kind is ResourceKind.ACTIVITY
        if call.left:
            if activity:
                self._polled.setdefault(command.resource, deque()).append(command.operation)
            return
        if activity:
            self._put(now_ms, ActivityStarted(now_ms, command.operation, call.worker_name))
        beat = command.heartbeat_seconds
        if beat is not None and call.slept_ms > beat * 1000:
            event = TaskHeartbeatLost(now_ms + beat * 1000, command.operation)
        self._put(event.at_ms, event)
        if isinstance(event, TaskSubmitted):
            self._watch(command, event.at_ms)
        for answer in call.answers:
            at_ms = event.at_ms + answer.after_ms
            self._put(at_ms, answer.event(at_ms, command.operation))

    def _made(self, call: VirtualTask, resource: Resource, now_ms: int) -> Event:
        """Make a call; what comes of it."""
        operation = call.command.operation
        try:
            result = Document(self.perform(call))
        except TaskError as error:
            return TaskFailed(now_ms + call.slept_ms, operation, Failure(error.error, error.cause))
        if resource.pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN:
            return TaskSubmitted(now_ms + call.slept_ms, operation, result)
        return TaskSucceeded(now_ms + call.slept_ms, operation, result)


def replay(program: Program, execution: Execution, journal: list[bytes]) -> tuple[Execution, list[HistoryEvent]]:
    """Advance a fresh (or snapshotted) execution by recorded events; the state and history that come of it."""
    history: list[HistoryEvent] = []
    for encoded in journal:
        history += advance(program, execution, decode_event(encoded)).history
    return execution, history
