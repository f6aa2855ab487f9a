"""Nested executions on the engine: started once, waited for, stopped, resumed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from machines import WAIT, machine, task, wait
from virtual_time import LoopClock, run_virtual, settle

from statemachine.errors import ExecutionNotFoundError, UnboundResourceError
from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.runtime.nested import MAX_NESTING
from statemachine.store.memory import MemoryStore

START = "arn:aws:states:::states:startExecution"
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
EXECUTION = "arn:aws:states:us-east-1:123456789012:execution"
DOUBLES = machine(A={"Type": "Pass", "Parameters": {"twice.$": "States.Array($.n, $.n)"}})
FAILS = machine(A={"Type": "Fail", "Error": "Broken", "Cause": "it is"})
RESTS = machine(Rest=wait(60))


def starts(suffix: str = "", machine_arn: str = CHILD, **fields: Any) -> dict[str, Any]:
    arguments = {"StateMachineArn": machine_arn, **fields.pop("arguments", {"Name": "kid", "Input.$": "$"})}
    return machine(Start=task(START + suffix, Parameters=arguments, **fields))


async def noop(value: Json) -> Json:
    return value


def engine_on(child: Any, store: Any = "memory", **options: Any) -> Engine:
    return Engine(store, clock=LoopClock(), **{"machines": {CHILD: child}, **options})


def types(engine: Engine, name: str = "one") -> list[str]:
    return [each.type for each in engine.history(name)][2:]


def test_request_response_does_not_wait() -> None:
    async def scenario() -> None:
        async with engine_on(RESTS) as engine:
            result = await engine.run(starts(), {"n": 1}, name="one")
            assert result.output["ExecutionArn"] == f"{EXECUTION}:child:kid"
            assert result.output["SdkHttpMetadata"]["HttpStatusCode"] == 200
            assert result.output["StartDate"] == result.started_ms
            assert types(engine)[:3] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
            child = engine.describe("kid")
            assert (child.status, child.machine_name, child.input.value) == (ExecutionStatus.RUNNING, "child", {"n": 1})
            assert (await engine.wait("kid")).output == {"n": 1}

    run_virtual(scenario)


@pytest.mark.parametrize(
    ("suffix", "given", "output"),
    [(".sync", '{"n":1}', '{"twice":[1,1]}'), (".sync:2", {"n": 1}, {"twice": [1, 1]})],
)
def test_sync_gives_the_childs_description(suffix: str, given: Json, output: Json) -> None:
    """Facts sync-output-is-string, sync2-output-is-json."""

    async def scenario() -> None:
        async with engine_on(DOUBLES) as engine:
            result = await engine.run(starts(suffix), {"n": 1}, name="one")
            assert result.output == {
                "ExecutionArn": f"{EXECUTION}:child:kid",
                "Input": given,
                "InputDetails": {"Included": True},
                "Name": "kid",
                "Output": output,
                "OutputDetails": {"Included": True},
                "StartDate": result.started_ms,
                "StateMachineArn": CHILD,
                "Status": "SUCCEEDED",
                "StopDate": result.started_ms,
            }
            assert list(result.output) == sorted(result.output)
            assert types(engine)[:4] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    run_virtual(scenario)


def test_a_child_that_fails_fails_its_task() -> None:
    """Fact sync-child-failure-is-taskfailed."""

    async def scenario() -> None:
        async with engine_on(FAILS) as engine:
            result = await engine.run(starts(".sync"), {}, name="one")
            assert result.error == "States.TaskFailed"
            assert result.cause is not None
            cause = json.loads(result.cause)
            assert list(cause)[:3] == ["Cause", "Error", "ExecutionArn"]
            assert (cause["Cause"], cause["Error"], cause["Status"]) == ("it is", "Broken", "FAILED")

    run_virtual(scenario)


def test_a_timeout_stops_the_child() -> None:
    """Fact sync-timeout-aborts-child."""

    async def scenario() -> None:
        async with engine_on(RESTS) as engine:
            result = await engine.run(starts(".sync", TimeoutSeconds=5), {}, name="one")
            assert (result.error, result.cause) == ("States.Timeout", None)
            child = await engine.wait("kid")
            assert (child.status, child.stopped_ms - child.started_ms) == (ExecutionStatus.ABORTED, 5000)
            assert child.cause == (
                f"The Task state in AWS Step Functions execution [{EXECUTION}:StateMachine:one] "
                "which was managing this resource was aborted"
            )

    run_virtual(scenario)


@pytest.mark.parametrize(("suffix", "status"), [(".sync", "ABORTED"), (".waitForTaskToken", "RUNNING")])
def test_stopping_the_parent(suffix: str, status: str) -> None:
    async def scenario() -> None:
        async with engine_on(RESTS) as engine:
            await engine.start(starts(suffix), {}, name="one")
            await settle()
            await engine.stop("one")
            await settle()
            assert engine.describe("kid").status.value == status

    run_virtual(scenario)


def test_stopping_a_parent_that_was_interrupted() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(RESTS, store) as engine:
            await engine.start(starts(".sync"), {}, name="one")
            await settle()
        async with engine_on(RESTS, store) as engine:
            await engine.stop("one")
            child = engine.describe("kid")
            assert child.status is ExecutionStatus.ABORTED
            assert child.failure is not None
            assert (child.failure.cause or "").endswith("was aborted")

    run_virtual(scenario)


def test_a_childs_token_ends_the_task() -> None:
    async def scenario() -> None:
        tokens: list[str] = []

        async def tell(value: Json) -> Json:
            tokens.append(value["token"])
            return value

        parent = starts(".waitForTaskToken", arguments={"Input": {"token.$": "$$.Task.Token"}})
        async with engine_on(machine(Tell=task("tell")), tasks={"tell": tell}) as engine:
            await engine.start(parent, name="one")
            await settle(60)
            await engine.send_task_success(tokens[0], 3)
            assert (await engine.wait("one")).output == 3

    run_virtual(scenario)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"StateMachineArn": CHILD + "x"}, "StepFunctions.StateMachineDoesNotExistException"),
        ({"StateMachineArn": 1}, "States.Runtime"),
        ({"Name": "a/b"}, "StepFunctions.InvalidNameException"),
        ({"Name": "n" * 81}, "StepFunctions.InvalidNameException"),
        ({"Name": "taken"}, "StepFunctions.ExecutionAlreadyExistsException"),
        ({"Input": "{"}, "StepFunctions.InvalidExecutionInputException"),
    ],
)
def test_what_cannot_be_started(arguments: dict[str, Any], error: str) -> None:
    async def scenario() -> None:
        async with engine_on(DOUBLES) as engine:
            await engine.run(RESTS, {}, name="taken")
            result = await engine.run(starts(arguments=arguments), {}, name="one")
            assert (result.status, result.error) == (ExecutionStatus.FAILED, error)
            assert types(engine)[2] == "TaskFailed"

    run_virtual(scenario)


def test_a_machine_that_does_not_exist_is_named() -> None:
    """Fact start-missing-machine-error."""

    async def scenario() -> None:
        async with engine_on(DOUBLES) as engine:
            cause = (await engine.run(starts(machine_arn=CHILD + "x"), {}, name="one")).cause
            assert cause is not None
            assert cause.startswith(
                f"State Machine Does Not Exist: '{CHILD}x' "
                "(Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
            )

    run_virtual(scenario)


@pytest.mark.parametrize("arn", [CHILD, CHILD + ":7", CHILD + ":live"])
@pytest.mark.parametrize("key", [CHILD, "child"])
def test_machines_are_known_by_arn_or_name(arn: str, key: str) -> None:
    async def scenario() -> None:
        async with Engine("memory", clock=LoopClock(), machines={key: DOUBLES}) as engine:
            result = await engine.run(starts(".sync:2", arn), {"n": 1})
            assert result.output["Output"] == {"twice": [1, 1]}

    run_virtual(scenario)


def test_parents_take_no_place_from_their_children() -> None:
    async def scenario() -> None:
        child = machine(Work=task("work"))
        parent = starts(".sync:2", arguments={"Input.$": "$"})
        async with engine_on(child, tasks={"work": noop}, concurrency=1) as engine:
            ended = await asyncio.gather(*(engine.run(parent, {"n": number}) for number in range(20)))
            assert [each.output["Output"]["n"] for each in ended] == list(range(20))

    run_virtual(scenario)


def test_parent_and_child_are_resumed_and_nothing_is_started_twice() -> None:
    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(WAIT, store, tasks={"work": noop}) as engine:
            await engine.start(starts(".sync:2", arguments={"Input": {"k": 1}}), name="one")
            await asyncio.sleep(30)
        async with engine_on(WAIT, store, tasks={"work": noop}) as engine:
            await engine.resume("one")
            result = await engine.wait("one")
            assert result.output["Output"] == {"k": 1}
            assert result.stopped_ms - result.started_ms == 60_000
            assert len(engine.list().records) == 2
            assert types(engine).count("TaskSubmitted") == 1

    run_virtual(scenario)


class Dying(MemoryStore):
    """Loses every commit after the children were created: a crash at the worst moment."""

    dead = False
    mortal = True

    def create(self, executions: Any, commits: Any = ()) -> None:
        super().create(executions, commits)
        self.dead = self.mortal and len(self.list().records) > 1

    def commit(self, commits: Any) -> None:
        if self.dead:
            raise OSError("the process is gone")
        super().commit(commits)


def test_a_crash_between_the_start_and_its_record_starts_no_second_child() -> None:
    async def scenario() -> None:
        store = Dying()
        async with engine_on(DOUBLES, store) as engine:
            await engine.start(starts(".sync:2", arguments={"Input": {"n": 1}}), name="one")
            with pytest.raises(OSError, match="gone"):
                await engine.wait("one")
        names = {each.id for each in store.list().records}
        assert len(names) == 2
        assert [each.type for each in store.history("one")][-1] == "TaskStarted"
        store.mortal = store.dead = False
        async with engine_on(DOUBLES, store) as engine:
            await engine.resume()
            assert (await engine.wait("one")).output["Output"] == {"twice": [1, 1]}
            assert {each.id for each in store.list().records} == names

    run_virtual(scenario)


def test_what_a_child_needs_is_known_before_its_parent_starts() -> None:
    async def scenario() -> None:
        async with engine_on(machine(Work=task("unbound"))) as engine:
            with pytest.raises(UnboundResourceError, match="unbound"):
                await engine.start(starts(), name="one")
        async with Engine("memory", clock=LoopClock()) as engine:
            with pytest.raises(UnboundResourceError, match="startExecution"):
                await engine.start(starts(), name="one")
            with pytest.raises(ExecutionNotFoundError):
                engine.describe("one")

    run_virtual(scenario)


def test_a_bound_handler_comes_first() -> None:
    async def scenario() -> None:
        async with engine_on(DOUBLES, tasks={START + ".sync": noop}) as engine:
            result = await engine.run(starts(".sync"), {"n": 1}, name="one")
            assert result.output["StateMachineArn"] == CHILD
            # A job that is performed as a whole is recorded as submitted too.
            assert types(engine)[:4] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]

    run_virtual(scenario)


def test_a_machine_that_waits_for_itself_ends() -> None:
    async def scenario() -> None:
        async with engine_on(starts(".sync", arguments={})) as engine:
            result = await engine.run(starts(".sync"), {}, name="one")
            assert result.error == "States.TaskFailed"
            assert len(engine.list(limit=200).records) == MAX_NESTING + 1
            failed = [
                each
                for each in engine.list(limit=200).records
                if each.failure and each.failure.error != "States.TaskFailed"
            ]
            assert [each.failure and each.failure.error for each in failed] == ["States.Runtime"]

    run_virtual(scenario)


@pytest.mark.parametrize("arguments", [{"Name": "kid"}, {"Input": {"n": 1}}])
@pytest.mark.parametrize("suffix", [".sync:2", ""])
def test_a_child_of_which_a_crash_left_no_record_ends_with_its_parent(suffix: str, arguments: dict[str, Any]) -> None:
    async def scenario() -> None:
        store = Dying()
        async with engine_on(RESTS, store) as engine:
            await engine.start(starts(suffix, arguments=arguments), name="one")
            with pytest.raises(OSError, match="gone"):
                await engine.wait("one")
        store.mortal = store.dead = False
        (child,) = [each.id for each in store.list().records if each.id != "one"]
        assert [each.type for each in store.history("one")][-1] == "TaskStarted"
        async with Engine(store, clock=LoopClock(), tasks={START + suffix: noop}) as engine:
            # It performs such tasks itself, and so knows of no child.
            assert (await engine.stop("one")).status is ExecutionStatus.ABORTED
            assert engine.describe(child).status is ExecutionStatus.RUNNING
            await engine.resume(child)
            result = await engine.wait(child)
        if suffix:
            assert (result.status, "managing this resource was aborted" in str(result.cause)) == ("ABORTED", True)
        else:
            assert result.status is ExecutionStatus.SUCCEEDED

    run_virtual(scenario)


@pytest.mark.parametrize("parents_first", [True, False])
@pytest.mark.parametrize("most", [1, 3])
def test_a_resumed_child_waits_for_no_room_that_its_parent_has(most: int, parents_first: bool) -> None:
    """As many parents as may run, each of which waits for a child: the children run all the same."""
    names = [f"parent-{number}" for number in range(most)]
    working = machine(Work=task("work"))

    async def never(_: Json) -> None:
        await asyncio.sleep(3_600)

    async def scenario() -> None:
        store = MemoryStore()
        async with engine_on(working, store, tasks={"work": never}) as engine:
            for name in names:
                await engine.start(starts(".sync:2", arguments={"Input.$": "$"}), {"n": 1}, name=name)
            await settle()
            assert len(engine.list().records) == 2 * most
        async with engine_on(working, store, tasks={"work": noop}, max_running=most) as engine:
            for name in names if parents_first else ():
                await engine.resume(name)
            await engine.resume()
            for name in names:
                assert (await asyncio.wait_for(engine.wait(name), 60)).succeeded

    run_virtual(scenario)
