"""Which action a Resource names, what its result shows, and how its failures are called."""

from __future__ import annotations

import pytest

from statemachine.errors import TaskError
from statemachine.integrations.aws.base import (
    AwsOperation,
    AwsResponse,
    ClientError,
    ParameterError,
    RoleError,
    ServiceError,
)
from statemachine.integrations.aws.services import action_of, failure_of
from statemachine.integrations.base import BindingError
from statemachine.jsonvalue import Json
from statemachine.program.resources import parse_resource

STATES = "arn:aws:states:::"


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (f"{STATES}aws-sdk:s3:getObject.sync", "integrations of the AWS SDK have no .sync"),
        (
            f"{STATES}dynamodbb:putItem",
            r"there is no such integration \(did you mean 'dynamodb', or 'aws-sdk:dynamodbb'",
        ),
        (f"{STATES}s3:getObject", r"did you mean 'aws-sdk:s3'\?"),
        (f"{STATES}sqs:sendMessage.waitForever", "there is no integration pattern .waitForever"),
        ("arn:aws:states:eu-west-1:1:activity:Sign", "polled by workers"),
        ("python:a:b", "there is no such integration"),
    ],
)
def test_what_no_service_performs_is_refused(resource: str, message: str) -> None:
    with pytest.raises(BindingError, match=message):
        action_of(parse_resource(resource))


@pytest.mark.parametrize(
    ("resource", "service", "action"),
    [
        (f"{STATES}dynamodb:putItem", "dynamodb", "putItem"),
        (f"{STATES}aws-sdk:sfn:sendTaskSuccess", "sfn", "sendTaskSuccess"),
        (f"{STATES}sqs:sendMessage.waitForTaskToken", "sqs", "sendMessage"),
        (f"{STATES}states:startExecution.sync:2", "sfn", "startExecution"),
        (f"{STATES}elasticmapreduce:createCluster.sync", "emr", "runJobFlow"),
        (f"{STATES}bedrock:invokeModel", "bedrockruntime", "invokeModel"),
        (f"{STATES}bedrock:createModelCustomizationJob.sync", "bedrock", "createModelCustomizationJob"),
        (f"{STATES}emr-serverless:startJobRun.sync", "emrserverless", "startJobRun"),
        ("arn:aws:lambda:eu-west-1:1:function:Charge", "lambda", "invoke"),
        ("arn:aws-cn:states:::events:putEvents", "eventbridge", "putEvents"),
    ],
)
def test_a_resource_names_an_action(resource: str, service: str, action: str) -> None:
    found = action_of(parse_resource(resource))
    assert (found.service, found.action) == (service, action)


NOT_FOUND = ServiceError(
    "ResourceNotFoundException", "Not there", request_id="R", exception="ResourceNotFoundException"
)
NO_KEY = ServiceError("NoSuchKey", "No key", status=404, request_id="R", extended_request_id="E", exception="NoSuchKey")
INVALID = ServiceError("ValidationException", "Wrong", request_id="R")
NO_MACHINE = ServiceError("StateMachineDoesNotExist", "No", request_id="R", exception="StateMachineDoesNotExist")


