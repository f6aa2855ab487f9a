"""Retry and Catch: handlers that an earlier one leaves nothing for, and error names that never come.

Rules (developer guide, "Handling errors"; facts retry-*, catch-*, states-runtime-not-catchable)
- The first element that names an error takes it, also when its attempts are used up: what an earlier element of the
  same list takes, a later one never sees.
- States.TaskFailed takes every error but timeouts; States.Timeout takes States.HeartbeatTimeout too. States.ALL stands
  alone and last (AWS refuses anything else). What is not known to be covered is not: the two terminal errors,
  States.Runtime and States.DataLimitExceeded, are covered by their own names only.
- A name beginning with ``States.`` is reserved. Whether a state can raise one is a table, `_RAISED_BY`; names that a
  Fail state inside a Parallel or Map gives are raised by it. Of other names, only those are looked at whose service is
  known by their first word, and only on tasks that call one service and cannot raise a name of the author's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.structure import is_expression
from statemachine.definition.suggestions import Suggestions
from statemachine.errors import (
    ALL,
    BRANCH_FAILED,
    DATA_LIMIT_EXCEEDED,
    EXCEED_TOLERATED_FAILURE_THRESHOLD,
    HEARTBEAT_TIMEOUT,
    INTRINSIC_FAILURE,
    ITEM_READER_FAILED,
    NO_CHOICE_MATCHED,
    PARAMETER_PATH_FAILURE,
    QUERY_EVALUATION_ERROR,
    RESULT_PATH_MATCH_FAILURE,
    RESULT_WRITER_FAILED,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
)
from statemachine.program.analysis.findings import warning
from statemachine.program.analysis.graph import is_distributed, with_inner
from statemachine.program.resources import IntegrationPattern, Resource, ResourceKind, parse_resource

UNREACHABLE_RETRIER: Final = "SM_UNREACHABLE_RETRIER"
UNREACHABLE_CATCHER: Final = "SM_UNREACHABLE_CATCHER"
ERROR_NAME_COVERED: Final = "SM_ERROR_NAME_COVERED"
ERROR_NEVER_RAISED: Final = "SM_ERROR_NEVER_RAISED"
UNKNOWN_RESERVED_ERROR: Final = "SM_UNKNOWN_RESERVED_ERROR"

PERMISSIONS: Final = "States.Permissions"
ANY_NAME: Final = "*"
_HTTP = "States.Http."
_RESERVED_PREFIX = "States."

_UNCOVERED = frozenset({TIMEOUT, HEARTBEAT_TIMEOUT, RUNTIME, DATA_LIMIT_EXCEEDED, ALL})
"""What States.TaskFailed is not known to take."""


def _is_map_run(state: model.State) -> bool:
    return isinstance(state, model.Map) and is_distributed(state)


def _has_heartbeat(state: model.State) -> bool:
    return isinstance(state, model.Task) and (
        state.heartbeat_seconds is not None or state.heartbeat_seconds_path is not None
    )


def _is(*types: type) -> Callable[[model.State], bool]:
    return lambda state: isinstance(state, types)


def _speaks(language: model.QueryLanguage) -> Callable[[model.State], bool]:
    return lambda state: state.query_language is language


_RAISED_BY: Final[dict[str, Callable[[model.State], bool]]] = {
    ALL: lambda _: True,
    TASK_FAILED: lambda _: True,
    TIMEOUT: lambda _: True,
    DATA_LIMIT_EXCEEDED: lambda _: True,
    PERMISSIONS: lambda _: True,
    RUNTIME: lambda _: True,
    BRANCH_FAILED: _is(model.Parallel),
    NO_CHOICE_MATCHED: _is(model.Choice),
    HEARTBEAT_TIMEOUT: _has_heartbeat,
    EXCEED_TOLERATED_FAILURE_THRESHOLD: _is(model.Map),
    ITEM_READER_FAILED: _is_map_run,
    RESULT_WRITER_FAILED: _is_map_run,
    QUERY_EVALUATION_ERROR: _speaks(model.QueryLanguage.JSONATA),
    INTRINSIC_FAILURE: _speaks(model.QueryLanguage.JSONPATH),
    PARAMETER_PATH_FAILURE: _speaks(model.QueryLanguage.JSONPATH),
    RESULT_PATH_MATCH_FAILURE: _speaks(model.QueryLanguage.JSONPATH),
}
"""Reserved name -> whether a state raises it by itself."""

_WHY: Final[dict[str, str]] = {
    BRANCH_FAILED: "only a Parallel raises it",
    NO_CHOICE_MATCHED: "only a Choice raises it",
    HEARTBEAT_TIMEOUT: "the state has no HeartbeatSeconds",
    EXCEED_TOLERATED_FAILURE_THRESHOLD: "only a Map raises it",
    ITEM_READER_FAILED: "only a distributed Map raises it",
    RESULT_WRITER_FAILED: "only a distributed Map raises it",
    QUERY_EVALUATION_ERROR: "only JSONata states raise it",
    INTRINSIC_FAILURE: "only JSONPath states raise it",
    PARAMETER_PATH_FAILURE: "only JSONPath states raise it",
    RESULT_PATH_MATCH_FAILURE: "only JSONPath states raise it",
}

_FIRST_WORDS: Final[dict[str, str]] = {
    "dynamodb": "DynamoDB",
    "aws-sdk:dynamodb": "DynamoDb",
}
"""Service -> how its error names begin, where two integrations differ only in this (fact task-resource-not-found-
sdk-vs-optimized)."""


def check_handlers(state: model.Task | model.Parallel | model.Map, suggestions: Suggestions) -> Iterator[Diagnostic]:
    """What is wrong with the Retry and Catch of a state."""
    yield from _covered([(each.error_equals, each.path) for each in state.retry], UNREACHABLE_RETRIER, "retrier")
    yield from _covered([(each.error_equals, each.path) for each in state.catch], UNREACHABLE_CATCHER, "catcher")
    own_names: frozenset[str] | None = None
    handlers: tuple[model.Retrier | model.Catcher, ...] = (*state.retry, *state.catch)
    for handler in handlers:
        for index, name in enumerate(handler.error_equals):
            if name in (ALL, TASK_FAILED, TIMEOUT):
                continue
            if own_names is None:
                own_names = _fail_names(state)
            place = (*handler.path, "ErrorEquals", index)
            yield from _check_name(name, state, own_names, place, suggestions)


def covers(earlier: str, later: str) -> bool:
    """Whether an element with the name `earlier` takes every error that the name `later` stands for."""
    return (
        earlier in (later, ALL)
        or (earlier == TASK_FAILED and later not in _UNCOVERED)
        or (earlier == TIMEOUT and later == HEARTBEAT_TIMEOUT)
    )


def _covered(handlers: list[tuple[tuple[str, ...], JsonPath]], code: str, word: str) -> Iterator[Diagnostic]:
    taken: dict[str, JsonPath] = {}
    """Names seen so far, with the element that has them."""
    for names, path in handlers:
        cover = {name: each for name in names if (each := _cover(name, taken)) is not None}
        if names and len(cover) == len(set(names)):
            first = next(iter(cover.values()))
            message = f"This {word} is never used: the {word} {first[1][-1]} takes {_listed(list(cover))} before it"
            yield warning(code, message, path)
        else:
            for index, name in enumerate(names):
                if name in cover:
                    earlier, at = cover[name]
                    reason = "" if earlier == name else f" with '{earlier}'"
                    message = f"'{name}' never gets here: the {word} {at[-1]} takes it before{reason}"
                    yield warning(ERROR_NAME_COVERED, message, (*path, "ErrorEquals", index))
        for name in names:
            taken.setdefault(name, path)


def _cover(name: str, taken: dict[str, JsonPath]) -> tuple[str, JsonPath] | None:
    for earlier in (name, TASK_FAILED, TIMEOUT):
        if earlier in taken and covers(earlier, name):
            return earlier, taken[earlier]
    return None


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


def _fail_names(state: model.State) -> frozenset[str]:
    """The names that Fail states inside give; with `ANY_NAME` among them if one computes its name."""
    names = set()
    for each in with_inner(state):
        if isinstance(each, model.Fail):
            if each.error_path is not None or is_expression(each.error):
                return frozenset({ANY_NAME})
            if each.error is not None:
                names.add(each.error)
    return frozenset(names)


def _check_name(
    name: str,
    state: model.Task | model.Parallel | model.Map,
    own_names: frozenset[str],
    place: JsonPath,
    suggestions: Suggestions,
) -> Iterator[Diagnostic]:
    if name in own_names:
        return
    if name == RUNTIME:
        message = f"'{RUNTIME}' is never retried or caught: it always fails the execution"
        yield warning(ERROR_NEVER_RAISED, message, place)
    elif name in _RAISED_BY:
        is_raised = _RAISED_BY[name]
        if ANY_NAME not in own_names and not any(is_raised(each) for each in with_inner(state)):
            yield warning(ERROR_NEVER_RAISED, f"'{name}' never comes from this state: {_WHY[name]}", place)
    elif name.startswith(_RESERVED_PREFIX):
        if ANY_NAME not in own_names and not name.startswith(_HTTP):
            message = f"'{name}' is no error name: names with 'States.' are reserved"
            yield warning(UNKNOWN_RESERVED_ERROR, message, place, suggestions.sentence(name, _RAISED_BY))
    elif name[:4].lower() == "stat" and "." in name and (meant := suggestions.sentence(name, _RAISED_BY)) is not None:
        message = f"'{name}' is no reserved name, and stands for itself"
        yield warning(UNKNOWN_RESERVED_ERROR, message, place, meant)
    elif isinstance(state, model.Task):
        yield from _foreign(name, parse_resource(state.resource), place)


def _foreign(name: str, resource: Resource, place: JsonPath) -> Iterator[Diagnostic]:
    """An error name of another service than the one that the task calls."""
    if resource.kind is not ResourceKind.SERVICE or not resource.text.startswith("arn:"):
        return
    if resource.pattern is IntegrationPattern.WAIT_FOR_TASK_TOKEN or resource.type in ("lambda", "aws-sdk:lambda"):
        return  # whoever has the token, or the function, chooses the name
    first, dot, rest = name.partition(".")
    if not dot:
        return
    if first == "Lambda":
        message = f"'{name}' never comes from this state: it calls {resource.type}, not Lambda"
        yield warning(ERROR_NEVER_RAISED, message, place)
    expected = _FIRST_WORDS.get(resource.type)
    if expected is not None and first != expected and first.lower() == expected.lower():
        message = f"'{name}' never comes from this state: errors of {resource.type} begin with '{expected}.'"
        yield warning(ERROR_NEVER_RAISED, message, place, f"did you mean `{expected}.{rest}`?")
