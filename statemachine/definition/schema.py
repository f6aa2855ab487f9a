"""The JSON Schema layer: the files of ``schemas/``, which editors use too, applied state by state.

Rules
- The schema is picked by the state's Type before validating, so that a finding names the real fault; nowhere is
  "not valid under any of the given schemas" said. Keywords that could only say so (`oneOf`, `not`, `if`) carry an
  `errorMessage`, the keyword that VS Code shows as well.
- States inside states are visited one by one: `state.schema.json` is replaced by a schema that accepts all, so neither
  jsonschema's recursion nor its cost depends on how deep a definition is nested.
- `structure` is as strict as the schemas, and says more; this layer keeps the two honest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath
from statemachine.definition.fields import STATE_TYPES
from statemachine.jsonvalue import Json

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMA_NAMES: Final = ("state-machine", "state", "common", *(name.lower() for name in STATE_TYPES))
_BASE: Final = "file:///schemas/"


@cache
def schema_directory() -> Path:
    """Where the schemas are: in an installed package inside it, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The schema of this name (one of SCHEMA_NAMES), as written. Not to be changed."""
    path = schema_directory() / f"{name}.schema.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def check_schema(value: Json) -> list[Diagnostic]:
    """What the schemas find in a definition. Faults of states with an unknown Type are reported at Type only."""
    found: list[Diagnostic] = []
    todo: list[tuple[str, Json, JsonPath]] = [("state-machine", value, ())]
    while todo:
        name, part, path = todo.pop()
        found += _check(name, part, path)
        for states, at in _states_inside(name, part, path):
            for key, state in states.items():
                type_name = state.get("Type") if isinstance(state, dict) else None
                known = isinstance(type_name, str) and type_name in STATE_TYPES
                todo.append((str(type_name).lower() if known else "state", state, (*at, key)))
    return found


def _states_inside(name: str, part: Json, path: JsonPath) -> Iterator[tuple[dict[str, Json], JsonPath]]:
    if not isinstance(part, dict):
        return
    blocks: list[tuple[Json, JsonPath]] = []
    if name == "state-machine":
        blocks.append((part, path))
    elif name == "parallel" and isinstance(part.get("Branches"), list):
        blocks += [(each, (*path, "Branches", index)) for index, each in enumerate(part["Branches"])]
    elif name == "map":
        blocks += [(part.get(key), (*path, key)) for key in ("ItemProcessor", "Iterator")]
    for block, at in blocks:
        if isinstance(block, dict) and isinstance(block.get("States"), dict):
            yield block["States"], (*at, "States")


def _check(name: str, part: Json, path: JsonPath) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    try:
        for error in _validator(name).iter_errors(part):
            found += _findings(error, path)
    except RecursionError:
        pass  # rules inside rules beyond what jsonschema can follow; `structure` bounds and checks them
    return found


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    registry: Registry[Any] = Registry()
    for each in SCHEMA_NAMES:
        contents = {} if each == "state" else load_schema(each)
        resource: Resource[Any] = Resource.from_contents(contents, default_specification=DRAFT202012)
        registry = registry.with_resource(f"{_BASE}{each}.schema.json", resource)
    if name == "state":
        properties = {key: load_schema("state")[key] for key in ("type", "required", "properties")}
        return Draft202012Validator(properties)
    return Draft202012Validator({"$ref": f"{_BASE}{name}.schema.json"}, registry=registry)


def _findings(error: ValidationError, base: JsonPath) -> Iterator[Diagnostic]:
    path: JsonPath = (*base, *error.absolute_path)
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    for message, place in _messages(error, path, schema):
        yield Diagnostic(SCHEMA_VALIDATION_FAILED, message, path, place=place)


def _messages(error: ValidationError, path: JsonPath, schema: dict[str, Any]) -> Iterator[tuple[str, JsonPath | None]]:
    limit: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            for key in instance:
                if key not in schema.get("properties", {}):
                    yield f"Field '{key}' is not supported", (*path, key)
        case "required":
            # jsonschema reports each missing field on its own, without naming it but in the text.
            missing = next(name for name in limit if name not in instance and repr(name) in error.message)
            yield f"These fields are required: [{missing}]", None
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            yield f"Expected value of type {kinds[0].capitalize()}", None
        case "minLength" | "minItems" | "minProperties" if "errorMessage" not in schema:
            yield "Value cannot be empty", None
        case "minimum":
            yield f"Minimum value is {limit}", None
        case "maximum":
            yield f"Maximum value is {limit}", None
        case "enum" if "errorMessage" not in schema:
            yield f"Value should be one of the following: [{', '.join(map(str, limit))}]", None
        case _:
            yield str(schema.get("errorMessage", error.message)), None
