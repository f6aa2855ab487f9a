"""The table of fields and the files of schemas/ say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.definition import fields
from statemachine.definition.fields import Field, JsonType, Shape
from statemachine.definition.schema import SCHEMA_NAMES, load_schema, schema_directory

DEFS = load_schema("common")["$defs"]
SHAPES: dict[str, tuple[Shape, dict[str, Any]]] = {
    "state machine": (fields.STATE_MACHINE, load_schema("state-machine")),
    **{f"{name} state": (shape, load_schema(name.lower())) for name, shape in fields.STATES.items()},
    "branch": (fields.BRANCH, DEFS["branch"]),
    "item processor": (fields.ITEM_PROCESSOR, DEFS["itemProcessor"]),
    "processor configuration": (fields.PROCESSOR_CONFIG, DEFS["processorConfig"]),
    "retrier": (fields.RETRIER, DEFS["retrier"]),
    "catcher": (fields.CATCHER, DEFS["catcher"]),
    "choice rule": (fields.CHOICE_RULE, DEFS["choiceRule"]),
    "nested choice rule": (fields.NESTED_RULE, DEFS["nestedRule"]),
    "item reader": (fields.ITEM_READER, DEFS["itemReader"]),
    "reader configuration": (fields.READER_CONFIG, DEFS["readerConfig"]),
    "item batcher": (fields.ITEM_BATCHER, DEFS["itemBatcher"]),
    "result writer": (fields.RESULT_WRITER, DEFS["resultWriter"]),
    "writer configuration": (fields.WRITER_CONFIG, DEFS["writerConfig"]),
}
FIELDS = [(name, field, schema) for name, (shape, schema) in SHAPES.items() for field in shape.fields.values()]
JSON_TYPES = {
    JsonType.STRING: "string",
    JsonType.INTEGER: "integer",
    JsonType.NUMBER: "number",
    JsonType.BOOLEAN: "boolean",
    JsonType.OBJECT: "object",
    JsonType.ARRAY: "array",
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else {**DEFS[reference.rpartition("/")[2]], **schema}


@pytest.mark.parametrize("name", SHAPES)
def test_a_schema_has_the_fields_of_the_table_and_no_others(name: str) -> None:
    shape, schema = SHAPES[name]
    assert list(schema["properties"]) == list(shape.fields)
    assert schema["additionalProperties"] is False
    assert tuple(schema.get("required", ())) == shape.required
    assert schema["type"] == "object"


@pytest.mark.parametrize(("name", "field", "schema"), FIELDS, ids=lambda each: getattr(each, "name", None))
def test_a_field_is_the_same_in_both(name: str, field: Field, schema: dict[str, Any]) -> None:
    written = resolved(schema["properties"][field.name])
    assert written.get("description"), f"{name}: {field.name} has no description"
    assert (written.get("minimum"), written.get("maximum")) == (field.minimum, field.maximum)
    if field.name == "Type":
        assert written["const"] == name.removesuffix(" state")
    elif field.values:
        assert tuple(written["enum"]) == field.values
    elif field.type is None:
        assert "type" not in written
    else:
        types = [written["type"]] if isinstance(written["type"], str) else written["type"]
        expected = [JSON_TYPES[field.type]]
        if field.nullable:
            expected.append("null")
        if field.expression and field.type is not JsonType.STRING:
            expected.append("string")
        assert types == expected
    if field.expression or field.timestamp or field.name == "Label":
        assert written["pattern"]
        assert written["errorMessage"]
    if field.non_empty and field.type is not None:
        keyword = {"String": "minLength", "Array": "minItems", "Object": "minProperties"}[field.type.value]
        assert written[keyword] == 1
    if field.items is not None:
        assert resolved(written["items"])["type"] == JSON_TYPES[field.items]


@pytest.mark.parametrize("name", SHAPES)
def test_the_groups_of_the_table_are_rules_of_the_schema(name: str) -> None:
    shape, schema = SHAPES[name]
    rules = schema.get("allOf", [])
    one_of = [tuple(each["required"][0] for each in rule["oneOf"]) for rule in rules if "oneOf" in rule]
    none_of = [tuple(rule["not"]["required"]) for rule in rules if "not" in rule]
    for group in shape.one_of:
        assert group in one_of
    assert none_of == list(shape.at_most_one_of)
    if name.removesuffix(" state") in fields.FLOW_TYPES:
        assert ("Next", "End") in one_of


def keywords(schema: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(schema, dict):
        here = [schema] if name in schema else []
        return here + [each for value in schema.values() for each in keywords(value, name)]
    return [each for value in schema for each in keywords(value, name)] if isinstance(schema, list) else []


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_a_keyword_that_names_no_fault_has_a_message(name: str) -> None:
    schema = load_schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert schema["description"]
    for keyword in ("oneOf", "anyOf", "not", "pattern", "propertyNames"):
        for each in keywords(schema, keyword):
            holder = each["propertyNames"] if keyword == "propertyNames" else each
            assert holder.get("errorMessage"), f"{keyword} in {each}"


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_schemas_are_schemas(name: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(load_schema(name))


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_references_lead_somewhere(name: str) -> None:
    for each in keywords(load_schema(name), "$ref"):
        file, _, pointer = each["$ref"].partition("#")
        target: Any = json.loads((schema_directory() / (file or f"{name}.schema.json")).read_text(encoding="utf-8"))
        for part in pointer.split("/")[1:]:
            target = target[part]
        assert target["type"] == "object"


def test_the_state_schema_knows_all_types() -> None:
    schema = load_schema("state")
    assert tuple(schema["properties"]["Type"]["enum"]) == fields.STATE_TYPES
    assert [each["if"]["properties"]["Type"]["const"] for each in schema["allOf"]] == list(fields.STATE_TYPES)


def test_all_operators() -> None:
    assert len(fields.OPERATORS) == 39
    assert fields.OPERATORS["NumericLessThanEqualsPath"].type is JsonType.STRING
    assert fields.OPERATORS["NumericLessThanEquals"].type is JsonType.NUMBER
    assert fields.OPERATORS["IsPresent"].type is JsonType.BOOLEAN
    assert fields.OPERATORS["TimestampEquals"].timestamp
    assert "StringMatchesPath" not in fields.OPERATORS
    assert "BooleanLessThan" not in fields.OPERATORS


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("TimeoutSeconds", {"Task"}),
        ("Retry", {"Task", "Parallel", "Map"}),
        ("Catch", {"Task", "Parallel", "Map"}),
        ("ResultPath", {"Task", "Pass", "Parallel", "Map"}),
        ("ResultSelector", {"Task", "Parallel", "Map"}),
        ("Arguments", {"Task", "Parallel"}),
        ("Output", {"Task", "Pass", "Wait", "Choice", "Succeed", "Parallel", "Map"}),
        ("Assign", {"Task", "Pass", "Wait", "Choice", "Parallel", "Map"}),
        ("InputPath", {"Task", "Pass", "Wait", "Choice", "Succeed", "Parallel", "Map"}),
        ("Next", {"Task", "Pass", "Wait", "Parallel", "Map"}),
    ],
)
def test_which_states_have_a_field(name: str, states: set[str]) -> None:
    assert {type_name for type_name, shape in fields.STATES.items() if name in shape.fields} == states
