"""Other processes: tokens, stops and activities through the store. Each engine here is a process of its own to the
store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machines import WORK, machine, task, wait

from statemachine.errors import (
    ActivityDoesNotExistError,
    ExecutionNotFoundError,
    InvalidTokenError,
    StatemachineError,
    TaskDoesNotExistError,
    TaskTimedOutError,
)
from statemachine.integrations.base import TaskContext
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.tokens import ActivityTask
from statemachine.runtime import remote
from statemachine.runtime.engine import Engine
from statemachine.runtime.remote import Sent
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore

SEND = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ASKS = machine(Ask=task(SEND, Parameters={"token.$": "$$.Task.Token"}))
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:pack"
PACKS = machine(Pack=task(ACTIVITY, HeartbeatSeconds=600))
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
PARENT = machine(
    Call=task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": CHILD, "Name": "child"})
)


class Asked:
    """A handler that keeps the tokens it is given."""

    def __init__(self) -> None:
        self.tokens: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, _: Json, context: TaskContext) -> None:
        self.tokens.put_nowait(context.token)


def in_thread(function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
    return asyncio.ensure_future(asyncio.to_thread(function, *arguments))


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110 - the store tells nobody
        await asyncio.sleep(0.005)


# -- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_answered_from_another_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked, other = Asked(), SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db", tasks={SEND: asked}) as engine:
            await engine.start(ASKS, name="one")
            token = await asked.tokens.get()
            await until(lambda: "TaskSubmitted" in [each.type for each in engine.history("one")])
            assert await in_thread(remote.send_task_heartbeat, other, token) is Sent.APPLIED
            assert await in_thread(remote.send_task_success, other, token, {"ok": True}) is Sent.APPLIED
            # It is stored when the sender knows.
            assert other.get("one").status is ExecutionStatus.SUCCEEDED
            assert (await engine.wait("one")).output == {"ok": True}
            with pytest.raises(TaskTimedOutError):
                await in_thread(remote.send_task_failure, other, token)
            await engine.start(ASKS, name="two")
            token = await asked.tokens.get()
            assert await in_thread(remote.send_task_failure, other, token, "No", "why") is Sent.APPLIED
            result = await engine.wait("two")
            assert (result.error, result.cause) == ("No", "why")
        other.close()

    asyncio.run(scenario())


def test_of_two_answers_one_is_accepted(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked, other = Asked(), SqliteStore(tmp_path / "store.db")
        waits = machine(Ask=task(SEND, Parameters={"token.$": "$$.Task.Token"}), Rest=wait(60))
        async with Engine(tmp_path / "store.db", tasks={SEND: asked}) as engine:
            await engine.start(waits, name="one")
            token = await asked.tokens.get()
            await until(lambda: "TaskSubmitted" in [each.type for each in engine.history("one")])
            answers = [in_thread(remote.send_task_success, other, token, number) for number in range(5)]
            told = await asyncio.gather(*answers, return_exceptions=True)
            assert told.count(Sent.APPLIED) == 1
            assert sum(isinstance(each, TaskTimedOutError) for each in told) == 4
        other.close()

    asyncio.run(scenario())


def test_an_answer_that_nobody_is_there_for_waits_and_comes_before_later_timers(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked, other = Asked(), SqliteStore(tmp_path / "store.db")
        asks = machine(Ask=task(SEND, Parameters={"t.$": "$$.Task.Token"}, TimeoutSeconds=5))
        clock = JumpingClock()
        async with Engine(tmp_path / "store.db", tasks={SEND: asked}, clock=clock) as engine:
            for name in ("early", "late"):
                await engine.start(asks, name=name)
            tokens = {token.split("/")[0]: token for token in [await asked.tokens.get() for _ in range(2)]}
            await until(lambda: all("TaskSubmitted" in [e.type for e in engine.history(n)] for n in tokens))
        clock.now += 3_000
        assert remote.send_task_success(other, tokens["early"], "in time", now_ms=clock.now) is Sent.LEFT
        clock.now += 3_000
        assert remote.send_task_success(other, tokens["late"], "too late", now_ms=clock.now) is Sent.LEFT
        clock.now += 60_000
        async with Engine(tmp_path / "store.db", tasks={SEND: asked}, clock=clock) as engine:
            await engine.resume()
            assert (await engine.wait("early")).output == "in time"
            assert (await engine.wait("late")).error == "States.Timeout"
        other.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("wrong", ["", "x", "a/b/c", "one/3", "x" * 5000])
def test_what_is_no_token_is_refused_before_anything_is_sent(wrong: str) -> None:
    with pytest.raises((InvalidTokenError, TaskDoesNotExistError)):
        remote.send_task_success(MemoryStore(), wrong)


def test_a_token_is_checked_against_what_is_stored(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked, other = Asked(), SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db", tasks={SEND: asked}) as engine:
            await engine.start(ASKS, name="one")
            token = await asked.tokens.get()
        forged = token[:-1] + ("0" if token[-1] != "0" else "1")
        with pytest.raises(InvalidTokenError):
            remote.send_task_success(other, forged)
        with pytest.raises(TaskDoesNotExistError):
            remote.send_task_success(other, token.replace("one/", "two/"))
        with pytest.raises(StatemachineError, match="not JSON"):
            remote.send_task_success(other, token, {1, 2})
        assert other.messages(execution_id="one") == []
        other.close()

    asyncio.run(scenario())


def test_an_engine_reaches_what_another_process_drives(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked = Asked()
        async with (
            Engine(tmp_path / "store.db", tasks={SEND: asked}) as owner,
            Engine(tmp_path / "store.db") as other,
        ):
            await owner.start(ASKS, name="one")
            await other.send_task_success(await asked.tokens.get(), 1)
            assert (await owner.wait("one")).output == 1
            await owner.start(machine(Rest=wait(600)), name="two")
            result = await other.stop("two", "Enough", "of it")
            assert (result.status, result.error, result.cause) == (ExecutionStatus.ABORTED, "Enough", "of it")
            assert (await owner.wait("two")).status is ExecutionStatus.ABORTED

    asyncio.run(scenario())


# -- stops -----------------------------------------------------------------------------------------------------------


def test_stops_from_another_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = SqliteStore(tmp_path / "store.db")
        with pytest.raises(ExecutionNotFoundError):
            remote.stop_execution(other, "unknown")
        async with Engine(tmp_path / "store.db") as engine:
            await engine.start(machine(Rest=wait(600)), name="driven")
            assert await in_thread(remote.stop_execution, other, "driven", "E") is Sent.APPLIED
            assert other.get("driven").status is ExecutionStatus.ABORTED
            assert await in_thread(remote.stop_execution, other, "driven") is Sent.APPLIED  # it has ended
            await engine.start(machine(Rest=wait(600)), name="left")
        assert remote.stop_execution(other, "left", "E") is Sent.LEFT
        async with Engine(tmp_path / "store.db") as engine:
            await engine.resume("left")
            assert (await engine.wait("left")).status is ExecutionStatus.ABORTED
        other.close()

    asyncio.run(scenario())


def test_a_message_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db") as engine:
            await engine.start(machine(Rest=wait(600)), name="one")
            message = other.send("one", b"nonsense", 0)
            found: list[Any] = []
            await until(lambda: found.append(other.collect(message)) or found[-1] is not None)
            assert found[-1].refusal is not None
            assert engine.describe("one").status is ExecutionStatus.RUNNING
        other.close()

    asyncio.run(scenario())


# -- activities ------------------------------------------------------------------------------------------------------


def test_an_activity_is_worked_on_by_another_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db", activities=[ACTIVITY]) as engine:
            await engine.start_many(PACKS, [{"n": 1}, {"n": 2}])
            polls = [in_thread(remote.poll_activity, other, ACTIVITY, f"w{number}", 5.0) for number in range(2)]
            tasks: list[ActivityTask] = await asyncio.gather(*polls)
            assert sorted(each.input["n"] for each in tasks) == [1, 2]
            assert await in_thread(remote.poll_activity, other, ACTIVITY, None, 0.0) is None
            for each in tasks:
                assert await in_thread(remote.send_task_success, other, each.token, each.input["n"]) is Sent.APPLIED
                assert (await engine.wait(each.token.split("/")[0])).output == each.input["n"]
        other.close()

    asyncio.run(scenario())


def test_what_a_worker_of_this_process_takes_is_offered_to_nobody_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db", activities=[ACTIVITY]) as engine:
            await engine.start(PACKS, 1, name="one")
            await until(lambda: engine._offers is not None and engine._offers._offered)
            taken = await engine.get_activity_task(ACTIVITY)
            assert taken is not None
            assert await in_thread(remote.poll_activity, other, ACTIVITY, None, 0.2) is None
            await engine.send_task_success(taken.token, 2)
            assert (await engine.wait("one")).output == 2
        other.close()

    asyncio.run(scenario())


def test_what_was_taken_in_another_process_is_not_handed_out_again_after_a_crash(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = SqliteStore(tmp_path / "store.db")
        async with Engine(tmp_path / "store.db", activities=[ACTIVITY]) as engine:
            await engine.start(PACKS, 1, name="one")
            await until(lambda: engine._offers is not None and engine._offers._offered)
        taken = remote.poll_activity(other, ACTIVITY, "w", 5.0)  # nobody drives it now
        assert taken is not None
        async with Engine(tmp_path / "store.db", activities=[ACTIVITY]) as engine:
            await engine.resume("one")
            assert await engine.get_activity_task(ACTIVITY, wait_seconds=0.1) is None
            assert await in_thread(remote.poll_activity, other, ACTIVITY, None, 0.1) is None
            await engine.send_task_success(taken.token, 2)
            assert (await engine.wait("one")).output == 2
        other.close()

    asyncio.run(scenario())


def test_only_an_activity_is_polled() -> None:
    with pytest.raises(ActivityDoesNotExistError):
        remote.poll_activity(MemoryStore(), "work")


# -- children --------------------------------------------------------------------------------------------------------


def test_what_stops_a_parent_and_its_child_is_one_transaction() -> None:
    from machines import RecordingStore

    async def scenario() -> None:
        store = RecordingStore()
        async with Engine(store, machines={CHILD: machine(Rest=wait(600))}) as engine:
            await engine.start(PARENT, name="parent")
            await until(lambda: any(each.id == "child" for each in engine.list().records))
            assert engine.describe("child").parent == "parent"
            await until(lambda: "TaskSubmitted" in [each.type for each in engine.history("parent")])
            await engine.stop("parent")
        (closing,) = [each for each in store.commits if any(c.status is ExecutionStatus.ABORTED for c in each)]
        assert [each.execution_id for each in closing] == ["parent", "child"]

    asyncio.run(scenario())


def test_a_child_that_outlived_its_parent_is_stopped_when_it_is_resumed(tmp_path: Path) -> None:
    async def scenario() -> None:
        machines = {CHILD: machine(Rest=wait(600))}
        path = tmp_path / "store.db"
        async with Engine(path, machines=machines) as engine:
            await engine.start(PARENT, name="parent")
            await until(lambda: "TaskSubmitted" in [each.type for each in engine.history("parent")])
        async with Engine(path) as engine:  # knows no machines: as if it had crashed before it stopped the child
            await engine.stop("parent")
        store = SqliteStore(path)
        if store.get("child").status is not ExecutionStatus.RUNNING:
            pytest.fail("the crash was not simulated")
        async with Engine(store, machines=machines) as engine:
            assert await engine.resume() == ["child"]
            result = await engine.wait("child")
            assert result.status is ExecutionStatus.ABORTED
            assert result.cause is not None
            assert "which was managing this resource was aborted" in result.cause
            # One that nobody waited for goes on alone.
            await engine.start(WORK, name="free", tasks={"work": lambda: 1})
        store.close()

    asyncio.run(scenario())


class JumpingClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.now
