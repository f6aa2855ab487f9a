"""One table of every field of the language: where it may stand, in which query language, and what it may hold.

The table feeds the parser and the validator, and the tests hold the files of ``schemas/`` to it. A rule about one field
belongs here; a rule about several is in `Shape` (one of, at most one of) or in `structure`.

Sources: states-language.net; the developer guide's pages on the state types; AWS's own answers of
ValidateStateMachineDefinition where they differ (the machine's `TimeoutSeconds` 0 is accepted, 99,999,999 seconds is
the most, facts limit-*, validate-*). What AWS accepts is accepted: `Retry: []`, an ItemReader in an inline Map (fact
validate-itemreader-inline-ok), any error name (fact retry-each-retrier-own-counter).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from statemachine.definition.model import QueryLanguage


class JsonType(StrEnum):
    """What a field holds, in the words of AWS's diagnostics."""

    STRING = "String"
    INTEGER = "Integer"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    OBJECT = "Object"
    ARRAY = "Array"


STATE_TYPES: Final = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")
"""In the order in which AWS lists them."""

SECONDS_MAX: Final = 99_999_999
"""Most seconds of any field (fact limit-max-delay)."""

STATE_NAME_LENGTH_MAX: Final = 80
"""Characters of a state's name (fact limit-names)."""

VARIABLE_NAME_LENGTH_MAX: Final = 80
"""Characters of a variable's name (fact variables-limits)."""

LABEL_LENGTH_MAX: Final = 40
"""Characters of a Map's Label (developer guide, "Map state in Distributed mode")."""

LABEL_FORBIDDEN: Final = ' ?*<>{}[]:;,\\|^~$#%&`"'
"""What a Label may not contain, besides control characters (same page)."""


class Field(Struct, frozen=True, kw_only=True):
    """One field. Without `type` it holds any JSON value, null too."""

    name: str
    type: JsonType | None = None
    language: QueryLanguage | None = None
    """The only query language in which the field exists."""
    nullable: bool = False
    expression: bool = False
    """In JSONata, a string ``{% … %}`` may stand instead of the value."""
    minimum: int | None = None
    maximum: int | None = None
    runs_from: int | None = None
    """The least number that can be run here, where the specification asks for more."""
    values: tuple[str, ...] = ()
    """The only strings allowed, in AWS's order."""
    non_empty: bool = False
    items: JsonType | None = None
    """What an array's elements are."""
    timestamp: bool = False
    states: tuple[str, ...] = ()
    """For a field of a state: the types that have it."""
    required_for: tuple[str, ...] = ()
    """Those of the types that cannot do without it."""
    extension: bool = False
    """AWS does not know it: with the target ``aws`` it is refused."""


class Shape(Struct, frozen=True, kw_only=True):
    """One kind of object: its fields, and which of them belong together."""

    name: str
    fields: Mapping[str, Field]
    required: tuple[str, ...] = ()
    """In the order in which AWS lists them."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Of each group, exactly one must be there."""
    at_most_one_of: tuple[tuple[str, ...], ...] = ()


def example(field: Field) -> str | int | bool | None:
    """A value that is right for the field; None if that is not for the field alone to say."""
    if field.name == "QueryLanguage" or field.name == "Type":
        return None
    match field.type:
        case JsonType.INTEGER | JsonType.NUMBER:
            return field.maximum or max(field.minimum or 0, 1)
        case JsonType.BOOLEAN:
            return True
        case JsonType.STRING:
            return "2030-01-31T12:00:00Z" if field.timestamp else field.values[0] if field.values else "example"
        case _:
            return None


_PATH = QueryLanguage.JSONPATH
_NATA = QueryLanguage.JSONATA
_STRING, _INTEGER, _NUMBER = JsonType.STRING, JsonType.INTEGER, JsonType.NUMBER
_BOOLEAN, _OBJECT, _ARRAY = JsonType.BOOLEAN, JsonType.OBJECT, JsonType.ARRAY

_FLOW = ("Task", "Pass", "Wait", "Parallel", "Map")
_WORK = ("Task", "Parallel", "Map")
_DATA = (*_FLOW, "Choice", "Succeed")
_ASSIGNING = (*_FLOW, "Choice")

