"""The optimized integrations, which action a Resource names, and how failures of each are called.

Rules (developer guide, "Integrating services"; recorded histories of AWS)
- An optimized integration is of an older SDK: its errors and causes are worded otherwise than those of ``aws-sdk:``
  (facts task-resource-not-found-sdk-vs-optimized, sdk-unmodelled-error-name, sdk-error-cause-format).
- Its responses show the HTTP response as well, those of a few do not.
- Texts that carry JSON (a message, an event's detail) may be given as any JSON data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.errors import RUNTIME, TASK_FAILED, TaskError
from statemachine.integrations.aws.base import (
    AwsCallError,
    AwsOperation,
    AwsResponse,
    Dialect,
    ParameterError,
    RoleError,
    ServiceError,
)
from statemachine.integrations.aws.names import class_name, exception_name
from statemachine.integrations.base import BindingError
from statemachine.integrations.results import MAX_CAUSE_CHARS, bounded
from statemachine.jsonvalue import Json, encode_json
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Adapted:
    """An action of an optimized integration that is not an operation of the API: what is called, and how it differs."""

    action: str
    fields: tuple[str, ...]
    """What the action takes."""
    parameters: Callable[[Parameters], dict[str, Any]]
    output: Callable[[Parameters], dict[str, Json]]
    service: str | None = None
    """The service, if it is another one."""


@dataclass(frozen=True, slots=True)
class Optimized:
    """An optimized integration. `service` is what its ``aws-sdk:`` resources call it."""

    service: str
    prefix: str
    """What stands before the names of its errors."""
    full_name: str | None
    """The service in causes; None if it speaks like an ``aws-sdk:`` integration."""
    shows_http: bool = True
    json_members: frozenset[str] = frozenset()
    actions: Mapping[str, Adapted] = field(default_factory=dict)


def _renamed(given: Parameters, names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in given.items()}


def _first(output: Parameters, name: str) -> Any:
    return next(iter(output.get(name) or ()), None)


_EMR: Final = {
    "addStep": Adapted(
        "addJobFlowSteps",
        ("ClusterId", "Step", "ExecutionRoleArn"),
        lambda given: {
            **{name: value for name, value in given.items() if name == "ExecutionRoleArn"},
            "JobFlowId": given.get("ClusterId"),
            "Steps": [given.get("Step")],
        },
        lambda output: {"StepId": _first(output, "StepIds")},
    ),
    "cancelStep": Adapted(
        "cancelSteps",
        ("ClusterId", "StepId"),
        lambda given: {"ClusterId": given.get("ClusterId"), "StepIds": [given.get("StepId")]},
        lambda output: _first(output, "CancelStepsInfoList") or {},
    ),
    "createCluster": Adapted(
        "runJobFlow",
        (),
        dict,
        lambda output: _renamed(output, {"JobFlowId": "ClusterId"}),
    ),
    "setClusterTerminationProtection": Adapted(
        "setTerminationProtection",
        ("ClusterId", "TerminationProtected"),
        lambda given: {
            "JobFlowIds": [given.get("ClusterId")],
            "TerminationProtected": given.get("TerminationProtected"),
        },
        dict,
    ),
    "terminateCluster": Adapted(
        "terminateJobFlows", ("ClusterId",), lambda given: {"JobFlowIds": [given.get("ClusterId")]}, dict
    ),
}
"""Developer guide, "Create and manage Amazon EMR clusters"."""

_BEDROCK: Final = {"invokeModel": Adapted("invokeModel", (), dict, dict, "bedrockruntime")}

OPTIMIZED: Final[Mapping[str, Optimized]] = {
    "athena": Optimized("athena", "Athena", "AmazonAthena"),
    "batch": Optimized("batch", "Batch", "AWSBatch"),
    "bedrock": Optimized("bedrock", "Bedrock", None, False, frozenset({"Body"}), _BEDROCK),
    "codebuild": Optimized("codebuild", "CodeBuild", "AWSCodeBuild"),
    "databrew": Optimized("databrew", "DataBrew", "AWSGlueDataBrew"),
    "dynamodb": Optimized("dynamodb", "DynamoDB", "AmazonDynamoDBv2"),
    "ecs": Optimized("ecs", "ECS", "AmazonECS"),
    "elasticmapreduce": Optimized("emr", "ElasticMapReduce", "AmazonElasticMapReduce", actions=_EMR),
    "eks": Optimized("eks", "EKS", "AmazonEKS"),
    "emr-containers": Optimized("emrcontainers", "EMRContainers", "AmazonEMRContainers"),
    "emr-serverless": Optimized("emrserverless", "EmrServerless", None, False),
    "events": Optimized("eventbridge", "EventBridge", "AmazonEventBridge", False, frozenset({"Detail"})),
    "glue": Optimized("glue", "Glue", "AWSGlue"),
    "lambda": Optimized("lambda", "Lambda", "AWSLambda", json_members=frozenset({"Payload"})),
    "mediaconvert": Optimized("mediaconvert", "MediaConvert", None, False),
    "sagemaker": Optimized("sagemaker", "SageMaker", "AmazonSageMaker"),
    "sns": Optimized("sns", "SNS", "AmazonSNS", json_members=frozenset({"Message"})),
    "sqs": Optimized("sqs", "SQS", "AmazonSQS", json_members=frozenset({"MessageBody"})),
    "states": Optimized("sfn", "StepFunctions", "AWSStepFunctions", json_members=frozenset({"Input"})),
}
"""By their name in a Resource."""

_BASE_NAMES: Final = {"AmazonDynamoDBv2": "AmazonDynamoDB"}
"""Services whose base exception is not named like them."""


@dataclass(frozen=True, slots=True)
class AwsAction:
    """What a Resource asks for."""

    service: str
    """As `AwsCaller` names it."""
    action: str
    pattern: IntegrationPattern
    as_json: bool = False
    """``.sync:2``: the result's texts that carry JSON are read."""
    optimized: Optimized | None = None
    adapted: Adapted | None = None

    @property
    def dialect(self) -> Dialect:
        """How its data is written."""
        return Dialect.SDK if self.optimized is None else Dialect.OPTIMIZED

    def shown(self, response: AwsResponse) -> dict[str, Json]:
        """The result that the response is. Raises TaskError if it tells of a failure."""
        output = response.output if self.adapted is None else self.adapted.output(response.output)
        if self.optimized is None:
            return output
        if self.optimized.prefix == "EventBridge" and output.get("FailedEntryCount"):
            raise bounded(TaskError("EventBridge.FailedEntry", encode_json(output).decode()))
        if self.optimized.shows_http:
            output = dict(sorted({**output, **_http(response)}.items()))
        return output


