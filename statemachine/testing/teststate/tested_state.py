"""Which state is tested: one state by itself, or one that `state_name` picks from a whole definition.

Rules (API reference, TestState: definition, stateName; recorded refusals)
- A definition that is one state is checked like a machine whose only state of interest is called ``StateName``; what
  it points to (Next, Default, Catch, Choices, CompensateWith) need not exist.
- With `state_name`, the definition is a machine and is checked whole; the state may be inside of a Parallel or Map.
  The states around it handle its errors.
- The first finding that is an error refuses the call with InvalidDefinition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import SourceFormat, load_source, source_of_value
from statemachine.definition.validate import check_definition
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Json, pointer
from statemachine.program.compile import compile_machine
from statemachine.program.load import text_sha256
from statemachine.program.nodes import MapNode, Node, ParallelNode, Program
from statemachine.testing.teststate.request import INVALID_DEFINITION, TestStateError, refused

UNNAMED: Final = "StateName"
"""What AWS calls a state that is tested by itself (fact teststate-execution-is-express-arn)."""


@dataclass(frozen=True, slots=True)
class TestedState:
    """The state, the Parallel and Map states around it (the nearest first), and the program they are in."""

    __test__ = False

    state: model.State
    around: tuple[model.Parallel | model.Map, ...]
    program: Program

    @property
    def node(self) -> Node:
        """The compiled state. Raises DefinitionError if it uses what this release cannot run."""
        found = self.program.nodes.get(pointer(self.state.path))
        if found is None:
            raise DefinitionError(self.program.unsupported)
        return found

    def handlers(self) -> Iterator[ParallelNode | MapNode]:
        """The nodes around the state, the nearest first."""
        for state in self.around:
            node = self.program.nodes.get(pointer(state.path))
            if isinstance(node, ParallelNode | MapNode):
                yield node


def find_tested_state(definition: Json, state_name: str | None) -> TestedState:
    """Check the definition (a value, or JSON text) and find the state. Raises TestStateError."""
    try:
        value = load_source(definition, format=SourceFormat.JSON).value if isinstance(definition, str) else definition
        source = source_of_value(_alone(value) if state_name is None else value)
        machine, found = check_definition(source, schema=False)
    except DefinitionError as error:
        machine, found = None, list(error.diagnostics)
    if machine is not None:
        program, more = compile_machine(machine, text_sha256(source.text))
        found = [*found, *more]
        if program is not None:
            place = _find(machine.states, state_name or UNNAMED, ())
            if place is None:
                raise refused("State not found in definition")
            return TestedState(*place, program)
    raise TestStateError(INVALID_DEFINITION, _first_error(found))


def _first_error(found: list[Diagnostic]) -> str:
    first = next(each for each in found if each.severity is Severity.ERROR)
    place = first.location if first.location is not None else "null"
    return f"Invalid State Machine Definition: '{first.code}: {first.message} at {place}'"


def _alone(state: Json) -> Json:
    """A machine with the one state in it, and a stand-in for every state that it points to."""
    states: dict[str, Json] = {UNNAMED: state}
    for target in _targets(state):
        states.setdefault(target, {"Type": "Succeed"})
    return {"StartAt": UNNAMED, "States": states}


def _targets(state: Json) -> Iterator[str]:
    if not isinstance(state, dict):
        return
    rules = [rule for name in ("Choices", "Catch") if isinstance(state.get(name), list) for rule in state[name]]
    pointing = (
        state.get("Next"),
        state.get("Default"),
        state.get("CompensateWith"),
        *(rule.get("Next") for rule in rules if isinstance(rule, dict)),
    )
    yield from (target for target in pointing if isinstance(target, str) and target)


_Place = tuple[model.State, tuple[model.Parallel | model.Map, ...]]


def _find(states: dict[str, model.State], name: str, around: tuple[model.Parallel | model.Map, ...]) -> _Place | None:
    """A state by its name, at any depth; names are unique in a definition."""
    if name in states:
        return states[name], around
    for state in states.values():
        if not isinstance(state, model.Parallel | model.Map):
            continue
        blocks = [state.processor.branch] if isinstance(state, model.Map) else state.branches
        for block in blocks:
            found = _find(block.states, name, (state, *around))
            if found is not None:
                return found
    return None
