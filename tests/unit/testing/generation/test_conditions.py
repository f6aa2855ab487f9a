"""Data that makes rules match: every answer is checked by evaluating the rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import choice, succeed

from statemachine.definition import model
from statemachine.jsonvalue import Document, Json
from statemachine.program.load import load
from statemachine.testing.cases.model import Setup
from statemachine.testing.cases.running import run
from statemachine.testing.generation.conditions import making, place_of_path
from statemachine.testing.generation.scenario import put
from statemachine.testing.places import places_of

NUMBER = {"Variable": "$.n", "NumericGreaterThan": 10}
TEXT = {"Variable": "$['a b'].c", "StringEquals": "x"}
RULES: list[Any] = [
    NUMBER,
    TEXT,
    {"Variable": "$.n", "NumericEquals": 0},
    {"Variable": "$.n", "NumericLessThan": -2.5},
    {"Variable": "$.n", "NumericLessThanEquals": 3},
    {"Variable": "$.n", "NumericGreaterThanEquals": 3},
    {"Variable": "$.n", "NumericGreaterThanPath": "$.m"},
    {"Variable": "$.s", "StringLessThan": "b"},
    {"Variable": "$.s", "StringGreaterThanPath": "$.t"},
    {"Variable": "$.s", "StringMatches": "log-*.txt"},
    {"Variable": "$.s", "StringMatches": "\\\\**"},
    {"Variable": "$.b", "BooleanEquals": False},
    {"Variable": "$.b", "BooleanEqualsPath": "$.c"},
    {"Variable": "$.t", "TimestampLessThan": "2025-01-01T00:00:00Z"},
    {"Variable": "$.t", "TimestampGreaterThanEquals": "2025-01-01T00:00:00Z"},
    {"Variable": "$.t", "TimestampGreaterThanPath": "$.u"},
    {"Variable": "$.list[1]", "NumericEquals": 4},
    *({"Variable": "$.x", name: flag} for name in ("IsNull", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp")
      for flag in (True, False)),
    {"And": [NUMBER, TEXT]},
    {"Or": [NUMBER, TEXT]},
    {"Not": {"And": [NUMBER, {"Not": TEXT}]}},
    {"And": [{"Variable": "$.q", "IsPresent": True}, {"Variable": "$.q", "NumericGreaterThan": 0}]},
]  # fmt: skip
EXPRESSIONS = [
    "$states.input.n > 10",
    "10 >= $states.input.n",
    "$states.input.a.b = 'x'",
    "$states.input.a.b != 'x'",
    "$states.input.flag",
    "$not($states.input.flag)",
    "$exists($states.input.q)",
    "$count($states.input.list) >= 2",
    "$states.input.n = -1 and ($states.input.s = 'y' or $states.input.s = 'z')",
    "$states.input.n < $states.input.m",
    "$states.input.x = null",
    "$states.input.kind in ['slow', 'sea']",
    "$not($states.input.n in [1, 2])",
    "$states.input.x = true",
]


def chosen(rule: dict[str, Any], document: Json, language: str) -> bool:
    machine = {
        "StartAt": "C",
        "QueryLanguage": language,
        "States": {"C": choice({**rule, "Next": "Yes"}, default="No"), "Yes": succeed(), "No": succeed()},
    }
    path = run(Setup(loaded=load(machine), input=Document(document))).path
    return path[-1] == "Yes"


def condition(rule: dict[str, Any], language: str) -> model.ChoiceCondition:
    machine = {
        "StartAt": "C",
        "QueryLanguage": language,
        "States": {"C": choice({**rule, "Next": "Yes"}), "Yes": succeed()},
    }
    places = places_of(load(machine))
    assert places is not None
    state = places.states["C"]
    assert isinstance(state, model.Choice)
    return state.choices[0].condition


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize(
    ("rule", "language"),
    [
        *((rule, "JSONPath") for rule in RULES),
        *(({"Condition": f"{{% {each} %}}"}, "JSONata") for each in EXPRESSIONS),
    ],
    ids=str,
)
def test_what_is_said_to_match_does(rule: dict[str, Any], language: str, wanted: bool) -> None:
    alternatives = making(condition(rule, language), wanted)
    assert alternatives
    outcomes = []
    for alternative in alternatives:
        document: Json = {}
        for place, value in alternative:
            document = put(document, place, value)
        outcomes.append(chosen(rule, document, language) is wanted)
    assert any(outcomes)


@pytest.mark.parametrize(
    ("rule", "language"),
    [
        ({"Variable": "$$.Execution.Name", "StringEquals": "x"}, "JSONPath"),
        ({"Variable": "$name.x", "StringEquals": "x"}, "JSONPath"),
        ({"Variable": "$.list[*]", "NumericEquals": 1}, "JSONPath"),
        ({"Condition": "{% $sum($states.input.list) > 3 %}"}, "JSONata"),
        ({"Condition": "{% $total > 3 %}"}, "JSONata"),
        ({"Condition": True}, "JSONata"),
    ],
)
def test_what_is_not_known_is_not_said(rule: dict[str, Any], language: str) -> None:
    assert making(condition(rule, language), True) == []


@pytest.mark.parametrize(
    ("path", "place"),
    [("$.a.b", ("a", "b")), ("$['a b'][0]", ("a b", 0)), ("$", None), ("$.a[*]", None), ("$.a[-1]", None),
     ("$.a[1000]", None), ("$name.a", None), ("$$.a", None), ("$.a[", None)],
)  # fmt: skip
def test_places_of_paths(path: str, place: Any) -> None:
    assert place_of_path(path) == place


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.lists(st.sampled_from(("a", "b", 0, 2)), max_size=4).map(tuple)


@given(JSON, PLACES, JSON)
def test_a_value_that_is_put_somewhere_is_there(document: Json, place: tuple[Any, ...], value: Json) -> None:
    before = repr(document)
    found = put(document, place, value)
    for step in place:
        found = found[step]
    assert found == value
    assert repr(document) == before
