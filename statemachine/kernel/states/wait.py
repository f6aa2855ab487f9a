"""Wait: a timer, unless its time has already come (facts wait-*)."""

from __future__ import annotations

from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Frame, Phase, Purpose
from statemachine.program.nodes import WaitNode


def enter(run: Activation, frame: Frame, node: WaitNode) -> None:
    """Start the timer; the time is computed from the effective input."""
    values = run.values(frame, node)
    effective = node.flow.effective_input(values)
    now_ms = run.execution.now_ms
    until_ms = node.until(values if effective is values.input else values.with_input(effective), now_ms)
    if until_ms <= now_ms:
        returned(run, frame, node)
        return
    frame.operation = run.start_timer(frame.id, until_ms, Purpose.WAIT)
    frame.phase = Phase.WAITING


def returned(run: Activation, frame: Frame, node: WaitNode) -> None:
    """The time has come."""
    values = run.values(frame, node)
    run.leave(frame, node, node.flow.exit(values, node.flow.effective_input(values)), node.next)


HANDLER = StateHandler(enter, returned=returned)
