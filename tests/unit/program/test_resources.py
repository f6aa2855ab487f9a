"""A Task's Resource taken apart."""

from __future__ import annotations

import pytest

from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource

SERVICE, CALLBACK, JOB = (
    IntegrationPattern.REQUEST_RESPONSE,
    IntegrationPattern.WAIT_FOR_TASK_TOKEN,
    IntegrationPattern.RUN_A_JOB,
)


@pytest.mark.parametrize(
    ("text", "type", "action", "pattern"),
    [
        ("arn:aws:states:::lambda:invoke", "lambda", "invoke", SERVICE),
        ("arn:aws:states:us-east-1:123456789012:lambda:invoke", "lambda", "invoke", SERVICE),
        ("arn:aws-cn:states:::sqs:sendMessage", "sqs", "sendMessage", SERVICE),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "sqs", "sendMessage.waitForTaskToken", CALLBACK),
        ("arn:aws:states:::states:startExecution.sync", "states", "startExecution.sync", JOB),
        ("arn:aws:states:::states:startExecution.sync:2", "states", "startExecution.sync:2", JOB),
        ("arn:aws:states:::aws-sdk:dynamodb:getItem", "aws-sdk:dynamodb", "getItem", SERVICE),
        ("arn:aws:states:::aws-sdk:sfn:startSyncExecution", "aws-sdk:sfn", "startSyncExecution", SERVICE),
        ("arn:aws:states:::http:invoke", "http", "invoke", SERVICE),
        ("python:shop.tasks:charge", "python", "shop.tasks:charge", SERVICE),
        ("https://example.org/charge", "https", "//example.org/charge", SERVICE),
        ("exec:charge --now", "exec", "charge --now", SERVICE),
    ],
)
def test_services(text: str, type: str, action: str, pattern: IntegrationPattern) -> None:
    resource = parse_resource(text)
    assert (resource.kind, resource.type, resource.action) == (ResourceKind.SERVICE, type, action)
    assert resource.pattern is pattern
    assert resource.text == text
    assert resource.task_name == type


@pytest.mark.parametrize(
    ("text", "kind", "type"),
    [
        ("arn:aws:lambda:us-east-1:123456789012:function:f", ResourceKind.LAMBDA_FUNCTION, "lambda"),
        ("arn:aws:lambda:us-east-1:123456789012:function:f:prod", ResourceKind.LAMBDA_FUNCTION, "lambda"),
        ("arn:aws-us-gov:lambda:us-gov-west-1:1:function:f:$LATEST", ResourceKind.LAMBDA_FUNCTION, "lambda"),
        ("arn:aws:states:us-east-1:123456789012:activity:look", ResourceKind.ACTIVITY, "activity"),
    ],
)
def test_functions_and_activities(text: str, kind: ResourceKind, type: str) -> None:
    resource = parse_resource(text)
    assert (resource.kind, resource.type, resource.action) == (kind, type, text)
    assert resource.task_name == text


def test_the_names_of_the_events() -> None:
    """Fact history-lambda-arn-events: kinds are prefixes of event types."""
    assert [kind.value for kind in ResourceKind] == ["LambdaFunction", "Activity", "Task"]


def test_the_same_text_is_parsed_once() -> None:
    assert parse_resource("python:a:b") is parse_resource("python:a:b")
