"""Task: asks the host for work and waits for its end, for TimeoutSeconds or for a lost heartbeat.

History (facts history-lambda-arn-events, history-activity-events, timeout-uncaught-no-cause): each attempt is
Scheduled and Started, then Succeeded, Failed or TimedOut; function ARNs have LambdaFunction… events with the input,
activities Activity…, all other resources Task… events with resourceType, resource and the parameters.
"""

from __future__ import annotations

from statemachine.errors import HEARTBEAT_TIMEOUT, TIMEOUT, EvaluationError, Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.execution import Frame, Phase, Purpose
from statemachine.program.nodes import TaskNode
from statemachine.program.resources import Resource, ResourceKind


def enter(run: Activation, frame: Frame, node: TaskNode) -> None:
    """Evaluate the arguments (again for each attempt, fact retry-count-context) and schedule the task."""
    execution = run.execution
    frame.operation = operation = run.new_id()
    try:
        values = run.values(frame, node)
        effective = node.flow.effective_input(values)
        numbers = values if effective is values.input else values.with_input(effective)
        timeout = None if node.timeout_seconds is None else node.timeout_seconds(numbers)
        heartbeat = None if node.heartbeat_seconds is None else node.heartbeat_seconds(numbers)
        credentials = None if node.credentials is None else node.credentials(numbers)
        value = node.flow.arguments(values, effective)
    finally:
        frame.operation = 0
    arguments = run.arguments(frame, node, value)
    _record_schedule(run, frame, node, arguments, timeout, heartbeat, credentials)
    deadline = None if timeout is None else execution.now_ms + timeout * 1000
    run.schedule(
        frame,
        ScheduleTask(operation, node.resource.text, arguments, node.name, frame.retry_count, deadline, heartbeat),
    )
    if deadline is not None:
        frame.timeout = run.start_timer(frame.id, deadline, Purpose.TASK_TIMEOUT)


def _record_schedule(
    run: Activation,
    frame: Frame,
    node: TaskNode,
    arguments: Document,
    timeout: int | None,
    heartbeat: int | None,
    credentials: Json,
) -> None:
    resource = node.resource
    details: dict[str, Json] = {}
    if resource.kind is ResourceKind.SERVICE:
        details = {**_names(resource), "region": _region(run), "parameters": arguments}
    else:
        details = {"input": arguments, "resource": resource.text}
    if timeout is not None:
        details["timeoutInSeconds"] = timeout
    if heartbeat is not None:
        details["heartbeatInSeconds"] = heartbeat
    if isinstance(credentials, dict) and "RoleArn" in credentials:
        details["taskCredentials"] = {"roleArn": credentials["RoleArn"]}
    run.record(frame, f"{resource.kind.value}Scheduled", details)
    run.record(frame, f"{resource.kind.value}Started", _names(resource) or None)


def succeeded(run: Activation, frame: Frame, node: TaskNode, output: Document) -> None:
    """The task returned."""
    try:
        run.check_size(output, node.resource.task_name, "returned a result")
    except EvaluationError as error:
        failed(run, frame, node, Failure(error.error, error.cause))
        return
    run.record(frame, f"{node.resource.kind.value}Succeeded", {**_names(node.resource), "output": output})
    frame.result = output
    run.ready(frame, Phase.RETURNED)


def failed(run: Activation, frame: Frame, node: TaskNode, failure: Failure) -> None:
    """The task failed."""
    run.record(frame, f"{node.resource.kind.value}Failed", {**_names(node.resource), **_failure(failure)})
    frame.failure = failure
    run.ready(frame, Phase.FAILED)


def timed_out(run: Activation, frame: Frame, node: TaskNode, *, heartbeat: bool) -> None:
    """TimeoutSeconds has passed, or a heartbeat was lost."""
    failure = Failure(HEARTBEAT_TIMEOUT if heartbeat else TIMEOUT)
    run.record(frame, f"{node.resource.kind.value}TimedOut", {**_names(node.resource), **_failure(failure)})
    frame.failure = failure
    run.ready(frame, Phase.FAILED)


def returned(run: Activation, frame: Frame, node: TaskNode) -> None:
    """Leave with the result."""
    assert frame.result is not None
    run.leave(frame, node, node.flow.exit(run.values(frame, node), frame.result.value), node.next)


def _names(resource: Resource) -> dict[str, Json]:
    if resource.kind is ResourceKind.SERVICE:
        return {"resourceType": resource.type, "resource": resource.action}
    return {}


def _failure(failure: Failure) -> dict[str, Json]:
    pairs = (("error", failure.error), ("cause", failure.cause))
    return {key: value for key, value in pairs if value is not None}


def _region(run: Activation) -> str:
    return run.execution.machine_arn.split(":")[3]


HANDLER = StateHandler(enter, restart=enter, returned=returned)
