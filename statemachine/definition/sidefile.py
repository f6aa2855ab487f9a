"""Files beside a definition, such as tasks files and mock files: read as a definition is read, held to their schema.

Findings are lines ``file:line:column: message (suggestion)``, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.schema import load_schema
from statemachine.definition.source import Source, SourceFormat, load_source
from statemachine.errors import DefinitionError
from statemachine.limits import DefinitionLimits

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SIDE_FILE_LIMITS: Final = DefinitionLimits(bytes=16 * 1_048_576)


def read_side_file(path: Path, schema: str, what: str) -> tuple[Source | None, list[str]]:
    """Read a JSON or YAML file and check it against ``schemas/<schema>.schema.json``.

    `what` names the file's kind in findings. Gives the source, unless it cannot even be read, and what is wrong.
    """
    suffix = SourceFormat.JSON if path.suffix.lower() == ".json" else None
    try:
        source = load_source(path.read_bytes(), file=str(path), format=suffix, limits=SIDE_FILE_LIMITS)
    except OSError as error:
        return None, [f"{path}: cannot be read: {error.strerror}"]
    except DefinitionError as error:
        return None, [_line(path, each, what) for each in error.diagnostics]
    return source, list(check_side_value(source.value, schema, source))


def check_side_value(value: Any, schema: str, source: Source | None = None) -> Iterator[str]:
    """What the schema finds in a value; with the source it was read from, where."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(load_schema(schema))
    for error in sorted(validator.iter_errors(value), key=_order):
        for message, place, key in _messages(error):
            yield f"{place_of(source, place, key=key)}{message}"


def place_of(source: Source | None, path: JsonPath, *, key: bool = False) -> str:
    """``file:line:column: `` of a value in a source; the path itself if there is no source."""
    if source is None:
        return f"{'.'.join(map(str, path))}: " if path else ""
    position = source.position(path, key=key)
    return f"{source.file}:{position.line}:{position.column}: "


def closest(name: str, names: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    """`` (did you mean 'x'?)``, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(names), 1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def _order(error: ValidationError) -> list[str]:
    return [f"{part:09}" if isinstance(part, int) else part for part in error.absolute_path]


def _messages(error: ValidationError) -> Iterator[tuple[str, JsonPath, bool]]:
    path: JsonPath = tuple(error.absolute_path)
    instance: Any = error.instance
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(schema.get("properties", {}))
        for name in instance:
            if name not in known:
                yield (
                    f"'{name}' is not known here{closest(name, known)}; expected {', '.join(known)}",
                    (*path, name),
                    True,
                )
        return
    yield str(schema.get("errorMessage", error.message)), path, False


def _line(path: Path, found: Diagnostic, what: str) -> str:
    where = f"{path}:{found.position.line}:{found.position.column}" if found.position else str(path)
    return f"{where}: {found.message.replace('The definition', f'The {what}').replace('Definition', f'A {what}')}"
