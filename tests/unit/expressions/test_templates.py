"""Payload templates and named fields."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.errors import EvaluationError
from statemachine.expressions.base import ExpressionSyntaxError, PathNotFoundError, Values
from statemachine.expressions.path_or_intrinsic import compile_expression, compile_field
from statemachine.expressions.template import TemplateSyntaxError, compile_template

MakeValues = Callable[..., Values]


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ({"v.$": "$.a"}, {"v": 1}),
        ({"v.$": "$"}, {"v": {"a": 1, "l": [1, 2]}}),
        ({"v.$": "$$.Id"}, {"v": "id"}),
        ({"v.$": "$name.x"}, {"v": 3}),
        ({"v.$": "States.MathAdd($.a, 1)"}, {"v": 2}),
        ({"v.$": "$.l[*]"}, {"v": [1, 2]}),
        ({"v": "$.a", "f": "States.UUID()", "$": "$.a"}, {"v": "$.a", "f": "States.UUID()", "$": "$.a"}),
        ({"Comment": "kept", "o": {"v.$": "$.a", "c": 1}}, {"Comment": "kept", "o": {"c": 1, "v": 1}}),
        ({"l": [{"v.$": "$.a"}, 5, [{"w.$": "$.a"}], "$.a"]}, {"l": [{"v": 1}, 5, [{"w": 1}], "$.a"]}),
        ([{"v.$": "$.a"}], [{"v": 1}]),
        ({".$": "$.a"}, {"": 1}),
        ({}, {}),
        ("$.a", "$.a"),
        (None, None),
    ],
)
def test_evaluates(make_values: MakeValues, template: Any, result: Any) -> None:
    values = make_values({"a": 1, "l": [1, 2]}, context={"Id": "id"}, name={"x": 3})
    assert compile_template(template).evaluate(values) == result


@pytest.mark.parametrize(
    ("template", "order"),
    [
        (["z", "a.$", "b"], ["z", "b", "a"]),
        (["c.$", "b.$", "a.$"], ["a", "b", "c"]),
        (["second.$", "first.$", "plain"], ["plain", "first", "second"]),
        # one bucket: in the order of the definition ("Aa" and "BB" have the same hash)
        (["BB.$", "Aa.$"], ["BB", "Aa"]),
        (["Aa.$", "BB.$"], ["Aa", "BB"]),
        # thirteen keys: a table of 32 buckets
        ([f"{c}.$" for c in "pqrstuvwxyzab"], list("abpqrstuvwxyz")),
        # twelve: of 16, in which "p" (112) comes first
        ([f"{c}.$" for c in "abpqrstuvwxy"], list("paqbrstuvwxy")),
    ],
)
def test_key_order(make_values: MakeValues, template: list[str], order: list[str]) -> None:
    made = compile_template(dict.fromkeys(template, "$")).evaluate(make_values(0))
    assert list(made) == order


def test_a_nested_object_keeps_the_place_of_its_key(make_values: MakeValues) -> None:
    made = compile_template({"x.$": "$", "o": {"v.$": "$"}, "c": 1}).evaluate(make_values(0))
    assert list(made) == ["o", "c", "x"]


def test_what_computes_nothing_is_shared(make_values: MakeValues) -> None:
    part = {"deep": [1, {"x": 2}]}
    template = compile_template({"part": part, "v.$": "$"})
    assert not template.constant
    made = template.evaluate(make_values(7))
    assert made["part"] is part
    assert compile_template(part).constant
    assert compile_template(part).evaluate(make_values()) is part


def test_evaluating_twice_leaves_the_template_alone(make_values: MakeValues) -> None:
    source = {"l": [{"v.$": "$"}], "o": {"w.$": "$"}}
    template = compile_template(source)
    first = template.evaluate(make_values(1))
    assert template.evaluate(make_values(2)) == {"l": [{"v": 2}], "o": {"w": 2}}
    assert first == {"l": [{"v": 1}], "o": {"w": 1}}
    assert source == {"l": [{"v.$": "$"}], "o": {"w.$": "$"}}


def test_every_mistake_is_reported_with_its_place() -> None:
    template = {"a.$": "oops", "b": {"c": [0, {"d.$": "$."}]}, "e.$": 5, "f.$": "States.No()", "g.$": "$.ok"}
    with pytest.raises(TemplateSyntaxError) as raised:
        compile_template(template)
    assert [path for path, _ in raised.value.errors] == [("a.$",), ("b", "c", 1, "d.$"), ("e.$",), ("f.$",)]
    assert all(isinstance(error, ExpressionSyntaxError) for _, error in raised.value.errors)


@pytest.mark.parametrize(
    ("template", "path", "field"),
    [
        ({"value.$": "$.absent"}, "$.absent", "value.$"),
        ({"o": [{"deep.$": "$.a.x"}]}, "$.a.x", "deep.$"),
        ({"v.$": "States.Format('{}', $$.Execution.no)"}, "$$.Execution.no", "v.$"),
        ({"ok.$": "$.a", "v.$": "$unknown"}, "$unknown", "v.$"),
    ],
)
def test_a_missing_path_names_the_field_and_shows_the_input(
    make_values: MakeValues, template: Any, path: str, field: str
) -> None:
    values = make_values({"a": 1, "é": [None]}, context={"Execution": {}})
    with pytest.raises(EvaluationError) as raised:
        compile_template(template).evaluate(values)
    assert raised.value.error == "States.Runtime"
    assert raised.value.cause == (
        f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input "
        """'{"a":1,"é":[null]}'"""
    )


def test_a_named_field(make_values: MakeValues) -> None:
    assert compile_field("CausePath", "States.Format('no {}', $.a)")(make_values({"a": 1})) == "no 1"
    with pytest.raises(EvaluationError) as raised:
        compile_field("CausePath", "$.why")(make_values({}))
    assert raised.value.cause == (
        "The JSONPath '$.why' specified for the field 'CausePath' could not be found in the input '{}'"
    )


def test_an_expression_leaves_the_wording_to_its_field(make_values: MakeValues) -> None:
    with pytest.raises(PathNotFoundError):
        compile_expression("$.why")(make_values({}))
    for text in ("", "why", "'text'", "{% $x %}", "1"):
        with pytest.raises(ExpressionSyntaxError):
            compile_expression(text)


CONSTANTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4).filter(lambda key: not key.endswith(".$")), inner, max_size=4)
    ),
)


@given(CONSTANTS)
def test_a_template_of_constants_is_itself(make_values: MakeValues, value: Any) -> None:
    template = compile_template(value)
    assert template.constant
    assert template.evaluate(make_values({"a": 1})) is value


@given(st.dictionaries(st.text(max_size=6), st.integers(), max_size=30))
def test_computed_keys_neither_vanish_nor_appear(make_values: MakeValues, input: dict[str, int]) -> None:
    template = {f"k{number}.$": f"$[{number}]" for number in range(len(input))}
    made = compile_template(template).evaluate(make_values(list(input.values())))
    assert made == {f"k{number}": value for number, value in enumerate(input.values())}
