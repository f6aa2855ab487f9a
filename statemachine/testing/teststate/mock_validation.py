"""Whether a call fits the state that it tests: above all, whether a mocked result is one that the state could get.

Rules (facts teststate-*; developer guide, "Mocking service integrations")
- A mock is for Task, Parallel and Map only. Parallel and Map need one, and so do activities and tasks whose end is
  awaited (``.sync``, ``.waitForTaskToken``). Any other Task needs a role without one.
- A mocked Parallel is an array with one element per branch; a mocked Map an array, or with a ResultWriter an object.
- The result of an AWS integration is checked against the API model, that of ``.sync`` against the model of the
  operation that is polled. Not checked: HTTP tasks, API Gateway and EKS, function ARNs, activities, what comes back
  with a task token, and operations that `service_shapes` does not know.
"""

from __future__ import annotations

from typing import Final

from statemachine.definition import model
from statemachine.definition.model import ABSENT
from statemachine.errors import InvalidJsonError
from statemachine.jsonvalue import Document, Json, read_document
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind, parse_resource
from statemachine.testing.teststate.request import (
    INVALID_DEFINITION,
    FieldValidationMode,
    Mock,
    Request,
    TestStateError,
    refused,
)
from statemachine.testing.teststate.service_shapes import ShapeError, output_shape

_SDK: Final = "aws-sdk:"
_UNCHECKED: Final = frozenset({"http", "apigateway", "eks"})
_FREE: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("lambda", "invoke"): frozenset({"Payload"}),
    ("states", "startExecution.sync:2"): frozenset({"Input", "Output"}),
}
"""Members that an optimised integration gives as JSON, where the operation has text."""
_NEEDS_MOCK: Final = "TestState does not support {} when a mock is not specified."


def check_request(request: Request, state: model.State) -> Document | None:
    """Check a request against its state; the mocked result, if there is one. Raises TestStateError."""
    if request.mock is None:
        _check_unmocked(request, state)
        return None
    kind = type(state).__name__
    if not isinstance(state, model.Task | model.Parallel | model.Map):
        raise refused(f"State type '{kind}' is not supported when a mock is specified")
    if request.reveal_secrets:
        raise refused("TestState does not support RevealSecrets when a mock is specified.")
    if (request.mock.result is None) == (request.mock.error is None):
        raise refused("A test mock should have only one of the following fields: [result, errorOutput].")
    _check_configuration(request, state)
    return None if request.mock.result is None else _check_result(request.mock, request.mock.result, state)


def _check_unmocked(request: Request, state: model.State) -> None:
    configuration = request.configuration
    needing = {
        "MapIterationFailureCount": configuration.map_iteration_failure_count,
        "RetrierRetryCount": configuration.retrier_retry_count,
        "ErrorCausedByState": configuration.error_caused_by_state,
        "MapItemReaderData": configuration.map_item_reader_data,
        "Context": request.context,
    }
    for name, value in needing.items():
        if value is not None:
            raise refused(_NEEDS_MOCK.format(name))
    if isinstance(state, model.Parallel | model.Map):
        raise TestStateError(
            INVALID_DEFINITION,
            "TestState API does not support Map or Parallel states. Supported state types include: "
            "[Task, Wait, Pass, Succeed, Fail, Choice]",
        )
    if isinstance(state, model.Task):
        resource = parse_resource(state.resource)
        if resource.kind is ResourceKind.ACTIVITY:
            raise TestStateError(INVALID_DEFINITION, "TestState API does not support Activity tasks.")
        if resource.pattern is not IntegrationPattern.REQUEST_RESPONSE:
            raise TestStateError(
                INVALID_DEFINITION,
                "TestState API does not support '.sync' or '.waitForTaskToken' service integration patterns.",
            )
        if request.role_arn is None:
            raise refused("RoleArn must be specified when testing a Task state")


def _check_configuration(request: Request, state: model.Task | model.Parallel | model.Map) -> None:
    configuration = request.configuration
    if configuration.map_item_reader_data is not None and not isinstance(state, model.Map):
        raise refused("MapItemReaderData can only be specified when testing a Map state.")
    name = configuration.error_caused_by_state
    if name is None:
        return
    if isinstance(state, model.Task):
        raise refused("ErrorCausedByState can only be specified when testing a Map or Parallel state.")
    if not _contains(state, name):
        raise refused(f"ErrorCausedByState '{name}' is not a state within '{state.name}'.")


def _contains(state: model.Parallel | model.Map, name: str) -> bool:
    blocks = [state.processor.branch] if isinstance(state, model.Map) else state.branches
    return any(
        name in block.states
        or any(isinstance(each, model.Parallel | model.Map) and _contains(each, name) for each in block.states.values())
        for block in blocks
    )


def _check_result(mock: Mock, text: str, state: model.Task | model.Parallel | model.Map) -> Document:
    try:
        result = read_document(text)
    except InvalidJsonError:
        raise refused("Mocked result must be valid JSON") from None
    match state:
        case model.Map(result_writer=writer) if writer is not ABSENT:
            if not isinstance(result.value, dict):
                raise refused("Mocked result must be a JSON object.")
        case model.Map():
            _check_array(result.value)
        case model.Parallel(branches=branches):
            if len(_check_array(result.value)) != len(branches):
                raise refused("Mocked result must contain the same number of items as number of Parallel branches.")
        case model.Task(resource=resource):
            if mock.mode is not FieldValidationMode.NONE:
                _check_shape(parse_resource(resource), result.value, mock.mode)
    return result


def _check_array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise refused("Mocked result must be an array.")
    return value


def _check_shape(resource: Resource, value: Json, mode: FieldValidationMode) -> None:
    if resource.kind is not ResourceKind.SERVICE or resource.pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN:
        return
    service, action = resource.type.removeprefix(_SDK), resource.action
    if service in _UNCHECKED:
        return
    polled = resource.pattern is IntegrationPattern.RUN_A_JOB
    shape = output_shape(service, action.partition(".")[0], polled=polled)
    if shape is None or value is None:
        return
    if not isinstance(value, dict):
        raise refused("Mocked result must be a JSON object.")
    free = frozenset() if resource.type.startswith(_SDK) else _FREE.get((service, action), frozenset())
    try:
        shape.check(value, required=mode is FieldValidationMode.STRICT, free=free)
    except ShapeError as error:
        raise refused(f"Mock result schema validation error: {error}") from None
