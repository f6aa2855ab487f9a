"""The elements of a definition that cases may reach, and which of them were.

Rules
- An element is a state; a transition: Next, End, a Choice rule, Default, a catcher, or the way to a compensation; or a
  retrier. Each counts the same.
- Elements and their labels come from the graph (visibility/graph.py), their lines from the source.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.jsonvalue import Json, pointer
from statemachine.program.load import LoadedDefinition
from statemachine.program.nodes import Address
from statemachine.testing.cases.running import Run, hosts_of
from statemachine.testing.coverage.observing import Observer, Seen
from statemachine.testing.places import Places, places_of
from statemachine.visibility.graph import Reason, Transition, graph_of


class Kind(StrEnum):
    """What an element is."""

    STATE = "state"
    NEXT = "next"
    END = "end"
    RULE = "rule"
    DEFAULT = "default"
    CATCHER = "catcher"
    COMPENSATION = "compensation"
    RETRIER = "retrier"


_KINDS: Final = {
    Reason.NEXT: (Kind.NEXT, "Next"),
    Reason.RULE: (Kind.RULE, "Choices"),
    Reason.DEFAULT: (Kind.DEFAULT, "Default"),
    Reason.CATCH: (Kind.CATCHER, "Catch"),
    Reason.COMPENSATION: (Kind.COMPENSATION, "CompensateWith"),
}
"""What a transition of the graph is, and the field that it is written in."""

GROUPS: Final[dict[str, tuple[Kind, ...]]] = {
    "states": (Kind.STATE,),
    "transitions": (Kind.NEXT, Kind.END, Kind.RULE, Kind.DEFAULT, Kind.COMPENSATION),
    "catchers": (Kind.CATCHER,),
    "retriers": (Kind.RETRIER,),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that can be reached."""

    kind: Kind
    state: str
    label: str
    """In words, for instance ``PaymentDeclined -> ReleaseStock``."""
    line: int
    hits: int
    index: int = 0
    """Its place among the state's Choices, Catch or Retry."""
    refused: int = 0
    """How often a Choice rule was asked and did not match."""

    @property
    def text(self) -> str:
        """What it is, in words."""
        if self.kind is Kind.STATE:
            return f"state {self.state}"
        return f"{self.kind.value} of {self.state}: {self.label}"


@dataclass(frozen=True, slots=True)
class DefinitionCoverage:
    """What was reached of one definition."""

    name: str
    """Its file, or how it is called."""
    text: str
    elements: tuple[Element, ...]

    def counts(self, group: str | None = None) -> tuple[int, int]:
        """How many elements were reached, and how many there are; of one of GROUPS, or of all."""
        kinds = tuple(Kind) if group is None else GROUPS[group]
        chosen = [each for each in self.elements if each.kind in kinds]
        return sum(each.hits > 0 for each in chosen), len(chosen)

    @property
    def missing(self) -> list[Element]:
        """What was not reached, by line."""
        return [each for each in self.elements if not each.hits]

    def missing_lines(self) -> str:
        """Lines with something that was not reached: ``12, 40-42``."""
        return _ranges(sorted({each.line for each in self.missing}))

    def by_line(self) -> dict[int, list[Element]]:
        """Line -> the elements that stand there."""
        found: dict[int, list[Element]] = {}
        for each in self.elements:
            found.setdefault(each.line, []).append(each)
        return dict(sorted(found.items()))


@dataclass(slots=True)
class Coverage:
    """Collects what runs reached. Add each run; then ask for the `definitions`."""

    _loaded: dict[tuple[str | None, str], tuple[LoadedDefinition, Seen]] = field(default_factory=dict)
    _observers: dict[str, Observer] = field(default_factory=dict)

    def include(self, loaded: LoadedDefinition) -> None:
        """Count a definition also if nothing of it is run."""
        self._seen(loaded)

    def add(self, run: Run, definitions: Iterable[LoadedDefinition]) -> None:
        """Add a run; `definitions` are those that it was made of, its own and its machines."""
        by_sha = {each.sha256: each for each in definitions}
        for each in by_sha.values():
            self._seen(each)
        for host in hosts_of(run.host):
            sha256 = host.program.sha256
            observer = self._observers.get(sha256)
            if observer is None:
                observer = self._observers[sha256] = Observer(host.program)
            self._seen(by_sha[sha256]).add(observer.observe(host))

    def _seen(self, loaded: LoadedDefinition) -> Seen:
        file = None if loaded.file is None else os.path.realpath(loaded.file)
        return self._loaded.setdefault((file, loaded.sha256), (loaded, Seen()))[1]

    def definitions(self) -> list[DefinitionCoverage]:
        """What was reached, by the definitions' names."""
        found = []
        for loaded, seen in self._loaded.values():
            places = places_of(loaded)
            if places is not None:
                name = loaded.file or loaded.machine_name
                elements = tuple(element_of(spot, seen) for spot in spots_of(places))
                found.append(DefinitionCoverage(name, loaded.text, elements))
        return sorted(found, key=lambda each: each.name)


