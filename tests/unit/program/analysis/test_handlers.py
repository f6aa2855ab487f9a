"""Retry and Catch: what an earlier element leaves nothing for, and names that never come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from running import block, catch, choice, distributed, fail, map_, parallel, pass_, retry, succeed, task

SERVICE = "arn:aws:states:::"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"


def with_retry(*retriers: dict[str, Any], resource: str = "arn:aws:states:::sqs:sendMessage") -> dict[str, Any]:
    return block(T=task(resource, Retry=list(retriers)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((["A"], ["B"]), []),
        ((["A"], ["A"]), [("UNREACHABLE_RETRIER", 1)]),
        ((["A", "B"], ["C"], ["B", "A"]), [("UNREACHABLE_RETRIER", 2)]),
        ((["A"], ["A", "B"]), [("ERROR_NAME_COVERED", "1/0")]),
        ((["States.TaskFailed"], ["A", "States.Permissions"]), [("UNREACHABLE_RETRIER", 1)]),
        ((["States.TaskFailed"], ["States.Timeout"]), []),
        ((["States.TaskFailed"], ["States.Timeout", "A"]), [("ERROR_NAME_COVERED", "1/1")]),
        ((["States.TaskFailed"], ["States.DataLimitExceeded"]), []),
        ((["States.TaskFailed"], ["States.ALL"]), []),
        ((["A"], ["States.TaskFailed"], ["States.ALL"]), []),
        ((["A", "A"],), []),
    ],
)
def test_covered(
    names: tuple[list[str], ...], expected: list[tuple[str, Any]], warned: Callable[..., list[tuple[str, str]]]
) -> None:
    places = []
    for code, place in expected:
        if isinstance(place, int):
            places.append((code, f"/States/T/Retry[{place}]"))
        else:
            element, _, index = place.partition("/")
            places.append((code, f"/States/T/Retry[{element}]/ErrorEquals[{index}]"))
    assert warned(with_retry(*(retry(*each) for each in names))) == places


def test_retriers_and_catchers_are_lists_of_their_own(warned: Callable[..., list[tuple[str, str]]]) -> None:
    machine = block(T=task(Retry=[retry("A")], Catch=[catch("E", "A"), catch("E", "A")], End=True), E=succeed())
    assert warned(machine) == [("UNREACHABLE_CATCHER", "/States/T/Catch[1]")]


def test_a_heartbeat_is_a_timeout(warned: Callable[..., list[tuple[str, str]]]) -> None:
    machine = block(
        T=task(
            HeartbeatSeconds=5,
            Catch=[catch("E", "States.Timeout"), catch("E", "States.HeartbeatTimeout")],
            End=True,
        ),
        E=succeed(),
    )
    assert warned(machine) == [("UNREACHABLE_CATCHER", "/States/T/Catch[1]")]


@pytest.mark.parametrize(
    ("resource", "name", "code"),
    [
        ("sqs:sendMessage", "States.Runtime", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.BranchFailed", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.NoChoiceMatched", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.HeartbeatTimeout", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.ItemReaderFailed", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.QueryEvaluationError", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage", "States.IntrinsicFailure", None),
        ("sqs:sendMessage", "States.DataLimitExceeded", None),
        ("sqs:sendMessage", "States.Timeout", None),
        ("sqs:sendMessage", "States.Permissions", None),
        ("sqs:sendMessage", "States.Http.StatusCode.429", None),
        ("sqs:sendMessage", "States.Timout", "UNKNOWN_RESERVED_ERROR"),
        ("sqs:sendMessage", "States.Mine", "UNKNOWN_RESERVED_ERROR"),
        ("sqs:sendMessage", "State.ALL", "UNKNOWN_RESERVED_ERROR"),
        ("sqs:sendMessage", "states.TaskFailed", "UNKNOWN_RESERVED_ERROR"),
        ("sqs:sendMessage", "Station.Closed", None),
        ("sqs:sendMessage", "Mine", None),
        ("sqs:sendMessage", "Lambda.ServiceException", "ERROR_NEVER_RAISED"),
        ("sqs:sendMessage.waitForTaskToken", "Lambda.ServiceException", None),
        ("lambda:invoke", "Lambda.ServiceException", None),
        ("aws-sdk:lambda:invoke", "Lambda.ServiceException", None),
        ("dynamodb:getItem", "DynamoDb.ResourceNotFoundException", "ERROR_NEVER_RAISED"),
        ("dynamodb:getItem", "DynamoDB.ResourceNotFoundException", None),
        ("aws-sdk:dynamodb:getItem", "DynamoDB.ResourceNotFoundException", "ERROR_NEVER_RAISED"),
        ("aws-sdk:dynamodb:getItem", "DynamoDb.ResourceNotFoundException", None),
    ],
)
def test_names_on_a_task(
    resource: str, name: str, code: str | None, warned: Callable[..., list[tuple[str, str]]]
) -> None:
    found = warned(with_retry(retry("Before"), retry(name), resource=SERVICE + resource), "CALLBACK_WITHOUT_TIMEOUT")
    assert found == ([] if code is None else [(code, "/States/T/Retry[1]/ErrorEquals[0]")])


def test_a_function_may_raise_any_name(warned: Callable[..., list[tuple[str, str]]]) -> None:
    assert warned(block(T=task(Retry=[retry("DynamoDb.X", "Lambda.Unknown")]))) == []


def test_what_was_meant(messages: Callable[[dict[str, Any]], list[str]]) -> None:
    (misspelt,) = messages(with_retry(retry("States.Timout")))
    assert "did you mean `States.Timeout`?" in misspelt
    resource = "arn:aws:states:::dynamodb:getItem"
    (other,) = messages(with_retry(retry("DynamoDb.Throttled"), resource=resource))
    assert "did you mean `DynamoDB.Throttled`?" in other


CHOICE = block(C=choice({"Variable": "$.a", "IsPresent": True, "Next": "E"}, default="E"), E=succeed())


@pytest.mark.parametrize(
    ("state", "name", "code"),
    [
        (parallel(block(A=pass_())), "States.BranchFailed", None),
        (map_(block(A=pass_())), "States.BranchFailed", "ERROR_NEVER_RAISED"),
        (map_(block(A=parallel(block(B=pass_())))), "States.BranchFailed", None),
        (parallel(CHOICE), "States.NoChoiceMatched", None),
        (parallel(block(A=pass_())), "States.NoChoiceMatched", "ERROR_NEVER_RAISED"),
        (parallel(block(A=fail("States.QuorumMet"))), "States.QuorumMet", None),
        (parallel(block(A=fail("Other"))), "States.QuorumMet", "UNKNOWN_RESERVED_ERROR"),
        (parallel(block(A=fail(ErrorPath="$.name"))), "States.QuorumMet", None),
        (parallel(block(A=fail(ErrorPath="$.name"))), "States.HeartbeatTimeout", None),
        (parallel(block(A=task(HeartbeatSeconds=9))), "States.HeartbeatTimeout", None),
        (parallel(block(A=pass_())), "States.QueryEvaluationError", "ERROR_NEVER_RAISED"),
        (parallel(block(A=pass_(QueryLanguage="JSONata"))), "States.QueryEvaluationError", None),
        (map_(block(A=pass_())), "States.ItemReaderFailed", "ERROR_NEVER_RAISED"),
        (distributed(block(A=pass_())), "States.ItemReaderFailed", None),
        (distributed(block(A=pass_())), "States.ExceedToleratedFailureThreshold", None),
        (parallel(block(A=task())), "Lambda.Unknown", None),
    ],
)
def test_names_on_a_state_with_states_inside(
    state: dict[str, Any], name: str, code: str | None, warned: Callable[..., list[tuple[str, str]]]
) -> None:
    found = warned(block(S={**state, "Retry": [retry(name)]}))
    assert found == ([] if code is None else [(code, "/States/S/Retry[0]/ErrorEquals[0]")])


@pytest.mark.parametrize(
    ("resource", "fields", "is_warned"),
    [
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {}, True),
        (ACTIVITY, {}, True),
        (ACTIVITY, {"TimeoutSeconds": 9}, False),
        (ACTIVITY, {"HeartbeatSeconds": 9}, False),
        (ACTIVITY, {"TimeoutSecondsPath": "$.t"}, False),
        (ACTIVITY, {"HeartbeatSecondsPath": "$.t"}, False),
        ("arn:aws:states:::ecs:runTask.sync", {}, False),
        ("arn:aws:states:::sqs:sendMessage", {}, False),
    ],
)
def test_callbacks_without_a_bound(
    resource: str, fields: dict[str, Any], is_warned: bool, warned: Callable[..., list[tuple[str, str]]]
) -> None:
    machine = block(T=task(resource, **fields))
    assert warned(machine) == ([("CALLBACK_WITHOUT_TIMEOUT", "/States/T/Resource")] if is_warned else [])
    assert warned({**machine, "TimeoutSeconds": 60}) == []
