"""Parallel: every branch gets the arguments; the result is the list of their outputs, in the order of the definition.

History (recorded; facts parallel-*): ParallelStateStarted again for every attempt; when a branch fails the states
under way in all branches are recorded as aborted, then ParallelStateFailed, once, if no retrier takes it.
ParallelStateSucceeded and the exited event both point to the last event of the branch that ended last.
"""

from __future__ import annotations

from statemachine.errors import Failure, KernelError
from statemachine.jsonvalue import Document
from statemachine.kernel import redrive
from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Children, Frame, Phase, Scope
from statemachine.program.nodes import ParallelNode


def enter(run: Activation, frame: Frame, node: ParallelNode) -> None:
    """Start all branches."""
    values = run.values(frame, node)
    value = node.flow.arguments(values, node.flow.effective_input(values))
    document = run.arguments(frame, node, value)
    run.record(frame, "ParallelStateStarted")
    frame.children = Children(total=len(node.branches), outputs=[None] * len(node.branches))
    frame.phase = Phase.WAITING
    variables = run.execution.scopes[frame.scope].variables
    for index, start_at in enumerate(node.branches):
        run.open_scope(frame, index, start_at, document, variables)


def child_ended(
    run: Activation, parent: Frame, node: ParallelNode, scope: Scope, child: Frame, output: Document
) -> None:
    """A branch is done; after the last one the state is."""
    children = parent.children
    assert children is not None
    del children.running[scope.id]
    children.outputs[scope.index] = output
    if not children.running:
        parent.last_event = child.last_event
        run.note(parent, "ParallelStateSucceeded")
        run.ready(parent, Phase.RETURNED)


def child_failed(
    run: Activation, parent: Frame, node: ParallelNode, scope: Scope, child: Frame, failure: Failure
) -> None:
    """A branch failed: cut all of them, then let Retry and Catch of the state decide."""
    children = parent.children
    assert children is not None
    parent.last_event = child.last_event
    redrive.cut(run.execution, parent)
    for frame_id in list(children.running.values()):
        run.abort(run.execution.frames[frame_id], parent.last_event)
    children.running.clear()
    parent.failure = failure
    run.ready(parent, Phase.FAILED)


def returned(run: Activation, frame: Frame, node: ParallelNode) -> None:
    """Leave with the branches' outputs."""
    assert frame.children is not None
    frame.result = joined([output for output in frame.children.outputs if output is not None])
    frame.children = None
    run.leave(frame, node, node.flow.exit(run.values(frame, node), frame.result.value), node.next)


def joined(outputs: list[Document]) -> Document:
    """A list of documents as one document; texts that were written are not written again."""
    try:
        encoded = b"[" + b",".join([output.encoded for output in outputs]) + b"]"
    except ValueError as error:
        raise KernelError(str(error)) from error
    return Document([output.value for output in outputs], encoded)


HANDLER = StateHandler(enter, restart=enter, returned=returned, child_ended=child_ended, child_failed=child_failed)
