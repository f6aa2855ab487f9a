"""Retry and Catch: which one takes a failure, when the next attempt starts, what a catcher passes on.

Rules (developer guide, "Handling errors"; facts retry-*, catch-*, states-runtime-not-catchable)
- Retriers are tried in order, and exhausted before any catcher is looked at; each has its own count, which lasts as
  long as the state is not left.
- States.ALL matches every error, States.TaskFailed every one but a timeout. States.Runtime matches nothing.
- The delay is IntervalSeconds * BackoffRate ** retries so far, at most MaxDelaySeconds; full jitter draws from 0 to it.
"""

from __future__ import annotations

from statemachine.errors import ALL, HEARTBEAT_TIMEOUT, QUERY_EVALUATION_ERROR, RUNTIME, TASK_FAILED, TIMEOUT, Failure
from statemachine.jsonvalue import Json
from statemachine.kernel import compensation
from statemachine.kernel.activation import Activation
from statemachine.kernel.execution import Frame, Phase, Purpose
from statemachine.program.nodes import CatcherNode, MapNode, Node, ParallelNode, RetrierNode, WorkNode

_TIMEOUTS = (TIMEOUT, HEARTBEAT_TIMEOUT)
MAX_DELAY_MS = 31_622_400_000
"""A year, AWS's largest MaxDelaySeconds (fact limit-max-delay), bounds every delay."""


def matches(error_equals: tuple[str, ...], error: str | None) -> bool:
    """Whether an ErrorEquals list names this error."""
    if error == RUNTIME:
        return False
    for name in error_equals:
        if name in (error, ALL):
            return True
        if name == TASK_FAILED and error not in _TIMEOUTS:
            return True
        if name == TIMEOUT and error == HEARTBEAT_TIMEOUT:
            return True
    return False


def handle_failure(run: Activation, frame: Frame, node: Node) -> None:
    """Retry the state, let a catcher take over, or fail the scope with `frame.failure`."""
    failure = frame.failure
    assert failure is not None
    frame.failure = frame.result = None
    cut, frame.cut = frame.cut, None
    if isinstance(node, WorkNode):
        if _retry(run, frame, node, failure):
            return
        started = frame.children is not None or failure.error == QUERY_EVALUATION_ERROR  # recorded: map-items-*
        if started and isinstance(node, ParallelNode | MapNode):
            frame.children = None
            run.record(frame, "ParallelStateFailed" if isinstance(node, ParallelNode) else "MapStateFailed")
        for index, catcher in enumerate(node.catchers):
            if matches(catcher.error_equals, failure.error):
                if not catcher.compensate or not compensation.begin(run, frame, index, failure):
                    _catch(run, frame, node, catcher, failure)
                return
    frame.cut = cut
    run.fail_scope(frame, failure)


def go_to_catcher(run: Activation, frame: Frame, node: Node) -> None:
    """What a catcher wanted undone is undone: go where it says."""
    unwinding, frame.unwinding = frame.unwinding, None
    assert unwinding is not None
    assert isinstance(node, WorkNode)
    _catch(run, frame, node, node.catchers[unwinding.catcher], unwinding.failure)


def _catch(run: Activation, frame: Frame, node: Node, catcher: CatcherNode, failure: Failure) -> None:
    exit = catcher.flow.exit(run.values(frame, node), error_output(failure))
    run.leave(frame, node, exit, catcher.next)


def error_output(failure: Failure) -> Json:
    """What a catcher gets. A timeout has an empty Cause, another error without one null (recorded)."""
    cause = "" if failure.cause is None and failure.error in _TIMEOUTS else failure.cause
    return {"Error": failure.error, "Cause": cause}


def _retry(run: Activation, frame: Frame, node: WorkNode, failure: Failure) -> bool:
    for index, retrier in enumerate(node.retriers):
        if matches(retrier.error_equals, failure.error):
            counts = frame.attempts or (0,) * len(node.retriers)
            if counts[index] >= retrier.max_attempts:
                return False
            delay_ms = _delay_ms(run, retrier, counts[index])
            frame.attempts = (*counts[:index], counts[index] + 1, *counts[index + 1 :])
            frame.retry_count += 1
            frame.children = None
            if delay_ms <= 0:
                run.ready(frame, Phase.RETRY)
            else:
                frame.phase = Phase.WAITING
                frame.operation = run.start_timer(frame.id, run.execution.now_ms + delay_ms, Purpose.RETRY)
            return True
    return False


def _delay_ms(run: Activation, retrier: RetrierNode, retries: int) -> int:
    most = MAX_DELAY_MS if retrier.max_delay_ms is None else min(retrier.max_delay_ms, MAX_DELAY_MS)
    try:
        delay_ms = min(int(retrier.interval_ms * retrier.backoff_rate**retries), most)
    except OverflowError:
        delay_ms = most
    return run.draws.below(delay_ms + 1) if retrier.full_jitter else delay_ms
