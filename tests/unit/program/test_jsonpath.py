"""The JSONPath language: what each field compiles to, and what is reported where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from running import (
    block,
    catch,
    choice,
    distributed,
    fail,
    findings,
    map_,
    parallel,
    pass_,
    run,
    succeed,
    task,
    wait,
)

REFUSED = "SCHEMA_VALIDATION_FAILED"


def refusals(**states: Any) -> list[tuple[str, str | None]]:
    return findings(json.dumps(block(**states)))


@pytest.mark.parametrize("field", ["InputPath", "OutputPath"])
@pytest.mark.parametrize("text", ["$.a[", "a.b", "$.a..", "", "$.["])
def test_data_paths_are_checked(field: str, text: str) -> None:
    assert refusals(S=pass_(**{field: text})) == [(REFUSED, f"/States/S/{field}")]


@pytest.mark.parametrize("text", ["$.a[*]", "$..a", "$.a[?(@.b)]", "$$.State", "$v", "a"])
def test_a_result_path_is_a_reference_path(text: str) -> None:
    assert refusals(S=pass_(ResultPath=text)) == [(REFUSED, "/States/S/ResultPath")]


def test_a_catchers_result_path_too() -> None:
    found = refusals(T=task(Catch=[catch("Z", ResultPath="$..a")]), Z=pass_())
    assert found == [(REFUSED, "/States/T/Catch[0]/ResultPath")]


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (pass_(Parameters={"a.$": "x"}), "Parameters"),
        (pass_(Parameters={"in": [{"a.$": "$.["}]}), "Parameters/in[0]"),
        (pass_(Parameters={"a.$": 5}), "Parameters"),
        (pass_(Assign={"a.$": "States.Format("}), "Assign"),
        (task(ResultSelector={"a.$": "$.b["}), "ResultSelector"),
        (task(Credentials={"RoleArn.$": "role"}), "Credentials"),
        (map_(block(I=pass_()), ItemSelector={"a.$": "x"}), "ItemSelector"),
        (map_(block(I=pass_()), ItemsPath="$.a["), "ItemsPath"),
        (map_(block(I=pass_()), MaxConcurrencyPath="a"), "MaxConcurrencyPath"),
        (distributed(block(I=pass_()), ToleratedFailureCountPath="a"), "ToleratedFailureCountPath"),
        (distributed(block(I=pass_()), ToleratedFailurePercentagePath="a"), "ToleratedFailurePercentagePath"),
        (task(TimeoutSecondsPath="$.a["), "TimeoutSecondsPath"),
        (task(HeartbeatSecondsPath="$.a["), "HeartbeatSecondsPath"),
        (wait(SecondsPath="$.a["), "SecondsPath"),
        (wait(TimestampPath="$.a["), "TimestampPath"),
        (wait(Timestamp="tomorrow"), "Timestamp"),
    ],
)
def test_every_field_is_checked_at_its_place(state: dict[str, Any], place: str) -> None:
    assert (REFUSED, f"/States/S/{place}") in refusals(S=state)


@pytest.mark.parametrize("field", ["ErrorPath", "CausePath"])
def test_the_paths_of_a_fail(field: str) -> None:
    assert refusals(S=fail(**{field: "no path"})) == [(REFUSED, "/States/S")]


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.a[", "IsNull": True},
        {"Not": {"Variable": "$.a[", "IsNull": True}},
        {"And": [{"Variable": "$.a", "IsNull": True}, {"Variable": "$.b[", "IsNull": True}]},
        {"Variable": "$.a", "StringEqualsPath": "$.b["},
    ],
)
def test_the_paths_of_a_rule(rule: dict[str, Any]) -> None:
    found = refusals(S=choice({**rule, "Next": "Z"}, default="Z"), Z=succeed())
    assert [code for code, _ in found] == [REFUSED]
    assert (found[0][1] or "").startswith("/States/S/Choices[0]")


def test_several_mistakes_in_one_template() -> None:
    found = refusals(S=pass_(Parameters={"a.$": "x", "b": {"c.$": "y"}, "d.$": "$.ok"}))
    assert sorted(found) == [(REFUSED, "/States/S/Parameters"), (REFUSED, "/States/S/Parameters/b")]


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        pytest.param(
            {"InputPath": None, "Parameters": {"a": 1, "in.$": "$"}}, {"a": 1, "in": {}}, id="jsonpath-inputpath-null"
        ),
        pytest.param({"OutputPath": None}, {}, id="jsonpath-outputpath-null"),
        pytest.param({"Parameters": {"r.$": "$.items[0]"}}, {"r": {"k": 0}}, id="jsonpath-index-is-scalar"),
        pytest.param({"Parameters": {"r.$": "$.no.items[*]"}}, {"r": []}, id="jsonpath-missing-nested-wildcard-empty"),
        pytest.param(
            {"Parameters": {"r.$": "$.no.items[1:5].v"}}, {"r": []}, id="jsonpath-missing-slice-then-field-empty"
        ),
        pytest.param(
            {"Parameters": {"r.$": "$.items[?(@.k == 0)]"}}, {"r": [{"k": 0}]}, id="jsonpath-filter-one-match-is-array"
        ),
        pytest.param({"Parameters": {"r.$": "$.items[?(@.k == 9)]"}}, {"r": []}, id="jsonpath-filter-no-match-empty"),
        pytest.param({"Parameters": {"r.$": "$..k"}}, {"r": [0, 1]}, id="descent"),
        pytest.param({"InputPath": "$v"}, 42, id="variables-inputpath"),
        pytest.param(
            {"Parameters": {"q": 'it\'s "q"', "b": "\\\\", "w": "1\n2\t", "e": "🆗"}},
            {"q": 'it\'s "q"', "b": "\\\\", "w": "1\n2\t", "e": "🆗"},
            id="jsonpath-string-escapes-pass-through",
        ),
    ],
)
def test_what_paths_give(fields: dict[str, Any], output: Any) -> None:
    machine = block(Set=pass_(Assign={"v": 42}), S=pass_(**fields))
    assert run(machine, {"items": [{"k": 0}, {"k": 1}]}).output == output


def test_there_are_no_path_functions() -> None:
    """Fact jsonpath-no-length-function."""
    done = run(block(S=pass_(InputPath="$.list.length()")), {"list": [1]})
    assert done.error == "States.Runtime"


def test_assign_takes_any_literal() -> None:
    """Fact assign-values-literal-kinds."""
    kinds = {"a": "$.x", "b": "$y", "c": "States.UUID()", "d": None, "e": [1, {"k": 0}]}
    read = {f"{name}.$": f"${name}" for name in kinds}
    assert run(block(A=pass_(Assign=kinds), B=pass_(Parameters=read))).output == kinds


@pytest.mark.parametrize(("fields", "seen"), [({"Parameters": {"in": "P"}}, "P"), ({"Result": {"in": "R"}}, "R")])
def test_assign_reads_the_result(fields: dict[str, Any], seen: str) -> None:
    """Facts assign-from-parameters, assign-from-result-not-output."""
    machine = block(A=pass_(**fields, Assign={"x.$": "$.in"}), B=pass_(Parameters={"r.$": "$x"}))
    assert run(machine, {"in": "I"}).output == {"r": seen}


def test_result_selector_reads_the_context() -> None:
    """Fact jsonpath-resultselector-context."""
    machine = block(T=task(ResultSelector={"p.$": "$.Payload", "in.$": "$$.Execution.Input"}))
    assert run(machine, {"v": 0}, {"T": [{"Payload": {"v": 0}}]}).output == {"p": {"v": 0}, "in": {"v": 0}}


def test_a_parallel_gets_its_parameters_and_a_map_its_items() -> None:
    machine = block(
        P=parallel(block(A=pass_()), Parameters={"l.$": "$.list"}, OutputPath="$[0]"),
        M=map_(block(B=pass_()), ItemsPath="$.l", Parameters={"x.$": "$$.Map.Item.Value"}),
    )
    assert run(machine, {"list": [1, 2]}).output == [{"x": 1}, {"x": 2}]


def test_wait_has_one_of_four_fields() -> None:
    for fields in ({}, {"Seconds": 1, "SecondsPath": "$.s"}, {"Seconds": 1, "Timestamp": "2025-01-01T00:00:00Z"}):
        assert refusals(S=wait(**fields))
