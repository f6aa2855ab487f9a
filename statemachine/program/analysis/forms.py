"""What an expression says as far as it can be told before anything runs, for both query languages.

Rules
- An expression that is only a path is a `Select`, one that only makes an object a `Made`, and so on; everything else is
  `UNKNOWN`. An analysis may rely on what a form says, and knows nothing else.
- `reads` are the paths without which the expression fails for sure: in JSONPath each definite path, in JSONata a path
  that is the whole expression (an undefined part of a larger one is no fault).
- `variables` are all that the expression reads. A variable is guarded where the expression asks whether it is there.
- Texts are read once: the tables are bounded caches of pure functions.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias

from msgspec import Struct

from statemachine.definition.model import QueryLanguage
from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.intrinsics import is_intrinsic
from statemachine.expressions.intrinsics.parser import Call, Literal, PathArgument, parse_intrinsic
from statemachine.expressions.jsonpath.definite import definite_steps
from statemachine.expressions.jsonpath.path import PathRoot, parse_path
from statemachine.jsonvalue import Json, is_number


class Root(Enum):
    """What a path starts from."""

    DOCUMENT = "$"
    """JSONPath: what the field reads, for instance the input or the result."""
    INPUT = "$states.input"
    RESULT = "$states.result"
    ERROR_OUTPUT = "$states.errorOutput"
    VARIABLE = "$name"


class Select(Struct, frozen=True):
    """A definite path. `text` is the path as written, `variable` the name for a path into a variable."""

    root: Root
    variable: str | None
    steps: tuple[str | int, ...]
    text: str


class Made(Struct, frozen=True):
    """An object with these members, some of which may be left out (JSONata: undefined ones)."""

    members: tuple[tuple[str, Form], ...]


class Known(Struct, frozen=True):
    """A literal: a text, a number, true, false or null."""

    value: Json


class Range(Struct, frozen=True):
    """An array of so many numbers."""

    length: int


class Sum(Struct, frozen=True):
    """A path's number and a literal one."""

    base: Select
    step: float


class Comparison(Struct, frozen=True):
    """Whether a path's number compares with a literal one; `relation` as in a data test, such as ``LessThan``."""

    left: Select
    relation: str
    right: float


class _Unknown(Enum):
    UNKNOWN = "unknown"


Unknown: TypeAlias = _Unknown
UNKNOWN: Final = _Unknown.UNKNOWN
"""Any value."""

Form: TypeAlias = Select | Made | Known | Range | Sum | Comparison | Unknown


class VariableRead(Struct, frozen=True):
    """A variable that an expression reads."""

    name: str
    guarded: bool = False
    """The expression also asks whether it is there."""


class Reading(Struct, frozen=True):
    """One expression."""

    form: Form
    reads: tuple[Select, ...] = ()
    variables: tuple[VariableRead, ...] = ()


NOTHING_KNOWN: Final = Reading(UNKNOWN)


def read_expression(text: str, language: QueryLanguage) -> Reading:
    """What an expression says: in JSONata a text ``{% … %}``, in JSONPath a path or an intrinsic call."""
    if language is QueryLanguage.JSONPATH:
        return read_jsonpath(text)
    from statemachine.program.analysis.jsonata_forms import read_jsonata  # loaded only if it is used: start-up time

    return read_jsonata(text)


@lru_cache(maxsize=4096)
def read_jsonpath(text: str) -> Reading:
    """A path or an intrinsic call. What is neither says nothing."""
    try:
        if is_intrinsic(text):
            return _intrinsic(parse_intrinsic(text))
        return _path(text)
    except ExpressionSyntaxError:
        return NOTHING_KNOWN


def _path(text: str) -> Reading:
    parsed = parse_path(text)
    variables = () if parsed.variable is None else (VariableRead(parsed.variable),)
    steps = definite_steps(parsed.tokens)
    if parsed.root is PathRoot.CONTEXT or steps is None:
        return Reading(UNKNOWN, (), variables)
    plain = tuple(step for step in steps if not isinstance(step, tuple))
    if len(plain) < len(steps):
        return Reading(UNKNOWN, (), variables)
    root = Root.DOCUMENT if parsed.variable is None else Root.VARIABLE
    select = Select(root, parsed.variable, plain, text)
    return Reading(select, (select,), variables)


def _intrinsic(call: Call) -> Reading:
    reads: list[Select] = []
    variables: list[VariableRead] = []
    todo = [call]
    while todo:
        for argument in todo.pop().arguments:
            if isinstance(argument, Call):
                todo.append(argument)
            elif isinstance(argument, PathArgument):
                inner = read_jsonpath(argument.text)
                reads += inner.reads
                variables += inner.variables
    return Reading(_sum(call) or UNKNOWN, tuple(dict.fromkeys(reads)), tuple(dict.fromkeys(variables)))


def _sum(call: Call) -> Sum | None:
    """``States.MathAdd($path, 1)``, in either order."""
    if call.name != "MathAdd" or len(call.arguments) != 2:
        return None
    paths = [each for each in call.arguments if isinstance(each, PathArgument)]
    numbers = [each.value for each in call.arguments if isinstance(each, Literal) and is_number(each.value)]
    if len(paths) != 1 or len(numbers) != 1:
        return None
    form = read_jsonpath(paths[0].text).form
    return Sum(form, numbers[0]) if isinstance(form, Select) else None
