"""One state, entered and left: outputs, what inspection shows, and where the state goes."""

# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import json
from typing import Any

import pytest

from statemachine.errors import TaskError, UnboundResourceError
from statemachine.testing.teststate import TestStateError, test_state
from statemachine.testing.virtual import VirtualTask

ROLE = "arn:aws:iam::123456789012:role/tester"
INVOKE = "arn:aws:states:::lambda:invoke"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Price"
PROCESSOR = {"StartAt": "Each", "States": {"Each": {"Type": "Pass", "End": True}}}
DISTRIBUTED = {**PROCESSOR, "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
BRANCH = {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": True}}}


def inspected(definition: dict[str, Any], **options: Any) -> dict[str, Any]:
    return test_state(definition, inspection_level="DEBUG", **options).to_api()


JSONPATH_STATES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        {"Type": "Pass", "InputPath": "$.order", "Parameters": {"n.$": "$.id"}, "ResultPath": "$.out", "OutputPath": "$.out.n", "Next": "Ship"},
        {},
        {
            "output": "7",
            "nextState": "Ship",
            "inspectionData": {
                "input": '{"order": {"id": 7}}',
                "afterInputPath": '{"id":7}',
                "afterParameters": '{"n":7}',
                "afterResultSelector": '{"n":7}',
                "afterResultPath": '{"order":{"id":7},"out":{"n":7}}',
            },
        },
    ),
    (
        {"Type": "Pass", "Result": [1], "InputPath": "$.order", "End": True},
        {},
        {
            "output": "[1]",
            "inspectionData": {
                "input": '{"order": {"id": 7}}',
                "result": "[1]",
                "afterResultSelector": "[1]",
                "afterResultPath": "[1]",
            },
        },
    ),
    (
        {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "Price"}, "ResultSelector": {"p.$": "$.Payload"}, "ResultPath": "$.price", "Next": "Pay"},
        {"mock": {"result": '{"Payload":  3}'}},
        {
            "output": '{"order":{"id":7},"price":{"p":3}}',
            "nextState": "Pay",
            "inspectionData": {
                "input": '{"order": {"id": 7}}',
                "afterInputPath": '{"order": {"id": 7}}',
                "afterParameters": '{"FunctionName":"Price"}',
                "result": '{"Payload":  3}',
                "afterResultSelector": '{"p":3}',
                "afterResultPath": '{"order":{"id":7},"price":{"p":3}}',
            },
        },
    ),
    (
        {"Type": "Parallel", "InputPath": "$.order", "ResultPath": "$.both", "Branches": [BRANCH], "End": True},
        {"mock": {"result": "[ 1 ]"}},
        {
            "output": '{"order":{"id":7},"both":[1]}',
            "inspectionData": {
                "input": '{"order": {"id": 7}}',
                "afterResultSelector": "[ 1 ]",
                "afterResultPath": '{"order":{"id":7},"both":[1]}',
            },
        },
    ),
    ({"Type": "Succeed", "OutputPath": "$.order"}, {}, {"output": '{"id":7}', "inspectionData": {"input": '{"order": {"id": 7}}', "afterInputPath": '{"order": {"id": 7}}'}}),
    ({"Type": "Wait", "SecondsPath": "$.order.id", "Next": "Pay"}, {}, {"output": '{"order": {"id": 7}}', "nextState": "Pay", "inspectionData": {"input": '{"order": {"id": 7}}', "afterInputPath": '{"order": {"id": 7}}'}}),
    (
        {"Type": "Choice", "InputPath": "$.order", "Choices": [{"Variable": "$.id", "NumericEquals": 7, "Next": "Seven"}], "Default": "Other"},
        {},
        {"output": '{"id":7}', "nextState": "Seven", "inspectionData": {"input": '{"order": {"id": 7}}', "afterInputPath": '{"id":7}'}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "options", "expected"), JSONPATH_STATES, ids=lambda each: each.get("Type", ""))
