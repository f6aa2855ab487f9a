"""The search for scenarios that reach every element of a definition.

Rules
- A goal is an element that no scenario reaches. Scenarios that come to its state are changed towards it, in ways that
  depend on its kind; each change is run. What reaches anything new is kept for further changes, until nothing new is
  found or `MAX_EVENTS` are spent.
- A scenario that does not end is changed further, but is never a case.
- Of those that are kept, the fewest that together reach everything are chosen, first those that succeed; then what they
  do not need is taken out of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from statemachine.definition import model
from statemachine.definition.placeholders import value_at
from statemachine.errors import ALL, TASK_FAILED, TIMEOUT
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.limits import AWS_LIMITS
from statemachine.program.load import LoadedDefinition
from statemachine.testing.cases.model import Setup
from statemachine.testing.cases.running import Run, run
from statemachine.testing.coverage.measuring import Element, Kind, Spot, element_of, hits_of, spots_of
from statemachine.testing.coverage.observing import Observer, Seen
from statemachine.testing.generation.conditions import MISSING, Alternatives, Place, making
from statemachine.testing.generation.reading import Flow
from statemachine.testing.generation.scenario import Scenario, removals, throwing
from statemachine.testing.mocks import Mocks
from statemachine.testing.places import Places

MAX_EVENTS: Final = 1_000_000
"""Events of all scenarios' histories after which nothing more is tried."""
_COST_OF_RUN: Final = 50
"""What a run costs besides, in events."""
MAX_HISTORY: Final = 2_000
"""Events after which a scenario counts as endless."""
ANY_ERROR: Final = "Generated.Error"

_LIMITS: Final = dataclasses.replace(AWS_LIMITS, history_events=MAX_HISTORY)
Key: TypeAlias = tuple[Kind, str, int]


@dataclass(frozen=True, slots=True)
class Tried:
    """A scenario that was run."""

    scenario: Scenario
    run: Run
    reached: frozenset[Key]
    entered: frozenset[str]
    about: str | None = None
    """What it is there for, if not for what it reaches."""

    @property
    def ends(self) -> bool:
        """Whether it can be a case."""
        execution = self.run.execution
        return self.run.fault is None and execution.closed and execution.history_length < MAX_HISTORY - 1


