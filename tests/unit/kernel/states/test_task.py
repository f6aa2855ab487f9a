"""Task: scheduling, its two timeouts, and what is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from running import FUNCTION, INVOKE, block, catch, pass_, retry, run, started, task

from statemachine.kernel.commands import CancelOperation, ScheduleTask
from statemachine.kernel.events import TaskHeartbeatLost
from statemachine.kernel.execution import Purpose
from statemachine.limits import Limits
from statemachine.testing.mocks import Return, Throw

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:look"
QUEUE = "arn:aws:states:::sqs:sendMessage"


@pytest.mark.parametrize(("resource", "kind"), [(FUNCTION, "LambdaFunction"), (ACTIVITY, "Activity"), (QUEUE, "Task")])
def test_events_by_kind_of_resource(resource: str, kind: str) -> None:
    """Facts history-lambda-arn-events, history-activity-events."""
    done = run(block(T=task(resource, Parameters={"QueueUrl": "q", "MessageBody": "m"})), {}, {"T": [{"r": 1}]})
    assert done.chain() == [
        ("ExecutionStarted", 0),
        ("TaskStateEntered", 0),
        (f"{kind}Scheduled", 2),
        (f"{kind}Started", 3),
        (f"{kind}Succeeded", 4),
        ("TaskStateExited", 5),
        ("ExecutionSucceeded", 6),
    ]


def test_details_of_a_service_task() -> None:
    machine = block(
        T=task(INVOKE, Parameters={"FunctionName": "f", "Payload.$": "$"}, TimeoutSeconds=9, HeartbeatSeconds=4)
    )
    done = run(machine, {"k": 1}, {"T": [{"Payload": 2}]})
    scheduled, begun, succeeded = done.history[2:5]
    assert scheduled.details is not None
    assert scheduled.details["parameters"].value == {"FunctionName": "f", "Payload": {"k": 1}}
    assert {key: value for key, value in scheduled.details.items() if key != "parameters"} == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "timeoutInSeconds": 9,
        "heartbeatInSeconds": 4,
    }
    assert begun.details == {"resourceType": "lambda", "resource": "invoke"}
    assert succeeded.details is not None
    assert succeeded.details["output"].value == {"Payload": 2}


def test_details_of_a_function_task() -> None:
    done = run(block(T=task(Parameters={"a.$": "$.k"})), {"k": 1}, {"T": [2]})
    scheduled, begun = done.history[2:4]
    assert scheduled.details is not None
    assert (scheduled.details["input"].value, scheduled.details["resource"]) == ({"a": 1}, FUNCTION)
    assert begun.details is None


def test_credentials_are_recorded() -> None:
    machine = block(T=task(INVOKE, Parameters={"FunctionName": "f"}, Credentials={"RoleArn.$": "$.role"}))
    done = run(machine, {"role": "arn:aws:iam::1:role/r"}, {"T": [1]})
    assert done.of("TaskScheduled")[0].details["taskCredentials"] == {"roleArn": "arn:aws:iam::1:role/r"}


def test_the_command() -> None:
    driven = started(block(T=task(TimeoutSeconds=9, HeartbeatSeconds=4)), {"k": 1})
    (command,) = driven.tasks
    assert command == ScheduleTask(
        operation=command.operation,
        resource=FUNCTION,
        arguments=driven.execution.input,
        state="T",
        attempt=0,
        deadline_ms=driven.execution.now_ms + 9000,
        heartbeat_seconds=4,
    )
    assert driven.timers == [(Purpose.TASK_TIMEOUT, 9)]


def test_the_result_goes_through_selector_result_path_and_output_path() -> None:
    machine = block(
        T=task(
            Parameters={"in.$": "$.a"},
            ResultSelector={"picked.$": "$.deep.v", "asked.$": "$$.Execution.Input.a"},
            ResultPath="$.result",
            OutputPath="$.result.picked",
            Assign={"all.$": "$"},
        ),
        Z=pass_(Parameters={"out.$": "$", "all.$": "$all"}),
    )
    done = run(machine, {"a": 5}, {"T": [{"deep": {"v": [1]}}]})
    assert done.arguments("T") == [{"in": 5}]
    assert done.output == {"out": [1], "all": {"picked": [1], "asked": 5}}


def test_arguments_are_made_again_for_each_attempt() -> None:
    """Fact retry-count-context."""
    machine = block(
        T=task(
            Parameters={"n.$": "$$.State.RetryCount"},
            Retry=[retry(MaxAttempts=2)],
            ResultSelector={"tries.$": "$$.State.RetryCount"},
        )
    )
    done = run(machine, {}, {"T": [Throw("E"), Throw("E"), {}]})
    assert [each["n"] for each in done.arguments("T")] == [0, 1, 2]
    assert [call.attempt for call in done.host.calls] == [0, 1, 2]
    assert done.output == {"tries": 2}


def test_an_uncaught_timeout_has_no_cause() -> None:
    """Fact timeout-uncaught-no-cause."""
    done = run(block(T=task(TimeoutSeconds=5)), {}, {"T": [Return({}, delay_seconds=9)]})
    assert (done.status, done.error, done.cause) == ("FAILED", "States.Timeout", None)
    assert done.types[2:] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionTimedOut",
        "ExecutionFailed",
    ]
    assert done.seconds("TimedOut") == [5]


@pytest.mark.parametrize("errors", [["States.Timeout"], ["States.HeartbeatTimeout"], ["States.ALL"]])
def test_a_lost_heartbeat_is_a_timeout_too(errors: list[str]) -> None:
    machine = block(T=task(HeartbeatSeconds=2, TimeoutSeconds=60, Catch=[catch("Z", *errors)]), Z=pass_())
    done = run(machine, {}, {"T": [Return({}, delay_seconds=9)]})
    assert done.output == {"Error": "States.HeartbeatTimeout", "Cause": ""}
    assert done.seconds("TimedOut") == [2]


def test_a_lost_heartbeat_cancels_the_task_and_its_timeout() -> None:
    driven = started(block(T=task(HeartbeatSeconds=2, TimeoutSeconds=60)))
    (command,) = driven.tasks
    (timer,) = [each for each in driven.execution.operations if each != command.operation]
    step = driven.send(TaskHeartbeatLost(driven.execution.now_ms + 2000, command.operation))
    assert step.commands[:2] == (CancelOperation(command.operation), CancelOperation(timer))
    assert driven.execution.closed


def test_a_timeout_cancels_the_task() -> None:
    driven = started(block(T=task(TimeoutSeconds=5, Catch=[catch("Z")]), Z=task()))
    (command,) = driven.tasks
    step = driven.fire(5)
    assert step.commands[0] == CancelOperation(command.operation)
    assert [each.state for each in driven.tasks] == ["Z"]
    assert driven.timers == []


def test_each_attempt_has_its_own_timeout() -> None:
    machine = block(T=task(TimeoutSeconds=5, Retry=[retry("States.Timeout", IntervalSeconds=10, MaxAttempts=1)]))
    driven = started(machine)
    driven.fire(5)
    assert driven.timers == [(Purpose.RETRY, 15)]
    driven.fire(15)
    assert driven.timers == [(Purpose.TASK_TIMEOUT, 20)]
    driven.succeed(driven.tasks[0].operation, "done", at=19)
    assert driven.execution.output is not None
    assert driven.execution.output.value == "done"


@pytest.mark.parametrize("field", ["TimeoutSeconds", "HeartbeatSeconds"])
@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("x", 'The {}Path field refers to value "x" which is not a valid integer: $.t'),
        (1.5, 'The {}Path field refers to value "1.5" which is not a valid integer: $.t'),
        (True, 'The {}Path field refers to value "true" which is not a valid integer: $.t'),
        (0, "{} cannot be less than 1."),
        (-3, "{} cannot be less than 1."),
        (100_000_000, "{} cannot be greater than 99999999."),
    ],
)
def test_path_forms_of_the_timeouts_are_checked(field: str, value: Any, cause: str) -> None:
    done = run(block(T=task(**{f"{field}Path": "$.t"})), {"t": value})
    assert done.error == "States.Runtime"
    assert (done.cause or "").endswith(cause.format(field))
    assert done.types == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_path_forms_of_the_timeouts() -> None:
    driven = started(block(T=task(TimeoutSecondsPath="$.t", HeartbeatSecondsPath="$.h", InputPath="$.in")),
                     {"in": {"t": 30, "h": "7"}})  # fmt: skip
    assert driven.timers == [(Purpose.TASK_TIMEOUT, 30)]
    assert driven.tasks[0].heartbeat_seconds == 7


@pytest.mark.parametrize("resource", [INVOKE, FUNCTION])
def test_a_result_that_is_too_large_fails_the_task(resource: str) -> None:
    """Recorded: a failed event with the resource's name, and any catcher takes it, States.ALL included."""
    fields = {"Parameters": {"FunctionName": "f"}} if resource == INVOKE else {}
    machine = block(T=task(resource, **fields, Catch=[catch("Z")]), Z=pass_())
    done = run(machine, {}, {"T": ["x" * 499]}, limits=Limits(payload_bytes=500))
    name = "lambda" if resource == INVOKE else FUNCTION
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert done.output == {"Error": "States.DataLimitExceeded", "Cause": cause}
    assert [event.details["cause"] for event in done.of("Failed")] == [cause]


