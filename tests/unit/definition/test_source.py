"""Reading a definition's text: values, positions, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath, Position
from statemachine.definition.source import (
    DUPLICATE_KEY,
    INVALID_ENCODING,
    INVALID_JSON,
    INVALID_YAML,
    TOO_LARGE,
    Source,
    SourceFormat,
    load_source,
    source_of_value,
)
from statemachine.errors import DefinitionError
from statemachine.limits import DefinitionLimits

JSON, YAML = SourceFormat.JSON, SourceFormat.YAML


def refused(text: str | bytes, **options: Any) -> list[Diagnostic]:
    with pytest.raises(DefinitionError) as caught:
        load_source(text, **options)
    return list(caught.value.diagnostics)


def yaml_value(text: str) -> Any:
    return load_source(f"value: {text}", format=YAML).value["value"]


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("+17", 17),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("-1.5E-3", -0.0015),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
def test_yaml_scalars_of_the_core_schema(text: str, value: Any) -> None:
    read = yaml_value(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "on",
        "off",
        "yes",
        "No",
        "y",
        "n",
        "010",
        "012345678901",
        "08",
        "-01",
        "1:30",
        "190:20:30",
        "1_000",
        "0b11",
        "0x",
        "2024-01-31",
        "2024-01-31T12:00:00Z",
        "2024-01-31 12:00:00",
        "nULL",
        "tRUE",
        "1e",
        "1.5.2",
        "+",
        ".",
        "=",
        "1 2",
        "$.a",
        "arn:aws:states:::lambda:invoke",
    ],
)
def test_what_yaml_1_1_would_turn_into_something_else_stays_text(text: str) -> None:
    assert yaml_value(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"1"', "1"),
        ("'true'", "true"),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1),
        ("!!bool true", True),
        ("!!null ~", None),
        ("!!seq [1]", [1]),
        ("!!map {a: 1}", {"a": 1}),
        ('"\\U0001F600"', "\U0001f600"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_yaml_quotes_and_tags(text: str, value: Any) -> None:
    assert yaml_value(text) == value


def test_yaml_aliases_are_values() -> None:
    text = "retry: &r [{ErrorEquals: [E]}]\na: *r\nb: [*r, *r]\nname: &n k\n*n : 1\n"
    value = load_source(text, format=YAML).value
    retry = [{"ErrorEquals": ["E"]}]
    assert value == {"retry": retry, "a": retry, "b": [retry, retry], "name": "k", "k": 1}


def test_json_surrogate_pairs() -> None:
    assert load_source('{"a": "\\ud83d\\ude00"}').value == {"a": "\U0001f600"}


def test_key_order_is_kept() -> None:
    for text in ('{"z": 1, "a": 2}', "z: 1\na: 2\n"):
        assert list(load_source(text).value) == ["z", "a"]


@pytest.mark.parametrize("mark", ["\ufeff", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("format", [JSON, YAML])
def test_a_byte_order_mark_is_no_character(mark: Any, format: SourceFormat) -> None:
    text = '{"a": 1}'
    source = load_source(mark + (text if isinstance(mark, str) else text.encode()), format=format)
    assert source.value == {"a": 1}
    assert source.position(("a",)) == Position(1, 7)


# --- format -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "format"),
    [
        ("x.json", '{"a": 1}', JSON),
        ("x.asl", '{"a": 1}', JSON),
        ("x.ASL.JSON", '{"a": 1}', JSON),
        ("x.yaml", '{"a": 1}', YAML),
        ("x.asl.yml", "a: 1", YAML),
        (None, '\n  {"a": 1}', JSON),
        (None, "a: 1", YAML),
        (None, "{a: 1}", YAML),
        (None, "{'a': 1}", YAML),
        (None, "# comment\na: 1", YAML),
        (None, "---\na: 1", YAML),
        ("x.txt", "a: 1", YAML),
    ],
)
def test_the_format_is_guessed(file: str | None, text: str, format: SourceFormat) -> None:
    source = load_source(text, file=file)
    assert source.format is format
    assert source.value == {"a": 1}
    assert source.file == file
    assert source.text == text


def test_what_is_obviously_json_is_not_tried_as_yaml() -> None:
    (found,) = refused('{"a": 1 "b": 2}')
    assert found.code == INVALID_JSON


# --- no object --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\ufeff", b""])
@pytest.mark.parametrize("format", [JSON, YAML, None])
def test_an_empty_definition(text: str | bytes, format: SourceFormat | None) -> None:
    (found,) = refused(text, format=format, file="x")
    assert (found.code, found.message) == (SCHEMA_VALIDATION_FAILED, "Definition must be a valid JSON object")
    assert found.location is None
    assert (found.position, found.file) == (Position(1, 1), "x")


@pytest.mark.parametrize("text", ["[]", "1", '"a"', "null", "[[1]]", "~", "- a", "some words", "# nothing"])
def test_a_definition_that_is_no_object(text: str) -> None:
    (found,) = refused(text)
    assert (found.code, found.message) == (SCHEMA_VALIDATION_FAILED, "Definition must be a valid JSON object")


# --- JSON syntax ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column", "hint"),
    [
        ('{\n  "a": 1,\n}', 3, 1, "remove the comma"),
        ('{"a": [1, 2,]}', 1, 13, "remove the comma"),
        ("{\"a\": 'x'}", 1, 7, "double quotes"),
        ('{"a": 1 "b": 2}', 1, 8, "comma is missing"),
        ('{"a": 1\n  "b": 2}', 1, 8, "comma is missing"),
        ('{"a": [{}\n\n  {}]}', 1, 10, "comma is missing"),
        ('{"a": 1\n  : 2}', 2, 3, ""),
        ('{"a": 1, // why\n "b": 2}', 1, 10, "no comments"),
        ('{"a": [1]\n', 2, 1, "brackets are closed"),
        ('{"a":', 1, 6, "brackets are closed"),
    ],
)
def test_json_syntax_errors_say_what_is_probably_wrong(text: str, line: int, column: int, hint: str) -> None:
    (found,) = refused(text, format=JSON)
    assert found.code == INVALID_JSON
    assert found.position is not None
    assert found.position.line == line
    assert abs(found.position.column - column) <= 1  # Python's decoder moved the place by one between versions
    assert hint in (found.suggestion or "")


def test_a_sentence_of_the_decoder_is_not_left_open() -> None:
    (found,) = refused('{"a": "b\nc"}', format=JSON)
    assert found.message == "Invalid control character"


def test_a_bare_word_is_reported_in_the_words_of_aws() -> None:
    (found,) = refused("hello there", format=JSON)
    assert found.code == INVALID_JSON
    assert found.message == (
        "Unrecognized token 'hello': was expecting "
        "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    )


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ('{"a": NaN}', "NaN is not a JSON value", Position(1, 7)),
        ('{"a": [1, -Infinity]}', "-Infinity is not a JSON value", Position(1, 11)),
        ('{"a":\n 1e999}', "The number 1e999 is too large", Position(2, 2)),
        ('{"a": ' + "1" * 5000 + "}", "more than 4300 digits", Position(1, 7)),
    ],
)
def test_json_numbers_that_are_none(text: str, message: str, position: Position) -> None:
    (found,) = refused(text)
    assert found.code == INVALID_JSON
    assert message in found.message
    assert found.path is not None
    assert found.path[0] == "a"
    assert found.position == position


# --- duplicate keys ---------------------------------------------------------------------------------------------------

DUPLICATES = [
    (
        '{"a": 1,\n "b": {"c": 1, "c": 2, "c": 3},\n "a": 2}',
        JSON,
        [(("b", "c"), Position(2, 16)), (("b", "c"), Position(2, 24)), (("a",), Position(3, 2))],
    ),
    (
        "a: 1\nb: {c: 1, c: 2}\nlist:\n- x: 1\n  x: 2\na: 3\n",
        YAML,
        [(("b", "c"), Position(2, 11)), (("list", 0, "x"), Position(5, 3)), (("a",), Position(6, 1))],
    ),
    ('{"a": 1, "\\u0061": 2}', JSON, [(("a",), Position(1, 10))]),
]


@pytest.mark.parametrize(("text", "format", "expected"), DUPLICATES)
def test_all_duplicate_keys_are_reported(
    text: str, format: SourceFormat, expected: list[tuple[JsonPath, Position]]
) -> None:
    found = refused(text, format=format)
    assert [(each.path, each.position) for each in found] == expected
    assert {each.code for each in found} == {DUPLICATE_KEY}


def test_duplicates_and_other_faults_are_reported_together() -> None:
    found = refused('{"a": 1, "a": NaN}')
    assert [each.code for each in found] == [DUPLICATE_KEY, INVALID_JSON]


# --- YAML syntax ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: [1, 2\n", "flow sequence", 2, 1),
        ("a: b: c\n", "mapping values are not allowed", 1, 5),
        ("a:\n\tb: 1\n", "cannot start any token", 2, 1),
        ("a: 1\n---\nb: 2\n", "one YAML document", 2, 1),
        ("200: x\n", 'The key 200 is a number in YAML, and keys must be strings: write "200"', 1, 1),
        ("a:\n  true: x\n", "The key true is a boolean", 2, 3),
        ("~: x\n", "The key ~ is a null", 1, 1),
        ("? \n: x\n", "The key (empty) is a null", 1, 2),
        ("? [a]\n: 1\n", "A key must be a string", 1, 3),
        ("? {a: 1}\n: 1\n", "A key must be a string", 1, 3),
        ("a: &x [1]\n*x : 1\n", "is not a string", 2, 1),
        ("<<: {a: 1}\n", "Merge keys", 1, 1),
        ("a: !Sub x\n", "!Sub (a function of CloudFormation)", 1, 4),
        ("a: !GetAtt [F, Arn]\n", "!GetAtt", 1, 4),
        ("a: !Sub {b: 1}\n", "!Sub", 1, 4),
        ("a: !custom x\n", "!custom", 1, 4),
        ("a: !!binary eA==\n", "!!binary", 1, 4),
        ("a: !!set {x}\n", "!!set", 1, 4),
        ("a: !!timestamp 2024-01-01\n", "!!timestamp", 1, 4),
        ("a: !!python/object:os.system x\n", "!!python/object:os.system", 1, 4),
        ("a: !!int x\n", "no !!int", 1, 4),
        ("a: .inf\n", "no JSON number", 1, 4),
        ("a: -.INF\n", "no JSON number", 1, 4),
        ("a: .nan\n", "no JSON number", 1, 4),
        ("a: 1e999\n", "no JSON number", 1, 4),
        ("a: *nobody\n", "undefined alias|no anchor", 1, 4),
        ("a: &x [*x]\n", "stands inside what it refers to", 1, 8),
        ("a: &x {b: {c: *x}}\n", "stands inside what it refers to", 1, 15),
        ("a: \x01\n", "is not allowed in YAML", 1, 4),
        ('a: "\\ud83d\\ude00"\n', "Unicode character escape", 1, 7),
        ("a: @x\n", "cannot start any token", 1, 4),
    ],
)
def test_yaml_that_is_refused(text: str, message: str, line: int, column: int) -> None:
    found = refused(text, format=YAML)
    assert len(found) == 1
    assert found[0].code == INVALID_YAML
    assert any(each in found[0].message for each in message.split("|"))
    assert found[0].position == Position(line, column)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 1\n", "YAML does not allow tabs for indentation: use spaces"),
        ("a: {% $x %}\n", 'put the expression in quotes: "{% … %}"'),
        ("a: Step 1: go\n", "put a text with a colon in quotes, or correct the indentation"),
        ('a: "\\d"\n', "write the character itself, or use single quotes, where a backslash is a backslash"),
        ("a: %x\n", None),
    ],
)
def test_yaml_syntax_errors_say_what_is_probably_wrong(text: str, hint: str | None) -> None:
    (found,) = refused(text, format=YAML)
    assert found.suggestion == hint


def test_all_keys_that_are_no_strings_are_reported() -> None:
    found = refused("1: a\nx: {2: b, true: c}\n")
    assert [each.position for each in found] == [Position(1, 1), Position(2, 5), Position(2, 11)]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert load_source("'<<': 1\n").value == {"<<": 1}


# --- hostile input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        "a: " + "[" * 200_000,
        "a: " + "{b: " * 100_000,
        "- " * 200_000,
        "? " * 200_000,
        "".join(" " * depth + "a:\n" for depth in range(500)),
        "a: " + "[" * 129 + "]" * 129,
        '{"a": ' + "[" * 128 + "]" * 128 + "}",
        "a: &a [[[]]]\nb: " + "[" * 126 + "*a" + "]" * 126,
    ],
)
def test_nesting_is_bounded(text: str) -> None:
    (found,) = refused(text)
    assert "nested deeper than 128 levels" in found.message or "A key must be a string" in found.message


@pytest.mark.parametrize(("format", "depth"), [(JSON, 128), (YAML, 128), (JSON, 5), (YAML, 5)])
def test_the_bound_is_the_same_for_both_formats(format: SourceFormat, depth: int) -> None:
    limits = DefinitionLimits(depth=depth)
    text = '{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"
    assert load_source(text, format=format, limits=limits).value
    text = '{"a": ' + "[" * depth + "]" * depth + "}"
    assert "nested" in refused(text, format=format, limits=limits)[0].message


@pytest.mark.parametrize("text", ["a: &x {b: [1, 010, on]}\nc: *x\n", "a:\n- b\n- ~\n", '{"a": "\\n"}'])
def test_yaml_without_libyaml(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = load_source(text, format=YAML)
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = load_source(text, format=YAML)
    assert slow.value == fast.value
    for path, _ in every_path(fast.value):
        assert slow.position(path) == fast.position(path)
    assert "nested deeper" in refused("a: " + "[" * 2_000, format=YAML)[0].message


def test_an_alias_bomb_is_refused_before_it_is_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 50)]
    (found,) = refused("\n".join(lines))
    assert "more than 250000 values" in found.message
    assert found.position is not None
    assert found.position.line == 6


def test_values_are_counted() -> None:
    limits = DefinitionLimits(nodes=10)
    assert load_source('{"a": [1, 2, 3, 4, 5, 6, 7, 8]}', limits=limits).value
    assert load_source("a: [1, 2, 3, 4, 5, 6, 7, 8]", limits=limits).value
    for text in ('{"a": [1, 2, 3, 4, 5, 6, 7, 8, 9]}', "a: [1, 2, 3, 4, 5, 6, 7, 8, 9]"):
        assert "more than 10 values" in refused(text, limits=limits)[0].message
    # Commas within strings are no values.
    assert load_source('{"a": "1,2,3,4,5,6,7,8,9,10,11,12,13"}', limits=limits).value


@pytest.mark.parametrize(
    "text", ['{"a": "' + "x" * 1_048_576 + '"}', b"a: " + b"x" * 1_048_576, '{"a": "' + "é" * 524_288 + '"}']
)
def test_size_is_bounded(text: str | bytes) -> None:
    (found,) = refused(text)
    assert found.code == TOO_LARGE


def test_many_directives_are_refused() -> None:
    assert "directives" in refused("a: 1\n...\n" + "%TAG !x! tag:x\n" * 5_000, format=YAML)[0].message


@pytest.mark.parametrize("text", [b'{"a": "\xff"}', b"\xff\xfe{\x00", b"a: \xe9"])
def test_other_encodings_are_refused(text: bytes) -> None:
    assert refused(text)[0].code == INVALID_ENCODING


@pytest.mark.parametrize("text", ['{"a": "\ud83d"}', "a: \udc80"])
def test_lone_surrogates_are_refused(text: str) -> None:
    (found,) = refused(text)
    assert found.code == INVALID_ENCODING
    assert found.position is not None
    assert found.position.line == 1


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text(alphabet="{}[]:,\"'&*!|>-?#% \n\tab1.<~", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for format in (None, JSON, YAML):
        try:
            value = load_source(text, format=format).value
        except DefinitionError:
            continue
        assert isinstance(value, dict)


# --- positions --------------------------------------------------------------------------------------------------------

EXAMPLE = """{
  "StartAt": "A",
  "States": {
    "A": { "Type": "Pass", "Result": [1, {"é\\u00e9": null}], "End": true }
  }
}
"""
EXAMPLE_YAML = """# A comment
StartAt: A
States:
  A:
    Type: Pass
    Result:
      - 1
      - "é": ~
    End: true
