"""Every character of a text is found in the source that it was read from."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from statemachine.definition.source import Source, load_source

TEXTS = st.text(st.sampled_from("abcXYZ$%.'\"\\/ \n\täß漢😀\u0085\u2028"), min_size=1, max_size=60).filter(str.strip)


def shown(source: Source, offset: int) -> str:
    position = source.inside(("a",), offset)
    return source.text.split("\n")[position.line - 1][position.column - 1 :]


def holds(source: Source, value: str) -> None:
    """What is written as itself stands where it is said to stand; an escape begins with its mark."""
    assert source.value["a"] == value
    for offset, character in enumerate(value):
        if character.isspace() or character < " ":
            continue
        assert shown(source, offset)[:1] in (character, "\\", "'")
        if character.isalnum() and character.isascii():
            assert shown(source, offset)[:1] == character


@given(TEXTS, st.booleans())
def test_json(value: str, ascii_only: bool) -> None:
    holds(load_source(json.dumps({"a": value}, ensure_ascii=ascii_only)), value)


@given(TEXTS, st.sampled_from([None, "'", '"', "|", ">"]), st.integers(8, 40))
def test_yaml(value: str, style: Any, width: int) -> None:
    class Styled(str):
        pass

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_representer(
        Styled, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)
    )
    text = yaml.dump({"b": {"c": 1}, "a": Styled(value)}, Dumper=Dumper, allow_unicode=True, width=width)
    source = load_source(text)
    if source.value["a"] == value:  # PyYAML writes some texts so that a strict reader gets others
        holds(source, value)


@pytest.mark.parametrize("offset", [3, 4, 1000])
def test_behind_the_end_is_the_last_character(offset: int) -> None:
    assert shown(load_source('{"a": "x$[", "b": 1}'), offset) == '[", "b": 1}'


@pytest.mark.parametrize("text", ["b: &x text\na: *x\n", "a: 5\n", "a: {b: c}\n", "c: d\n"])
def test_without_such_a_text_it_is_the_place_of_the_value(text: str) -> None:
    source = load_source(text)
    assert source.inside(("a",), 2) == source.position(("a",))


def test_after_an_anchor_and_a_tag() -> None:
    assert shown(load_source("a: !!str &x text\n"), 2) == "xt"
