"""The pipeline from a source to a model and findings, and the rules on the graph of states.

Rules
- Layers: syntax (`load_source` has done it), JSON Schema, structure and model, graph. A later layer of the language,
  such as paths or data flow, is one more function from the definition to findings.
- One fault, one finding. The schema layer says only what `structure` has not said about the same place; a state that
  leads nowhere because its Next is misspelt makes nothing unreachable.
- A transition stays in its States block (states-language.net, "Parallel State"). AWS's codes, messages and places:
  facts validate-missing-next-target, validate-unreachable-state, validate-no-terminal-state. AWS says `Missing 'Next'
  target` for StartAt, Default, Choices and Catch as well, and of a chain of unreachable states only names the first.
- The graph rules read the value, not the model, so that they also speak where something else is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath, Position, Severity
from statemachine.definition.fields import FLOW_TYPES, STATE_TYPES, TERMINAL_TYPES
from statemachine.definition.model import StateMachine
from statemachine.definition.parse import parse_definition
from statemachine.definition.source import Source
from statemachine.definition.structure import closest
from statemachine.jsonvalue import Json
from statemachine.limits import AWS_LIMITS

MISSING_TRANSITION_TARGET: Final = "MISSING_TRANSITION_TARGET"
MISSING_END_STATE: Final = "MISSING_END_STATE"
DUPLICATE_STATE_NAME: Final = "DUPLICATE_STATE_NAME"
DUPLICATE_LABEL_NAME: Final = "DUPLICATE_LABEL_NAME"


def check_definition(
    source: Source, *, schema: bool = True, express: bool = False
) -> tuple[StateMachine | None, list[Diagnostic]]:
    """The model of a definition, and all findings with their positions, in the order of the text.

    There is a model if no finding is an ERROR. Without `schema` the JSON Schema layer, which refuses nothing that the
    other layers do not also refuse, is left out, and with it the time to import it. With `express` the rules for
    Express machines are added.
    """
    machine, found = parse_definition(source.value)
    if schema:
        from statemachine.definition.schema import check_schema

        found += _unsaid(check_schema(source.value), found)
    found += validate_graph(source.value)
    if express:
        found += validate_express(source.value)
    located = [each.at(_position(source, each), source.file) for each in found]
    located.sort(key=_order)
    if any(each.severity is Severity.ERROR for each in located):
        machine = None
    return machine, located


def _order(found: Diagnostic) -> tuple[int, int]:
    return (found.position.line, found.position.column) if found.position else (0, 0)


def _position(source: Source, found: Diagnostic) -> Position:
    """A fault of an object is shown at the object's key, a fault of a plain value at the value."""
    if found.place is not None:
        return source.position(found.place, key=True)
    path = found.path or ()
    return source.position(path, key=isinstance(_at(source.value, path), dict | list))


def _at(value: Json, path: JsonPath) -> Json:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _unsaid(found: list[Diagnostic], said: list[Diagnostic]) -> list[Diagnostic]:
    """The findings about places that no other finding is about, nor about what is around or inside them."""
    places = [each.place or each.path or () for each in said]

    def is_said(path: JsonPath) -> bool:
        return any(place[: len(path)] == path[: len(place)] for place in places)

    return [each for each in found if not is_said(each.place or each.path or ())]


# --- the graph --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Node:
    path: JsonPath
    transitions: tuple[tuple[JsonPath, str], ...]
    """Where each target is written, and its name."""
    is_terminal: bool
    is_known: bool
    """Whether all its transitions are known: its Type is one, and what its Type needs is there."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """One States block: transitions stay inside."""

    path: JsonPath
    start_at: str | None
    nodes: Mapping[str, _Node]

    @property
    def is_known(self) -> bool:
        return self.start_at is not None and all(node.is_known for node in self.nodes.values())


def validate_graph(value: Json) -> list[Diagnostic]:
    """What is wrong with the states' names and with the ways between them, in every block."""
    found: list[Diagnostic] = []
    names: dict[str, JsonPath] = {}
    labels: dict[str, JsonPath] = {}
    for block, path in _blocks(value):
        scope = _scope(block, path)
        for name, node in scope.nodes.items():
            if name in names:
                message = f"Duplicate State name: {name}"
                found.append(Diagnostic(DUPLICATE_STATE_NAME, message, node.path, place=node.path))
            names.setdefault(name, node.path)
            state = block["States"][name]
            label = state.get("Label") if isinstance(state, dict) and state.get("Type") == "Map" else None
            if isinstance(label, str):
                if label in labels:
                    message = f"Duplicate Label name: {label}"
                    found.append(Diagnostic(DUPLICATE_LABEL_NAME, message, (*node.path, "Label")))
                labels.setdefault(label, node.path)
        if scope.nodes:
            found += _missing_targets(scope)
            found += _ends(scope) or _unreachable(scope)
    return found


