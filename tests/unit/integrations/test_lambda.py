# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import asyncio
import base64
import json
import sys
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from statemachine.errors import TaskError
from statemachine.integrations.base import TaskContext
from statemachine.integrations.lambda_ import LambdaContext, parse_function, request_id
from statemachine.integrations.lambda_invoke import invoke_faults
from statemachine.integrations.registry import TaskRegistry
from statemachine.integrations.results import MAX_CAUSE_CHARS
from statemachine.jsonvalue import Json

INVOKE = "arn:aws:states:::lambda:invoke"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:Charge"
NOW_MS = 1_700_000_000_000


class CardError(Exception):
    pass


def echo(event: Json) -> Json:
    return event


def fail(event: Json) -> Json:
    raise CardError("no funds ü")


def call(tasks: dict[str, Any], resource: str, arguments: Json, context: TaskContext, *, told: bool = True) -> Json:
    registry = TaskRegistry(tasks, now_ms=lambda: NOW_MS)

    async def perform() -> Json:
        handler = registry.handler_for(resource, arguments) if told else registry.handler_for(resource)
        result = handler.perform(arguments, context)
        assert isinstance(result, Awaitable) is not handler.blocking
        return await result if isinstance(result, Awaitable) else result

    return asyncio.run(perform())


def failure(tasks: dict[str, Any], resource: str, arguments: Json, context: TaskContext) -> TaskError:
    with pytest.raises(TaskError) as raised:
        call(tasks, resource, arguments, context)
    return raised.value


@pytest.mark.parametrize(
    ("bound", "named", "same"),
    [
        (ARN, ARN, True),
        ("Charge", ARN, True),
        ("Charge", f"{ARN}:$LATEST", True),
        ("Charge", f"{ARN}:prod", True),
        ("123456789012:function:Charge", ARN, True),
        ("function:Charge", "Charge", True),
        (ARN, "Charge:7", True),
        (f"{ARN}:$LATEST", "Charge", True),
        ("Charge:prod", f"{ARN}:prod", True),
        ("Charge:prod", "Charge", False),
        ("Charge:prod", "Charge:test", False),
        ("Charge", "Charge2", False),
        ("999999999999:function:Charge", ARN, False),
        ("arn:aws:lambda:eu-west-1:123456789012:function:Charge", ARN, False),
        ("arn:aws:lambda:eu-west-1:123456789012:function:Charge", "Charge", True),
    ],
)
def test_functions_are_the_same_when_nothing_that_both_say_differs(bound: str, named: str, same: bool) -> None:
    binding, function = parse_function(bound), parse_function(named)
    assert binding is not None
    assert function is not None
    assert (binding.agreement(function) is not None) is same


@pytest.mark.parametrize(
    "text", ["", "a b", "arn:aws:sns:us-east-1:1:topic", "${Charge}", "arn:aws:states:::lambda:invoke"]
)
def test_what_names_no_function(text: str) -> None:
    assert parse_function(text) is None


def test_the_most_specific_binding_is_called(context: TaskContext) -> None:
    tasks = {"Charge": lambda: "any", "Charge:prod": lambda: "prod", ARN: lambda: "arn"}
    assert call(tasks, f"{ARN}:prod", {}, context) in ("prod", "arn")
    assert call(tasks, "arn:aws:lambda:eu-west-1:123456789012:function:Charge", {}, context) == "any"
    assert call(tasks, f"{ARN}:test", {}, context) == "arn"
    assert call(tasks, INVOKE, {"FunctionName": "Charge", "Qualifier": "prod"}, context)["Payload"] == "prod"
    assert call(tasks, INVOKE, {"FunctionName": "Charge"}, context)["Payload"] == "any"


def test_a_failure_has_the_shape_of_lambdas_python_runtime(context: TaskContext) -> None:
    error = failure({ARN: fail}, ARN, {}, context)
    cause = json.loads(error.cause or "")
    line = fail.__code__.co_firstlineno + 1
    assert error.error == "CardError"
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert cause["errorMessage"] == "no funds ü"
    assert cause["errorType"] == "CardError"
    assert cause["stackTrace"] == [f'  File "{__file__}", line {line}, in fail\n    raise CardError("no funds ü")\n']
    assert cause["requestId"] == request_id("order-7/3") == str(uuid.UUID(cause["requestId"]))
    assert (error.cause or "").startswith('{"errorMessage":"no funds ü","errorType":"CardError","requestId":"')


def test_the_same_call_has_the_same_request_id() -> None:
    assert request_id("order-7/3") == request_id("order-7/3") != request_id("order-7/4")


