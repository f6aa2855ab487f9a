"""Redrive: begin an execution again that has ended without success, where it was (developer guide, "Redriving
executions"; facts redrive-*).

Rules
- What has completed is not run again: a redrive begins the states again that were under way, with their input and the
  variables of their scopes. Retries are counted anew, and so are timeouts, that of the machine included.
- Of a Parallel or an inline Map, the branches and iterations begin again that had failed or were cut short; of a
  distributed Map, those child executions. One that had failed after all of them had ended (its result was too large,
  for instance) runs as a whole again.
- A Task, Parallel or Map is not entered again: the history goes on after ExecutionRedriven with what it schedules. AWS
  documents no events for the other types; here they are entered again.
- An execution that was compensated has nothing to go on from: its redrive runs the compensations again that failed.
- For that, what had not ended is kept (`Unfinished`): when a scope is cut short, until Retry or Catch take the failure,
  and when the execution ends.
- A compensation is registered at one place. What a scope that is cut short has done belongs to the scope around it from
  then on; only that of scopes that were running when the execution was stopped is kept with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from statemachine.kernel import compensation
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Children, Execution, Flag, Frame, Phase, Purpose, Unfinished
from statemachine.program.nodes import MapNode, WorkNode

if TYPE_CHECKING:
    from statemachine.kernel.activation import Activation

DAY_MS: Final = 86_400_000


def refusal(execution: Execution, now_ms: int) -> str | None:
    """Why an execution cannot be redriven, in AWS's words; None if it can (facts redrive-window, redrive-status-*)."""
    limits = execution.limits
    if execution.express:
        return "Execution is EXPRESS and cannot be redriven"
    if execution.status in (ExecutionStatus.RUNNING, ExecutionStatus.SUCCEEDED):
        return f"Execution is {execution.status.value} and cannot be redriven"
    if Flag.REDRIVE not in execution.flags:
        return "Execution was started by an earlier release and cannot be redriven"
    if execution.unwinding is not None and not execution.failed_compensations:
        return "Execution was compensated and cannot be redriven"
    if limits.redrivable_days is not None and now_ms - execution.now_ms > limits.redrivable_days * DAY_MS:
        return "Execution redrivable period exceeded and cannot be redriven"
    if limits.history_events is not None and execution.history_length >= limits.history_events - 1:
        return "Execution history event limit exceeded and cannot be redriven"
    if limits.redrives is not None and execution.redrive_count >= limits.redrives:
        return "Execution redrive limit exceeded and cannot be redriven"
    return None


# -- what has not ended ------------------------------------------------------------------------------------------------


def cut(execution: Execution, frame: Frame) -> None:
    """The running branches or iterations of a frame are about to be cut short, because one of them has failed."""
    children = frame.children
    assert children is not None
    compensation.take_over(execution.scopes[frame.scope], children)
    _keep_running(execution, children, stopped=False)
    frame.cut = children


def keep(execution: Execution) -> None:
    """The execution is about to end without success."""
    root = next(iter(execution.frames.values()), None)
    if root is not None and Flag.REDRIVE in execution.flags and execution.unwinding is None:
        execution.unfinished = unfinished(execution, root, stopped=True)


def unfinished(execution: Execution, frame: Frame, *, stopped: bool) -> Unfinished:
    """What it takes to begin a frame's state again, with what is inside it. Unless the whole execution was `stopped`,
    its scope hands over what can be undone."""
    scope = execution.scopes[frame.scope]
    children = frame.cut
    if children is None and frame.children is not None and not _reads(execution, frame):
        children = frame.children
        _keep_running(execution, children, stopped=stopped)
    registered = list(scope.registered or ()) if stopped else []
    if stopped and frame.unwinding is not None:
        registered = compensation.left_of(execution, frame.unwinding) + registered
    return Unfinished(
        scope.index,
        frame.address,
        frame.raw_input,
        {name: scope.variables[name] for name in scope.sizes},
        scope.sizes,
        frame.entered_event,
        frame.entered_at_ms,
        frame.muted,
        scope.iteration,
        scope.item,
        scope.input,
        scope.started_ms,
        registered or None,
        children,
    )