@pytest.mark.parametrize(
    ("resource", "service_id", "error", "name", "cause"),
    [
        ("dynamodb:putItem", "DynamoDB", NOT_FOUND, "DynamoDB.ResourceNotFoundException",
         ("Not there (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; "
         "Request ID: R; Proxy: null)")),
        ("aws-sdk:dynamodb:putItem", "DynamoDB", NOT_FOUND, "DynamoDb.ResourceNotFoundException",
         "Not there (Service: DynamoDb, Status Code: 400, Request ID: R)"),
        ("dynamodb:putItem", "DynamoDB", INVALID, "DynamoDB.AmazonDynamoDBException",
         ("Wrong (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: R; "
         "Proxy: null)")),
        ("aws-sdk:dynamodb:putItem", "DynamoDB", INVALID, "DynamoDb.DynamoDbException",
         "Wrong (Service: DynamoDb, Status Code: 400, Request ID: R)"),
        ("aws-sdk:s3:getObject", "S3", NO_KEY, "S3.NoSuchKeyException",
         "No key (Service: S3, Status Code: 404, Request ID: R, Extended Request ID: E)"),
        ("states:startExecution", "SFN", NO_MACHINE, "StepFunctions.StateMachineDoesNotExistException",
         ("No (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: R; "
         "Proxy: null)")),
        ("aws-sdk:sfn:startExecution", "SFN", NO_MACHINE, "Sfn.StateMachineDoesNotExistException",
         "No (Service: Sfn, Status Code: 400, Request ID: R)"),
        ("batch:submitJob", "Batch", INVALID, "Batch.AWSBatchException",
         "Wrong (Service: AWSBatch; Status Code: 400; Error Code: ValidationException; Request ID: R; Proxy: null)"),
        ("bedrock:invokeModel", "Bedrock Runtime", INVALID, "Bedrock.BedrockRuntimeException",
         "Wrong (Service: BedrockRuntime, Status Code: 400, Request ID: R)"),
        ("sqs:sendMessage", "SQS", ClientError("Unable to execute HTTP request: x"), "SQS.SdkClientException",
         "Unable to execute HTTP request: x"),
        ("aws-sdk:sqs:sendMessage", "SQS", ClientError("no credentials"), "Sqs.SdkClientException", "no credentials"),
        ("sqs:sendMessage", "SQS", RoleError("The role …"), "States.TaskFailed", "The role …"),
        ("sqs:sendMessage", "SQS", ParameterError(["A", "B"]), "States.Runtime",
         "The Parameters '{\"a\":1}' could not be used to start the Task: [A, B]"),
    ],
)  # fmt: skip
def test_a_failure_is_named_and_worded_as_aws_does(
    resource: str, service_id: str, error: Exception, name: str, cause: str
) -> None:
    action = action_of(parse_resource(STATES + resource))
    failure = failure_of(error, action, AwsOperation(service_id), {"a": 1})  # type: ignore[arg-type]
    assert (failure.error, failure.cause) == (name, cause)


def shown(resource: str, output: dict[str, Json]) -> dict[str, Json]:
    headers = {"content-length": "2", "x-amzn-requestid": "R", "content-type": "text/plain"}
    return action_of(parse_resource(STATES + resource)).shown(AwsResponse(output, 200, "R", headers))


def test_an_optimized_integration_shows_the_http_response() -> None:
    result = shown("sqs:sendMessage", {"MD5OfMessageBody": "m", "MessageId": "1"})
    assert list(result) == ["MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]
    assert result["SdkResponseMetadata"] == {"RequestId": "R"}
    assert result["SdkHttpMetadata"] == {
        "AllHttpHeaders": {"Content-Length": ["2"], "x-amzn-RequestId": ["R"], "Content-Type": ["text/plain"]},
        "HttpHeaders": {"Content-Length": "2", "Content-Type": "text/plain", "x-amzn-RequestId": "R"},
        "HttpStatusCode": 200,
    }


@pytest.mark.parametrize("resource", ["aws-sdk:sqs:sendMessage", "events:putEvents", "bedrock:invokeModel"])
def test_others_show_only_the_output(resource: str) -> None:
    assert shown(resource, {"MessageId": "1"}) == {"MessageId": "1"}


def test_an_event_that_was_not_put_fails_the_task() -> None:
    output = {"Entries": [{"ErrorCode": "MalformedDetail"}], "FailedEntryCount": 1}
    with pytest.raises(TaskError) as caught:
        shown("events:putEvents", output)
    assert caught.value.error == "EventBridge.FailedEntry"
    assert caught.value.cause == '{"Entries":[{"ErrorCode":"MalformedDetail"}],"FailedEntryCount":1}'
    assert shown("aws-sdk:eventbridge:putEvents", output) == output
