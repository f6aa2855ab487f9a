# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.jsonvalue import Json
from statemachine.testing.mocks import MockCalls, Mocks, MocksError, Return, Throw, load_mocks, split_mocks_option

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Charge"
INVOKE = "arn:aws:states:::lambda:invoke"
BOOM = {"Throw": {"Error": "Boom", "Cause": "bang"}}


def local(responses: dict[str, Any], cases: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "StateMachines": {"Order": {"TestCases": cases or {"Happy": {"Pay": "paid"}}}},
        "MockedResponses": responses,
    }


def test_the_last_outcome_answers_all_further_calls() -> None:
    mocks = Mocks.of_states({"Pay": [BOOM, {"Return": 1, "Delay": 2.5}, {"Return": [2]}]})
    found = [mocks.outcome("Pay", call) for call in (0, 1, 2, 3, 1_000_000)]
    assert found == [Throw("Boom", "bang"), Return(1, 2.5), Return([2]), Return([2]), Return([2])]


@pytest.mark.parametrize(
    ("entry", "outcome"),
    [
        ({"Return": None}, Return(None)),
        ({"Delay": 3}, Return(None, 3.0)),
        ({"Throw": {"Error": "E"}}, Throw("E", None)),
        ({"Throw": {"Error": "E"}, "Delay": 0.5}, Throw("E", None, 0.5)),
        ([{"Return": {"Payload": 1}}], Return({"Payload": 1})),
        (({"Return": 1},), Return(1)),
    ],
)
def test_an_outcome_per_state(entry: Json, outcome: object) -> None:
    mocks = Mocks.of_states({"Pay": entry})
    assert mocks.outcome("Pay", 0, FUNCTION) == outcome
    assert mocks.states == ("Pay",)
    assert mocks.covers("Pay")
    assert not mocks.covers("Ship")
    with pytest.raises(KeyError):
        mocks.outcome("Ship", 0)


@pytest.mark.parametrize(
    ("states", "finding"),
    [
        ({"Pay": []}, "Pay: A state has a list of outcomes, each with Return, Throw or Delay"),
        ({"Pay": "x"}, "Pay: A state has a list of outcomes, each with Return, Throw or Delay"),
        ({"Pay": [{}]}, "Pay.0: An outcome is an object with Return, Throw or Delay"),
        ({"Pay": [1]}, "Pay.0: An outcome is an object with Return, Throw or Delay"),
        ({"Pay": [{"Retrun": 1}]}, "Pay.0.Retrun: 'Retrun' is not known here (did you mean 'Return'?); expected Return, Throw, Delay"),
        ({"Pay": [{"Return": 1, "Throw": {"Error": "E"}}]}, "Pay.0.Return: An outcome has Return or Throw, not both"),
        ({"Pay": {"Throw": {"Cause": "c"}}}, "Pay.Throw: 'Error' is a required property"),
        ({"Pay": {"Throw": {"Error": 3}}}, "Pay.Throw.Error: 3 is not of type 'string'"),
        ({"Pay": {"Delay": -1}}, "Pay.Delay: -1 is less than the minimum of 0"),
    ],
)  # fmt: skip
def test_what_is_no_mock_is_refused(states: dict[str, Any], finding: str) -> None:
    with pytest.raises(MocksError) as raised:
        Mocks.of_states(states)
    assert str(raised.value).splitlines() == [finding]


def test_calls_are_numbered_and_may_be_ranges() -> None:
    config = local({"paid": {"0": BOOM, "3-5": {"Return": "late"}, "1-2": {"Return": "soon"}, "7": {"Return": "x"}}})
    mocks = Mocks.of_test_case(config)
    found = [mocks.outcome("Pay", call) for call in range(9)]
    soon, late = Return("soon"), Return("late")
    assert found[:6] == [Throw("Boom", "bang"), soon, soon, late, late, late]
    assert found[7] == Return("x")
    for call in (6, 8):
        assert found[call] == Throw(
            "States.Runtime", f"The mocked response 'paid' has no entry for call {call} of 'Pay'"
        )


def test_a_response_without_entries_fails_only_when_it_is_asked() -> None:
    outcome = Mocks.of_test_case(local({"paid": {}})).outcome("Pay", 0)
    assert isinstance(outcome, Throw)
    assert outcome.error == "States.Runtime"


@pytest.mark.parametrize(
    ("resource", "value", "result"),
    [
        (FUNCTION, {"StatusCode": 200, "Payload": {"n": 1}}, {"n": 1}),
        (INVOKE, {"StatusCode": 200, "Payload": {"n": 1}}, {"StatusCode": 200, "Payload": {"n": 1}}),
        ("arn:aws:states:::sns:publish", {"Payload": 1}, {"Payload": 1}),
        (FUNCTION, "text", "text"),
        (FUNCTION, {"n": 1}, {"n": 1}),
    ],
)
def test_a_function_gets_the_payload_of_its_response(resource: str, value: Json, result: Json) -> None:
    mocks = Mocks.of_test_case(local({"paid": {"0": {"Return": value}}}))
    assert mocks.outcome("Pay", 0, resource) == Return(result)


