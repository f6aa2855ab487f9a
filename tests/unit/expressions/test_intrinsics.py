"""The States.* functions: results, refusals when compiled, failures when evaluated."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.intrinsics import compile_intrinsic, is_intrinsic
from statemachine.expressions.intrinsics.functions import INTRINSICS

MakeValues = Callable[..., Values]


@pytest.mark.parametrize(
    ("text", "input", "result"),
    [
        ("States.Array()", {}, []),
        ("States.Array(1, -2.5, 1e2, 'a', $.x)", {"x": [0]}, [1, -2.5, 100.0, "a", [0]]),
        ("States.Array(true, false, null)", {}, [True, False, None]),
        ("States.ArrayPartition($.a, 2)", {"a": [1, 2, 3]}, [[1, 2], [3]]),
        ("States.ArrayPartition($.a, 9)", {"a": [1, 2]}, [[1, 2]]),
        ("States.ArrayPartition($.a, 3)", {"a": []}, []),
        ("States.ArrayPartition($.a, 1.5)", {"a": [1, 2, 3]}, [[1, 2], [3]]),
        ("States.ArrayContains($.a, $.v)", {"a": [{"k": [1]}], "v": {"k": [1]}}, True),
        ("States.ArrayContains($.a, 1)", {"a": [True, "1", [1]]}, False),
        ("States.ArrayContains($.a, null)", {"a": []}, False),
        ("States.ArrayRange(1, 9, 2)", {}, [1, 3, 5, 7, 9]),
        ("States.ArrayRange(0, 10, 3)", {}, [0, 3, 6, 9]),
        ("States.ArrayRange(3, 1, -1)", {}, [3, 2, 1]),
        ("States.ArrayRange(1, 9, 9)", {}, [1]),
        ("States.ArrayRange(5, 1, 1)", {}, []),
        ("States.ArrayGetItem($.a, 1)", {"a": [1, 2, 3]}, 2),
        ("States.ArrayLength($.a)", {"a": [None, []]}, 2),
        (
            "States.ArrayUnique($.a)",
            {"a": [2, 1, 2, True, 1, {"x": 1, "y": 2}, {"y": 2, "x": 1}, "1", None, None, [1], [True], [1]]},
            [2, 1, True, {"x": 1, "y": 2}, "1", None, [1], [True]],
        ),
        ("States.Base64Encode('é ?')", {}, "w6kgPw=="),
        ("States.Base64Decode('w6kgPw==')", {}, "é ?"),
        ("States.Base64Decode('w6kgPw')", {}, "é ?"),
        ("States.Base64Encode('')", {}, ""),
        ("States.Hash('abc', 'MD5')", {}, "900150983cd24fb0d6963f7d28e17f72"),
        ("States.Hash('abc', 'SHA-1')", {}, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("States.Hash('abc', $.how)", {"how": "MD5"}, "900150983cd24fb0d6963f7d28e17f72"),
        ("States.Hash($.o, 'SHA-1')", {"o": "abc"}, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("States.JsonMerge($.a, $.b, false)", {"a": {"k": {"x": 1}, "l": 1}, "b": {"k": {}}}, {"k": {}, "l": 1}),
        ("States.MathAdd(1, 2)", {}, 3),
        ("States.MathAdd($.a, $.b)", {"a": 1.5, "b": 1.51}, 4),
        ("States.MathAdd($.a, $.b)", {"a": -0.5, "b": 0.5}, 1),
        ("States.MathAdd($.a, $.b)", {"a": -1.5, "b": -1.51}, -3),
        ("States.MathAdd($.a, $.b)", {"a": 9007199254740993, "b": 1}, 9007199254740994),
        ("States.StringSplit('a.b+c', '.+')", {}, ["a", "b", "c"]),
        ("States.StringSplit(', , ,', ',')", {}, [" ", " "]),
        ("States.StringSplit(',,', ',')", {}, []),
        ("States.StringSplit('a,b', '')", {}, ["a,b"]),
        ("States.StringSplit('a\nb', '\n')", {}, ["a", "b"]),
        ("States.StringToJson('{\"a\": [1, null]}')", {}, {"a": [1, None]}),
        ("States.StringToJson($.s)", {"s": " \t"}, None),
        ("States.StringToJson($.s)", {"s": "-0"}, 0),
        ("States.JsonToString($.v)", {"v": {"a": [1, 1.5, "é"]}}, '{"a":[1,1.5,"é"]}'),
        ("States.JsonToString('x')", {}, '"x"'),
        ("States.Format('{}-{}!', $.a, 'b')", {"a": 1}, "1-b!"),
        ("States.Format('{}{}{}', 1.0, null, true)", {}, "1.0nulltrue"),
        ("States.Format('{}', $.o)", {"o": {"a": 1, "b": [None, "x", {}]}}, "{a=1, b=[null, x, {}]}"),
        ("States.Format('{}', $.o)", {"o": 1.5e10}, "1.5E10"),
        ("States.Format('\\{\\} {} \\'q\\' \\\\ {x}', 1)", {}, "{} 1 'q' \\ {x}"),
        ("States.Format($.t, 1, 2)", {"t": "{} and {}"}, "1 and 2"),
        ("States.Format('none')", {}, "none"),
        ("States.ArrayGetItem(States.StringSplit($.s, '-'), States.MathAdd($.n, -1))", {"s": "a-b-c", "n": 3}, "c"),
        ("  States.ArrayLength (  $.a[?(@.n == ')' && @.m in [1, 2])]  ) ", {"a": [{"n": ")", "m": 1}, {"n": 1}]}, 1),
        ("States.Array($['a, b'], $$.Execution.Id, $v.x[0])", {"a, b": 1}, [1, "id", 2]),
    ],
)  # fmt: skip
def test_results(make_values: MakeValues, text: str, input: Any, result: Any) -> None:
    found = compile_intrinsic(text)(make_values(input, context={"Execution": {"Id": "id"}}, v={"x": [2]}))
    assert repr(found) == repr(result)


def test_merged_keys_come_in_the_order_of_a_hash_map(make_values: MakeValues) -> None:
    values = make_values({"a": {"b": 1, "q": 2}, "b": {"a": 3, "p": 4}})
    merged = compile_intrinsic("States.JsonMerge($.a, $.b, false)")(values)
    assert list(merged) == ["p", "q", "a", "b"]


def test_chance_comes_from_the_draws(make_values: MakeValues) -> None:
    values = make_values()
    assert compile_intrinsic("States.UUID()")(values) == "00000000-0000-4000-8000-000000000001"
    assert compile_intrinsic("States.MathRandom(10, 20)")(values) == 12
    assert compile_intrinsic("States.MathRandom(-2.5, 7.5)")(values) == 1


@pytest.mark.parametrize("bounds", [(0, 999), (-5, 5), (0, 1), (-(2**40), 2**40), (0, 64)])
def test_a_seed_determines_the_number(make_values: MakeValues, bounds: tuple[int, int]) -> None:
    draw = compile_intrinsic(f"States.MathRandom({bounds[0]}, {bounds[1]}, $.seed)")
    numbers = [draw(make_values({"seed": seed})) for seed in range(0, 10**12, 10**10)]
    assert numbers == [draw(make_values({"seed": seed})) for seed in range(0, 10**12, 10**10)]
    assert all(bounds[0] <= number < bounds[1] for number in numbers)
    assert bounds == (0, 1) or len(set(numbers)) > 1


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("States.Nothing()", 0),
        ("States.format('x')", 0),
        ("States.", 0),
        ("States.UUID", 0),
        ("States.UUID(", 12),
        ("States.UUID() x", 14),
        ("States.UUID()[0]", 13),
        ("States.UUID(1)", 0),
        ("States.Format()", 0),
        ("States.MathAdd(1)", 0),
        ("States.MathAdd(1, 2, 3)", 0),
        ("States.MathRandom(1)", 0),
        ("States.MathAdd(1,)", 17),
        ("States.MathAdd(1 2)", 17),
        ("States.MathAdd(1, '2')", 18),
        ("States.MathAdd(1, true)", 18),
        ("States.MathAdd(01, 2)", 15),
        ("States.MathAdd(1e999, 2)", 15),
        ("States.ArrayLength('x')", 19),
        ("States.Format(1, 2)", 14),
        ("States.Format(\"x\")", 14),
        ("States.Format('x", 14),
        ("States.Format('\\\"')", 15),
        ("States.Format('\\n')", 15),
        ("States.Format('x\\", 16),
        ("States.Format('{}', $.a[)", 25),
        ("States.Format('{}', $.)", 22),
        ("States.Array(States.Array(States.Nothing()))", 26),
        ("States.Array(nul)", 13),
        ("States.Array(truely)", 13),
        ("States.Array($.a b)", 17),
        ("States.Array(@)", 13),
        ("States.Array(" * 11 + ")" * 11, 130),
        ("States.Format('" + "x" * 10_000 + "')", 0),
    ],
)  # fmt: skip
def test_refuses_what_is_no_call(text: str, at: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as raised:
        compile_intrinsic(text)
    assert raised.value.offset == at


def test_ten_calls_may_be_nested(make_values: MakeValues) -> None:
    nested = compile_intrinsic("States.Array(" * 10 + ")" * 10)(make_values())
    for _ in range(9):
        nested = nested[0]
    assert nested == []


@pytest.mark.parametrize(
    ("text", "input"),
    [
        ("States.ArrayPartition($.x, 0)", [1]),
        ("States.ArrayPartition($.x, -1)", [1]),
        ("States.ArrayPartition($.x, 2)", "text"),
        ("States.ArrayContains($.x, 1)", {"a": 1}),
        ("States.ArrayRange(0, 1000, 1)", None),
        ("States.ArrayRange(0, 9000000000000000000, 1)", None),
        ("States.ArrayRange(0, 5, 0)", None),
        ("States.ArrayRange(0, 5, $.x)", "1"),
        ("States.ArrayGetItem($.x, 1)", [0]),
        ("States.ArrayGetItem($.x, -1)", [0]),
        ("States.ArrayLength($.x)", "abc"),
        ("States.ArrayUnique($.x)", None),
        ("States.Base64Encode($.x)", 1),
        ("States.Base64Encode($.x)", "x" * 10_001),
        ("States.Base64Decode($.x)", "?"),
        ("States.Base64Decode($.x)", "abcde"),
        ("States.Base64Decode($.x)", "é"),
        ("States.Hash($.x, 'SHA-1')", "x" * 10_001),
        ("States.Hash('a', $.x)", "sha-1"),
        ("States.Hash('a', $.x)", None),
        ("States.JsonMerge($.x, $.x, true)", {}),
        ("States.JsonMerge($.x, $.x, false)", []),
        ("States.JsonMerge($.x, $.x, $.x)", {}),
        ("States.MathAdd($.x, 1)", "1"),
        ("States.MathAdd($.x, 1)", None),
        ("States.MathAdd($.x, 1)", True),
        ("States.MathAdd($.x, 1)", 2**63 - 1),
        ("States.MathAdd($.x, 1)", 1e300),
        ("States.MathRandom(5, $.x)", 5),
        ("States.MathRandom(0, 5, $.x)", "seed"),
        ("States.StringSplit($.x, ',')", ["a"]),
        ("States.StringSplit('a', $.x)", None),
        ("States.StringToJson($.x)", "{oops"),
        ("States.StringToJson($.x)", '{"a":1,"a":2}'),
        ("States.StringToJson($.x)", "NaN"),
        ("States.StringToJson($.x)", 5),
        ("States.Format('{} {}', $.x)", 1),
        ("States.Format('{}', $.x, $.x)", 1),
        ("States.Format($.x)", 1),
        ("States.Format($.x)", "{}"),
    ],
)
def test_fails_on_unsuitable_data(make_values: MakeValues, text: str, input: Any) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_intrinsic(text)(make_values({"x": input}))
    assert raised.value.error == "States.IntrinsicFailure"
    assert raised.value.cause.startswith(f"The function '{text}' had the following error: ")


def test_the_innermost_failing_call_is_named(make_values: MakeValues) -> None:
    with pytest.raises(EvaluationError) as raised:
        compile_intrinsic("States.Array(1, States.ArrayLength( $.x ))")(make_values({"x": 1}))
    assert raised.value.cause.startswith("The function 'States.ArrayLength( $.x )' had")


def test_a_path_that_leads_nowhere_keeps_its_own_error(make_values: MakeValues) -> None:
    with pytest.raises(PathNotFoundError) as raised:
        compile_intrinsic("States.MathAdd($.x.y, 1)")(make_values({}))
    assert raised.value.path == "$.x.y"


@pytest.mark.parametrize("text", ["States.JsonToString($.x)", "States.Format('{}', $.x)", "States.ArrayUnique($.x)"])
def test_too_deep_data_fail_as_data(make_values: MakeValues, text: str) -> None:
    deep: Any = []
    for _ in range(3_000):
        deep = [deep]
    try:
        result = compile_intrinsic(text)(make_values({"x": deep}))
    except EvaluationError as error:
        assert error.error == "States.IntrinsicFailure"  # noqa: PT017 - it may also succeed
    else:
        assert result


@pytest.mark.parametrize(
    ("text", "expected"),
    [("States.UUID()", True), (" States.X", True), ("$.States.a", False), ("states.UUID()", False), ("", False)],
)
def test_is_intrinsic(text: str, expected: bool) -> None:
    assert is_intrinsic(text) is expected


CALLS = st.recursive(
    st.sampled_from(
        ["$.a", "$", "$$.x", "$v", "'t'", "'{} {}'", "1", "-2.5", "true", "null", "$.a[?(@.b)]", "$.l", "$.o"]
    ),
    lambda inner: st.builds(
        lambda name, arguments: f"States.{name}({', '.join(arguments)})",
        st.sampled_from(sorted(INTRINSICS)),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
).filter(lambda text: text.startswith("States."))


@given(CALLS | st.text("States.Aray(){}'$\\, 1[]?@", max_size=30).map(lambda text: "States." + text))
def test_random_calls_raise_only_what_is_declared(make_values: MakeValues, text: str) -> None:
    try:
        evaluate = compile_intrinsic(text)
    except ExpressionSyntaxError:
        return
    try:
        evaluate(make_values({"a": 1, "l": [1, 2], "o": {"k": 1}}, context={"x": "c"}, v=3))
    except (EvaluationError, PathNotFoundError):
        return
