"""The rules on CompensateWith and Compensate (an extension; docs/compensation.md).

Rules
- A compensation path begins with the target of a CompensateWith, in the same States block, and is what can be reached
  from there. Nothing else leads into it, it does not lead back, and it can end.
- Nothing in it, or in a block inside it, is itself compensated or compensates: a path is run to undo, once.
- A block with a transition that leads nobody knows where is not looked at; that has a finding of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Protocol

from statemachine.definition.diagnostics import Diagnostic, JsonPath

COMPENSATION_PATH: Final = "SM_COMPENSATION_PATH"
COMPENSATION_END: Final = "SM_COMPENSATION_END"
COMPENSATION_NESTED: Final = "SM_COMPENSATION_NESTED"


class Node(Protocol):
    """A state in the graph of its block."""

    @property
    def path(self) -> JsonPath: ...
    @property
    def transitions(self) -> tuple[tuple[JsonPath, str], ...]: ...
    @property
    def compensations(self) -> tuple[tuple[JsonPath, str], ...]:
        """Where CompensateWith is written, and its target."""

    @property
    def compensating(self) -> tuple[JsonPath, ...]:
        """Where a catcher's ``"Compensate": true`` is written."""

    @property
    def is_terminal(self) -> bool: ...


class Block(Protocol):
    """A States block."""

    @property
    def path(self) -> JsonPath: ...
    @property
    def start_at(self) -> str | None: ...
    @property
    def nodes(self) -> Mapping[str, Node]: ...
    @property
    def is_known(self) -> bool: ...


class CompensationRules:
    """Checks block by block, outer ones before those inside them."""

    def __init__(self) -> None:
        self._paths: set[JsonPath] = set()
        """The states that belong to compensation paths."""

    def check(self, block: Block) -> list[Diagnostic]:
        """What is wrong in a block."""
        found = []
        if any(block.path[:length] in self._paths for length in range(len(block.path) + 1)):
            found += list(_nested(block.nodes.values()))
        targets = {target: place for node in block.nodes.values() for place, target in node.compensations}
        start_at = block.start_at
        if not targets or not block.is_known or start_at is None or not {start_at, *targets} <= block.nodes.keys():
            return found
        normal = _reached(block, [start_at])
        paths = _reached(block, [each for each in targets if each not in normal], stop=normal)
        self._paths.update(block.nodes[each].path for each in paths)
        found += _intrusions(block, targets, normal)
        found += _returns(block, paths, normal)
        found += _nested([block.nodes[each] for each in paths])
        ending = _ending(block)
        for target, place in targets.items():
            if target in paths and target not in ending:
                message = f"The compensation path that begins with '{target}' has no terminal state"
                found.append(Diagnostic(COMPENSATION_END, message, place))
        return found


def _reached(block: Block, names: list[str], stop: Collection[str] = ()) -> dict[str, None]:
    """The states that transitions lead to, in an order of their own; those of `stop` are not gone through."""
    reached: dict[str, None] = {}
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in reached and name not in stop:
            reached[name] = None
            todo += [target for _, target in block.nodes[name].transitions if target in block.nodes]
    return reached


def _ending(block: Block) -> set[str]:
    """The states from which transitions lead to a terminal one, and the terminal ones."""
    before: dict[str, list[str]] = {}
    for name, node in block.nodes.items():
        for _, target in node.transitions:
            before.setdefault(target, []).append(name)
    ending: set[str] = set()
    todo = [name for name, node in block.nodes.items() if node.is_terminal]
    while todo:
        name = todo.pop()
        if name not in ending:
            ending.add(name)
            todo += before.get(name, ())
    return ending


def _intrusions(block: Block, targets: Mapping[str, JsonPath], normal: Collection[str]) -> Iterator[Diagnostic]:
    """Transitions of other states to where a compensation path begins."""
    places = [((*block.path, "StartAt"), block.start_at)]
    places += [each for name in normal for each in block.nodes[name].transitions]
    for place, target in places:
        if target in targets:
            message = f"'{target}' begins a compensation path: only CompensateWith leads there"
            yield Diagnostic(COMPENSATION_PATH, message, place)


def _returns(block: Block, paths: Collection[str], normal: Collection[str]) -> Iterator[Diagnostic]:
    for name in paths:
        for place, target in block.nodes[name].transitions:
            if target in normal:
                message = f"'{name}' belongs to a compensation path, which does not lead back to '{target}'"
                yield Diagnostic(COMPENSATION_PATH, message, place)


def _nested(nodes: Collection[Node]) -> Iterator[Diagnostic]:
    for node in nodes:
        for place, _ in node.compensations:
            message = "A state of a compensation path is not itself compensated"
            yield Diagnostic(COMPENSATION_NESTED, message, place)
        for place in node.compensating:
            message = "A catcher of a compensation path has nothing to compensate"
            yield Diagnostic(COMPENSATION_NESTED, message, place)
