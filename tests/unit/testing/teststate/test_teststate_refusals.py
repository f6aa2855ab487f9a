"""Calls that are refused, and with which code and message."""

# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.errors import StatemachineError
from statemachine.testing.teststate import TestStateError, TestStateResult, test_state

PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "End": True}
TOKEN = {**TASK, "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}
SYNC = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {}, "End": True}
ACTIVITY = {"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:Sign", "End": True}
BLOCK = {"StartAt": "Inner", "States": {"Inner": PASS}}
MAP = {"Type": "Map", "ItemProcessor": BLOCK, "End": True}
PARALLEL = {"Type": "Parallel", "Branches": [BLOCK], "End": True}
MACHINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": MAP}}
RESULT = {"result": "[0]"}
ERROR = {"errorOutput": {"error": "Boom"}}
ONE = "A test mock should have only one of the following fields: [result, errorOutput]."
NO_MAP = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
CONTEXT = "Invalid Context object provided: "
CONSTRAINT = (
    "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have {} than or equal to {}"
)


def refusal(definition: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(TestStateError) as refused:
        test_state(definition, **options)
    return refused.value.code, refused.value.message


@pytest.mark.parametrize(
    ("definition", "options", "message"),
    [
        (TASK, {}, "RoleArn must be specified when testing a Task state"),
        (PASS, {"mock": RESULT}, "State type 'Pass' is not supported when a mock is specified"),
        ({"Type": "Succeed"}, {"mock": ERROR}, "State type 'Succeed' is not supported when a mock is specified"),
        ({"Type": "Wait", "Seconds": 1, "End": True}, {"mock": RESULT}, "State type 'Wait' is not supported when a mock is specified"),
        (TASK, {"mock": {**RESULT, **ERROR}}, ONE),
        (TASK, {"mock": {}}, ONE),
        (TASK, {"mock": {"fieldValidationMode": "NONE"}}, ONE),
        (TASK, {"mock": RESULT, "reveal_secrets": True}, "TestState does not support RevealSecrets when a mock is specified."),
        (TASK, {"mock": {"result": "{"}}, "Mocked result must be valid JSON"),
        (TASK, {"mock": {"result": '{"a":1,"a":2}', "fieldValidationMode": "NONE"}}, "Mocked result must be valid JSON"),
        (MAP, {"mock": {"result": "{}"}}, "Mocked result must be an array."),
        (PARALLEL, {"mock": {"result": "1"}}, "Mocked result must be an array."),
        (PARALLEL, {"mock": {"result": "[1,2]"}}, "Mocked result must contain the same number of items as number of Parallel branches."),
        (PASS, {"state_configuration": {"mapIterationFailureCount": 0}}, "TestState does not support MapIterationFailureCount when a mock is not specified."),
        (MAP, {"state_configuration": {"mapIterationFailureCount": 0}}, "TestState does not support MapIterationFailureCount when a mock is not specified."),
        (TASK, {"context": "{}"}, "TestState does not support Context when a mock is not specified."),
        (TASK, {"mock": ERROR, "state_configuration": {"errorCausedByState": "Inner"}}, "ErrorCausedByState can only be specified when testing a Map or Parallel state."),
        (MAP, {"mock": ERROR, "state_configuration": {"errorCausedByState": "Nobody"}}, "ErrorCausedByState 'Nobody' is not a state within 'StateName'."),
        (TASK, {"mock": ERROR, "state_configuration": {"mapItemReaderData": "[]"}}, "MapItemReaderData can only be specified when testing a Map state."),
        (MACHINE, {"state_name": "C"}, "State not found in definition"),
        (PASS, {"state_name": ""}, CONSTRAINT.format("stateName", "length greater", 1)),
        (PASS, {"state_name": "n" * 81}, CONSTRAINT.format("stateName", "length less", 80)),
        (PASS, {"input": json.dumps("x" * 262_143)}, CONSTRAINT.format("input", "length less", 262144)),
        (TASK, {"mock": ERROR, "state_configuration": {"retrierRetryCount": -1}}, CONSTRAINT.format("stateConfiguration.retrierRetryCount", "value greater", 0)),
        (TASK, {"mock": {"errorOutput": {"error": "e" * 257}}}, CONSTRAINT.format("mock.errorOutput.error", "length less", 256)),
        (PASS, {"inspection_level": "ALL"}, "1 validation error detected: Value 'ALL' at 'inspectionLevel' failed to satisfy constraint: Member must satisfy enum value set: [INFO, DEBUG, TRACE]"),
        (TASK, {"mock": {"result": "{}", "fieldValidationMode": "LAX"}}, "1 validation error detected: Value 'LAX' at 'mock.fieldValidationMode' failed to satisfy constraint: Member must satisfy enum value set: [STRICT, PRESENT, NONE]"),
        (TASK, {"mock": {"errorOutput": {"cause": "c"}}}, "An error must be specified in the errorOutput of a test mock."),
        (PASS, {"variables": "[]"}, "Variables must be a JSON object"),
        (PASS, {"variables": "{"}, "Variables must be valid JSON"),
        (PASS, {"input": '"\ud800"'}, "Value at 'input' must be Unicode text"),
    ],
)  # fmt: skip
def test_validation_exceptions(definition: Any, options: dict[str, Any], message: str) -> None:
    assert refusal(definition, **options) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("definition", "options", "message"),
    [
        (MAP, {}, NO_MAP),
        (PARALLEL, {}, NO_MAP),
        (ACTIVITY, {}, "TestState API does not support Activity tasks."),
        (SYNC, {}, "TestState API does not support '.sync' or '.waitForTaskToken' service integration patterns."),
        (TOKEN, {}, "TestState API does not support '.sync' or '.waitForTaskToken' service integration patterns."),
        ({**PARALLEL, "Branches": []}, {"mock": RESULT}, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches'"),
        ({"Type": "Loop"}, {}, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/StateName/Type'"),
        (MACHINE, {}, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [Type] at /States/StateName'"),
        (PASS, {"state_name": "A"}, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'"),
        ("nothing", {}, "Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: Unrecognized token 'nothing': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false') at null'"),
        ({"Type": "Pass", "Parameters": {"a.$": "$["}, "End": True}, {}, "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call at /States/StateName/Parameters'"),
    ],
)  # fmt: skip
def test_definitions_that_are_refused(definition: Any, options: dict[str, Any], message: str) -> None:
    assert refusal(definition, **options) == ("InvalidDefinition", message)


def test_input_that_is_no_json() -> None:
    code, message = refusal(PASS, input="{")
    assert code == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '")


@pytest.mark.parametrize("definition", [PASS, json.dumps(PASS)])
def test_a_state_may_be_given_as_value_or_text(definition: Any) -> None:
    assert test_state(definition, input="[1]").output == "[1]"


def test_a_state_may_point_to_states_that_are_not_there() -> None:
    rules = [{"Variable": "$.a", "IsPresent": True, "Next": "There"}, {"Variable": "$.b", "IsPresent": True, "Next": "StateName"}]  # fmt: skip
    choice = {"Type": "Choice", "Choices": rules, "Default": "Elsewhere"}
    assert test_state(choice, input='{"a":1}').next_state == "There"
    assert test_state(choice, input='{"b":1}').next_state == "StateName"
    assert test_state(choice, input="{}").next_state == "Elsewhere"


def test_a_state_is_found_inside_of_others() -> None:
    result = test_state(MACHINE, state_name="Inner", input="[1]")
    assert (result.status, result.output) == ("SUCCEEDED", "[1]")


# -- the context object --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "context", "message"),
    [
        (TASK, {"Map": {}}, CONTEXT + "'Map' field is not supported when mocking a Context object"),
        (TASK, {"Weather": {}}, CONTEXT + "Field 'Weather' is not allowed"),
        (TASK, {"State": {"Mood": 1}}, CONTEXT + "Field 'Mood' is not allowed"),
        (TASK, {"State": {"Name": 1}}, CONTEXT + "State.Name must be a string"),
        (TASK, {"State": {"RetryCount": "1"}}, CONTEXT + "State.RetryCount must be a number"),
        (TASK, {"StateMachine": []}, CONTEXT + "StateMachine must be an object"),
        (TASK, [], CONTEXT + "Context object must be a JSON object"),
        (TASK, {"Task": {"Token": "t"}}, CONTEXT + "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"),
        (MAP, {"Task": {"Token": "t"}}, CONTEXT + "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern"),
    ],
)  # fmt: skip
def test_contexts_that_are_refused(definition: Any, context: Any, message: str) -> None:
    assert refusal(definition, mock={"result": "[]"} if definition is MAP else {"result": "{}"}, context=json.dumps(context)) == (
        "ValidationException",
        message,
    )  # fmt: skip


def test_a_given_context_stands_as_it_is() -> None:
    context = {"Execution": {"Input": [1], "Name": "n"}, "Task": {"Token": "t"}}
    definition = {**TOKEN, "Parameters": {"FunctionName": "f", "c.$": "$$"}}
    result = test_state(definition, mock=RESULT, context=json.dumps(context), inspection_level="DEBUG")
    assert result.inspection is not None
    assert json.loads(result.inspection["afterParameters"])["c"] == context


def test_the_context_that_is_made_up() -> None:
    task = {**TASK, "ResultSelector": {"c.$": "$$"}}
    options: dict[str, Any] = {"input": '{"a":1}', "mock": {"result": "{}"}, "now_ms": 1_700_000_000_000}
    result = test_state(task, **options, account="111122223333", region="eu-west-1", role_arn="arn:aws:iam::1:role/r", state_configuration={"retrierRetryCount": 2})  # fmt: skip
    context = json.loads(result.output or "")["c"]
    machine, name = context["StateMachine"]["Name"], context["Execution"]["Name"]
    assert context == {
        "Execution": {
            "Id": f"arn:aws:states:eu-west-1:111122223333:express:{machine}:{name}",
            "Input": {"a": 1},
            "Name": name,
            "RoleArn": "arn:aws:iam::1:role/r",
            "StartTime": "2023-11-14T22:13:20.000Z",
        },
        "StateMachine": {"Id": f"arn:aws:states:eu-west-1:111122223333:stateMachine:{machine}", "Name": machine},
        "State": {"Name": "StateName", "EnteredTime": "2023-11-14T22:13:20.000Z", "RetryCount": 2},
    }
    assert machine != name
    again, later = test_state(task, **options), test_state(task, **{**options, "now_ms": 1_700_000_000_001})
    assert again == test_state(task, **options)
    assert again != later


def test_inside_of_a_map_the_input_is_the_first_item() -> None:
    inner = {"Type": "Pass", "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "s.$": "$$.State.Name"}, "End": True}  # fmt: skip
    definition = {"StartAt": "B", "States": {"B": {**MAP, "ItemProcessor": {**BLOCK, "States": {"Inner": inner}}}}}
    result = test_state(definition, state_name="Inner", input="[7]")
    assert json.loads(result.output or "") == {"i": 0, "v": [7], "s": "Inner"}


# -- whatever comes ------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["Type", "Pass", "Task", "Map", "Next", "End", "Resource", "Catch", "$", "$.a", "{% 1 %}", "result", "errorOutput", "error", "Execution", "{}", "[", ""])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    definition=VALUES | st.sampled_from([PASS, TASK, MAP, PARALLEL, MACHINE]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "mock": VALUES,
            "state_configuration": VALUES,
            "context": VALUES,
            "variables": VALUES,
            "input": VALUES,
            "state_name": VALUES,
            "inspection_level": VALUES,
            "role_arn": VALUES,
        },
    ),
)
def test_any_request_is_answered_or_refused(definition: Any, options: dict[str, Any]) -> None:
    try:
        result = test_state(definition, **options)
    except StatemachineError:
        return
    assert isinstance(result, TestStateResult)
    assert result.to_api()["status"] in ("SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR")
