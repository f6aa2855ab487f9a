"""Task tokens from outside: which task one belongs to, and whether it can still be answered.

Rules
- A token names its execution and its operation, and proves with a MAC that it was handed out. Nothing is stored.
- What is refused is refused as AWS does it (API reference, SendTaskSuccess; fact limit-token-closed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from statemachine.errors import InvalidTokenError, TaskTimedOutError
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.execution import Execution, Operation
from statemachine.kernel.randomness import is_token_of
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource

MAX_TOKEN: Final = 2048
"""Characters of a token (API reference)."""
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """What a worker gets that polls an activity (API reference, GetActivityTask)."""

    token: str
    input: Json


def split_token(token: str) -> tuple[str, int]:
    """The execution's id and the operation of a token. Raises InvalidTokenError for a text that cannot be one."""
    if isinstance(token, str) and len(token) <= MAX_TOKEN:
        parts = token.split("/")
        if len(parts) == 3 and parts[1].isascii() and parts[1].isdecimal() and len(parts[1]) <= _MAX_DIGITS:
            return parts[0], int(parts[1])
    raise InvalidTokenError("this is not a task token")


def task_of_token(execution: Execution, token: str) -> Operation:
    """The task that waits for a token's answer.

    Raises InvalidTokenError if it is not of this execution, TaskTimedOutError if nothing waits for it any more.
    """
    _, operation = split_token(token)
    if not is_token_of(execution, operation, token):
        raise InvalidTokenError("this token was not handed out")
    found = execution.operations.get(operation)
    if found is None or not isinstance(found.command, ScheduleTask) or found.answer is not None:
        raise TaskTimedOutError("the task of this token is over")
    resource = parse_resource(found.command.resource)
    if resource.pattern is IntegrationPattern.REQUEST_RESPONSE and resource.kind is not ResourceKind.ACTIVITY:
        raise InvalidTokenError("a task of this resource ends with its result, not by a token")
    return found
