"""``statemachine show --json``: an execution for machines."""

from __future__ import annotations

from statemachine.cli.records import record_json
from statemachine.cli.showing import Shown
from statemachine.errors import Failure
from statemachine.jsonvalue import Json
from statemachine.kernel.map_runs import describe_map_run
from statemachine.timestamps import to_iso
from statemachine.visibility.position import (
    ActiveState,
    CompensationState,
    Doing,
    InFlight,
    Inside,
    Ready,
    Retrying,
    Transferring,
    Undoing,
    Waiting,
)


def shown_json(shown: Shown) -> dict[str, Json]:
    """All that is shown. What there is none of is left out."""
    found = record_json(shown.record, payloads=True)
    if shown.at is not None:
        found["asOfEvent"] = shown.at
    found["redriveCount"] = shown.redrives
    if shown.undone_for is not None:
        found["compensating"] = {"error": shown.undone_for.error, "cause": shown.undone_for.cause}
    failed_in = shown.account.failed_in
    if failed_in is not None:
        found["failedIn"] = {"state": failed_in.name, "line": shown.failed_line, "attempts": failed_in.attempts}
    position = shown.position
    if position is not None:
        found["inFlight"] = [_state_json(each) for each in position.states]
        if position.variables:
            found["variables"] = [
                {"name": each.name, "scope": each.place, "value": each.value, "bytes": each.size}
                for each in position.variables
            ]
        if position.compensations or shown.account.compensated:
            found["compensations"] = {
                "succeeded": shown.account.compensated,
                "held": [_compensation_json(each) for each in position.compensations],
            }
    if shown.children:
        found["children"] = [record_json(each) for each in shown.children]
    if shown.map_runs:
        found["mapRuns"] = [describe_map_run(each) for each in shown.map_runs]
    return found


def _state_json(state: ActiveState) -> dict[str, Json]:
    return {
        "state": state.name,
        "type": state.kind,
        "depth": state.depth,
        "scope": state.place,
        "entered": _time(state.since_ms),
        **_doing_json(state.doing),
    }


def _doing_json(doing: Doing) -> dict[str, Json]:
    match doing:
        case InFlight():
            return {
                "doing": "task",
                "resource": doing.resource,
                "attempt": doing.attempt,
                "awaits": doing.awaited.name,
                "scheduled": _time(doing.since_ms),
                "deadline": _time(doing.deadline_ms),
                "heartbeatSeconds": doing.heartbeat_seconds,
                "taskToken": doing.token,
            }
        case Retrying():
            failure = doing.failure or Failure(None)
            return {
                "doing": "retry",
                "attempt": doing.attempt,
                "attemptsAtMost": doing.most,
                "at": _time(doing.at_ms),
                "error": failure.error,
                "cause": failure.cause,
            }
        case Waiting():
            return {"doing": "wait", "until": _time(doing.until_ms)}
        case Transferring():
            return {"doing": "read items" if doing.reads else "write results", "resource": doing.resource}
        case Inside():
            return {
                "doing": "iterations" if doing.iterations else "branches",
                "total": doing.total,
                "done": doing.done,
                "running": doing.running,
                "failed": doing.failed,
                "pending": doing.pending,
            }
        case Undoing():
            return {"doing": "compensate", "left": doing.left, "error": doing.failure.error}
        case Ready():
            return {"doing": "go on"}


def _compensation_json(each: CompensationState) -> dict[str, Json]:
    shown: dict[str, Json] = {
        "state": each.state,
        "compensateWith": each.compensate_with,
        "status": each.status.value,
    }
    if each.index is not None:
        shown["index"] = each.index
    if each.failure is not None:
        shown |= {"error": each.failure.error, "cause": each.failure.cause}
    return shown


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else to_iso(at_ms)
