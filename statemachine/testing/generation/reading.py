"""What a definition reads: a first input and first results of its tasks, guessed from the paths in its fields.

Rules
- A guess may be wrong or too much: what does not work is not kept, what is not needed is taken out again (`search`).
- A path is read from the execution's input, from the item of the Map around the state, or from what an earlier task
  returned. Which of them is not known, so a value is put wherever it may come from (`Flow.places`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.placeholders import value_at
from statemachine.jsonvalue import Json
from statemachine.program.resources import parse_resource
from statemachine.testing.generation.conditions import Place, place_of_path
from statemachine.testing.generation.scenario import Scenario
from statemachine.testing.places import Places

_INNER: Final = ("Branches", "ItemProcessor", "Iterator", "Choices", "Catch", "Retry", "Next", "Resource", "Comment")
"""Fields that are not read by the state itself, or not as data."""
_NOT_INPUT: Final = ("ResultPath", "OutputPath")
_IN_TEXT: Final = re.compile(r"(?<![\w$])\$(?:\.[A-Za-z_]\w*)+")
_ITEM: Final = re.compile(r"(?:\$\$|\$states\.context)\.Map\.Item\.Value((?:\.[A-Za-z_]\w*)*)")
_STATES: Final = re.compile(r"\$states\.(input|result)((?:\.[A-Za-z_]\w*)+)")
_INTRINSIC: Final = re.compile(r"States\.(\w+)\(\s*(\$\$?(?:\.[A-Za-z_]\w*)+)")
_BY_FIELD: Final[dict[str, Json]] = {
    "SecondsPath": 1,
    "TimeoutSecondsPath": 60,
    "HeartbeatSecondsPath": 30,
    "MaxConcurrencyPath": 1,
    "TimestampPath": "2025-01-02T00:00:00Z",
    "Seconds": 1,
    "TimeoutSeconds": 60,
    "Timestamp": "2025-01-02T00:00:00Z",
}
_BY_INTRINSIC: Final[dict[str, Json]] = {
    "MathAdd": 1,
    "MathRandom": 1,
    "StringToJson": "1",
    "Base64Decode": "YQ==",
    "JsonMerge": {},
    "StringSplit": "1,1,1,1",
    **{f"Array{name}": [1] for name in ("Contains", "GetItem", "Length", "Partition", "Unique")},
}


@dataclass(frozen=True, slots=True)
class Read:
    """A value that a state reads from its input, or from its own result."""

    state: str
    place: Place
    value: Json
    """A value that may do."""
    of_result: bool = False
    of_item: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a definition's data may come from."""

    places: Places
    map_of: dict[str, str] = field(default_factory=dict)
    """State -> the innermost Map around it."""

    @classmethod
    def of(cls, places: Places) -> Flow:
        """The flow of a definition."""
        inside: dict[str, str] = {}
        for name, state in places.states.items():
            if isinstance(state, model.Map):
                prefix = state.processor.branch.path
                for other, each in places.states.items():
                    if each.path[: len(prefix)] == prefix:
                        inside[other] = name  # an inner Map comes later, and wins
        return cls(places, inside)

    def tasks(self) -> list[model.Task]:
        """All Task states, in the order of the definition."""
        return [state for state in self.places.states.values() if isinstance(state, model.Task)]

    def assign(self, scenario: Scenario, state: str, place: Place, value: Any) -> Scenario:
        """Put a value wherever the state's input may come from."""
        if not place:
            return self._assign_whole(scenario, state, value)
        around = self.map_of.get(state)
        if around is None:
            scenario = scenario.with_input(place, value)
        else:
            scenario = self._assign_around(scenario, around, place, value)
        for task in self.tasks():
            if task.name != state:
                for inner in _places_in_result(task, place):
                    scenario = scenario.with_return(task.name, inner, value)
        return scenario

    def _assign_whole(self, scenario: Scenario, state: str, value: Any) -> Scenario:
        """Make a value the whole input of a state, as far as nothing else is known of where it comes from."""
        if scenario.input == {}:
            scenario = scenario.with_input((), value)
        for task in self.tasks():
            if task.next == state and task.result_path == "$":
                scenario = scenario.with_return(task.name, (), value)
        return scenario

    def _assign_around(self, scenario: Scenario, name: str, place: Place, value: Any) -> Scenario:
        """Put a value into the items of a Map or, if its ItemSelector takes it from elsewhere, there."""
        state = self.places.states[name]
        assert isinstance(state, model.Map)
        if not isinstance(state.item_selector, dict):
            return self._assign_to_items(scenario, name, place, value)
        if not place:
            return scenario
        selected = state.item_selector.get(f"{place[0]}.$", state.item_selector.get(str(place[0])))
        item = _ITEM.search(selected) if isinstance(selected, str) else None
        if isinstance(selected, str) and item is not None and _is_only(item, selected):
            names = tuple(part for part in item[1].split(".") if part)
            return self._assign_to_items(scenario, name, (*names, *place[1:]), value)
        found = place_of_path(selected) if isinstance(selected, str) else None
        return scenario if found is None else self.assign(scenario, name, (*found, *place[1:]), value)

    def _assign_to_items(self, scenario: Scenario, name: str, place: Place, value: Any) -> Scenario:
        if name in scenario.items:
            items = [Scenario(item).with_input(place, value).input for item in scenario.items[name]]
            return scenario.with_items(name, items)
        found = self.items_place(name)
        if found is None:
            return scenario
        items = value_at(scenario.input, found)
        for index in range(len(items) if isinstance(items, list) else 1):
            scenario = self.assign(scenario, name, (*found, index, *place), value)
        return scenario

    def items_place(self, name: str) -> Place | None:
        """Where a Map's items stand in its input."""
        state = self.places.states[name]
        assert isinstance(state, model.Map)
        if state.query_language is model.QueryLanguage.JSONPATH:
            parts = [_whole_or_place(path) for path in (state.input_path, state.items_path)]
            return None if None in parts else tuple(step for part in parts for step in part or ())
        match = _STATES.search(state.items) if isinstance(state.items, str) else None
        return tuple(match[2].strip(".").split(".")) if match is not None and match[1] == "input" else None

    def first(self) -> Scenario:
        """A scenario in which everything that is read is there."""
        scenario = Scenario(mocks={task.name: [{"Return": {}}] for task in self.tasks()})
        for name, state in self.places.states.items():
            if isinstance(state, model.Map):
                if isinstance(state.item_reader, dict):
                    scenario = scenario.with_items(name, [{}])
                found = self.items_place(name)
                if found is not None:
                    scenario = self.assign(scenario, name, found, [{}])
        for read in self.reads():
            if read.of_result:
                scenario = scenario.with_return(read.state, read.place, read.value)
            elif read.of_item:
                if read.place or not isinstance(read.value, dict):
                    scenario = self._assign_to_items(
                        scenario, self.map_of.get(read.state, read.state), read.place, read.value
                    )
            else:
                written = self._written(read)
                scenario = self.assign(scenario, read.state, read.place, read.value)
                if written is not None:
                    scenario = self._assign_inside(scenario, *written, read.value)
        return scenario

    def _assign_inside(self, scenario: Scenario, state: model.State, place: Place, value: Json) -> Scenario:
        """Put a value into what the tasks inside a Parallel or Map return. How their results are put together is not
        known: the value is put under each ending of its place."""
        if isinstance(state, model.Parallel | model.Map):
            for task in self.tasks():
                if task.path[: len(state.path)] == state.path:
                    for start in range(len(place)):
                        scenario = scenario.with_return(task.name, place[start:], value)
        return scenario

    def _written(self, read: Read) -> tuple[model.State, Place] | None:
        """The state that puts there what is read, if it is not a Task or if its catcher does it; and where in its
        result the value is."""
        for state in self.places.states.values():
            paths = [catcher.result_path for catcher in getattr(state, "catch", ())]
            if not isinstance(state, model.Task):
                paths.append(state.result_path)
            for path in paths:
                written = None if path is None else place_of_path(path)
                if written is not None and read.place[: len(written)] == written:
                    return state, read.place[len(written) :]
        return None

    def reads(self) -> Iterator[Read]:
        """All that states read, in the order of the definition."""
        for task in self.tasks():
            found = None if task.output_path is None else place_of_path(task.output_path)
            if found is not None and task.result_path == "$" and task.result_selector is model.ABSENT:
                yield Read(task.name, found, {}, of_result=True)
        for name, state in self.places.states.items():
            value = value_at(self.places.source.value, state.path)
            for key, each in value.items() if isinstance(value, dict) else ():
                if key not in _INNER and key not in _NOT_INPUT:
                    of_result = key == "ResultSelector"
                    for text, own in _texts(each, (key,)):
                        yield from _reads(name, text, own, of_result=of_result)


