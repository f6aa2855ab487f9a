"""Activation: one call of `advance`, from an event to the commands and history that follow from it.

Rules
- Everything that changes an `Execution` goes through here: recording history, entering and leaving states, opening
  and closing scopes, asking the host for work, failing. State modules decide *what*; this module knows *how*.
- An error inside a state is a `Failure` of its frame; a mistake of ours is any other exception and leaves `advance`.
- The scheduling order is first in, first out: each ready frame makes one transition and goes to the back. Branches
  and iterations so advance side by side, and the order is the same on every host.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from statemachine.errors import DATA_LIMIT_EXCEEDED, RUNTIME, EvaluationError, Failure, KernelError
from statemachine.expressions.base import Values
from statemachine.jsonvalue import MAX_DEPTH, Document, Json
from statemachine.kernel import compensation, redrive
from statemachine.kernel.commands import (
    CancelOperation,
    CloseExecution,
    Command,
    ExecutionStatus,
    ReadItems,
    ScheduleTask,
    StartTimer,
    WriteResults,
)
from statemachine.kernel.context import context_object
from statemachine.kernel.execution import Execution, Frame, Operation, Phase, Purpose, Scope
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.map_runs import MapRunStatus
from statemachine.kernel.quota import HistoryFullError
from statemachine.kernel.randomness import ExecutionDraws
from statemachine.program.dataflow import Exit
from statemachine.program.nodes import Address, Node, Program

_CLOSED_TYPES = {
    ExecutionStatus.SUCCEEDED: "ExecutionSucceeded",
    ExecutionStatus.FAILED: "ExecutionFailed",
    ExecutionStatus.TIMED_OUT: "ExecutionTimedOut",
    ExecutionStatus.ABORTED: "ExecutionAborted",
}


def _never(run: Activation, frame: Frame, node: Any) -> None:
    raise KernelError(f"a {type(node).__name__} has no such phase")


def _no_children(run: Activation, parent: Frame, node: Any, scope: Scope, child: Frame, end: Any) -> None:
    raise KernelError(f"a {type(node).__name__} has no children")


class StateHandler(NamedTuple):
    """What a state type does in each phase. `node` is of that type; `child_…` are for Parallel and Map."""

    enter: Callable[[Activation, Frame, Any], None]
    """The state was entered and this is recorded; start its work."""
    restart: Callable[[Activation, Frame, Any], None] = _never
    """A retrier said to start the work again."""
    returned: Callable[[Activation, Frame, Any], None] = _never
    """What the frame waited for is there."""
    start_children: Callable[[Activation, Frame, Any], None] = _never
    """There may be room for further children."""
    child_ended: Callable[[Activation, Frame, Any, Scope, Frame, Document], None] = _no_children
    """A branch or iteration (its scope and last frame) ended with an output."""
    child_failed: Callable[[Activation, Frame, Any, Scope, Frame, Failure], None] = _no_children
    """A branch or iteration failed; its scope and frame are still there."""


class DataLimitError(EvaluationError):
    """The state fails with States.DataLimitExceeded; the cause has no location prefix.

    Facts data-limit-pass-output, data-limit-parameters. It passes through Retry and Catch, States.ALL included
    (recorded for the results of tasks).
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(DATA_LIMIT_EXCEEDED, too_large(name, what))


