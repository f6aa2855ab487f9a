"""Documents: fields that are read and that no way produces, and payloads that are too large.

An abstract interpretation over shapes: what a state's input can have at most is followed through its data flow and
along its ways, until nothing changes. The execution's input and what tasks return are open; literals, templates,
ResultSelector, ResultPath and error outputs are not.
Rules
- A finding is certain: a definite path into a shape that lacks the member, whatever way was taken. What follows from it
  is open, so that one fault gives one finding.
- A Choice may ask for what is not there with IsPresent; in JSONata a path that is only a part of an expression may be
  undefined. Neither is a fault.
- The order of evaluation is that of `program.dataflow` and `program.jsonata`.
- The last evaluation of a state decides what is found in it: it sees the join of all ways. Inner blocks are evaluated
  with their state.
- Bounded by `WORK`; a definition that needs more is not analysed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Note
from statemachine.definition.model import QueryLanguage
from statemachine.definition.structure import is_expression
from statemachine.definition.suggestions import Suggestions
from statemachine.jsonvalue import Json
from statemachine.limits import AWS_LIMITS
from statemachine.program.analysis.findings import warning
from statemachine.program.analysis.forms import Form, Known, Made, Range, Root, Select, read_expression
from statemachine.program.analysis.graph import Block, Graph, Way
from statemachine.program.analysis.shapes import (
    EMPTY_OBJECT,
    LOST,
    OPEN,
    SCALAR,
    Budget,
    ExhaustedError,
    Shape,
    array_of,
    follow,
    join,
    made_object,
    scalar,
)

FIELD_NOT_PRODUCED: Final = "SM_FIELD_NOT_PRODUCED"
PAYLOAD_TOO_LARGE: Final = "SM_PAYLOAD_TOO_LARGE"
PAYLOAD_NEAR_LIMIT: Final = "SM_PAYLOAD_NEAR_LIMIT"

WORK: Final = 50_000
"""Nodes of shapes and templates that one analysis looks at."""
VARIABLES_PER_NODE: Final = 20
"""Variables that are passed on for the work of one node."""
_NO_RESULT: Final = "The path '{}' leads nowhere: only Output and Assign of a Task, Parallel or Map have a result"
_SHOWN: Final = 5
"""Members that a message names."""
_NEAR: Final = 0.9
"""The part of AWS's limit from which on a payload is near it."""

Variables = Mapping[str, Shape]


class Entry(NamedTuple):
    """What a state sees: its input and the variables. A variable that is not listed is open."""

    input: Shape
    variables: Variables


class Exits(NamedTuple):
    """What a state leaves behind: the entry at the end of each of its ways, and its output if it ends its block."""

    ways: list[Entry]
    output: Shape | None


class Flow(Protocol):
    """The data flow of a query language."""

    def __call__(self, run: Interpreter, state: model.State, entry: Entry, ways: tuple[Way, ...]) -> Exits: ...


class Scene(Struct, frozen=True):
    """What expressions of one field read: the document for ``$``, and the parts of ``$states``."""

    language: QueryLanguage
    roots: Mapping[Root, Shape]
    variables: Variables

    @property
    def maps(self) -> bool:
        """Whether a name that is applied to an array is applied to its elements."""
        return self.language is QueryLanguage.JSONATA

    def shape(self, select: Select) -> Shape:
        """What a path starts from."""
        if select.root is Root.VARIABLE:
            return self.variables.get(select.variable or "", OPEN)
        return self.roots.get(select.root, OPEN)


