"""The one entry: all warnings about a machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.suggestions import Suggestions
from statemachine.program.analysis.choices import check_default
from statemachine.program.analysis.flows import FLOWS
from statemachine.program.analysis.graph import Graph, build_graph
from statemachine.program.analysis.handlers import check_handlers
from statemachine.program.analysis.histories import check_histories
from statemachine.program.analysis.interpreter import Interpreter
from statemachine.program.analysis.timeouts import check_timeout
from statemachine.program.analysis.variables import check_variables

_HARMLESS_STAND_INS: Final = frozenset({"Resource", "TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency"})
"""Fields that do not say where the execution goes nor what its data are."""


def analyse(machine: model.StateMachine, *, express: bool = False) -> list[Diagnostic]:
    """All warnings about a machine without errors, in no order. An `express` execution has no history to fill.

    Where the definition has placeholders, only what does not depend on them is looked at.
    """
    graph = build_graph(machine)
    found = list(_of_states(machine, graph))
    if all(place and place[-1] in _HARMLESS_STAND_INS for place in machine.stand_ins):
        documents = Interpreter(graph, FLOWS)
        documents.run()
        found += chain.from_iterable(documents.found.values())
        found += check_variables(graph)
        if not express:
            found += check_histories(graph, documents)
    return [each for each in found if not _is_stand_in(machine, each.path or ())]


def _of_states(machine: model.StateMachine, graph: Graph) -> Iterator[Diagnostic]:
    suggestions = Suggestions()
    for block in graph.blocks.values():
        for state in block.states.values():
            match state:
                case model.Choice():
                    warned = check_default(state)
                    if warned is not None:
                        yield warned
                case model.Task() | model.Parallel() | model.Map():
                    if state.retry or state.catch:
                        yield from check_handlers(state, suggestions)
                    if isinstance(state, model.Task) and machine.timeout_seconds is None:
                        warned = check_timeout(state)
                        if warned is not None:
                            yield warned
                case _:
                    pass


def _is_stand_in(machine: model.StateMachine, path: JsonPath) -> bool:
    """Whether the place, or what is around or inside it, is a placeholder in the definition."""
    return any(path[: len(each)] == each[: len(path)] for each in machine.stand_ins)