@dataclass(slots=True)
class Search:
    """Finds scenarios. Ask for `cases`, then for what is `missing`."""

    loaded: LoadedDefinition
    places: Places
    flow: Flow
    spots: dict[Key, Spot]
    observer: Observer
    kept: list[Tried] = field(default_factory=list)
    _reached: set[Key] = field(default_factory=set)
    _known: set[Key] = field(default_factory=set)
    """What is reached, by scenarios that do not end as well."""
    _spent: int = 0

    @classmethod
    def of(cls, loaded: LoadedDefinition, places: Places) -> Search:
        """A search that has not begun."""
        spots = {_key(spot): spot for spot in spots_of(places)}
        return cls(loaded, places, Flow.of(places), spots, Observer(loaded.program))

    def cases(self) -> list[Tried]:
        """The scenarios that make good cases, in the order of what they reach first."""
        self._try(self.flow.first())
        progress = True
        while progress and self._spent < MAX_EVENTS:
            progress = False
            for key in self.spots:
                if key not in self._reached and self._pursue(key):
                    progress = True
        chosen = [self._shrunk(each) for each in self._fewest()]
        return [*chosen, *self._sizes_of_maps(chosen)]

    @property
    def missing(self) -> list[Element]:
        """What no scenario reaches."""
        return [element_of(spot, Seen()) for key, spot in self.spots.items() if key not in self._reached]

    def _try(self, scenario: Scenario) -> Tried | None:
        """Run a scenario; it is kept if it reaches anything new."""
        if self._spent >= MAX_EVENTS:
            return None
        tried = self._run(scenario)
        if tried.reached - (self._reached if tried.ends else self._known):
            self.kept.append(tried)
        self._known |= tried.reached
        if tried.ends:
            self._reached |= tried.reached
        return tried

    def _run(self, scenario: Scenario) -> Tried:
        setup = Setup(
            loaded=self.loaded,
            input=Document(scenario.input),
            mocks=Mocks.of_states(scenario.mocks, sound=True),
            items=scenario.items,
            limits=_LIMITS,
        )
        done = run(setup)
        self._spent += _COST_OF_RUN + len(done.history)
        seen = self.observer.observe(done.host)
        reached = frozenset(key for key, spot in self.spots.items() if hits_of(spot, seen))
        return Tried(scenario, done, reached, frozenset(key[1] for key in reached if key[0] is Kind.STATE))

    def _pursue(self, key: Key) -> bool:
        """Change scenarios until one reaches the goal; whether one does."""
        spot = self.spots[key]
        for tried in [each for each in reversed(self.kept) if spot.state in each.entered]:
            for scenario in (*self._ended(key, tried), *self._changes(spot, tried)):
                found = self._try(scenario)
                if found is None:
                    return False
                if key in found.reached and found.ends:
                    return True
        return False

    def _ended(self, key: Key, tried: Tried) -> Iterator[Scenario]:
        """An endless scenario that reaches the goal, with tasks that end it the second time they are called."""
        if tried.ends or key not in tried.reached:
            return
        for other in self.kept:
            for state in tried.run.calls() if other.ends else ():
                then = other.scenario.mocks[state]
                if then != tried.scenario.mocks[state]:
                    yield tried.scenario.with_outcomes(state, [*tried.scenario.mocks[state], *then])

    # -- changes towards a goal ----------------------------------------------------------------------------------

    def _changes(self, goal: Spot, tried: Tried) -> Iterator[Scenario]:
        state = self.places.states[goal.state]
        match goal.kind:
            case Kind.RULE | Kind.DEFAULT:
                assert isinstance(state, model.Choice)
                yield from self._choosing(goal, state, tried.scenario)
            case Kind.CATCHER | Kind.RETRIER:
                assert isinstance(state, model.Task | model.Parallel | model.Map)
                yield from self._failing(goal, state, tried)
            case Kind.COMPENSATION:
                for task in reversed([each for each in self.flow.tasks() if each.name != goal.state]):
                    for error in self._errors_around(task):
                        yield tried.scenario.with_outcomes(task.name, [throwing(error)])
                        yield tried.scenario.with_outcomes(task.name, [{"Return": {}}, throwing(error)])
                        # beside what is to be undone, which has to complete before
                        yield tried.scenario.with_outcomes(task.name, [{**throwing(error), "Delay": 1}])
            case _:
                yield from self._leaving(state, tried.scenario)

    def _choosing(self, goal: Spot, state: model.Choice, scenario: Scenario) -> Iterator[Scenario]:
        wanted: Alternatives = [[]]
        before = state.choices
        if goal.kind is Kind.RULE:
            wanted = making(state.choices[goal.index].condition, True)
            before = state.choices[: goal.index]
        refusals = [making(rule.condition, False) for rule in before]
        refused = self._assigned(scenario, state.name, [each[0] for each in refusals if each])
        for alternative in wanted:
            if alternative:
                yield self._assigned(scenario, state.name, [alternative])
            yield self._assigned(refused, state.name, [alternative])
            for refusal in refusals:
                for other in refusal[1:]:
                    yield self._assigned(refused, state.name, [other, alternative])

    def _assigned(self, scenario: Scenario, state: str, alternatives: Alternatives) -> Scenario:
        for alternative in alternatives:
            for place, value in alternative:
                scenario = self.flow.assign(scenario, state, place, value)
        return scenario

    def _failing(self, goal: Spot, state: model.Task | model.Parallel | model.Map, tried: Tried) -> Iterator[Scenario]:
        catches = goal.kind is Kind.CATCHER
        handlers: tuple[model.Catcher | model.Retrier, ...] = state.catch if catches else state.retry
        errors = [thrown for error in handlers[goal.index].error_equals for thrown in _thrown(error)]
        if isinstance(state, model.Map) and state.name in tried.scenario.items:
            yield tried.scenario.without_items(state.name)
        inside = [task for task in self.flow.tasks() if task.path[: len(state.path)] == state.path]
        for task in inside:
            before = tried.scenario.mocks.get(task.name, [{"Return": {}}])
            for error in errors:
                if goal.kind is Kind.RETRIER:
                    yield tried.scenario.with_outcomes(task.name, [throwing(error), *before])
                    attempts = sum(retrier.max_attempts for retrier in task.retry)
                    if task is not state and 0 < attempts <= 20:
                        yield tried.scenario.with_outcomes(task.name, [throwing(error)] * (attempts + 1) + before)
                yield tried.scenario.with_outcomes(task.name, [throwing(error)])
            yield tried.scenario.with_outcomes(task.name, [{"Return": None}])

    def _errors_around(self, task: model.Task) -> list[str]:
        """Errors that a task may throw to some effect."""
        around = [state for state in self.places.states.values() if task.path[: len(state.path)] == state.path]
        named = [
            thrown
            for state in around
            if isinstance(state, model.Task | model.Parallel | model.Map)
            for catcher in state.catch
            for error in catcher.error_equals
            for thrown in _thrown(error)
        ]
        return list(dict.fromkeys([ANY_ERROR, *named]))

    def _leaving(self, state: model.State, scenario: Scenario) -> Iterator[Scenario]:
        """The state is entered but not left: it fails, or something inside it does; or nothing answers it."""
        inside = [task for task in self.flow.tasks() if task.path[: len(state.path)] == state.path]
        changed = scenario
        first = self.flow.first()
        for task in inside:
            changed = changed.with_outcomes(task.name, first.mocks[task.name])
        yield changed
        values: tuple[Json, ...] = ([], "text", 1, True, None)
        for value in values:
            for task in inside:
                yield scenario.with_outcomes(task.name, [{"Return": value}])

    # -- the choice ----------------------------------------------------------------------------------------------

    def _fewest(self) -> list[Tried]:
        """Few scenarios that reach all that is reached: greedy, successes first."""
        left = set(self._reached)
        candidates = [each for each in self.kept if each.ends]
        chosen: list[Tried] = []
        while left:
            best = max(
                candidates,
                key=lambda each: (len(each.reached & left), each.run.status is ExecutionStatus.SUCCEEDED),
                default=None,
            )
            if best is None or not best.reached & left:
                break
            chosen.append(best)
            left -= best.reached
        return chosen

    def _shrunk(self, tried: Tried) -> Tried:
        """The same scenario without what makes no difference: large parts are tried first, then smaller ones."""
        left = list(_removable(tried))
        size = len(left)
        while size and self._spent < 2 * MAX_EVENTS:
            needed: list[_Member] = []
            for start in range(0, len(left), size):
                part = left[start : start + size]
                smaller = self._run(_without(tried.scenario, part))
                if _same(tried, smaller):
                    tried = smaller
                else:
                    needed += part
            left, size = needed, size // 2
        return tried

    def _sizes_of_maps(self, chosen: list[Tried]) -> Iterator[Tried]:
        """For each Map, what a scenario does with no item and with two."""
        for name, state in self.places.states.items():
            base = next((each for each in chosen if name in each.entered), None)
            if not isinstance(state, model.Map) or base is None or name in self.flow.map_of:
                continue
            place = self.flow.items_place(name)
            items = base.scenario.items.get(name) or (None if place is None else value_at(base.scenario.input, place))
            if not isinstance(items, list) or not items:
                continue
            for sized in ([], [items[0], items[0]]):
                if name in base.scenario.items:
                    scenario = base.scenario.with_items(name, sized)
                else:
                    scenario = base.scenario.with_input(place or (), sized)
                tried = self._run(scenario)
                if tried.ends and len(sized) != len(items):
                    yield dataclasses.replace(tried, about=f"{name} with {len(sized) or 'no'} items")


def _key(spot: Spot) -> Key:
    return spot.kind, spot.state, spot.index


_Member: TypeAlias = tuple[str | None, Place]
"""A member of what a state's last outcome returns or, for None, of the input."""


def _removable(tried: Tried) -> Iterator[_Member]:
    """All members, inner before outer."""
    for place in reversed(removals(tried.scenario.input)):
        yield None, place
    for state in tried.run.calls():
        last = tried.scenario.mocks[state][-1]
        for place in reversed(removals(last.get("Return"))):
            yield state, place


def _without(scenario: Scenario, members: list[_Member]) -> Scenario:
    for state, place in members:
        removed = scenario.with_input if state is None else partial(scenario.with_return, state)
        scenario = removed(place, MISSING)
    return scenario


def _same(one: Tried, other: Tried) -> bool:
    """Whether two scenarios go the same way."""
    same = other.ends and other.run.path == one.run.path and other.reached == one.reached
    return same and other.run.failure == one.run.failure


def _thrown(error: str) -> tuple[str, ...]:
    """Errors that a name in ErrorEquals matches; a timeout, if others may be taken before."""
    return (ANY_ERROR, TIMEOUT) if error == ALL else (ANY_ERROR,) if error == TASK_FAILED else (error,)
