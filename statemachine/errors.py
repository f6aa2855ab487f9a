"""What can go wrong, and who is told.

Three families, never mixed (see docs/kernel.md):

- an ASL failure is a *value*, `Failure`: it travels through Retry and Catch and ends in the history. Expressions raise
  `EvaluationError`, which the kernel turns into a `Failure` at one place.
- a mistake of the user (definition, input, store, binding) is a `StatemachineError` whose message says what to do.
- a mistake of ours is a `KernelError`: it fails the attempt, keeps the execution, and never becomes `States.Runtime`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from statemachine.definition.diagnostics import Diagnostic

# Error names of the specification (states-language.net, appendix A) and of AWS Step Functions (developer guide,
# "Handling errors"). Only these carry a meaning of their own in ErrorEquals.
ALL: Final = "States.ALL"
BRANCH_FAILED: Final = "States.BranchFailed"
DATA_LIMIT_EXCEEDED: Final = "States.DataLimitExceeded"
EXCEED_TOLERATED_FAILURE_THRESHOLD: Final = "States.ExceedToleratedFailureThreshold"
HEARTBEAT_TIMEOUT: Final = "States.HeartbeatTimeout"
INTRINSIC_FAILURE: Final = "States.IntrinsicFailure"
ITEM_READER_FAILED: Final = "States.ItemReaderFailed"
NO_CHOICE_MATCHED: Final = "States.NoChoiceMatched"
PARAMETER_PATH_FAILURE: Final = "States.ParameterPathFailure"
QUERY_EVALUATION_ERROR: Final = "States.QueryEvaluationError"
RESULT_PATH_MATCH_FAILURE: Final = "States.ResultPathMatchFailure"
RESULT_WRITER_FAILED: Final = "States.ResultWriterFailed"
RUNTIME: Final = "States.Runtime"
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"


@dataclass(frozen=True, slots=True)
class Failure:
    """An ASL failure: an error name and a cause, either of which may be absent (a Fail state may name neither)."""

    error: str | None
    cause: str | None = None


class EvaluationError(Exception):
    """An expression could not be evaluated on this data. `error` is the ASL error name, `cause` AWS's wording.

    The kernel puts "An error occurred while executing the state …" in front of the cause.
    """

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause


class QueryEvaluationError(EvaluationError):
    """A JSONata expression failed: States.QueryEvaluationError. `location` is the field as AWS names it, for instance
    ``Output/total``; None if the failure is not a field's."""

    def __init__(self, cause: str, location: str | None) -> None:
        super().__init__(QUERY_EVALUATION_ERROR, cause)
        self.location = location


class StatemachineError(Exception):
    """Base of every error that a caller of this package may want to handle."""


class InvalidJsonError(StatemachineError):
    """A text is not JSON as RFC 8259 has it, or exceeds a limit. `line` and `column` count from 1 (0: unknown)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        where = f" (line {line}, column {column})" if line else ""
        super().__init__(f"{message}{where}")
        self.reason = message
        self.line = line
        self.column = column


class DefinitionError(StatemachineError):
    """A definition cannot be used. `diagnostics` lists all findings, each with code, path, line and column."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(each) for each in self.diagnostics))


class UnboundResourceError(StatemachineError):
    """Task resources without a handler, found before anything runs."""

    def __init__(self, resources: Sequence[str]) -> None:
        self.resources = tuple(resources)
        listed = "".join(f"\n  {resource}" for resource in self.resources)
        super().__init__(
            f"no handler is bound to:{listed}\n"
            "Bind each with tasks={resource: function} in Python, or with --tasks FILE on the command line. "
            "What is bound to 'aws' is performed by AWS."
        )


class TaskError(StatemachineError):
    """Raised by a task handler to fail its task with this ASL error name and cause."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        super().__init__(error if cause is None else f"{error}: {cause}")
        self.error = error
        self.cause = cause


class TaskTokenError(StatemachineError):
    """A task's token cannot be answered. The subclasses are those of AWS's API."""


class InvalidTokenError(TaskTokenError):
    """It is no token, or none that was handed out."""


class TaskDoesNotExistError(TaskTokenError):
    """Its execution is not known."""


class TaskTimedOutError(TaskTokenError):
    """Its task is over: it was answered, has timed out, or its execution has ended (fact limit-token-closed)."""


class ActivityDoesNotExistError(StatemachineError):
    """No activity of this ARN is known."""


class StoreError(StatemachineError):
    """The store cannot be used: it is missing, damaged, of another version, full or read-only."""


class ExecutionNotFoundError(StoreError):
    """No execution has this id."""


class ExecutionAlreadyExistsError(StoreError):
    """An execution with this id, and another input or definition, is in the store."""


class ExecutionOwnedError(StoreError):
    """Another process drives this execution: one writer per execution."""


class ExecutionNotRedrivableError(StatemachineError):
    """An execution cannot begin again; the message has AWS's reason (API reference, RedriveExecution)."""


class ForkError(StatemachineError):
    """An execution cannot be forked, or looked at, as of this event; the message says where it can."""


class KernelError(StatemachineError):
    """A mistake of this package, never of the definition. The execution is kept as it was before the event."""


class ReplayMismatchError(KernelError):
    """Replaying a journal gave another history than the recorded one. `index` is the first event that differs."""

    def __init__(self, index: int, recorded: str, actual: str) -> None:
        super().__init__(f"replay differs at history event {index}\n- {recorded}\n+ {actual}")
        self.index = index
        self.recorded = recorded
        self.actual = actual
