from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from aws_wire import Wire
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from statemachine.errors import TaskError
from statemachine.integrations.aws.base import (
    AwsRequest,
    ClientError,
    Dialect,
    ParameterError,
    RoleError,
    ServiceError,
)
from statemachine.integrations.aws.boto import BotoCaller
from statemachine.integrations.aws.names import resource_name
from statemachine.integrations.base import BindingError
from statemachine.integrations.results import MAX_RESULT_BYTES
from statemachine.jsonvalue import Json


def put_item(**changes: Any) -> AwsRequest:
    values: dict[str, Any] = {
        "service": "dynamodb", "action": "putItem", "parameters": {"TableName": "T", "Item": {"id": {"S": "1"}}},
    }  # fmt: skip
    return AwsRequest(**(values | changes))


# -- services and actions --------------------------------------------------------------------------------------------


def test_services_that_boto3_calls_otherwise_are_found(caller: BotoCaller) -> None:
    core = caller._core
    for name in (
        "events",
        "logs",
        "stepfunctions",
        "emr",
        "ds-data",
        "lexv2-models",
        "cognito-idp",
        "rds-data",
        "es",
        "ce",
        "mgh",
        "cur",
        "discovery",
        "dms",
        "meteringmarketplace",
        "config",
        "iot-data",
        "serverlessrepo",
    ):
        service = resource_name(core.get_service_model(name).service_id)
        assert caller._service(service) == name


@pytest.mark.parametrize(
    ("service", "action", "message"),
    [
        ("dynamodb", "putItm", r"the service dynamodb has no action putItm \(did you mean 'putItem'\?\)"),
        ("dynamodb", "PutItem", r"has no action PutItem \(did you mean 'putItem'\?\)"),
        ("dynamobd", "putItem", r"there is no service dynamobd \(did you mean 'dynamodb'\?\)"),
        ("logs", "putLogEvents", r"there is no service logs \(did you mean 'cloudwatchlogs'\?\)"),
        ("../dynamodb", "putItem", "there is no service"),
        ("bedrockruntime", "invokeModelWithResponseStream", "streams events"),
    ],
)
def test_what_cannot_be_called_is_refused(caller: BotoCaller, service: str, action: str, message: str) -> None:
    with pytest.raises(BindingError, match=message):
        caller.find(service, action)


def test_a_missing_region_is_found_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BindingError, match="region"):
        BotoCaller().find("dynamodb", "putItem")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert BotoCaller().find("dynamodb", "putItem").service_id == "DynamoDB"


def test_without_boto3_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['boto3'] = None\n"
        "from statemachine.integrations import TaskRegistry\n"
        "TaskRegistry({'arn:*': 'aws'}).prepare(['arn:aws:states:::sqs:sendMessage'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "AWS services need boto3: pip install 'asl-statemachine[aws]'" in ran.stderr


# -- parameters ------------------------------------------------------------------------------------------------------


def sent_parameters(caller: BotoCaller, wire: Wire, request: AwsRequest) -> Any:
    wire.answer({})
    caller.call(request)
    return wire.body()