def test_what_jsonpath_states_show(
    definition: dict[str, Any], options: dict[str, Any], expected: dict[str, Any]
) -> None:
    shown = inspected(definition, input='{"order": {"id": 7}}', **options)
    assert shown == {**expected, "status": "SUCCEEDED"}


def test_without_a_level_nothing_is_inspected() -> None:
    assert test_state({"Type": "Pass", "End": True}, input="[1,  2]").to_api() == {
        "output": "[1,  2]",
        "status": "SUCCEEDED",
    }


def test_a_fail_state_fails_with_its_error() -> None:
    assert inspected({"Type": "Fail", "Error": "Broken", "CausePath": "$.why"}, input='{"why":"rain"}') == {
        "error": "Broken",
        "cause": "rain",
        "status": "FAILED",
        "inspectionData": {"input": '{"why":"rain"}', "afterInputPath": '{"why":"rain"}'},
    }


def test_inspection_ends_where_the_state_failed() -> None:
    shown = inspected({"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName.$": "$.no"}, "End": True}, mock={"result": "1", "fieldValidationMode": "NONE"})  # fmt: skip
    assert shown["status"] == "FAILED"
    assert shown["error"] == "States.ParameterPathFailure" or shown["error"] == "States.Runtime"
    assert list(shown["inspectionData"]) == ["input", "afterInputPath"]


JSONATA: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"Type": "Pass", "Output": {"n": "{% $states.input.id + 1 %}"}, "End": True}, {}, {"output": '{"n":8}', "inspectionData": {"input": '{"id":7}'}}),
    (
        {"Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "{% 'f' & $states.input.id %}"}, "Output": "{% $states.result.Payload %}", "End": True},
        {"mock": {"result": '{"Payload":[1]}'}},
        {"output": "[1]", "inspectionData": {"input": '{"id":7}', "afterArguments": '{"FunctionName":"f7"}', "result": '{"Payload":[1]}'}},
    ),
    ({"Type": "Parallel", "Arguments": {"a": 1}, "Branches": [BRANCH], "End": True}, {"mock": {"result": "[ 2 ]"}}, {"output": "[ 2 ]", "inspectionData": {"input": '{"id":7}'}}),
    (
        {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.id > 6 %}", "Output": "big", "Next": "Big"}], "Default": "Small"},
        {},
        {"output": '"big"', "nextState": "Big", "inspectionData": {"input": '{"id":7}'}},
    ),
    (
        {"Type": "Map", "Items": "{% [1..$states.input.id] %}", "MaxConcurrency": "{% 1 + 1 %}", "ItemProcessor": PROCESSOR, "End": True},
        {"mock": {"result": "[0]"}},
        {"output": "[0]", "inspectionData": {"input": '{"id":7}', "maxConcurrency": 2}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "options", "expected"), JSONATA, ids=lambda each: each.get("Type", ""))
def test_what_jsonata_states_show(
    definition: dict[str, Any], options: dict[str, Any], expected: dict[str, Any]
) -> None:
    shown = inspected({"QueryLanguage": "JSONata", **definition}, input='{"id":7}', **options)
    assert shown == {**expected, "status": "SUCCEEDED"}


def test_variables_are_read_and_shown_as_they_are_afterwards() -> None:
    shown = inspected(
        {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $rate %}", "Assign": {"rate": 2, "new": "{% $rate %}"}, "End": True},
        variables='{"rate": 1.5}',
    )  # fmt: skip
    assert shown["output"] == "1.5"
    assert json.loads(shown["inspectionData"]["variables"]) == {"rate": 2, "new": 1.5}


def test_an_output_that_is_too_large_fails_the_state() -> None:
    definition = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}
    result = test_state(definition, input=json.dumps("x" * 200_000))
    assert result.error == "States.DataLimitExceeded"
    assert result.cause == (
        "The state/task 'StateName' returned a result with a size exceeding the maximum number of bytes service limit."
    )


