"""The way of an execution through its graph: how often each state was visited, for how long, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from statemachine.kernel.history import HistoryEvent
from statemachine.visibility.visits import Visit, Visits


class Outcome(Enum):
    """What came of a state, over all its visits: the worst that is still true."""

    DONE = "done"
    CAUGHT = "caught"
    """It failed in the end, and a catcher took over."""
    CUT_SHORT = "cut short"
    """Its branch, its iteration or the execution ended before it did."""
    FAILED = "failed"
    UNDER_WAY = "under way"


@dataclass(slots=True)
class Visited:
    """All visits of one state."""

    count: int = 0
    attempts: int = 0
    total_ms: int = 0
    """The time of those visits that are over."""
    outcome: Outcome = Outcome.DONE
    error: str | None = None


@dataclass(slots=True)
class Journey:
    """What an execution did."""

    states: dict[str, Visited] = field(default_factory=dict)
    transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """From state to state of the same block, how often."""


_RANK = list(Outcome)


def journey_of(history: Iterable[HistoryEvent], *, ended: bool) -> Journey:
    """The journey that a history tells of. `ended`: the execution is not under way any more."""
    journey = Journey()
    visits = Visits()
    all_visits: list[Visit] = []
    last: dict[int, Visit] = {}
    """Event -> the visit that it ended."""
    for event in history:
        visit = visits.add(event)
        if visit is None:
            continue
        if event.type.endswith("StateEntered"):
            all_visits.append(visit)
            source = last.get(event.previous_id)
            if source is not None:
                journey.transitions[source.name, visit.name] += 1
        elif event.type.endswith("StateExited"):
            last[event.id] = visit
    for visit in all_visits:
        _count(journey.states.setdefault(visit.name, Visited()), visit, ended=ended)
    return journey


def _count(found: Visited, visit: Visit, *, ended: bool) -> None:
    found.count += 1
    found.attempts += visit.attempts
    if visit.until_ms is not None:
        found.total_ms += visit.until_ms - visit.since_ms
    outcome = outcome_of(visit, ended=ended)
    if _RANK.index(outcome) >= _RANK.index(found.outcome):
        found.outcome = outcome
        found.error = visit.error or found.error


def outcome_of(visit: Visit, *, ended: bool) -> Outcome:
    """What came of one visit."""
    if visit.exited:
        return Outcome.CAUGHT if visit.error else Outcome.DONE
    if visit.over or ended:
        failed = visit.error is not None or visit.kind == "Fail"
        return Outcome.FAILED if failed and not visit.aborted else Outcome.CUT_SHORT
    return Outcome.UNDER_WAY
