"""Succeed: ends its scope with its input."""

from __future__ import annotations

from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Frame
from statemachine.program.nodes import SucceedNode


def enter(run: Activation, frame: Frame, node: SucceedNode) -> None:
    """End the scope."""
    values = run.values(frame, node)
    run.leave(frame, node, node.flow.exit(values, node.flow.effective_input(values)), None)


HANDLER = StateHandler(enter)