def test_members_are_named_as_the_model_has_them(caller: BotoCaller, wire: Wire) -> None:
    parameters = {
        "JobName": "j", "JobQueue": "q", "JobDefinition": "d", "Tags": {"Keep-As": "it is"},
        "ContainerOverrides": {"Command": ["a"], "ResourceRequirements": [{"Type": "GPU", "Value": "1"}]},
    }  # fmt: skip
    assert sent_parameters(caller, wire, AwsRequest("batch", "submitJob", parameters)) == {
        "jobName": "j", "jobQueue": "q", "jobDefinition": "d", "tags": {"Keep-As": "it is"},
        "containerOverrides": {"command": ["a"], "resourceRequirements": [{"type": "GPU", "value": "1"}]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "faults"),
    [
        (put_item(parameters={"TableName": "T", "Item": {}, "Colour": 1, "Key": {}}),
         ["The field 'Colour' is not supported by Step Functions",
          "The field 'Key' is not supported by Step Functions"]),
        (put_item(parameters={"tableName": "T"}), ["The field 'tableName' is not supported by Step Functions"]),
        (put_item(parameters={"TableName": 3, "Item": {"n": {"N": 5}}}),
         ["The value for the field 'TableName' must be a STRING", "The value for the field 'N' must be a STRING"]),
        (put_item(parameters={"TableName": "T", "Item": [1]}), ["The value for the field 'Item' must be an OBJECT"]),
        (put_item(parameters={"Item": None}, dialect=Dialect.OPTIMIZED),
         ["The field 'TableName' is required but was missing"]),
        (AwsRequest("s3", "getObject", {"Bucket": "b"}), ["The field 'Key' is required but was missing"]),
        (AwsRequest("sqs", "receiveMessage", {"QueueUrl": "q", "WaitTimeSeconds": True}),
         ["The value for the field 'WaitTimeSeconds' must be an INTEGER"]),
        (AwsRequest("sqs", "receiveMessage", {"QueueUrl": "q", "WaitTimeSeconds": 1.5}),
         ["The value for the field 'WaitTimeSeconds' must be an INTEGER"]),
        (AwsRequest("cloudwatchlogs", "filterLogEvents", {"Interleaved": "yes"}),
         ["The value for the field 'Interleaved' must be a BOOLEAN"]),
        (AwsRequest("cloudtrail", "lookupEvents", {"StartTime": "yesterday"}),
         ["The value for the field 'StartTime' must be a TIMESTAMP"]),
        (put_item(parameters={"TableName": "T", "Item": {"b": {"B": "ö"}}}, dialect=Dialect.OPTIMIZED),
         ["The value for the field 'B' must be a Base64 STRING"]),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused_unsent(
    caller: BotoCaller, wire: Wire, request_: AwsRequest, faults: list[str]
) -> None:
    with pytest.raises(ParameterError) as caught:
        caller.call(request_)
    assert list(caught.value.faults) == faults
    assert wire.sent == []


def test_null_is_left_to_the_service(caller: BotoCaller, wire: Wire) -> None:
    given = {"TableName": "T", "Item": None}
    assert sent_parameters(caller, wire, put_item(parameters=given, dialect=Dialect.OPTIMIZED)) == {"TableName": "T"}


@pytest.mark.parametrize(
    ("value", "sent"),
    [("text data", b'"text data"'), ({"Dict": "Value"}, b'{"Dict":"Value"}'), (False, b"false"), (0, b"0")],
)
def test_binary_data_is_sent_as_json_text(caller: BotoCaller, wire: Wire, value: Json, sent: bytes) -> None:
    wire.answer(b"", headers={"ETag": '"1"'})
    caller.call(AwsRequest("s3", "putObject", {"Bucket": "b", "Key": "k", "Body": value}))
    body = wire.sent[0].body
    assert sent in (body if isinstance(body, bytes) else body.read())


def test_a_time_is_read(caller: BotoCaller, wire: Wire) -> None:
    given = {"StartTime": "2024-05-01T10:00:00+02:00"}
    assert sent_parameters(caller, wire, AwsRequest("cloudtrail", "lookupEvents", given)) == {"StartTime": 1714550400}


@pytest.mark.parametrize(("given", "sent"), [({}, "made-up"), ({"ClientRequestToken": "mine"}, "mine")])
def test_an_idempotency_token_is_passed_where_the_model_has_one(
    caller: BotoCaller, wire: Wire, given: dict[str, Json], sent: str
) -> None:
    token = "made-up"  # noqa: S105 - no secret
    request = AwsRequest("athena", "startQueryExecution", {"QueryString": "q", **given}, client_token=token)
    assert sent_parameters(caller, wire, request)["ClientRequestToken"] == sent
    assert sent_parameters(caller, wire, put_item(client_token=token)) == put_item().parameters


# -- responses -------------------------------------------------------------------------------------------------------


def test_members_of_a_response_are_sorted_and_named_in_pascal_case(caller: BotoCaller, wire: Wire) -> None:
    job = {"status": "FAILED", "jobName": "j", "createdAt": 1714550400123, "container": {"exitCode": 1, "image": "i"}}
    wire.answer({"jobs": [job]})
    output = caller.call(AwsRequest("batch", "describeJobs", {"Jobs": ["1"]})).output
    shown = {"Container": {"ExitCode": 1, "Image": "i"}, "CreatedAt": 1714550400123, "JobName": "j", "Status": "FAILED"}
    assert output == {"Jobs": [shown]}
    assert list(output["Jobs"][0]) == sorted(shown)


def test_the_keys_of_a_map_keep_their_order(caller: BotoCaller, wire: Wire) -> None:
    wire.answer({"Item": {"id": {"S": "1"}, "data": {"S": "x"}}})
    output = caller.call(AwsRequest("dynamodb", "getItem", {"TableName": "T", "Key": {}})).output
    assert list(output["Item"]) == ["id", "data"]


@pytest.mark.parametrize(
    ("dialect", "shown"),
    [(Dialect.SDK, "2024-05-01T08:00:00.250Z"), (Dialect.OPTIMIZED, 1714550400250)],
)
def test_times_are_written_as_the_integration_writes_them(
    caller: BotoCaller, wire: Wire, dialect: Dialect, shown: Json
) -> None:
    wire.answer({"executionArn": "a", "startDate": 1714550400.25})
    request = AwsRequest("sfn", "startExecution", {"StateMachineArn": "m"}, dialect)
    assert caller.call(request).output == {"ExecutionArn": "a", "StartDate": shown}


def test_a_whole_second_has_no_fraction(caller: BotoCaller, wire: Wire) -> None:
    wire.answer({"executionArn": "a", "startDate": 1714550400})
    output = caller.call(AwsRequest("sfn", "startExecution", {"StateMachineArn": "m"})).output
    assert output["StartDate"] == "2024-05-01T08:00:00Z"


@pytest.mark.parametrize(("data", "shown"), [(b"text data", "text data"), (b"", ""), (b"\xff\x00", "/wA=")])
def test_a_body_is_text_or_base64_and_comes_last(caller: BotoCaller, wire: Wire, data: bytes, shown: str) -> None:
    wire.answer(data, headers={"ETag": '"1"', "content-length": str(len(data)), "x-amz-meta-a": "b"})
    output = caller.call(AwsRequest("s3", "getObject", {"Bucket": "b", "Key": "k"})).output
    assert output["Body"] == shown
    assert list(output) == ["ContentLength", "ETag", "Metadata", "Body"]
    assert output["Metadata"] == {"a": "b"}


def test_binary_data_of_an_optimized_integration_is_base64_both_ways(caller: BotoCaller, wire: Wire) -> None:
    wire.answer({"Attributes": {"b": {"B": "b2xk"}}})
    item = {"b": {"B": "bmV3"}}
    answer = caller.call(put_item(parameters={"TableName": "T", "Item": item}, dialect=Dialect.OPTIMIZED))
    assert wire.body()["Item"] == item
    assert answer.output == {"Attributes": {"b": {"B": "b2xk"}}}


def test_a_payload_of_an_optimized_integration_is_json_both_ways(caller: BotoCaller, wire: Wire) -> None:
    wire.answer(b'{"answer":[1]}', headers={"content-type": "application/json"})
    request = AwsRequest(
        "bedrockruntime", "invokeModel", {"ModelId": "m", "Body": {"ask": 1}}, Dialect.OPTIMIZED, frozenset({"Body"})
    )
    assert caller.call(request).output == {"Body": {"answer": [1]}, "ContentType": "application/json"}
    assert wire.body() == {"ask": 1}


def test_a_text_of_an_optimized_integration_carries_json(caller: BotoCaller, wire: Wire) -> None:
    for body in ({"a": [1]}, "plain"):
        given = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q", "MessageBody": body}
        request = AwsRequest("sqs", "sendMessage", given, Dialect.OPTIMIZED, frozenset({"MessageBody"}))
        wire.answer({"MessageId": "1", "MD5OfMessageBody": "m"})
        assert list(caller.call(request).output) == ["MD5OfMessageBody", "MessageId"]
    assert [wire.body(index)["MessageBody"] for index in (0, 1)] == ['{"a":[1]}', "plain"]


def test_a_body_is_bounded(caller: BotoCaller, wire: Wire) -> None:
    wire.answer(b"x" * (MAX_RESULT_BYTES + 1))
    with pytest.raises(TaskError, match="size exceeding"):
        caller.call(AwsRequest("s3", "getObject", {"Bucket": "b", "Key": "k"}))


def test_stubbed_clients_see_the_parameters_of_the_api(caller: BotoCaller) -> None:
    caller.find("ecs", "runTask")
    with Stubber(caller._client("ecs", None, None)) as stub:
        made = datetime(2024, 5, 1, tzinfo=UTC)
        stub.add_response(
            "run_task",
            {"tasks": [{"taskArn": "t", "createdAt": made}], "failures": []},
            {
                "taskDefinition": "d",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
                "clientToken": "c",
            },
        )
        token = "c"  # noqa: S105 - no secret
        network = {"AwsvpcConfiguration": {"Subnets": ["s"]}}
        output = caller.call(
            AwsRequest("ecs", "runTask", {"TaskDefinition": "d", "NetworkConfiguration": network}, client_token=token)
        ).output
    assert output == {"Failures": [], "Tasks": [{"CreatedAt": "2024-05-01T00:00:00Z", "TaskArn": "t"}]}


# -- failures --------------------------------------------------------------------------------------------------------


def test_an_error_of_the_service_is_told_with_its_shape(caller: BotoCaller, wire: Wire) -> None:
    wire.answer({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "not there"}, 400)
    with pytest.raises(ServiceError) as caught:
        caller.call(put_item())
    error = caught.value
    assert (error.code, error.message, error.status) == ("ResourceNotFoundException", "not there", 400)
    assert (error.request_id, error.exception) == ("request-1", "ResourceNotFoundException")


def test_an_error_that_the_model_does_not_have_has_no_shape(caller: BotoCaller, wire: Wire) -> None:
    wire.answer({"__type": "com.amazon.coral.validate#ValidationException", "message": "wrong"}, 400)
    with pytest.raises(ServiceError) as caught:
        caller.call(put_item())
    assert (caught.value.code, caught.value.exception) == ("ValidationException", None)


def test_an_error_of_s3_has_its_host_id(caller: BotoCaller, wire: Wire) -> None:
    body = b"<Error><Code>NoSuchKey</Code><Message>gone</Message><RequestId>r</RequestId><HostId>h</HostId></Error>"
    wire.answer(body, 404, {"x-amz-request-id": "r", "x-amz-id-2": "h"})
    with pytest.raises(ServiceError) as caught:
        caller.call(AwsRequest("s3", "getObject", {"Bucket": "b", "Key": "k"}))
    assert (caught.value.exception, caught.value.extended_request_id) == ("NoSuchKey", "h")


def test_a_service_that_is_not_reached_and_missing_credentials(
    caller: BotoCaller, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.fail(EndpointConnectionError(endpoint_url="https://nowhere"))
    with pytest.raises(ClientError, match=r"^Unable to execute HTTP request: .*nowhere"):
        caller.call(put_item())
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with pytest.raises(ClientError, match="credentials"):
        BotoCaller().call(put_item())


def test_a_deep_value_is_refused(caller: BotoCaller) -> None:
    value: Json = {"S": "x"}
    for _ in range(500):
        value = {"M": {"m": value}}
    with pytest.raises(ParameterError, match="too deeply"):
        caller.call(put_item(parameters={"TableName": "T", "Item": {"deep": value}}))


# -- clients and roles -----------------------------------------------------------------------------------------------


def credentials(key: str, expiration: str) -> bytes:
    return (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    ).encode()


def test_a_role_is_assumed_once_until_its_credentials_expire(new_caller: Callable[..., BotoCaller], wire: Wire) -> None:
    now = datetime(2024, 5, 1, 10, 0, tzinfo=UTC).timestamp()
    clock = [now]
    caller = new_caller(now=lambda: clock[0])
    request = put_item(role_arn="arn:aws:iam::1:role/R")
    wire.answer(credentials("first", "2024-05-01T11:00:00Z"))
    for _ in range(3):
        wire.answer({})
    caller.call(request)
    caller.call(request)
    caller.call(put_item())
    used = [each.headers["Authorization"].decode() for each in wire.sent[1:]]
    assert ["Credential=first/" in each for each in used] == [True, True, False]
    clock[0] = now + 3_400
    wire.answer(credentials("second", "2024-05-01T12:00:00Z"))
    wire.answer({})
    caller.call(request)
    assert "Credential=second/" in wire.sent[-1].headers["Authorization"].decode()


def test_a_role_that_cannot_be_assumed(caller: BotoCaller, wire: Wire) -> None:
    who = "arn:aws:sts::1:assumed-role/Mine/me"
    message = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: r"
    wire.answer(
        f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>".encode(),
        403,
    )
    with pytest.raises(RoleError) as caught:
        caller.call(put_item(role_arn="arn:aws:iam::1:role/R"))
    assert str(caught.value) == (
        f"The role {who} is not authorized to assume the task state's role, arn:aws:iam::1:role/R."
    )
    assert len(wire.sent) == 1


def test_a_region_has_a_client_of_its_own_and_clients_are_bounded(
    caller: BotoCaller, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statemachine.integrations.aws.boto.MAX_CLIENTS", 2)
    for region in ("us-east-1", "us-west-2", "us-east-1", "eu-central-1"):
        wire.answer({})
        caller.call(put_item(region=region))
    assert [each.url.split(".")[1] for each in wire.sent] == ["us-east-1", "us-west-2", "us-east-1", "eu-central-1"]
    assert [region for _, region, _ in caller._clients] == ["us-east-1", "eu-central-1"]


def test_an_endpoint_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    session = boto3.Session("k", "s", region_name="eu-west-1")
    session.events.register("before-send", wire.receive)
    wire.answer({})
    BotoCaller(session).call(put_item())
    assert wire.sent[0].url == "http://localhost:4566/"