@pytest.mark.parametrize("resource", [ARN, INVOKE])
def test_a_task_error_stands_for_what_the_service_throws(resource: str, context: TaskContext) -> None:
    def throttled(event: Json) -> Json:
        raise TaskError("Lambda.TooManyRequestsException", "Rate Exceeded.")

    error = failure({"Charge": throttled}, resource, {"FunctionName": "Charge"}, context)
    assert (error.error, error.cause) == ("Lambda.TooManyRequestsException", "Rate Exceeded.")


def test_a_cause_is_bounded_by_its_outermost_frames(context: TaskContext) -> None:
    def deeper(depth: int) -> Json:
        if depth == 0:
            raise ValueError("x" * 2_000)
        return deeper(depth - 1)

    cause = json.loads(failure({ARN: lambda: deeper(300)}, ARN, {}, context).cause or "")
    assert 0 < len(cause["stackTrace"]) <= 100
    assert cause["stackTrace"][-1].endswith('raise ValueError("x" * 2_000)\n')

    def long(event: Json) -> Json:
        raise ValueError('"' * 50_000)

    text = failure({ARN: long}, ARN, {}, context).cause or ""
    assert len(text) <= MAX_CAUSE_CHARS
    assert json.loads(text)["errorMessage"].startswith('"""')


def test_exit_is_a_failure_of_the_runtime(context: TaskContext) -> None:
    error = failure({ARN: lambda: sys.exit(3)}, ARN, {}, context)
    assert error.error == "Runtime.ExitError"
    assert json.loads(error.cause or "")["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")


def test_a_result_is_what_survives_json(context: TaskContext) -> None:
    assert call({ARN: lambda: {"pair": (1, 2), 3: None}}, ARN, {}, context) == {"pair": [1, 2], "3": None}
    error = failure({ARN: lambda: {"when": datetime.now(UTC)}}, ARN, {}, context)
    assert error.error == "Runtime.MarshalError"
    assert json.loads(error.cause or "")["errorMessage"] == (
        "Unable to marshal response: Object of type datetime is not JSON serializable"
    )
    assert failure({ARN: lambda: float("nan")}, ARN, {}, context).error == "Runtime.MarshalError"


def test_a_function_may_have_lambdas_own_signature(new_context: Callable[..., TaskContext]) -> None:
    def handler(event, context):  # type: ignore[no-untyped-def]
        assert isinstance(context, LambdaContext)
        remaining = context.get_remaining_time_in_millis()
        return [context.function_name, context.function_version, context.invoked_function_arn, remaining]

    context = new_context(resource=f"{ARN}:7", deadline_ms=NOW_MS + 5_000)
    assert call({"Charge": handler}, f"{ARN}:7", {}, context) == ["Charge", "7", f"{ARN}:7", 5_000]
    context = new_context(resource=INVOKE)
    answer = call({"Charge": handler}, INVOKE, {"FunctionName": "Charge"}, context)
    assert answer["Payload"] == ["Charge", "$LATEST", ARN, 900_000]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("asynchronous", [True, False])
def test_invoke_answers_as_the_invoke_api_does(told: bool, asynchronous: bool, context: TaskContext) -> None:
    async def echo_async(event: Json) -> Json:
        return event

    function = echo_async if asynchronous else echo
    answer = call({"Charge": function}, INVOKE, {"FunctionName": ARN, "Payload": {"n": 1}}, context, told=told)
    identity = request_id("order-7/3")
    headers = {
        "Connection": "keep-alive",
        "Content-Length": "8",
        "Content-Type": "application/json",
        "Date": "Tue, 14 Nov 2023 22:13:20 GMT",
        "X-Amz-Executed-Version": "$LATEST",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": identity,
        "X-Amzn-Trace-Id": answer["SdkHttpMetadata"]["HttpHeaders"]["X-Amzn-Trace-Id"],
    }
    assert answer == {
        "ExecutedVersion": "$LATEST",
        "Payload": {"n": 1},
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": identity},
        "StatusCode": 200,
    }
    assert list(answer) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert list(answer["SdkHttpMetadata"]["HttpHeaders"]) == sorted(headers, key=str.lower)
    assert list(answer["SdkHttpMetadata"]["AllHttpHeaders"])[:2] == [
        "X-Amz-Executed-Version",
        "x-amzn-Remapped-Content-Length",
    ]


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        ({}, {}),
        ({"Payload": None}, {}),
        ({"Payload": ""}, {}),
        ({"Payload": {"a": 1}}, {"a": 1}),
        ({"Payload": [1, "x"]}, [1, "x"]),
        ({"Payload": '"text"'}, "text"),
        ({"Payload": "0.0"}, 0.0),
        ({"Payload": "true"}, True),
        ({"Payload": '{"a": [1]}'}, {"a": [1]}),
    ],
)
def test_the_payload_is_the_event(payload: dict[str, Json], event: Json, context: TaskContext) -> None:
    answer = call({"Charge": echo}, INVOKE, {"FunctionName": "Charge", **payload}, context)
    assert answer["Payload"] == event


