"""The definition as typed data: one frozen struct per state type (states-language.net, AWS developer guide).

Rules
- The model says what the author wrote, with the specification's defaults filled in. It holds no compiled expression:
  paths, templates and intrinsic calls are still text.
- A field whose absence differs from null is `Absent` when absent, None when null.
- `path` is the state's place in the source, for diagnostics; `query_language` is already resolved (a state's own, or
  the machine's: inner states inherit the machine's, fact validate-inner-states-inherit-machine-language).
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from statemachine.definition.diagnostics import JsonPath
from statemachine.jsonvalue import Json


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


Absent: TypeAlias = _Absent
ABSENT: Final = _Absent.ABSENT
"""The field is not there; null is None."""

JSONATA_EXPRESSION: TypeAlias = str
"""A string ``{% … %}``: a JSONata expression in a field that otherwise takes a number."""


class QueryLanguage(StrEnum):
    """The language of a state's expressions."""

    JSONPATH = "JSONPath"
    JSONATA = "JSONata"


class JitterStrategy(StrEnum):
    """Whether a retry's delay is drawn from 0 to the computed delay."""

    FULL = "FULL"
    NONE = "NONE"


class ProcessorMode(StrEnum):
    """Whether the iterations of a Map are part of the execution or executions of their own."""

    INLINE = "INLINE"
    DISTRIBUTED = "DISTRIBUTED"


class Retrier(Struct, frozen=True, kw_only=True):
    """One element of Retry. Delays in seconds."""

    error_equals: tuple[str, ...]
    interval_seconds: int = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay_seconds: int | None = None
    jitter: JitterStrategy = JitterStrategy.NONE
    path: JsonPath = ()


class Catcher(Struct, frozen=True, kw_only=True):
    """One element of Catch."""

    error_equals: tuple[str, ...]
    next: str
    result_path: str | None = "$"
    assign: Json | Absent = ABSENT
    output: Json | Absent = ABSENT
    compensate: bool = False
    """Extension: undo what has completed in its States block first."""
    path: JsonPath = ()


class Comparison(Struct, frozen=True, kw_only=True):
    """A JSONPath data test: `operator` is the field's name, for instance ``NumericLessThanPath``."""

    variable: str
    operator: str
    operand: Json
    path: JsonPath = ()


class And(Struct, frozen=True, kw_only=True):
    rules: tuple[ChoiceCondition, ...]


class Or(Struct, frozen=True, kw_only=True):
    rules: tuple[ChoiceCondition, ...]


class Not(Struct, frozen=True, kw_only=True):
    rule: ChoiceCondition


class JsonataCondition(Struct, frozen=True, kw_only=True):
    """A JSONata Condition: an expression text, or a literal true or false."""

    expression: str | bool
    path: JsonPath = ()


ChoiceCondition: TypeAlias = Comparison | And | Or | Not | JsonataCondition


class ChoiceRule(Struct, frozen=True, kw_only=True):
    """One element of Choices."""

    condition: ChoiceCondition
    next: str
    assign: Json | Absent = ABSENT
    output: Json | Absent = ABSENT
    path: JsonPath = ()


class StateFields(Struct, frozen=True, kw_only=True):
    """What every state type has, or may have without effect: the fields of input and output processing.

    A field that the state type or the query language does not allow is absent (a diagnostic says so).
    """

    name: str
    path: JsonPath
    query_language: QueryLanguage = QueryLanguage.JSONPATH
    comment: str | None = None
    next: str | None = None
    """The state to go to; None if `end` (or for Choice, Succeed, Fail)."""
    end: bool = False
    input_path: str | None = "$"
    output_path: str | None = "$"
    result_path: str | None = "$"
    parameters: Json | Absent = ABSENT
    """Parameters; in a Map of the legacy form, its ItemSelector is here as well."""
    result_selector: Json | Absent = ABSENT
    arguments: Json | Absent = ABSENT
    output: Json | Absent = ABSENT
    assign: Json | Absent = ABSENT


class WorkFields(StateFields, frozen=True, kw_only=True):
    """What a state has that can fail and be undone."""

    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    compensate_with: str | None = None
    """Extension: where, in the same States block, the path begins that undoes the state."""


class Task(WorkFields, frozen=True, kw_only=True):
    resource: str
    timeout_seconds: int | JSONATA_EXPRESSION | None = None
    timeout_seconds_path: str | None = None
    heartbeat_seconds: int | JSONATA_EXPRESSION | None = None
    heartbeat_seconds_path: str | None = None
    credentials: Json | Absent = ABSENT


class Pass(StateFields, frozen=True, kw_only=True):
    result: Json | Absent = ABSENT


class Choice(StateFields, frozen=True, kw_only=True):
    choices: tuple[ChoiceRule, ...]
    default: str | None = None


class Wait(StateFields, frozen=True, kw_only=True):
    """Exactly one of the four is not None."""

    seconds: int | JSONATA_EXPRESSION | None = None
    seconds_path: str | None = None
    timestamp: str | None = None
    timestamp_path: str | None = None


class Succeed(StateFields, frozen=True, kw_only=True):
    pass


class Fail(StateFields, frozen=True, kw_only=True):
    error: str | None = None
    error_path: str | None = None
    cause: str | None = None
    cause_path: str | None = None


class Branch(Struct, frozen=True, kw_only=True):
    """A States block with its start: a branch of a Parallel or the processor of a Map."""

    start_at: str
    states: dict[str, State]
    path: JsonPath
    comment: str | None = None


class Parallel(WorkFields, frozen=True, kw_only=True):
    branches: tuple[Branch, ...]


class ItemProcessor(Struct, frozen=True, kw_only=True):
    """The processor of a Map; `legacy` if written as Iterator."""

    branch: Branch
    mode: ProcessorMode = ProcessorMode.INLINE
    execution_type: str | None = None
    legacy: bool = False


class Map(WorkFields, frozen=True, kw_only=True):
    """A Map. ItemReader, ItemBatcher and ResultWriter are kept as written; their languages are compiled later.

    A numeric field and its Path form exclude each other; in JSONata the numeric field may be an expression.
    """

    processor: ItemProcessor
    items: Json | Absent = ABSENT
    items_path: str | None = None
    item_selector: Json | Absent = ABSENT
    """ItemSelector, or the Parameters of the legacy form."""
    item_reader: Json | Absent = ABSENT
    item_batcher: Json | Absent = ABSENT
    result_writer: Json | Absent = ABSENT
    label: str | None = None
    max_concurrency: int | JSONATA_EXPRESSION | None = None
    max_concurrency_path: str | None = None
    tolerated_failure_count: int | JSONATA_EXPRESSION | None = None
    tolerated_failure_count_path: str | None = None
    tolerated_failure_percentage: float | JSONATA_EXPRESSION | None = None
    tolerated_failure_percentage_path: str | None = None


State: TypeAlias = Task | Pass | Choice | Wait | Succeed | Fail | Parallel | Map


class StateMachine(Struct, frozen=True, kw_only=True):
    """A whole definition."""

    start_at: str
    states: dict[str, State]
    query_language: QueryLanguage = QueryLanguage.JSONPATH
    comment: str | None = None
    version: str = "1.0"
    timeout_seconds: int | None = None
    path: JsonPath = ()
    stand_ins: tuple[JsonPath, ...] = ()
    """Where the definition has a placeholder and the model something to check the rest with: it must not be run."""
