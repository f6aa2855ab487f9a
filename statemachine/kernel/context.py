"""The context object, ``$$`` (developer guide, "Accessing the Context object"; fact context-object-pass).

An iteration of a distributed Map is an execution of its own on AWS: inside it, Execution and StateMachine are those
that a ResultWriter tells of (map_run.py).
"""

from __future__ import annotations

from statemachine.jsonvalue import Json
from statemachine.kernel.execution import Compensation, Execution, Frame, Scope
from statemachine.kernel.map_runs import child_execution_arn, child_machine_arn
from statemachine.kernel.randomness import derived_uuid, task_token
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
    context |= _surroundings(execution, scope)
    if frame.muted:
        _be_child(context, execution, scope)
    return context


def _be_child(context: dict[str, Json], execution: Execution, scope: Scope) -> None:
    """Show the innermost iteration of a distributed Map as the execution that it is on AWS."""
    while scope.input is None:
        if not scope.parent_frame:
            return  # it was started before Flag.CHILD_EXECUTIONS
        scope = execution.scopes[execution.frames[scope.parent_frame].scope]
    children = execution.frames[scope.parent_frame].children
    assert children is not None
    assert children.map_run is not None
    reports = children.reports
    name = reports[scope.index].name if reports else derived_uuid(execution, scope.id, "iteration")
    machine = child_machine_arn(children.map_run)
    context["Execution"] |= {
        "Id": child_execution_arn(children.map_run, name),
        "Input": scope.input.value,
        "StartTime": to_iso(scope.started_ms),
        "Name": name,
    }
    context["StateMachine"] = {"Id": machine, "Name": machine.rpartition(":")[2]}


def iteration_context(index: int, item: Json) -> Json:
    """``$$.Map``."""
    return {"Item": {"Index": index, "Value": item}}


def _surroundings(execution: Execution, scope: Scope) -> dict[str, Json]:
    """Map, of the innermost iteration around a scope, and Compensation in what is run to undo a state. A compensation
    path knows the iteration that the state was in."""
    found: dict[str, Json] = {}
    while scope.parent_frame and scope.compensating is None:
        if scope.iteration and not found:
            found["Map"] = iteration_context(scope.index, scope.item)
        scope = execution.scopes[execution.frames[scope.parent_frame].scope]
    if scope.compensating is not None:
        found["Compensation"] = _compensation(execution, scope, scope.compensating)
        if scope.compensating.iteration is not None and "Map" not in found:
            found["Map"] = iteration_context(*scope.compensating.iteration)
    return found


def innermost_iteration(execution: Execution, scope: Scope) -> tuple[int, Json] | None:
    """The index and the item of the innermost Map iteration around a scope."""
    while scope.parent_frame:
        if scope.iteration:
            return scope.index, scope.item
        scope = execution.scopes[execution.frames[scope.parent_frame].scope]
    return None


def _compensation(execution: Execution, scope: Scope, compensated: Compensation) -> Json:
    """``$$.Compensation``."""
    unwinding = execution.frames[scope.parent_frame].unwinding if scope.parent_frame else execution.unwinding
    assert unwinding is not None
    return {
        "State": compensated.state,
        "Input": compensated.input.value,
        "Output": compensated.output.value,
        "Error": unwinding.failure.error,
        "Cause": unwinding.failure.cause,
    }
