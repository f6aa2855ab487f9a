"""Map: runs its processor once per item, at most MaxConcurrency at a time; the result is the list of outputs.

Rules (recorded; facts map-*)
- ``$`` in ItemSelector is the state's effective input; the item is in the context object.
- Inline: MapIterationStarted, then Succeeded, Failed or Aborted for each. An iteration that starts when another one
  ends points to that one's last state, as does the MapIterationSucceeded; the closing events follow the latter.
- One failing iteration fails the state: in the order of their indexes, the failing iteration is recorded as failed,
  the running ones as aborted, each with the state that was under way.
- Distributed: the iterations are executions of their own, so the history has MapRunStarted and MapRunSucceeded or
  MapRunFailed instead (map_run.py). Failures up to ToleratedFailureCount or …Percentage are tolerated; without either,
  the first failure fails the state with its own error.
- MaxConcurrency 0 is as much as AWS runs at a time (Limits).
"""

from __future__ import annotations

from statemachine.errors import EXCEED_TOLERATED_FAILURE_THRESHOLD, EvaluationError, Failure
from statemachine.expressions.base import Values
from statemachine.jsonvalue import Document, Json, TooDeepError, encode_json
from statemachine.kernel import redrive
from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.context import context_object, iteration_context
from statemachine.kernel.execution import Batching, Children, Flag, Frame, Phase, Report, Scope
from statemachine.kernel.map_runs import MapRunStatus
from statemachine.kernel.states import map_run
from statemachine.kernel.states.parallel import joined
from statemachine.program.nodes import MapNode


def enter(run: Activation, frame: Frame, node: MapNode) -> None:
    """Find the items and start as many iterations as may run."""
    values = run.values(frame, node)
    effective = node.flow.effective_input(values)
    items = [] if node.reader is not None else node.items(values, effective)
    numbers = values if effective is values.input else values.with_input(effective)
    concurrency = 0 if node.max_concurrency is None else node.max_concurrency(numbers)
    run.record(frame, "MapStateStarted", {"length": len(items)})
    children = Children(total=len(items), items=items, outputs=[None] * len(items))
    limits = run.execution.limits
    most = limits.distributed_map_concurrency if node.distributed else limits.map_concurrency
    children.concurrency = min(concurrency or most, most)
    wanted = map_run.start(run, frame, node, numbers, children, concurrency) if node.distributed else None
    frame.children = children
    frame.phase = Phase.WAITING
    if wanted is not None:
        map_run.read(run, frame, wanted)
        return
    _start_iterations(run, frame, node)
    if not children.running:
        _all_ended(run, frame, node)


def _start_iterations(run: Activation, frame: Frame, node: MapNode) -> None:
    """Start iterations while there is room; those that run are cut if an input cannot be made. Raises
    EvaluationError."""
    assert frame.children is not None
    try:
        _fill(run, frame, node, frame.children)
    except (EvaluationError, TooDeepError):
        _cut(run, frame, node, frame.children)
        map_run.end(run, frame.children, MapRunStatus.FAILED)
        raise


def _fill(run: Activation, frame: Frame, node: MapNode, children: Children) -> None:
    """Iterations point to the frame's last event. In a Map that was redriven, those that had begun come first."""
    while children.unfinished and len(children.running) < children.concurrency:
        _begin_again(run, frame, children)
    told = map_run.described(run, children)
    named = Flag.CHILD_EXECUTIONS in run.execution.flags
    while children.taken < children.total and len(children.running) < children.concurrency:
        index = children.next_index
        if children.batching is not None:
            document = _batch(run, frame, node, children, children.batching)
            item = document.value
        else:
            item = children.items[index]
            document = _iteration_input(run, frame, node, index, item)
            children.taken += 1
        children.next_index += 1
        if told is not None:
            map_run.iteration_started(told, children, item)
        if index == len(children.outputs):
            children.outputs.append(None)
        if node.writer is not None:
            children.reports.append(Report(run.draws.uuid(), document, run.execution.now_ms))
        scope, child = run.open_scope(
            frame, index, node.start_at, document, run.execution.scopes[frame.scope].variables
        )
        scope.iteration, scope.item = True, item
        if node.distributed:
            child.muted = True
            if named:
                scope.input, scope.started_ms = document, run.execution.now_ms
        elif not frame.muted:
            child.last_event = run.note(frame, "MapIterationStarted", {"name": node.name, "index": index})


def _begin_again(run: Activation, frame: Frame, children: Children) -> None:
    left = children.unfinished.pop()
    redrive.begin_iteration(run, frame, left)
    if (told := map_run.described(run, children)) is not None:
        map_run.iteration_started(told, children, left.item, again=True)
    if children.reports:
        report = children.reports[left.index]
        report.stopped_ms = report.failure = None


def _iteration_input(run: Activation, frame: Frame, node: MapNode, index: int, item: Json) -> Document:
    if node.item_selector is None:
        document = Document(item)
        if node.reader is not None:  # it was in no payload so far
            run.check_size(document, node.name, "provided parameters")
        return document
    values = run.values(frame, node)
    effective = node.flow.effective_input(values)
    execution, scope = run.execution, run.execution.scopes[frame.scope]

    def context() -> Json:
        return {**context_object(execution, frame, scope, node), "Map": iteration_context(index, item)}

    return run.arguments(
        frame, node, node.item_selector(Values(effective, context, values.variables, run.draws, execution.now_ms))
    )


