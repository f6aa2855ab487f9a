"""What a Task's Resource says: which kind of work, and how AWS names it in the history.

Sources: developer guide, "Integrating services"; fact history-lambda-arn-events: a function ARN is recorded as
LambdaFunction… events, every other service as Task… events with `resourceType` and `resource`.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from msgspec import Struct

_SERVICE = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:(?P<rest>.+)")
_LAMBDA = re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:.+")
_ACTIVITY = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:activity:.+")


class ResourceKind(Enum):
    """How the work is recorded in the history."""

    LAMBDA_FUNCTION = "LambdaFunction"
    ACTIVITY = "Activity"
    SERVICE = "Task"


class IntegrationPattern(Enum):
    """How the task ends (developer guide, "Service integration patterns")."""

    REQUEST_RESPONSE = ""
    RUN_A_JOB = ".sync"
    WAIT_FOR_TASK_TOKEN = ".waitForTaskToken"  # noqa: S105 - the name of a pattern


class Resource(Struct, frozen=True):
    """A Resource taken apart. `type` and `action` are the history's resourceType and resource."""

    text: str
    kind: ResourceKind
    type: str
    action: str
    pattern: IntegrationPattern = IntegrationPattern.REQUEST_RESPONSE

    @property
    def task_name(self) -> str:
        """How AWS names the task in the cause of a data limit error."""
        return self.type if self.kind is ResourceKind.SERVICE else self.text


@lru_cache(maxsize=4096)
def parse_resource(text: str) -> Resource:
    """Take a Resource apart. Extensions (``python:``, ``exec:``, ``http:``) are services of that name."""
    if _LAMBDA.fullmatch(text):
        return Resource(text, ResourceKind.LAMBDA_FUNCTION, "lambda", text)
    if _ACTIVITY.fullmatch(text):
        return Resource(text, ResourceKind.ACTIVITY, "activity", text)
    match = _SERVICE.fullmatch(text)
    if match is None:
        scheme, _, rest = text.partition(":")
        return Resource(text, ResourceKind.SERVICE, scheme, rest)
    service, _, action = match["rest"].rpartition(":")
    if action.isdecimal() and ".sync" in service:  # states:startExecution.sync:2
        service, _, stem = service.rpartition(":")
        action = f"{stem}:{action}"
    pattern = IntegrationPattern.REQUEST_RESPONSE
    if action.endswith(".waitForTaskToken"):
        pattern = IntegrationPattern.WAIT_FOR_TASK_TOKEN
    elif ".sync" in action:
        pattern = IntegrationPattern.RUN_A_JOB
    return Resource(text, ResourceKind.SERVICE, service, action, pattern)
