"""Names that the context object and ``$states`` do not have, where a path or an expression reads them.

AWS accepts such a path when the machine is created, and the execution fails or reads nothing; so these are warnings.
Sources: developer guide, "Accessing execution data from the Context object", "Transforming data with JSONata"; for
``Compensation`` docs/compensation.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.structure import is_expression
from statemachine.definition.suggestions import Suggestions
from statemachine.jsonvalue import Json

CONTEXT_FIELD: Final = "SM_CONTEXT_FIELD"

Names: TypeAlias = Mapping[str, "Names | None"]
"""The fields of an object; None where anything may follow."""

CONTEXT: Final[Names] = {
    "Execution": {
        "Id": None,
        "Input": None,
        "Name": None,
        "RoleArn": None,
        "StartTime": None,
        "RedriveCount": None,
        "RedriveTime": None,
    },
    "State": {"EnteredTime": None, "Name": None, "RetryCount": None},
    "StateMachine": {"Id": None, "Name": None},
    "Task": {"Token": None},
    "Map": {"Item": {"Index": None, "Value": None, "Key": None, "Source": None}},
    "Compensation": {"State": None, "Input": None, "Output": None, "Error": None, "Cause": None},
}
STATES: Final[Names] = {"input": None, "result": None, "errorOutput": None, "context": CONTEXT}

_IN_PATHS: Final = re.compile(r"\$\$((?:\.[A-Za-z_]\w*)+)")
_IN_EXPRESSIONS: Final = re.compile(r"(?<![\w$])\$states((?:\.[A-Za-z_]\w*)+)")


def check_context_fields(value: Json) -> Iterator[Diagnostic]:
    """Warnings about names that are not there, in all paths and expressions of a definition."""
    todo: list[tuple[Json, JsonPath]] = [(value, ())]
    suggestions = Suggestions()
    while todo:
        each, path = todo.pop()
        if isinstance(each, dict):
            todo += [(item, (*path, key)) for key, item in each.items()]
        elif isinstance(each, list):
            todo += [(item, (*path, index)) for index, item in enumerate(each)]
        elif isinstance(each, str) and "$" in each:
            yield from _unknown(each, path, suggestions)


def _unknown(text: str, path: JsonPath, suggestions: Suggestions) -> Iterator[Diagnostic]:
    if is_expression(text):
        pattern, root, names = _IN_EXPRESSIONS, "$states", STATES
    elif _is_path_field(path):
        pattern, root, names = _IN_PATHS, "$$", CONTEXT
    else:
        return
    for match in pattern.finditer(text):
        known: Names | None = names
        read, at = root, match.start(1)
        for name in match[1].split(".")[1:]:
            if known is None:
                break
            if name not in known:
                suggestion = suggestions.sentence(name, known) or f"it has {', '.join(known)}"
                message = f"`{read}` has no field '{name}'"
                yield Diagnostic(
                    CONTEXT_FIELD, message, path, Severity.WARNING, suggestion=suggestion, place=path, offset=at + 1
                )
                break
            known, read, at = known[name], f"{read}.{name}", at + 1 + len(name)


def _is_path_field(path: JsonPath) -> bool:
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return key.endswith((".$", "Path")) or key == "Variable"