def _batch(run: Activation, frame: Frame, node: MapNode, children: Children, batching: Batching) -> Document:
    """The next batch: as many items as the bounds allow, and one at least."""
    items: list[Json] = []
    size = len(encode_json({**batching.common, "Items": items}))
    payload = run.execution.limits.payload_bytes
    most = min(batching.bytes or payload or 0, payload or batching.bytes)
    for index in range(children.taken, children.total):
        if batching.items and len(items) >= batching.items:
            break
        document = _iteration_input(run, frame, node, index, children.items[index])
        size += document.size + 1
        if items and most and size > most:
            break
        items.append(document.value)
    batch = run.arguments(frame, node, {**batching.common, "Items": items})
    children.taken += len(items)
    return batch


def child_ended(run: Activation, parent: Frame, node: MapNode, scope: Scope, child: Frame, output: Document) -> None:
    """An iteration is done: the next one may start."""
    children = parent.children
    assert children is not None
    del children.running[scope.id]
    children.outputs[scope.index] = output
    if node.writer is not None:
        children.reports[scope.index].stopped_ms = run.execution.now_ms
    if node.distributed:
        map_run.iteration_ended(run, children, scope.item, succeeded=True)
    else:
        parent.last_event = child.last_event
        succeeded = run.note(parent, "MapIterationSucceeded", {"name": node.name, "index": scope.index})
        if not children.running and not children.left:
            parent.last_event = succeeded
    _go_on(run, parent, node)


def _go_on(run: Activation, parent: Frame, node: MapNode) -> None:
    children = parent.children
    assert children is not None
    # A failing ItemSelector is a failure of the Map, found while an iteration's frame runs: hence its own phase.
    if children.left:
        if parent.phase is Phase.WAITING:
            run.ready(parent, Phase.START_CHILDREN)
    elif not children.running:
        _all_ended(run, parent, node)


def start_children(run: Activation, frame: Frame, node: MapNode) -> None:
    """There may be room for further iterations; or items were read."""
    assert frame.children is not None
    frame.phase = Phase.WAITING
    if frame.operation:
        return  # the map run has failed, and its results are being written
    _start_iterations(run, frame, node)
    if not frame.children.running:
        _all_ended(run, frame, node)


def _all_ended(run: Activation, frame: Frame, node: MapNode) -> None:
    if node.distributed:
        map_run.ended(run, frame, node)
        return
    run.note(frame, "MapStateSucceeded")
    run.ready(frame, Phase.RETURNED)


def child_failed(run: Activation, parent: Frame, node: MapNode, scope: Scope, child: Frame, failure: Failure) -> None:
    """An iteration failed."""
    children = parent.children
    assert children is not None
    if node.distributed:
        children.failed_count += map_run.items_in(children, scope.item)
        map_run.iteration_ended(run, children, scope.item, succeeded=False)
        if node.writer is not None:
            report = children.reports[scope.index]
            report.stopped_ms, report.failure = run.execution.now_ms, failure
        declared = children.tolerated_count is not None or children.tolerated_percentage is not None
        if declared and _tolerated(children):
            children.failed.append(redrive.unfinished(run.execution, child, stopped=False))
            run.abort(child, 0)
            del children.running[scope.id]
            _go_on(run, parent, node)
            return
        if declared:
            failure = Failure(
                EXCEED_TOLERATED_FAILURE_THRESHOLD, "The specified tolerated failure threshold was exceeded"
            )
    else:
        parent.last_event = child.last_event
    _cut(run, parent, node, children, failed=scope)
    if node.distributed:
        map_run.cut_short(run, parent, node, failure)
        return
    parent.failure = failure
    if parent.phase is Phase.START_CHILDREN:  # it is in `ready` already, to start further iterations
        parent.phase = Phase.FAILED
    else:
        run.ready(parent, Phase.FAILED)


def _cut(run: Activation, frame: Frame, node: MapNode, children: Children, failed: Scope | None = None) -> None:
    """Cut all running iterations short, in the order of their indexes."""
    redrive.cut(run.execution, frame)
    for scope_id, frame_id in list(children.running.items()):
        if not node.distributed:
            scope = run.execution.scopes[scope_id]
            end = "Failed" if scope is failed else "Aborted"
            run.note(frame, f"MapIteration{end}", {"name": node.name, "index": scope.index})
        run.abort(run.execution.frames[frame_id], frame.last_event)
    children.running.clear()
    map_run.cut(run, children)


def _tolerated(children: Children) -> bool:
    """Whether the failures so far stay within both thresholds that are declared."""
    if children.tolerated_count is not None and children.failed_count > children.tolerated_count:
        return False
    percentage = children.tolerated_percentage
    return percentage is None or children.failed_count * 100 <= percentage * children.total


def returned(run: Activation, frame: Frame, node: MapNode) -> None:
    """Leave with the outputs of the iterations that succeeded."""
    assert frame.children is not None
    if frame.result is None:  # a ResultWriter made one
        frame.result = joined([output for output in frame.children.outputs if output is not None])
    frame.children = None
    run.leave(frame, node, node.flow.exit(run.values(frame, node), frame.result.value), node.next)


HANDLER = StateHandler(
    enter,
    restart=enter,
    returned=returned,
    start_children=start_children,
    child_ended=child_ended,
    child_failed=child_failed,
)
