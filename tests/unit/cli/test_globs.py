"""Patterns of file names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.cli.validation.globs import covering_pattern, has_magic, path_pattern


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*.json", ["a.json", ".json"], ["a/b.json", "a.jsonc"]),
        ("a?c", ["abc"], ["ac", "a/c", "abbc"]),
        ("**/*.json", ["a.json", "x/y/a.json"], ["a.yaml"]),
        ("x/**", ["x/a", "x/a/b"], ["x", "y/x/a"]),
        ("x/**/a", ["x/a", "x/y/z/a"], ["x/ya", "xa"]),
        ("[ab].x", ["a.x", "b.x"], ["c.x", "[ab].x"]),
        ("[!ab].x", ["c.x"], ["a.x", "/.x"]),
        ("[a-c]", ["b"], ["d", "-"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[", ["["], ["a"]),
        ("[z-a]", [], ["m"]),
        ("*.{json,y{a,}ml}", ["a.json", "a.yaml", "a.yml"], ["a.toml"]),
        ("{a", ["{a"], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
        ("a,b}", ["a,b}"], ["a"]),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, matches: list[str], others: list[str]) -> None:
    compiled = path_pattern((pattern,))
    assert [path for path in matches + others if compiled.fullmatch(path)] == matches


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        (
            "node_modules",
            ["node_modules", "a/node_modules", "a/node_modules/b/c"],
            ["xnode_modules", "node_modules2/a"],
        ),
        ("*.asl.json", ["a.asl.json", "x/y/a.asl.json"], ["a.json"]),
        ("old/", ["old", "old/a", "x/old/a"], ["older"]),
        ("infra/old", ["infra/old", "infra/old/a"], ["x/infra/old"]),
        ("/old", ["old", "old/a"], ["x/old"]),
        ("./old/*", ["old/a", "old/a/b"], ["old", "x/old/a"]),
        ("**", ["a", "a/b"], []),
    ],
)
def test_a_pattern_of_a_configuration_covers_what_is_below(pattern: str, covered: list[str], others: list[str]) -> None:
    compiled = covering_pattern((pattern,))
    assert [path for path in covered + others if compiled.fullmatch(path)] == covered


def test_without_what_is_below() -> None:
    compiled = covering_pattern(("node_modules", "infra/old"), below=False)
    paths = ["node_modules", "a/node_modules", "node_modules/a", "infra/old", "infra/old/a"]
    assert [path for path in paths if compiled.fullmatch(path)] == ["node_modules", "a/node_modules", "infra/old"]


def test_no_pattern_matches_nothing() -> None:
    assert not covering_pattern(()).fullmatch("")
    assert not path_pattern(()).fullmatch("")


@given(st.text(max_size=20), st.text(max_size=20))
def test_every_pattern_can_be_used(pattern: str, path: str) -> None:
    for compiled in (path_pattern((pattern,)), covering_pattern((pattern,))):
        assert isinstance(compiled, re.Pattern)
        compiled.fullmatch(path)


@given(st.text(alphabet=st.characters(exclude_characters="*?[{,}"), max_size=20))
def test_what_has_no_magic_matches_itself(name: str) -> None:
    assert not has_magic(name)
    assert path_pattern((name,)).fullmatch(name)
