"""The syntax tree: what the parser builds and `resolve` annotates.

Rules
- One class per kind of expression, closed in `Expression`; the compiler matches them exhaustively.
- Nodes are mutable because a later part of the text changes earlier ones: `[]` marks a step that is already built,
  `%` the step whose parent it names. Once `resolve` has returned, nothing changes a node.
- Positions are those of the original: UTF-16 units from 0 to the *end* of the token.
- `Infix` and `EndOfText` are of unresolved trees only: `resolve` replaces the infix operators by what they make.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct, field

from statemachine.expressions.jsonata.signature import Signature


class Slot(Struct, eq=False):
    """The variable that a `%` reads: `level` steps further up than where it was sought so far."""

    label: str
    level: int = 1


class Marks(Struct, eq=False, kw_only=True):
    """What any expression may be marked with; most of it is for steps of paths."""

    keep_array: bool = False
    """`[]` follows: a single result stays in an array."""
    predicates: list[Predicate] = field(default_factory=list)
    """Predicates on the whole value (of an expression that is not a step)."""
    stages: list[Predicate | IndexBinding] = field(default_factory=list)
    """Predicates and position bindings on what a step selects."""
    group: Group | None = None
    focus: str | None = None
    """`@$name`: binds each member and keeps the context."""
    index: str | None = None
    """`#$name`: binds the position of each member."""
    ancestor: Slot | None = None
    """The slot in which this step's context is remembered for a `%`."""
    tuple: bool = False
    """The step needs tuples: it or one before it binds something."""
    seeking: list[Slot] = field(default_factory=list)
    """Parents that are sought further up than this expression."""
    cons: bool = False
    """An array constructor whose result is not flattened."""


class Node(Marks, eq=False):
    """What all expressions have."""

    position: int


class Predicate(Struct, eq=False):
    expression: Expression
    position: int


class IndexBinding(Struct, eq=False):
    name: str
    position: int


class Group(Struct, eq=False):
    pairs: list[tuple[Expression, Expression]]
    position: int


class Text(Node, eq=False):
    value: str


class Number(Node, eq=False):
    value: float


class Constant(Node, eq=False):
    """true, false or null."""

    value: bool | None


class Name(Node, eq=False):
    value: str


class Variable(Node, eq=False):
    """`$value`; the empty name is the context, `$` the root."""

    value: str


class Regex(Node, eq=False):
    source: str
    flags: str


class Wildcard(Node, eq=False):
    pass


class Descendants(Node, eq=False):
    pass


class Parent(Node, eq=False):
    slot: Slot | None = None


class Path(Node, eq=False):
    steps: list[Expression]
    keep_singleton: bool = False


class Binary(Node, eq=False):
    """Arithmetic, comparison, `and or in & ..`."""

    operator: str
    left: Expression
    right: Expression


class Negation(Node, eq=False):
    expression: Expression


class ArrayConstructor(Node, eq=False):
    items: list[Expression]


class ObjectConstructor(Node, eq=False):
    pairs: list[tuple[Expression, Expression]]


class Block(Node, eq=False):
    expressions: list[Expression]


class Condition(Node, eq=False):
    condition: Expression
    then: Expression
    otherwise: Expression | None


class Bind(Node, eq=False):
    name: str
    value: Expression


class Call(Node, eq=False):
    """A call; `tail` marks the last call of a lambda, which its caller makes instead."""

    procedure: Expression
    arguments: list[Expression]
    tail: bool = False


class PartialCall(Node, eq=False):
    procedure: Expression
    arguments: list[Expression]


class Placeholder(Node, eq=False):
    """The `?` of a partial application."""


class Lambda(Node, eq=False):
    parameters: list[str]
    body: Expression
    signature: Signature | None


class Chain(Node, eq=False):
    """`left ~> right`."""

    left: Expression
    right: Expression


class Transform(Node, eq=False):
    pattern: Expression
    update: Expression
    delete: Expression | None


class SortTerm(Struct, eq=False):
    expression: Expression
    descending: bool


class Sort(Node, eq=False):
    """The order-by step of a path."""

    terms: list[SortTerm]


class Infix(Node, eq=False):
    """An infix operator before resolving; what stands on its right depends on the operator."""

    operator: str
    left: Expression
    right: Any


class EndOfText(Node, eq=False):
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
