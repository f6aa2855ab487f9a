"""Task: asks the host for work and waits for its end, for TimeoutSeconds or for a lost heartbeat.

Rules
- History (facts history-lambda-arn-events, history-activity-events, timeout-uncaught-no-cause): each attempt is
  Scheduled and Started, then Succeeded, Failed or TimedOut; function ARNs have LambdaFunction… events with the input,
  activities Activity…, all other resources Task… events with resourceType, resource and the parameters.
- ``.waitForTaskToken`` and ``.sync`` record TaskSubmitted between Started and the end (fact
  history-token-and-sync-submitted). A job that the host performs as a whole is recorded as submitted when it ends.
- A token that is answered while the call is still being made is not lost: the answer counts when the call has ended.
- An activity is Started when a worker takes it; TimeoutSeconds counts from then on (developer guide, "Task").
"""

from __future__ import annotations

from msgspec.structs import replace

from statemachine.errors import HEARTBEAT_TIMEOUT, TIMEOUT, EvaluationError, Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.activation import Activation, StateHandler
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.execution import Frame, Operation, Phase, Purpose
from statemachine.kernel.history import failure_details
from statemachine.program.nodes import TaskNode
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind


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
    polled = node.resource.kind is ResourceKind.ACTIVITY
    deadline = None if timeout is None or polled else execution.now_ms + timeout * 1000
    run.schedule(
        frame,
        ScheduleTask(
            operation=operation,
            resource=node.resource.text,
            arguments=arguments,
            state=node.name,
            attempt=frame.retry_count,
            deadline_ms=deadline,
            heartbeat_seconds=heartbeat,
            role_arn=_role(credentials),
            timeout_seconds=timeout if polled else None,
        ),
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
    role = _role(credentials)
    if role is not None:
        details["taskCredentials"] = {"roleArn": role}
    run.record(frame, f"{resource.kind.value}Scheduled", details)
    if resource.kind is not ResourceKind.ACTIVITY:
        run.record(frame, f"{resource.kind.value}Started", _names(resource) or None)


def started(run: Activation, operation: Operation, frame: Frame, node: TaskNode, worker_name: str | None) -> None:
    """A worker took an activity's task. Only the first counts."""
    command = operation.command
    assert isinstance(command, ScheduleTask)
    if command.submitted or node.resource.kind is not ResourceKind.ACTIVITY:
        return
    run.record(frame, "ActivityStarted", None if worker_name is None else {"workerName": worker_name})
    deadline = None
    if command.timeout_seconds is not None:
        deadline = run.execution.now_ms + command.timeout_seconds * 1000
        frame.timeout = run.start_timer(frame.id, deadline, Purpose.TASK_TIMEOUT)
    operation.command = replace(command, submitted=True, deadline_ms=deadline)


def submitted(run: Activation, operation: Operation, frame: Frame, node: TaskNode, output: Document) -> Failure | None:
    """The call returned, the task goes on; or the failure, if the result breaks a limit. Only the first counts."""
    command = operation.command
    assert isinstance(command, ScheduleTask)
    if command.submitted or node.resource.pattern is IntegrationPattern.REQUEST_RESPONSE:
        return None
    failure = _check_result(run, node, output)
    if failure is None:
        run.record(frame, "TaskSubmitted", {**_names(node.resource), "output": output})
        operation.command = replace(command, submitted=True)
    return failure


def answered_early(operation: Operation, node: TaskNode, output: Document) -> bool:
    """Keep the answer of a token whose call has not returned yet; the first one counts."""
    command = operation.command
    assert isinstance(command, ScheduleTask)
    if command.submitted or node.resource.pattern is not IntegrationPattern.WAIT_FOR_TASK_TOKEN:
        return False
    if operation.answer is None:
        operation.answer = output
    return True


def succeeded(run: Activation, operation: Operation, frame: Frame, node: TaskNode, output: Document) -> None:
    """The task returned."""
    failure = _check_result(run, node, output)
    if failure is not None:
        failed(run, frame, node, failure)
        return
    if node.resource.pattern is IntegrationPattern.RUN_A_JOB:
        submitted(run, operation, frame, node, output)
    run.record(frame, f"{node.resource.kind.value}Succeeded", {**_names(node.resource), "output": output})
    frame.result = output
    run.ready(frame, Phase.RETURNED)


def _check_result(run: Activation, node: TaskNode, output: Document) -> Failure | None:
    try:
        run.check_size(output, node.resource.task_name, "returned a result")
    except EvaluationError as error:
        return Failure(error.error, error.cause)
    return None


def failed(run: Activation, frame: Frame, node: TaskNode, failure: Failure) -> None:
    """The task failed."""
    run.record(frame, f"{node.resource.kind.value}Failed", {**_names(node.resource), **failure_details(failure)})
    frame.failure = failure
    run.ready(frame, Phase.FAILED)


def timed_out(run: Activation, frame: Frame, node: TaskNode, *, heartbeat: bool) -> None:
    """TimeoutSeconds has passed, or a heartbeat was lost."""
    failure = Failure(HEARTBEAT_TIMEOUT if heartbeat else TIMEOUT)
    run.record(frame, f"{node.resource.kind.value}TimedOut", {**_names(node.resource), **failure_details(failure)})
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


def _role(credentials: Json) -> str | None:
    role = credentials.get("RoleArn") if isinstance(credentials, dict) else None
    return role if isinstance(role, str) else None


def _region(run: Activation) -> str:
    return run.execution.machine_arn.split(":")[3]


HANDLER = StateHandler(enter, restart=enter, returned=returned)
