"""Mocked results against the API models."""

# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.testing.teststate import TestStateError, test_state
from statemachine.testing.teststate.service_shapes import OutputShape, ShapeError, _document, output_shape

PREFIX = "Mock result schema validation error: "


def verdict(resource: str, result: Any, mode: str | None = None) -> str | None:
    """What is wrong with a result; None if nothing is."""
    mock = {"result": json.dumps(result), **({} if mode is None else {"fieldValidationMode": mode})}
    definition = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": {"a": 1}, "End": True}
    try:
        status = test_state(definition, mock=mock).status
    except TestStateError as error:
        return error.message.removeprefix(PREFIX)
    assert status == "SUCCEEDED"
    return None


@pytest.mark.parametrize(
    ("resource", "result", "expected"),
    [
        ("sqs:sendMessage", {"MessageId": "m"}, None),
        ("sqs:sendMessage", {"MessageId": 1}, "Field 'MessageId' must be a string"),
        ("sqs:sendMessage", {"MD5OfMessageBody": 1}, "Field 'MD5OfMessageBody' must be a string"),
        ("aws-sdk:sqs:sendMessage", {"Md5OfMessageBody": 1}, "Field 'Md5OfMessageBody' must be a string"),
        ("sqs:sendMessage", {"Anything": [1]}, None),
        ("sqs:sendMessage", [1], "Mocked result must be a JSON object."),
        ("sqs:sendMessage", None, None),
        ("dynamodb:getItem", {"Item": {"k": {"S": 1}}}, "Field 'S' must be a string"),
        ("dynamodb:getItem", {"Item": {"k": {"M": {"x": {"L": [{"BOOL": 1}]}}}}}, "Field 'BOOL' must be a boolean"),
        ("dynamodb:getItem", {"Item": [1]}, "Field 'Item' must be an object"),
        ("dynamodb:getItem", {"Item": {"k": "text"}}, "Field 'Item' must be an object"),
        ("dynamodb:getItem", {"ConsumedCapacity": 1}, "Field 'ConsumedCapacity' must be an object"),
        ("dynamodb:getItem", {"ConsumedCapacity": {"CapacityUnits": True}}, "Field 'CapacityUnits' must be a number"),
        ("dynamodb:getItem", {"ConsumedCapacity": {"CapacityUnits": 0.5}}, None),
        ("aws-sdk:s3:listObjectsV2", {"Contents": {}}, "Field 'Contents' must be an array"),
        ("aws-sdk:s3:listObjectsV2", {"Contents": [{}, {"Size": "1"}]}, "Field 'Size' must be a number"),
        ("aws-sdk:s3:headObject", {"SsekmsKeyId": 1}, "Field 'SsekmsKeyId' must be a string"),
        ("aws-sdk:s3:putObject", {"ServerSideEncryption": "none"}, "Field 'ServerSideEncryption' is not an expected value"),
        ("aws-sdk:s3:putObject", {"ServerSideEncryption": 1}, "Field 'ServerSideEncryption' must be a string"),
        ("aws-sdk:lambda:getFunctionConfiguration", {"Timeout": 0}, "Field 'Timeout' is less than the minimum value"),
        ("aws-sdk:kms:decrypt", {"KeyId": ""}, "Field 'KeyId' is smaller than the minimum length"),
        ("aws-sdk:kms:decrypt", {"KeyId": "k" * 2049}, "Field 'KeyId' exceeds the maximum length"),
        ("aws-sdk:sfn:describeStateMachine", {"StateMachineArn": "a"}, "Required field 'Name' is missing"),
        ("aws-sdk:eventbridge:putEvents", {"FailedEntryCount": "0"}, "Field 'FailedEntryCount' must be a number"),
        ("elasticmapreduce:createCluster", {"JobFlowId": 1}, "Field 'JobFlowId' must be a string"),
        ("lambda:invoke", {"Payload": {"any": [1]}, "StatusCode": 200}, None),
        ("aws-sdk:lambda:invoke", {"Payload": {"any": [1]}}, "Field 'Payload' must be a string"),
        ("aws-sdk:nosuchservice:act", {"A": 1}, None),
        ("http:invoke", {"StatusCode": "x"}, None),
        ("apigateway:invoke", [1], None),
    ],
)  # fmt: skip
def test_results_of_services(resource: str, result: Any, expected: str | None) -> None:
    assert verdict(resource, result) == expected


