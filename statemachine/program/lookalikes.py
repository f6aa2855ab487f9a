"""What looks computed and is not: paths, intrinsic functions and JSONata expressions that are taken as plain text.

Rules
- JSONPath: AWS's own warnings (API reference, ValidateStateMachineDefinitionDiagnostic: NO_DOLLAR, NO_PATH,
  PASS_RESULT_IS_STATIC). AWS does not say what it takes for a path; here it is a text that can be read as one, and is
  more than a single ``$``.
- JSONata: an expression with something around its ``{% %}`` is a text (fact jsonata-delimiter-needs-exact-edges), and
  so is each one in a JSONPath state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.structure import is_expression
from statemachine.jsonvalue import Json

NO_DOLLAR: Final = "NO_DOLLAR"
NO_PATH: Final = "NO_PATH"
RESULT_IS_STATIC: Final = "PASS_RESULT_IS_STATIC"
NOT_EVALUATED: Final = "SM_NOT_EVALUATED"

_COMPUTED: Final = re.compile(r"\$\$?[.\[][^\s$]|\$\$?\['|States\.[A-Z][A-Za-z0-9]*\(")
_PATH: Final = re.compile(r"\$\$?[.\[]\S")
_TEMPLATES: Final = (
    ("parameters", "Parameters"),
    ("result_selector", "ResultSelector"),
    ("arguments", "Arguments"),
    ("output", "Output"),
    ("assign", "Assign"),
)


def check_lookalikes(states: Mapping[str, model.State]) -> Iterator[Diagnostic]:
    """Warnings about what looks computed in the states of a block, and of the blocks inside it, and is not."""
    for state in states.values():
        look = _in_jsonpath if state.query_language is QueryLanguage.JSONPATH else _in_jsonata
        for template, path in _templates(state):
            for text, place in _texts(template, path):
                yield from look(text, place, path)
        if isinstance(state, model.Pass):
            yield from _result(state.result, (*state.path, "Result"))
        elif isinstance(state, model.Fail):
            yield from _failure(state)
        elif isinstance(state, model.Parallel):
            for branch in state.branches:
                yield from check_lookalikes(branch.states)
        elif isinstance(state, model.Map):
            yield from check_lookalikes(state.processor.branch.states)


def _templates(state: model.State) -> Iterator[tuple[Json, JsonPath]]:
    """The templates of a state, of its rules and of its catchers."""
    found = [(getattr(state, attribute), (*state.path, field)) for attribute, field in _TEMPLATES]
    if isinstance(state, model.Map) and state.item_selector is not state.parameters:
        found.append((state.item_selector, (*state.path, "ItemSelector")))
    if isinstance(state, model.Choice):
        found += _own(state.choices)
    elif isinstance(state, model.Task | model.Parallel | model.Map):
        found += _own(state.catch)
    return ((template, path) for template, path in found if template is not ABSENT)


def _own(each_of: tuple[model.ChoiceRule, ...] | tuple[model.Catcher, ...]) -> Iterator[tuple[Json, JsonPath]]:
    for each in each_of:
        yield each.assign, (*each.path, "Assign")
        yield each.output, (*each.path, "Output")


def _texts(value: Json, path: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    todo: list[tuple[Json, JsonPath]] = [(value, path)]
    while todo:
        each, at = todo.pop()
        if isinstance(each, dict):
            todo += [(item, (*at, key)) for key, item in each.items()]
        elif isinstance(each, list):
            todo += [(item, (*at, index)) for index, item in enumerate(each)]
        elif isinstance(each, str):
            yield each, at


def _in_jsonpath(text: str, place: JsonPath, template: JsonPath) -> Iterator[Diagnostic]:
    key = place[-1]
    if isinstance(key, str) and key.endswith(".$"):
        return
    if is_expression(text):
        yield _foreign(place)
    elif place != template and _COMPUTED.match(text):
        message = f"The value of '{key}' looks like a path or an intrinsic function and is taken as text"
        meant = f"write `{key}.$`" if isinstance(key, str) else None
        yield Diagnostic(NO_DOLLAR, message, place, Severity.WARNING, suggestion=meant)


def _in_jsonata(text: str, place: JsonPath, _template: JsonPath) -> Iterator[Diagnostic]:
    key = place[-1]
    message = None
    if not is_expression(text) and is_expression(text.strip()):
        message = "The expression is taken as text, for there are blanks or line breaks around its {% %}"
        meant = "remove them; in YAML, `|-` and `>-` leave no line break at the end"
    elif isinstance(key, str) and key.endswith(".$") and _COMPUTED.match(text):
        message = "A path or an intrinsic function is taken as text in JSONata"
        meant = f"write an expression in {{% %}}, under the key `{key.removesuffix('.$')}`"
    if message:
        yield Diagnostic(NOT_EVALUATED, message, place, Severity.WARNING, suggestion=meant)


def _result(result: Json, path: JsonPath) -> Iterator[Diagnostic]:
    """Result, which only JSONPath has, is computed in no way."""
    for text, place in _texts(result, path):
        if is_expression(text):
            yield _foreign(place)
        elif place != path and _COMPUTED.match(text):
            message = "Result is not computed: the path is given out as text"
            yield Diagnostic(RESULT_IS_STATIC, message, place, Severity.WARNING, suggestion="use Parameters")


def _failure(state: model.Fail) -> Iterator[Diagnostic]:
    for field, text in (("Error", state.error), ("Cause", state.cause)):
        if text is None:
            continue
        place = (*state.path, field)
        if state.query_language is QueryLanguage.JSONATA:
            yield from _in_jsonata(text, place, place)
        elif is_expression(text):
            yield _foreign(place)
        elif _PATH.match(text):
            message = f"The value of '{field}' looks like a path and is taken as text"
            yield Diagnostic(NO_PATH, message, place, Severity.WARNING, suggestion=f"use {field}Path")


def _foreign(place: JsonPath) -> Diagnostic:
    message = "A JSONata expression is taken as text in a JSONPath state"
    meant = "set QueryLanguage to JSONata, of the state or of the whole state machine"
    return Diagnostic(NOT_EVALUATED, message, place, Severity.WARNING, suggestion=meant)
