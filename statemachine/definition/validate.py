"""The pipeline from a source to a model and findings, and the rules on the graph of states.

Rules
- Layers: syntax (`load_source` has done it), structure and model, graph. A later layer of the language, such as paths
  or data flow, is one more function from the definition to findings.
- JSON Schema is a layer on demand (`schema=True`), not part of the pipeline: `structure` is as strict and says more,
  importing jsonschema alone takes longer than all of a file's checks, and so the schemas are never the only ones to
  refuse. The tests hold both against each other.
- One fault, one finding; what follows from it is a note of it: what becomes unreachable, or endless, when a transition
  leads nowhere; where the first of two equal names stands. Notes that AWS reports as findings carry its code.
- A transition stays in its States block (states-language.net, "Parallel State"). AWS's codes, messages and places:
  facts validate-missing-next-target, validate-unreachable-state, validate-no-terminal-state. AWS says `Missing 'Next'
  target` for StartAt, Default, Choices and Catch as well, and of a chain of unreachable states only names the first.
- What is not known yet is no fault: a transition to a placeholder may lead to any state of its block, and a state named
  by one may be any target (see `placeholders`).
- The graph rules read the value, not the model, so that they also speak where something else is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from statemachine.definition.compensation import CompensationRules
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Note, Position
from statemachine.definition.fields import FLOW_TYPES, STATE_TYPES, STATES, TERMINAL_TYPES
from statemachine.definition.model import StateMachine
from statemachine.definition.parse import parse_definition
from statemachine.definition.placeholders import has_placeholder, value_at
from statemachine.definition.source import Source
from statemachine.definition.structure import NotKnown, ignore
from statemachine.definition.suggestions import Suggestions, closest
from statemachine.jsonvalue import Json
from statemachine.limits import AWS_LIMITS

MISSING_TRANSITION_TARGET: Final = "MISSING_TRANSITION_TARGET"
MISSING_END_STATE: Final = "MISSING_END_STATE"
DUPLICATE_STATE_NAME: Final = "DUPLICATE_STATE_NAME"
DUPLICATE_LABEL_NAME: Final = "DUPLICATE_LABEL_NAME"

_LEADING: Final = ("Next", "Default", "Choices", "Catch")
"""The fields of a state that lead to others."""


def check_definition(source: Source, *, schema: bool = False) -> tuple[StateMachine | None, list[Diagnostic]]:
    """The model of a definition, and all findings with their positions, in the order of the text.

    There is a model if no finding keeps the definition from being run. `schema` adds the JSON Schema layer, which
    refuses nothing that the tables do not refuse as well: it is a check on them, and on the files that editors use.
    """
    stand_ins: dict[JsonPath, Json] = {}
    in_graph = validate_graph(source.value, stand_ins.setdefault)
    machine, found = parse_definition(source.value, stand_ins)
    if schema:
        from statemachine.definition.schema import check_schema

        found += [each for each in _unsaid(check_schema(source.value), found) if _is_known(source.value, each)]
    found += in_graph
    if any(each.prevents_running for each in found):
        machine = None
    return machine, locate(source, found)


def locate(source: Source, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, each once and its notes with their positions, in the order of the text."""
    located = []
    for each in found:
        notes = tuple(
            note if note.path is None else replace(note, position=_place(source, note.path)) for note in each.notes
        )
        located.append(replace(each, position=_position(source, each), file=source.file, notes=notes))
    return sorted(dict.fromkeys(located), key=_order)


def _order(found: Diagnostic) -> tuple[int, int]:
    return (found.position.line, found.position.column) if found.position else (0, 0)


def _position(source: Source, found: Diagnostic) -> Position:
    if found.offset is not None:
        return source.inside(found.place or found.path or (), found.offset)
    if found.place is not None:
        return source.position(found.place, key=True)
    return _place(source, found.path or ())


def _place(source: Source, path: JsonPath) -> Position:
    """A fault of an object is shown at the object's key, a fault of a plain value at the value."""
    return source.position(path, key=isinstance(value_at(source.value, path), dict | list))


def _is_known(value: Json, found: Diagnostic) -> bool:
    """Whether the finding is about what is written, and not about what a placeholder will say."""
    there = value_at(value, found.place or found.path or ())
    return not (any(map(has_placeholder, there)) if isinstance(there, dict) else has_placeholder(there))


def _unsaid(found: list[Diagnostic], said: list[Diagnostic]) -> list[Diagnostic]:
    """The findings about places that no other finding is about, nor about what is around or inside them."""
    places = [each.place or each.path or () for each in said]

    def is_said(path: JsonPath) -> bool:
        return any(place[: len(path)] == path[: len(place)] for place in places)

    return [each for each in found if not is_said(each.place or each.path or ())]


# --- the graph --------------------------------------------------------------------------------------------------------


