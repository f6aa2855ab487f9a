"""Compensation: undo what has completed, in reverse order (docs/compensation.md; an extension of the language).

Rules
- A state with CompensateWith that completes registers a compensation in its scope, with its input, its output and the
  variables as they are then. When a scope ends, completed, failed or cut short, its parent's scope takes them over.
- They are run when the execution is about to end otherwise than by succeeding (`end`), and when a catcher with
  Compensate takes over (`begin`): the execution's, or the scope's, one after the other, the last completed first.
- A path that is run is a scope of its own, which the compensation marks; its states are ordinary ones. It has the
  completed state's output as its input. It fails as a scope fails; the others are run all the same.
- An unwinding is state as everything else is: what waits, what is being run, what has failed. A catcher's that is cut
  short gives back what it has not done, for whoever cuts it.
- An execution without registered compensations ends as if this module were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statemachine.errors import TIMEOUT, Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.context import innermost_iteration
from statemachine.kernel.execution import (
    Children,
    Compensation,
    Execution,
    FailedCompensation,
    Frame,
    Phase,
    Scope,
    Unwinding,
)
from statemachine.kernel.history import failure_details
from statemachine.kernel.quota import QuotaError
from statemachine.program.nodes import Address, Node

if TYPE_CHECKING:
    from statemachine.kernel.activation import Activation

# -- what can be undone ------------------------------------------------------------------------------------------------


def register(run: Activation, frame: Frame, node: Node, target: Address, output: Document) -> None:
    """The state of a frame has completed. Raises QuotaError if that is one too many: it is registered all the same."""
    execution = run.execution
    scope = execution.scopes[frame.scope]
    compensation = Compensation(
        run.new_id(),
        node.name,
        target,
        frame.raw_input,
        output,
        scope.variables,
        innermost_iteration(execution, scope),
        frame.muted,
    )
    _give(scope, [compensation])
    execution.compensations += 1
    most = execution.limits.compensations
    if execution.compensations > most:
        raise QuotaError(f"The execution reached the maximum number of compensations ({most}).", frame.last_event)


def hand_over(execution: Execution, scope: Scope) -> None:
    """A scope has ended: what was registered in it belongs to the scope around it."""
    assert scope.registered is not None
    _give(execution.scopes[execution.frames[scope.parent_frame].scope], scope.registered)


def take_over(scope: Scope, children: Children) -> None:
    """What iterations have done that were to begin again belongs to the scope of their Map, which is cut short."""
    for left in children.kept():
        if left.registered is not None:
            _give(scope, left.registered)
            left.registered = None


def _give(scope: Scope, compensations: list[Compensation]) -> None:
    if scope.registered is None:
        scope.registered = list(compensations)
    else:
        scope.registered += compensations


def _in_order(compensations: list[Compensation]) -> list[Compensation]:
    return sorted(compensations, key=lambda each: each.id)


# -- unwinding ---------------------------------------------------------------------------------------------------------


def begin(run: Activation, frame: Frame, catcher: int, failure: Failure) -> bool:
    """Undo what has completed in a frame's scope, for its state's catcher; whether there is anything to be undone."""
    scope = run.execution.scopes[frame.scope]
    if not scope.registered:
        return False
    waiting, scope.registered = _in_order(scope.registered), None
    frame.unwinding = unwinding = Unwinding(waiting, failure, None, catcher)
    frame.phase = Phase.WAITING
    run.record(frame, "CompensationStarted", _started(unwinding))
    unwinding.last_event = frame.last_event
    _go_on(run, unwinding, frame)
    return True


def end(run: Activation, status: ExecutionStatus, previous: int, failure: Failure) -> None:
    """End the execution, after undoing what has completed. `previous` is the event that leads to its end."""
    execution = run.execution
    waiting = _in_order(held(execution))
    if not waiting:
        _close(run, status, previous, failure)
        return
    run.clear()
    _unwind(run, waiting, failure, status, previous)


def stop(run: Activation, failure: Failure, *, compensate: bool) -> None:
    """Somebody wants the execution to end. An unwinding that was begun because of a failure or a stop is itself only
    stopped by a stop without compensation."""
    execution = run.execution
    if execution.unwinding is None and compensate:
        end(run, ExecutionStatus.ABORTED, 0, failure)
    elif execution.unwinding is None:
        _close(run, ExecutionStatus.ABORTED, 0, failure)
    elif not compensate:
        _give_up(execution)
        _close(run, ExecutionStatus.ABORTED, 0, failure)


def cut_short(run: Activation) -> None:
    """The unwinding of an execution takes too many events: end the execution as it stands."""
    unwinding = run.execution.unwinding
    assert unwinding is not None
    assert unwinding.status is not None
    _give_up(run.execution)
    _close(run, unwinding.status, run.execution.history_length, unwinding.failure)


def undo_failed_again(run: Activation) -> None:
    """Run the failed compensations of an execution that has ended once more, for its redrive; then it ends again as it
    has ended, with those that have failed again."""
    execution = run.execution
    failed, execution.failed_compensations = execution.failed_compensations, []
    status, failure = execution.status, execution.failure or Failure(None)
    if status is ExecutionStatus.TIMED_OUT:
        failure = Failure(TIMEOUT)
    execution.status, execution.failure = ExecutionStatus.RUNNING, None
    waiting = _in_order([each.compensation for each in failed])
    _unwind(run, waiting, failure, status, execution.history_length)


def _unwind(
    run: Activation, waiting: list[Compensation], failure: Failure, status: ExecutionStatus, previous: int
) -> None:
    """Undo, then end the execution."""
    execution = run.execution
    unwinding = Unwinding(waiting, failure, status, began_at_event=execution.history_length)
    execution.unwinding = unwinding
    run.bound_history()
    unwinding.last_event = run.append("CompensationStarted", previous, _started(unwinding))
    _go_on(run, unwinding, None)


def _started(unwinding: Unwinding) -> dict[str, Json]:
    return {"count": len(unwinding.waiting), **failure_details(unwinding.failure)}


def _go_on(run: Activation, unwinding: Unwinding, owner: Frame | None) -> None:
    """Run the next compensation; after the last one, let the catcher go on or end the execution. `owner` is the frame
    of that catcher."""
    if unwinding.waiting:
        _run(run, unwinding, owner, unwinding.waiting.pop())
    elif owner is not None:
        owner.last_event = unwinding.last_event
        run.ready(owner, Phase.COMPENSATED)
    else:
        assert unwinding.status is not None
        _close(run, unwinding.status, unwinding.last_event, unwinding.failure)


def _run(run: Activation, unwinding: Unwinding, owner: Frame | None, compensation: Compensation) -> None:
    scope, frame = run.open_scope(None, 0, compensation.target, compensation.output, compensation.variables)
    scope.compensating = compensation
    if owner is not None:
        scope.parent_frame, frame.muted = owner.id, owner.muted
    unwinding.running = frame.id
    frame.last_event = unwinding.last_event
    details = {
        "state": compensation.state,
        "compensateWith": run.nodes[compensation.target].name,
        "input": compensation.output,
    }
    run.record(frame, "CompensationScheduled", details)
    frame.muted = frame.muted or compensation.muted


def succeeded(run: Activation, scope: Scope, compensation: Compensation, frame: Frame, output: Document) -> None:
    """A path has ended. Its frame and scope are gone already."""
    run.execution.compensations -= 1
    _ended(run, scope, frame, "CompensationSucceeded", {"state": compensation.state, "output": output})


def failed(run: Activation, scope: Scope, compensation: Compensation, frame: Frame, failure: Failure) -> None:
    """A path has failed: that is noted, and the others are run all the same."""
    run.drop(frame)
    run.execution.failed_compensations.append(FailedCompensation(compensation, failure))
    _ended(run, scope, frame, "CompensationFailed", {"state": compensation.state, **failure_details(failure)})


def _ended(run: Activation, scope: Scope, frame: Frame, event_type: str, details: dict[str, Json]) -> None:
    execution = run.execution
    owner = execution.frames[scope.parent_frame] if scope.parent_frame else None
    unwinding = execution.unwinding if owner is None else owner.unwinding
    assert unwinding is not None
    unwinding.running = 0
    frame.muted = owner is not None and owner.muted
    run.record(frame, event_type, details)
    unwinding.last_event = frame.last_event
    _go_on(run, unwinding, owner)


# -- cutting short -----------------------------------------------------------------------------------------------------


def interrupt(run: Activation, frame: Frame, unwinding: Unwinding, cause_event: int) -> None:
    """A frame is cut short whose catcher undoes: what it has not done is registered again."""
    execution = run.execution
    left = left_of(execution, unwinding)
    if unwinding.running:
        run.abort(execution.frames[unwinding.running], cause_event)
    _give(execution.scopes[frame.scope], left)


def left_of(execution: Execution, unwinding: Unwinding) -> list[Compensation]:
    """What an unwinding has not done, that which is being run included."""
    left = list(unwinding.waiting)
    if unwinding.running:
        compensation = execution.scopes[execution.frames[unwinding.running].scope].compensating
        assert compensation is not None
        left.append(compensation)
    return left


def held(execution: Execution) -> list[Compensation]:
    """All compensations that are registered or not done yet, wherever they are."""
    found = [] if execution.unwinding is None else list(execution.unwinding.waiting)
    for scope in execution.scopes.values():
        found += scope.registered or ()
        if scope.compensating is not None:
            found.append(scope.compensating)
    for frame in execution.frames.values():
        found += [] if frame.unwinding is None else frame.unwinding.waiting
        for left in () if frame.children is None else frame.children.kept():
            found += left.registered or ()
    return found


def _give_up(execution: Execution) -> None:
    """Those that are left have failed without a failure of their own."""
    left = reversed(_in_order(held(execution)))
    execution.failed_compensations += [FailedCompensation(each, None) for each in left]
    assert execution.unwinding is not None
    execution.unwinding.waiting.clear()
    execution.unwinding.running = 0


def _close(run: Activation, status: ExecutionStatus, previous: int, failure: Failure) -> None:
    """End the execution. Only a failure's event points to what led to it, and a timeout has no error."""
    details = {} if status is ExecutionStatus.TIMED_OUT else failure_details(failure)
    shown = failure if details or status is ExecutionStatus.FAILED else None
    if run.execution.failed_compensations:
        details["failedCompensations"] = [each.compensation.state for each in run.execution.failed_compensations]
    run.close(status, previous if status is ExecutionStatus.FAILED else 0, details, failure=shown)