STATE_FIELDS: Final[tuple[Field, ...]] = (
    Field(name="Type", type=_STRING, states=STATE_TYPES, required_for=STATE_TYPES, values=STATE_TYPES),
    Field(name="Comment", type=_STRING, states=STATE_TYPES),
    Field(name="QueryLanguage", type=_STRING, states=STATE_TYPES, values=("JSONPath", "JSONata")),
    # Transitions
    Field(name="Next", type=_STRING, states=_FLOW),
    Field(name="End", type=_BOOLEAN, states=_FLOW),
    # Input and output
    Field(name="InputPath", type=_STRING, nullable=True, language=_PATH, states=_DATA),
    Field(name="OutputPath", type=_STRING, nullable=True, language=_PATH, states=_DATA),
    Field(name="ResultPath", type=_STRING, nullable=True, language=_PATH, states=("Task", "Pass", "Parallel", "Map")),
    Field(name="Parameters", language=_PATH, states=("Task", "Pass", "Parallel", "Map")),
    Field(name="ResultSelector", language=_PATH, states=_WORK),
    Field(name="Arguments", language=_NATA, states=("Task", "Parallel")),
    Field(name="Output", language=_NATA, states=_DATA),
    Field(name="Assign", type=_OBJECT, states=_ASSIGNING),
    # Errors
    Field(name="Retry", type=_ARRAY, items=_OBJECT, states=_WORK),
    Field(name="Catch", type=_ARRAY, items=_OBJECT, states=_WORK),
    Field(name="CompensateWith", type=_STRING, non_empty=True, states=_WORK, extension=True),
    # Task
    Field(name="Resource", type=_STRING, non_empty=True, states=("Task",), required_for=("Task",)),
    Field(name="TimeoutSeconds", type=_INTEGER, minimum=1, maximum=SECONDS_MAX, expression=True, states=("Task",)),
    Field(name="TimeoutSecondsPath", type=_STRING, language=_PATH, states=("Task",)),
    Field(name="HeartbeatSeconds", type=_INTEGER, minimum=1, maximum=SECONDS_MAX, expression=True, states=("Task",)),
    Field(name="HeartbeatSecondsPath", type=_STRING, language=_PATH, states=("Task",)),
    Field(name="Credentials", type=_OBJECT, states=("Task",)),
    # Pass
    Field(name="Result", language=_PATH, states=("Pass",)),
    # Choice
    Field(name="Choices", type=_ARRAY, items=_OBJECT, non_empty=True, states=("Choice",), required_for=("Choice",)),
    Field(name="Default", type=_STRING, states=("Choice",)),
    # Wait
    Field(name="SecondsPath", type=_STRING, language=_PATH, states=("Wait",)),
    Field(name="Seconds", type=_INTEGER, minimum=0, maximum=SECONDS_MAX, expression=True, states=("Wait",)),
    Field(name="TimestampPath", type=_STRING, language=_PATH, states=("Wait",)),
    Field(name="Timestamp", type=_STRING, timestamp=True, expression=True, states=("Wait",)),
    # Fail
    Field(name="Error", type=_STRING, states=("Fail",)),
    Field(name="ErrorPath", type=_STRING, language=_PATH, states=("Fail",)),
    Field(name="Cause", type=_STRING, states=("Fail",)),
    Field(name="CausePath", type=_STRING, language=_PATH, states=("Fail",)),
    # Parallel
    Field(
        name="Branches", type=_ARRAY, items=_OBJECT, non_empty=True, states=("Parallel",), required_for=("Parallel",)
    ),
    # Map
    Field(name="ItemProcessor", type=_OBJECT, states=("Map",)),
    Field(name="Iterator", type=_OBJECT, states=("Map",)),
    Field(name="Items", language=_NATA, states=("Map",)),
    Field(name="ItemsPath", type=_STRING, language=_PATH, states=("Map",)),
    Field(name="ItemSelector", states=("Map",)),
    Field(name="ItemReader", type=_OBJECT, states=("Map",)),
    Field(name="ItemBatcher", type=_OBJECT, states=("Map",)),
    Field(name="ResultWriter", type=_OBJECT, states=("Map",)),
    Field(name="Label", type=_STRING, states=("Map",)),
    Field(name="MaxConcurrency", type=_INTEGER, minimum=0, expression=True, states=("Map",)),
    Field(name="MaxConcurrencyPath", type=_STRING, language=_PATH, states=("Map",)),
    Field(name="ToleratedFailureCount", type=_INTEGER, minimum=0, expression=True, states=("Map",)),
    Field(name="ToleratedFailureCountPath", type=_STRING, language=_PATH, states=("Map",)),
    Field(name="ToleratedFailurePercentage", type=_NUMBER, minimum=0, maximum=100, expression=True, states=("Map",)),
    Field(name="ToleratedFailurePercentagePath", type=_STRING, language=_PATH, states=("Map",)),
)