class _Node(Struct, frozen=True):
    path: JsonPath
    transitions: tuple[tuple[JsonPath, str], ...]
    """Where each target is written, and its name."""
    is_terminal: bool
    is_known: bool
    """Whether all its transitions are known: its Type is one, and what its Type needs is there."""
    compensations: tuple[tuple[JsonPath, str], ...] = ()
    """Where CompensateWith is written, and its target."""
    compensating: tuple[JsonPath, ...] = ()
    """Where a catcher's ``"Compensate": true`` is written."""


class _Scope(Struct, frozen=True):
    """One States block: transitions stay inside."""

    path: JsonPath
    start_at: str | None
    nodes: Mapping[str, _Node]
    has_open_names: bool
    """Whether a placeholder leaves open what a state is called."""

    @property
    def targets(self) -> Iterator[tuple[JsonPath, str]]:
        """Each place that names a state of the block, and the name."""
        if self.start_at is not None:
            yield (*self.path, "StartAt"), self.start_at
        for node in self.nodes.values():
            yield from node.transitions
            yield from node.compensations

    @property
    def is_known(self) -> bool:
        return (
            self.start_at is not None
            and all(node.is_known for node in self.nodes.values())
            and not any(self.is_unknown(target) for _, target in self.targets)
        )

    def is_unknown(self, target: str) -> bool:
        """Whether a placeholder leaves open which state it is."""
        return target not in self.nodes and (self.has_open_names or has_placeholder(target))


def validate_graph(value: Json, not_known: NotKnown = ignore) -> list[Diagnostic]:
    """What is wrong with the states' names and with the ways between them, in every block.

    Targets that a placeholder leaves open are reported to `not_known`, each with some state of its block.
    """
    found: list[Diagnostic] = []
    names: dict[str, JsonPath] = {}
    labels: dict[str, JsonPath] = {}
    compensation = CompensationRules()
    suggestions = Suggestions()
    for block, path in blocks(value):
        scope = _scope(block, path)
        for name, node in scope.nodes.items():
            if name in names:
                message = f"Duplicate State name: {name}"
                first = Note("the first state of this name", names[name])
                found.append(Diagnostic(DUPLICATE_STATE_NAME, message, node.path, place=node.path, notes=(first,)))
            names.setdefault(name, node.path)
            state = block["States"][name]
            label = state.get("Label") if isinstance(state, dict) and state.get("Type") == "Map" else None
            if isinstance(label, str):
                if label in labels:
                    message = f"Duplicate Label name: {label}"
                    first = Note("the first Map with this label", labels[label])
                    found.append(Diagnostic(DUPLICATE_LABEL_NAME, message, (*node.path, "Label"), notes=(first,)))
                labels.setdefault(label, (*node.path, "Label"))
        if scope.nodes:
            missing = _missing_targets(scope, not_known, suggestions)
            lost = _ends(scope) or _unreachable(scope)
            found += _with_consequences(scope, missing, lost) if missing else lost
            found += compensation.check(scope)
    return found


def blocks(value: Json) -> Iterator[tuple[dict[str, Json], JsonPath]]:
    """Every object with a States object: the machine, then branches and processors, outer before inner."""
    todo: deque[tuple[Json, JsonPath, int]] = deque([(value, (), 0)])
    while todo:
        block, path, depth = todo.popleft()
        if not isinstance(block, dict) or not isinstance(block.get("States"), dict) or depth > AWS_LIMITS.depth:
            continue
        yield block, path
        for name, state in block["States"].items():
            if not isinstance(state, dict):
                continue
            at = (*path, "States", name)
            branches = state.get("Branches") if state.get("Type") == "Parallel" else None
            if isinstance(branches, list):
                todo.extend((each, (*at, "Branches", index), depth + 1) for index, each in enumerate(branches))
            if state.get("Type") == "Map":
                todo.extend((state.get(key), (*at, key), depth + 1) for key in ("ItemProcessor", "Iterator"))


def _scope(block: dict[str, Json], path: JsonPath) -> _Scope:
    start_at = block.get("StartAt")
    states = block["States"]
    return _Scope(
        path,
        start_at if isinstance(start_at, str) else None,
        {name: _node(state, (*path, "States", name)) for name, state in states.items()},
        has_open_names=any(map(has_placeholder, states)),
    )


def _node(state: Json, path: JsonPath) -> _Node:
    type_name = state.get("Type") if isinstance(state, dict) else None
    if not isinstance(type_name, str):
        return _Node(path, (), is_terminal=False, is_known=False)
    places: list[tuple[JsonPath, Json]] = []
    is_known = type_name in STATE_TYPES
    is_terminal = False
    if type_name in FLOW_TYPES:
        is_terminal = state.get("End") is True
        is_known = is_terminal or isinstance(state.get("Next"), str)
        places.append(((*path, "Next"), state.get("Next")))
    elif type_name in TERMINAL_TYPES:
        is_terminal = True
    elif type_name == "Choice":
        rules = state.get("Choices")
        is_known = isinstance(rules, list) and bool(rules)
        places += _next_of_each(rules, (*path, "Choices"))
        places.append(((*path, "Default"), state.get("Default")))
    places += _next_of_each(state.get("Catch"), (*path, "Catch"))
    # A rule or catcher without its Next leads nobody knows where; an absent Next or Default is no transition.
    is_known = is_known and all(isinstance(target, str) for place, target in places if len(place) > len(path) + 1)
    is_known = is_known and not has_placeholder(state.get("Catch")) and not _misspells_transitions(state, type_name)
    transitions = tuple((place, target) for place, target in places if isinstance(target, str))
    return _Node(path, transitions, is_terminal, is_known, *_compensation(state, type_name, path))


