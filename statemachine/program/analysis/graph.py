"""The ways between the states of one block.

A way is a transition with what is special about it: a Choice rule has its own Assign and Output, a catcher its own
data flow. All analyses go along ways, and all are bounded by their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath


class Way(NamedTuple):
    """A transition. `by` is the rule or the catcher that takes it, None for Next and Default."""

    target: str
    by: model.ChoiceRule | model.Catcher | None


class Block(Struct, frozen=True):
    """A States block: the machine's, a branch's or an item processor's.

    `order` has the states that can be reached, each after all that lead to it but for the ways back of loops;
    `loops` tells whether there are such ways back.
    """

    path: JsonPath
    start_at: str
    states: dict[str, model.State]
    ways: dict[str, tuple[Way, ...]]
    order: tuple[str, ...]
    loops: bool


class Graph(NamedTuple):
    """All blocks of a machine by path, outer before inner."""

    blocks: dict[JsonPath, Block]

    @property
    def top(self) -> Block:
        """The machine's own block."""
        return self.blocks[()]


def build_graph(machine: model.StateMachine) -> Graph:
    """The blocks of a machine."""
    blocks: dict[JsonPath, Block] = {}
    todo: deque[tuple[JsonPath, str, dict[str, model.State]]] = deque([((), machine.start_at, machine.states)])
    while todo:
        path, start_at, states = todo.popleft()
        blocks[path] = _block(path, start_at, states)
        for state in states.values():
            todo.extend((each.path, each.start_at, each.states) for each in inner_branches(state))
    return Graph(blocks)


def inner_branches(state: model.State) -> tuple[model.Branch, ...]:
    """The blocks inside a state."""
    match state:
        case model.Parallel():
            return state.branches
        case model.Map():
            return (state.processor.branch,)
        case _:
            return ()


def with_inner(state: model.State) -> Iterator[model.State]:
    """The state and all states inside it."""
    todo = [state]
    while todo:
        each = todo.pop()
        yield each
        for branch in inner_branches(each):
            todo += branch.states.values()


def is_distributed(state: model.Map) -> bool:
    """Whether the iterations are executions of their own."""
    return state.processor.mode is model.ProcessorMode.DISTRIBUTED


def circles(block: Block) -> list[tuple[str, ...]]:
    """The sets of states that can reach each other, in the order of `order`; empty if nothing leads back.

    Tarjan's algorithm without recursion.
    """
    if not block.loops:
        return []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[tuple[str, ...]] = []
    work: list[tuple[str, Iterator[Way]]] = []

    def open_(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        on_stack.add(name)
        work.append((name, iter(block.ways[name])))

    open_(block.start_at)
    while work:
        name, ways = work[-1]
        for way in ways:
            if way.target not in number:
                open_(way.target)
                break
            if way.target in on_stack:
                lowest[name] = min(lowest[name], number[way.target])
        else:
            work.pop()
            if work:
                lowest[work[-1][0]] = min(lowest[work[-1][0]], lowest[name])
            if lowest[name] == number[name]:
                members = _popped(stack, name)
                on_stack -= members
                if len(members) > 1 or any(way.target == name for way in block.ways[name]):
                    found.append(tuple(each for each in block.order if each in members))
    return found


def _popped(stack: list[str], name: str) -> set[str]:
    """What lies on the stack down to `name`, which is taken off with it."""
    members = set()
    while name not in members:
        members.add(stack.pop())
    return members


def _block(path: JsonPath, start_at: str, states: dict[str, model.State]) -> Block:
    ways = {name: _ways(state) for name, state in states.items()}
    order, loops = _order(start_at, ways)
    return Block(path, start_at, states, ways, order, loops)


def _ways(state: model.State) -> tuple[Way, ...]:
    match state:
        case model.Choice():
            ways = tuple(Way(rule.next, rule) for rule in state.choices)
            return ways if state.default is None else (*ways, Way(state.default, None))
        case model.Task() | model.Parallel() | model.Map():
            caught = tuple(Way(catcher.next, catcher) for catcher in state.catch)
            return caught if state.next is None else (Way(state.next, None), *caught)
        case _:
            return () if state.next is None else (Way(state.next, None),)


def _order(start_at: str, ways: dict[str, tuple[Way, ...]]) -> tuple[tuple[str, ...], bool]:
    """The reverse postorder from the start, and whether a way leads back."""
    done: list[str] = []
    under_way = {start_at}
    seen = {start_at}
    loops = False
    work = [(start_at, iter(ways[start_at]))]
    while work:
        name, rest = work[-1]
        for way in rest:
            if way.target in under_way:
                loops = True
            elif way.target not in seen:
                seen.add(way.target)
                under_way.add(way.target)
                work.append((way.target, iter(ways[way.target])))
                break
        else:
            work.pop()
            under_way.discard(name)
            done.append(name)
    return tuple(reversed(done)), loops