COMPLETE = {"ExecutionArn": "a", "StateMachineArn": "m", "StartDate": "d", "Status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("resource", "result", "expected"),
    [
        ("states:startExecution", {"ExecutionArn": "a", "StartDate": "d"}, None),
        ("states:startExecution", {"ExecutionArn": "a"}, "Required field 'StartDate' is missing"),
        ("states:startExecution.sync", {"ExecutionArn": "a", "StartDate": "d"}, "Required field 'StateMachineArn' is missing"),
        ("states:startExecution.sync", {**COMPLETE, "Output": {}}, "Field 'Output' must be a string"),
        ("states:startExecution.sync:2", {**COMPLETE, "Output": {}}, None),
        ("states:startExecution.sync:2", {**COMPLETE, "Status": "DONE"}, "Field 'Status' is not an expected value"),
        ("states:startExecution.waitForTaskToken", [1], None),
        ("glue:startJobRun.sync", {"JobRun": {"Attempt": "1"}}, "Field 'Attempt' must be a number"),
        ("ecs:runTask.sync", {"Tasks": 1}, "Field 'Tasks' must be an array"),
    ],
)  # fmt: skip
def test_a_job_has_the_result_of_what_is_polled(resource: str, result: Any, expected: str | None) -> None:
    assert verdict(resource, result) == expected


@pytest.mark.parametrize(
    ("mode", "missing", "wrong"),
    [
        (None, "Required field 'ExecutionArn' is missing", "Field 'StartDate' must be a string"),
        ("STRICT", "Required field 'ExecutionArn' is missing", "Field 'StartDate' must be a string"),
        ("PRESENT", None, "Field 'StartDate' must be a string"),
        ("NONE", None, None),
    ],
)
def test_modes(mode: str | None, missing: str | None, wrong: str | None) -> None:
    assert verdict("states:startExecution", {}, mode) == missing
    assert verdict("states:startExecution", {"ExecutionArn": "a", "StartDate": 1}, mode) == wrong


def test_required_members_are_looked_for_inside_of_others() -> None:
    item = {"Configuration": {"Environment": {"Error": {}}}}
    assert verdict("aws-sdk:lambda:getFunction", item) is None
    assert verdict("aws-sdk:sfn:listExecutions", {"Executions": [{}]}) == "Required field 'ExecutionArn' is missing"
    assert verdict("aws-sdk:sfn:listExecutions", {"Executions": [{}]}, "PRESENT") is None


def test_a_function_arn_and_an_activity_may_return_anything() -> None:
    for resource in (
        "arn:aws:lambda:us-east-1:123456789012:function:F",
        "arn:aws:states:us-east-1:123456789012:activity:A",
    ):
        definition = {"Type": "Task", "Resource": resource, "End": True}
        assert test_state(definition, mock={"result": "[ 1 ]"}).output == "[ 1 ]"


def references(member: str) -> str | None:
    name = member.lstrip("[{")
    return name[1:] if name.startswith("#") else None


def test_the_table_is_complete_in_itself() -> None:
    """Every name that is used is there, and every scalar is one that is understood."""
    document = _document()
    assert set(document["aliases"].values()) <= set(document["services"])
    scalars = ("any", "string", "number", "boolean")
    for service in document["services"].values():
        shapes, operations = service["shapes"], service["operations"]
        assert set(operations.values()) <= set(shapes)
        assert set(service.get("polled", {}).values()) <= set(operations)
        for shape in shapes.values():
            for member in shape.get("members", {}).values():
                name = references(member)
                assert name in shapes if name else member.lstrip("[{").partition(" ")[0] in scalars
            assert set(shape.get("required", ())) <= set(shape.get("members", {}))


def test_every_structure_accepts_its_own_empty_form() -> None:
    """Nothing but a required member can be missed in an empty result."""
    for name, service in _document()["services"].items():
        for operation in service["operations"]:
            shape = output_shape(name, operation[0].lower() + operation[1:])
            assert isinstance(shape, OutputShape)
            shape.check({}, required=False)
            if service["shapes"][shape.name].get("required"):
                with pytest.raises(ShapeError, match="is missing"):
                    shape.check({}, required=True)
