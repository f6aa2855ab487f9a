"""The structure of a definition's objects, and the model made of them."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.parse import parse_definition
from statemachine.definition.schema import check_schema

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": ARN, "End": True}
BRANCH = {"StartAt": "I", "States": {"I": PASS}}
MAP = {"Type": "Map", "ItemProcessor": BRANCH, "End": True}
CHOICE = {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": True, "Next": "B"}]}
RETRIER = {"ErrorEquals": ["E"]}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **BRANCH}


def machine(state: Any, language: str | None = None) -> dict[str, Any]:
    top = {"StartAt": "S", "States": {"S": state, "B": {"Type": "Succeed"}}}
    return top if language is None else {"QueryLanguage": language, **top}


def parsed(state: Any, language: str | None = None) -> Any:
    value, found = parse_definition(machine(state, language))
    assert value is not None, found
    assert not found
    return value.states["S"]


def faults(value: Any) -> list[tuple[str, str | None]]:
    result, found = parse_definition(value)
    errors = [each for each in found if each.severity is Severity.ERROR]
    assert (result is None) == bool(errors)
    return [(each.message, each.location) for each in errors]


# --- the model --------------------------------------------------------------------------------------------------------


def test_the_machine() -> None:
    value = {
        "Comment": "C",
        "Version": "1.0",
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": 60,
        "StartAt": "S",
        "States": {"S": {"Type": "Succeed"}},
    }
    result, found = parse_definition(value)
    assert not found
    assert result == model.StateMachine(
        start_at="S",
        states={"S": model.Succeed(name="S", path=("States", "S"), query_language=QueryLanguage.JSONATA)},
        query_language=QueryLanguage.JSONATA,
        comment="C",
        timeout_seconds=60,
    )


def test_defaults_of_a_task() -> None:
    assert parsed(TASK) == model.Task(name="S", path=("States", "S"), resource=ARN, end=True)


def test_a_whole_task() -> None:
    state = parsed(
        {
            "Type": "Task",
            "Comment": "C",
            "Resource": ARN,
            "InputPath": None,
            "OutputPath": None,
            "ResultPath": None,
            "Parameters": {"a.$": "$.b"},
            "ResultSelector": {"c.$": "$.d"},
            "Assign": {"v.$": "$"},
            "TimeoutSeconds": 30.0,
            "HeartbeatSecondsPath": "$.h",
            "Credentials": {"RoleArn": "r"},
            "Retry": [
                {
                    "ErrorEquals": ["A", "B"],
                    "IntervalSeconds": 2,
                    "MaxAttempts": 0,
                    "BackoffRate": 1,
                    "MaxDelaySeconds": 9,
                    "JitterStrategy": "FULL",
                },
                {"ErrorEquals": ["States.ALL"]},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B", "ResultPath": "$.e", "Assign": {"x": 1}}],
            "Next": "B",
        }
    )
    path = ("States", "S")
    assert state == model.Task(
        name="S",
        path=path,
        comment="C",
        resource=ARN,
        next="B",
        input_path=None,
        output_path=None,
        result_path=None,
        parameters={"a.$": "$.b"},
        result_selector={"c.$": "$.d"},
        assign={"v.$": "$"},
        timeout_seconds=30,
        heartbeat_seconds_path="$.h",
        credentials={"RoleArn": "r"},
        retry=(
            model.Retrier(
                error_equals=("A", "B"),
                interval_seconds=2,
                max_attempts=0,
                backoff_rate=1,
                max_delay_seconds=9,
                jitter=model.JitterStrategy.FULL,
                path=(*path, "Retry", 0),
            ),
            model.Retrier(error_equals=("States.ALL",), path=(*path, "Retry", 1)),
        ),
        catch=(
            model.Catcher(
                error_equals=("States.ALL",), next="B", result_path="$.e", assign={"x": 1}, path=(*path, "Catch", 0)
            ),
        ),
    )
    assert isinstance(state.timeout_seconds, int)


def test_null_differs_from_absent() -> None:
    assert parsed({**PASS, "Result": None}).result is None
    assert parsed(PASS).result is ABSENT
    assert parsed({**PASS, "Parameters": None}).parameters is None
    assert parsed({**PASS, "Output": None}, "JSONata").output is None


def test_jsonata_fields() -> None:
    task = parsed(
        {**TASK, "Arguments": "{% $x %}", "Output": 1, "TimeoutSeconds": "{% 1 %}", "HeartbeatSeconds": "{% 2 %}"},
        "JSONata",
    )
    assert (task.arguments, task.output) == ("{% $x %}", 1)
    assert (task.timeout_seconds, task.heartbeat_seconds) == ("{% 1 %}", "{% 2 %}")


def test_choices() -> None:
    state = parsed(
        {
            "Type": "Choice",
            "Default": "B",
            "Choices": [
                {"Comment": "c", "Variable": "$.a", "NumericLessThanPath": "$.b", "Next": "B", "Assign": {"x": 1}},
                {"Not": {"Variable": "$.a", "IsNull": True, "Comment": "c"}, "Next": "B"},
                {
                    "And": [
                        {"Variable": "$.a", "StringEquals": "x"},
                        {"Or": [{"Variable": "$.a", "TimestampEquals": "2024-01-01T00:00:00Z"}]},
                    ],
                    "Next": "B",
                },
            ],
        }
    )
    at = ("States", "S", "Choices")
    assert state.default == "B"
    assert [rule.next for rule in state.choices] == ["B", "B", "B"]
    assert state.choices[0] == model.ChoiceRule(
        condition=model.Comparison(variable="$.a", operator="NumericLessThanPath", operand="$.b", path=(*at, 0)),
        next="B",
        assign={"x": 1},
        path=(*at, 0),
    )
    assert state.choices[1].condition == model.Not(
        rule=model.Comparison(variable="$.a", operator="IsNull", operand=True, path=(*at, 1, "Not"))
    )
    both = state.choices[2].condition
    assert both.rules[0].operand == "x"
    assert both.rules[1].rules[0].path == (*at, 2, "And", 1, "Or", 0)


@pytest.mark.parametrize("condition", ["{% $x > 1 %}", True, False])
def test_jsonata_choices(condition: Any) -> None:
    rule = {"Condition": condition, "Next": "B", "Output": "{% 1 %}"}
    state = parsed({"Type": "Choice", "Choices": [rule], "Output": 2}, "JSONata")
    assert state.choices[0].condition.expression == condition
    assert (state.choices[0].output, state.output) == ("{% 1 %}", 2)


@pytest.mark.parametrize(
    ("field", "value", "attribute"),
    [
        ("Seconds", 0, "seconds"),
        ("SecondsPath", "$.s", "seconds_path"),
        ("Timestamp", "2024-01-01T00:00:00+01:00", "timestamp"),
        ("TimestampPath", "$.t", "timestamp_path"),
    ],
)
def test_waits(field: str, value: Any, attribute: str) -> None:
    state = parsed({"Type": "Wait", field: value, "Next": "B"})
    assert getattr(state, attribute) == value


def test_fails() -> None:
    state = parsed({"Type": "Fail", "ErrorPath": "$.e", "Cause": "c"})
    assert state == model.Fail(name="S", path=("States", "S"), error_path="$.e", cause="c")
    assert parsed({"Type": "Fail"}) == model.Fail(name="S", path=("States", "S"))


def test_parallels() -> None:
    state = parsed(
        {"Type": "Parallel", "Branches": [BRANCH, {**BRANCH, "States": {"I": PASS}, "Comment": "c"}], "Next": "B"}
    )
    assert [branch.path for branch in state.branches] == [
        ("States", "S", "Branches", 0),
        ("States", "S", "Branches", 1),
    ]
    assert state.branches[1].comment == "c"
    assert state.branches[1].states["I"].path == ("States", "S", "Branches", 1, "States", "I")


def test_maps() -> None:
    state = parsed(
        {
            "Type": "Map",
            "ItemProcessor": DISTRIBUTED,
            "ItemsPath": "$.items",
            "ItemSelector": {"a": 1},
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}},
            "ItemBatcher": {"MaxItemsPerBatch": 5, "BatchInput": {"b": 1}},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
            "Label": "lab",
            "MaxConcurrency": 3,
            "ToleratedFailureCountPath": "$.c",
            "ToleratedFailurePercentage": 12.5,
            "Retry": [],
            "Catch": [],
            "End": True,
        }
    )
    assert state.processor.mode is model.ProcessorMode.DISTRIBUTED
    assert (state.processor.execution_type, state.processor.legacy) == ("STANDARD", False)
    assert state.processor.branch.path == ("States", "S", "ItemProcessor")
    assert (state.items_path, state.item_selector, state.label) == ("$.items", {"a": 1}, "lab")
    assert (state.max_concurrency, state.tolerated_failure_percentage) == (3, 12.5)
    assert state.item_batcher == {"MaxItemsPerBatch": 5, "BatchInput": {"b": 1}}
    assert state.retry == state.catch == ()


@pytest.mark.parametrize("key", ["Iterator", "ItemProcessor"])
def test_parameters_of_a_map_select_items(key: str) -> None:
    state = parsed({"Type": "Map", key: BRANCH, "Parameters": {"a": 1}, "End": True})
    assert state.item_selector == {"a": 1}
    assert state.processor.legacy == (key == "Iterator")
    assert state.processor.mode is model.ProcessorMode.INLINE


def test_inner_states_inherit_the_language_of_the_machine() -> None:
    outer = parsed({**MAP, "QueryLanguage": "JSONata"})
    assert outer.query_language is QueryLanguage.JSONATA
    assert outer.processor.branch.states["I"].query_language is QueryLanguage.JSONPATH


ACCEPTED: list[tuple[Any, str | None]] = [
    ({**TASK, "Resource": "python:shop.tasks:charge"}, None),
    ({**TASK, "Resource": "exec:charge --fast"}, None),
    ({**TASK, "Resource": "https://example.com/charge"}, None),
    ({**TASK, "Retry": [{**RETRIER, "Comment": "c"}, {"ErrorEquals": ["State.ALL", "Nobody.Knows"]}]}, None),
    ({**TASK, "Catch": [{**RETRIER, "Next": "B", "Comment": "c"}]}, None),
    ({**TASK, "Retry": [{**RETRIER, "IntervalSeconds": 3.0, "BackoffRate": 1.0}]}, None),
    ({**TASK, "Credentials": {"RoleArn.$": "$.r", "Other": 1}}, None),
    ({**TASK, "End": False, "Next": "B"}, None),
    ({**MAP, "ItemReader": {"Resource": "r"}}, None),
    ({**MAP, "Label": "label_-.()'=@"}, None),
    ({**MAP, "Items": [1, 2]}, "JSONata"),
    ({**MAP, "Items": "{% $x %}", "MaxConcurrency": "{% 1 %}", "ToleratedFailurePercentage": "{% 1 %}"}, "JSONata"),
    ({**PASS, "Result": "{% no expression %}", "Parameters": ["a"]}, None),
    ({**PASS, "Assign": {"é_1": 1, "x.$": "$.y"}}, None),
    ({"Type": "Wait", "Seconds": "{%1%}", "Next": "B"}, "JSONata"),
    ({"Type": "Wait", "Timestamp": "{% $t %}", "Next": "B"}, "JSONata"),
    ({"Type": "Succeed", "Output": {"a": 1}}, "JSONata"),
    ({"Type": "Fail", "Error": "{% 'E' %}"}, "JSONata"),
]


@pytest.mark.parametrize(("state", "language"), ACCEPTED)
def test_what_is_accepted(state: Any, language: str | None) -> None:
    assert parsed(state, language)
    assert check_schema(machine(state, language)) == []


# --- faults -----------------------------------------------------------------------------------------------------------

S = "/States/S"
NEXT_OR_END = "This object should have only one of the following fields: [Next, End]"
REQUIRED = "These fields are required: [{}]"
ONLY_ONE = "There should only be one of the following fields: [{}]"
EXPECTED = "Expected value of type {}"
UNSUPPORTED = "Field '{}' is not supported"
JSONPATH_ONLY = (
    "The QueryLanguage is set to 'JSONata', but field '{}' is only supported for the 'JSONPath' QueryLanguage"
)
JSONATA_ONLY = (
    "The QueryLanguage is set to 'JSONPath', but field '{}' is only supported for the 'JSONata' QueryLanguage"
)
ALONE = "States.ALL must appear alone and at end of list"
ONE_TEST = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]"

# State, message, location
STATE_FAULTS: list[tuple[Any, str, str]] = [
    # the object
    (1, EXPECTED.format("Object"), S),
    ({"End": True}, REQUIRED.format("Type"), S),
    ({"Type": 1}, EXPECTED.format("String"), f"{S}/Type"),
    (
        {"Type": "Tsk"},
        "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
        f"{S}/Type",
    ),
    ({"Type": "Task", "End": True}, REQUIRED.format("Resource"), S),
    ({**PASS, "Colour": 1}, UNSUPPORTED.format("Colour"), S),
    ({**PASS, "TimeoutSeconds": 5}, UNSUPPORTED.format("TimeoutSeconds"), S),
    ({**PASS, "Catch": [{**RETRIER, "Next": "B"}]}, UNSUPPORTED.format("Catch"), S),
    ({**MAP, "TimeoutSeconds": 5}, UNSUPPORTED.format("TimeoutSeconds"), S),
    ({"Type": "Succeed", "Next": "B"}, UNSUPPORTED.format("Next"), S),
    ({"Type": "Succeed", "Assign": {}}, UNSUPPORTED.format("Assign"), S),
    ({"Type": "Fail", "InputPath": "$"}, UNSUPPORTED.format("InputPath"), S),
    ({**CHOICE, "End": True}, UNSUPPORTED.format("End"), S),
    # transitions
    ({"Type": "Pass"}, NEXT_OR_END, S),
    ({"Type": "Pass", "End": False}, NEXT_OR_END, S),
    ({**PASS, "Next": "B"}, ONLY_ONE.format("Next, End"), S),
    ({"Type": "Pass", "End": "true"}, EXPECTED.format("Boolean"), f"{S}/End"),
    ({"Type": "Pass", "Next": 5}, EXPECTED.format("String"), f"{S}/Next"),
    # types, ranges, enumerations
    ({**PASS, "Comment": 5}, EXPECTED.format("String"), f"{S}/Comment"),
    ({**PASS, "InputPath": 5}, EXPECTED.format("String"), f"{S}/InputPath"),
    ({**PASS, "Assign": "x"}, EXPECTED.format("Object"), f"{S}/Assign"),
    (
        {**PASS, "QueryLanguage": "JMESPath"},
        "Value should be one of the following: [JSONPath, JSONata]",
        f"{S}/QueryLanguage",
    ),
    ({**TASK, "Resource": ""}, "Value cannot be empty", f"{S}/Resource"),
    ({**TASK, "TimeoutSeconds": "5"}, EXPECTED.format("Integer"), f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": "{% 5 %}"}, EXPECTED.format("Integer"), f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": True}, EXPECTED.format("Integer"), f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": 1.5}, EXPECTED.format("Integer"), f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": None}, EXPECTED.format("Integer"), f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": 0}, "Minimum value is 1", f"{S}/TimeoutSeconds"),
    ({**TASK, "TimeoutSeconds": 100_000_000}, "Maximum value is 99999999", f"{S}/TimeoutSeconds"),
    ({**TASK, "HeartbeatSeconds": 0}, "Minimum value is 1", f"{S}/HeartbeatSeconds"),
    ({**TASK, "Credentials": None}, EXPECTED.format("Object"), f"{S}/Credentials"),
    ({**TASK, "Credentials": {}}, "The field 'RoleArn' is required but was missing", f"{S}/Credentials"),
    ({**TASK, "Retry": RETRIER}, EXPECTED.format("Array"), f"{S}/Retry"),
    ({**TASK, "Retry": [1]}, EXPECTED.format("Object"), f"{S}/Retry[0]"),
    ({**MAP, "MaxConcurrency": -1}, "Minimum value is 0", f"{S}/MaxConcurrency"),
    ({**MAP, "MaxConcurrency": "many"}, EXPECTED.format("Integer"), f"{S}/MaxConcurrency"),
    ({**MAP, "ToleratedFailurePercentage": 101}, "Maximum value is 100", f"{S}/ToleratedFailurePercentage"),
    ({"Type": "Wait", "Seconds": -1, "End": True}, "Minimum value is 0", f"{S}/Seconds"),
    # fields that exclude or need each other
    (
        {"Type": "Wait", "End": True},
        "This object should have only one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp]",
        S,
    ),
    (
        {"Type": "Wait", "Seconds": 1, "SecondsPath": "$", "End": True},
        ONLY_ONE.format("SecondsPath, Seconds, TimestampPath, Timestamp"),
        S,
    ),
    (
        {**TASK, "TimeoutSeconds": 5, "TimeoutSecondsPath": "$"},
        ONLY_ONE.format("TimeoutSeconds, TimeoutSecondsPath"),
        S,
    ),
    ({"Type": "Fail", "Error": "e", "ErrorPath": "$.e"}, ONLY_ONE.format("Error, ErrorPath"), S),
    ({"Type": "Fail", "Cause": "e", "CausePath": "$.e"}, ONLY_ONE.format("Cause, CausePath"), S),
    (
        {"Type": "Map", "End": True},
        "This object should have only one of the following fields: [ItemProcessor, Iterator]",
        S,
    ),
    ({**MAP, "Iterator": BRANCH}, ONLY_ONE.format("ItemProcessor, Iterator"), S),
    ({**MAP, "Parameters": {}, "ItemSelector": {}}, ONLY_ONE.format("Parameters, ItemSelector"), S),
    (
        {**MAP, "MaxConcurrency": 1, "MaxConcurrencyPath": "$.m"},
        ONLY_ONE.format("MaxConcurrency, MaxConcurrencyPath"),
        S,
    ),
    # timestamps
    *(
        ({"Type": "Wait", "Timestamp": text, "End": True}, "String does not match RFC3339 timestamp", f"{S}/Timestamp")
        for text in ("soon", "2024-01-01", "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "2024-13-01T00:00:00Z")
    ),
    # errors
    ({**TASK, "Retry": [{}]}, REQUIRED.format("ErrorEquals"), f"{S}/Retry[0]"),
    ({**TASK, "Retry": [{"ErrorEquals": []}]}, "Value cannot be empty", f"{S}/Retry[0]/ErrorEquals"),
    ({**TASK, "Retry": [{"ErrorEquals": [1]}]}, EXPECTED.format("String"), f"{S}/Retry[0]/ErrorEquals[0]"),
    ({**TASK, "Retry": [{**RETRIER, "BackoffRate": 0.5}]}, "Minimum value is 1", f"{S}/Retry[0]/BackoffRate"),
    ({**TASK, "Retry": [{**RETRIER, "IntervalSeconds": -1}]}, "Minimum value is 1", f"{S}/Retry[0]/IntervalSeconds"),
    ({**TASK, "Retry": [{**RETRIER, "MaxAttempts": -1}]}, "Minimum value is 0", f"{S}/Retry[0]/MaxAttempts"),
    ({**TASK, "Retry": [{**RETRIER, "MaxDelaySeconds": 0}]}, "Minimum value is 1", f"{S}/Retry[0]/MaxDelaySeconds"),
    (
        {**TASK, "Retry": [{**RETRIER, "MaxDelaySeconds": 31_622_401}]},
        "Maximum value is 31622400",
        f"{S}/Retry[0]/MaxDelaySeconds",
    ),
    (
        {**TASK, "Retry": [{**RETRIER, "JitterStrategy": "full"}]},
        "Value should be one of the following: [NONE, FULL]",
        f"{S}/Retry[0]/JitterStrategy",
    ),
    ({**TASK, "Retry": [{**RETRIER, "Next": "B"}]}, UNSUPPORTED.format("Next"), f"{S}/Retry[0]"),
    ({**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}, RETRIER]}, ALONE, f"{S}/Retry[0]/ErrorEquals"),
    ({**TASK, "Retry": [{"ErrorEquals": ["E", "States.ALL"]}]}, ALONE, f"{S}/Retry[0]/ErrorEquals"),
    ({**TASK, "Catch": [RETRIER]}, REQUIRED.format("Next"), f"{S}/Catch[0]"),
    ({**TASK, "Catch": [{}]}, REQUIRED.format("ErrorEquals, Next"), f"{S}/Catch[0]"),
    (
        {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}, {**RETRIER, "Next": "B"}]},
        ALONE,
        f"{S}/Catch[0]/ErrorEquals",
    ),
    (
        {**TASK, "TimeoutSeconds": 5, "HeartbeatSeconds": 5},
        "HeartbeatSeconds must be smaller than TimeoutSeconds",
        f"{S}/HeartbeatSeconds",
    ),
    # variables
    ({**PASS, "Assign": {"states": 1}}, "The variable name 'states' is reserved", f"{S}/Assign/states"),
    ({**PASS, "Assign": {"v" * 81: 1}}, "The variable name is longer than 80 characters", f"{S}/Assign/{'v' * 81}"),
    (
        {**PASS, "Assign": {"1st": 1}},
        "'1st' is no variable name: letters, digits and underscores, beginning with no digit",
        f"{S}/Assign/1st",
    ),
    # branches and processors
    ({"Type": "Parallel", "Branches": [], "End": True}, "Value cannot be empty", f"{S}/Branches"),
    ({"Type": "Parallel", "Branches": [1], "End": True}, EXPECTED.format("Object"), f"{S}/Branches[0]"),
    ({"Type": "Parallel", "Branches": [{}], "End": True}, REQUIRED.format("States, StartAt"), f"{S}/Branches[0]"),
    ({**MAP, "ItemProcessor": {"StartAt": "I", "States": {}}}, "Value cannot be empty", f"{S}/ItemProcessor/States"),
    (
        {**MAP, "ItemProcessor": {**BRANCH, "QueryLanguage": "JSONata"}},
        UNSUPPORTED.format("QueryLanguage"),
        f"{S}/ItemProcessor",
    ),
    (
        {**MAP, "ItemProcessor": {**BRANCH, "ProcessorConfig": {"Mode": "inline"}}},
        "Value should be one of the following: [INLINE, DISTRIBUTED]",
        f"{S}/ItemProcessor/ProcessorConfig/Mode",
    ),
    (
        {**MAP, "ItemProcessor": {**BRANCH, "ProcessorConfig": {"Mode": "DISTRIBUTED"}}},
        REQUIRED.format("ExecutionType"),
        f"{S}/ItemProcessor/ProcessorConfig",
    ),
    (
        {**MAP, "ItemProcessor": {**BRANCH, "ProcessorConfig": {"Mode": "INLINE", "ExecutionType": "EXPRESS"}}},
        UNSUPPORTED.format("ExecutionType"),
        f"{S}/ItemProcessor/ProcessorConfig",
    ),
    # distributed maps
    ({**MAP, "ItemReader": {}}, REQUIRED.format("Resource"), f"{S}/ItemReader"),
    (
        {**MAP, "ItemReader": {"Resource": "r", "ReaderConfig": {"InputType": "CSV"}}},
        REQUIRED.format("CSVHeaderLocation"),
        f"{S}/ItemReader/ReaderConfig",
    ),
    (
        {**MAP, "ItemReader": {"Resource": "r", "ReaderConfig": {"CSVHeaderLocation": "GIVEN"}}},
        REQUIRED.format("CSVHeaders"),
        f"{S}/ItemReader/ReaderConfig",
    ),
    (
        {
            **MAP,
            "ItemReader": {"Resource": "r", "ReaderConfig": {"InputType": "JSON", "CSVHeaderLocation": "FIRST_ROW"}},
        },
        UNSUPPORTED.format("CSVHeaderLocation"),
        f"{S}/ItemReader/ReaderConfig",
    ),
    (
        {**MAP, "ItemReader": {"Resource": "r", "ReaderConfig": {"MaxItems": 1, "MaxItemsPath": "$.m"}}},
        ONLY_ONE.format("MaxItems, MaxItemsPath"),
        f"{S}/ItemReader/ReaderConfig",
    ),
    ({**MAP, "ItemBatcher": {"MaxItems": 1, "BatchInput": 1}}, UNSUPPORTED.format("MaxItems"), f"{S}/ItemBatcher"),
    ({**MAP, "ResultWriter": {}}, REQUIRED.format("Resource"), f"{S}/ResultWriter"),
    ({**MAP, "ResultWriter": {"WriterConfig": {}}}, REQUIRED.format("OutputType"), f"{S}/ResultWriter/WriterConfig"),
    ({**MAP, "Label": ""}, "The label is empty", f"{S}/Label"),
    ({**MAP, "Label": "x" * 41}, "The label exceeds the 40-character limit allowed by the service", f"{S}/Label"),
    *(
        ({**MAP, "Label": f"a{c}b"}, f"The label contains the character {c!a}, which is not allowed", f"{S}/Label")
        for c in ' *?[]{}<>:;,\\|^~$#%&`"\n\x7f\x9f'
    ),
    # choice rules
    ({"Type": "Choice", "Choices": []}, "Value cannot be empty", f"{S}/Choices"),
    ({"Type": "Choice"}, REQUIRED.format("Choices"), S),
    ({"Type": "Choice", "Choices": ["x"]}, EXPECTED.format("Object"), f"{S}/Choices[0]"),
]


@pytest.mark.parametrize(("state", "message", "location"), STATE_FAULTS)
def test_faults_of_states(state: Any, message: str, location: str) -> None:
    assert faults(machine(state)) == [(message, location)]


# What JSON Schema cannot express: order within an array, two numbers compared, a field's language, the calendar, and
# names of which a suffix does not count.
ONLY_IN_STRUCTURE = (
    "States.ALL must appear alone",
    "HeartbeatSeconds must be smaller",
    "The variable name",
    "is no variable name",
)
BEYOND_SCHEMAS = ("{% 5 %}", "2024-13")


@pytest.mark.parametrize(("state", "message", "location"), STATE_FAULTS)
def test_the_schemas_refuse_the_same_at_the_same_place(state: Any, message: str, location: str) -> None:
    found = check_schema(machine(state))
    if any(each in message for each in ONLY_IN_STRUCTURE) or any(each in str(state) for each in BEYOND_SCHEMAS):
        assert not found
        return
    assert {each.location for each in found} == {location}
    assert all("valid under" not in each.message for each in found)


RULE_FAULTS: list[tuple[Any, str, str]] = [
    ({"Variable": "$", "IsNull": True}, REQUIRED.format("Next"), ""),
    ({"IsNull": True, "Next": "B"}, ONE_TEST, ""),
    ({"Next": "B"}, ONE_TEST, ""),
    ({"Variable": "$", "Next": "B"}, "The rule has a Variable but no comparison", ""),
    ({"Variable": "$", "IsNull": True, "IsString": True, "Next": "B"}, ONLY_ONE.format("IsNull, IsString"), ""),
    ({"Variable": "$", "StringEqual": "x", "Next": "B"}, UNSUPPORTED.format("StringEqual"), ""),
    ({"Variable": "$", "StringEquals": 1, "Next": "B"}, EXPECTED.format("String"), "/StringEquals"),
    ({"Variable": "$", "StringEqualsPath": 1, "Next": "B"}, EXPECTED.format("String"), "/StringEqualsPath"),
    ({"Variable": "$", "NumericEquals": "1", "Next": "B"}, EXPECTED.format("Number"), "/NumericEquals"),
    ({"Variable": "$", "BooleanEquals": "true", "Next": "B"}, EXPECTED.format("Boolean"), "/BooleanEquals"),
    ({"Variable": "$", "IsPresent": 1, "Next": "B"}, EXPECTED.format("Boolean"), "/IsPresent"),
    ({"Variable": 1, "IsNull": True, "Next": "B"}, EXPECTED.format("String"), "/Variable"),
    (
        {"Variable": "$", "TimestampEquals": "noon", "Next": "B"},
        "String does not match RFC3339 timestamp",
        "/TimestampEquals",
    ),
    ({"And": [], "Next": "B"}, "Value cannot be empty", "/And"),
    ({"Or": {"Variable": "$", "IsNull": True}, "Next": "B"}, EXPECTED.format("Array"), "/Or"),
    ({"Not": [{"Variable": "$", "IsNull": True}], "Next": "B"}, EXPECTED.format("Object"), "/Not"),
    ({"And": [{"Variable": "$", "IsNull": True, "Next": "B"}], "Next": "B"}, UNSUPPORTED.format("Next"), "/And[0]"),
    ({"Not": {"Variable": "$", "IsNull": True}, "IsNull": True, "Next": "B"}, UNSUPPORTED.format("IsNull"), ""),
    ({"Not": {"Variable": "$"}, "Next": "B"}, "The rule has a Variable but no comparison", "/Not"),
    ({"And": [{"Variable": "$", "IsNull": True}], "Variable": "$", "Next": "B"}, ONE_TEST, ""),
    ({"Condition": "{% true %}", "Next": "B"}, JSONATA_ONLY.format("Condition"), ""),
    ({"Variable": "$", "IsNull": True, "Next": "B", "Output": 1}, JSONATA_ONLY.format("Output"), ""),
]


@pytest.mark.parametrize(("rule", "message", "where"), RULE_FAULTS)
def test_faults_of_rules(rule: Any, message: str, where: str) -> None:
    found = faults(machine({"Type": "Choice", "Choices": [rule]}))
    assert found == [(message, f"{S}/Choices[0]{where}")]


@pytest.mark.parametrize(
    ("rule", "message", "where"),
    [
        ({"Variable": "$.a", "StringEquals": "x", "Next": "B"}, JSONPATH_ONLY.format("Variable"), ""),
        ({"And": [{"Variable": "$.a", "IsNull": True}], "Next": "B"}, JSONPATH_ONLY.format("And"), ""),
        ({"Next": "B"}, ONE_TEST, ""),
        ({"Condition": "true", "Next": "B"}, EXPECTED.format("Boolean"), "/Condition"),
        ({"Condition": "{% true", "Next": "B"}, "JSONata string must start with {% and end with %}", "/Condition"),
        ({"Condition": "{% true %}"}, REQUIRED.format("Next"), ""),
    ],
)
def test_faults_of_jsonata_rules(rule: Any, message: str, where: str) -> None:
    found = faults(machine({"Type": "Choice", "Choices": [rule]}, "JSONata"))
    assert found == [(message, f"{S}/Choices[0]{where}")]


JSONPATH_FIELDS: list[tuple[Any, str, Any]] = [
    (PASS, "InputPath", "$"),
    (PASS, "OutputPath", "$"),
    (PASS, "ResultPath", "$"),
    (PASS, "Parameters", {}),
    (PASS, "Result", 1),
    (TASK, "ResultSelector", {}),
    (TASK, "TimeoutSecondsPath", "$.t"),
    (TASK, "HeartbeatSecondsPath", "$.t"),
    (MAP, "ItemsPath", "$.t"),
    (MAP, "MaxConcurrencyPath", "$.t"),
    (MAP, "ToleratedFailureCountPath", "$.t"),
    (MAP, "ToleratedFailurePercentagePath", "$.t"),
    ({"Type": "Fail"}, "ErrorPath", "$.t"),
    ({"Type": "Fail"}, "CausePath", "$.t"),
]


@pytest.mark.parametrize(("state", "field", "value"), JSONPATH_FIELDS)
def test_jsonpath_fields_in_jsonata(state: Any, field: str, value: Any) -> None:
    assert faults(machine({**state, field: value}, "JSONata")) == [(JSONPATH_ONLY.format(field), S)]
    assert faults(machine({**state, field: value, "QueryLanguage": "JSONata"})) == [(JSONPATH_ONLY.format(field), S)]


@pytest.mark.parametrize(
    ("state", "field"), [(PASS, "Output"), (TASK, "Arguments"), (MAP, "Items"), (CHOICE, "Output")]
)
def test_jsonata_fields_in_jsonpath(state: Any, field: str) -> None:
    assert faults(machine({**state, field: {}})) == [(JSONATA_ONLY.format(field), S)]


def test_inner_states_are_checked_in_the_language_of_the_machine() -> None:
    inner = {"StartAt": "I", "States": {"I": {**PASS, "Output": 1}}}
    state = {**MAP, "QueryLanguage": "JSONata", "ItemProcessor": inner}
    assert faults(machine(state)) == [(JSONATA_ONLY.format("Output"), f"{S}/ItemProcessor/States/I")]


def test_a_jsonata_machine_has_no_jsonpath_states() -> None:
    message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
    state = {**TASK, "QueryLanguage": "JSONPath", "ResultPath": "$.a", "Output": 1, "TimeoutSeconds": "{% 1 %}"}
    assert faults(machine(state, "JSONata")) == [(message, S)]


# --- the machine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "message", "location"),
    [
        ({}, REQUIRED.format("States, StartAt"), "/"),
        ({"States": {"S": PASS}}, REQUIRED.format("StartAt"), "/"),
        ({"StartAt": "S"}, REQUIRED.format("States"), "/"),
        ({"StartAt": "S", "States": {}}, "Value cannot be empty", "/States"),
        ({"StartAt": "S", "States": []}, EXPECTED.format("Object"), "/States"),
        ({"StartAt": 1, "States": {"S": PASS}}, EXPECTED.format("String"), "/StartAt"),
        (
            {"StartAt": "S", "States": {"S": PASS}, "Version": "2.0"},
            "Value should be one of the following: [1.0]",
            "/Version",
        ),
        ({"StartAt": "S", "States": {"S": PASS}, "Timeout": 1}, UNSUPPORTED.format("Timeout"), "/"),
        ({"StartAt": "S", "States": {"S": PASS}, "TimeoutSeconds": -1}, "Minimum value is 0", "/TimeoutSeconds"),
        (
            {"StartAt": "S", "States": {"S": PASS}, "QueryLanguage": "jsonata"},
            "Value should be one of the following: [JSONPath, JSONata]",
            "/QueryLanguage",
        ),
        ([], "Definition must be a valid JSON object", None),
        (None, "Definition must be a valid JSON object", None),
    ],
)
def test_faults_of_machines(value: Any, message: str, location: str | None) -> None:
    assert faults(value) == [(message, location)]
    assert check_schema(value)


@pytest.mark.parametrize(("length", "refused"), [(1, False), (80, False), (81, True), (0, True)])
def test_names(length: int, refused: bool) -> None:
    _, found = parse_definition({"StartAt": "é" * length, "States": {"é" * length: PASS}})
    assert [each.code for each in found] == (["INVALID_STATE_NAME"] if refused else [])


def test_a_language_that_is_none_is_one_fault() -> None:
    value = machine({**TASK, "Output": 1, "ResultPath": "$", "TimeoutSeconds": "{% 1 %}"}, "Jsonata")
    assert [location for _, location in faults(value)] == ["/QueryLanguage"]


# --- suggestions, and one finding for one fault -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "key", "meant"),
    [
        ({"Type": "Task", "Resourse": ARN, "End": True}, "Resourse", "Resource"),
        ({"Type": "Pass", "end": True}, "end", "End"),
        ({"Type": "Pass", "Nxt": "B"}, "Nxt", "Next"),
        ({"Type": "Wait", "Second": 1, "Next": "B"}, "Second", "Seconds"),
        ({"Type": "Map", "ItemProcesor": BRANCH, "End": True}, "ItemProcesor", "ItemProcessor"),
        ({**PASS, "Resultpath": "$"}, "Resultpath", "ResultPath"),
        ({"type": "Pass", "End": True}, "type", "Type"),
    ],
)
def test_a_misspelt_field_is_one_finding(state: Any, key: str, meant: str) -> None:
    _, found = parse_definition(machine(state))
    assert found == [
        Diagnostic(
            "SCHEMA_VALIDATION_FAILED",
            UNSUPPORTED.format(key),
            ("States", "S"),
            place=("States", "S", key),
            suggestion=f"did you mean `{meant}`?",
        )
    ]


def test_a_type_is_suggested() -> None:
    _, found = parse_definition(machine({"Type": "task", "Resource": ARN, "End": True}))
    assert [each.suggestion for each in found] == ["did you mean `Task`?"]


@pytest.mark.parametrize(
    ("state", "suggestion"),
    [
        ({"Type": "Pass", "End": "true"}, "write true, without quotes"),
        ({"Type": "Pass", "End": "No"}, "write false, without quotes"),
        ({"Type": "Pass", "End": "maybe"}, None),
        ({"Type": "Wait", "Seconds": "10", "End": True}, "write 10, without quotes"),
        ({"Type": "Wait", "Seconds": "1.5", "End": True}, None),
        ({"Type": "Wait", "Seconds": "010", "End": True}, None),
        ({"Type": "Wait", "Seconds": [10], "End": True}, None),
        ({"Type": "Wait", "Seconds": "{% 1 %}", "End": True}, "an expression needs the QueryLanguage JSONata"),
        ({"Type": "Fail", "Error": 404}, 'write "404", in quotes'),
        ({"Type": "Fail", "Error": True}, 'write "true", in quotes'),
        ({"Type": "Fail", "Error": {}}, None),
        ({**TASK, "Retry": [{"ErrorEquals": "States.ALL"}]}, 'write it in brackets: ["States.ALL"]'),
        ({**TASK, "Retry": [{"ErrorEquals": ["E"], "BackoffRate": "1.5"}]}, "write 1.5, without quotes"),
        ({**TASK, "Retry": "E"}, None),
    ],
)
def test_a_value_of_another_type_that_is_nearly_right(state: Any, suggestion: str | None) -> None:
    _, found = parse_definition(machine(state))
    assert [each.suggestion for each in found] == [suggestion]


def test_all_faults_are_found_at_once() -> None:
    value = {
        "Verson": "1.0",
        "StartAt": "A",
        "States": {
            "A": {"Type": "Task", "Retry": [{"ErrorEquals": []}, {"MaxAttempts": -1}], "Next": "B"},
            "B": {"Type": "Choice", "Choices": [{"Variable": 1, "Next": "C"}, {"Next": 1, "Variable": "$"}]},
            "C": {"Type": "Parallel", "Branches": [{"States": {"D": {"Type": "Nothing"}}}], "Next": "A", "End": True},
        },
    }
    assert [location for _, location in faults(value)] == [
        "/",
        "/States/A",
        "/States/A/Retry[0]/ErrorEquals",
        "/States/A/Retry[1]/MaxAttempts",
        "/States/A/Retry[1]",
        "/States/B/Choices[0]/Variable",
        "/States/B/Choices[0]",
        "/States/B/Choices[1]/Next",
        "/States/B/Choices[1]",
        "/States/C",
        "/States/C/Branches[0]",
        "/States/C/Branches[0]/States/D/Type",
    ]


def test_what_can_be_run_leaves_the_model() -> None:
    result, found = parse_definition(machine({**TASK, "Retry": [{**RETRIER, "IntervalSeconds": 0}]}))
    assert result is not None
    assert [(each.message, each.severity, each.runs) for each in found] == [
        ("Minimum value is 1", Severity.ERROR, True)
    ]


# --- hostile definitions ----------------------------------------------------------------------------------------------


def test_blocks_are_bounded() -> None:
    state: Any = PASS
    for level in range(2_000):
        state = {"Type": "Parallel", "Branches": [{"StartAt": f"{level}", "States": {f"{level}": state}}], "End": True}
    _, found = parse_definition(machine(state))
    assert [each.code for each in found] == ["TOO_DEEPLY_NESTED"]
    check_schema(machine(state))


def test_rules_are_bounded() -> None:
    rule: Any = {"Variable": "$", "IsNull": True}
    for _ in range(2_000):
        rule = {"Not": rule}
    value = machine({"Type": "Choice", "Choices": [{**rule, "Next": "B"}]})
    _, found = parse_definition(value)
    assert [each.code for each in found] == ["TOO_DEEPLY_NESTED"]
    check_schema(value)
