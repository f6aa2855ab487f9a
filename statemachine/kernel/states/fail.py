"""Fail: fails its scope. It is not exited, and is not recorded as aborted (fact fail-state-without-error)."""

from __future__ import annotations

from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Frame
from statemachine.program.nodes import FailNode


def enter(run: Activation, frame: Frame, node: FailNode) -> None:
    """Fail the scope with the state's error and cause."""
    run.fail_scope(frame, node.failure(run.values(frame, node)))


HANDLER = StateHandler(enter)
