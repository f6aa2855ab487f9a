"""The context object, ``$$`` (developer guide, "Accessing the Context object"; fact context-object-pass)."""

from __future__ import annotations

from statemachine.jsonvalue import Json
from statemachine.kernel.execution import Execution, Frame, Scope
from statemachine.kernel.randomness import task_token
from statemachine.program.nodes import Node, TaskNode, WorkNode
from statemachine.program.resources import IntegrationPattern
from statemachine.timestamps import to_iso


def context_object(execution: Execution, frame: Frame, scope: Scope, node: Node) -> Json:
    """What ``$$`` is for a frame. RetryCount is there for states that can be retried, Task for callbacks
    and ``.sync`` (recorded), Map inside an iteration."""
    state: dict[str, Json] = {"Name": node.name, "EnteredTime": to_iso(frame.entered_at_ms)}
    if isinstance(node, WorkNode):
        state["RetryCount"] = frame.retry_count
    context: dict[str, Json] = {
        "Execution": {
            "Id": execution.arn,
            "Input": execution.input.value,
            "StartTime": to_iso(execution.started_ms),
            "Name": execution.id,
            "RoleArn": execution.role_arn,
        },
        "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine_name},
        "State": state,
    }
    if not execution.synchronous:
        context["Execution"]["RedriveCount"] = execution.redrive_count
    if isinstance(node, TaskNode) and node.resource.pattern is not IntegrationPattern.REQUEST_RESPONSE:
        context["Task"] = {"Token": task_token(execution, frame.operation)}
    iteration = _iteration(execution, scope)
    if iteration is not None:
        context["Map"] = iteration_context(iteration.index, iteration.item)
    return context


def iteration_context(index: int, item: Json) -> Json:
    """``$$.Map``."""
    return {"Item": {"Index": index, "Value": item}}


def _iteration(execution: Execution, scope: Scope) -> Scope | None:
    """The innermost Map iteration around a scope."""
    while scope.parent_frame:
        if scope.iteration:
            return scope
        scope = execution.scopes[execution.frames[scope.parent_frame].scope]
    return None
