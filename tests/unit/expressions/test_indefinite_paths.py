"""Wildcards, slices, index lists, `..` and filters, with Jayway's semantics."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.jsonpath import compile_path

STORE = {
    "books": [
        {"title": "Sayings", "price": 8, "tags": ["old", "short"], "author": {"name": "Rees"}},
        {"title": "Sword", "price": 12.5, "isbn": None, "tags": []},
        {"title": "Moby Dick", "price": "9", "isbn": "0-553", "author": {"name": "Melville"}},
    ],
    "bicycle": {"price": 20, "parts": {"wheel": {"price": 5}}},
    "numbers": [0, 1, 2, 3, 4],
    "limit": 10,
    "where": {"größe": [1, 2]},
}


def find(text: str, document: Any = STORE) -> Any:
    path = compile_path(text)
    assert not path.definite
    return path.evaluate(Values(document, lambda: document, {"v": document}, None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$.numbers[*]", [0, 1, 2, 3, 4]),
        ("$.numbers.*", [0, 1, 2, 3, 4]),
        ("$.numbers[ * ]", [0, 1, 2, 3, 4]),
        ("$.books[*].title", ["Sayings", "Sword", "Moby Dick"]),
        ("$.books[*].isbn", [None, "0-553"]),
        ("$.books[*].author.name", ["Rees", "Melville"]),
        ("$.books[*].tags[*]", ["old", "short"]),
        ("$.bicycle.*", [20, {"wheel": {"price": 5}}]),
        ("$.where.größe[*]", [1, 2]),
        ("$['where']['größe'][1:]", [2]),
        ("$.numbers[3:]", [3, 4]),
        ("$.numbers[:2]", [0, 1]),
        ("$.numbers[1:3]", [1, 2]),
        ("$.numbers[ 1 : 3 ]", [1, 2]),
        ("$.numbers[1:4:2]", [1, 2, 3]),
        ("$.numbers[-2:]", [3, 4]),
        ("$.numbers[:-3]", [0, 1]),
        ("$.numbers[-4:-2]", [1, 2]),
        ("$.numbers[-9:-3]", [0, 1]),
        ("$.numbers[1:-1]", []),
        ("$.numbers[7:]", []),
        ("$.numbers[0,2]", [0, 2]),
        ("$.numbers[-1, 0, 9]", [4, 0]),
        ("$.books[0,1].price", [8, 12.5]),
        ("$..price", [8, 12.5, "9", 20, 5]),
        ("$.bicycle..price", [20, 5]),
        ("$..['price']", [8, 12.5, "9", 20, 5]),
        ("$..name", ["Rees", "Melville"]),
        ("$..tags[0]", ["old"]),
        ("$..größe[*]", [1, 2]),
        ("$.numbers..*", [0, 1, 2, 3, 4]),
        ("$.bicycle..*", [20, {"wheel": {"price": 5}}, {"price": 5}, 5]),
        ("$..parts..price", [5]),
        ("$.books[*]['title','isbn']", [{"title": "Sayings"}, {"title": "Sword", "isbn": None},
                                        {"title": "Moby Dick", "isbn": "0-553"}]),
        ("$.books[0:1].['title', 'price']", [{"title": "Sayings", "price": 8}]),
        ("$..['title','isbn']", [{"title": "Sword", "isbn": None}, {"title": "Moby Dick", "isbn": "0-553"}]),
        ("$.*a", []),
    ],
)  # fmt: skip
def test_finds_in_document_order(text: str, found: Any) -> None:
    assert find(text) == found


@pytest.mark.parametrize(
    "text",
    ["$[5]", "$.absent[*]", "$.absent.deep[1:5].v", "$.limit[*].x", "$.limit[1:]", "$..absent", "$.limit..x",
     "$.absent[?(@.a)]", "$.limit[?(@.a)]", "$.books[*].absent", "$.books[*].title.x[0]"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(text: str) -> None:
    if text == "$[5]":
        with pytest.raises(PathNotFoundError):
            compile_path(text).evaluate(Values(STORE, dict, {}, None))  # type: ignore[arg-type]
    else:
        assert find(text) == []


def test_other_roots() -> None:
    assert find("$$.numbers[3:]") == [3, 4]
    assert find("$v.numbers[3:]") == [3, 4]
    with pytest.raises(PathNotFoundError):
        find("$absent[*]")


def titles(condition: str) -> list[str]:
    return [str(book["title"]) for book in find(f"$.books[?({condition})]")]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("@.isbn", ["Sword", "Moby Dick"]),
        ("!@.isbn", ["Sayings"]),
        ("!(@.isbn)", ["Sayings"]),
        ("@.author.name", ["Sayings", "Moby Dick"]),
        ("@['author']['name']", ["Sayings", "Moby Dick"]),
        ("@.tags[0]", ["Sayings"]),
        ("@.tags[*]", ["Sayings"]),
        ("@..name", ["Sayings", "Moby Dick"]),
        ("@.price == 8", ["Sayings"]),
        ("@.price==8", ["Sayings"]),
        ("8 == @.price", ["Sayings"]),
        ("@.price == 8.0", ["Sayings"]),
        ("@.price == 9", ["Moby Dick"]),
        ("@.price === 9", []),
        ("@.price !== 9", ["Sayings", "Sword", "Moby Dick"]),
        ("@.title == 'Sword'", ["Sword"]),
        ('@.title == "Sword"', ["Sword"]),
        ("@.title == '\\u0053word'", ["Sword"]),
        ("@.title == 'Moby Dick' || @.price < 9", ["Sayings", "Moby Dick"]),
        ("@.price > 1 && @.price < 9", ["Sayings"]),
        ("@.isbn && (@.price > 10 || @.price == '9')", ["Sword", "Moby Dick"]),
        ("@.price < $.limit", ["Sayings"]),
        ("$.limit > @.price", ["Sayings"]),
        ("@.price >= $.books[1].price", ["Sword"]),
        ("@.isbn == null", ["Sword"]),
        ("@.isbn != null", ["Sayings", "Moby Dick"]),
        ("@.absent == null", []),
        ("@.absent == @.absent", []),
        ("@.absent < 1", []),
        ("@.title > 'Sb'", ["Sword"]),
        ("@.title =~ /S.*/", ["Sayings", "Sword"]),
        ("@.title =~ /s.*/i", ["Sayings", "Sword"]),
        ("@.title =~ /word/", []),
        ("/S.*d/ =~ @.title", ["Sword"]),
        ("@.tags =~ /o.d/", ["Sayings"]),
        ("@.title in ['Sword', 'Sayings']", ["Sayings", "Sword"]),
        ("@.title IN [\"Sword\"]", ["Sword"]),
        ("@.title nin ['Sword']", ["Sayings", "Moby Dick"]),
        ("'old' in @.tags", ["Sayings"]),
        ("@.tags contains 'short'", ["Sayings"]),
        ("@.title contains 'word'", ["Sword"]),
        ("@.tags size 2", ["Sayings"]),
        ("@.title size 5", ["Sword"]),
        ("@.tags empty true", ["Sword"]),
        ("@.tags empty false", ["Sayings"]),
        ("@.tags subsetof ['short', 'old', 'new']", ["Sayings", "Sword"]),
        ("@.tags anyof ['old']", ["Sayings"]),
        ("@.tags noneof ['old']", ["Sword"]),
        ("@.tags all ['old', 'short']", ["Sayings"]),
        ("@.tags == ['old', 'short']", ["Sayings"]),
        ("@.author == {'name': 'Rees'}", ["Sayings"]),
        ("@.tags[?(@.x)] empty true", ["Sayings", "Sword", "Moby Dick"]),
        ("@.length() > 1", []),
        ("1 == 1", ["Sayings", "Sword", "Moby Dick"]),
    ],
)  # fmt: skip
def test_filters(condition: str, found: list[str]) -> None:
    assert titles(condition) == found


def test_a_filter_gives_an_array_for_one_match() -> None:
    assert find("$.books[?(@.price == 8)].title") == ["Sayings"]


def test_a_filter_applies_to_an_object_itself() -> None:
    assert find("$.bicycle[?(@.price == 20)].price") == [20]
    assert find("$.bicycle[?(@.price == 21)]") == []


def test_a_filter_never_matches_scalars() -> None:
    assert find("$.numbers[?(@ > 2)]") == []
    assert find("$.numbers[?(@ != 2)]") == []


def test_a_filter_after_descent_visits_each_object_once() -> None:
    assert find("$..[?(@.price > 10)].price") == [12.5, 20]
    assert find("$..[?(@.wheel)]") == [{"wheel": {"price": 5}}]


def test_true_is_no_number() -> None:
    document = [{"v": True}, {"v": 1}, {"v": "true"}]
    assert find("$[?(@.v == 1)]", document) == [{"v": 1}]
    assert find("$[?(@.v == true)]", document) == [{"v": True}]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("$[?()]", 4),
        ("$[?(1)]", 4),
        ("$[?(@.a ==)]", 10),
        ("$[?(@.a == 1 2)]", 13),
        ("$[?(@.a foo 1)]", 8),
        ("$[?(@.a ~ 1)]", 8),
        ("$[?((@.a)]", 1),
        ("$[?(@.a == 'x)]", 1),
        ("$[?(@.a == [1)]", 13),
        ("$[?(@.a == {1: 2})]", 12),
        ("$[?(@.a == %)]", 11),
        ("$[?(@.a. == 1)]", 8),
        ("$[?(@.a[x] == 1)]", 8),
        ("$[?(@.a =~ /(/)]", 13),
        ("$[?(" + "!" * 40 + "@.a)]", 37),
        ("$[?(" + "(" * 40 + "@.a" + ")" * 40 + ")]", 37),
    ],
)
def test_refuses_wrong_filters(text: str, at: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as raised:
        compile_path(text)
    assert raised.value.offset == at


def test_several_members_come_last() -> None:
    with pytest.raises(PathNotFoundError) as raised:
        find("$.books[*]['title','isbn'].x")
    assert raised.value.detail == "Multi properties can only be used as path leafs: $['books'][*]['title', 'isbn']"


def test_work_is_bounded() -> None:
    document: Any = [[[[0] * 20] * 20] * 20] * 20
    with pytest.raises(EvaluationError) as raised:
        find("$..*..*..*", document)
    assert raised.value.error == "States.Runtime"
    with pytest.raises(EvaluationError):
        find("$[?(@.t =~ /(a|a|aa)*(a|a|aa)*b/)]", [{"t": "a" * 200_000}])


def test_deep_documents_are_no_problem() -> None:
    document: Any = {"leaf": 1}
    for _ in range(5_000):
        document = {"in": [document]}
    assert find("$..leaf", document) == [1]


def test_comparing_too_deep_values_is_an_error_of_the_execution() -> None:
    document: Any = 1
    for _ in range(5_000):
        document = [document]
    with pytest.raises(EvaluationError):
        find("$[?(@.a == $[0].a)]", [{"a": document}, {"a": document[0]}])


def test_definite_paths_do_not_load_the_path_library() -> None:
    code = (
        "import sys; from statemachine.expressions.comparisons import compile_comparison;"
        "compile_comparison('$.a.b', 'NumericEqualsPath', '$.c[0]'); assert 'jsonpath_ng' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# -- against a naive walker ------------------------------------------------------------------------------------------

Step = tuple[str, Any]
STEPS: list[Step] = [
    (".a", lambda node: [node["a"]] if isinstance(node, dict) and "a" in node else []),
    ("['b']", lambda node: [node["b"]] if isinstance(node, dict) and "b" in node else []),
    ("[*]", lambda node: list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []),
    ("[0]", lambda node: node[:1] if isinstance(node, list) else []),
    ("[1:]", lambda node: node[1:] if isinstance(node, list) else []),
    ("[:-1]", lambda node: node[:-1] if isinstance(node, list) else []),
    ("[-3:-1]", lambda node: node[-3:-1] if isinstance(node, list) else []),
    ("[1,0]", lambda node: node[1:2] + node[:1] if isinstance(node, list) else []),
]
DOCUMENTS = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=15,
)


def containers(node: Any) -> list[Any]:
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    return [] if below is None else [node, *(each for child in below for each in containers(child))]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.booleans()), max_size=4), DOCUMENTS)
def test_agrees_with_a_naive_walker(steps: list[tuple[Step, bool]], document: Any) -> None:
    text, nodes = "$", [document]
    for (written, select), below in [*steps, (STEPS[2], False)]:
        text += ("." if written.startswith(".") else "..") * below + written
        visited = [each for node in nodes for each in containers(node)] if below else nodes
        nodes = [found for node in visited for found in select(node)]
    found = find(text, document)
    assert len(found) == len(nodes)
    assert all(left is right for left, right in zip(found, nodes, strict=True))


def test_a_bare_word_is_accepted_and_fails_when_it_is_compared() -> None:
    with pytest.raises(EvaluationError, match="es, which is no value"):
        find("$[?(@.language==es)].text", [{"language": "es", "text": "hola"}])