def _keep_running(execution: Execution, children: Children, *, stopped: bool) -> None:
    running = [execution.frames[number] for number in children.running.values()]
    children.unfinished += [unfinished(execution, each, stopped=stopped) for each in running]


def _reads(execution: Execution, frame: Frame) -> bool:
    """Whether a Map still reads its items: then there is nothing of it to be kept."""
    waited = execution.operations.get(frame.operation)
    return waited is not None and waited.purpose is Purpose.READ_ITEMS


def every_unfinished(execution: Execution) -> Iterator[Unfinished]:
    """All that is kept anywhere in an execution, in an order of its own."""
    if execution.unfinished is not None:
        yield from execution.unfinished.with_inside()
    for frame in execution.frames.values():
        for children in (frame.children, frame.cut):
            if children is not None:
                yield from children.kept()


# -- beginning again ---------------------------------------------------------------------------------------------------


def redrive(run: Activation) -> None:
    """Begin again what `refusal` does not refuse. An execution that is running goes on as it did."""
    execution = run.execution
    if not execution.closed:
        return
    execution.redrive_count += 1
    event = run.append("ExecutionRedriven", execution.history_length, {"redriveCount": execution.redrive_count})
    if execution.unwinding is not None:
        compensation.undo_failed_again(run)
        return
    execution.status, execution.output, execution.failure = ExecutionStatus.RUNNING, None, None
    left, execution.unfinished = execution.unfinished, None
    if left is None:  # it ended before its first state was entered
        run.open_scope(None, 0, run.program.start_at, execution.input, {})
    else:
        _begin(run, left, None, event)
    if run.program.timeout_seconds is not None:
        run.start_timer(0, execution.now_ms + run.program.timeout_seconds * 1000, Purpose.EXECUTION_TIMEOUT)


def begin_iteration(run: Activation, parent: Frame, left: Unfinished) -> None:
    """Begin an iteration of a Map again, for which there is room now."""
    _begin(run, left, parent, parent.last_event)


def _begin(run: Activation, left: Unfinished, parent: Frame | None, event: int) -> None:
    execution = run.execution
    outer = {} if parent is None else execution.scopes[parent.scope].variables
    scope, frame = run.open_scope(parent, left.index, left.address, left.raw_input, {**outer, **left.variables})
    scope.sizes, scope.registered = left.sizes, left.registered
    execution.variables_bytes += sum(left.sizes.values())
    scope.iteration, scope.item, scope.input, scope.started_ms = left.iteration, left.item, left.input, left.started_ms
    frame.muted, frame.last_event = left.muted, event
    frame.entered_event, frame.entered_at_ms = left.entered_event, left.entered_at_ms
    node = run.nodes[left.address]
    if not isinstance(node, WorkNode):
        return  # it is entered again
    frame.phase = Phase.RETRY
    if left.children is not None:
        _begin_children(run, frame, left.children, mapped=isinstance(node, MapNode))


def _begin_children(run: Activation, frame: Frame, children: Children, *, mapped: bool) -> None:
    """A Parallel begins all its branches again that have not ended; a Map as many iterations as may run."""
    children.running = {}
    children.failed_count = 0
    begun, children.unfinished, children.failed = [*children.unfinished, *children.failed], [], []
    frame.children = children
    if mapped:
        children.unfinished = sorted(begun, key=lambda each: each.index, reverse=True)  # the last one is taken first
        frame.phase = Phase.START_CHILDREN
        told = run.execution.map_runs.get(children.map_run or "")
        if told is not None:
            told.redrive()
            run.record(frame, "MapRunRedriven", {"mapRunArn": told.arn, "redriveCount": told.redrive_count})
        return
    if not begun:  # it was about to be left
        frame.phase = Phase.RETURNED
        return
    frame.phase = Phase.WAITING
    run.execution.ready.remove(frame.id)
    for left in begun:
        _begin(run, left, frame, frame.last_event)
