"""The graph of a definition: states, transitions between them, and blocks within Parallel and Map states.

Rules
- States are named as in the definition; their names are unique in a machine (facts validate-*), so they are the nodes.
- Transitions stand in the order of the definition: Next, Choice rules, Default, catchers, then the extension's
  compensations.
- A block is a branch of a Parallel or the processor of a Map; its states belong to the state that runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from statemachine.definition import model
from statemachine.jsonvalue import encode_json

MAX_LABEL = 40
"""Characters of a label's text; longer ones are cut."""


class Reason(Enum):
    """Why a transition is taken."""

    NEXT = "next"
    RULE = "rule"
    DEFAULT = "default"
    CATCH = "catch"
    COMPENSATION = "compensation"
    """Extension: not a transition, but where the path begins that undoes the state."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from a state to another of the same block."""

    source: str
    target: str
    reason: Reason
    label: str = ""
    """The condition or the errors, shortened."""


@dataclass(frozen=True, slots=True)
class Node:
    """One state, with the blocks that it runs."""

    name: str
    kind: str
    """The state's type."""
    terminal: bool
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """One States block."""

    start_at: str
    nodes: tuple[Node, ...]
    transitions: tuple[Transition, ...]

    def walk(self) -> Iterator[Block]:
        """This block and all inside it, outer before inner."""
        yield self
        for node in self.nodes:
            for block in node.blocks:
                yield from block.walk()


def graph_of(machine: model.StateMachine) -> Block:
    """The graph of a machine. A definition's depth is bounded, so is the recursion."""
    return _block(machine.start_at, machine.states)


def _block(start_at: str, states: dict[str, model.State]) -> Block:
    transitions = [each for state in states.values() for each in _transitions(state)]
    return Block(start_at, tuple(map(_node, states.values())), tuple(transitions))


def _node(state: model.State) -> Node:
    branches: tuple[model.Branch, ...] = ()
    match state:
        case model.Parallel():
            branches = state.branches
        case model.Map():
            branches = (state.processor.branch,)
        case _:
            pass
    terminal = state.end or isinstance(state, model.Succeed | model.Fail)
    blocks = tuple(_block(branch.start_at, branch.states) for branch in branches)
    return Node(state.name, type(state).__name__, terminal, blocks)


def _transitions(state: model.State) -> Iterator[Transition]:
    if state.next is not None:
        yield Transition(state.name, state.next, Reason.NEXT)
    match state:
        case model.Choice():
            for rule in state.choices:
                yield Transition(state.name, rule.next, Reason.RULE, _cut(condition_text(rule.condition)))
            if state.default is not None:
                yield Transition(state.name, state.default, Reason.DEFAULT)
        case model.Task() | model.Parallel() | model.Map():
            for catcher in state.catch:
                yield Transition(state.name, catcher.next, Reason.CATCH, _cut(", ".join(catcher.error_equals)))
            if state.compensate_with is not None:
                yield Transition(state.name, state.compensate_with, Reason.COMPENSATION)
        case _:
            pass


_SIGNS = {
    "LessThanEquals": "<=",
    "GreaterThanEquals": ">=",
    "LessThan": "<",
    "GreaterThan": ">",
    "Equals": "=",
    "Matches": "matches",
}
"""Endings of operators, the longer before what they end in."""
_TESTS = {"IsNull": "null", "IsPresent": "present", "IsNumeric": "a number", "IsString": "a string",
          "IsBoolean": "a boolean", "IsTimestamp": "a timestamp"}  # fmt: skip


def condition_text(condition: model.ChoiceCondition) -> str:
    """A rule's condition as people write it: ``$.total > 100 and not $.paid = true``."""
    match condition:
        case model.Comparison():
            return _comparison_text(condition)
        case model.And(rules=rules):
            return " and ".join(_inner_text(rule) for rule in rules)
        case model.Or(rules=rules):
            return " or ".join(_inner_text(rule) for rule in rules)
        case model.Not(rule=rule):
            return f"not {_inner_text(rule)}"
        case model.JsonataCondition(expression=expression):
            return expression[2:-2].strip() if isinstance(expression, str) else str(expression).lower()


def _inner_text(condition: model.ChoiceCondition) -> str:
    text = condition_text(condition)
    return f"({text})" if isinstance(condition, model.And | model.Or) else text


def _comparison_text(condition: model.Comparison) -> str:
    operator, operand = condition.operator, condition.operand
    if operator in _TESTS:
        return f"{condition.variable} is {'' if operand else 'not '}{_TESTS[operator]}"
    of_path = operator.endswith("Path")
    name = operator.removesuffix("Path")
    sign = next((sign for ending, sign in _SIGNS.items() if name.endswith(ending)), name)
    value = operand if of_path and isinstance(operand, str) else encode_json(operand).decode()
    return f"{condition.variable} {sign} {value}"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"
