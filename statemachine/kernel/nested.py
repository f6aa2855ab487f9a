"""Nested executions: what ``states:startExecution`` is asked for, and what it answers.

Rules (developer guide, "Start Step Functions workflow executions"; facts sync-output-is-string, sync2-output-is-json,
sync-child-failure-is-taskfailed, sync-timeout-aborts-child, start-missing-machine-error)
- A child without a Name gets one that follows from its parent's operation: however often it is asked for, it is
  started once.
- ``.sync`` answers with the child's description, Input and Output as texts; ``.sync:2`` with both as JSON. A child
  that does not succeed is a States.TaskFailed whose cause is that description.
- Pure: the host starts, watches and stops the child.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, TypeVar

from statemachine.errors import RUNTIME, TASK_FAILED, Failure, InvalidJsonError, TaskError
from statemachine.jsonvalue import Document, Json, encode_json, read_document
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask
from statemachine.kernel.execution import Execution
from statemachine.kernel.randomness import derived_uuid
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind, parse_resource

T = TypeVar("T")

MAX_NAME: Final = 80
MAX_CAUSE: Final = 32_768
"""Characters of a cause (API reference, HistoryEvent details)."""
_FORBIDDEN_IN_NAMES: Final = re.compile(r"""[\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff]""")
_MACHINE: Final = re.compile(r"arn:[^:]*:states:([^:]*):([^:]*):stateMachine:([^:]+)(?::[^:]+)?")
_SHOWN: Final = 30_000


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A child to be started."""

    machine: str
    """StateMachineArn as it was given."""
    name: str
    input: Document


@dataclass(frozen=True, slots=True)
class Child:
    """A child as it is described to its parent."""

    arn: str
    machine_arn: str
    name: str
    input: Document
    started_ms: int
    status: ExecutionStatus = ExecutionStatus.RUNNING
    output: Document | None = None
    failure: Failure | None = None
    stopped_ms: int = 0


def starts_execution(resource: Resource) -> bool:
    """Whether a task of this resource starts an execution."""
    return (
        resource.kind is ResourceKind.SERVICE
        and resource.type == "states"
        and resource.action.partition(".")[0] == "startExecution"
    )


def start_request(parent: Execution, command: ScheduleTask) -> StartRequest:
    """What a task asks for. Raises TaskError for what AWS would refuse."""
    arguments = command.arguments.value
    machine = arguments.get("StateMachineArn") if isinstance(arguments, dict) else None
    if not isinstance(machine, str):
        fault = "The field 'StateMachineArn' is required but was missing"
        given = command.arguments.text[:_SHOWN]
        raise TaskError(RUNTIME, f"The Parameters '{given}' could not be used to start the Task: [{fault}]")
    name = arguments.get("Name")
    if name is None:
        name = derived_uuid(parent, command.operation, "child")
    elif not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or _FORBIDDEN_IN_NAMES.search(name):
        raise service_error(parent, command, "InvalidName", f"Invalid Name: '{str(name)[:100]}'")
    return StartRequest(machine, name, _input(parent, command, arguments.get("Input")))


def _input(parent: Execution, command: ScheduleTask, given: Json) -> Document:
    """The child's input; none is an empty object (recorded). A text is JSON text already."""
    if given is None:
        return Document({})
    if not isinstance(given, str):
        return Document(given)
    try:
        return read_document(given)
    except InvalidJsonError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        raise service_error(parent, command, "InvalidExecutionInput", message) from None


def machine_of(arn: str, machines: Mapping[str, T]) -> T | None:
    """The machine that an ARN (with or without version or alias) or a name stands for."""
    if arn in machines:
        return machines[arn]
    match = _MACHINE.fullmatch(arn)
    if match is None:
        return None
    region, account, name = match.groups()
    unqualified = arn.partition(":states:")[0] + f":states:{region}:{account}:stateMachine:{name}"
    return machines.get(unqualified, machines.get(name))


def machine_name(arn: str) -> str:
    """The name in a state machine's ARN; any other text is a name itself."""
    match = _MACHINE.fullmatch(arn)
    return arn if match is None else match[3]


def no_such_machine(parent: Execution, command: ScheduleTask, machine: str) -> TaskError:
    """The failure for a machine that is not known."""
    message = f"State Machine Does Not Exist: '{machine[:_SHOWN]}'"
    return service_error(parent, command, "StateMachineDoesNotExist", message)