def _whole_or_place(path: str | None) -> Place | None:
    """The place of a path; that of no path is the whole, as that of ``$`` is."""
    return () if path in (None, "$") else place_of_path(path)


def _is_only(match: re.Match[str], text: str) -> bool:
    """Whether an expression is nothing but what was found in it."""
    return text.removeprefix("{%").removesuffix("%}").strip() == match[0]


def _reads(name: str, text: str, key: str, *, of_result: bool) -> Iterator[Read]:
    typed: dict[str, Json] = {}
    if text.startswith("{%"):
        for match in _STATES.finditer(text):
            place = tuple(match[2].strip(".").split("."))
            yield Read(name, place, [{}] if key == "Items" else _guess(key, place), of_result=match[1] == "result")
    else:
        typed = {match[2]: _BY_INTRINSIC[match[1]] for match in _INTRINSIC.finditer(text) if match[1] in _BY_INTRINSIC}
        paths = [text] if place_of_path(text) is not None else _IN_TEXT.findall(text)
        for path in paths:
            found = place_of_path(path)
            if found is not None and key not in ("ItemsPath", "InputPath"):
                yield Read(name, found, typed.get(path, _guess(key, found)), of_result=of_result)
    for match in _ITEM.finditer(text):
        place = tuple(part for part in match[1].split(".") if part)
        yield Read(name, place, typed.get(match[0], _guess(key, place) if place else {}), of_item=True)


