"""What a caller learns of an execution."""

from __future__ import annotations

from dataclasses import dataclass

from statemachine.errors import StatemachineError
from statemachine.integrations.results import copy_json
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import ExecutionRecord


class ExecutionFailedError(StatemachineError):
    """An execution did not succeed; `result` says how it ended."""

    def __init__(self, result: ExecutionResult) -> None:
        parts = [part for part in (result.error, result.cause) if part]
        super().__init__(f"execution {result.id} ended {result.status}" + (f": {': '.join(parts)}" if parts else ""))
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
