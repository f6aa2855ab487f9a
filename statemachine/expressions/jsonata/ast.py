"""The syntax tree: what the parser builds and `resolve` annotates.

Rules
- One class per kind of expression, closed in `Expression`; the compiler matches them exhaustively.
- Nodes are mutable because a later part of the text changes earlier ones: `[]` marks a step that is already built,
  `%` the step whose parent it names. Once `resolve` has returned, nothing changes a node.
- Positions are those of the original: UTF-16 units from 0 to the *end* of the token.
- `Infix` and `EndOfText` are of unresolved trees only: `resolve` replaces the infix operators by what they make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from statemachine.expressions.jsonata.signature import Signature


@dataclass(slots=True, eq=False)
class Slot:
    """The variable that a `%` reads: `level` steps further up than where it was sought so far."""

    label: str
    level: int = 1


@dataclass(slots=True, eq=False)
class Node:
    """What all expressions have; most of it is for steps of paths."""

    position: int
    keep_array: bool = field(default=False, kw_only=True)
    """`[]` follows: a single result stays in an array."""
    predicates: list[Predicate] = field(default_factory=list, kw_only=True)
    """Predicates on the whole value (of an expression that is not a step)."""
    stages: list[Predicate | IndexBinding] = field(default_factory=list, kw_only=True)
    """Predicates and position bindings on what a step selects."""
    group: Group | None = field(default=None, kw_only=True)
    focus: str | None = field(default=None, kw_only=True)
    """`@$name`: binds each member and keeps the context."""
    index: str | None = field(default=None, kw_only=True)
    """`#$name`: binds the position of each member."""
    ancestor: Slot | None = field(default=None, kw_only=True)
    """The slot in which this step's context is remembered for a `%`."""
    tuple: bool = field(default=False, kw_only=True)
    """The step needs tuples: it or one before it binds something."""
    seeking: list[Slot] = field(default_factory=list, kw_only=True)
    """Parents that are sought further up than this expression."""
    cons: bool = field(default=False, kw_only=True)
    """An array constructor whose result is not flattened."""


@dataclass(slots=True, eq=False)
class Predicate:
    expression: Expression
    position: int


@dataclass(slots=True, eq=False)
class IndexBinding:
    name: str
    position: int


@dataclass(slots=True, eq=False)
class Group:
    pairs: list[tuple[Expression, Expression]]
    position: int


@dataclass(slots=True, eq=False)
class Text(Node):
    value: str


@dataclass(slots=True, eq=False)
class Number(Node):
    value: float


@dataclass(slots=True, eq=False)
class Constant(Node):
    """true, false or null."""

    value: bool | None


@dataclass(slots=True, eq=False)
class Name(Node):
    value: str


@dataclass(slots=True, eq=False)
class Variable(Node):
    """`$value`; the empty name is the context, `$` the root."""

    value: str


@dataclass(slots=True, eq=False)
class Regex(Node):
    source: str
    flags: str


@dataclass(slots=True, eq=False)
class Wildcard(Node):
    pass


@dataclass(slots=True, eq=False)
class Descendants(Node):
    pass


@dataclass(slots=True, eq=False)
class Parent(Node):
    slot: Slot | None = None


@dataclass(slots=True, eq=False)
class Path(Node):
    steps: list[Expression]
    keep_singleton: bool = False


@dataclass(slots=True, eq=False)
class Binary(Node):
    """Arithmetic, comparison, `and or in & ..`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Negation(Node):
    expression: Expression


@dataclass(slots=True, eq=False)
class ArrayConstructor(Node):
    items: list[Expression]


@dataclass(slots=True, eq=False)
class ObjectConstructor(Node):
    pairs: list[tuple[Expression, Expression]]


@dataclass(slots=True, eq=False)
class Block(Node):
    expressions: list[Expression]


@dataclass(slots=True, eq=False)
class Condition(Node):
    condition: Expression
    then: Expression
    otherwise: Expression | None


@dataclass(slots=True, eq=False)
class Bind(Node):
    name: str
    value: Expression


@dataclass(slots=True, eq=False)
class Call(Node):
    """A call; `tail` marks the last call of a lambda, which its caller makes instead."""

    procedure: Expression
    arguments: list[Expression]
    tail: bool = False


@dataclass(slots=True, eq=False)
class PartialCall(Node):
    procedure: Expression
    arguments: list[Expression]


@dataclass(slots=True, eq=False)
class Placeholder(Node):
    """The `?` of a partial application."""


@dataclass(slots=True, eq=False)
class Lambda(Node):
    parameters: list[str]
    body: Expression
    signature: Signature | None


@dataclass(slots=True, eq=False)
class Chain(Node):
    """`left ~> right`."""

    left: Expression
    right: Expression


@dataclass(slots=True, eq=False)
class Transform(Node):
    pattern: Expression
    update: Expression
    delete: Expression | None


@dataclass(slots=True, eq=False)
class SortTerm:
    expression: Expression
    descending: bool


@dataclass(slots=True, eq=False)
class Sort(Node):
    """The order-by step of a path."""

    terms: list[SortTerm]


@dataclass(slots=True, eq=False)
class Infix(Node):
    """An infix operator before resolving; what stands on its right depends on the operator."""

    operator: str
    left: Expression
    right: Any


@dataclass(slots=True, eq=False)
class EndOfText(Node):
    """The end where an operand was expected."""


Expression: TypeAlias = (
    Text
    | Number
    | Constant
    | Name
    | Variable
    | Regex
    | Wildcard
    | Descendants
    | Parent
    | Path
    | Binary
    | Negation
    | ArrayConstructor
    | ObjectConstructor
    | Block
    | Condition
    | Bind
    | Call
    | PartialCall
    | Placeholder
    | Lambda
    | Chain
    | Transform
    | Sort
    | Infix
    | EndOfText
)