def total(definitions: Iterable[DefinitionCoverage], group: str | None = None) -> tuple[int, int]:
    """The counts of several definitions together."""
    counts = [each.counts(group) for each in definitions]
    return sum(reached for reached, _ in counts), sum(there for _, there in counts)


def percent(counts: tuple[int, int]) -> float:
    """100 for nothing of nothing; below 100 unless all is reached, to one digit."""
    reached, there = counts
    return 100.0 if reached == there else min(round(reached * 100 / there, 1), 99.9)


def to_json(definitions: Iterable[DefinitionCoverage]) -> Json:
    """The coverage as data."""
    listed = list(definitions)
    return {
        "percent": percent(total(listed)),
        **_counts_json(listed),
        "definitions": [
            {
                "file": each.name,
                "percent": percent(each.counts()),
                **_counts_json([each]),
                "elements": [_element_json(element) for element in each.elements],
            }
            for each in listed
        ],
    }


def _counts_json(definitions: list[DefinitionCoverage]) -> dict[str, Json]:
    return {group: dict(zip(("reached", "total"), total(definitions, group), strict=True)) for group in GROUPS}


def _element_json(element: Element) -> Json:
    shown: dict[str, Json] = {
        "kind": element.kind.value,
        "state": element.state,
        "line": element.line,
        "hits": element.hits,
    }
    if element.kind is not Kind.STATE:
        shown["label"] = element.label
    if element.kind is Kind.RULE:
        shown["refused"] = element.refused
    return shown


@dataclass(frozen=True, slots=True)
class Spot:
    """An element before anything is run: see `Element`."""

    kind: Kind
    state: str
    address: Address
    label: str
    line: int
    index: int = 0


def hits_of(spot: Spot, seen: Seen) -> int:
    """How often it was reached."""
    match spot.kind:
        case Kind.STATE:
            return seen.entered[spot.address]
        case Kind.NEXT | Kind.END | Kind.DEFAULT:
            return seen.left[spot.address]
        case Kind.RULE:
            return seen.rules[spot.address, spot.index]
        case Kind.CATCHER:
            return seen.catchers[spot.address, spot.index]
        case Kind.RETRIER:
            return seen.retriers[spot.address, spot.index]
        case Kind.COMPENSATION:
            return seen.compensated[spot.address]


def element_of(spot: Spot, seen: Seen) -> Element:
    """The element with what was seen of it."""
    refused = seen.refused[spot.address, spot.index] if spot.kind is Kind.RULE else 0
    return Element(spot.kind, spot.state, spot.label, spot.line, hits_of(spot, seen), spot.index, refused)


def spots_of(places: Places) -> Iterator[Spot]:
    """All that can be reached in a definition, in its order."""
    transitions: dict[str, list[Transition]] = {}
    for block in graph_of(places.machine).walk():
        for transition in block.transitions:
            transitions.setdefault(transition.source, []).append(transition)
    for name, state in places.states.items():
        address = pointer(state.path)
        yield Spot(Kind.STATE, name, address, name, places.line(state.path))
        yield from _transitions(places, state, transitions.get(name, []))
        if state.end:
            yield Spot(Kind.END, name, address, "End", places.line((*state.path, "End")))
        if isinstance(state, model.Task | model.Parallel | model.Map):
            for index, retrier in enumerate(state.retry):
                label = ", ".join(retrier.error_equals)
                yield Spot(Kind.RETRIER, name, address, label, places.line(retrier.path, key=False), index)


def _transitions(places: Places, state: model.State, transitions: list[Transition]) -> Iterator[Spot]:
    address = pointer(state.path)
    index_of: Counter[Kind] = Counter()
    for transition in transitions:
        kind, field_name = _KINDS[transition.reason]
        index = index_of[kind]
        index_of[kind] += 1
        listed = kind in _LISTED
        path: JsonPath = (*state.path, field_name, index) if listed else (*state.path, field_name)
        label = f"{transition.label} -> {transition.target}" if transition.label else f"-> {transition.target}"
        yield Spot(kind, state.name, address, label, places.line(path, key=not listed), index)


_LISTED: Final = (Kind.RULE, Kind.CATCHER)
"""Kinds that stand in a list, without a key of their own."""


def _ranges(lines: list[int]) -> str:
    found: list[list[int]] = []
    for line in lines:
        if found and found[-1][1] == line - 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)
