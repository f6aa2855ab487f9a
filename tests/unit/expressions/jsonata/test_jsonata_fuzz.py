"""Whatever the text: a value or a JsonataError."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonata_evaluation import evaluate

from statemachine.expressions.jsonata import JsonataError, Limits, compile_jsonata, error_message, references

TOKENS = [
    "a",
    "b",
    "c",
    "and",
    "or",
    "in",
    "true",
    "null",
    "function",
    "λ",
    "$",
    "$$",
    "$x",
    "$y",
    "%",
    "*",
    "**",
    ".",
    "..",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    "@",
    "#",
    ";",
    ":",
    "?",
    "+",
    "-",
    "/",
    "|",
    "=",
    "<",
    ">",
    "^",
    "&",
    "~>",
    ":=",
    "!=",
    ">=",
    "<=",
    "!",
    "~",
    "1",
    "0",
    "2.5",
    "1e3",
    '"s"',
    "'x'",
    "`n`",
    "/r/",
    "/(a*)*/i",
    "$map",
    "$filter",
    "$reduce",
    "$sum",
    "$string",
    "$count",
    "$keys",
    "$eval",
    "$match",
    "$replace",
    "$split",
    "$sort",
    "$each",
    "$sift",
    "$spread",
    "$merge",
    "$zip",
    "$append",
    "$lookup",
    "$clone",
    "$formatNumber",
    "$toMillis",
    "$fromMillis",
    "<n:n>",
    '"1+"',
    "[1..3]",
    "function($x){",
    "}",
]
LIMITS = Limits(steps=20_000, value_bytes=100_000, total_bytes=500_000, regex_steps=20_000)
INPUT = {"a": {"b": [{"c": 1}, {"c": [2, None]}], "n": "text"}, "c": [[1], [], {}], "b": 2.5}


def _attempt(text: str) -> None:
    message = "none"
    try:
        references(compile_jsonata(text))
        evaluate(text, INPUT, limits=LIMITS, x=[1, 2], y={"c": "d"})
    except JsonataError as error:
        message = error_message(error)
    assert message != ""


@given(st.lists(st.sampled_from(TOKENS), max_size=14))
def test_token_soup(tokens: list[str]) -> None:
    _attempt(" ".join(tokens))


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    _attempt(text)


_ATOMS = st.sampled_from(
    ["a", "b", "c", "$", "$x", "$y", "*", "**", "%", "1", '"c"', "null", "[]", "{}", "[1,2]", "$sum"]
)
_SHAPES = st.sampled_from(
    [
        "{0}.{1}",
        "{0}[{1}]",
        "{0}[]",
        "({0};{1})",
        "[{0},{1}]",
        '{{"k":{0},"l":{1}}}',
        "{0}+{1}",
        "{0}&{1}",
        "{0}={1}",
        "{0}<{1}",
        "{0} in {1}",
        "{0} and {1}",
        "{0}?{1}:{0}",
        "{0}^({1})",
        "{0}@$x.{1}",
        "{0}#$y.{1}",
        "{0} ~> {1}",
        "{0}{{$string({1}):{0}}}",
        "$map({0},function($x){{{1}}})",
        "$reduce({0},function($x,$y){{{1}}})",
        "-{0}",
        "$sort({0})",
        "$append({0},{1})",
        "$lookup({0},{1})",
        "$merge({0})",
        "{0} ~> |{1}|{{'w':{0}}}|",
        "$string({0})",
        "($y:={0};{1})",
        "{0}.%.{1}",
        "$sum(?)({0})",
        "$eval({0},{1})",
        "$each({0},function($x,$y){{{1}}})",
        "[{0}..{1}]",
    ]
)
_EXPRESSIONS = st.recursive(
    _ATOMS, lambda inner: st.builds(lambda shape, one, two: shape.format(one, two), _SHAPES, inner, inner), max_leaves=8
)


@given(_EXPRESSIONS)
def test_well_formed_expressions(text: str) -> None:
    _attempt(text)


@pytest.mark.parametrize("text", ["$eval($eval)", "$eval('$eval(\"1\")')", "$map(['1+1','a'], $eval)", "$eval('%')"])
def test_eval_is_contained(text: str) -> None:
    _attempt(text)