def service_error(parent: Execution, command: ScheduleTask, code: str, message: str) -> TaskError:
    """A failure as the optimized integration words it (fact start-missing-machine-error)."""
    identity = derived_uuid(parent, command.operation, "request")
    details = f"Service: AWSStepFunctions; Status Code: 400; Error Code: {code}; Request ID: {identity}; Proxy: null"
    return TaskError(f"StepFunctions.{code}Exception", f"{message} ({details})")


def start_response(parent: Execution, command: ScheduleTask, child: Child) -> Document:
    """The response of StartExecution: the result of a request, or what TaskSubmitted shows."""
    identity = derived_uuid(parent, command.operation, "request")
    body = encode_json({"executionArn": child.arn, "startDate": child.started_ms / 1000})
    date = formatdate(child.started_ms / 1000, usegmt=True)
    headers = {
        "connection": "keep-alive",
        "Content-Length": str(len(body)),
        "Content-Type": "application/x-amz-json-1.0",
        "Date": date,
        "x-amzn-RequestId": identity,
    }
    order = ("x-amzn-RequestId", "connection", "Content-Length", "Date", "Content-Type")
    return Document(
        {
            "ExecutionArn": child.arn,
            "SdkHttpMetadata": {
                "AllHttpHeaders": {name: [headers[name]] for name in order},
                "HttpHeaders": headers,
                "HttpStatusCode": 200,
            },
            "SdkResponseMetadata": {"RequestId": identity},
            "StartDate": child.started_ms,
        }
    )


def outcome(command: ScheduleTask, child: Child) -> Document | Failure:
    """How the task of a ``.sync`` child that has ended ends."""
    shown = _description(child, as_json=command.resource.endswith(".sync:2"))
    if child.status is ExecutionStatus.SUCCEEDED:
        return Document(shown)
    return Failure(TASK_FAILED, _bounded(shown))


def _bounded(shown: dict[str, Any]) -> str:
    """A description as a cause, within AWS's length for one: the child's own cause is cut first, then its input is left
    out. Causes within causes would otherwise double with every level."""
    text = encode_json(shown).decode()
    if len(text) > MAX_CAUSE and "Cause" in shown:
        kept = max(0, len(shown["Cause"]) - (len(text) - MAX_CAUSE))
        text = encode_json({**shown, "Cause": shown["Cause"][:kept]}).decode()
    if len(text) > MAX_CAUSE:
        left = {key: value for key, value in shown.items() if key not in ("Cause", "Input")}
        text = encode_json({**left, "InputDetails": {"Included": False}}).decode()
    return text


def _description(child: Child, *, as_json: bool) -> dict[str, Any]:
    """The child as DescribeExecution describes it, its keys sorted (recorded)."""
    failure = child.failure or Failure(None)
    shown: dict[str, Any] = {}
    if failure.cause is not None:
        shown["Cause"] = failure.cause
    if failure.error is not None:
        shown["Error"] = failure.error
    shown["ExecutionArn"] = child.arn
    shown["Input"] = child.input.value if as_json else child.input.text
    shown["InputDetails"] = {"Included": True}
    shown["Name"] = child.name
    if child.output is not None:
        shown["Output"] = child.output.value if as_json else child.output.text
        shown["OutputDetails"] = {"Included": True}
    shown["StartDate"] = child.started_ms
    shown["StateMachineArn"] = child.machine_arn
    shown["Status"] = child.status.value
    shown["StopDate"] = child.stopped_ms
    return shown


def stop_cause(parent: Execution) -> str:
    """Why a child whose task is not waited for any more is stopped (fact sync-timeout-aborts-child)."""
    return f"The Task state in AWS Step Functions execution [{parent.arn}] which was managing this resource was aborted"


def waited_for(parent: Execution) -> list[tuple[str, str]]:
    """The children that an execution's tasks wait for, whether they were started yet or not: resource and name."""
    names: list[tuple[str, str]] = []
    for each in parent.operations.values():
        command = each.command
        if isinstance(command, ScheduleTask):
            resource = parse_resource(command.resource)
            if starts_execution(resource) and waits_for_child(resource):
                with suppress(TaskError):  # it is refused when it is performed
                    names.append((command.resource, start_request(parent, command).name))
    return names


def waits_for_child(resource: Resource) -> bool:
    """Whether the task ends with its child, and its child with the task."""
    return resource.pattern is IntegrationPattern.RUN_A_JOB