def action_of(resource: Resource) -> AwsAction:
    """The action that a Resource names. Raises BindingError if AWS's services do not perform it."""
    text = resource.text
    if resource.kind is ResourceKind.LAMBDA_FUNCTION:
        return AwsAction("lambda", "invoke", IntegrationPattern.REQUEST_RESPONSE, optimized=OPTIMIZED["lambda"])
    if resource.kind is ResourceKind.ACTIVITY:
        raise BindingError(f"{text}: the tasks of an activity are polled by workers; no AWS service performs them")
    action, _, suffix = resource.action.partition(".")
    if suffix not in ("", "sync", "sync:2", "waitForTaskToken"):
        raise BindingError(f"{text}: there is no integration pattern .{suffix}")
    scheme, _, service = resource.type.rpartition(":")
    if scheme == "aws-sdk":
        if resource.pattern is IntegrationPattern.RUN_A_JOB:
            raise BindingError(f"{text}: integrations of the AWS SDK have no .{suffix}")
        return AwsAction(service, action, resource.pattern)
    optimized = OPTIMIZED.get(service)
    if scheme or optimized is None or not text.startswith("arn:"):
        raise BindingError(f"{text}: there is no such integration{_other(service)}")
    adapted = optimized.actions.get(action)
    return AwsAction(
        (adapted and adapted.service) or optimized.service,
        action if adapted is None else adapted.action,
        resource.pattern,
        suffix == "sync:2",
        optimized,
        adapted,
    )


def _other(service: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(service, OPTIMIZED, 1)
    return (
        f" (did you mean '{close[0]}', or 'aws-sdk:{service}'?)" if close else f" (did you mean 'aws-sdk:{service}'?)"
    )


def failure_of(error: AwsCallError, action: AwsAction, operation: AwsOperation, parameters: Json) -> TaskError:
    """How a task ends whose call failed."""
    match error:
        case ParameterError(faults=faults):
            given = encode_json(parameters).decode()[: MAX_CAUSE_CHARS // 2]
            listed = ", ".join(faults)
            return bounded(
                TaskError(RUNTIME, f"The Parameters '{given}' could not be used to start the Task: [{listed}]")
            )
        case RoleError():
            return bounded(TaskError(TASK_FAILED, str(error)))
        case ServiceError():
            return bounded(_service_failure(error, action, operation))
        case _:
            prefix = class_name(operation.service_id) if action.optimized is None else action.optimized.prefix
            return bounded(TaskError(f"{prefix}.SdkClientException", str(error)))


def _service_failure(error: ServiceError, action: AwsAction, operation: AwsOperation) -> TaskError:
    service = class_name(operation.service_id)
    known = None if error.exception is None else exception_name(error.exception, action.dialect)
    if action.optimized is None or action.optimized.full_name is None:
        prefix = service if action.optimized is None else action.optimized.prefix
        details = f"Service: {service}, Status Code: {error.status}, Request ID: {error.request_id}"
        if error.extended_request_id is not None:
            details += f", Extended Request ID: {error.extended_request_id}"
        return TaskError(f"{prefix}.{known or f'{service}Exception'}", f"{error.message} ({details})")
    full = action.optimized.full_name
    name = known or f"{_BASE_NAMES.get(full, full)}Exception"
    details = (
        f"Service: {full}; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {error.request_id}; Proxy: null"
    )
    return TaskError(f"{action.optimized.prefix}.{name}", f"{error.message} ({details})")


_HEADERS: Final = {
    each.lower(): each
    for each in (
        "Connection",
        "Content-Length",
        "Content-Type",
        "Date",
        "Server",
        "x-amzn-RequestId",
        "X-Amzn-Trace-Id",
    )
}
"""Headers as the services write them; callers know them in lower case."""


def _http(response: AwsResponse) -> dict[str, Json]:
    headers = {_HEADERS.get(name, name): value for name, value in response.headers.items()}
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": {name: headers[name] for name in sorted(headers, key=str.lower)},
            "HttpStatusCode": response.status,
        },
        "SdkResponseMetadata": {"RequestId": response.request_id},
    }