class Interpreter(Struct):
    """The analysis and its results."""

    graph: Graph
    flows: Mapping[QueryLanguage, Flow]
    budget: Budget = field(default_factory=lambda: Budget(WORK))
    found: dict[JsonPath, list[Diagnostic]] = field(default_factory=dict)
    """By state: what the last evaluation found."""
    leaving: dict[tuple[JsonPath, int], Entry] = field(default_factory=dict)
    """What is passed on by each way out of a state, by the state and the way's number."""
    lengths: dict[JsonPath, int | None] = field(default_factory=dict)
    """By Map: the number of its items, if it is known."""
    _inner: dict[JsonPath, tuple[Entry, Shape]] = field(default_factory=dict)
    """The last evaluation of each inner block: its entry and its output."""
    _here: list[Diagnostic] = field(default_factory=list)
    _suggestions: Suggestions = field(default_factory=Suggestions)

    def run(self) -> None:
        """Evaluate the machine. There is no result if that is too much work."""
        try:
            self._block(self.graph.top, Entry(OPEN, {}))
        except ExhaustedError:
            self.leaving.clear()
            self.lengths.clear()
            self.found.clear()

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _block(self, block: Block, entry: Entry) -> Shape:
        """Evaluate a block to its fixed point. Returns the shape of its output."""
        entries = {block.start_at: entry}
        changed = {block.start_at}
        outputs: dict[str, Shape] = {}
        while changed:
            for name in block.order:
                if name in changed:
                    changed.discard(name)
                    self._visit(block, block.states[name], entries, changed, outputs)
        output: Shape | None = None
        for each in outputs.values():
            output = each if output is None else join(output, each, self.budget)
        return OPEN if output is None else output

    def _visit(
        self,
        block: Block,
        state: model.State,
        entries: dict[str, Entry],
        changed: set[str],
        outputs: dict[str, Shape],
    ) -> None:
        """Evaluate one state and pass on what it leads to."""
        outer, self._here = self._here, []
        self.budget.take()
        ways = block.ways[state.name]
        exits = self.flows[state.query_language](self, state, entries[state.name], ways)
        for number, (way, after) in enumerate(zip(ways, exits.ways, strict=True)):
            if block.loops:
                self.leaving[state.path, number] = after
            known = entries.get(way.target)
            joined = after if known is None else self._joined(known, after)
            if joined is not known:
                entries[way.target] = joined
                changed.add(way.target)
        if exits.output is not None:
            outputs[state.name] = exits.output
        self.found[state.path] = self._here
        self._here = outer

    def _joined(self, known: Entry, other: Entry) -> Entry:
        input = join(known.input, other.input, self.budget)
        variables = known.variables
        if variables is not other.variables:
            self.budget.take(len(other.variables) // VARIABLES_PER_NODE)
            added = {}
            for name, shape in other.variables.items():
                mine = variables.get(name)
                joined = shape if mine is None else join(mine, shape, self.budget)
                if joined is not mine:
                    added[name] = joined
            if added:
                variables = {**variables, **added}
        return known if input is known.input and variables is known.variables else Entry(input, variables)

    def inner(self, branch: model.Branch, entry: Entry) -> Shape:
        """The output of a block inside a state, for one entry."""
        last = self._inner.get(branch.path)
        if last is not None and last[0].input is entry.input and last[0].variables is entry.variables:
            return last[1]
        output = self._block(self.graph.blocks[branch.path], entry)
        self._inner[branch.path] = (entry, output)
        return output

    # --- expressions --------------------------------------------------------------------------------------------------

    def template(self, value: Json, place: JsonPath, scene: Scene) -> Shape:
        """What a payload template, or a value with JSONata expressions, makes."""
        self.budget.take()
        if isinstance(value, dict):
            if scene.language is QueryLanguage.JSONATA:
                return made_object({key: self.template(each, (*place, key), scene) for key, each in value.items()})
            members = {}
            for key, each in value.items():
                if key.endswith(".$"):
                    members[key[:-2]] = self.expression(each, (*place, key), scene)
                else:
                    members[key] = self.template(each, (*place, key), scene)
            return made_object(members)
        if isinstance(value, list):
            return self._array(value, place, scene)
        if scene.language is QueryLanguage.JSONATA and is_expression(value):
            return self.expression(value, place, scene)
        return scalar(value)

    def _array(self, value: list[Json], place: JsonPath, scene: Scene) -> Shape:
        shapes = [self.template(each, (*place, index), scene) for index, each in enumerate(value)]
        element: Shape | None = None
        for each in shapes:
            element = each if element is None else join(element, each, self.budget)
        return array_of(element, len(shapes), 1 + len(shapes) + sum(each.size for each in shapes) if shapes else 2)

    def expression(self, text: Json, place: JsonPath, scene: Scene) -> Shape:
        """What an expression gives, with a finding for each path of it that leads nowhere."""
        if not isinstance(text, str):
            return OPEN
        reading = read_expression(text, scene.language)
        is_lost = False
        for select in reading.reads:
            is_lost = self.selected(select, place, scene) is None or is_lost
        return OPEN if is_lost else self._form(reading.form, scene)

    def path(self, text: str | None, place: JsonPath, scene: Scene) -> Shape:
        """What InputPath, OutputPath or ItemsPath gives: null is an empty object."""
        if text is None:
            return EMPTY_OBJECT
        return scene.roots[Root.DOCUMENT] if text == "$" else self.expression(text, place, scene)

    def _form(self, form: Form, scene: Scene) -> Shape:
        match form:
            case Select():
                found, _ = follow(scene.shape(form), form.steps, maps=scene.maps)
                return OPEN if found is LOST else found
            case Made(members=members):
                return made_object({name: self._form(each, scene) for name, each in members}, size=2)
            case Known(value=value):
                return scalar(value)
            case Range(length=length):
                return array_of(SCALAR, length)
            case _:
                return OPEN

    def selected(self, select: Select, place: JsonPath, scene: Scene, asked: tuple[Select, ...] = ()) -> Shape | None:
        """What a path leads to; None if it leads nowhere, with a finding unless it is among the paths asked for."""
        if select.root is Root.RESULT and Root.RESULT not in scene.roots:
            self._report_lost(warning(FIELD_NOT_PRODUCED, _NO_RESULT.format(select.text), place))
            return None
        shape = scene.shape(select)
        found, number = follow(shape, select.steps, maps=scene.maps)
        if found is not LOST:
            return found
        until = select.steps[: number + 1]
        self.budget.take(len(asked))
        if not any(each.variable == select.variable and each.steps[: number + 1] == until for each in asked):
            self._report_lost(_lost(select, number, shape, place, self._suggestions))
        return None

    def _report_lost(self, lost: Diagnostic) -> None:
        """Report a path once in a state; the other places that read it are notes."""
        for index, known in enumerate(self._here):
            if known.message == lost.message:
                if known.path != lost.path:
                    note = Note("it is also read here", lost.path)
                    self._here[index] = replace(known, notes=(*known.notes, note))
                return
        self._here.append(lost)

    def payload(self, shape: Shape, before: Shape, place: JsonPath, what: str) -> None:
        """Report a payload that the limit refuses, or nearly; once, where it becomes so large."""
        limit = AWS_LIMITS.payload_bytes or 0
        if shape.size <= limit * _NEAR or before.size > limit * _NEAR:
            return
        if shape.size > limit:
            message = f"{what} has at least {shape.size:,} bytes, and {limit:,} are allowed"
            self._here.append(warning(PAYLOAD_TOO_LARGE, message, place))
        else:
            message = f"{what} has at least {shape.size:,} of the {limit:,} bytes allowed"
            self._here.append(warning(PAYLOAD_NEAR_LIMIT, message, place))


def _lost(select: Select, number: int, shape: Shape, place: JsonPath, suggestions: Suggestions) -> Diagnostic:
    """The finding for a path that leads nowhere at its step `number`."""
    parent, _ = follow(shape, select.steps[:number])
    step = select.steps[number]
    names = parent.members if isinstance(parent, Shape) else {}
    if isinstance(step, int):
        reason = f"there is no element {step}"
    elif names:
        reason = f"on every way there are only {_listed(list(names))}, and no '{step}'"
    else:
        reason = f"on every way it looks for '{step}' in something that has no members"
    suggestion = suggestions.sentence(step, names) if isinstance(step, str) else None
    return warning(FIELD_NOT_PRODUCED, f"The path '{select.text}' leads nowhere: {reason}", place, suggestion)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
