"""The expressions of a lowered definition: those that are made, and what becomes of those that were written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from statemachine.errors import ALL, HEARTBEAT_TIMEOUT, RUNTIME, TASK_FAILED, TIMEOUT
from statemachine.jsonvalue import Json


def texts(value: Json) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def rewritten(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """A value with its expressions changed: JSONata texts, and texts at keys that hold paths."""
    if isinstance(value, dict):
        return {name: rewritten(each, change, name) for name, each in value.items()}
    if isinstance(value, list):
        return [rewritten(each, change, key) for each in value]
    is_path = key.endswith((".$", "Path")) or key == "Variable"
    return change(value) if isinstance(value, str) and (is_path or value.startswith("{%")) else value


EARLIER: Final = "function($left, $right) { $left.Time > $right.Time }"
OUTPUTS: Final = (
    "{% $reduce($states.input, function($all, $each) { ($output := $lookup($each, 'output'); "
    "$append($all, $type($output) = 'array' ? [[$output]] : [$output])) }, []) %}"
)
"""The outputs in the envelopes. An array in an array constructor would be flattened."""


def quoted(text: str) -> str:
    """A JSONata literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def below(prefix: str, path: str | None) -> str | None:
    """A path of `$` as one of what is below `prefix`; others lead elsewhere."""
    if path is None or not re.match(r"\$($|[.\[])", path):
        return path
    return prefix + path[1:]


def matches(error_equals: list[str], error: str) -> str:
    """A condition that holds for the errors that a catcher takes (kernel/recovery.py)."""
    tests = []
    for name in error_equals:
        if name == ALL:
            tests.append("true")
        elif name == TASK_FAILED:
            tests.append(f'not({error} in ["{TIMEOUT}", "{HEARTBEAT_TIMEOUT}"])')
        elif name == TIMEOUT:
            tests.append(f'{error} in ["{TIMEOUT}", "{HEARTBEAT_TIMEOUT}"]')
        else:
            tests.append(f"{error} = {quoted(name)}")
    return f'{error} != "{RUNTIME}" and ({" or ".join(tests)})'.replace("not(", "$not(")


def reads_context(name: str, text: str) -> bool:
    """Whether a text reads this member of the context object."""
    return re.search(rf"(\$\$|\$states\.context)\.{name}\b", text) is not None


def of_path(text: str, variables: dict[str, str]) -> str:
    """An expression of a compensation path: what it reads of the context object is in these variables."""
    return re.sub(r"(?:\$\$|\$states\.context)\.(Compensation|Map)\b", lambda match: f"${variables[match[1]]}", text)


def of_result(text: str) -> str:
    """What a state reads after its work, read from {raw, result}."""
    return re.sub(r"\$states\.(input|result)\b", _renamed({"input": "raw", "result": "result"}), text)


def of_catcher(text: str) -> str:
    """What a catcher reads, read from {raw, error}."""
    return re.sub(r"\$states\.(input|errorOutput)\b", _renamed({"input": "raw", "errorOutput": "error"}), text)


def _renamed(names: dict[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda match: f"$states.input.{names[match[1]]}"
