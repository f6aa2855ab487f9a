"""Tokens and activities on the engine: who may answer, when it counts, and what survives."""

from __future__ import annotations

import asyncio
from queue import Queue as Threaded
from typing import Any

import pytest
from machines import machine, task
from virtual_time import LoopClock, run_virtual, settle

from statemachine.errors import (
    ActivityDoesNotExistError,
    InvalidTokenError,
    StatemachineError,
    TaskDoesNotExistError,
    TaskTimedOutError,
    UnboundResourceError,
)
from statemachine.integrations.base import TaskContext
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.runtime.sync import SyncEngine
from statemachine.store.memory import MemoryStore

QUEUE = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:look"
SEND = {"QueueUrl": "q", "MessageBody": {"Token.$": "$$.Task.Token"}}
ASKS = machine(Ask=task(QUEUE, Parameters=SEND))
BEATS = machine(Ask=task(QUEUE, Parameters=SEND, HeartbeatSeconds=10, TimeoutSeconds=100))
LOOKS = machine(Look=task(ACTIVITY))


class Queue:
    """What a queue has been sent."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    async def send(self, message: Json, context: TaskContext) -> Json:
        token = message["MessageBody"]["Token"]
        assert token == context.token
        self.tokens.append(token)
        return {"MessageId": len(self.tokens)}


def engine_on(queue: Queue | None = None, store: Any = "memory", **options: Any) -> Engine:
    tasks = {} if queue is None else {QUEUE: queue.send}
    return Engine(store, clock=LoopClock(), **{"tasks": tasks, **options})


def types(engine: Engine, name: str = "one") -> list[str]:
    return [each.type for each in engine.history(name)][2:]


def outputs(engine: Engine, kind: str) -> list[Json]:
    return [each.details["output"].value for each in engine.history("one") if each.type == kind and each.details]


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_token_ends_its_task() -> None:
    async def scenario() -> None:
        queue = Queue()
        async with engine_on(queue) as engine:
            await engine.start(ASKS, name="one")
            await settle()
            assert types(engine) == ["TaskScheduled", "TaskStarted", "TaskSubmitted"]
            await engine.send_task_success(queue.tokens[0], {"yes": True})
            # It is stored when the call returns.
            assert types(engine)[3:] == ["TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"]
            assert (await engine.wait("one")).output == {"yes": True}
            assert outputs(engine, "TaskSubmitted") == [{"MessageId": 1}]

    run_virtual(scenario)


@pytest.mark.parametrize(
    ("failure", "error", "cause"), [(("Late", "no time"), "Late", "no time"), ((), None, None), (("E",), "E", None)]
)
def test_a_token_fails_its_task(failure: tuple[str, ...], error: str | None, cause: str | None) -> None:
    async def scenario() -> None:
        queue = Queue()
        async with engine_on(queue) as engine:
            await engine.start(ASKS, name="one")
            await settle()
            await engine.send_task_failure(queue.tokens[0], *failure)
            result = await engine.wait("one")
            assert (result.status, result.error, result.cause) == (ExecutionStatus.FAILED, error, cause)
            assert types(engine)[2:] == ["TaskSubmitted", "TaskFailed", "ExecutionFailed"]

    run_virtual(scenario)


def test_the_failure_of_the_call_fails_the_task() -> None:
    async def scenario() -> None:
        async def refuse(message: Json) -> Json:
            raise ValueError("no such queue")

        async with engine_on(tasks={QUEUE: refuse}) as engine:
            result = await engine.run(ASKS, name="one")
            assert (result.error, result.cause) == ("ValueError", "no such queue")
            assert types(engine) == ["TaskScheduled", "TaskStarted", "TaskFailed", "ExecutionFailed"]

    run_virtual(scenario)


@pytest.mark.parametrize(("beats", "ends_after"), [([], 10), ([6, 6, 6], 28)])
def test_heartbeats_by_token(beats: list[int], ends_after: int) -> None:
    async def scenario() -> None:
        queue = Queue()
        async with engine_on(queue) as engine:
            await engine.start(BEATS, name="one")
            await settle()
            for seconds in beats:
                await asyncio.sleep(seconds)
                await engine.send_task_heartbeat(queue.tokens[0])
            result = await engine.wait("one")
            assert result.error == "States.HeartbeatTimeout"
            assert result.stopped_ms - result.started_ms == ends_after * 1000

    run_virtual(scenario)


def test_a_task_times_out_although_it_beats() -> None:
    async def scenario() -> None:
        queue = Queue()
        async with engine_on(queue) as engine:
            await engine.start(BEATS, name="one")
            for _ in range(11):
                await asyncio.sleep(9)
                await engine.send_task_heartbeat(queue.tokens[0])
            result = await engine.wait("one")
            assert (result.error, result.stopped_ms - result.started_ms) == ("States.Timeout", 100_000)
            with pytest.raises(TaskTimedOutError):
                await engine.send_task_success(queue.tokens[0])

    run_virtual(scenario)


def test_an_answer_before_the_call_has_returned_waits_for_it() -> None:
    async def scenario() -> None:
        sent: list[str] = []

        async def send(message: Json, context: TaskContext) -> Json:
            sent.append(context.token)
            await engine.send_task_success(context.token, "early")
            with pytest.raises(TaskTimedOutError):
                await engine.send_task_success(context.token, "twice")
            await asyncio.sleep(5)
            return "sent"

        async with engine_on(tasks={QUEUE: send}) as engine:
            result = await engine.run(ASKS, name="one")
            assert result.output == "early"
            assert outputs(engine, "TaskSubmitted") == ["sent"]
            assert types(engine)[2:4] == ["TaskSubmitted", "TaskSucceeded"]

    run_virtual(scenario)


def test_only_one_of_two_answers_is_accepted() -> None:
    async def scenario() -> None:
        queue = Queue()
        async with engine_on(queue) as engine:
            await engine.start(ASKS, name="one")
            await settle()
            answers = [engine.send_task_success(queue.tokens[0], number) for number in range(3)]
            ended = await asyncio.gather(*answers, return_exceptions=True)
            assert [type(each) for each in ended] == [type(None), TaskTimedOutError, TaskTimedOutError]
            assert (await engine.wait("one")).output == 0

    run_virtual(scenario)


def test_tokens_that_are_refused() -> None:
    async def scenario() -> None:
        queue, store = Queue(), MemoryStore()
        async with engine_on(queue, store) as engine:
            await engine.start(ASKS, name="one")
            await settle()
            token = queue.tokens[0]
            for wrong in ("", "x", "a/b/c", "one/3", token[:-1] + ("0" if token[-1] != "0" else "1"), "x" * 5000):
                with pytest.raises(InvalidTokenError):
                    await engine.send_task_success(wrong)
            with pytest.raises(TaskDoesNotExistError):
                await engine.send_task_success(token.replace("one/", "two/"))
            with pytest.raises(StatemachineError, match="not JSON"):
                await engine.send_task_success(token, {1, 2})
        async with engine_on(queue, store) as engine:
            await engine.stop("one")
            with pytest.raises(TaskTimedOutError):
                await engine.send_task_failure(token)

    run_virtual(scenario)


def test_the_token_of_an_ordinary_task_ends_nothing() -> None:
    async def scenario() -> None:
        async def work(message: Json, context: TaskContext) -> Json:
            with pytest.raises(InvalidTokenError):
                await engine.send_task_success(context.token, "cheated")
            return "done"

        async with engine_on(tasks={"work": work}) as engine:
            assert (await engine.run(machine(Work=task("work")))).output == "done"

    run_virtual(scenario)


def test_a_submitted_task_is_not_called_again_after_a_crash() -> None:
    async def scenario() -> None:
        queue, store = Queue(), MemoryStore()
        async with engine_on(queue, store) as engine:
            await engine.start(BEATS, name="one")
            await settle()
        async with engine_on(queue, store) as engine:
            await engine.resume("one")
            await asyncio.sleep(9)
            assert len(queue.tokens) == 1
            await engine.send_task_heartbeat(queue.tokens[0])
            await asyncio.sleep(9)
            await engine.send_task_success(queue.tokens[0], 7)
            assert (await engine.wait("one")).output == 7

    run_virtual(scenario)


def test_heartbeats_are_expected_again_after_a_crash() -> None:
    async def scenario() -> None:
        queue, store = Queue(), MemoryStore()
        async with engine_on(queue, store) as engine:
            await engine.start(BEATS, name="one")
            await settle()
        async with engine_on(queue, store) as engine:
            await engine.resume("one")
            assert (await engine.wait("one")).error == "States.HeartbeatTimeout"

    run_virtual(scenario)


def test_a_function_that_is_invoked_may_hand_on_its_token() -> None:
    async def scenario() -> None:
        given: list[Json] = []

        async def ask(event: Json) -> Json:
            given.append(event["token"])
            return "asked"

        invoke = "arn:aws:states:::lambda:invoke.waitForTaskToken"
        arguments = {"FunctionName": "ask", "Payload": {"token.$": "$$.Task.Token"}}
        async with engine_on(tasks={"ask": ask}) as engine:
            await engine.start(machine(Ask=task(invoke, Parameters=arguments)), name="one")
            await settle()
            assert [each["Payload"] for each in outputs(engine, "TaskSubmitted")] == ["asked"]
            await engine.send_task_success(given[0], "answered")
            assert (await engine.wait("one")).output == "answered"

    run_virtual(scenario)


def test_an_engine_without_a_loop() -> None:
    tokens: Threaded[str] = Threaded()

    def tell(message: Json, context: TaskContext) -> Json:
        tokens.put(context.token)
        return message

    with SyncEngine("memory", tasks={QUEUE: tell}) as engine:
        engine.start(ASKS, name="one")
        token = tokens.get(timeout=20)
        engine.send_task_heartbeat(token)
        engine.send_task_success(token, 1)
        assert engine.wait("one").output == 1
        engine.start(ASKS, name="two")
        engine.send_task_failure(tokens.get(timeout=20), "E")
        assert engine.wait("two").error == "E"
    with SyncEngine("memory", activities=[ACTIVITY]) as engine:
        engine.start(LOOKS, name="one")
        polled = engine.get_activity_task(ACTIVITY, "w", 20)
        assert polled is not None
        engine.send_task_success(polled.token, 2)
        assert engine.wait("one").output == 2


# -- activities --------------------------------------------------------------------------------------------------------


def test_a_worker_polls_and_answers() -> None:
    async def scenario() -> None:
        async with engine_on(activities=[ACTIVITY]) as engine:
            await engine.start(LOOKS, {"k": 1}, name="one")
            await settle()
            assert types(engine) == ["ActivityScheduled"]
            polled = await engine.get_activity_task(ACTIVITY, "ada")
            assert polled is not None
            assert polled.input == {"k": 1}
            started = engine.history("one")[3]
            assert (started.type, started.details) == ("ActivityStarted", {"workerName": "ada"})
            await engine.send_task_success(polled.token, polled.input)
            assert (await engine.wait("one")).output == {"k": 1}
            assert types(engine)[2:4] == ["ActivitySucceeded", "TaskStateExited"]

    run_virtual(scenario)


def test_a_worker_waits_for_a_task() -> None:
    async def scenario() -> None:
        async with engine_on(activities=[ACTIVITY]) as engine:
            assert await engine.get_activity_task(ACTIVITY, wait_seconds=60) is None
            assert await engine.get_activity_task(ACTIVITY, wait_seconds=0) is None
            workers = [asyncio.create_task(engine.get_activity_task(ACTIVITY)) for _ in range(3)]
            await settle()
            workers[0].cancel()
            for name in ("one", "two"):
                await engine.start(LOOKS, name, name=name)
            taken = [await each for each in workers[1:]]
            assert [each and each.input for each in taken] == ["one", "two"]

    run_virtual(scenario)


def test_each_task_of_an_activity_is_handed_out_once_in_order() -> None:
    async def scenario() -> None:
        async with engine_on(activities=[ACTIVITY]) as engine:
            for name in ("a", "b", "c"):
                await engine.start(LOOKS, name, name=name)
            await settle()
            await engine.stop("b")
            inputs = []
            while (polled := await engine.get_activity_task(ACTIVITY, wait_seconds=0)) is not None:
                inputs.append(polled.input)
            assert inputs == ["a", "c"]

    run_virtual(scenario)


def test_the_timeouts_of_an_activity_count_from_its_start() -> None:
    async def scenario() -> None:
        definition = machine(Look=task(ACTIVITY, TimeoutSeconds=5, HeartbeatSeconds=2))
        async with engine_on(activities=[ACTIVITY]) as engine:
            await engine.start(definition, name="one")
            await asyncio.sleep(1000)
            assert await engine.get_activity_task(ACTIVITY) is not None
            result = await engine.wait("one")
            assert (result.error, result.stopped_ms - result.started_ms) == ("States.HeartbeatTimeout", 1_002_000)
            assert types(engine)[-2] == "ActivityTimedOut"

    run_virtual(scenario)


def test_activities_survive_a_crash() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(store=store, activities=[ACTIVITY]) as engine:
            for name in ("one", "two"):
                await engine.start(LOOKS, name, name=name)
            polled = await engine.get_activity_task(ACTIVITY)
            assert polled is not None
        async with engine_on(store=store, activities=[ACTIVITY]) as engine:
            await engine.resume()
            again = await engine.get_activity_task(ACTIVITY)
            assert again is not None
            assert (polled.input, again.input) == ("one", "two")
            assert await engine.get_activity_task(ACTIVITY, wait_seconds=0) is None
            for each in (polled, again):
                await engine.send_task_success(each.token, each.input)
            assert [(await engine.wait(name)).output for name in ("one", "two")] == ["one", "two"]

    run_virtual(scenario)


def test_a_bound_handler_is_an_activitys_worker() -> None:
    async def scenario() -> None:
        async def look(value: Json) -> Json:
            return [value]

        async with engine_on(tasks={ACTIVITY: look}, activities=[ACTIVITY]) as engine:
            assert (await engine.run(LOOKS, 1, name="one")).output == [1]
            assert types(engine)[:3] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]

    run_virtual(scenario)


def test_what_nobody_could_perform_is_refused_before_it_starts() -> None:
    async def scenario() -> None:
        async with engine_on() as engine:
            for definition in (LOOKS, ASKS):
                with pytest.raises(UnboundResourceError):
                    await engine.start(definition)
            with pytest.raises(ActivityDoesNotExistError):
                await engine.get_activity_task(ACTIVITY)
            assert engine.list().records == ()

    run_virtual(scenario)


def test_handlers_are_told_the_role() -> None:
    async def scenario() -> None:
        roles: list[str | None] = []

        async def work(value: Json, context: TaskContext) -> Json:
            roles.append(context.role_arn)
            return value

        given = machine(A=task("work", Credentials={"RoleArn.$": "$.role"}), B=task("work"))
        async with engine_on(tasks={"work": work}) as engine:
            await engine.run(given, {"role": "arn:aws:iam::1:role/r"}, name="one")
            assert roles == ["arn:aws:iam::1:role/r", None]
            scheduled = [each.details or {} for each in engine.history("one") if each.type == "TaskScheduled"]
            assert [each.get("taskCredentials") for each in scheduled] == [{"roleArn": "arn:aws:iam::1:role/r"}, None]

    run_virtual(scenario)
