"""HistoryEvent: the execution's history as AWS's GetExecutionHistory shows it. Derived, never an input.

Rules (facts history-*, recorded histories)
- Ids count from 1 without gaps. `previous_id` is the event that led to this one in its own branch or iteration; the
  first state's entered event has 0, and so has ExecutionAborted.
- Details hold the API's own keys. A payload (input, output, parameters) is a `Document`, which the API shows as text,
  with a ``…Details: {"truncated": false}`` beside it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.timestamps import to_iso

PAYLOAD_KEYS: Final = ("input", "output", "parameters")
"""Detail keys whose value is a Document; an event has at most one of them."""

_TRUNCATABLE: Final = ("input", "output", "assignedVariables")
_NO_DETAILS: Final = frozenset(
    {
        "LambdaFunctionStarted", "MapRunSucceeded", "MapStateAborted", "MapStateFailed", "MapStateSucceeded",
        "ParallelStateAborted", "ParallelStateFailed", "ParallelStateStarted", "ParallelStateSucceeded",
        "TaskStateAborted", "WaitStateAborted",
    }
)  # fmt: skip


EXTENSION_TYPES: Final = frozenset(
    {"CompensationStarted", "CompensationScheduled", "CompensationSucceeded", "CompensationFailed"}
)
"""Types that AWS does not have."""


class HistoryEvent(NamedTuple):
    """One event. `details` is None where the API has none."""

    id: int
    type: str
    at_ms: int
    previous_id: int
    details: dict[str, Json] | None


def failure_details(failure: Failure) -> dict[str, Json]:
    """A failure as the details of an event: what it does not have is left out."""
    pairs = (("error", failure.error), ("cause", failure.cause))
    return {key: value for key, value in pairs if value is not None}


def details_key(event_type: str) -> str:
    """The API's name for the details of an event type, for instance ``stateEnteredEventDetails``."""
    for suffix in ("StateEntered", "StateExited"):
        if event_type.endswith(suffix):
            return f"state{suffix[5:]}EventDetails"
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


def to_api(event: HistoryEvent) -> dict[str, Json]:
    """The event as GetExecutionHistory returns it, with an ISO 8601 timestamp."""
    shown: dict[str, Json] = {
        "timestamp": to_iso(event.at_ms),
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_id,
    }
    if event.details is not None and event.type not in _NO_DETAILS:
        details: dict[str, Json] = {}
        for key, value in event.details.items():
            details[key] = value.text if isinstance(value, Document) else value
            if key in _TRUNCATABLE:
                details[f"{key}Details"] = {"truncated": False}
        shown[details_key(event.type)] = details
    if event.type in EXTENSION_TYPES:
        shown["extension"] = True
    return shown