def test_assignments_that_are_too_large_fail_the_state() -> None:
    definition = {"Type": "Pass", "Assign": {"a.$": "$", "b.$": "$"}, "End": True}
    result = test_state(definition, input=json.dumps("x" * 200_000))
    assert (result.status, result.error) == ("FAILED", "States.DataLimitExceeded")


# -- tasks without a mock ------------------------------------------------------------------------------------------


def test_a_task_is_performed_with_its_arguments() -> None:
    calls: list[tuple[str, Any]] = []

    def perform(task: VirtualTask) -> Any:
        calls.append((task.command.resource, task.command.arguments.value))
        return {"price": 3}

    shown = inspected({"Type": "Task", "Resource": FUNCTION, "End": True}, input="[5]", role_arn=ROLE, perform=perform)
    assert calls == [(FUNCTION, [5])]
    assert shown["output"] == '{"price":3}'
    assert shown["inspectionData"]["result"] == '{"price":3}'


def failing(task: VirtualTask) -> Any:
    raise TaskError("NoPrice", "not known")


def slow(task: VirtualTask) -> Any:
    task.sleep(61)
    return failing(task)


def endless(task: VirtualTask) -> Any:
    task.sleep(301)
    return 1


@pytest.mark.parametrize(
    ("perform", "fields", "error", "cause"),
    [
        (failing, {}, "NoPrice", "not known"),
        (slow, {}, "NoPrice", "not known"),
        (slow, {"TimeoutSeconds": 61}, "States.Timeout", None),
        (slow, {"TimeoutSeconds": 62}, "NoPrice", "not known"),
        (endless, {}, "States.Timeout", None),
        (endless, {"TimeoutSeconds": 900}, "States.Timeout", None),
    ],
)
def test_a_task_that_fails_or_takes_too_long(perform: Any, fields: dict[str, Any], error: str, cause: str) -> None:
    definition = {"Type": "Task", "Resource": FUNCTION, **fields, "End": True}
    result = test_state(definition, role_arn=ROLE, perform=perform)
    assert (result.status, result.error, result.cause, result.output) == ("FAILED", error, cause, None)


def test_a_wait_beyond_five_minutes_times_out() -> None:
    assert test_state({"Type": "Wait", "Seconds": 300, "End": True}).status == "SUCCEEDED"
    assert test_state({"Type": "Wait", "Seconds": 301, "End": True}).error == "States.Timeout"


def odd(task: VirtualTask) -> Any:
    return object()


def test_a_result_that_is_no_json_fails_the_task() -> None:
    definition = {"Type": "Task", "Resource": FUNCTION, "End": True}
    result = test_state(definition, role_arn=ROLE, perform=odd)
    assert (result.status, result.error) == ("FAILED", "States.Runtime")
    assert "not a JSON value" in (result.cause or "")


def test_a_task_with_neither_mock_nor_performer_is_an_error_of_the_caller() -> None:
    with pytest.raises(UnboundResourceError, match="Price"):
        test_state({"Type": "Task", "Resource": FUNCTION, "End": True}, role_arn=ROLE)


def test_trace_shows_what_an_http_task_sent_and_got() -> None:
    definition = {
        "Type": "Task",
        "Resource": "arn:aws:states:::http:invoke",
        "Parameters": {
            "ApiEndpoint": "https://shop.example/orders?all=1",
            "Method": "POST",
            "Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/c/1"},
            "QueryParameters": {"page": 2},
            "RequestBody": {"id": 7},
        },
        "End": True,
    }

    def perform(task: VirtualTask) -> Any:
        return {"StatusCode": 201, "StatusText": "Created", "Headers": {"etag": ["a"]}, "ResponseBody": {"ok": True}}

    debug = test_state(definition, role_arn=ROLE, perform=perform, inspection_level="DEBUG").inspection
    trace = test_state(definition, role_arn=ROLE, perform=perform, inspection_level="TRACE").inspection
    assert debug is not None
    assert trace is not None
    assert "request" not in debug
    assert trace["request"] == {
        "protocol": "https",
        "method": "POST",
        "url": "https://shop.example/orders?all=1&page=2",
        "body": '{"id":7}',
    }
    assert trace["response"] == {
        "protocol": "https",
        "statusCode": "201",
        "statusMessage": "Created",
        "headers": '{"etag":["a"]}',
        "body": '{"ok":true}',
    }