_STATE_ONE_OF: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "Wait": (("SecondsPath", "Seconds", "TimestampPath", "Timestamp"),),
    "Map": (("ItemProcessor", "Iterator"),),
}
_STATE_AT_MOST_ONE_OF: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "Task": (("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")),
    "Fail": (("Error", "ErrorPath"), ("Cause", "CausePath")),
    "Map": (
        ("Parameters", "ItemSelector"),
        ("MaxConcurrency", "MaxConcurrencyPath"),
        ("ToleratedFailureCount", "ToleratedFailureCountPath"),
        ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
    ),
}

FLOW_TYPES: Final = frozenset(_FLOW)
"""Types that need Next or End."""
TERMINAL_TYPES: Final = frozenset({"Succeed", "Fail"})


def _table(*fields: Field) -> Mapping[str, Field]:
    return MappingProxyType({each.name: each for each in fields})


STATES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        type_name: Shape(
            name=f"{type_name} state",
            fields=_table(*(each for each in STATE_FIELDS if type_name in each.states)),
            required=tuple(each.name for each in STATE_FIELDS if type_name in each.required_for),
            one_of=_STATE_ONE_OF.get(type_name, ()),
            at_most_one_of=_STATE_AT_MOST_ONE_OF.get(type_name, ()),
        )
        for type_name in STATE_TYPES
    }
)
"""The shape of each state type. Next and End are a rule of their own: both may stand if End is false."""

_COMMENT = Field(name="Comment", type=_STRING)
_START_AT = Field(name="StartAt", type=_STRING)
_STATES = Field(name="States", type=_OBJECT, non_empty=True)

STATE_MACHINE: Final = Shape(
    name="state machine",
    fields=_table(
        _COMMENT,
        _START_AT,
        _STATES,
        Field(name="QueryLanguage", type=_STRING, values=("JSONPath", "JSONata")),
        Field(name="Version", type=_STRING, values=("1.0",)),
        Field(name="TimeoutSeconds", type=_INTEGER, minimum=0, maximum=SECONDS_MAX),
    ),
    required=("States", "StartAt"),
)
BRANCH: Final = Shape(name="branch", fields=_table(_COMMENT, _START_AT, _STATES), required=("States", "StartAt"))
ITEM_PROCESSOR: Final = Shape(
    name="item processor",
    fields=_table(_COMMENT, _START_AT, _STATES, Field(name="ProcessorConfig", type=_OBJECT)),
    required=("States", "StartAt"),
)
PROCESSOR_CONFIG: Final = Shape(
    name="processor configuration",
    fields=_table(
        Field(name="Mode", type=_STRING, values=("INLINE", "DISTRIBUTED")),
        Field(name="ExecutionType", type=_STRING, values=("STANDARD", "EXPRESS")),
    ),
)
RETRIER: Final = Shape(
    name="retrier",
    fields=_table(
        _COMMENT,
        Field(name="ErrorEquals", type=_ARRAY, items=_STRING, non_empty=True),
        Field(name="IntervalSeconds", type=_INTEGER, minimum=1, runs_from=0, maximum=SECONDS_MAX),
        Field(name="MaxAttempts", type=_INTEGER, minimum=0, maximum=SECONDS_MAX),
        Field(name="BackoffRate", type=_NUMBER, minimum=1),
        Field(name="MaxDelaySeconds", type=_INTEGER, minimum=1, maximum=31_622_400),
        Field(name="JitterStrategy", type=_STRING, values=("NONE", "FULL")),
    ),
    required=("ErrorEquals",),
)
CATCHER: Final = Shape(
    name="catcher",
    fields=_table(
        _COMMENT,
        Field(name="ErrorEquals", type=_ARRAY, items=_STRING, non_empty=True),
        Field(name="Next", type=_STRING),
        Field(name="ResultPath", type=_STRING, nullable=True, language=_PATH),
        Field(name="Assign", type=_OBJECT),
        Field(name="Output", language=_NATA),
        Field(name="Compensate", type=_BOOLEAN, extension=True),
    ),
    required=("ErrorEquals", "Next"),
)
ITEM_READER: Final = Shape(
    name="item reader",
    fields=_table(
        Field(name="Resource", type=_STRING, non_empty=True),
        Field(name="Parameters", language=_PATH),
        Field(name="Arguments", language=_NATA),
        Field(name="ReaderConfig", type=_OBJECT),
    ),
    required=("Resource",),
)
READER_CONFIG: Final = Shape(
    name="reader configuration",
    fields=_table(
        Field(name="InputType", type=_STRING, values=("CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")),
        Field(name="CSVHeaderLocation", type=_STRING, values=("FIRST_ROW", "GIVEN")),
        Field(name="CSVHeaders", type=_ARRAY, items=_STRING, non_empty=True),
        Field(name="CSVDelimiter", type=_STRING, values=("COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")),
        Field(name="ManifestType", type=_STRING, values=("ATHENA_DATA", "S3_INVENTORY")),
        Field(name="ItemsPointer", type=_STRING),
        Field(name="Transformation", type=_STRING, values=("NONE", "LOAD_AND_FLATTEN")),
        Field(name="MaxItems", type=_INTEGER, minimum=0, expression=True),
        Field(name="MaxItemsPath", type=_STRING, language=_PATH),
    ),
    at_most_one_of=(("MaxItems", "MaxItemsPath"),),
)
ITEM_BATCHER: Final = Shape(
    name="item batcher",
    fields=_table(
        Field(name="BatchInput"),
        Field(name="MaxItemsPerBatch", type=_INTEGER, minimum=0, expression=True),
        Field(name="MaxItemsPerBatchPath", type=_STRING, language=_PATH),
        Field(name="MaxInputBytesPerBatch", type=_INTEGER, minimum=0, maximum=262_144, expression=True),
        Field(name="MaxInputBytesPerBatchPath", type=_STRING, language=_PATH),
    ),
    at_most_one_of=(
        ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
        ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
    ),
)
RESULT_WRITER: Final = Shape(
    name="result writer",
    fields=_table(
        Field(name="Resource", type=_STRING, non_empty=True),
        Field(name="Parameters", language=_PATH),
        Field(name="Arguments", language=_NATA),
        Field(name="WriterConfig", type=_OBJECT),
    ),
)
WRITER_CONFIG: Final = Shape(
    name="writer configuration",
    fields=_table(
        Field(name="OutputType", type=_STRING, values=("JSON", "JSONL")),
        Field(name="Transformation", type=_STRING, values=("NONE", "COMPACT", "FLATTEN")),
    ),
    required=("OutputType",),
)

