"""The JSONPath data flow: which value each path sees, and what is shared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statemachine.errors import EvaluationError
from statemachine.expressions.base import Draws, Values
from statemachine.expressions.jsonpath import compile_path, compile_reference_path
from statemachine.expressions.template import compile_template
from statemachine.program.dataflow import Discard, JsonPathCatchFlow, JsonPathFlow, follow


class NoDraws:
    """Nothing here is left to chance."""

    def uuid(self) -> str:
        raise AssertionError

    def below(self, bound: int) -> int:
        raise AssertionError

    def fraction(self) -> float:
        raise AssertionError


def values(input: Any, context: Any = None, **variables: Any) -> Values:
    draws: Draws = NoDraws()
    return Values(input, lambda: context, variables, draws)


def path(text: str) -> Callable[[Values], Any]:
    return compile_path(text).evaluate


def template(value: Any) -> Callable[[Values], Any]:
    return compile_template(value).evaluate


def test_without_fields_everything_passes_through_and_is_not_copied() -> None:
    flow, given = JsonPathFlow(), values({"k": [1]})
    assert flow.effective_input(given) is given.input
    assert flow.arguments(given, given.input) is given.input
    result = {"r": 1}
    assert flow.exit(given, result) == (result, None)
    assert flow.exit(given, result).output is result


def test_input_path_then_parameters() -> None:
    flow = JsonPathFlow(input_path=path("$.a"), parameters=template({"x.$": "$.b", "c": 1}))
    given = values({"a": {"b": 5}})
    effective = flow.effective_input(given)
    assert effective == {"b": 5}
    assert flow.arguments(given, effective) == {"c": 1, "x": 5}


def test_the_order_after_the_work() -> None:
    """ResultSelector sees the result, ResultPath writes into the raw input, OutputPath picks from that."""
    flow = JsonPathFlow(
        input_path=path("$.a"),
        result_selector=template({"v.$": "$.deep.v"}),
        result_path=compile_reference_path("$.out"),
        output_path=path("$.out"),
        assign=template({"all.$": "$"}),
    )
    raw = {"a": 1}
    assert flow.exit(values(raw), {"deep": {"v": 7}}) == ({"v": 7}, {"all": {"v": 7}})
    assert raw == {"a": 1}, "documents are not changed in place"


def test_assign_sees_the_result_and_not_the_output() -> None:
    """Fact assign-from-result-not-output."""
    flow = JsonPathFlow(result_path=Discard(), assign=template({"x.$": "$.answer"}))
    assert flow.exit(values({"answer": 0}), {"answer": 42}) == ({"answer": 0}, {"x": 42})


def test_all_paths_see_the_variables_of_the_entry() -> None:
    """Fact jsonpath-passresult-then-assign-order."""
    flow = JsonPathFlow(output_path=path("$v"), assign=template({"v": "new", "old.$": "$v"}))
    assert flow.exit(values({}, v="old"), {}) == ("old", {"v": "new", "old": "old"})


def test_the_context_object_can_be_read_anywhere() -> None:
    flow = JsonPathFlow(
        input_path=path("$$.i"), parameters=template({"p.$": "$$.i"}), result_selector=template({"s.$": "$$.i"}),
        output_path=path("$$.i"), assign=template({"a.$": "$$.i"}),
    )  # fmt: skip
    given = values({}, {"i": 3})
    assert flow.effective_input(given) == 3
    assert flow.arguments(given, 3) == {"p": 3}
    assert flow.exit(given, {}) == (3, {"a": 3})


@pytest.mark.parametrize("part", ["input_path", "output_path"])
def test_a_path_that_leads_nowhere(part: str) -> None:
    """Facts jsonpath-missing-inputpath-cause, jsonpath-missing-outputpath-cause."""
    flow = JsonPathFlow(**{part: path("$.absent")})
    given = values({"n": 0})
    with pytest.raises(EvaluationError) as raised:
        flow.effective_input(given) if part == "input_path" else flow.exit(given, {})
    assert raised.value.error == "States.Runtime"
    assert raised.value.cause == "Invalid path '$.absent' : No results for path: $['absent']"


@pytest.mark.parametrize("field", ["parameters", "result_selector", "assign"])
def test_a_missing_path_in_a_template(field: str) -> None:
    """Fact jsonpath-missing-parameters-cause: the field's key and the input it was looked up in."""
    flow = JsonPathFlow(**{field: template({"value.$": "$.absent"})})
    given = values({"n": 0})
    with pytest.raises(EvaluationError) as raised:
        flow.arguments(given, given.input) if field == "parameters" else flow.exit(given, {"r": 1})
    shown = '{"n":0}' if field == "parameters" else '{"r":1}'
    assert raised.value.cause == (
        f"The JSONPath '$.absent' specified for the field 'value.$' could not be found in the input '{shown}'"
    )


def test_a_result_path_that_cannot_be_written() -> None:
    flow = JsonPathFlow(result_path=compile_reference_path("$.a.b"))
    with pytest.raises(EvaluationError) as raised:
        flow.exit(values({"a": "text"}), 1)
    assert raised.value.error == "States.ResultPathMatchFailure"


def test_discard_keeps_the_very_document() -> None:
    raw = {"k": 1}
    assert Discard().write(raw, "result") is raw


@pytest.mark.parametrize(
    ("flow", "exit"),
    [
        (JsonPathCatchFlow(), ({"Error": "E", "Cause": "C"}, None)),
        (
            JsonPathCatchFlow(result_path=compile_reference_path("$.e")),
            ({"k": 1, "e": {"Error": "E", "Cause": "C"}}, None),
        ),
        (JsonPathCatchFlow(result_path=Discard(), assign=template({"x.$": "$.Error"})), ({"k": 1}, {"x": "E"})),
    ],
)
def test_a_catchers_flow(flow: JsonPathCatchFlow, exit: Any) -> None:
    assert flow.exit(values({"k": 1}), {"Error": "E", "Cause": "C"}) == exit


def test_follow() -> None:
    assert follow(path("$.a"), values({"a": 1})) == 1
    with pytest.raises(EvaluationError, match=r"States\.Runtime"):
        follow(path("$.b"), values({"a": 1}))
