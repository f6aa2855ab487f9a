"""Executions that reach the 25,000 events of a Standard execution's history, and loops without an end.

Only what is sure is said:
- a circle of states that no way leaves but the failure of one of them;
- a circle that only one Choice leaves, by comparing a number with a literal, where the number starts from a literal and
  only one state of the circle changes it, by a literal step;
- a Map over a known number of items; a Retry whose attempts alone fill the history.

Events are counted from below: a state has at least its entered and exited events, a task its scheduled, started and
succeeded ones too, a block its cheapest way from start to end (developer guide, "Quotas"; recorded histories). What is
inside a distributed Map counts in histories of its own.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.jsonvalue import Json, is_number
from statemachine.limits import AWS_LIMITS
from statemachine.program.analysis.findings import warning
from statemachine.program.analysis.forms import Comparison, Root, Select, Sum, read_expression, read_jsonpath
from statemachine.program.analysis.graph import Block, Graph, Way, circles, is_distributed
from statemachine.program.analysis.interpreter import Interpreter

ENDLESS_LOOP: Final = "SM_ENDLESS_LOOP"
HISTORY_LIMIT: Final = "SM_HISTORY_LIMIT"

EVENTS: Final = AWS_LIMITS.history_events or 25_000
_ATTEMPT_EVENTS: Final = 2
"""Of one failed attempt, at least: scheduled and failed."""
_ITERATION_EVENTS: Final = 2
"""MapIterationStarted and MapIterationSucceeded."""
_STATE_EVENTS: Final[Mapping[type, int]] = {
    model.Pass: 2,
    model.Choice: 2,
    model.Wait: 2,
    model.Succeed: 2,
    model.Fail: 1,
    model.Task: 5,
    model.Parallel: 4,
    model.Map: 4,
}

_Count = tuple[Select, str, float]
"""A number, and how it compares with a literal on the ways that stay: relation and literal."""


def check_histories(graph: Graph, documents: Interpreter) -> Iterator[Diagnostic]:
    """All findings about the lengths of histories."""
    events = _Events(graph, documents)
    for block in graph.blocks.values():
        for state in block.states.values():
            if isinstance(state, model.Task | model.Parallel | model.Map):
                yield from _retries(state)
            if isinstance(state, model.Map):
                yield from _items(state, events)
        for circle in circles(block):
            yield from _circle(block, circle, events, documents)


def _retries(state: model.Task | model.Parallel | model.Map) -> Iterator[Diagnostic]:
    for retrier in state.retry:
        if retrier.max_attempts * _ATTEMPT_EVENTS > EVENTS:
            message = (
                f"{retrier.max_attempts:,} attempts are never made: the history is full after "
                f"{EVENTS:,} events, and the execution fails then, past every Catch"
            )
            yield warning(HISTORY_LIMIT, message, (*retrier.path, "MaxAttempts"))


def _items(state: model.Map, events: _Events) -> Iterator[Diagnostic]:
    length = events.length(state)
    if not length:
        return
    total = events.of_state(state)
    if total > EVENTS >= events.of_inner(state):
        message = (
            f"The {length:,} iterations of this inline Map make at least {total:,} events, "
            f"and a history has {EVENTS:,} at most"
        )
        yield warning(HISTORY_LIMIT, message, state.path, "set Mode to DISTRIBUTED in ProcessorConfig")


def _circle(block: Block, circle: tuple[str, ...], events: _Events, documents: Interpreter) -> Iterator[Diagnostic]:
    inside = set(circle)
    ways_out = [
        (name, way)
        for name in circle
        for way in block.ways[name]
        if way.target not in inside and not isinstance(way.by, model.Catcher)
    ]
    caught = any(way.target not in inside for name in circle for way in block.ways[name])
    first = block.states[circle[0]]
    if not ways_out and not caught:
        shown = " → ".join(f"'{name}'" for name in circle[:4])
        more = f" and {len(circle) - 4} more" if len(circle) > 4 else ""
        message = f"No way leads out of the loop {shown}{more}: it goes on until a state fails or the history is full"
        yield warning(ENDLESS_LOOP, message, first.path)
        return
    choosers = {name for name, _ in ways_out}
    if len(choosers) == 1:
        yield from _counted(block, circle, choosers.pop(), events, documents)


def _counted(
    block: Block, circle: tuple[str, ...], chooser: str, events: _Events, documents: Interpreter
) -> Iterator[Diagnostic]:
    """A loop that ends when a number has come far enough."""
    choice = block.states[chooser]
    if not isinstance(choice, model.Choice):
        return
    count = _count(choice, set(circle))
    if count is None:
        return
    select, relation, bound = count
    start = _start(block, circle, select, documents)
    step = _step(block, circle, select.variable or "")
    if start is None or step is None:
        return
    turns = _turns(start, step, relation, bound)
    if turns is None:
        return
    per_turn = events.of_circle(block, chooser, set(circle))
    if per_turn is None:
        return
    total = turns * per_turn
    if total > EVENTS:
        message = (
            f"The loop goes round at least {turns:,} times with at least {per_turn} events each, "
            f"and a history has {EVENTS:,} at most"
        )
        yield warning(HISTORY_LIMIT, message, choice.path)


_OPPOSITE: Final[Mapping[str, str]] = {
    "LessThan": "GreaterThanEquals",
    "LessThanEquals": "GreaterThan",
    "GreaterThan": "LessThanEquals",
    "GreaterThanEquals": "LessThan",
}


def _count(choice: model.Choice, inside: set[str]) -> _Count | None:
    """The comparison that keeps the execution in the loop, if it is the only rule."""
    if len(choice.choices) != 1 or choice.default is None:
        return None
    rule = choice.choices[0]
    found = _comparison(rule.condition)
    if found is None or found.left.root is not Root.VARIABLE or found.left.steps or found.relation not in _OPPOSITE:
        return None
    stays, leaves = rule.next in inside, choice.default in inside
    if stays is leaves:
        return None
    return found.left, found.relation if stays else _OPPOSITE[found.relation], found.right


def _comparison(condition: model.ChoiceCondition) -> Comparison | None:
    match condition:
        case model.Comparison(variable=variable, operator=operator, operand=operand):
            left = read_jsonpath(variable).form
            if isinstance(left, Select) and operator.startswith("Numeric") and is_number(operand):
                return Comparison(left, operator.removeprefix("Numeric"), operand)
        case model.JsonataCondition(expression=str() as text):
            form = read_expression(text, QueryLanguage.JSONATA).form
            if isinstance(form, Comparison):
                return form
        case _:
            pass
    return None


def _start(block: Block, circle: tuple[str, ...], select: Select, documents: Interpreter) -> list[float] | None:
    """The literals from which the number may start: what the ways into the loop bring."""
    inside = set(circle)
    found: list[float] = []
    for name in block.order:
        if name in inside:
            continue
        for number, way in enumerate(block.ways[name]):
            if way.target in inside:
                entry = documents.leaving.get((block.states[name].path, number))
                shape = None if entry is None else entry.variables.get(select.variable or "")
                constant: Json = None if shape is None else shape.constant
                if not is_number(constant):
                    return None
                found.append(constant)
    return found if found and block.start_at not in inside else None


def _step(block: Block, circle: tuple[str, ...], variable: str) -> float | None:
    """By how much one turn changes the number: the only assignment in the loop adds a literal to it."""
    found: float | None = None
    for name in circle:
        state = block.states[name]
        places: list[Json] = [state.assign, *(way.by.assign for way in block.ways[name] if way.by is not None)]
        for assign in places:
            if assign is ABSENT or not isinstance(assign, dict):
                continue
            is_path = state.query_language is QueryLanguage.JSONPATH
            if is_path and variable in assign:
                return None
            text = assign.get(f"{variable}.$" if is_path else variable)
            if text is None:
                continue
            form = read_expression(text, state.query_language).form if isinstance(text, str) else None
            is_sum = isinstance(form, Sum) and form.base.variable == variable and not form.base.steps
            if not is_sum or found is not None or not isinstance(form, Sum):
                return None
            found = form.step
    return found


def _turns(starts: list[float], step: float, relation: str, bound: float) -> int | None:
    """How often the comparison holds at least, starting from the value that is nearest to the bound."""
    if relation.startswith("LessThan"):
        distance = bound - max(starts)
    else:
        distance, step = min(starts) - bound, -step
    if step <= 0 or distance <= 0 or not math.isfinite(distance / step):
        return None
    turns = math.ceil(distance / step)
    return turns + 1 if relation.endswith("Equals") and turns * step == distance else turns


class _Events(Struct):
    """Counts events from below."""

    graph: Graph
    documents: Interpreter
    _blocks: dict[JsonPath, int] = field(default_factory=dict)

    def length(self, state: model.Map) -> int:
        """The number of items of an inline Map, 0 if it is not known."""
        return 0 if is_distributed(state) else self.documents.lengths.get(state.path) or 0

    def of_state(self, state: model.State) -> int:
        """The events of a state that succeeds, with those inside it."""
        own = _STATE_EVENTS[type(state)]
        match state:
            case model.Parallel():
                return own + sum(self.of_block(self.graph.blocks[branch.path]) for branch in state.branches)
            case model.Map() if length := self.length(state):
                return own + length * (_ITERATION_EVENTS + self.of_inner(state))
            case _:
                return own

    def of_inner(self, state: model.Map) -> int:
        """The events of one iteration's states."""
        return self.of_block(self.graph.blocks[state.processor.branch.path])

    def of_block(self, block: Block) -> int:
        """The events of the cheapest way from the start of a block to its end."""
        known = self._blocks.get(block.path)
        if known is None:
            known = self._blocks[block.path] = self._cheapest(block, block.start_at, None, None) or 0
        return known

    def of_circle(self, block: Block, name: str, inside: set[str]) -> int | None:
        """The events of the cheapest turn; None if there is a smaller circle that leaves `name` out."""
        rest = inside - {name}
        if _has_circle(block, rest):
            return None
        return self._cheapest(block, name, name, inside)

    def _cheapest(self, block: Block, start: str, end: str | None, inside: set[str] | None) -> int | None:
        """Dijkstra from a state to the end of the block, or back to a state within a circle."""
        done: set[str] = set()
        queue = [(self.of_state(block.states[start]), start)]
        while queue:
            total, name = heapq.heappop(queue)
            if name in done:
                continue
            done.add(name)
            if end is None and not _goes_on(block, name):
                return total
            for way in block.ways[name]:
                if way.target == end:
                    return total
                if way.target not in done and (inside is None or way.target in inside):
                    heapq.heappush(queue, (total + self.of_state(block.states[way.target]), way.target))
        return None


def _goes_on(block: Block, name: str) -> bool:
    return any(_is_regular(way) for way in block.ways[name])


def _is_regular(way: Way) -> bool:
    return not isinstance(way.by, model.Catcher)


def _has_circle(block: Block, names: set[str]) -> bool:
    """Whether these states alone have a circle: they have none if they can be taken away one after the other."""
    waiting = {name: sum(way.target in names for way in block.ways[name]) for name in names}
    sources: dict[str, list[str]] = {name: [] for name in names}
    for name in sorted(names):
        for way in block.ways[name]:
            if way.target in names:
                sources[way.target].append(name)
    ready = [name for name in sorted(names) if not waiting[name]]
    gone = 0
    while ready:
        gone += 1
        for source in sources[ready.pop()]:
            waiting[source] -= 1
            if not waiting[source]:
                ready.append(source)
    return gone < len(names)
