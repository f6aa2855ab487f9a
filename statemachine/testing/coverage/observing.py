"""What a run reached, found by applying its journal again.

Rules
- The program that is applied is the run's own, but each Choice rule, catcher and data flow tells that it was used. The
  same events lead to the same steps, so what it tells is what happened.
- Retriers are counted in the frames themselves (`Frame.attempts`), which are data: they are looked at after each step.
- What iterations of a distributed Map do is not in the history, but it is here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from statemachine.errors import Failure
from statemachine.expressions.base import Values
from statemachine.jsonvalue import Json
from statemachine.kernel.advance import advance, new_execution
from statemachine.kernel.execution import Execution
from statemachine.kernel.snapshot import decode_event
from statemachine.program.dataflow import CatchFlow, DataFlow, Exit
from statemachine.program.nodes import (
    Address,
    CatcherNode,
    ChoiceNode,
    Condition,
    FailNode,
    MapNode,
    Node,
    ParallelNode,
    Program,
    RuleNode,
    TaskNode,
    WorkNode,
)
from statemachine.testing.virtual import VirtualHost


@dataclass(slots=True)
class Seen:
    """How often things happened, by the state's address; rules, catchers and retriers by address and index."""

    entered: Counter[Address] = field(default_factory=Counter)
    left: Counter[Address] = field(default_factory=Counter)
    """By Next, End or, for a Choice, Default."""
    rules: Counter[tuple[Address, int]] = field(default_factory=Counter)
    """Rules that matched."""
    refused: Counter[tuple[Address, int]] = field(default_factory=Counter)
    """Rules that were asked and did not match."""
    catchers: Counter[tuple[Address, int]] = field(default_factory=Counter)
    retriers: Counter[tuple[Address, int]] = field(default_factory=Counter)
    compensated: Counter[Address] = field(default_factory=Counter)
    """States that were undone, or begun to be."""

    def clear(self) -> None:
        """Forget everything."""
        for name in self.__slots__:
            getattr(self, name).clear()

    def add(self, other: Seen) -> None:
        """Add what another run saw."""
        for name in self.__slots__:
            getattr(self, name).update(getattr(other, name))


class Observer:
    """Finds out what executions of one program reached."""

    def __init__(self, program: Program) -> None:
        self._told = Seen()
        self._program = _observed(program, self._told)
        nodes = program.nodes.values()
        self._retries = any(isinstance(node, WorkNode) and node.retriers for node in nodes)
        self._undoes = any(node.compensate_with is not None for node in nodes)
        self._address = {node.name: address for address, node in program.nodes.items()}

    def observe(self, host: VirtualHost) -> Seen:
        """What one execution reached; its children have hosts of their own."""
        told, execution = self._told, _afresh(host.execution, self._program)
        told.clear()
        attempts: dict[int, tuple[int, ...]] = {}
        compensating: dict[int, None] = {}
        entered: Counter[Address] = Counter()
        for encoded in host.journal:
            step = advance(self._program, execution, decode_event(encoded))
            for event in step.history:
                if event.type.endswith("StateEntered") and event.details:
                    entered[self._address[event.details["name"]]] += 1
                elif event.type == "CompensationScheduled" and event.details:
                    told.compensated[self._address[event.details["state"]]] += 1
            if self._retries:
                _count_retries(execution, told, attempts)
            if self._undoes:
                _count_muted_compensations(execution, told, self._address, compensating)
        seen = Seen()
        seen.add(told)
        # A data flow is asked more than once in a visit: the history counts, where it has the state.
        seen.entered = Counter(dict.fromkeys(told.entered, 1)) | entered
        return seen


def _afresh(ended: Execution, program: Program) -> Execution:
    """The execution before its first event."""
    _, _, _, region, account, *_ = ended.machine_arn.split(":")
    return new_execution(
        program,
        id=ended.id,
        input=ended.input,
        seed=ended.seed,
        machine_name=ended.machine_name,
        role_arn=ended.role_arn,
        account=account,
        region=region,
        limits=ended.limits,
        express=ended.express,
        synchronous=ended.synchronous,
    )


