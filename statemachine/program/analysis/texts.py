"""Every expression of a state, with its place: what the state itself evaluates, not what is inside its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.structure import is_expression
from statemachine.jsonvalue import Json

PlacedText: TypeAlias = tuple[str, JsonPath]
"""An expression and where it stands."""

_TEMPLATES: Final[tuple[tuple[str, str], ...]] = (
    ("parameters", "Parameters"),
    ("result_selector", "ResultSelector"),
    ("arguments", "Arguments"),
    ("output", "Output"),
    ("assign", "Assign"),
)
_TEMPLATES_OF: Final[dict[type, tuple[tuple[str, str], ...]]] = {
    model.Task: (*_TEMPLATES, ("credentials", "Credentials")),
    model.Map: (
        *_TEMPLATES,
        ("items", "Items"),
        ("item_reader", "ItemReader"),
        ("item_batcher", "ItemBatcher"),
        ("result_writer", "ResultWriter"),
    ),
}
VALUE_PATHS: Final[dict[type, tuple[tuple[str, str], ...]]] = {
    model.Task: (("timeout_seconds_path", "TimeoutSecondsPath"), ("heartbeat_seconds_path", "HeartbeatSecondsPath")),
    model.Wait: (("seconds_path", "SecondsPath"), ("timestamp_path", "TimestampPath")),
    model.Fail: (("error_path", "ErrorPath"), ("cause_path", "CausePath")),
    model.Map: (
        ("max_concurrency_path", "MaxConcurrencyPath"),
        ("tolerated_failure_count_path", "ToleratedFailureCountPath"),
        ("tolerated_failure_percentage_path", "ToleratedFailurePercentagePath"),
    ),
}
"""By state type: the fields of JSONPath states that read one value (attribute, field)."""
VALUES: Final[dict[type, tuple[tuple[str, str], ...]]] = {
    model.Task: (("timeout_seconds", "TimeoutSeconds"), ("heartbeat_seconds", "HeartbeatSeconds")),
    model.Wait: (("seconds", "Seconds"), ("timestamp", "Timestamp")),
    model.Fail: (("error", "Error"), ("cause", "Cause")),
    model.Map: (
        ("max_concurrency", "MaxConcurrency"),
        ("tolerated_failure_count", "ToleratedFailureCount"),
        ("tolerated_failure_percentage", "ToleratedFailurePercentage"),
    ),
}
"""The same for JSONata states: these hold the value or one expression."""
_PATHS: Final = (("input_path", "InputPath"), ("output_path", "OutputPath"), ("items_path", "ItemsPath"))


def texts_of(state: model.State) -> Iterator[PlacedText]:
    """The expressions of a state, of its rules and of its catchers."""
    kind, path, language = type(state), state.path, state.query_language
    for attribute, name in _TEMPLATES_OF.get(kind, _TEMPLATES):
        value = getattr(state, attribute)
        if value is not ABSENT:
            yield from texts_in(value, (*path, name), language)
    if (
        isinstance(state, model.Map)
        and state.item_selector is not ABSENT
        and state.item_selector is not state.parameters
    ):
        yield from texts_in(state.item_selector, (*path, "ItemSelector"), language)
    if language is QueryLanguage.JSONPATH:
        for attribute, name in (*_PATHS, *VALUE_PATHS.get(kind, ())):
            value = getattr(state, attribute, None)
            if value is not None and value != "$":
                yield value, (*path, name)
    else:
        for attribute, name in VALUES.get(kind, ()):
            value = getattr(state, attribute)
            if is_expression(value):
                yield value, (*path, name)
    match state:
        case model.Choice():
            for rule in state.choices:
                yield from condition_texts(rule.condition)
                yield from _own(rule, language)
        case model.Task() | model.Parallel() | model.Map():
            for catcher in state.catch:
                yield from _own(catcher, language)
        case _:
            pass


def texts_in(value: Json, path: JsonPath, language: QueryLanguage) -> Iterator[PlacedText]:
    """The expressions of a payload template. Paths that AWS names ``…Path`` inside an ItemReader are among them."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if is_expression(item) if language is QueryLanguage.JSONATA else key.endswith((".$", "Path")):
                    yield item, (*path, key)
            elif isinstance(item, dict | list):
                yield from texts_in(item, (*path, key), language)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list) or (language is QueryLanguage.JSONATA and is_expression(item)):
                yield from texts_in(item, (*path, index), language)
    elif language is QueryLanguage.JSONATA and is_expression(value):
        yield value, path


def condition_texts(condition: model.ChoiceCondition) -> Iterator[PlacedText]:
    """The expressions of a rule's condition."""
    match condition:
        case model.And(rules=rules) | model.Or(rules=rules):
            for rule in rules:
                yield from condition_texts(rule)
        case model.Not(rule=rule):
            yield from condition_texts(rule)
        case model.Comparison():
            yield condition.variable, (*condition.path, "Variable")
            if condition.operator.endswith("Path") and isinstance(condition.operand, str):
                yield condition.operand, (*condition.path, condition.operator)
        case model.JsonataCondition():
            if isinstance(condition.expression, str):
                yield condition.expression, condition.path


def tests_for_presence(condition: model.ChoiceCondition) -> Iterator[str]:
    """The paths of which a JSONPath condition asks whether they are there."""
    match condition:
        case model.And(rules=rules) | model.Or(rules=rules):
            for rule in rules:
                yield from tests_for_presence(rule)
        case model.Not(rule=rule):
            yield from tests_for_presence(rule)
        case model.Comparison(operator="IsPresent"):
            yield condition.variable
        case _:
            return


def _own(by: model.ChoiceRule | model.Catcher, language: QueryLanguage) -> Iterator[PlacedText]:
    if by.assign is not ABSENT:
        yield from texts_in(by.assign, (*by.path, "Assign"), language)
    if by.output is not ABSENT:
        yield from texts_in(by.output, (*by.path, "Output"), language)
