"""Failures in words: what is taken out of the cause of a Lambda function's failure, and what is left as it is."""

from __future__ import annotations

import json

import pytest

from statemachine.cli.failures import brief_failure, describe_failure, stack_of
from statemachine.errors import Failure

STACK = ['  File "/srv/h.py", line 2, in charge\n    return pay(order)\n', '  File "/srv/h.py", line 9, in pay\n']
LAMBDA = json.dumps({"errorMessage": "no money", "errorType": "Declined", "requestId": "r", "stackTrace": STACK})


def test_the_cause_of_a_function() -> None:
    failure = Failure("Declined", LAMBDA)
    assert brief_failure(failure) == "Declined: no money"
    assert describe_failure(failure) == f"Declined: {LAMBDA}"
    assert stack_of(failure) == [
        '  File "/srv/h.py", line 2, in charge', "    return pay(order)", '  File "/srv/h.py", line 9, in pay'
    ]  # fmt: skip


def test_of_a_long_trace_the_last_frames_are_kept() -> None:
    cause = json.dumps({"errorMessage": "too deep", "stackTrace": [f"  frame {number}" for number in range(100)]})
    lines = stack_of(Failure("RecursionError", cause))
    assert (len(lines), lines[-1]) == (20, "  frame 99")


@pytest.mark.parametrize(
    "cause",
    [
        "it fell",
        "{broken",
        "{}",
        "[]",
        '{"errorMessage": ""}',
        '{"errorMessage": 1}',
        '{"errorMessage": "x", "stackTrace": "y"}',
        '{"errorMessage": "x", "of": "somebody else"}',
        "{" * 40_000,
    ],
)
def test_any_other_cause_stays_as_it_is(cause: str) -> None:
    failure = Failure("Glass", cause)
    assert brief_failure(failure) == describe_failure(failure) == f"Glass: {cause}"
    assert stack_of(failure) == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure("Glass", None), "Glass"),
        (Failure(None, "it fell"), "it fell"),
        (Failure(None, LAMBDA), "no money"),
        (Failure(None, None), "no error name, no cause"),
    ],
)
def test_what_is_not_there_is_left_out(failure: Failure, words: str) -> None:
    assert brief_failure(failure) == words
