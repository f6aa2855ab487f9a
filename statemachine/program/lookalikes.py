"""What looks computed and is not: AWS's warnings about paths and intrinsic functions that are taken as plain text.

Sources: API reference, ValidateStateMachineDefinitionDiagnostic (NO_DOLLAR, NO_PATH, PASS_RESULT_IS_STATIC). AWS does
not say what it takes for a path; here it is a text that can be read as one, and is more than a single ``$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.model import ABSENT
from statemachine.jsonvalue import Json

NO_DOLLAR: Final = "NO_DOLLAR"
NO_PATH: Final = "NO_PATH"
RESULT_IS_STATIC: Final = "PASS_RESULT_IS_STATIC"

_COMPUTED: Final = re.compile(r"\$\$?[.\[][^\s$]|\$\$?\['|States\.[A-Z][A-Za-z0-9]*\(")
_PATH: Final = re.compile(r"\$\$?[.\[]\S")


def check_lookalikes(states: Mapping[str, model.State]) -> Iterator[Diagnostic]:
    """Warnings about what looks computed in the JSONPath states of a block, and of the blocks inside it, and is not."""
    for state in states.values():
        if state.query_language is model.QueryLanguage.JSONPATH:
            yield from _state(state)
        if isinstance(state, model.Parallel):
            for branch in state.branches:
                yield from check_lookalikes(branch.states)
        elif isinstance(state, model.Map):
            yield from check_lookalikes(state.processor.branch.states)


def _state(state: model.State) -> Iterator[Diagnostic]:
    for field, template in (
        ("Parameters", state.parameters),
        ("ResultSelector", state.result_selector),
        ("Assign", state.assign),
    ):
        for place in _texts(template, (*state.path, field)):
            message = f"The value of '{place[-1]}' looks like a path or an intrinsic function and is taken as text"
            meant = f"write `{place[-1]}.$`" if isinstance(place[-1], str) else None
            yield Diagnostic(NO_DOLLAR, message, place, Severity.WARNING, suggestion=meant)
    if isinstance(state, model.Pass):
        for place in _texts(state.result, (*state.path, "Result")):
            message = "Result is not computed: the path is given out as text"
            yield Diagnostic(RESULT_IS_STATIC, message, place, Severity.WARNING, suggestion="use Parameters")
    if isinstance(state, model.Fail):
        for field, text in (("Error", state.error), ("Cause", state.cause)):
            if text is not None and _PATH.match(text):
                message = f"The value of '{field}' looks like a path and is taken as text"
                meant = f"use {field}Path"
                yield Diagnostic(NO_PATH, message, (*state.path, field), Severity.WARNING, suggestion=meant)


def _texts(value: Json | model.Absent, path: JsonPath) -> Iterator[JsonPath]:
    """The places of texts that look computed, under keys that are not."""
    if value is ABSENT:
        return
    is_static = path[-1] == "Result"
    todo: list[tuple[Json, JsonPath]] = [(value, path)]
    while todo:
        each, at = todo.pop()
        if isinstance(each, dict):
            todo += [(item, (*at, key)) for key, item in each.items() if is_static or not key.endswith(".$")]
        elif isinstance(each, list):
            todo += [(item, (*at, index)) for index, item in enumerate(each)]
        elif isinstance(each, str) and len(at) > len(path) and _COMPUTED.match(each):
            yield at
