"""AwsTask: requests, callbacks, jobs from their beginning to their end, and how it is bound."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from statemachine import Engine
from statemachine.errors import TaskError, UnboundResourceError
from statemachine.integrations.aws.base import (
    AwsCallError,
    AwsOperation,
    AwsRequest,
    AwsResponse,
    ClientError,
    Dialect,
    ParameterError,
    ServiceError,
)
from statemachine.integrations.aws.tasks import POLL_FAILURES, AwsTask
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Json
from statemachine.runtime.mocked import mock_registry
from statemachine.testing.mocks import Mocks

STATES = "arn:aws:states:::"
SEND = f"{STATES}sqs:sendMessage"
BATCH = f"{STATES}batch:submitJob.sync"
JOB = {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"}


@dataclass
class Caller:
    """Answers calls by action, in order; the last answer stays."""

    answers: dict[str, list[dict[str, Json] | AwsCallError]]
    requests: list[AwsRequest] = field(default_factory=list)
    gate: threading.Event | None = None
    """What beginning a job waits for."""
    entered: threading.Event = field(default_factory=threading.Event)

    def find(self, service: str, action: str) -> AwsOperation:
        if action == "unknown":
            raise BindingError(f"the service {service} has no action unknown")
        return AwsOperation(service.capitalize())

    def call(self, request: AwsRequest) -> AwsResponse:
        self.entered.set()
        if self.gate is not None and request.action == "submitJob":
            assert self.gate.wait(10)
        self.requests.append(request)
        given = self.answers[request.action]
        answer = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(answer, AwsCallError):
            raise answer
        return AwsResponse(answer, request_id="R")

    def asked(self, action: str) -> list[dict[str, Json]]:
        return [dict(each.parameters) for each in self.requests if each.action == action]


NewContext = Callable[..., TaskContext]


class Sleeps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def run_job(resource: str, caller: Caller, arguments: Json, context: TaskContext, sleep: Any = None) -> Json:
    result = AwsTask(resource, caller, sleep=sleep or Sleeps()).perform(arguments, context)
    assert isinstance(result, Coroutine)
    return asyncio.run(result)


# -- requests --------------------------------------------------------------------------------------------------------


def test_a_request_carries_what_the_task_says(new_context: NewContext) -> None:
    caller = Caller({"sendMessage": [{"MessageId": "1"}]})
    task = AwsTask(SEND, caller)
    context = new_context(resource=SEND, role_arn="arn:aws:iam::1:role/R")
    result = task.perform({"QueueUrl": "q", "MessageBody": {"a": 1}}, context)
    assert task.blocking
    assert isinstance(result, dict)
    assert result["MessageId"] == "1"
    assert result["SdkResponseMetadata"] == {"RequestId": "R"}
    (request,) = caller.requests
    assert (request.service, request.action, request.dialect) == ("sqs", "sendMessage", Dialect.OPTIMIZED)
    assert request.parameters == {"QueueUrl": "q", "MessageBody": {"a": 1}}
    assert request.json_members == {"MessageBody"}
    assert (request.role_arn, request.region) == ("arn:aws:iam::1:role/R", None)


def test_the_client_token_is_the_same_for_the_same_call_only(new_context: NewContext) -> None:
    caller = Caller({"sendMessage": [{}]})
    task = AwsTask(SEND, caller)
    for changes in ({}, {}, {"operation_id": "order-7/4"}, {"token": "of another execution"}):
        task.perform({}, new_context(resource=SEND, **changes))
    first, again, other, elsewhere = (each.client_token for each in caller.requests)
    assert first == again
    assert first is not None
    assert 32 <= len(first) <= 64
    assert len({first, other, elsewhere}) == 3


@pytest.mark.parametrize("arguments", [None, [1], "text"])
def test_arguments_that_are_no_object_are_refused(arguments: Json, new_context: NewContext) -> None:
    with pytest.raises(TaskError) as caught:
        AwsTask(SEND, Caller({})).perform(arguments, new_context(resource=SEND))
    assert caught.value.error == "States.Runtime"


def test_a_lambda_function_is_invoked(new_context: NewContext) -> None:
    arn = "arn:aws:lambda:eu-north-1:1:function:Charge"
    caller = Caller({"invoke": [{"StatusCode": 200, "Payload": {"paid": True}}]})
    assert AwsTask(arn, caller).perform({"amount": 3}, new_context(resource=arn)) == {"paid": True}
    (request,) = caller.requests
    assert (request.parameters, request.region) == ({"FunctionName": arn, "Payload": {"amount": 3}}, "eu-north-1")


@pytest.mark.parametrize(
    ("payload", "error"),
    [({"errorType": "Declined", "errorMessage": "no"}, "Declined"), ({"errorMessage": "no"}, "Lambda.Unknown")],
)
def test_a_lambda_function_that_failed_fails_the_task(payload: Json, error: str, new_context: NewContext) -> None:
    resource = f"{STATES}lambda:invoke"
    caller = Caller({"invoke": [{"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}]})
    with pytest.raises(TaskError) as caught:
        AwsTask(resource, caller).perform({"FunctionName": "f"}, new_context(resource=resource))
    assert caught.value.error == error
    assert '"errorMessage":"no"' in (caught.value.cause or "")


def test_an_action_of_emr_is_adapted(new_context: NewContext) -> None:
    resource = f"{STATES}elasticmapreduce:addStep"
    caller = Caller({"addJobFlowSteps": [{"StepIds": ["s-1"]}]})
    result = AwsTask(resource, caller).perform(
        {"ClusterId": "c", "Step": {"Name": "n"}}, new_context(resource=resource)
    )
    assert caller.asked("addJobFlowSteps") == [{"JobFlowId": "c", "Steps": [{"Name": "n"}]}]
    assert isinstance(result, dict)
    assert result["StepId"] == "s-1"
    with pytest.raises(TaskError, match="The field 'JobFlowId' is not supported"):
        AwsTask(resource, caller).perform({"JobFlowId": "c"}, new_context(resource=resource))


# -- jobs ------------------------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_until_it_has_ended(new_context: NewContext) -> None:
    running, done = {"JobId": "1", "Status": "RUNNING"}, {"JobId": "1", "Status": "SUCCEEDED"}
    jobs: list[Any] = [{"Jobs": []}, {"Jobs": [running]}, {"Jobs": [done]}]
    caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": jobs})
    told: list[Json] = []
    sleeps = Sleeps()
    context = new_context(resource=BATCH, submitted=told.append)
    assert run_job(BATCH, caller, JOB, context, sleeps) == done
    assert caller.asked("describeJobs") == [{"Jobs": ["1"]}] * 3
    assert [each["JobId"] for each in told] == ["1"]
    assert "SdkHttpMetadata" in told[0]
    assert sleeps.seconds == sorted(sleeps.seconds)
    assert len(set(sleeps.seconds)) == 3
    assert [each.client_token is not None for each in caller.requests] == [True, False, False, False]


def test_the_wait_between_questions_is_bounded(new_context: NewContext) -> None:
    running: list[Any] = [{"Jobs": [{"Status": "RUNNING"}]}] * 30
    caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": [*running, {"Jobs": [{"Status": "SUCCEEDED"}]}]})
    sleeps = Sleeps()
    run_job(BATCH, caller, JOB, new_context(resource=BATCH), sleeps)
    assert sleeps.seconds[-1] == sleeps.seconds[-10] == 30.0


def test_a_job_that_failed_is_the_cause(new_context: NewContext) -> None:
    caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": [{"Jobs": [{"Status": "FAILED"}]}]})
    with pytest.raises(TaskError) as caught:
        run_job(BATCH, caller, JOB, new_context(resource=BATCH))
    assert (caught.value.error, caught.value.cause) == ("States.TaskFailed", '{"Status":"FAILED"}')


def test_a_job_that_was_not_begun_fails_the_task(new_context: NewContext) -> None:
    resource = f"{STATES}ecs:runTask.sync"
    caller = Caller({"runTask": [{"Failures": [{"Reason": "RESOURCE:CPU"}], "Tasks": []}]})
    with pytest.raises(TaskError, match=r"States.TaskFailed.*RESOURCE:CPU"):
        run_job(resource, caller, {"Cluster": "c"}, new_context(resource=resource))


def test_a_question_that_fails_is_asked_again(new_context: NewContext) -> None:
    lost = ClientError("Unable to execute HTTP request: lost")
    done: dict[str, Json] = {"Jobs": [{"Status": "SUCCEEDED"}]}
    answers: list[Any] = [*([lost] * (POLL_FAILURES - 1)), {"Jobs": []}, *([lost] * (POLL_FAILURES - 1)), done]
    caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": answers})
    assert run_job(BATCH, caller, JOB, new_context(resource=BATCH)) == {"Status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("error", "asked", "name"),
    [
        (ClientError("lost"), POLL_FAILURES, "Batch.SdkClientException"),
        (ParameterError(["x"]), 1, "States.Runtime"),
    ],
)
def test_questions_that_go_on_failing_fail_the_task(
    error: AwsCallError, asked: int, name: str, new_context: NewContext
) -> None:
    caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": [error]})
    with pytest.raises(TaskError) as caught:
        run_job(BATCH, caller, JOB, new_context(resource=BATCH))
    assert caught.value.error == name
    assert len(caller.asked("describeJobs")) == asked


def test_what_is_deleted_ends_when_it_is_gone(new_context: NewContext) -> None:
    resource = f"{STATES}eks:deleteCluster.sync"
    gone = ServiceError("ResourceNotFoundException", "gone", exception="ResourceNotFoundException")
    deleting: dict[str, Json] = {"Cluster": {"Status": "DELETING"}}
    caller = Caller({"deleteCluster": [deleting], "describeCluster": [deleting, gone]})
    assert run_job(resource, caller, {"Name": "c"}, new_context(resource=resource)) == deleting


@pytest.mark.parametrize(("suffix", "output"), [("sync", '{"a":1}'), ("sync:2", {"a": 1})])
def test_the_output_of_an_execution_is_a_text_or_data(suffix: str, output: Json, new_context: NewContext) -> None:
    resource = f"{STATES}states:startExecution.{suffix}"
    described: dict[str, Json] = {"Status": "SUCCEEDED", "Output": '{"a":1}'}
    caller = Caller({"startExecution": [{"ExecutionArn": "e"}], "describeExecution": [described]})
    result = run_job(resource, caller, {"StateMachineArn": "m"}, new_context(resource=resource))
    assert isinstance(result, dict)
    assert result["Output"] == output


@pytest.mark.parametrize(
    ("resource", "arguments", "begun_again"),
    [
        (BATCH, JOB, True),
        (f"{STATES}sagemaker:createTrainingJob.sync", {"TrainingJobName": "t"}, False),
    ],
)
def test_a_job_that_is_known_by_its_name_is_begun_once(
    resource: str, arguments: Json, begun_again: bool, new_context: NewContext
) -> None:
    described: list[Any] = [{"TrainingJobStatus": "Completed", "Jobs": [{"Status": "SUCCEEDED"}]}]
    caller = Caller(
        {"submitJob": [{"JobId": "1"}], "describeJobs": described, "describeTrainingJob": described}
    )  # fmt: skip
    run_job(resource, caller, arguments, new_context(resource=resource, began=True))
    assert (len(caller.requests) == 2) is begun_again


def test_a_token_that_the_model_does_not_mark_is_given_as_well(new_context: NewContext) -> None:
    resource = f"{STATES}states:startExecution.sync"
    caller = Caller({"startExecution": [{"ExecutionArn": "e"}], "describeExecution": [{"Status": "SUCCEEDED"}]})
    for given in ({}, {}, {"Name": "mine"}):
        run_job(resource, caller, given, new_context(resource=resource))
    first, again, own = (each["Name"] for each in caller.asked("startExecution"))
    assert first == again
    assert own == "mine"


async def _cancelled(caller: Caller, context: TaskContext, *, given_up: bool, polling: bool) -> None:
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    performing = asyncio.ensure_future(AwsTask(BATCH, caller, sleep=sleep).perform(JOB, context))
    await (waiting.wait() if polling else asyncio.to_thread(caller.entered.wait, 10))
    context.given_up = given_up
    context.cancelled.set()
    performing.cancel()
    await asyncio.sleep(0)
    if caller.gate is not None:
        caller.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await performing


@pytest.mark.parametrize("polling", [True, False])
@pytest.mark.parametrize("given_up", [True, False])
def test_a_job_is_stopped_only_if_its_task_is_given_up(given_up: bool, polling: bool, new_context: NewContext) -> None:
    caller = Caller({"submitJob": [{"JobId": "1"}], "terminateJob": [{}]}, gate=None if polling else threading.Event())
    asyncio.run(_cancelled(caller, new_context(resource=BATCH), given_up=given_up, polling=polling))
    stopped = [each["JobId"] for each in caller.asked("terminateJob")]
    assert stopped == (["1"] if given_up else [])


def test_a_job_that_is_not_begun_any_more_needs_no_stop(new_context: NewContext) -> None:
    caller = Caller({"submitJob": [ClientError("lost")]}, gate=threading.Event())
    asyncio.run(_cancelled(caller, new_context(resource=BATCH), given_up=True, polling=False))
    assert [each.action for each in caller.requests] == ["submitJob"]


def test_a_job_that_cannot_be_stopped_is_left(new_context: NewContext) -> None:
    caller = Caller({"submitJob": [{"JobId": "1"}], "terminateJob": [ServiceError("Denied", "no")]})
    asyncio.run(_cancelled(caller, new_context(resource=BATCH), given_up=True, polling=True))
    assert len(caller.asked("terminateJob")) == 1


# -- bindings --------------------------------------------------------------------------------------------------------


def echo(input: Json) -> Json:
    return {"here": input}


@pytest.mark.parametrize(
    ("bindings", "resource", "by_aws"),
    [
        ({"arn:*": "aws"}, SEND, True),
        ({f"{STATES}*": "aws", f"{STATES}sqs:*": echo}, SEND, False),
        ({f"{STATES}*": echo, f"{STATES}sqs:*": "aws"}, SEND, True),
        ({"arn:*": "aws", SEND: echo}, SEND, False),
        ({SEND: "aws"}, SEND, True),
        ({"arn:*": "aws"}, "arn:aws:lambda:eu-west-1:1:function:Charge", True),
        ({"arn:*": "aws", "Charge": echo}, "arn:aws:lambda:eu-west-1:1:function:Charge", False),
        ({"Charge": "aws"}, "arn:aws:lambda:eu-west-1:1:function:Charge", True),
    ],
)
def test_the_longest_binding_decides(bindings: dict[str, Any], resource: str, by_aws: bool) -> None:
    registry = TaskRegistry(bindings, aws=Caller({}))
    assert registry.missing([resource]) == ()
    assert isinstance(registry.handler_for(resource), AwsTask) is by_aws


@pytest.mark.parametrize(
    ("bindings", "function", "by_aws"),
    [
        ({"arn:*": "aws"}, "Charge", True),
        ({"arn:*": "aws", "Charge": echo}, "Charge", False),
        ({"arn:*": "aws", "Refund": echo}, "Charge", True),
        ({"Charge": "aws"}, "Charge", True),
    ],
)
def test_a_function_that_is_bound_is_invoked_here(bindings: dict[str, Any], function: str, by_aws: bool) -> None:
    registry = TaskRegistry(bindings, aws=Caller({}))
    resource = f"{STATES}lambda:invoke"
    registry.prepare([(resource, function), (resource, None)])
    assert isinstance(registry.handler_for(resource, {"FunctionName": function}), AwsTask) is by_aws


def test_what_no_service_performs_is_listed_before_anything_runs() -> None:
    registry = TaskRegistry({"arn:*": "aws"}, aws=Caller({}))
    with pytest.raises(BindingError) as caught:
        registry.prepare([SEND, f"{STATES}sqs:unknown", f"{STATES}sqs:sendMessage.sync"])
    assert str(caught.value).splitlines() == [
        f"{STATES}sqs:unknown: the service sqs has no action unknown",
        f"{STATES}sqs:sendMessage.sync: this action has no .sync",
    ]


def test_nothing_is_called_without_being_asked_for() -> None:
    with pytest.raises(UnboundResourceError, match="bound to 'aws' is performed by AWS"):
        TaskRegistry({}, aws=Caller({})).prepare([SEND])


@pytest.mark.parametrize("key", ["arn:*:sqs:*", "*:sendMessage"])
def test_a_star_stands_only_at_the_end(key: str) -> None:
    with pytest.raises(BindingError, match="only be at the end"):
        TaskRegistry({key: "aws"})


# -- executions ------------------------------------------------------------------------------------------------------


def machine(resource: str, **more: Json) -> Json:
    return {"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": resource, "End": True, **more}}}


async def _events(engine: Engine, execution: str) -> dict[str, Any]:
    return {each.type: each.details for each in engine.history(execution)}


def test_a_job_is_submitted_when_it_was_begun() -> None:
    async def scenario() -> dict[str, Any]:
        done = {"Status": "SUCCEEDED"}
        caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": [{"Jobs": [done]}]})
        registry = TaskRegistry({"arn:*": "aws"}, aws=caller)
        registry._aws_tasks[BATCH] = AwsTask(BATCH, caller, sleep=Sleeps())
        async with Engine("memory", tasks=registry) as engine:
            name = await engine.start(machine(BATCH), JOB)
            assert (await engine.wait(name)).unwrap() == done
            return await _events(engine, name)

    events = asyncio.run(scenario())
    assert list(events) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert events["TaskSubmitted"]["output"].value["JobId"] == "1"
    assert events["TaskSucceeded"]["output"].value == {"Status": "SUCCEEDED"}


def test_a_stopped_execution_stops_its_job_and_a_closed_engine_does_not() -> None:
    async def scenario(*, stop: bool) -> list[dict[str, Json]]:
        caller = Caller({"submitJob": [{"JobId": "1"}], "describeJobs": [{"Jobs": []}], "terminateJob": [{}]})
        registry = TaskRegistry({"arn:*": "aws"}, aws=caller)
        waiting = asyncio.Event()

        async def sleep(_: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        registry._aws_tasks[BATCH] = AwsTask(BATCH, caller, sleep=sleep)
        async with Engine("memory", tasks=registry) as engine:
            name = await engine.start(machine(BATCH), JOB)
            await waiting.wait()
            if stop:
                await engine.stop(name)
        return caller.asked("terminateJob")

    assert [each["JobId"] for each in asyncio.run(scenario(stop=True))] == ["1"]
    assert asyncio.run(scenario(stop=False)) == []


def test_a_callback_is_submitted_with_the_response_and_ends_by_its_token() -> None:
    resource = f"{SEND}.waitForTaskToken"

    async def scenario() -> dict[str, Any]:
        caller = Caller({"sendMessage": [{"MessageId": "1"}]})
        body = {"Parameters": {"QueueUrl": "q", "MessageBody": {"Token.$": "$$.Task.Token"}}}
        async with Engine("memory", tasks=TaskRegistry({"arn:*": "aws"}, aws=caller)) as engine:
            submitted = asyncio.Event()
            engine.add_listener(lambda _, new: submitted.set() if any(e.type == "TaskSubmitted" for e in new) else None)
            name = await engine.start(machine(resource, **body), {})
            await submitted.wait()
            token = caller.asked("sendMessage")[0]["MessageBody"]["Token"]
            await engine.send_task_success(token, {"approved": True})
            assert (await engine.wait(name)).unwrap() == {"approved": True}
            return await _events(engine, name)

    assert asyncio.run(scenario())["TaskSubmitted"]["output"].value["MessageId"] == "1"


def test_a_mock_comes_first() -> None:
    async def scenario() -> Json:
        caller = Caller({})
        mocks = Mocks.of_states({"Call": [{"Return": {"mocked": 1}}]})
        registry = mock_registry(mocks, TaskRegistry({"arn:*": "aws"}, aws=caller))
        async with Engine("memory", tasks=registry) as engine:
            result = await engine.wait(await engine.start(machine(BATCH), JOB))
        assert caller.requests == []
        return result.unwrap()

    assert asyncio.run(scenario()) == {"mocked": 1}


def test_the_machines_of_the_engine_come_before_a_pattern() -> None:
    async def scenario(tasks: dict[str, Any], caller: Caller) -> Json:
        child = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}
        parent = machine(f"{STATES}states:startExecution", Parameters={"StateMachineArn": "child"})
        registry = TaskRegistry(tasks, aws=caller)
        async with Engine("memory", tasks=registry, machines={"child": child}) as engine:
            result = await engine.wait(await engine.start(parent, {}))
        return result.unwrap()["ExecutionArn"]

    caller = Caller({"startExecution": [{"ExecutionArn": "of AWS"}]})
    assert asyncio.run(scenario({"arn:*": "aws"}, caller)) != "of AWS"
    assert asyncio.run(scenario({f"{STATES}states:startExecution": "aws"}, caller)) == "of AWS"
