"""What a caller learns of an execution."""

from __future__ import annotations

import pytest

from statemachine.errors import StatemachineError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.results import ExecutionFailedError, ExecutionResult


def result(status: ExecutionStatus, error: str | None = None, cause: str | None = None) -> ExecutionResult:
    return ExecutionResult("one", status, {"a": 1}, error, cause, 1_000, 2_000)


def test_the_output_is_unwrapped_from_success_alone() -> None:
    assert result(ExecutionStatus.SUCCEEDED).unwrap() == {"a": 1}
    for status in set(ExecutionStatus) - {ExecutionStatus.SUCCEEDED}:
        assert not result(status).succeeded
        with pytest.raises(ExecutionFailedError):
            result(status).unwrap()


@pytest.mark.parametrize(
    ("error", "cause", "text"),
    [
        ("Broken", "glass", "execution one ended TIMED_OUT: Broken: glass"),
        ("Broken", None, "execution one ended TIMED_OUT: Broken"),
        (None, "glass", "execution one ended TIMED_OUT: glass"),
        (None, None, "execution one ended TIMED_OUT"),
    ],
)
def test_the_error_says_what_happened(error: str | None, cause: str | None, text: str) -> None:
    failed = ExecutionFailedError(result(ExecutionStatus.TIMED_OUT, error, cause))
    assert str(failed) == text
    assert isinstance(failed, StatemachineError)
