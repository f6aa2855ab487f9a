"""Visits of states, made out of an execution's history: for `show`, and for the progress of `run`.

Rules
- An event names the one that led to it. From there it belongs to the innermost visit that has not ended; a Parallel or
  Map is the parent of the visits inside it, and ends with an event that follows the last of these.
- What was before the first event that is seen is unknown: such events belong to no visit.
- A compensation's path is inside the visit whose failure made it run; without one (a stop), it is inside none.
"""

from __future__ import annotations

from dataclasses import dataclass

from statemachine.kernel.history import EXTENSION_TYPES, HistoryEvent

MAX_LINKS = 100_000
"""Events to which later ones may be linked. Most are forgotten as soon as the next one is there."""

_FORKS = ("ParallelStateStarted", "MapStateStarted", "Failed", "TimedOut")
"""Endings of the types that several events may follow."""
_BESIDE = ("ParallelStateSucceeded", "MapStateSucceeded", "MapIterationSucceeded")
"""Types that no event follows: the next one follows what came before them."""
_CONTAINERS = ("Parallel", "Map")
_ATTEMPTS = ("Scheduled", "ParallelStateStarted", "MapStateStarted")
"""Endings of the types with which an attempt begins."""


@dataclass(slots=True, eq=False)
class Visit:
    """One visit of a state."""

    name: str
    kind: str
    since_ms: int
    parent: Visit | None
    until_ms: int | None = None
    entered_event: int = 0
    attempts: int = 0
    attempted_ms: int | None = None
    """When the last attempt began."""
    error: str | None = None
    """Of the last attempt, or what a catcher took."""
    cause: str | None = None
    aborted: bool = False
    exited: bool = False
    compensates: bool = False
    """It is in a path that undoes what has completed."""

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.until_ms is not None


class Visits:
    """Follows a history. `add` takes its events in order."""

    def __init__(self) -> None:
        self.open: dict[Visit, None] = {}
        """Those that have not ended, in order of their beginning."""
        self._links: dict[int, tuple[Visit, bool]] = {}
        """Event -> its visit, and whether several events may follow."""
        self._paths: set[int] = set()
        """Events after which a compensation's path begins."""

    def add(self, event: HistoryEvent) -> Visit | None:
        """The visit that an event belongs to; None for those of the execution as a whole."""
        kind, details = event.type, event.details or {}
        before = self._before(event)
        if kind in EXTENSION_TYPES:
            return self._compensation(event, before)
        if kind.endswith("StateEntered"):
            visit = Visit(
                details["name"], kind.removesuffix("StateEntered"), event.at_ms, _open(before), entered_event=event.id
            )
            visit.compensates = event.previous_id in self._paths or (before is not None and before.compensates)
            self._paths.discard(event.previous_id)
            self.open[visit] = None
        else:
            if kind.endswith("StateAborted"):
                found = self._cut_short(before, kind.removesuffix("StateAborted"))
            else:
                found = _owner(before, kind, details.get("name"))
            if found is None:
                return None
            visit = found
            self._apply(visit, event, before)
        self._links[event.id] = (visit, kind.endswith(_FORKS))
        if len(self._links) > MAX_LINKS:
            del self._links[next(iter(self._links))]
        return visit

    def _compensation(self, event: HistoryEvent, before: Visit | None) -> Visit | None:
        """What is told of compensations changes no visit but the one that is the end of a path that failed."""
        if event.type == "CompensationScheduled":
            self._paths.add(event.id)
        elif before is not None and event.type == "CompensationFailed" and not before.over:
            before.error = before.error or (event.details or {}).get("error") or "failed"
            self._end(before, event.at_ms)
        visit = _open(before)
        if visit is not None:
            self._links[event.id] = (visit, False)
        return visit

    def _before(self, event: HistoryEvent) -> Visit | None:
        found = self._links.get(event.previous_id)
        if found is None:
            return None
        visit, forks = found
        if not forks and event.type not in _BESIDE:
            del self._links[event.previous_id]
        return visit

    def _cut_short(self, cause: Visit | None, kind: str) -> Visit | None:
        """Which visit was aborted: the event names only its cause, the failure of another branch or iteration."""
        container = None if cause is None else cause.parent
        for visit in self.open:
            if visit.kind == kind and visit is not cause and container is not None and _inside(visit, container):
                return visit
        return None

    def _apply(self, visit: Visit, event: HistoryEvent, before: Visit | None) -> None:
        kind, details = event.type, event.details or {}
        if kind.endswith("StateExited"):
            visit.exited = True
            self._end(visit, event.at_ms)
        elif kind.endswith("StateAborted"):
            visit.aborted = True
            self._end(visit, event.at_ms)
        elif kind.endswith(_ATTEMPTS):
            visit.attempts += 1
            visit.attempted_ms = event.at_ms
            visit.error = visit.cause = None
        elif kind.endswith("Succeeded") and not kind.startswith("MapIteration"):
            visit.error = visit.cause = None
        elif kind.endswith(("Failed", "TimedOut")) and not kind.startswith("MapIteration"):
            visit.error, visit.cause = details.get("error") or "failed", details.get("cause")
            if visit.kind in _CONTAINERS:
                if before is not None and before.error is not None:
                    visit.error, visit.cause = before.error, before.cause  # of what failed inside
                self._end_inside(visit, event.at_ms)

    def _end(self, visit: Visit, at_ms: int) -> None:
        visit.until_ms = at_ms
        self.open.pop(visit, None)
        if visit.kind in _CONTAINERS:
            self._end_inside(visit, at_ms)

    def _end_inside(self, container: Visit, at_ms: int) -> None:
        """What is inside a container ends with it."""
        for visit in list(self.open):
            if _inside(visit, container):
                visit.until_ms = at_ms
                del self.open[visit]


def _inside(visit: Visit, container: Visit) -> bool:
    above = visit.parent
    while above is not None and above is not container:
        above = above.parent
    return above is container


def _open(visit: Visit | None) -> Visit | None:
    """The innermost visit, from this one outwards, that has not ended."""
    while visit is not None and visit.over:
        visit = visit.parent
    return visit


def _owner(visit: Visit | None, kind: str, name: str | None) -> Visit | None:
    """Whose event this is, from a visit outwards."""
    visit = _open(visit)
    if kind.endswith("StateExited"):
        while visit is not None and visit.name != name:
            visit = _open(visit.parent)
    elif kind.startswith(_CONTAINERS):
        while visit is not None and visit.kind not in _CONTAINERS:
            visit = _open(visit.parent)
    return visit