"""


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), (1, 1)),
        (("StartAt",), (2, 14)),
        (("States", "A"), (4, 10)),
        (("States", "A", "Result"), (4, 38)),
        (("States", "A", "Result", 0), (4, 39)),
        (("States", "A", "Result", 1), (4, 42)),
        (("States", "A", "Result", 1, "éé"), (4, 54)),
        (("States", "A", "Result", 7), (4, 38)),
        (("States", "B", "Type"), (3, 13)),
        (("Nothing", "here"), (1, 1)),
    ],
)
def test_json_positions(path: JsonPath, position: tuple[int, int]) -> None:
    assert load_source(EXAMPLE).position(path) == Position(*position)


@pytest.mark.parametrize(
    ("path", "position"),
    [
        (("StartAt",), (2, 3)),
        (("States", "A", "Result"), (4, 28)),
        (("States", "A", "Result", 0), (4, 39)),
        ((), (1, 1)),
    ],
)
def test_json_key_positions(path: JsonPath, position: tuple[int, int]) -> None:
    assert load_source(EXAMPLE).position(path, key=True) == Position(*position)


@pytest.mark.parametrize(
    ("path", "position", "key"),
    [
        ((), (2, 1), False),
        (("States",), (4, 3), False),
        (("States",), (3, 1), True),
        (("States", "A", "Type"), (5, 11), False),
        (("States", "A", "Type"), (5, 5), True),
        (("States", "A", "Result", 0), (7, 9), False),
        (("States", "A", "Result", 1), (8, 9), False),
        (("States", "A", "Result", 1, "é"), (8, 14), False),
        (("States", "A", "Result", 1, "é"), (8, 9), True),
        (("States", "A", "End", "deeper"), (9, 10), False),
    ],
)
def test_yaml_positions(path: JsonPath, position: tuple[int, int], key: bool) -> None:
    assert load_source(EXAMPLE_YAML).position(path, key=key) == Position(*position)


@pytest.mark.parametrize("format", [JSON, YAML])
def test_carriage_returns_do_not_move_columns(format: SourceFormat) -> None:
    source = load_source('{\r\n  "a":\r\n    {"b": 1}\r\n}\r\n', format=format)
    assert source.position(("a",), key=True) == Position(2, 3)
    assert source.position(("a", "b")) == Position(3, 11)


@pytest.mark.parametrize("format", [JSON, YAML])
def test_columns_count_characters(format: SourceFormat) -> None:
    source = load_source('{"\U0001f600é": "\U0001f600", "b": 1}', format=format)
    assert source.position(("b",), key=True) == Position(1, 13)


def test_a_path_behind_an_alias_is_at_the_alias() -> None:
    source = load_source("a: &x {b: 1}\nc: *x\n")
    assert source.position(("a", "b")) == Position(1, 11)
    assert source.position(("c", "b")) == Position(2, 4)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=15,
    ),
    max_size=4,
)


def every_path(value: Any, path: JsonPath = ()) -> list[tuple[JsonPath, Any]]:
    found = [(path, value)]
    if isinstance(value, dict):
        found += [pair for key, item in value.items() for pair in every_path(item, (*path, key))]
    elif isinstance(value, list):
        found += [pair for index, item in enumerate(value) for pair in every_path(item, (*path, index))]
    return found


def offset_of(source: Source, position: Position) -> int:
    return sum(len(line) + 1 for line in source.text.split("\n")[: position.line - 1]) + position.column - 1


@given(DOCUMENTS, st.sampled_from([None, 0, 1, 3]), st.booleans(), st.sampled_from(["", " ", "\n\t "]))
def test_a_json_position_is_where_the_value_begins(value: Any, indent: int | None, ascii: bool, before: str) -> None:
    source = load_source(before + json.dumps(value, indent=indent, ensure_ascii=ascii), format=JSON)
    decoder = json.JSONDecoder()
    for path, expected in every_path(value):
        found, _ = decoder.raw_decode(source.text, offset_of(source, source.position(path)))
        assert found == expected
        if path and isinstance(path[-1], str):
            key, _ = decoder.raw_decode(source.text, offset_of(source, source.position(path, key=True)))
            assert key == path[-1]


class QuotingDumper(yaml.SafeDumper):
    """PyYAML writes YAML 1.1, where fewer words are numbers (1e3 is text): every string needs quotes."""


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@given(DOCUMENTS, st.booleans())
def test_yaml_and_json_of_a_document_give_the_same_value(value: Any, flow: bool) -> None:
    text = yaml.dump(value, Dumper=QuotingDumper, default_flow_style=flow, sort_keys=False)
    read = load_source(text, format=YAML).value
    assert json.dumps(read) == json.dumps(load_source(json.dumps(value), format=JSON).value) == json.dumps(value)


@given(DOCUMENTS)
def test_json_is_yaml_and_stands_at_the_same_places(value: Any) -> None:
    # A YAML escape is no surrogate, and DEL stands in YAML only escaped.
    text = json.dumps(value, indent=2)
    if "\\ud" in text or "\x7f" in text:
        return
    one, other = load_source(text, format=JSON), load_source(text, format=YAML)
    assert json.dumps(one.value) == json.dumps(other.value)
    for path, _ in every_path(value):
        assert one.position(path) == other.position(path)
        assert one.position(path, key=True) == other.position(path, key=True)


# --- values without text ----------------------------------------------------------------------------------------------


def test_a_value_gets_a_text() -> None:
    value = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    source = source_of_value(value)
    assert source.value == value
    assert source.position(("States", "A", "Type")).line == 5


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        {"a": {True: 1}},
        {"a": float("nan")},
        {"a": object()},
        {"a": {1, 2}},
        [],
        None,
        "text",
        {"a": [{None: 1}]},
    ],
)
def test_a_value_that_is_no_json_object_is_refused(value: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        source_of_value(value)
    assert caught.value.diagnostics[0].message.startswith("Definition must be a valid JSON object")


def test_a_cycle_is_refused() -> None:
    value: dict[str, Any] = {}
    value["self"] = value
    with pytest.raises(DefinitionError):
        source_of_value(value)
