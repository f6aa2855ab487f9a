"""HistoryEvent as GetExecutionHistory shows it."""

from __future__ import annotations

from typing import Any

import pytest
from running import START_MS, block, map_, parallel, pass_, run, task, wait

from statemachine.jsonvalue import Document, read_document
from statemachine.kernel.history import HistoryEvent, details_key, to_api


@pytest.mark.parametrize(
    ("event_type", "key"),
    [
        ("ExecutionStarted", "executionStartedEventDetails"),
        ("PassStateEntered", "stateEnteredEventDetails"),
        ("MapStateExited", "stateExitedEventDetails"),
        ("MapStateStarted", "mapStateStartedEventDetails"),
        ("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails"),
        ("TaskScheduled", "taskScheduledEventDetails"),
        ("ActivitySucceeded", "activitySucceededEventDetails"),
        ("MapIterationFailed", "mapIterationFailedEventDetails"),
        ("ExecutionAborted", "executionAbortedEventDetails"),
    ],
)
def test_the_name_of_the_details(event_type: str, key: str) -> None:
    assert details_key(event_type) == key


def test_an_event_with_a_payload() -> None:
    event = HistoryEvent(2, "PassStateEntered", START_MS + 7, 0, {"name": "A", "input": Document({"k": [1]})})
    assert to_api(event) == {
        "timestamp": "2025-01-01T00:00:00.007Z",
        "type": "PassStateEntered",
        "id": 2,
        "previousEventId": 0,
        "stateEnteredEventDetails": {"name": "A", "input": '{"k":[1]}', "inputDetails": {"truncated": False}},
    }


def test_assigned_variables() -> None:
    """Fact assign-event-details."""
    shown: Any = to_api(run(block(A=pass_(Assign={"x": 42, "s": "foo"}))).history[2])
    assert shown["stateExitedEventDetails"]["assignedVariables"] == {"s": '"foo"', "x": "42"}
    assert shown["stateExitedEventDetails"]["assignedVariablesDetails"] == {"truncated": False}


@pytest.mark.parametrize(
    "event_type", ["MapStateSucceeded", "ParallelStateStarted", "WaitStateAborted", "MapRunSucceeded"]
)
def test_events_without_details(event_type: str) -> None:
    assert list(to_api(HistoryEvent(5, event_type, START_MS, 4, None))) == [
        "timestamp",
        "type",
        "id",
        "previousEventId",
    ]


def test_an_empty_object_is_shown_where_the_api_has_one() -> None:
    shown: Any = to_api(HistoryEvent(3, "ExecutionAborted", START_MS, 0, {}))
    assert shown["executionAbortedEventDetails"] == {}


def test_a_payload_is_shown_as_it_was_sent() -> None:
    """The text that was read is kept, blanks and all."""
    text = '{ "k" : 1.0, "e": "\\u00e9" }'
    program_input = read_document(text)
    event = HistoryEvent(1, "ExecutionStarted", START_MS, 0, {"input": program_input, "roleArn": "r"})
    shown: Any = to_api(event)
    assert shown["executionStartedEventDetails"]["input"] == text


def test_every_event_of_a_run_can_be_shown() -> None:
    machine = block(P=parallel(block(T=task()), block(W=wait(1))), M=map_(block(A=pass_(Assign={"v": 1}))))
    for event in run(machine, {}, {"T": [[1]]}).history:
        shown: Any = to_api(event)
        assert shown["id"] == event.id
        keys = [key for key in shown if key.endswith("EventDetails")]
        assert keys == ([] if event.details is None else [details_key(event.type)])
        for value in (shown[key] for key in keys):
            assert all(isinstance(each, str | int | dict) for each in value.values())