def _guess(key: str, place: Place) -> Json:
    if key in _BY_FIELD:
        return _BY_FIELD[key]
    return next((step for step in reversed(place) if isinstance(step, str)), "text")


def _texts(value: Json, path: JsonPath) -> Iterator[tuple[str, str]]:
    """The texts in a field that may be paths or expressions, each with the name of the field it stands in."""
    todo: list[tuple[Json, str]] = [(value, str(path[-1]))]
    while todo:
        each, key = todo.pop()
        if isinstance(each, str):
            if each.startswith(("$", "States.", "{%")):
                yield each, key
        elif isinstance(each, dict):
            todo += [(inner, name) for name, inner in reversed(each.items())]
        elif isinstance(each, list):
            todo += [(inner, key) for inner in reversed(each)]


def _places_in_result(task: model.Task, place: Place) -> Iterator[Place]:
    """Where, in what a task returns, the value stands that its output has at a place."""
    written = () if task.result_path == "$" else None if task.result_path is None else place_of_path(task.result_path)
    if written is None or place[: len(written)] != written:
        return
    rest = place[len(written) :]
    if isinstance(task.result_selector, dict):
        selected = task.result_selector.get(f"{rest[0]}.$") if rest else None
        found = place_of_path(selected) if isinstance(selected, str) else None
        if found is not None:
            yield (*found, *rest[1:])
        return
    if not rest:
        return
    yield rest
    resource = parse_resource(task.resource)
    if resource.type == "lambda" and resource.action.startswith("invoke"):
        yield ("Payload", *rest)