def test_a_result_just_small_enough() -> None:
    assert run(block(T=task()), {}, {"T": ["x" * 498]}, limits=Limits(payload_bytes=500)).output == "x" * 498


def test_a_result_nested_too_deeply_fails_the_task() -> None:
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    done = run(block(T=task(Catch=[catch("Z", "States.TaskFailed")]), Z=pass_()), {}, {"T": [deep]})
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert done.counts["LambdaFunctionFailed"] == 1


def test_arguments_that_are_too_large_fail_the_state() -> None:
    """Fact data-limit-parameters: the state's name, nothing scheduled."""
    machine = block(
        T=task(INVOKE, Parameters={"FunctionName": "f", "a.$": "$", "b.$": "$"}, Catch=[catch("Z")]), Z=pass_()
    )
    done = run(machine, "x" * 300, {}, limits=Limits(payload_bytes=500))
    assert done.output == {
        "Error": "States.DataLimitExceeded",
        "Cause": "The state/task 'T' provided parameters with a size exceeding the maximum number of bytes service "
        "limit.",
    }
    assert done.host.calls == []
    assert done.types[:3] == ["ExecutionStarted", "TaskStateEntered", "TaskStateExited"]


def test_an_output_that_is_too_large_can_be_caught() -> None:
    """The result fits, what ResultPath makes of it does not."""
    machine = block(T=task(ResultPath="$.more", Catch=[catch("Z", "States.DataLimitExceeded")]), Z=pass_())
    done = run(machine, {"k": "x" * 300}, {"T": ["y" * 300]}, limits=Limits(payload_bytes=500))
    assert done.output["Error"] == "States.DataLimitExceeded"
    assert done.output["Cause"].startswith("The state/task 'T' returned a result")
    assert done.counts["LambdaFunctionSucceeded"] == 1


