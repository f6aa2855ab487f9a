"""Regular expressions of filters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError
from statemachine.expressions.budget import Budget
from statemachine.expressions.jsonpath.pattern import compile_pattern


def matches(pattern: str, text: str, flags: str = "") -> bool:
    return compile_pattern(pattern, flags, pattern, 0).matches(text, Budget())


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", [""], ["a"]),
        ("abc", ["abc"], ["ab", "abcd", "xabc"]),
        ("a.c", ["abc", "a/c"], ["a\nc", "ac"]),
        ("a*", ["", "aaa"], ["b"]),
        ("a+b?", ["a", "aab"], ["", "b", "abb"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{2,}", ["aa", "aaaa"], ["a"]),
        ("a{1,3}?", ["a", "aaa"], ["", "aaaa"]),
        ("a{0}", [""], ["a"]),
        ("(ab|c)*d", ["d", "abcabd"], ["abab"]),
        ("(?:x|)y", ["xy", "y"], ["x"]),
        ("(?<name>x)+", ["x", "xx"], [""]),
        ("[a-c_]x[^0-9]", ["axz", "_x-"], ["dxz", "ax5"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["-", "a"], ["b"]),
        ("[\\w.-]+@[a-z[0-9]]+", ["a.b-c@x9"], ["@x"]),
        ("\\d\\D\\w\\W\\s\\S", ["1ax- y"], ["aaxx y"]),
        ("\\u0041\\x42\\t\\.\\/", ["AB\t./"], ["AB\t,/"]),
        ("^ab$", ["ab"], ["aab"]),
        ("\\bab\\b.*", ["ab", "ab c"], ["abc"]),
        ("a\\Bb", ["ab"], []),
        ("(a*)*", ["", "aaa"], ["b"]),
        ("(|a)+", ["", "aa"], ["b"]),
        ("é+", ["éé"], ["e"]),
    ],
)
def test_matches_the_whole_text(pattern: str, matching: list[str], others: list[str]) -> None:
    assert [text for text in matching if not matches(pattern, text)] == []
    assert [text for text in others if matches(pattern, text)] == []


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "expected"),
    [
        ("aB[c-d]", "i", "AbD", True),
        ("[^a]", "i", "A", False),
        ("a.b", "s", "a\nb", True),
        ("^a$\n^b$", "m", "a\nb", True),
        ("^a$\n^b$", "", "a\nb", False),
    ],
)
def test_flags(pattern: str, flags: str, text: str, expected: bool) -> None:
    assert matches(pattern, text, flags) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[a", "[b-a]", "*a", "a**", "a*+", "a++", "a{", "a{x}", "a{2,1}", "a{5000}", "a{,2}", "\\",
     "\\p{L}", "\\1", "(?=a)", "(?!a)", "(?<=a)", "(?i)a", "(?>a)", "[a&&b]", "\\Q", "(" * 40 + ")" * 40, "[" * 40,
     "(a{1000}){1000}", "((){1000}){1000}", "[a-\\d]", "[\\"],
)  # fmt: skip
def test_refuses_what_it_cannot_do(pattern: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_pattern(pattern, "", pattern, 0)


def test_refuses_unknown_flags() -> None:
    with pytest.raises(ExpressionSyntaxError):
        compile_pattern("a", "x", "/a/x", 1)


def test_hostile_patterns_take_bounded_work() -> None:
    pattern = compile_pattern("(a+)+(a|a)*(a*)*b", "", "", 0)
    assert not pattern.matches("a" * 2_000, Budget())
    with pytest.raises(EvaluationError):
        pattern.matches("a" * 2_000, Budget(5_000))


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\w", "\\D", "(a|b)", "(ab)", "(|a)", "^", "$", "\\b"])
PATTERNS = st.lists(st.tuples(ATOMS, st.sampled_from(["", "*", "+", "?", "{2}", "{0,2}", "*?"])), max_size=5).map(
    lambda parts: "|".join("".join(a + (q if a not in ("^", "$", "\\b") else "") for a, q in parts).rsplit("]", 1))
)


@given(PATTERNS, st.text("ab1\n", max_size=6))
def test_agrees_with_re(pattern: str, text: str) -> None:
    try:
        expected = re.compile(pattern, re.ASCII)
    except re.error:
        return
    if pattern.count("$") and "\n" in text:  # Java's $ knows more line ends
        return
    assert matches(pattern, text) is (expected.fullmatch(text) is not None)


@given(st.text(st.sampled_from("ab()[]{}|*+?.^$\\-,:<=!&012dwsux"), max_size=20), st.text("ab1", max_size=5))
def test_random_patterns_raise_only_what_is_declared(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern, "i", pattern, 0)
    except ExpressionSyntaxError:
        return
    assert compiled.matches(text, Budget()) in (True, False)
