"""Tasks that wait for somebody else: without a bound, a lost token holds the execution for a year.

Sources: developer guide, "Wait for a Callback with Task Token" and "Activities": both recommend a heartbeat or a
timeout; the default of TimeoutSeconds is 99,999,999 (fact limit-duration: an execution ends after a year).
"""

from __future__ import annotations

from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic
from statemachine.program.analysis.findings import warning
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource

CALLBACK_WITHOUT_TIMEOUT: Final = "SM_CALLBACK_WITHOUT_TIMEOUT"


def check_timeout(task: model.Task) -> Diagnostic | None:
    """A callback or an activity that nothing ends but its answer."""
    if (
        task.timeout_seconds is not None
        or task.timeout_seconds_path is not None
        or task.heartbeat_seconds is not None
        or task.heartbeat_seconds_path is not None
    ):
        return None
    resource = parse_resource(task.resource)
    if resource.pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN:
        waited = "a task token"
    elif resource.kind is ResourceKind.ACTIVITY:
        waited = "an activity's worker"
    else:
        return None
    message = f"The task waits for {waited} without TimeoutSeconds or HeartbeatSeconds: if no answer comes, for a year"
    return warning(CALLBACK_WITHOUT_TIMEOUT, message, (*task.path, "Resource"))
