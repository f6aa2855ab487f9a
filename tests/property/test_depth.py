"""The quick measure of nesting agrees with the definition of nesting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.jsonvalue import MAX_DEPTH, Document, encode_json, nests_too_deeply

_text = st.text(alphabet='[]{}"\\x', max_size=6)
_values = st.recursive(
    st.none() | st.integers(-9, 9) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=40,
)


def depth(value: Any) -> int:
    """How many containers are within each other."""
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(_values, st.integers(0, 9))
@settings(max_examples=400)
def test_small_values(value: Any, limit: int) -> None:
    assert nests_too_deeply(encode_json(value), limit) == (depth(value) > limit)


@pytest.mark.parametrize("levels", [1, 23, 24, 25, 26, 60, 511, 512, 513, 520])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: [inner],
        lambda inner: {"k": inner},
        lambda inner: ["]", inner, "["],
        lambda inner: {'}"': "[", "]\\": inner, '"{': '\\"'},
    ],
    ids=["array", "object", "brackets-in-texts", "quotes-and-backslashes"],
)
def test_deep_values(wrap: Any, levels: int) -> None:
    """However texts are set against the brackets around them."""
    value: Any = "x"
    for _ in range(levels):
        value = wrap(value)
    for limit in (0, 1, 24, 25, 512):
        assert nests_too_deeply(encode_json(value), limit) == (levels > limit)


@pytest.mark.parametrize("levels", [48, 49, 50, 510, 512, 514])
def test_arrays_and_objects_in_turn(levels: int) -> None:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    for limit in (48, 49, 511, 512, 513):
        assert nests_too_deeply(encode_json(value), limit) == (levels > limit)


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@st.composite
def changes(draw: st.DrawFn) -> list[Any]:
    """An object with large members, and what states make of it one after the other, sharing members."""
    texts = st.sampled_from(["x" * 3000, "ünï" * 1200, "[{" * 2000, "short", "\ud800" * draw(st.integers(0, 1))])
    member = st.one_of(texts, st.lists(texts, max_size=3), st.integers(), st.sampled_from([510, 511, 512]).map(_nested))
    value: dict[str, Any] = {"base": "y" * 9000, **draw(st.dictionaries(st.text(max_size=3), member, max_size=4))}
    values = [value]
    for _ in range(draw(st.integers(1, 4))):
        kept = [key for key in value if draw(st.booleans())]
        value = {draw(st.sampled_from([key, key + "'"])): value[key] for key in kept} | {
            "new": draw(st.one_of(member, st.just(value.get("base"))))
        }
        values.append(value)
    return values


@given(changes())
def test_a_changed_document_is_written_like_a_new_one(values: list[Any]) -> None:
    document = Document(values[0])
    if document.nests_too_deeply():
        return
    for value in values[1:]:
        document = document.changed(value)
        assert document.encoded == Document(value).encoded
        assert document.nests_too_deeply() == (depth(value) > MAX_DEPTH)
        if document.nests_too_deeply():
            return