def test_log_type_tail_adds_a_log_result(context: TaskContext) -> None:
    answer = call({"Charge": echo}, INVOKE, {"FunctionName": "Charge", "LogType": "Tail"}, context)
    assert list(answer)[:3] == ["ExecutedVersion", "LogResult", "Payload"]
    assert base64.b64decode(answer["LogResult"]).startswith(b"START RequestId: ")
    assert next(iter(answer["SdkHttpMetadata"]["AllHttpHeaders"])) == "X-Amz-Log-Result"
    assert answer["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Log-Result"] == answer["LogResult"]


def test_a_numbered_version_is_the_executed_one(context: TaskContext) -> None:
    assert call({"Charge": echo}, INVOKE, {"FunctionName": "Charge:7"}, context)["ExecutedVersion"] == "7"
    assert call({"Charge": echo}, INVOKE, {"FunctionName": "Charge:prod"}, context)["ExecutedVersion"] == "$LATEST"


def test_an_event_invocation_is_accepted_whatever_becomes_of_it(context: TaskContext) -> None:
    called: list[Json] = []

    def note(event: Json) -> Json:
        called.append(event)
        raise CardError

    arguments = {"FunctionName": "Charge", "InvocationType": "Event", "Payload": {"n": 1}}
    answer = call({"Charge": note}, INVOKE, arguments, context)
    assert (answer["StatusCode"], answer["Payload"], called) == (202, "", [{"n": 1}])
    answer = call({"Charge": note}, INVOKE, arguments | {"InvocationType": "DryRun"}, context)
    assert (answer["StatusCode"], len(called)) == (204, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "cause"),
    [
        ({"FunctionName": "Nope"}, "Lambda.ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:Nope:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {id}; Proxy: null)"),
        ({"FunctionName": "arn:aws:lambda:eu-west-1:999999999999:function:Charge:prod"}, "Lambda.ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-west-1:999999999999:function:Charge:prod (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {id}; Proxy: null)"),
        ({}, "States.Runtime", "The Parameters '{}' could not be used to start the Task: [The field 'FunctionName' is required but was missing]"),
        ({"FunctionName": "Charge", "Payload": 1}, "States.Runtime", "The Parameters '{\"FunctionName\":\"Charge\",\"Payload\":1}' could not be used to start the Task: [The value for the field 'Payload' must be a STRING]"),
        ({"FunctionName": ["Charge"]}, "States.Runtime", "The Parameters '{\"FunctionName\":[\"Charge\"]}' could not be used to start the Task: [The value for the field 'FunctionName' must be a STRING]"),
    ],
)  # fmt: skip
def test_invoke_fails_in_awss_words(arguments: Json, error: str, cause: str, context: TaskContext) -> None:
    raised = failure({ARN: echo}, INVOKE, arguments, context)
    assert (raised.error, raised.cause) == (error, cause.replace("{id}", request_id("order-7/3")))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"Payload": "no json"}, "Lambda.InvalidRequestContentException"),
        ({"InvocationType": "Now"}, "Lambda.AWSLambdaException"),
    ],
)
def test_what_the_service_refuses(change: dict[str, Json], error: str, context: TaskContext) -> None:
    raised = failure({"Charge": echo}, INVOKE, {"FunctionName": "Charge", **change}, context)
    assert raised.error == error
    assert "Status Code: 400" in (raised.cause or "")


@pytest.mark.parametrize("arguments", [None, [], "x", 3, {"FunctionName": None}])
def test_arguments_without_a_function_name(arguments: Json) -> None:
    assert invoke_faults(arguments) == ("The field 'FunctionName' is required but was missing",)


def test_a_function_bound_as_a_handler_is_called_as_it_is(context: TaskContext) -> None:
    class Handler:
        blocking = True

        def perform(self, arguments: Json, context: TaskContext) -> Json:
            return [arguments, context.resource]

    assert call({ARN: Handler()}, INVOKE, {"FunctionName": "Charge"}, context)["Payload"] == [{}, ARN]
