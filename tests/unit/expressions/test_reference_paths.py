"""Reference paths: where ResultPath writes."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, Values
from statemachine.expressions.jsonpath import compile_path, compile_reference_path


@pytest.mark.parametrize(
    ("text", "document", "written"),
    [
        ("$", {"a": 1}, "new"),
        ("$.b", {"a": 1}, {"a": 1, "b": "new"}),
        ("$.a", {"a": 1, "b": 2}, {"a": "new", "b": 2}),
        ("$.a.b.c", {"z": 0}, {"z": 0, "a": {"b": {"c": "new"}}}),
        ("$.a.b", {"a": {"x": 1}}, {"a": {"x": 1, "b": "new"}}),
        ("$['a b'].c", {}, {"a b": {"c": "new"}}),
        ("$.a[1]", {"a": [1, 2, 3]}, {"a": [1, "new", 3]}),
        ("$.a[-1].b", {"a": [1, {"x": 2}]}, {"a": [1, {"x": 2, "b": "new"}]}),
        ("$[0]", [1], ["new"]),
    ],
)
def test_writes(text: str, document: Any, written: Any) -> None:
    before = copy.deepcopy(document)
    assert compile_reference_path(text).write(document, "new") == written
    assert document == before


def test_shares_what_is_not_on_the_way() -> None:
    document: Any = {"big": {"x": [1]}, "way": {"side": [2], "end": 3}}
    written = compile_reference_path("$.way.end").write(document, 4)
    assert written["big"] is document["big"]
    assert written["way"]["side"] is document["way"]["side"]
    assert list(written) == ["big", "way"]


@pytest.mark.parametrize(
    ("text", "document", "shown"),
    [
        ("$.a.b", {"a": 1}, '{"a":1}'),
        ("$.a.b", {"a": None}, '{"a":null}'),
        ("$.a", [1, "é"], '[1,"é"]'),
        ("$.a", "text", '"text"'),
        ("$.a[0]", {}, "{}"),
        ("$.a[3]", {"a": [1]}, '{"a":[1]}'),
        ("$.a[0]", {"a": {"0": 1}}, '{"a":{"0":1}}'),
    ],
)
def test_a_value_on_the_way_cannot_hold_it(text: str, document: Any, shown: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_reference_path(text).write(document, 1)
    assert raised.value.error == "States.ResultPathMatchFailure"
    assert raised.value.cause == f"Unable to apply ReferencePath {text} to input {shown}"


@pytest.mark.parametrize(
    "text",
    ["$.a[*]", "$..a", "$.a[0:1]", "$.a[0,1]", "$['a','b']", "$.a[?(@.b)]", "$.*", "$$.a", "$var", "a", "", "$."],
)
def test_refuses_what_names_no_one_place(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_reference_path(text)


NAMES = st.text("abcé -", min_size=1, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(st.lists(NAMES | st.integers(-3, 3), max_size=4), VALUES, VALUES)
def test_what_is_written_is_read_and_nothing_else_changes(steps: list[str | int], document: Any, value: Any) -> None:
    text = "$" + "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps)
    before = copy.deepcopy(document)
    try:
        written = compile_reference_path(text).write(document, value)
    except EvaluationError:
        assert document == before
        return
    assert document == before
    read = compile_path(text).evaluate(Values(written, dict, {}, None))  # type: ignore[arg-type]
    assert read is value