def _compensation(
    state: dict[str, Json], type_name: str, path: JsonPath
) -> tuple[tuple[tuple[JsonPath, str], ...], tuple[JsonPath, ...]]:
    """Where a state says what undoes it, and where a catcher of it wants something undone."""
    shape = STATES.get(type_name)
    if shape is None or "CompensateWith" not in shape.fields:
        return (), ()
    target = state.get("CompensateWith")
    catchers = state.get("Catch")
    places = [
        (*path, "Catch", index, "Compensate")
        for index, each in enumerate(catchers if isinstance(catchers, list) else ())
        if isinstance(each, dict) and each.get("Compensate") is True
    ]
    return (((*path, "CompensateWith"), target),) if isinstance(target, str) else (), tuple(places)


def _misspells_transitions(state: dict[str, Json], type_name: str) -> bool:
    """Whether a field that the state does not have was probably meant to lead somewhere."""
    known = STATES[type_name].fields if type_name in STATES else {}
    return any(key not in known and closest(key, _LEADING) for key in state)


def _next_of_each(rules: Json, path: JsonPath) -> list[tuple[JsonPath, Json]]:
    if not isinstance(rules, list):
        return []
    return [
        ((*path, index, "Next"), rule.get("Next") if isinstance(rule, dict) else None)
        for index, rule in enumerate(rules)
    ]


class _Missing(Struct, frozen=True):
    """A transition that leads nowhere, and the state that was probably meant."""

    found: Diagnostic
    meant: str | None


def _missing_targets(scope: _Scope, not_known: NotKnown, suggestions: Suggestions) -> list[_Missing]:
    missing = []
    for place, target in scope.targets:
        if target in scope.nodes:
            continue
        if scope.is_unknown(target):
            not_known(place, next(iter(scope.nodes)))
        else:
            field = "CompensateWith" if place[-1] == "CompensateWith" else "Next"
            message = f"Missing '{field}' target: {target}"
            meant = suggestions.closest(target, scope.nodes)
            suggestion = f"did you mean `{meant}`?" if meant else None
            found = Diagnostic(MISSING_TRANSITION_TARGET, message, place, suggestion=suggestion)
            missing.append(_Missing(found, meant))
    return missing


def _with_consequences(scope: _Scope, missing: Sequence[_Missing], lost: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The missing targets with what follows from each: of several, from the first one whose likely target leads
    there."""
    notes: list[list[Note]] = [[] for _ in missing]
    owners: dict[str, int] = {}
    for index, each in enumerate(missing):
        if each.meant is not None:
            _reach(scope, each.meant, owners, index)
    for finding in lost:
        owner = owners.get(str(finding.path[-1]), 0) if finding.path else 0
        notes[owner].append(Note(finding.message, finding.path, code=finding.code))
    return [replace(each.found, notes=tuple(follows)) for each, follows in zip(missing, notes, strict=True)]


def _ends(scope: _Scope) -> list[Diagnostic]:
    if not scope.is_known or any(node.is_terminal for node in scope.nodes.values()):
        return []
    return [Diagnostic(MISSING_END_STATE, "Workflow has no terminal state", scope.path or None, place=scope.path)]


def _unreachable(scope: _Scope) -> list[Diagnostic]:
    """The states to which nothing leads: of a chain the first, of a circle the first in the text."""
    if not scope.is_known or scope.start_at is None:
        return []
    reached: dict[str, int] = {}
    _reach(scope, scope.start_at, reached)
    lost = [name for name in scope.nodes if name not in reached]
    entered = {target for name in lost for target in _following(scope.nodes[name]) if target != name}
    found = []
    for name in [*(name for name in lost if name not in entered), *lost]:
        if name not in reached:
            _reach(scope, name, reached)
            path = scope.nodes[name].path
            found.append(Diagnostic(MISSING_TRANSITION_TARGET, f'State "{name}" is not reachable.', path, place=path))
    return found


def _reach(scope: _Scope, name: str, reached: dict[str, int], mark: int = 0) -> None:
    """Mark a state and all that follow, but for those that have been reached before."""
    todo = [name]
    while todo:
        name = todo.pop()
        if name in scope.nodes and name not in reached:
            reached[name] = mark
            todo += _following(scope.nodes[name])


def _following(node: _Node) -> list[str]:
    """The states that are run after this one, or to undo it."""
    return [target for _, target in (*node.transitions, *node.compensations)]
