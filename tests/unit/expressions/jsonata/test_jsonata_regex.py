"""Regular expressions by JavaScript's rules, in both engines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.expressions.jsonata import UNDEFINED, Environment, JsonataError, Limits
from statemachine.expressions.jsonata.regex.machine import assemble, search
from statemachine.expressions.jsonata.regex.pattern import Pattern
from statemachine.expressions.jsonata.regex.syntax import parse_regex
from statemachine.expressions.jsonata.runtime import Runtime


def _found(source: str, flags: str, text: str, *, by_machine: bool) -> Any:
    if by_machine:
        program = assemble(parse_regex(source), multiline="m" in flags, ignore_case="i" in flags)
        spans, _ = search(program, text, 0, 100_000)
        return None if spans is None else [None if span is None else text[slice(*span)] for span in spans]
    runtime = Runtime({}, Environment(limits=Limits()), {})
    result = Pattern(source, flags, 0).search(runtime, text)
    if result is None:
        return None
    return [result.text, *(None if group is UNDEFINED else group for group in result.groups)]


@pytest.mark.parametrize("by_machine", [True, False])
@pytest.mark.parametrize(
    ("source", "flags", "text", "groups"),
    [
        ("b+", "", "abbc", ["bb"]),
        ("b+?", "", "abbc", ["b"]),
        ("(a)|(b)", "", "b", ["b", None, "b"]),
        ("(?:(a)|b)*", "", "ab", ["ab", None]),
        ("(a*)*", "", "b", ["", None]),
        ("(?<year>\\d{4})-(?<month>\\d\\d)", "", "on 2024-05", ["2024-05", "2024", "05"]),
        ("(a)\\1", "", "xaa", ["aa", "a"]),
        ("\\1(a)", "", "a", ["a", "a"]),
        ("(?<n>a)\\k<n>", "", "aa", ["aa", "a"]),
        ("^b", "m", "a\nb", ["b"]),
        ("^b", "", "a\nb", None),
        ("a$", "", "a\n", None),
        ("a$", "m", "a\n", ["a"]),
        (".", "", "\n\u2028x", ["x"]),
        ("\\d", "", "\u0663", None),
        ("\\w+", "", "é_a1", ["_a1"]),
        ("\\s", "", "\ufeff", ["\ufeff"]),
        ("ABC", "i", "xabcx", ["abc"]),
        ("[^a]", "i", "aAb", ["b"]),
        ("\\bfoo\\b", "", "a foo.", ["foo"]),
        ("\\Boo", "", "foo", ["oo"]),
        ("(?=b)\\w", "", "ab", ["b"]),
        ("(?!a)\\w", "", "ab", ["b"]),
        ("(?<=\\$)\\d+", "", "1 $23", ["23"]),
        ("(?<!\\$)\\b\\d+", "", "$1 23", ["23"]),
        ("(?<=(\\d+)(\\d+))$", "", "1053", ["", "1", "053"]),
        ("a{2,3}", "", "aaaa", ["aaa"]),
        ("a{,3}", "", "a{,3}", ["a{,3}"]),
        ("[]", "", "a", None),
        ("[^]", "", "a", ["a"]),
        ("[\\]\\-a]+", "", "x]-a", ["]-a"]),
        ("\\u0041\\x42\\t\\/", "", "AB\t/", ["AB\t/"]),
        ("a|ab|abc", "", "abc", ["a"]),
        ("", "", "a", [""]),
    ],
)
def test_matches(source: str, flags: str, text: str, groups: Any, by_machine: bool) -> None:
    assert _found(source, flags, text, by_machine=by_machine) == groups


@pytest.mark.parametrize(
    "source", ["(", ")", "[a", "*", "a**", "a{2,1}", "(?<a>x)(?<a>y)", "\\", "[b-a]", "(?x)", "^*"]
)
def test_invalid(source: str) -> None:
    with pytest.raises(JsonataError) as caught:
        parse_regex(source)
    assert caught.value.code == "S0303"


@given(st.text("ab()[]{}*+?|^$.\\d1,<!=:-", max_size=12), st.text("ab1\n", max_size=8))
def test_any_text_is_an_expression_or_an_error(source: str, text: str) -> None:
    code = None
    try:
        pattern = Pattern(source, "", 0)
        pattern.search(Runtime({}, Environment(limits=Limits(regex_steps=10_000)), {}), text)
    except JsonataError as error:
        code = error.code
    assert code in (None, "S0303", "U1006")
