"""What an execution used of what AWS bounds or charges: events, state transitions, payloads, variables, time.

Rules
- A state transition is a state that was entered, and each further attempt of a state (pricing page: "a step of your
  workflow is executed", "each retry will be charged as an additional state transition"); the start of each child
  execution of a distributed Map; and a redrive (developer guide, "Transitions"). Iterations of an inline Map are none.
- Of what iterations of a distributed Map do inside, the history tells nothing: their own transitions are not counted.
- A payload is the input or output of a state, task or execution; the quota is on each one. The variables that a state
  assigns have a quota of their own (facts limit-payload, variables-limits).
- The extension's events count as events, its paths' states as states.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from statemachine.jsonvalue import Document
from statemachine.kernel.history import PAYLOAD_KEYS, HistoryEvent
from statemachine.limits import AWS_LIMITS
from statemachine.visibility.visits import Visit, Visits

_ATTEMPTS = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled", "ParallelStateStarted", "MapStateStarted")
_NOT_IN_EXPRESS = {
    "TaskSubmitted": "it uses .sync or .waitForTaskToken",
    "ActivityScheduled": "it uses an activity",
    "MapRunStarted": "it uses a distributed Map",
}
"""Event type -> why AWS runs no such execution as Express (developer guide, "Choosing workflow type")."""


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest of its kind, and where it was."""

    size: int = 0
    event: int = 0
    what: str = ""
    """``input``, ``output``, ``parameters``, or ``variables``."""
    state: str | None = None
    """None for the execution's own."""


@dataclass(slots=True)
class Usage:
    """What one execution used so far."""

    events: int = 0
    entered: int = 0
    retries: int = 0
    child_executions: int = 0
    """Of distributed Maps; the history does not tell how many: set it, if there were `map_runs`."""
    redrives: int = 0
    map_runs: int = 0
    payload: Largest = field(default_factory=Largest)
    variables: Largest = field(default_factory=Largest)
    """What one state assigned, all its variables together."""
    strands: int = 0
    """Branches and iterations that were begun."""
    duration_ms: int = 0
    definition_bytes: int = 0
    not_express: tuple[str, ...] = ()
    """Why AWS would not run it as an Express execution, as far as the history tells."""

    @property
    def transitions(self) -> int:
        """State transitions as AWS charges them."""
        return self.entered + self.retries + self.child_executions + self.redrives


def usage_of(
    history: Iterable[HistoryEvent],
    *,
    definition_bytes: int,
    started_ms: int,
) -> Usage:
    """The usage that a history tells of, of an execution of a definition of this size."""
    usage = Usage(definition_bytes=definition_bytes)
    visits, forks, obstacles = Visits(), set[int](), dict[str, None]()
    last_ms = started_ms
    for event in history:
        visit = visits.add(event)
        usage.events += 1
        last_ms = max(last_ms, event.at_ms)
        _count(usage, event, visit, forks)
        if event.type in _NOT_IN_EXPRESS:
            obstacles[_NOT_IN_EXPRESS[event.type]] = None
        _measure(usage, event, visit)
    usage.duration_ms = last_ms - started_ms
    if usage.duration_ms > AWS_LIMITS.express_seconds * 1_000:
        obstacles[f"it takes longer than {AWS_LIMITS.express_seconds // 60} minutes"] = None
    usage.not_express = tuple(obstacles)
    return usage


def _count(usage: Usage, event: HistoryEvent, visit: Visit | None, forks: set[int]) -> None:
    kind = event.type
    if kind.endswith("StateEntered"):
        usage.entered += 1
        usage.strands += event.previous_id in forks
    elif kind in _ATTEMPTS:
        usage.retries += visit is None or visit.attempts > 1  # of a redrive, the visit may not be known
        if kind == "ParallelStateStarted":
            forks.add(event.id)
    elif kind == "MapIterationStarted":
        usage.strands += 1
    elif kind == "MapRunStarted":
        usage.map_runs += 1
    elif kind == "ExecutionRedriven":
        usage.redrives += 1


def _measure(usage: Usage, event: HistoryEvent, visit: Visit | None) -> None:
    details = event.details or {}
    state = details.get("name") or (None if visit is None else visit.name)
    if event.type.startswith("Execution"):
        state = None
    for key in PAYLOAD_KEYS:
        document = details.get(key)
        if isinstance(document, Document) and document.size > usage.payload.size:
            usage.payload = Largest(document.size, event.id, key, state)
    assigned = details.get("assignedVariables")
    if assigned:
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in assigned.values())
        if size > usage.variables.size:
            usage.variables = Largest(size, event.id, "variables", state)