def validate_express(value: Json) -> list[Diagnostic]:
    """What an Express machine may not do (facts validate-express-*)."""
    found = []
    for block, path in _blocks(value):
        for name, state in block["States"].items():
            resource = state.get("Resource") if isinstance(state, dict) else None
            if not isinstance(resource, str) or state.get("Type") != "Task":
                continue
            message = None
            if resource.endswith(".waitForTaskToken"):
                message = "Express state machine does not support '.waitForTaskToken' service integration "
            elif resource.endswith((".sync", ".sync:2")):
                message = "Express state machine does not support '.sync' service integration"
            elif resource.startswith("arn:") and ":activity:" in resource:
                message = "Express state machine does not support Activity ARN"
            if message:
                place = (*path, "States", name, "Resource")
                found.append(Diagnostic(SCHEMA_VALIDATION_FAILED, message, place))
    return found


def _blocks(value: Json) -> Iterator[tuple[dict[str, Json], JsonPath]]:
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
        is_known = isinstance(rules, list)
        places += _next_of_each(rules, (*path, "Choices"))
        places.append(((*path, "Default"), state.get("Default")))
    places += _next_of_each(state.get("Catch"), (*path, "Catch"))
    # A rule or catcher without its Next leads nobody knows where; an absent Next or Default is no transition.
    is_known = is_known and all(isinstance(target, str) for place, target in places if len(place) > len(path) + 1)
    transitions = tuple((place, target) for place, target in places if isinstance(target, str))
    return _Node(path, transitions, is_terminal, is_known)


def _next_of_each(rules: Json, path: JsonPath) -> list[tuple[JsonPath, Json]]:
    if not isinstance(rules, list):
        return []
    return [
        ((*path, index, "Next"), rule.get("Next") if isinstance(rule, dict) else None)
        for index, rule in enumerate(rules)
    ]


def _missing_targets(scope: _Scope) -> list[Diagnostic]:
    places = [((*scope.path, "StartAt"), scope.start_at)] if scope.start_at is not None else []
    for node in scope.nodes.values():
        places += node.transitions
    return [
        Diagnostic(
            MISSING_TRANSITION_TARGET, f"Missing 'Next' target: {target}", place, suggestion=_meant(target, scope)
        )
        for place, target in places
        if target not in scope.nodes
    ]


def _meant(target: str, scope: _Scope) -> str | None:
    name = closest(target, scope.nodes)
    return f"did you mean `{name}`?" if name else None


def _ends(scope: _Scope) -> list[Diagnostic]:
    if not scope.is_known or any(node.is_terminal for node in scope.nodes.values()):
        return []
    place = (*scope.path, "States")
    return [Diagnostic(MISSING_END_STATE, "Workflow has no terminal state", scope.path or None, place=place)]


def _unreachable(scope: _Scope) -> list[Diagnostic]:
    """The states to which nothing leads: of a chain the first, of a circle the first in the text."""
    if not scope.is_known or scope.start_at is None:
        return []
    reached: set[str] = set()
    _reach(scope, scope.start_at, reached)
    lost = [name for name in scope.nodes if name not in reached]
    entered = {target for name in lost for _, target in scope.nodes[name].transitions if target != name}
    found = []
    for name in [*(name for name in lost if name not in entered), *lost]:
        if name not in reached:
            _reach(scope, name, reached)
            path = scope.nodes[name].path
            found.append(Diagnostic(MISSING_TRANSITION_TARGET, f'State "{name}" is not reachable.', path, place=path))
    return found


def _reach(scope: _Scope, name: str, reached: set[str]) -> None:
    todo = [name]
    while todo:
        name = todo.pop()
        if name in scope.nodes and name not in reached:
            reached.add(name)
            todo += (target for _, target in scope.nodes[name].transitions)