# -- Map -----------------------------------------------------------------------------------------------------------


def test_a_map_shows_its_items_and_bounds() -> None:
    definition = {
        "Type": "Map",
        "ItemsPath": "$.list",
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "all.$": "$.rate"},
        "ItemBatcher": {"MaxItemsPerBatchPath": "$.size", "BatchInput": {"r.$": "$.rate"}},
        "MaxConcurrency": 4,
        "ToleratedFailurePercentage": 50,
        "ItemProcessor": DISTRIBUTED,
        "End": True,
    }
    data = inspected(definition, input='{"list":[8,9,7],"rate":1,"size":2}', mock={"result": "[1,2]"})["inspectionData"]
    assert data["afterItemsPath"] == "[8, 9, 7]"
    selected = [{"v": 8, "i": 0, "all": 1}, {"v": 9, "i": 1, "all": 1}, {"v": 7, "i": 2, "all": 1}]
    assert json.loads(data["afterItemSelector"]) == selected
    batches = json.loads(data["afterItemBatcher"])
    assert [len(batch["Items"]) for batch in batches] == [2, 1]
    assert all(batch["BatchInput"] == {"r": 1} for batch in batches)
    assert (data["maxConcurrency"], data["toleratedFailurePercentage"]) == (4, 50)
    assert "toleratedFailureCount" not in data


def test_a_jsonata_map_selects_and_batches() -> None:
    definition = {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "Items": "{% $states.input.list %}",
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value * 2 %}"},
        "ItemBatcher": {"MaxItemsPerBatch": "{% $states.input.size %}", "BatchInput": "{% $states.input.size %}"},
        "ItemProcessor": DISTRIBUTED,
        "End": True,
    }
    data = inspected(definition, input='{"list":[1,2,3],"size":2}', mock={"result": "[]"})["inspectionData"]
    assert list(data) == ["input", "afterItemSelector", "afterItemBatcher", "maxConcurrency"]
    assert data["afterItemSelector"] == '[{"v":2}, {"v":4}, {"v":6}]'
    assert json.loads(data["afterItemBatcher"]) == [
        {"BatchInput": 2, "Items": [{"v": 2}, {"v": 4}]},
        {"BatchInput": 2, "Items": [{"v": 6}]},
    ]


def test_the_arguments_of_an_item_reader_have_to_be_sound() -> None:
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket.$": "$.no", "Key": "k"}}  # fmt: skip
    definition = {"Type": "Map", "ItemReader": reader, "ItemProcessor": DISTRIBUTED, "End": True}
    result = test_state(definition, mock={"result": "[]"}, state_configuration={"mapItemReaderData": "[]"})
    assert result.status == "FAILED"


def test_batches_stay_within_their_bytes() -> None:
    definition = {
        "Type": "Map", "ItemBatcher": {"MaxInputBytesPerBatch": 60}, "ItemProcessor": DISTRIBUTED, "End": True,
    }  # fmt: skip
    shown = inspected(definition, input=json.dumps(["x" * 18] * 5), mock={"result": "[]"})
    assert [len(each["Items"]) for each in json.loads(shown["inspectionData"]["afterItemBatcher"])] == [2, 2, 1]


