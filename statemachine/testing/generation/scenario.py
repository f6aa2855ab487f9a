"""A scenario: what a generated case gives, changed step by step. Scenarios are values; every change makes another."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Final

from statemachine.jsonvalue import Json
from statemachine.testing.generation.conditions import MISSING, Place

MAX_INDEX: Final = 100

Outcomes = list[dict[str, Any]]
"""Of a state, as a file of cases has them."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """An input, the outcomes of Task states, the items of ItemReaders."""

    input: Json = field(default_factory=dict)
    mocks: Mapping[str, Outcomes] = field(default_factory=dict)
    items: Mapping[str, list[Json]] = field(default_factory=dict)

    def with_input(self, place: Place, value: Any) -> Scenario:
        """With another value in the input."""
        return replace(self, input=put(self.input, place, value))

    def with_return(self, state: str, place: Place, value: Any) -> Scenario:
        """With another value in what a state's last outcome returns; as it is if that throws."""
        outcomes = self.mocks.get(state) or [{"Return": {}}]
        if "Return" not in outcomes[-1]:
            return self
        changed = {**outcomes[-1], "Return": put(outcomes[-1]["Return"], place, value)}
        return self.with_outcomes(state, [*outcomes[:-1], changed])

    def with_outcomes(self, state: str, outcomes: Outcomes) -> Scenario:
        """With other outcomes of a state."""
        return replace(self, mocks={**self.mocks, state: outcomes})

    def with_items(self, state: str, items: list[Json]) -> Scenario:
        """With other items of a Map's ItemReader."""
        return replace(self, items={**self.items, state: items})

    def without_items(self, state: str) -> Scenario:
        """With an ItemReader that fails."""
        return replace(self, items={name: each for name, each in self.items.items() if name != state})


def throwing(error: str) -> dict[str, Any]:
    """An outcome that fails."""
    return {"Throw": {"Error": error, "Cause": "generated"}}


def put(document: Json, place: Place, value: Any) -> Json:
    """A copy of a document with a value at a place, or with nothing there (MISSING). What is in the way gives way."""
    if not place:
        return {} if value is MISSING else value
    return _put(deepcopy(document), place, value)


def _put(document: Json, place: Place, value: Any) -> Json:
    step, rest = place[0], place[1:]
    if isinstance(step, int):
        elements = document if isinstance(document, list) else []
        while len(elements) <= min(step, MAX_INDEX):
            elements.append({} if rest else None)
        elements[min(step, MAX_INDEX)] = _put(elements[step], rest, value) if rest else _plain(value)
        return elements
    members = document if isinstance(document, dict) else {}
    if value is MISSING and step not in members:
        return document
    if rest:
        members[step] = _put(members.get(step), rest, value)
    elif value is MISSING:
        members.pop(step, None)
    else:
        members[step] = value
    return members


def _plain(value: Any) -> Json:
    return None if value is MISSING else value


def removals(document: Json, at: Place = ()) -> list[Place]:
    """The places of all members of objects, outer before inner."""
    found: list[Place] = []
    if isinstance(document, dict):
        found += [(*at, key) for key in document]
        for key, value in document.items():
            found += removals(value, (*at, key))
    elif isinstance(document, list):
        for index, value in enumerate(document[:MAX_INDEX]):
            found += removals(value, (*at, index))
    return found
