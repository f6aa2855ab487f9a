"""A Task's Resource, as AWS checks it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.definition.diagnostics import Severity
from statemachine.definition.source import source_of_value
from statemachine.program.integrations import OPTIMIZED, check_resources, sdk_actions, sdk_services
from statemachine.program.load import check, load_text

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"
SERVICE = "arn:aws:states:::"
NO_ARN = "Value is not a valid resource ARN"


def machine(resource: str, **more: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": resource, "End": True, **more}}}


def refused(resource: str, **options: bool) -> list[str]:
    found = check_resources(machine(resource), **options)
    assert all(each.path == ("States", "A", "Resource") and each.runs for each in found)
    return [each.message for each in found]


@pytest.mark.parametrize(
    "resource",
    [
        FUNCTION,
        f"{FUNCTION}:PROD",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:work",
        ACTIVITY,
        f"{SERVICE}lambda:invoke",
        f"{SERVICE}lambda:invoke.waitForTaskToken",
        f"{SERVICE}states:startExecution.sync:2",
        f"{SERVICE}ecs:runTask.sync",
        f"{SERVICE}emr-serverless:startJobRun.sync",
        f"{SERVICE}aws-sdk:dynamodb:query",
        f"{SERVICE}aws-sdk:rds:createDBInstance",
        f"{SERVICE}aws-sdk:sfn:startSyncExecution.waitForTaskToken",
        f"{SERVICE}aws-sdk:databasemigration:describeReplicationTasks",
        f"{SERVICE}aws-sdk:qldbsession:sendCommand",
        "arn:aws:states:eu-west-1:123456789012:aws-sdk:s3:getObject",
        "arn:aws-us-gov:states:::sns:publish",
        "arn:aws:states:us-east-1:123456789012:task:HelloWorld",
        "${Function}",
        "arn:${Partition}:states:::nothing:atAll",
        "python:shop:charge",
        "exec:charge --fast",
        "https://example.com/run",
    ],
)
def test_what_there_is(resource: str) -> None:
    assert refused(resource) == []


@pytest.mark.parametrize(
    ("resource", "suggestion"),
    [
        (
            f"{SERVICE}dynamodb:query",
            "`dynamodb` has getItem, putItem, updateItem, deleteItem; all others are in `aws-sdk:`",
        ),
        (f"{SERVICE}dynamodb:getItems", "did you mean `getItem`?"),
        (f"{SERVICE}lamda:invoke", "did you mean `lambda`?"),
        (f"{SERVICE}s3:getObject", "use `aws-sdk:s3:getObject` if it is an action of the SDK"),
        (f"{SERVICE}kms:encrypt", "use `aws-sdk:kms:encrypt` if it is an action of the SDK"),
        (f"{SERVICE}sqs:sendMessage.sync", "`sqs:sendMessage` has `.waitForTaskToken`"),
        (f"{SERVICE}dynamodb:getItem.sync", "`dynamodb:getItem` has no suffix"),
        (f"{SERVICE}glue:startJobRun.sync:2", "`glue:startJobRun` has `.sync`"),
        (f"{SERVICE}aws-sdk:nosuchservice:doIt", None),
        (f"{SERVICE}aws-sdk:dynamodbs:getItem", "did you mean `dynamodb`?"),
        (f"{SERVICE}aws-sdk:dynamodb:getItm", "did you mean `getItem`?"),
        (f"{SERVICE}aws-sdk:dynamodb:", None),
        (f"{SERVICE}aws-sdk:ecs:runTask.sync", "integrations of the SDK have no `.sync`"),
        ("arn:aws:lambda", None),
        ("arn:aws:sns:us-east-1:123456789012:topic", None),
    ],
)
def test_what_there_is_not(resource: str, suggestion: str | None) -> None:
    (found,) = check_resources(machine(resource))
    assert found.message == (
        f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource "
        "is not available in this region."
    )
    assert found.suggestion == suggestion


@pytest.mark.parametrize("resource", ["work", "lambda:invoke", "ftp://example.com", " arn:aws:lambda"])
def test_what_is_no_arn(resource: str) -> None:
    assert refused(resource) == [NO_ARN]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (f"{SERVICE}sqs:sendMessage.waitForTaskToken", "'.waitForTaskToken' service integration "),
        (f"{SERVICE}states:startExecution.sync", "'.sync' service integration"),
        (f"{SERVICE}states:startExecution.sync:2", "'.sync' service integration"),
        (ACTIVITY, "Activity ARN"),
        (f"{SERVICE}states:startExecution", None),
        ("arn:aws:lambda:us-east-1:123456789012:function:activity", None),
        ("python:tasks:sync", None),
    ],
)
def test_what_express_machines_have_not(resource: str, message: str | None) -> None:
    expected = [] if message is None else [f"Express state machine does not support {message}"]
    assert refused(resource, express=True) == expected
    assert refused(resource) == []


@pytest.mark.parametrize("name", ["ItemProcessor", "Iterator"])
def test_an_express_machine_has_no_distributed_map(name: str) -> None:
    inner = {**machine(FUNCTION), "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    value = {"StartAt": "M", "States": {"M": {"Type": "Map", name: inner, "End": True}}}
    assert check_resources(value) == []
    (found,) = check_resources(value, express=True)
    assert found.message == "Express state machine does not support a Map with the Mode 'DISTRIBUTED'"
    assert (found.path, found.runs) == (("States", "M", name, "ProcessorConfig", "Mode"), True)
    inner["ProcessorConfig"] = {"Mode": "INLINE"}
    assert check_resources(value, express=True) == []


@pytest.mark.parametrize("resource", ["python:shop:charge", "exec:charge", "http://a.example", "https://a.example"])
def test_extensions_are_refused_for_aws_alone(resource: str) -> None:
    (found,) = check_resources(machine(resource), target_aws=True)
    assert (found.code, found.severity) == ("SM_EXTENSION", Severity.ERROR)
    assert refused(resource) == []


def test_fields_that_are_extensions_are_refused_for_aws_alone() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "B", "Compensate": True}]
    value = machine(FUNCTION, CompensateWith="B", Catch=catch)
    assert check_resources(value) == []
    assert [each.place for each in check_resources(value, target_aws=True)] == [
        ("States", "A", "CompensateWith"),
        ("States", "A", "Catch", 0, "Compensate"),
    ]


def test_a_resource_keeps_nothing_from_being_run() -> None:
    program, found = check(source_of_value(machine("work")))
    assert program is not None
    assert [(each.message, each.severity) for each in found] == [(NO_ARN, Severity.ERROR)]
    assert load_text(json.dumps(machine("work"))).program.sha256


def test_resources_inside_blocks_are_checked() -> None:
    inner = machine("work")
    value = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [inner, inner], "End": True}}}
    assert [each.path for each in check_resources(value)] == [
        ("States", "P", "Branches", index, "States", "A", "Resource") for index in (0, 1)
    ]


@pytest.mark.parametrize("name", ["ItemReader", "ResultWriter"])
def test_readers_and_writers_have_resources_too(name: str) -> None:
    map_ = {"Type": "Map", name: {"Resource": f"{SERVICE}s3:getObjects"}, "End": True}
    (found,) = check_resources({"StartAt": "A", "States": {"A": map_}})
    assert (found.path, found.suggestion) == (("States", "A", name, "Resource"), "did you mean `getObject`?")


def test_the_lists_agree() -> None:
    services = sdk_services()
    assert services == tuple(sorted(set(services)))
    assert len(services) > 300
    assert " invoke " in (sdk_actions("lambda") or "")
    assert sdk_actions("lamb") is None
    assert all(actions for actions in OPTIMIZED.values())