@pytest.mark.parametrize(
    ("config", "data", "items"),
    [
        ({"InputType": "JSON"}, "[1, {}]", [1, {}]),
        ({"InputType": "JSON", "ItemsPointer": "/a~1b/c"}, '{"a/b":{"c":[3]}}', [3]),
        ({"InputType": "JSONL"}, '{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        ({"InputType": "JSON", "MaxItems": 2}, "[1,2,3]", [1, 2]),
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, 'a,b\n1,"x\ny"\n2\n', [{"a": "1", "b": "x\ny"}, {"a": "2", "b": ""}]),
        ({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["k"], "CSVDelimiter": "PIPE"}, "1|2\n", [{"k": "1"}]),
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "", []),
    ],
)  # fmt: skip
def test_an_item_reader_reads_the_given_data(config: dict[str, Any], data: str, items: list[Any]) -> None:
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config, "Parameters": {"Bucket": "b", "Key": "k"}}  # fmt: skip
    definition = {"Type": "Map", "ItemReader": reader, "ItemProcessor": DISTRIBUTED, "End": True}
    shown = inspected(definition, mock={"result": "[]"}, state_configuration={"mapItemReaderData": data})
    assert json.loads(shown["inspectionData"]["afterItemsPath"]) == items
    assert ("afterItemsPointer" in shown["inspectionData"]) == ("ItemsPointer" in config)


@pytest.mark.parametrize("data", ["{", "{}", '{"a":1}'])
def test_reader_data_that_is_no_list_fails_the_map(data: str) -> None:
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k"}}  # fmt: skip
    definition = {"Type": "Map", "ItemReader": reader, "ItemProcessor": DISTRIBUTED, "End": True}
    result = test_state(definition, mock={"result": "[]"}, state_configuration={"mapItemReaderData": data})
    assert (result.status, result.error) == ("FAILED", "States.ItemReaderFailed")


@pytest.mark.parametrize("path", ["$$.Execution.Input", "$.a"])
def test_items_that_are_no_array_fail_the_map_before_its_bounds_are_shown(path: str) -> None:
    definition = {"Type": "Map", "ItemsPath": path, "ItemProcessor": PROCESSOR, "End": True}
    shown = inspected(definition, input='{"a":1}', mock={"result": "[]"})
    assert shown["cause"] == f'Reference path "{path.replace("$$", "$")}" must point to array.'
    assert list(shown["inspectionData"]) == ["input", "afterInputPath"]


@pytest.mark.parametrize(
    ("fields", "failures", "exceeded"),
    [
        ({}, 3, False),
        ({"ToleratedFailureCount": 1}, 1, False),
        ({"ToleratedFailureCount": 1}, 2, True),
        ({"ToleratedFailurePercentage": 34}, 1, False),
        ({"ToleratedFailurePercentage": 33}, 1, True),
        ({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 33}, 1, True),
    ],
)
def test_tolerated_failures(fields: dict[str, Any], failures: int, exceeded: bool) -> None:
    definition = {"Type": "Map", **fields, "ItemProcessor": DISTRIBUTED, "End": True}
    configuration = {"mapIterationFailureCount": failures}
    result = test_state(definition, input="[1,2,3]", mock={"result": "[]"}, state_configuration=configuration)
    assert result.status == ("FAILED" if exceeded else "SUCCEEDED")
    assert result.error == ("States.ExceedToleratedFailureThreshold" if exceeded else None)


def test_more_failures_than_iterations_are_refused() -> None:
    definition = {"Type": "Map", "ItemProcessor": DISTRIBUTED, "End": True}
    with pytest.raises(TestStateError) as refused:
        test_state(definition, input="[1]", mock={"result": "[]"}, state_configuration={"mapIterationFailureCount": 2})
    assert refused.value.code == "ValidationException"
    assert refused.value.message == (
        "Map iteration failure count must be less than or equal to the number of Map iterations"
    )


def test_what_undoes_a_state_need_not_exist() -> None:
    """CompensateWith is an extension: AWS's TestState knows no such field."""
    state = {"Type": "Task", "Resource": FUNCTION, "CompensateWith": "Refund", "End": True}
    assert inspected(state, mock={"result": "7"})["output"] == "7"
