"""The program: one frozen node per state, addresses resolved, expressions compiled.

Rules
- A program holds closures and is never stored: it is rebuilt from the definition's text. A frame points into it by
  `address`, the state's path in the definition, which survives recompiling.
- A field that may be a number, a path or (in JSONata) an expression is compiled to one closure, or None if absent;
  a constant number is a closure too.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from statemachine.definition.diagnostics import Diagnostic
from statemachine.errors import Failure
from statemachine.expressions.base import Evaluate, Values
from statemachine.jsonvalue import Document, Json
from statemachine.program.dataflow import CatchFlow, DataFlow
from statemachine.program.resources import Resource

Address: TypeAlias = str
Condition: TypeAlias = Callable[[Values], bool]
Number: TypeAlias = Callable[[Values], int]
"""Compiled number field. Raises EvaluationError with AWS's wording if the data holds no such number."""


class RetrierNode(Struct, frozen=True):
    """A Retrier; times in milliseconds."""

    error_equals: tuple[str, ...]
    interval_ms: int
    max_attempts: int
    backoff_rate: float
    max_delay_ms: int | None
    full_jitter: bool


class CatcherNode(Struct, frozen=True):
    """A Catcher."""

    error_equals: tuple[str, ...]
    next: Address
    flow: CatchFlow
    compensate: bool = False
    """Undo what has completed in its scope before going on."""


class StateNode(Struct, frozen=True, kw_only=True):
    """What every node has. `next` is None when the state ends its scope."""

    name: str
    address: Address
    flow: DataFlow
    next: Address | None
    entered_type: str
    """The history's event type, for instance ``PassStateEntered``."""
    exited_type: str
    compensate_with: Address | None = None
    """Where the path begins that undoes it; only a `WorkNode` has one."""


class PassNode(StateNode, frozen=True, kw_only=True):
    """A Pass; `result` if it has one."""

    result: Document | None


class SucceedNode(StateNode, frozen=True, kw_only=True):
    """A Succeed."""


class FailNode(StateNode, frozen=True, kw_only=True):
    """A Fail: evaluates to the failure."""

    failure: Callable[[Values], Failure]


class RuleNode(Struct, frozen=True):
    """A Choice rule with the data flow that applies when it matches."""

    condition: Condition
    next: Address
    flow: DataFlow


class ChoiceNode(StateNode, frozen=True, kw_only=True):
    """A Choice; `next` is its Default."""

    rules: tuple[RuleNode, ...]


class WaitNode(StateNode, frozen=True, kw_only=True):
    """A Wait: `until` gives the time in milliseconds since 1970, from the time it was entered."""

    until: Callable[[Values, int], int]


class WorkNode(StateNode, frozen=True, kw_only=True):
    """A state that can be retried and caught."""

    retriers: tuple[RetrierNode, ...]
    catchers: tuple[CatcherNode, ...]


class TaskNode(WorkNode, frozen=True, kw_only=True):
    """A Task; times in seconds."""

    resource: Resource
    timeout_seconds: Number | None
    heartbeat_seconds: Number | None
    credentials: Evaluate | None
    static_function_name: str | None
    """FunctionName of a ``lambda:invoke``, if the definition says it."""


class ParallelNode(WorkNode, frozen=True, kw_only=True):
    """A Parallel: the addresses where its branches start."""

    branches: tuple[Address, ...]


class ReaderNode(Struct, frozen=True):
    """An ItemReader: what is read, how, and at most how many items (0 or None: all)."""

    resource: str
    arguments: Evaluate | None
    config: Document
    """ReaderConfig as written, but for MaxItems."""
    max_items: Number | None


class BatcherNode(Struct, frozen=True):
    """An ItemBatcher: the bounds of a batch (0 or None: no bound), and its BatchInput."""

    max_items: Number | None
    max_bytes: Number | None
    batch_input: Evaluate | None


class Transformation(StrEnum):
    """What a ResultWriter makes of the iterations that succeeded."""

    NONE = "NONE"
    """Their outputs with the metadata of their executions."""
    COMPACT = "COMPACT"
    """Their outputs."""
    FLATTEN = "FLATTEN"
    """Their outputs; of those that are arrays, the elements."""


class WriterNode(Struct, frozen=True):
    """A ResultWriter. Without a `resource` it only transforms the state's result."""

    resource: str | None
    arguments: Evaluate | None
    transformation: Transformation
    output_type: str


class MapNode(WorkNode, frozen=True, kw_only=True):
    """A Map, inline or distributed. Only a distributed one has a reader, a batcher or a writer."""

    start_at: Address
    items: Callable[[Values, Json], list[Json]]
    """The items, from the values and the effective input."""
    item_selector: Evaluate | None
    """Evaluated on the effective input with the item in the context object; None: the item itself."""
    max_concurrency: Number | None
    tolerated_count: Callable[[Values], int] | None
    tolerated_percentage: Callable[[Values], float] | None
    distributed: bool
    label: str | None
    reader: ReaderNode | None = None
    batcher: BatcherNode | None = None
    writer: WriterNode | None = None


Node: TypeAlias = PassNode | SucceedNode | FailNode | ChoiceNode | WaitNode | TaskNode | ParallelNode | MapNode


class Program(Struct, frozen=True, kw_only=True):
    """A compiled state machine."""

    sha256: str
    """Of the definition's text: an execution runs only with the definition it was started with."""
    start_at: Address
    nodes: dict[Address, Node]
    timeout_seconds: int | None
    unsupported: tuple[Diagnostic, ...] = ()
    """What the definition uses that this release cannot run: such a program has no complete nodes."""

    def tasks(self) -> list[TaskNode]:
        """All Task nodes, in the order of the definition."""
        return [node for node in self.nodes.values() if isinstance(node, TaskNode)]
