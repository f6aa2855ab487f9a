"""What failed, in lines that people read: the same on the command line, in pytest and in JUnit reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from statemachine.expressions.base import shown
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.history import HistoryEvent
from statemachine.testing.cases.checking import CaseResult, Mismatch, last_state
from statemachine.testing.places import places_of

_EVENTS_BEFORE: Final = 6
_EVENTS_AFTER: Final = 2
_TEXT: Final = 200
_DETAILS: Final = ("name", "error", "cause", "output", "input", "parameters", "state")
"""What is shown of an event: the first two of these that it has."""


def place(result: CaseResult, *below: str | int) -> str:
    """``file:line:column`` of a case, or of what is below it."""
    position = result.case.position(*below)
    return f"{result.case.source.file}:{position.line}:{position.column}"


def headline(result: CaseResult) -> str:
    """A failure in one line."""
    if result.run is not None and result.run.fault is not None:
        return result.run.fault
    return "; ".join(_headline(each) for each in result.mismatches)


def tell(result: CaseResult) -> Iterator[str]:
    """A failure in full."""
    assert result.run is not None
    if result.run.fault is not None:
        yield f"{place(result)}: {result.run.fault}"
    for each in result.mismatches:
        yield f"{place(result, 'expect', each.field)}: {_headline(each)}"
        yield from (f"    {line}" for line in each.details)
    yield from _excerpt(result)


def _headline(mismatch: Mismatch) -> str:
    if mismatch.details and mismatch.field != "status":
        return f"{mismatch.field} is not as expected"
    return f"{mismatch.field}: expected {_cut(mismatch.expected)}, got {_cut(mismatch.actual)}"


def _excerpt(result: CaseResult) -> Iterator[str]:
    """The state where it ended, with its place, and the events around."""
    assert result.run is not None
    found = last_state(result.run)
    if found is None:
        return
    state, index = found
    places = places_of(result.case.setup.loaded)
    where = None if places is None else places.of_state(state)
    yield f"{result.run.status.value} in {state}" + (f" ({where})" if where else "")
    for event in result.run.history[max(index - _EVENTS_BEFORE, 0) : index + _EVENTS_AFTER + 1]:
        yield f"    {event.id:>5}  {_event(event)}"


def _event(event: HistoryEvent) -> str:
    details = event.details or {}
    named = [(key, details[key]) for key in _DETAILS if key in details][:2]
    return " ".join([event.type, *(value if key == "name" else f"{key}={_cut(value)}" for key, value in named)])


def _cut(value: Json | Document) -> str:
    text = value.text if isinstance(value, Document) else shown(value)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"