class Activation:
    """The execution being advanced, with what this step has produced so far."""

    __slots__ = (
        "_history_limit",
        "_limits",
        "_unchecked_bytes",
        "commands",
        "draws",
        "execution",
        "handlers",
        "history",
        "nodes",
        "program",
    )

    def __init__(self, program: Program, execution: Execution, handlers: Mapping[type, StateHandler]) -> None:
        self.program = program
        self.handlers = handlers
        self.nodes: dict[Address, Node] = program.nodes
        self.execution = execution
        self.draws = ExecutionDraws(execution)
        self.commands: list[Command] = []
        self.history: list[HistoryEvent] = []
        self._limits = limits = execution.limits
        self.bound_history()
        # A document of so few bytes breaks no limit.
        most = limits.payload_bytes
        self._unchecked_bytes = _FLAT_BYTES if most is None or most > _FLAT_BYTES else most

    # -- recording ---------------------------------------------------------------------------------------------

    def bound_history(self) -> None:
        """See how long the history may be. AWS bounds that of Standard executions only; that of an unwinding, which no
        timeout ends, has the same bound again."""
        execution = self.execution
        limit = execution.limits.history_events
        if execution.unwinding is not None:
            limit = None if limit is None else limit + execution.unwinding.began_at_event
        elif execution.express:
            limit = None
        self._history_limit = limit

    def record(self, frame: Frame, event_type: str, details: dict[str, Json] | None = None) -> None:
        """Record an event of a frame; the frame's next event will point back to it."""
        if not frame.muted:
            frame.last_event = self.append(event_type, frame.last_event, details)

    def note(self, frame: Frame, event_type: str, details: dict[str, Json] | None = None) -> int:
        """Record an event of a frame that its next one does not point back to; its id (0 if muted)."""
        return 0 if frame.muted else self.append(event_type, frame.last_event, details)

    def append(self, event_type: str, previous: int, details: dict[str, Json] | None) -> int:
        """Record an event after the event `previous`; its id. Raises HistoryFullError."""
        execution = self.execution
        number = execution.history_length + 1
        if self._history_limit is not None and number >= self._history_limit:
            raise HistoryFullError(self._history_limit, number - 1)
        execution.history_length = number
        self.history.append(HistoryEvent(number, event_type, execution.now_ms, previous, details))
        return number

    # -- reading -----------------------------------------------------------------------------------------------

    def values(self, frame: Frame, node: Node) -> Values:
        """What the expressions of a frame's state may read; ``$`` is the raw input."""
        execution = self.execution
        scope = execution.scopes[frame.scope]
        return Values(
            frame.raw_input.value,
            lambda: context_object(execution, frame, scope, node),
            scope.variables,
            self.draws,
            execution.now_ms,
        )

    def new_id(self) -> int:
        """An id for a scope, frame or operation: unique in the execution."""
        execution = self.execution
        number = execution.next_id
        execution.next_id = number + 1
        return number

    # -- moving on ---------------------------------------------------------------------------------------------

    def ready(self, frame: Frame, phase: Phase) -> None:
        """Let a frame run on, in this phase."""
        frame.phase = phase
        self.execution.ready.append(frame.id)

    def leave(self, frame: Frame, node: Node, exit: Exit, target: Address | None) -> None:
        """Leave a state with its output and assignments, and go to `target`; None ends the scope."""
        raw, result = frame.raw_input, frame.result
        value = exit.output
        if value is raw.value:
            output = raw
        elif result is not None and value is result.value:
            output = result
        else:
            output = raw.changed(value)
        if output is not raw:
            self.check_size(output, node.name, "returned a result")
        details: dict[str, Json] = {"name": node.name, "output": output}
        if exit.assigned:
            details["assignedVariables"] = self._assign(frame, node, exit.assigned)
        self.record(frame, node.exited_type, details)
        if node.compensate_with is not None and frame.phase is Phase.RETURNED:  # not if a catcher took over
            compensation.register(self, frame, node, node.compensate_with, output)
        if target is None:
            self._close_scope(frame, output)
            return
        frame.address = target
        frame.raw_input = output
        frame.result = None
        frame.phase = Phase.ENTER
        self.execution.ready.append(frame.id)

    def _assign(self, frame: Frame, node: Node, assigned: dict[str, Json]) -> dict[str, Json]:
        """Set variables of the frame's scope, within AWS's limits (fact variables-limits); their texts, by name."""
        execution, limits = self.execution, self._limits
        scope = execution.scopes[frame.scope]
        sizes, texts, size, replaced = scope.sizes.copy(), {}, 0, 0
        for name in sorted(assigned):
            document = Document(assigned[name])
            if document.size > self._unchecked_bytes:
                self.check_depth(document)
            size += document.size
            replaced += sizes.get(name, 0)
            sizes[name] = document.size
            texts[name] = document.text
        if limits.variable_bytes is not None and size > limits.variable_bytes:
            raise DataLimitError(node.name, "assigned variables")
        total = execution.variables_bytes + size - replaced
        if limits.variables_bytes is not None and total > limits.variables_bytes:
            raise DataLimitError(node.name, "assigned variables, those of the execution together,")
        scope.variables = {**scope.variables, **assigned}
        scope.sizes, execution.variables_bytes = sizes, total
        return texts

    def arguments(self, frame: Frame, node: Node, value: Json) -> Document:
        """What the frame's work is given. Raises DataLimitError if that is too large (fact data-limit-parameters)."""
        if value is frame.raw_input.value:
            return frame.raw_input
        document = frame.raw_input.changed(value)
        self.check_size(document, node.name, "provided parameters")
        return document

    def check_size(self, document: Document, name: str, what: str) -> None:
        """Refuse a document that is too large or too deep. Raises DataLimitError ('The state/task `name` `what` …'),
        or EvaluationError for its depth."""
        size = document.size
        if size <= self._unchecked_bytes:
            return
        limit = self._limits.payload_bytes
        if limit is not None and size > limit:
            raise DataLimitError(name, what)
        self.check_depth(document)

    def check_depth(self, document: Document) -> None:
        """Refuse JSON that could not be read again: a loop can nest its data ever deeper. Raises EvaluationError."""
        if document.nests_too_deeply():
            raise EvaluationError(RUNTIME, f"The data is nested deeper than {MAX_DEPTH} levels")

    # -- scopes ------------------------------------------------------------------------------------------------

    def open_scope(
        self, parent: Frame | None, index: int, start_at: Address, document: Document, variables: dict[str, Json]
    ) -> tuple[Scope, Frame]:
        """Start a States block: the root (no parent), a branch or an iteration."""
        scope = Scope(self.new_id(), parent.id if parent else 0, index, variables)
        frame = Frame(self.new_id(), scope.id, start_at, document)
        if parent is not None:
            frame.muted = parent.muted
            frame.last_event = parent.last_event
            assert parent.children is not None
            parent.children.running[scope.id] = frame.id
        self.execution.scopes[scope.id] = scope
        self.execution.frames[frame.id] = frame
        self.ready(frame, Phase.ENTER)
        return scope, frame

    def drop(self, frame: Frame) -> Scope:
        """Forget a frame and its scope, and whatever they wait for."""
        execution = self.execution
        if frame.operation:
            self.cancel(frame.operation)
        if frame.timeout:
            self.cancel(frame.timeout)
        scope = execution.scopes.pop(frame.scope)
        if frame.children is not None:
            compensation.take_over(scope, frame.children)
            if (told := execution.map_runs.get(frame.children.map_run or "")) is not None:
                told.end(MapRunStatus.ABORTED, execution.now_ms)
        del execution.frames[frame.id]
        if scope.sizes:
            execution.variables_bytes -= sum(scope.sizes.values())
        if scope.registered is not None and scope.parent_frame:
            compensation.hand_over(execution, scope)
        return scope

    def _close_scope(self, frame: Frame, output: Document) -> None:
        """The scope has ended with `output`."""
        scope = self.drop(frame)
        if scope.compensating is not None:
            compensation.succeeded(self, scope, scope.compensating, frame, output)
            return
        if not scope.parent_frame:
            details = {"output": output}
            self.close(ExecutionStatus.SUCCEEDED, frame.last_event, details, output=output)
            return
        parent = self.execution.frames[scope.parent_frame]
        node = self.nodes[parent.address]
        self.handlers[type(node)].child_ended(self, parent, node, scope, frame, output)

    def fail_scope(self, frame: Frame, failure: Failure) -> None:
        """The scope has failed: no Retry and no Catch took the failure of the state it was in."""
        scope = self.execution.scopes[frame.scope]
        if scope.compensating is not None:
            compensation.failed(self, scope, scope.compensating, frame, failure)
            return
        if not scope.parent_frame:
            compensation.end(self, ExecutionStatus.FAILED, frame.last_event, failure)
            return
        parent = self.execution.frames[scope.parent_frame]
        node = self.nodes[parent.address]
        self.handlers[type(node)].child_failed(self, parent, node, scope, frame, failure)

    def abort(self, frame: Frame, cause_event: int) -> None:
        """Cut a frame short because of the event `cause_event`, with everything below it.

        A state that is under way is recorded as aborted if AWS has such an event for its type (facts
        map-sibling-abort-events, parallel-sibling-wait-aborted, parallel-task-failure-state-aborted).
        """
        if frame.unwinding is not None:
            compensation.interrupt(self, frame, frame.unwinding, cause_event)
        if frame.children is not None:
            for child in list(frame.children.running.values()):
                self.abort(self.execution.frames[child], cause_event)
        node = self.nodes[frame.address]
        kind = node.entered_type.removesuffix("Entered")
        under_way = frame.phase is not Phase.ENTER and kind in _ABORTABLE
        if kind in _RECORDED_AS_FAILED and (frame.phase is Phase.FAILED or frame.unwinding is not None):
            under_way = False
        if under_way and not frame.muted:
            self.append(f"{kind}Aborted", cause_event, None)
        self.drop(frame)

    # -- asking the host ---------------------------------------------------------------------------------------

    def schedule(self, frame: Frame, command: ScheduleTask) -> None:
        """Ask for a task; the frame waits for it."""
        frame.operation = command.operation
        frame.phase = Phase.WAITING
        self.execution.operations[command.operation] = Operation(command.operation, frame.id, Purpose.TASK, command)
        self.commands.append(command)

    def transfer(self, frame: Frame, command: ReadItems | WriteResults, purpose: Purpose) -> None:
        """Ask for items to be read or results to be written."""
        frame.operation = command.operation
        self.execution.operations[command.operation] = Operation(command.operation, frame.id, purpose, command)
        self.commands.append(command)

    def start_timer(self, frame_id: int, fire_at_ms: int, purpose: Purpose) -> int:
        """Ask for a timer; its operation id."""
        command = StartTimer(self.new_id(), fire_at_ms)
        self.execution.operations[command.operation] = Operation(command.operation, frame_id, purpose, command)
        heapq.heappush(self.execution.timers, (fire_at_ms, command.operation))
        self.commands.append(command)
        return command.operation

    def cancel(self, operation: int) -> None:
        """The answer is not wanted any more."""
        execution = self.execution
        if execution.operations.pop(operation, None) is None:
            return
        self.commands.append(CancelOperation(operation))
        if len(execution.timers) > 2 * len(execution.operations) + _STALE_TIMERS:
            execution.timers[:] = [each for each in execution.timers if each[1] in execution.operations]
            heapq.heapify(execution.timers)

    # -- ending ------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all that is under way, and cancel what is outstanding."""
        execution = self.execution
        execution.timers.clear()
        for operation in list(execution.operations):
            self.cancel(operation)
        for each in execution.map_runs.values():
            each.end(MapRunStatus.ABORTED, execution.now_ms)
        execution.frames.clear()
        execution.scopes.clear()
        execution.ready.clear()
        execution.variables_bytes = 0

    def close(
        self,
        status: ExecutionStatus,
        previous: int,
        details: dict[str, Json],
        output: Document | None = None,
        failure: Failure | None = None,
    ) -> None:
        """End the execution: cancel what is outstanding, record the last event, tell the host."""
        execution = self.execution
        if status is not ExecutionStatus.SUCCEEDED:
            redrive.keep(execution)
        if execution.unfinished is None and execution.unwinding is None:
            execution.compensations = 0  # nothing will be undone any more
        self.clear()
        execution.status, execution.output, execution.failure = status, output, failure
        execution.history_length += 1
        self.history.append(
            HistoryEvent(execution.history_length, _CLOSED_TYPES[status], execution.now_ms, previous, details)
        )
        self.commands.append(CloseExecution(status, output, failure))


def too_large(name: str, what: str) -> str:
    """The cause of States.DataLimitExceeded. `name` is the state's for its output and parameters, the resource's for
    the result of a task (facts data-limit-pass-output, data-limit-parameters; recorded)."""
    return f"The state/task '{name}' {what} with a size exceeding the maximum number of bytes service limit."


_FLAT_BYTES = 2 * MAX_DEPTH
"""A document of so many bytes cannot be nested too deeply: a level takes two."""
_STALE_TIMERS = 64
"""Cancelled timers that may stay in the heap, besides as many as there are operations."""
_ABORTABLE = frozenset({"TaskState", "WaitState", "MapState", "ParallelState"})
_RECORDED_AS_FAILED = frozenset({"MapState", "ParallelState"})
"""Types whose failure has an event of its own, after which they are not aborted."""
