from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from statemachine.errors import UnboundResourceError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.registry import TaskRegistry, TaskRequirement
from statemachine.jsonvalue import Json

INVOKE = "arn:aws:states:::lambda:invoke"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:Charge"
SNS = "arn:aws:states:::sns:publish"


def echo(input: Json) -> Json:
    return input


def publish(input: Json, context: TaskContext) -> Json:
    return {"MessageId": context.operation_id, "sent": input}


@pytest.mark.parametrize(
    ("bindings", "resource", "function_name", "lacking"),
    [
        ({}, SNS, None, SNS),
        ({SNS: publish}, SNS, None, None),
        ({SNS: publish}, f"{SNS}.waitForTaskToken", None, f"{SNS}.waitForTaskToken"),
        ({}, ARN, None, ARN),
        ({"Charge": echo}, ARN, None, None),
        ({"Charge": echo}, f"{ARN}:prod", None, None),
        ({"Refund": echo}, ARN, None, ARN),
        ({}, "python:json:dumps", None, None),
        ({}, "exec:true", None, None),
        ({}, "https://localhost/x", None, None),
        ({}, INVOKE, "Charge", "Charge"),
        ({ARN: echo}, INVOKE, "Charge", None),
        ({ARN: echo}, INVOKE, "Refund", "Refund"),
        ({INVOKE: echo}, INVOKE, "Charge", None),
        ({INVOKE: echo}, INVOKE, None, None),
        ({}, INVOKE, None, "a Lambda function (its FunctionName is computed)"),
        ({"Charge": echo}, INVOKE, None, None),
        ({SNS: publish}, INVOKE, None, "a Lambda function (its FunctionName is computed)"),
        ({"${ChargeFunction}": echo}, INVOKE, "${ChargeFunction}", None),
        ({"Charge": echo}, f"{INVOKE}.waitForTaskToken", "Charge", None),
        ({"Charge": echo}, f"{INVOKE}.waitForTaskToken", "Refund", "Refund"),
        ({"Charge": echo}, "Charge", None, None),
        ({ARN: echo}, "Charge", None, "Charge"),
        ({"python:a:b": echo}, "python:a:b", None, None),
    ],
)
def test_what_is_still_to_be_bound(
    bindings: dict[str, object], resource: str, function_name: str | None, lacking: str | None
) -> None:
    registry = TaskRegistry(bindings)  # type: ignore[arg-type]
    assert registry.required(resource, function_name) == lacking
    if lacking == resource:
        with pytest.raises(UnboundResourceError):
            registry.handler_for(resource)


def test_missing_lists_each_once_in_order() -> None:
    tasks: list[TaskRequirement] = [SNS, ARN, (INVOKE, "Refund"), SNS, (INVOKE, "Charge"), "python:json:dumps"]
    assert TaskRegistry({"Charge": echo}).missing(tasks) == (SNS, "Refund")


def test_prepare_names_all_that_is_missing_before_it_imports_anything() -> None:
    with pytest.raises(UnboundResourceError) as raised:
        TaskRegistry().prepare([SNS, "python:no.such:thing", (INVOKE, "Charge")])
    assert raised.value.resources == (SNS, "Charge")


def test_prepare_names_every_target_that_cannot_be_used() -> None:
    registry = TaskRegistry({"Charge": "python:no_such_module_a:f", "Refund": "python:json:no_such"})
    with pytest.raises(BindingError) as raised:
        registry.prepare([(INVOKE, None), (INVOKE, "Refund"), "exec:no-such-program-a", "python:json:dumps"])
    text = str(raised.value)
    assert [line.split(":")[0] for line in text.splitlines()] == ["'python", "'python", "'exec"]
    assert "no_such_module_a" in text
    assert "no-such-program-a" in text


def test_prepare_accepts_what_works() -> None:
    registry = TaskRegistry({"Charge": "python:json:dumps", SNS: publish})
    registry.prepare([(INVOKE, None), (INVOKE, "Charge"), SNS, "python:json:loads", ARN])


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        ({SNS: "sns"}, "'sns' is no handler"),
        ({SNS: "pyhton:a:b"}, "did you mean 'python:'"),
        ({SNS: "package.module:function"}, "did you mean 'python:package.module:function'"),
        ({SNS: 3}, "a int is no function, TaskHandler or target"),
        ({SNS: None}, "a NoneType is no function"),
        ({"": echo}, "not by ''"),
        ({7: echo}, "not by 7"),
    ],
)
def test_a_wrong_binding_is_refused(bindings: dict[str, object], message: str) -> None:
    with pytest.raises(BindingError, match=message):
        TaskRegistry(bindings)  # type: ignore[arg-type]


def test_handlers_are_made_once() -> None:
    registry = TaskRegistry({SNS: publish, "a": "python:json:dumps", "b": "python:json:dumps"})
    assert registry.handler_for(SNS) is registry.handler_for(SNS)
    assert registry.handler_for("a") is registry.handler_for("b") is registry.handler_for("python:json:dumps")


def test_a_service_gets_its_arguments_as_they_are(context: TaskContext) -> None:
    result = TaskRegistry({SNS: publish}).handler_for(SNS).perform({"Message": "m"}, context)
    assert result == {"MessageId": "order-7/3", "sent": {"Message": "m"}}


def test_a_binding_for_invoke_itself_answers_alone(context: TaskContext) -> None:
    handler = TaskRegistry({INVOKE: echo, "Charge": echo}).handler_for(INVOKE)
    assert handler.perform({"FunctionName": "Charge"}, context) == {"FunctionName": "Charge"}


def test_a_bare_name_as_resource_is_no_lambda_function(context: TaskContext) -> None:
    from statemachine.errors import TaskError

    with pytest.raises(TaskError) as raised:
        TaskRegistry({"Charge": lambda: 1 / 0}).handler_for("Charge").perform({}, context)
    assert raised.value.cause == "division by zero"


def test_importing_integrations_is_light(tmp_path: Path) -> None:
    heavy = ("asyncio", "httpx", "yaml", "jsonschema", "msgspec", "uuid")
    code = f"import sys, statemachine.integrations; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout.strip() == "[]"


def test_aws_performs_no_activity() -> None:
    activity = "arn:aws:states:us-east-1:123456789012:activity:approve"
    assert TaskRegistry({"arn:*": "aws"}).required(activity) == activity
    assert TaskRegistry({"arn:*": "aws", "arn:aws:states:*": lambda: 1}).required(activity) is None
