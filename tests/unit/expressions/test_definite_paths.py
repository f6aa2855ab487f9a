"""Definite paths: what they find, what they say when they find nothing, which texts are paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.jsonpath import MISSING, PathRoot, compile_path

DOCUMENT = {
    "a": {"b": {"c": {"d": [10, 20, {"e": None}]}}, "b-c": 1, "größe": 2, "3rd": 3, "length()": 4, "@x": 5},
    "n": None,
    "text": "abc",
    "x y": {"": 6, "it's": 7, 'q"q': 8, "a.b[0]": 9, "back\\slash": 10, "a',b": 11},
}


def values(input: Any, **variables: Any) -> Values:
    return Values(input, lambda: {"Execution": {"Name": "run", "Input": {"v": [1]}}}, variables, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$", DOCUMENT),
        ("$.n", None),
        ("$.a.b", DOCUMENT["a"]["b"]),  # type: ignore[index]
        ("$.a.b.c", {"d": [10, 20, {"e": None}]}),
        ("$.a.b.c.d", [10, 20, {"e": None}]),
        ("$.a.b.c.d[0]", 10),
        ("$.a.b.c.d[-1].e", None),
        ("$.a.b.c.d[ 1 ]", 20),
        ("$['a']['b'].c['d'][1]", 20),
        ('$["a"].b["c"].d[1]', 20),
        ("$.a.['b'].c.d.[1]", 20),
        ("$.a.b-c", 1),
        ("$.a.größe", 2),
        ("$.a.3rd", 3),
        ("$.a.length()", 4),
        ("$.a.@x", 5),
        ("$['x y']['']", 6),
        ("$['x y']['it\\'s']", 7),
        ('$["x y"]["it\'s"]', 7),
        ("$['x y']['q\"q']", 8),
        ('$["x y"]["q\\"q"]', 8),
        ("$[ 'x y' ]['a.b[0]']", 9),
        ("$['x y']['back\\slash']", 10),
        ("$['x y']['a\\',b']", 11),
        ("  $.n  ", None),
        ("$['n','text','absent']", {"n": None, "text": "abc"}),
        ("$['x y']['', \"it's\"]", {"": 6, "it's": 7}),
        ("$$.Execution.Name", "run"),
        ("$$['Execution']['Input'].v[0]", 1),
        ("$$", {"Execution": {"Name": "run", "Input": {"v": [1]}}}),
        ("$count", 3),
        ("$größe.a", 1),
        ("$list[1]['b']", 2),
    ],
)
def test_finds_the_value(text: str, found: Any) -> None:
    path = compile_path(text)
    given = values(DOCUMENT, count=3, größe={"a": 1}, list=[0, {"b": 2}])
    assert path.definite
    assert path.evaluate(given) == found
    assert path.lookup(given) == found


def test_a_quoted_name_keeps_its_backslashes() -> None:
    assert compile_path('$[\'Test\\""Name"\']').evaluate(values({'Test\\""Name"': 1})) == 1


@pytest.mark.parametrize(
    ("text", "root", "variable"),
    [("$.a", PathRoot.INPUT, None), ("$$.a", PathRoot.CONTEXT, None), ("$a.b", PathRoot.VARIABLE, "a")],
)
def test_knows_its_root(text: str, root: PathRoot, variable: str | None) -> None:
    path = compile_path(text)
    assert (path.root, path.variable, path.text) == (root, variable, text)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("$.absent", "No results for path: $['absent']"),
        ("$.a.absent", "No results for path: $['a']['absent']"),
        ("$.absent.b", "Missing property in path $['absent']"),
        ("$.a.absent.x.y.z", "Missing property in path $['a']['absent']"),
        ("$.text.b", "Property ['b'] not found in path $['text']"),
        ("$.n.b.c", "Property ['b'] not found in path $['n']"),
        ("$.a.b.c.d.e", "Property ['e'] not found in path $['a']['b']['c']['d']"),
        ("$.a.b.c.d[7]", "No results for path: $['a']['b']['c']['d'][7]"),
        ("$.a.b.c.d[-4].e", "No results for path: $['a']['b']['c']['d'][-4]['e']"),
        ("$.n[0]", "The path $['n'] is null"),
        ("$.text[0]", 'Filter: [0] can only be applied to arrays. Current context is: "abc"'),
        ("$.a.b[0].x", "Filter: [0]['x'] can only be applied to arrays. Current context is: "),
        ("$['a','n'].b", "Multi properties can only be used as path leafs: $['a', 'n']"),
        ("$$.Task.Token", "Missing property in path $['Task']"),
        ("$count.x", "Property ['x'] not found in path $"),
        ("$absent", "No results for path: $absent"),
        ("$absent.x", "No results for path: $absent.x"),
    ],
)
def test_says_why_nothing_was_found(text: str, detail: str) -> None:
    path = compile_path(text)
    given = values(DOCUMENT, count=3)
    with pytest.raises(PathNotFoundError) as raised:
        path.evaluate(given)
    assert raised.value.path == text
    assert raised.value.detail.startswith(detail)
    assert path.lookup(given) is MISSING


@pytest.mark.parametrize("input", [None, "text", 3, True, [1, 2], {}])
@pytest.mark.parametrize("text", ["$.a", "$.a.b", "$.a.b.c", "$.a.b.c.d", "$['a']", "$[2]", "$[-3]"])
def test_no_input_makes_a_path_fail_otherwise(text: str, input: Any) -> None:
    assert compile_path(text).lookup(values(input)) is MISSING


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("a", 0),
        ("a.$", 0),
        ("$.", 2),
        ("$..", 3),
        ("$...a", 3),
        ("$.a.", 4),
        ("$.a b", 3),
        ("$.a'b", 3),
        ("$.a]", 3),
        ("$ .a", 1),
        ("$$$", 2),
        ("$1a", 1),
        ("$-a", 1),
        ("$[", 2),
        ("$[]", 2),
        ("$[x]", 2),
        ("$[1", 2),
        ("$[1,]", 2),
        ("$[:]", 2),
        ("$[1:2:3:4]", 2),
        ("$[99999999999]", 2),
        ("$['a", 2),
        ("$['a'", 5),
        ("$['a' 'b']", 5),
        ("$['a',]", 6),
        ("$['a'x]", 5),
        ("$[?]", 2),
        ("$[?(@.a]", 1),
        ("$[?(@.a)", 8),
        ("$v" + "w" * 80, 82),
        ("$." + "a" * 10_000, 0),
        ("$" + ".a" * 257, 515),
    ],
)
def test_refuses_what_is_no_path(text: str, offset: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as raised:
        compile_path(text)
    assert raised.value.offset == offset


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="'\"\\"), max_size=4)
STEPS = st.lists(st.one_of(NAMES, st.integers(-4, 4)), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def naive(document: Any, steps: list[str | int]) -> Any:
    for step in steps:
        keys = list(document) if isinstance(document, dict) and isinstance(step, str) else []
        indexes = range(-len(document), len(document)) if isinstance(document, list) else range(0)
        if step not in keys and step not in indexes:
            return MISSING
        document = document[step]
    return document


@st.composite
def documents_with_paths(draw: st.DrawFn) -> tuple[Any, list[str | int]]:
    """A document, and steps that mostly lead somewhere in it."""
    document = node = draw(JSON)
    steps: list[str | int] = []
    while isinstance(node, dict | list) and node and draw(st.booleans()):
        step: Any = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(-len(node), len(node))))
        steps.append(step)
        node = node[step]
    return document, steps + draw(STEPS.map(lambda more: more[:1]))


@given(documents_with_paths())
def test_agrees_with_a_naive_walker(case: tuple[Any, list[str | int]]) -> None:
    document, steps = case
    text = "$" + "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps)
    expected = naive(document, steps)
    path = compile_path(text)
    assert path.lookup(values(document)) is expected
    if expected is MISSING:
        with pytest.raises(PathNotFoundError):
            path.evaluate(values(document))
    else:
        assert path.evaluate(values(document)) is expected


TEXTS = st.text(st.sampled_from("$.[]'\"*?(@)=~!<>&|/ab01-,: {}\\\n") | st.characters(), max_size=30)


@given(TEXTS, JSON)
def test_random_texts_raise_only_what_is_declared(text: str, document: Any) -> None:
    for candidate in (text, "$" + text, f"$[?({text})]", f"$[?(@.a {text})]"):
        try:
            path = compile_path(candidate)
        except ExpressionSyntaxError:
            continue
        try:
            found = path.evaluate(values(document))
        except (PathNotFoundError, EvaluationError):
            continue
        assert path.definite or isinstance(found, list)
