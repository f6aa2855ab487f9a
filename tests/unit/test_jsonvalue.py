"""JSON values: strict reading, compact writing, equality, paths."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import InvalidJsonError
from statemachine.jsonvalue import (
    MAX_DEPTH,
    Document,
    encode_json,
    is_number,
    json_equal,
    load_json,
    pointer,
    read_document,
    type_name,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_back(value: Any) -> None:
    read = load_json(encode_json(value))
    assert json_equal(read, value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not a JSON value"),
        ("[Infinity]", "Infinity is not a JSON value"),
        ("-Infinity", "-Infinity is not a JSON value"),
        ("1e400", "too large"),
        ("-1e400", "too large"),
        ("9" * 5000, "4300 digits"),
        ('{"a": 1, "a": 2}', 'the key "a" occurs twice'),
        ('{"b": {"a": 1, "a": 1}}', 'the key "a" occurs twice'),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested deeper"),
        ("[" * 100_000, "nested deeper"),
        ("01", "Extra data"),
        ("'a'", "Expecting value"),
        ("", "Expecting value"),
        ('"\t"', "Invalid control character"),
        ("[1,]", ""),
        ("\u00a01", "Expecting value"),
    ],
)
def test_reading_refuses_what_is_no_json(text: str, reason: str) -> None:
    with pytest.raises(InvalidJsonError) as caught:
        load_json(text)
    assert reason in caught.value.reason


def test_a_syntax_error_has_its_place() -> None:
    with pytest.raises(InvalidJsonError) as caught:
        load_json('{\n  "a": tru\n}')
    assert (caught.value.line, caught.value.column) == (2, 8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        ("12345678901234567890123456789", 12345678901234567890123456789),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\ud83d"', "\ud83d"),
        ("-0.0", -0.0),
        ("1E2", 100.0),
        ('{"z": 1, "a": 2}', {"z": 1, "a": 2}),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
    ],
)
def test_reading_keeps_values(text: str | bytes, value: Any) -> None:
    read = load_json(text)
    if value is not None:
        assert read == value
        assert type(read) is type(value)


def test_reading_refuses_other_encodings() -> None:
    with pytest.raises(InvalidJsonError, match="not UTF-8"):
        load_json('"é"'.encode("latin-1"))


def test_key_order_is_kept() -> None:
    assert encode_json(load_json('{"z":1,"a":{"y":1,"b":2}}')) == b'{"z":1,"a":{"y":1,"b":2}}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"é": "→"}, '{"é":"→"}'.encode()),
        ("\ud83d", b'"\\ud83d"'),
        (True, b"true"),
        (None, b"null"),
        (1.5, b"1.5"),
        (10**30, b"1000000000000000000000000000000"),
        ({"a": [1, {"b": "c d"}]}, b'{"a":[1,{"b":"c d"}]}'),
    ],
)
def test_writing(value: Any, text: bytes) -> None:
    assert encode_json(value) == text


def test_writing_refuses_what_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_json({"a": object()})


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (True, True, True),
        (None, None, True),
        (None, False, False),
        ("1", 1, False),
        ([1, 2], [1.0, 2], True),
        ([1], [True], False),
        ([1], [1, 2], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ({}, [], False),
        ("", None, False),
        (1, [1], False),
    ],
)
def test_equality(left: Any, right: Any, equal: bool) -> None:
    assert json_equal(left, right) is equal
    assert json_equal(right, left) is equal


def test_a_document_keeps_the_text_it_was_read_from() -> None:
    document = read_document(' {"a" : 1} ')
    assert document.value == {"a": 1}
    assert document.text == ' {"a" : 1} '
    assert document.size == 11
    assert document != Document({"a": 1})
    assert Document({"a": 1}).text == '{"a":1}'


@pytest.mark.parametrize(("value", "number"), [(1, True), (1.5, True), (True, False), ("1", False), (None, False)])
def test_numbers(value: Any, number: bool) -> None:
    assert is_number(value) is number


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (False, "boolean"),
        (0, "number"),
        (math.pi, "number"),
        ("", "string"),
        ([], "array"),
        ({}, "object"),
    ],
)
def test_type_names(value: Any, name: str) -> None:
    assert type_name(value) == name


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "/"),
        (("States", "Pay", "Next"), "/States/Pay/Next"),
        (("States", "Par", "Branches", 0, "StartAt"), "/States/Par/Branches[0]/StartAt"),
        (("States", "a/b~c"), "/States/a/b~c"),
    ],
)
def test_pointers(path: tuple[str | int, ...], text: str) -> None:
    assert pointer(path) == text


def test_a_byte_order_mark_is_not_part_of_a_document() -> None:
    assert read_document(b"\xef\xbb\xbf{}").encoded == b"{}"


def test_a_document_is_unicode() -> None:
    with pytest.raises(InvalidJsonError, match="lone surrogate at character 1"):
        read_document('"\ud83d"')
    assert read_document(rb'"\ud83d"').value == "\ud83d"