# --- Choice rules -----------------------------------------------------------------------------------------------------

_ORDERED = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_COMPARED: Final[dict[str, tuple[JsonType, tuple[str, ...]]]] = {
    "String": (_STRING, _ORDERED),
    "Numeric": (_NUMBER, _ORDERED),
    "Boolean": (_BOOLEAN, ("Equals",)),
    "Timestamp": (_STRING, _ORDERED),
}

OPERATORS: Final[Mapping[str, Field]] = _table(
    *(
        field
        for kind, (type_, comparisons) in _COMPARED.items()
        for comparison in comparisons
        for field in (
            Field(name=f"{kind}{comparison}", type=type_, language=_PATH, timestamp=kind == "Timestamp"),
            Field(name=f"{kind}{comparison}Path", type=_STRING, language=_PATH),
        )
    ),
    Field(name="StringMatches", type=_STRING, language=_PATH),
    *(
        Field(name=f"Is{what}", type=_BOOLEAN, language=_PATH)
        for what in ("Null", "Present", "Numeric", "String", "Boolean", "Timestamp")
    ),
)
"""The data tests of a JSONPath Choice Rule."""

CONNECTIVES: Final = ("And", "Or", "Not", "Variable", "Condition")
"""Of these a Choice Rule has exactly one, in AWS's order."""

_RULE_FIELDS = (
    _COMMENT,
    Field(name="Variable", type=_STRING, language=_PATH),
    Field(name="And", type=_ARRAY, items=_OBJECT, non_empty=True, language=_PATH),
    Field(name="Or", type=_ARRAY, items=_OBJECT, non_empty=True, language=_PATH),
    Field(name="Not", type=_OBJECT, language=_PATH),
)
CHOICE_RULE: Final = Shape(
    name="choice rule",
    fields=_table(
        *_RULE_FIELDS,
        Field(name="Condition", type=_BOOLEAN, expression=True, language=_NATA),
        Field(name="Next", type=_STRING),
        Field(name="Assign", type=_OBJECT),
        Field(name="Output", language=_NATA),
        *OPERATORS.values(),
    ),
    required=("Next",),
)
NESTED_RULE: Final = Shape(name="nested choice rule", fields=_table(*_RULE_FIELDS, *OPERATORS.values()))
"""A rule inside And, Or or Not: it has no Next, Assign or Output of its own."""
