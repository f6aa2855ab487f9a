"""What an execution did so far, for people: its last steps, where it failed, what it undid. From its history.

Rules
- A step is a visit of a state. Only the last ones are kept: a history may be long.
- Where it failed is the innermost state whose failure led to the end, not a compensation that ran afterwards; of one
  that failed again after a redrive, where it failed then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from statemachine.definition import model
from statemachine.definition.source import load_source
from statemachine.definition.validate import check_definition
from statemachine.kernel.history import HistoryEvent
from statemachine.visibility.visits import Visit, Visits

_FAILED = ("Failed", "TimedOut", "FailStateEntered")
_OF_OTHERS = ("Execution", "Map", "Parallel", "Compensation")


@dataclass(frozen=True, slots=True)
class Account:
    """What a history tells."""

    visits: Visits
    steps: tuple[Visit, ...]
    """The last ones, in the order in which they were entered."""
    total: int
    """How many steps there were."""
    failed_in: Visit | None
    """The state in which the execution failed, if it has."""
    compensated: int
    """Compensations that have succeeded."""
    last: HistoryEvent | None


def account_of(history: Iterable[HistoryEvent], *, steps: int) -> Account:
    """The account of a history, with so many steps."""
    visits = Visits()
    kept: deque[Visit] = deque(maxlen=steps)
    total = compensated = 0
    leaf: Visit | None = None
    failed_in: Visit | None = None
    event: HistoryEvent | None = None
    for event in history:
        kind = event.type
        visit = visits.add(event)
        if visit is not None and kind.endswith("StateEntered"):
            kept.append(visit)
            total += 1
        if kind == "CompensationSucceeded":
            compensated += 1
        elif kind == "ExecutionFailed":
            failed_in = _innermost(leaf, visit)
        elif kind == "ExecutionRedriven":
            failed_in = None
        if visit is not None and not visit.compensates and kind.endswith(_FAILED) and not kind.startswith(_OF_OTHERS):
            leaf = visit
    return Account(visits, tuple(kept), total, failed_in, compensated, event)


def _innermost(leaf: Visit | None, outer: Visit | None) -> Visit | None:
    """The state that failed last, if that failed `outer`, the state whose failure ended the execution."""
    if leaf is not None and leaf.exited:
        leaf = None  # a catcher took its failure
    above = leaf
    while above is not None and outer is not None and above is not outer:
        above = above.parent
    return outer if above is None else leaf


def line_of_state(definition: str, name: str) -> int | None:
    """The line of a definition's text where a state begins; None if it has no such state."""
    source = load_source(definition)
    machine, _ = check_definition(source)
    if machine is None:
        return None
    for state in _states(machine.states):
        if state.name == name:
            return source.position(state.path, key=True).line
    return None


def _states(states: dict[str, model.State]) -> Iterator[model.State]:
    for state in states.values():
        yield state
        match state:
            case model.Parallel():
                for branch in state.branches:
                    yield from _states(branch.states)
            case model.Map():
                yield from _states(state.processor.branch.states)
            case _:
                pass
