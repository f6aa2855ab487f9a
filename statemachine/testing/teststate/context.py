"""The context object of a test: the one that is given, checked, or one that is made up.

Rules (facts teststate-context-*, teststate-execution-is-express-arn; developer guide, "Using context field in the
TestState API")
- A given context stands as it is. It may hold Execution, State and StateMachine with their known fields, and Task for a
  state that has a task token or runs a job; never Map.
- A made-up one names an Express execution, whose ARN ends with its name, of a machine; both names are UUIDs. Inside of
  a Map it is the first iteration, and the input is its item.
"""

from __future__ import annotations

from typing import Final

from statemachine.definition import model
from statemachine.expressions.base import Draws
from statemachine.jsonvalue import Json, type_name
from statemachine.program.resources import IntegrationPattern, parse_resource
from statemachine.testing.teststate.request import Request, TestStateError, refused
from statemachine.testing.teststate.tested_state import TestedState
from statemachine.timestamps import to_iso

_FIELDS: Final[dict[str, dict[str, str | None]]] = {
    "Execution": {
        "Id": "string",
        "Input": None,
        "Name": "string",
        "RedriveCount": "number",
        "RedriveTime": "string",
        "RoleArn": "string",
        "StartTime": "string",
    },
    "State": {"EnteredTime": "string", "Name": "string", "RetryCount": "number"},
    "StateMachine": {"Id": "string", "Name": "string"},
    "Task": {"Token": "string"},
}
"""What a given context may hold, with its JSON type; None is any."""


def check_context(context: dict[str, Json], state: model.State) -> None:
    """Check a given context object. Raises TestStateError."""
    for name, value in context.items():
        if name == "Map":
            raise _invalid("'Map' field is not supported when mocking a Context object")
        fields = _FIELDS.get(name)
        if fields is None:
            raise _invalid(f"Field '{name}' is not allowed")
        if name == "Task" and not _waits_for_its_end(state):
            raise _invalid(
                "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
                "service integration pattern"
            )
        if not isinstance(value, dict):
            raise _invalid(f"{name} must be an object")
        for field, each in value.items():
            if field not in fields:
                raise _invalid(f"Field '{field}' is not allowed")
            expected = fields[field]
            if expected is not None and type_name(each) != expected:
                raise _invalid(f"{name}.{field} must be a {expected}")


def _invalid(text: str) -> TestStateError:
    return refused(f"Invalid Context object provided: {text}")


def _waits_for_its_end(state: model.State) -> bool:
    return isinstance(state, model.Task) and pattern_of(state) is not IntegrationPattern.REQUEST_RESPONSE


def pattern_of(state: model.Task) -> IntegrationPattern:
    """How the task ends."""
    return parse_resource(state.resource).pattern


def made_up_context(
    request: Request, tested: TestedState, draws: Draws, *, account: str, region: str, now_ms: int
) -> dict[str, Json]:
    """The context object when none is given."""
    state, time = tested.state, to_iso(now_ms)
    machine, execution = draws.uuid(), draws.uuid()
    prefix = f"arn:aws:states:{region}:{account}"
    context: dict[str, Json] = {
        "Execution": {
            "Id": f"{prefix}:express:{machine}:{execution}",
            "Input": request.input.value,
            "Name": execution,
            "RoleArn": request.role_arn,
            "StartTime": time,
        },
        "StateMachine": {"Id": f"{prefix}:stateMachine:{machine}", "Name": machine},
        "State": {"Name": state.name, "EnteredTime": time},
    }
    if isinstance(state, model.Task | model.Parallel | model.Map):
        context["State"]["RetryCount"] = request.configuration.retrier_retry_count or 0
    if isinstance(state, model.Task) and pattern_of(state) is IntegrationPattern.WAIT_FOR_TASK_TOKEN:
        context["Task"] = {"Token": draws.uuid()}
    if any(isinstance(each, model.Map) for each in tested.around):
        context["Map"] = {"Item": {"Index": 0, "Value": request.input.value}}
    return context
