"""Variables: read before they are assigned, or never read.

Definite assignment over the ways of each block (developer guide, "Passing data between states with variables").
Rules
- All expressions of a state see the variables as they were when it was entered (fact assign-sees-old-values).
- A state's Assign holds on Next and Default; a rule's or a catcher's own takes its place on that way (facts
  choice-assign-jsonpath-default, assign-in-catch-jsonata).
- Inner blocks see the variables of the state around them and keep their own (facts assign-outer-visible-in-map,
  assign-inner-not-visible-outside); the iterations of a distributed Map see none from outside (developer guide).
- A variable that a Choice asks about counts as assigned behind it: which way is which is not followed. One that an
  expression itself asks about may be missing.
- Variables are bits of an integer: sets that are joined at every way must be cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Final, NamedTuple

from msgspec import Struct, field

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.suggestions import Suggestions
from statemachine.jsonvalue import Json
from statemachine.program.analysis.findings import warning
from statemachine.program.analysis.forms import VariableRead, read_expression, read_jsonpath
from statemachine.program.analysis.graph import Block, Graph, Way, inner_branches, is_distributed
from statemachine.program.analysis.texts import condition_texts, tests_for_presence, texts_of

VARIABLE_UNASSIGNED: Final = "SM_VARIABLE_UNASSIGNED"
VARIABLE_MAYBE_UNASSIGNED: Final = "SM_VARIABLE_MAYBE_UNASSIGNED"
VARIABLE_UNUSED: Final = "SM_VARIABLE_UNUSED"

_SHOWN = 3
"""States of a way that are named."""
_MENTION = re.compile(r"\$([^\W\d]\w*)")


class _Assigned(NamedTuple):
    """Which variables are assigned on some way to a state, and which on every way."""

    some: int
    every: int


def check_variables(graph: Graph) -> Iterator[Diagnostic]:
    """All findings about variables."""
    texts = {
        state.path: [each for each in texts_of(state) if "$" in each[0]]
        for block in graph.blocks.values()
        for state in block.states.values()
    }
    assigned = {path: _assigned_in(block) for path, block in graph.blocks.items()}
    mentioned = {
        name for placed in texts.values() for text, _ in placed if "$" in text for name in _MENTION.findall(text)
    }
    if not mentioned and not any(assigned.values()):
        return
    yield from _unused(assigned, mentioned)
    numbers: dict[str, int] = {}
    for names in assigned.values():
        for name in names:
            numbers.setdefault(name, 1 << len(numbers))
    checker = _Checker(graph, texts, numbers)
    checker.block(graph.top, _Assigned(0, 0))
    yield from checker.found


def _unused(assigned: dict[JsonPath, dict[str, JsonPath]], mentioned: set[str]) -> Iterator[Diagnostic]:
    told: set[str] = set()
    for names in assigned.values():
        for name, place in names.items():
            if name not in mentioned and name not in told:
                told.add(name)
                yield warning(VARIABLE_UNUSED, f"The variable '{name}' is assigned, and nothing reads it", place)


def _assigned_in(block: Block) -> dict[str, JsonPath]:
    """The variables that a block assigns, each with the first place."""
    found: dict[str, JsonPath] = {}
    for state in block.states.values():
        for key, place in _keys(state.assign, (*state.path, "Assign")):
            found.setdefault(_name(key, state.query_language), place)
        for way in block.ways[state.name]:
            if way.by is not None:
                for key, place in _keys(way.by.assign, (*way.by.path, "Assign")):
                    found.setdefault(_name(key, state.query_language), place)
    return found


def _keys(assign: Json, path: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    if isinstance(assign, dict):
        for key in assign:
            yield key, (*path, key)


def _name(key: str, language: QueryLanguage) -> str:
    return key.removesuffix(".$") if language is QueryLanguage.JSONPATH else key


class _Checker(Struct):
    graph: Graph
    texts: dict[JsonPath, list[tuple[str, JsonPath]]]
    numbers: dict[str, int]
    found: list[Diagnostic] = field(default_factory=list)
    suggestions: Suggestions = field(default_factory=Suggestions)

    def block(self, block: Block, at_start: _Assigned) -> None:
        """Follow the ways of a block until nothing changes: `some` only grows, `every` only shrinks."""
        entered: dict[str, _Assigned] = {block.start_at: at_start}
        sources: dict[str, dict[str, int]] = {}
        changed = {block.start_at}
        while changed:
            for name in block.order:
                if name not in changed:
                    continue
                changed.discard(name)
                before, state = entered[name], block.states[name]
                asked = self._asked(state)
                for way in block.ways[name]:
                    made = self._made(state, way)
                    after = _Assigned(before.some | made, before.every | made | asked)
                    from_here = sources.setdefault(way.target, {})
                    from_here[name] = from_here.get(name, -1) & after.every
                    known = entered.get(way.target)
                    joined = after if known is None else _Assigned(known.some | after.some, known.every & after.every)
                    if joined != known:
                        entered[way.target] = joined
                        changed.add(way.target)
        for name in block.order:
            self._report(block.states[name], entered[name], sources)
            self._inner(block.states[name], entered[name])

    def _inner(self, state: model.State, entered: _Assigned) -> None:
        if isinstance(state, model.Map) and is_distributed(state):
            entered = _Assigned(0, 0)
        for branch in inner_branches(state):
            self.block(self.graph.blocks[branch.path], entered)

    def _made(self, state: model.State, way: Way) -> int:
        assign = state.assign if way.by is None else way.by.assign
        if assign is ABSENT or not isinstance(assign, dict):
            return 0
        return reduce(or_, (self.numbers[_name(key, state.query_language)] for key in assign), 0)

    def _asked(self, state: model.State) -> int:
        """The variables that a Choice asks about: they count as assigned behind it."""
        if not isinstance(state, model.Choice):
            return 0
        names: list[str] = []
        for rule in state.choices:
            if state.query_language is QueryLanguage.JSONPATH:
                names += (
                    each.name for path in tests_for_presence(rule.condition) for each in read_jsonpath(path).variables
                )
            else:
                for text, _ in condition_texts(rule.condition):
                    names += (
                        each.name for each in read_expression(text, state.query_language).variables if each.guarded
                    )
        return reduce(or_, (self.numbers.get(name, 0) for name in names), 0)

    def _report(self, state: model.State, entered: _Assigned, sources: dict[str, dict[str, int]]) -> None:
        asked = self._asked_here(state)
        for text, place in self.texts[state.path]:
            for read in read_expression(text, state.query_language).variables:
                if read.guarded or read.name in asked:
                    continue
                bit = self.numbers.get(read.name, 0)
                if not entered.some & bit:
                    self.found.append(self._never(read, place, bit, state.query_language))
                elif not entered.every & bit:
                    self.found.append(_sometimes(read, place, state.name, bit, sources))

    @staticmethod
    def _asked_here(state: model.State) -> set[str]:
        if not isinstance(state, model.Choice) or state.query_language is not QueryLanguage.JSONPATH:
            return set()
        paths = (path for rule in state.choices for path in tests_for_presence(rule.condition))
        return {each.name for path in paths for each in read_jsonpath(path).variables}

    def _never(self, read: VariableRead, place: JsonPath, bit: int, language: QueryLanguage) -> Diagnostic:
        if bit:
            message = f"The variable '{read.name}' is not assigned on any way to this state"
            return warning(VARIABLE_UNASSIGNED, message, place)
        suggestion = self.suggestions.sentence(read.name, self.numbers, prefix="$")
        if read.name == "states" and language is QueryLanguage.JSONPATH:
            suggestion = "JSONPath has `$` for the input and `$$` for the context object"
        if suggestion is None and language is QueryLanguage.JSONATA:
            suggestion = self.suggestions.sentence(read.name, _given_names(), prefix="$")
        return warning(VARIABLE_UNASSIGNED, f"Nothing assigns the variable '{read.name}'", place, suggestion)


def _given_names() -> tuple[str, ...]:
    """The names that every JSONata expression can use."""
    from statemachine.expressions.jsonata.aws import AWS_FUNCTIONS  # JSONPath needs none of JSONata

    return ("states", *AWS_FUNCTIONS)


def _sometimes(
    read: VariableRead, place: JsonPath, name: str, bit: int, sources: dict[str, dict[str, int]]
) -> Diagnostic:
    """With the end of a way on which it is missing: `sources` has, per state, what each state before it assures."""
    via: list[str] = []
    while len(via) < _SHOWN:
        name = next((each for each, assured in sources.get(name, {}).items() if not assured & bit), "")
        if not name or name in via:
            break
        via.append(name)
    message = f"The variable '{read.name}' is not assigned on every way to this state"
    if via:
        message += f": not by way of {' → '.join(repr(each) for each in reversed(via))}"
    return warning(VARIABLE_MAYBE_UNASSIGNED, message, place)
