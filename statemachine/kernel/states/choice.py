"""Choice: the first rule that matches says where to go, and with which assignments; else Default.

A missing Variable is States.Runtime; no match and no Default is States.NoChoiceMatched (facts choice-*).
"""

from __future__ import annotations

from statemachine.errors import NO_CHOICE_MATCHED, EvaluationError
from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.execution import Frame
from statemachine.program.nodes import ChoiceNode

_NO_MATCH = "Failed to transition out of the state. The state does not point to a next state."


def enter(run: Activation, frame: Frame, node: ChoiceNode) -> None:
    """Choose."""
    values = run.values(frame, node)
    effective = node.flow.effective_input(values)
    seen = values if effective is values.input else values.with_input(effective)
    for rule in node.rules:
        if rule.condition(seen):
            run.leave(frame, node, rule.flow.exit(values, effective), rule.next)
            return
    if node.next is None:
        raise EvaluationError(NO_CHOICE_MATCHED, _NO_MATCH)
    run.leave(frame, node, node.flow.exit(values, effective), node.next)


HANDLER = StateHandler(enter)
