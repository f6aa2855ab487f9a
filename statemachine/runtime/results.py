"""What a caller learns of an execution."""

from __future__ import annotations

from dataclasses import dataclass

from statemachine.errors import Failure, StatemachineError
from statemachine.integrations.results import copy_json
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Execution
from statemachine.limits import limit_hint
from statemachine.store.base import ExecutionRecord


class ExecutionFailedError(StatemachineError):
    """An execution did not succeed; `result` says how it ended. The text names the limit that was exceeded, if any."""

    def __init__(self, result: ExecutionResult) -> None:
        parts = [part for part in (result.error, result.cause) if part]
        text = f"execution {result.id} ended {result.status}" + (f": {': '.join(parts)}" if parts else "")
        super().__init__(text if result.limit_hint is None else f"{text}\n{result.limit_hint}")
        self.result = result


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """How an execution ended. `output` is there if it succeeded; `error` and `cause` may be there if it did not.

    The output is the caller's own: changing it changes nothing in the store.
    """

    id: str
    status: ExecutionStatus
    output: Json
    error: str | None
    cause: str | None
    started_ms: int
    stopped_ms: int

    @property
    def succeeded(self) -> bool:
        """Whether the status is SUCCEEDED."""
        return self.status is ExecutionStatus.SUCCEEDED

    @property
    def limit_hint(self) -> str | None:
        """Which limit made it fail, and how to lift it; None if none did."""
        return limit_hint(Failure(self.error, self.cause))

    def unwrap(self) -> Json:
        """The output. Raises ExecutionFailedError if the execution did not succeed."""
        if not self.succeeded:
            raise ExecutionFailedError(self)
        return self.output


def result_of(record: ExecutionRecord) -> ExecutionResult:
    """The result of an execution that has ended."""
    failure = record.failure
    return ExecutionResult(
        id=record.id,
        status=record.status,
        output=None if record.output is None else copy_json(record.output.value),
        error=None if failure is None else failure.error,
        cause=None if failure is None else failure.cause,
        started_ms=record.started_ms,
        stopped_ms=record.stopped_ms or record.updated_ms,
    )


def result_of_execution(execution: Execution) -> ExecutionResult:
    """The result of an execution in memory that has ended."""
    failure = execution.failure
    return ExecutionResult(
        id=execution.id,
        status=execution.status,
        output=None if execution.output is None else copy_json(execution.output.value),
        error=None if failure is None else failure.error,
        cause=None if failure is None else failure.cause,
        started_ms=execution.started_ms,
        stopped_ms=execution.now_ms,
    )
