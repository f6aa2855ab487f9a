"""Where the states of a definition stand in its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.source import Source, load_source
from statemachine.definition.validate import check_definition
from statemachine.program.load import LoadedDefinition


@dataclass(frozen=True, slots=True)
class Places:
    """A definition's model with its source."""

    machine: model.StateMachine
    source: Source = field(repr=False)
    states: dict[str, model.State] = field(repr=False)
    """All states by name, those inside Parallel and Map included, in the order of the definition."""

    def line(self, path: JsonPath, *, key: bool = True) -> int:
        """The line of what stands at a path."""
        return self.source.position(path, key=key).line

    def of_state(self, name: str) -> str | None:
        """``file:line`` of a state."""
        state = self.states.get(name)
        return None if state is None else f"{self.source.file or '<definition>'}:{self.line(state.path)}"


def places_of(loaded: LoadedDefinition) -> Places | None:
    """The places of a definition; None for one that runs but is not wholly sound."""
    return _places(loaded.text, loaded.file)


@lru_cache(maxsize=64)
def _places(text: str, file: str | None) -> Places | None:
    source = load_source(text, file=file)
    machine, _ = check_definition(source)
    if machine is None:
        return None
    return Places(machine, source, {state.name: state for state in _walk(machine.states)})


def _walk(states: dict[str, model.State]) -> Iterator[model.State]:
    """A block's states, each before those inside it. A definition's depth is bounded, so is the recursion."""
    for state in states.values():
        yield state
        if isinstance(state, model.Parallel):
            for branch in state.branches:
                yield from _walk(branch.states)
        elif isinstance(state, model.Map):
            yield from _walk(state.processor.branch.states)