def test_calls_are_counted_per_state_over_the_whole_execution() -> None:
    config = local(
        {"a": {"0": BOOM, "1-2": {"Return": 1}}, "b": {"0": {"Return": 2}}}, {"Case": {"Pay": "a", "Ship": "b"}}
    )
    calls = MockCalls(Mocks.of_test_case(config))
    found = [calls.next(state) for state in ("Pay", "Ship", "Pay", "Other", "Pay")]
    assert found == [Throw("Boom", "bang"), Return(2), Return(1), None, Return(1)]


@pytest.mark.parametrize(
    ("responses", "cases", "test_case", "machine", "finding"),
    [
        ({"paid": {}}, {"A": {}, "B": {}}, None, None, "name a test case; it has A, B"),
        ({"paid": {}}, {"Happy": {}}, "happy", None, "there is no test case 'happy' (did you mean 'Happy'?); it has Happy"),
        ({"payd": {}}, {"A": {"Pay": "paid"}}, None, None, "test case 'A', state 'Pay': there is no 'paid' in MockedResponses (did you mean 'payd'?)"),
        ({"paid": {"2-1": BOOM}}, None, None, None, "test case 'Happy', state 'Pay': 'paid': the range 2-1 ends before it starts"),
        ({"paid": {"0-2": BOOM, "2": BOOM}}, None, None, None, "test case 'Happy', state 'Pay': 'paid': call 2 has two entries"),
        ({"paid": {"x": BOOM}}, None, None, None, "MockedResponses.paid: Calls are numbered: 0, or a range such as 1-3"),
        ({"paid": {"0": {}}}, None, None, None, "MockedResponses.paid.0: A response has either Return or Throw"),
        ({"paid": {"0": {"Return": 1, **BOOM}}}, None, None, None, "MockedResponses.paid.0: A response has either Return or Throw"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_used(
    responses: dict[str, Any], cases: dict[str, Any] | None, test_case: str | None, machine: str | None, finding: str
) -> None:
    with pytest.raises(MocksError) as raised:
        Mocks.of_test_case(local(responses, cases), test_case, machine)
    assert str(raised.value) == finding


def test_the_state_machine_is_found_by_name_or_by_its_test_case() -> None:
    config = {
        "StateMachines": {"A": {"TestCases": {"x": {"Pay": "a"}}}, "B": {"TestCases": {"x": {}, "y": {"Pay": "b"}}}},
        "MockedResponses": {"a": {"0": {"Return": "a"}}, "b": {"0": {"Return": "b"}}},
    }
    assert Mocks.of_test_case(config, "x", "A").outcome("Pay", 0) == Return("a")
    assert Mocks.of_test_case(config, "y").outcome("Pay", 0) == Return("b")
    assert Mocks.of_test_case(config, "y", "Unknown").outcome("Pay", 0) == Return("b")
    with pytest.raises(MocksError, match=r"it has A, B: name the state machine"):
        Mocks.of_test_case(config, "x")


def test_mocks_of_unknown_states_are_found() -> None:
    mocks = Mocks.of_states({"Pay": {"Return": 1}, "Shipp": {"Return": 1}})
    mocks.check_states(["Pay", "Shipp", "Other"])
    with pytest.raises(MocksError) as raised:
        mocks.check_states(["Pay", "Ship"])
    assert str(raised.value) == "There is no Task state 'Shipp' to be mocked (did you mean 'Ship'?)"


def test_files_of_either_form(tmp_path: Path) -> None:
    plain, config = tmp_path / "plain.yaml", tmp_path / "MockConfigFile.json"
    plain.write_text("$schema: x\nPay:\n  - Throw: {Error: Boom}\n  - Return: {on: true}\n")
    config.write_text(json.dumps(local({"paid": {"0": {"Return": {"Payload": 1}}}})))
    assert load_mocks(plain).outcome("Pay", 1) == Return({"on": True})
    assert load_mocks(plain).states == ("Pay",)
    assert load_mocks(config, "Happy").outcome("Pay", 0, FUNCTION) == Return(1)
    with pytest.raises(MocksError, match="has no test cases, so 'Happy' cannot be chosen"):
        load_mocks(plain, "Happy")
    with pytest.raises(MocksError, match=r"MockConfigFile.json: there is no test case 'Sad'"):
        load_mocks(config, "Sad")


def test_findings_of_a_file_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("Pay:\n  - Return: 1\n    Dely: 3\nShip:\n  - Throw:\n      Eror: x\n")
    with pytest.raises(MocksError) as raised:
        load_mocks(path)
    lines = str(raised.value).replace(str(path), "FILE").splitlines()
    assert lines[0] == "FILE:3:5: 'Dely' is not known here (did you mean 'Delay'?); expected Return, Throw, Delay"
    assert "FILE:6:7: 'Eror' is not known here (did you mean 'Error'?); expected Error, Cause" in lines
    with pytest.raises(MocksError, match=r"none\.json: cannot be read"):
        load_mocks(tmp_path / "none.json")


def test_the_option_names_a_file_and_perhaps_a_test_case(tmp_path: Path) -> None:
    (tmp_path / "a:b").write_text("")
    assert split_mocks_option("mocks.json") == (Path("mocks.json"), None)
    assert split_mocks_option("dir/mocks.json:Happy") == (Path("dir/mocks.json"), "Happy")
    assert split_mocks_option(str(tmp_path / "a:b")) == (tmp_path / "a:b", None)
    assert split_mocks_option("C:\\mocks.json") == (Path("C:\\mocks.json"), None)
    assert split_mocks_option("C:\\mocks.json:Happy") == (Path("C:\\mocks.json"), "Happy")
