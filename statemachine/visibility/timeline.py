"""A timeline: one line for each visit of a state, with a bar for when it was and how long it took.

Rules
- Lines stand in the order in which states were entered; what is inside a Parallel or Map is indented under it.
- The bar's scale is linear from the first line's beginning to the last end (or now); a visit is never invisible.
- Everything fits `width` columns; names are cut, not bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from statemachine.kernel.history import HistoryEvent
from statemachine.visibility.journey import Outcome, outcome_of
from statemachine.visibility.visits import Visit, Visits

MIN_BAR = 10
MAX_NAME = 32
_INDENT = 2
_MAX_DEPTH = 6
_CLOCK = 9
"""Columns of a duration."""


@dataclass(frozen=True, slots=True)
class Line:
    """One visit: its name with its depth, its bar as first and last cell, and its length."""

    name: str
    depth: int
    first: int
    last: int
    milliseconds: int | None
    """None while it is under way."""
    outcome: Outcome
    visit: Visit


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn."""

    lines: tuple[Line, ...]
    cells: int
    """Width of the bars' column."""
    names: int
    """Width of the names' column."""
    begin_ms: int
    end_ms: int
    left_out: int
    """Earlier visits that are not among the lines."""


def timeline_of(history: Iterable[HistoryEvent], *, now_ms: int | None, width: int = 80, limit: int = 200) -> Timeline:
    """The timeline of a history: its last `limit` visits. `now_ms` is None for an execution that has ended."""
    visits = Visits()
    found: list[Visit] = []
    last_ms, total = 0, 0
    for event in history:
        last_ms = max(last_ms, event.at_ms)
        visit = visits.add(event)
        if visit is not None and event.type.endswith("StateEntered"):
            found.append(visit)
            total += 1
            if len(found) > 2 * limit:
                del found[:-limit]
    found = found[-limit:]
    end_ms = last_ms if now_ms is None else max(now_ms, last_ms)
    begin_ms = min((visit.since_ms for visit in found), default=end_ms)
    names = max((_depth(visit) * _INDENT + len(visit.name) for visit in found), default=0)
    names = min(names, MAX_NAME, max(width - MIN_BAR - _CLOCK - 4, 1))
    cells = max(width - names - _CLOCK - 4, MIN_BAR)
    scale = cells / max(end_ms - begin_ms, 1)
    ended = now_ms is None
    lines = tuple(_line(visit, begin_ms, end_ms, scale, cells, ended=ended) for visit in found)
    return Timeline(lines, cells, names, begin_ms, end_ms, total - len(found))


def _line(visit: Visit, begin_ms: int, end_ms: int, scale: float, cells: int, *, ended: bool) -> Line:
    until_ms = end_ms if visit.until_ms is None else visit.until_ms
    first = min(int((visit.since_ms - begin_ms) * scale), cells - 1)
    last = min(max(int((until_ms - begin_ms) * scale), first), cells - 1)
    length = None if visit.until_ms is None and not ended else until_ms - visit.since_ms
    return Line(visit.name, _depth(visit), first, last, length, outcome_of(visit, ended=ended), visit)


def _depth(visit: Visit) -> int:
    depth, above = 0, visit.parent
    while above is not None and depth < _MAX_DEPTH:
        depth, above = depth + 1, above.parent
    return depth


def bar(line: Line, timeline: Timeline, filled: str = "█", empty: str = " ") -> str:
    """A line's bar."""
    length = line.last - line.first + 1
    return empty * line.first + filled * length + empty * (timeline.cells - line.first - length)


def names_of(timeline: Timeline) -> Sequence[str]:
    """The names, indented and cut to their column."""
    shown = []
    for line in timeline.lines:
        name = " " * (line.depth * _INDENT) + line.name
        shown.append(name if len(name) <= timeline.names else name[: timeline.names - 1] + "…")
    return shown