def test_a_runtime_error_after_the_work_cannot_be_caught() -> None:
    """Fact states-runtime-not-catchable: and the state is not exited."""
    machine = block(T=task(OutputPath="$.no.such", Catch=[catch("Z", "States.Runtime"), catch("Z")]), Z=pass_())
    done = run(machine, {}, {"T": [{}]})
    assert (done.status, done.error) == ("FAILED", "States.Runtime")
    assert "Invalid path '$.no.such' : Missing property in path $['no']" in (done.cause or "")
    assert done.types[-2:] == ["LambdaFunctionSucceeded", "ExecutionFailed"]


def test_an_error_of_an_expression_can_be_retried_and_caught() -> None:
    """An intrinsic that fails on the result: the work is done again, then the catcher takes over."""
    machine = block(
        T=task(
            ResultSelector={"v.$": "States.StringToJson($.text)"},
            Retry=[retry("States.IntrinsicFailure", MaxAttempts=1)],
            Catch=[catch("Z", "States.IntrinsicFailure", ResultPath="$.error")],
        ),
        Z=pass_(),
    )
    done = run(machine, {"k": 1}, {"T": [{"text": "{"}]})
    assert done.counts["LambdaFunctionSucceeded"] == 2
    assert done.output["k"] == 1
    assert done.output["error"]["Error"] == "States.IntrinsicFailure"
