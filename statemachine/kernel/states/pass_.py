"""Pass: its result is Result if there is one, else what Parameters make of the input."""

from __future__ import annotations

from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Frame
from statemachine.program.nodes import PassNode


def enter(run: Activation, frame: Frame, node: PassNode) -> None:
    """Pass through."""
    values = run.values(frame, node)
    if node.result is None:
        result = node.flow.arguments(values, node.flow.effective_input(values))
    else:
        frame.result = node.result
        result = node.result.value
    run.leave(frame, node, node.flow.exit(values, result), node.next)


HANDLER = StateHandler(enter)
