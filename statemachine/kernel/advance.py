"""advance: the one entry into the kernel. Apply an event, run ready frames until none is left or fuel is spent.

Contract (docs/kernel.md)
- `advance` changes the execution and says what follows: commands for the host, events for the history. The host
  stores both before it performs the first command.
- It raises only for mistakes of this package (KernelError and the like); the execution in memory is then to be thrown
  away and loaded again. Whatever the definition or the data do wrong is a failure inside the execution.
- Same program, same execution, same event: same step, on every host and on replay.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from statemachine.errors import RUNTIME, TIMEOUT, EvaluationError, Failure, KernelError, QueryEvaluationError
from statemachine.expressions.base import PathNotFoundError
from statemachine.jsonvalue import Document, Json, TooDeepError
from statemachine.kernel import compensation, redrive
from statemachine.kernel.activation import Activation, DataLimitError
from statemachine.kernel.commands import Command, ExecutionStatus, Yield
from statemachine.kernel.events import (
    ActivityStarted,
    Event,
    ExecutionStarted,
    ItemsRead,
    ItemsReadFailed,
    RedriveRequested,
    ResultsWriteFailed,
    ResultsWritten,
    Resumed,
    StopRequested,
    TaskEvent,
    TaskFailed,
    TaskHeartbeatLost,
    TaskSubmitted,
    TaskSucceeded,
    TimerFired,
)
from statemachine.kernel.execution import Execution, Flag, Frame, Operation, Phase, Purpose
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.quota import HistoryFullError, QuotaError
from statemachine.kernel.recovery import go_to_catcher, handle_failure
from statemachine.kernel.states import HANDLERS, map_run, task
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program.nodes import Node, Program, TaskNode, WaitNode


class Step(Struct, frozen=True):
    """What follows from an event."""

    commands: tuple[Command, ...]
    history: tuple[HistoryEvent, ...]


def advance(program: Program, execution: Execution, event: Event) -> Step:
    """Advance an execution by one event. An event for a closed execution changes nothing, unless it redrives it."""
    if program.sha256 != execution.definition_sha256:
        raise KernelError("the program is not the one that the execution was started with")
    if execution.closed and not _redrives(execution, event):
        return Step((), ())
    if event.at_ms > execution.now_ms:
        execution.now_ms = event.at_ms
    run = Activation(program, execution, HANDLERS)
    try:
        _apply(run, event)
        _run_ready(run)
    except QuotaError as quota:
        _end_at_quota(run, quota)
    return Step(tuple(run.commands), tuple(run.history))


def _redrives(execution: Execution, event: Event) -> bool:
    return isinstance(event, RedriveRequested) and redrive.refusal(execution, event.at_ms) is None


def _end_at_quota(run: Activation, quota: QuotaError) -> None:
    """The execution has used up a quota. What can be undone is, if that itself does not take too many events."""
    if run.execution.unwinding is not None:
        compensation.cut_short(run)
        return
    try:
        compensation.end(run, ExecutionStatus.FAILED, quota.previous, quota.failure)
        _run_ready(run)
    except HistoryFullError:
        compensation.cut_short(run)


def _apply(run: Activation, event: Event) -> None:
    """Turn an event into ready frames."""
    match event:
        case ExecutionStarted():
            _start(run)
        case TaskSubmitted() | ActivityStarted() | TaskSucceeded() | TaskFailed() | TaskHeartbeatLost():
            if waiting := _waiting(run, event.operation):
                _apply_to_task(run, event, *waiting)
        case ItemsRead() | ItemsReadFailed() | ResultsWritten() | ResultsWriteFailed():
            if (mapped := _transferred(run, event)) is not None:
                map_run.answered(run, mapped, event)
        case TimerFired():
            _fire_timers(run)
        case StopRequested(error=error, cause=cause, compensate=compensate):
            compensation.stop(run, Failure(error, cause), compensate=compensate)
        case RedriveRequested():
            redrive.redrive(run)
        case Resumed():
            pass
        case _:
            assert_never(event)


def _start(run: Activation) -> None:
    execution = run.execution
    if execution.history_length:
        raise KernelError("the execution has already started")
    execution.started_ms = execution.now_ms
    details = {"input": execution.input, "roleArn": execution.role_arn}
    execution.history_length = 1
    run.history.append(HistoryEvent(1, "ExecutionStarted", execution.now_ms, 0, details))
    run.open_scope(None, 0, run.program.start_at, execution.input, {})
    seconds = run.program.timeout_seconds
    if execution.express:
        seconds = min(seconds or execution.limits.express_seconds, execution.limits.express_seconds)
    if seconds is not None:
        deadline_ms = execution.now_ms + seconds * 1000
        run.start_timer(0, deadline_ms, Purpose.EXECUTION_TIMEOUT)


def _waiting(run: Activation, operation: int) -> tuple[Operation, Frame, TaskNode] | None:
    """A task that is waited for, and the frame and node that do so. None for a late answer."""
    execution = run.execution
    found = execution.operations.get(operation)
    if found is None or found.purpose is not Purpose.TASK:
        return None
    frame = execution.frames[found.frame]
    node = run.nodes[frame.address]
    assert isinstance(node, TaskNode)
    return found, frame, node


def _done(run: Activation, operation: int, *, cancel: bool = False) -> tuple[Frame, TaskNode]:
    """The frame and node that waited for a task; its operation and timeout are over."""
    waiting = _waiting(run, operation)
    assert waiting is not None
    _, frame, node = waiting
    if cancel:
        run.cancel(operation)
    else:
        del run.execution.operations[operation]
    frame.operation = 0
    if frame.timeout:
        run.cancel(frame.timeout)
        frame.timeout = 0
    return frame, node


def _apply_to_task(run: Activation, event: TaskEvent, waited: Operation, frame: Frame, node: TaskNode) -> None:
    """Apply the answer of a task that is waited for."""
    operation = waited.id
    match event:
        case TaskSubmitted(output=output):
            failure = task.submitted(run, waited, frame, node, output)
            if failure is not None:
                task.failed(run, *_done(run, operation), failure)
            else:
                _answer(run, operation)
        case ActivityStarted(worker_name=worker_name):
            task.started(run, waited, frame, node, worker_name)
        case TaskSucceeded(output=output):
            if not task.answered_early(waited, node, output):
                task.succeeded(run, waited, *_done(run, operation), output)
        case TaskFailed(failure=failure):
            if not _answer(run, operation):
                task.failed(run, *_done(run, operation), failure)
        case TaskHeartbeatLost():
            _timed_out(run, operation, heartbeat=True)
        case _:
            assert_never(event)


def _answer(run: Activation, operation: int, *, cancel: bool = False) -> bool:
    """End a task with the answer that its token got early; whether there was one."""
    waited = run.execution.operations[operation]
    if waited.answer is None:
        return False
    task.succeeded(run, waited, *_done(run, operation, cancel=cancel), waited.answer)
    return True


def _timed_out(run: Activation, operation: int, *, heartbeat: bool) -> None:
    if _waiting(run, operation) and not _answer(run, operation, cancel=True):
        task.timed_out(run, *_done(run, operation, cancel=True), heartbeat=heartbeat)


def _transferred(run: Activation, event: map_run.Answer) -> Frame | None:
    """The frame that waited for items to be read or results to be written. None for a late answer."""
    operations = run.execution.operations
    purpose = Purpose.READ_ITEMS if isinstance(event, ItemsRead | ItemsReadFailed) else Purpose.WRITE_RESULTS
    found = operations.get(event.operation)
    if found is None or found.purpose is not purpose:
        return None
    del operations[event.operation]
    frame = run.execution.frames[found.frame]
    frame.operation = 0
    return frame


def _fire_timers(run: Activation) -> None:
    """Fire every timer that is due, in the order of time and id."""
    execution = run.execution
    due: list[Operation] = []
    while (deadline := execution.next_deadline_ms()) is not None and deadline <= execution.now_ms:
        operation = execution.timers[0][1]
        due.append(execution.operations.pop(operation))
    for fired in due:
        if execution.closed:
            return
        if fired.purpose is Purpose.EXECUTION_TIMEOUT:
            compensation.end(run, ExecutionStatus.TIMED_OUT, 0, Failure(TIMEOUT))
        elif (frame := execution.frames.get(fired.frame)) is not None:
            _fire(run, frame, fired)


def _fire(run: Activation, frame: Frame, fired: Operation) -> None:
    match fired.purpose:
        case Purpose.WAIT:
            frame.operation = 0
            run.ready(frame, Phase.RETURNED)
        case Purpose.RETRY:
            frame.operation = 0
            run.ready(frame, Phase.RETRY)
        case Purpose.TASK_TIMEOUT:
            frame.timeout = 0
            _timed_out(run, frame.operation, heartbeat=False)
        case Purpose.TASK | Purpose.EXECUTION_TIMEOUT | Purpose.READ_ITEMS | Purpose.WRITE_RESULTS:
            raise KernelError(f"no timer has the purpose {fired.purpose}")


def _run_ready(run: Activation) -> None:
    execution = run.execution
    ready, frames, nodes = execution.ready, execution.frames, run.nodes
    fuel = execution.limits.fuel
    while ready:
        if fuel <= 0:
            run.commands.append(Yield())
            return
        frame = frames.get(ready.popleft())
        if frame is None:
            continue  # it was cut short while it was ready
        fuel -= 1
        node = nodes[frame.address]
        before = frame.last_event
        try:
            _run_frame(run, frame, node)
        except QueryEvaluationError as error:
            _fail_query(run, frame, node, before, error)
        except DataLimitError as error:
            _fail(run, frame, Failure(error.error, error.cause))
        except EvaluationError as error:
            _fail(run, frame, Failure(error.error, located(frame, node, error.cause)))
        except PathNotFoundError as error:
            _fail(run, frame, Failure(RUNTIME, located(frame, node, str(error))))
        except TooDeepError as error:
            _fail(run, frame, Failure(RUNTIME, located(frame, node, f"The data is {error}")))


def _run_frame(run: Activation, frame: Frame, node: Node) -> None:
    handler = HANDLERS[type(node)]
    match frame.phase:
        case Phase.ENTER:
            frame.entered_at_ms = run.execution.now_ms
            if frame.retry_count:
                frame.attempts, frame.retry_count = (), 0
            run.record(frame, node.entered_type, {"name": node.name, "input": frame.raw_input})
            frame.entered_event = frame.last_event
            handler.enter(run, frame, node)
        case Phase.RETURNED:
            handler.returned(run, frame, node)
        case Phase.FAILED:
            handle_failure(run, frame, node)
        case Phase.RETRY:
            handler.restart(run, frame, node)
        case Phase.START_CHILDREN:
            handler.start_children(run, frame, node)
        case Phase.COMPENSATED:
            go_to_catcher(run, frame, node)
        case Phase.WAITING:
            raise KernelError("a waiting frame is not ready")


def _fail(run: Activation, frame: Frame, failure: Failure) -> None:
    """A state could not be evaluated. While a failure is being handled (by a catcher, or by Fail) that ends the scope;
    otherwise Retry and Catch have their say."""
    if frame.phase in (Phase.FAILED, Phase.COMPENSATED):
        run.fail_scope(frame, failure)
        return
    frame.failure = failure
    run.ready(frame, Phase.FAILED)


def _fail_query(run: Activation, frame: Frame, node: Node, before: int, error: QueryEvaluationError) -> None:
    """A JSONata expression failed: EvaluationFailed is recorded first. It points to the event before this run of the
    frame, that is, before the state was entered if it fails at once (fact history-evaluation-failed-previous); only a
    Wait computes its time after it was entered (recorded)."""
    cause = located(frame, node, error.cause)
    details: dict[str, Json] = {"cause": cause, "error": error.error, "state": node.name}
    if error.location is not None:
        details["location"] = error.location
    if not isinstance(node, WaitNode):
        frame.last_event = before
    run.record(frame, "EvaluationFailed", details)
    _fail(run, frame, Failure(error.error, cause))


def located(frame: Frame, node: Node, cause: str) -> str:
    """A cause as AWS words it, with the state and the event at which it was entered."""
    return (
        f"An error occurred while executing the state '{node.name}' "
        f"(entered at the event id #{frame.entered_event}). {cause}"
    )


def outstanding(execution: Execution) -> tuple[Command, ...]:
    """The commands whose answers are awaited, to be given to a host again after a crash; Yield if fuel was spent."""
    if execution.closed:
        return ()
    commands: list[Command] = [each.command for each in execution.operations.values()]
    if execution.ready:
        commands.append(Yield())
    return tuple(commands)


def new_execution(
    program: Program,
    *,
    id: str,
    input: Document,
    seed: bytes,
    machine_name: str = "StateMachine",
    role_arn: str | None = None,
    account: str = "123456789012",
    region: str = "us-east-1",
    limits: Limits = AWS_LIMITS,
    express: bool = False,
    synchronous: bool = False,
) -> Execution:
    """An execution that has not started: send ExecutionStarted.

    `seed`, of any length from 16 to 64 bytes, makes its draws and task tokens; account and region are only names in
    its ARNs.
    """
    # An Express execution's ARN ends with an identifier of its own.
    prefix = f"arn:aws:states:{region}:{account}"
    kind = "express" if express else "execution"
    return Execution(
        id=id,
        definition_sha256=program.sha256,
        machine_name=machine_name,
        input=input,
        seed=seed,
        limits=limits,
        arn=f"{prefix}:{kind}:{machine_name}:{id}" + (f":{_uuid(seed)}" if express else ""),
        machine_arn=f"{prefix}:stateMachine:{machine_name}",
        role_arn=role_arn or f"arn:aws:iam::{account}:role/{machine_name}",
        flags=tuple(Flag),
        express=express,
        synchronous=synchronous,
    )


def _uuid(seed: bytes) -> str:
    text = seed.hex()[:32]
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