def _count_retries(execution: Execution, seen: Seen, attempts: dict[int, tuple[int, ...]]) -> None:
    for frame in execution.frames.values():
        if frame.attempts:
            before = attempts.get(frame.id, (0,) * len(frame.attempts))
            for index, (count, less) in enumerate(zip(frame.attempts, before, strict=False)):
                if count > less:
                    seen.retriers[frame.address, index] += count - less
            attempts[frame.id] = frame.attempts
        else:
            attempts.pop(frame.id, None)


def _count_muted_compensations(
    execution: Execution, seen: Seen, names: dict[str, Address], known: dict[int, None]
) -> None:
    """Those inside a distributed Map, which no history tells of."""
    for scope in execution.scopes.values():
        if scope.compensating is not None and scope.compensating.muted and scope.id not in known:
            known[scope.id] = None
            seen.compensated[names[scope.compensating.state]] += 1


# -- a program that tells ----------------------------------------------------------------------------------------------


def _observed(program: Program, seen: Seen) -> Program:
    return replace(program, nodes={address: _node(node, seen) for address, node in program.nodes.items()})


def _node(node: Node, seen: Seen) -> Node:
    flow = _Flow(node.flow, _count(seen.entered, node.address), _count(seen.left, node.address))
    match node:
        case ChoiceNode():
            rules = tuple(_rule(rule, node.address, index, seen) for index, rule in enumerate(node.rules))
            return replace(node, flow=flow, rules=rules)
        case FailNode():
            return replace(node, flow=flow, failure=_failure(node.failure, node.address, seen))
        case TaskNode() | ParallelNode() | MapNode():
            catchers = tuple(_catcher(each, node.address, index, seen) for index, each in enumerate(node.catchers))
            return replace(node, flow=flow, catchers=catchers)
        case _:
            return replace(node, flow=flow)


def _rule(rule: RuleNode, address: Address, index: int, seen: Seen) -> RuleNode:
    flow = _Flow(rule.flow, _nothing, _count(seen.rules, (address, index)))
    return replace(rule, condition=_condition(rule.condition, (address, index), seen), flow=flow)


def _condition(asked: Condition, key: tuple[Address, int], seen: Seen) -> Condition:
    def condition(values: Values) -> bool:
        matched = asked(values)
        if not matched:
            seen.refused[key] += 1
        return matched

    return condition


def _failure(asked: Callable[[Values], Failure], address: Address, seen: Seen) -> Callable[[Values], Failure]:
    def failure(values: Values) -> Failure:
        seen.entered[address] += 1
        return asked(values)

    return failure


def _catcher(catcher: CatcherNode, address: Address, index: int, seen: Seen) -> CatcherNode:
    return replace(catcher, flow=_CatchFlow(catcher.flow, _count(seen.catchers, (address, index))))


@dataclass(frozen=True, slots=True)
class _Flow:
    """A data flow that tells when it is used."""

    flow: DataFlow
    entered: Callable[[], None]
    left: Callable[[], None]

    def effective_input(self, values: Values) -> Json:
        """The first thing that a state asks for."""
        self.entered()
        return self.flow.effective_input(values)

    def arguments(self, values: Values, effective_input: Json) -> Json:
        """As it is."""
        return self.flow.arguments(values, effective_input)

    def exit(self, values: Values, result: Json) -> Exit:
        """The last thing that a state asks for."""
        found = self.flow.exit(values, result)
        self.left()
        return found


@dataclass(frozen=True, slots=True)
class _CatchFlow:
    flow: CatchFlow
    taken: Callable[[], None]

    def exit(self, values: Values, error_output: Json) -> Exit:
        """The catcher has taken over."""
        found = self.flow.exit(values, error_output)
        self.taken()
        return found


Key = TypeVar("Key")


def _count(counts: Counter[Key], key: Key) -> Callable[[], None]:
    def add() -> None:
        counts[key] += 1

    return add


def _nothing() -> None:
    pass
