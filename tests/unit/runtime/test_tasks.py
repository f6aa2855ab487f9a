"""Tasks: limits, order, cancellation, and what becomes of whatever a handler does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from virtual_time import START_MS, LoopClock, run_virtual, settle

from statemachine.errors import TaskError
from statemachine.integrations.base import TaskContext
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ScheduleTask
from statemachine.kernel.events import Event, TaskFailed, TaskSucceeded
from statemachine.runtime.tasks import STOP_SECONDS, Tasks


class Handler:
    """A TaskHandler of somebody else's: it may do anything."""

    def __init__(self, perform: Callable[[Json, TaskContext], Any], *, blocking: bool = False) -> None:
        self.blocking = blocking
        self.perform = perform


class Desk:
    """Tasks with a registry, and the events that they posted."""

    def __init__(self, tasks: dict[str, Any], **options: Any) -> None:
        self.registry = TaskRegistry(tasks)
        self.events: list[tuple[str, Event]] = []
        self.beats: list[int] = []
        self.tasks = Tasks(
            LoopClock(), lambda execution_id, event: self.events.append((execution_id, event)), **options
        )

    def perform(self, operation: int, resource: str = "work", value: Json = None, **changes: Any) -> None:
        values: dict[str, Any] = {
            "operation": operation,
            "resource": resource,
            "arguments": Document(value),
            "state": "Work",
            "attempt": 0,
            "deadline_ms": None,
            "heartbeat_seconds": None,
        }
        command = ScheduleTask(**{**values, **changes})
        self.tasks.perform("one", command, self.registry, "token", lambda: self.beats.append(operation))

    def outcomes(self) -> dict[int, Any]:
        """Operation -> its result, or its error and cause."""
        found: dict[int, Any] = {}
        for _, event in self.events:
            match event:
                case TaskSucceeded(operation=operation, output=output):
                    assert operation not in found
                    found[operation] = output.value
                case TaskFailed(operation=operation, failure=failure):
                    assert operation not in found
                    found[operation] = (failure.error, failure.cause)
                case _:
                    raise AssertionError(event)
        return found

    async def until(self, count: int) -> None:
        """Until so many events are there; threads may take their time."""
        while len(self.events) < count:  # noqa: ASYNC110 - threads are not told
            await asyncio.sleep(0.001)


def run(scenario: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return run_virtual(scenario)


# -- outcomes --------------------------------------------------------------------------------------------------------


def one_outcome(binding: Any, value: Json = None) -> Any:
    async def scenario() -> Any:
        desk = Desk({"work": binding})
        desk.perform(1, value=value)
        await desk.until(1)
        await desk.tasks.stop()
        assert len(desk.tasks) == 0
        return desk.outcomes()[1]

    return run(scenario)


def raises(error: BaseException) -> Callable[..., Any]:
    def perform(*_: Any) -> Any:
        raise error

    return perform


async def twice(value: Json) -> Json:
    return [value, value]


@pytest.mark.parametrize(
    ("binding", "outcome"),
    [
        (lambda value: {"got": value}, {"got": 7}),
        (twice, [7, 7]),
        (lambda: None, None),
        (Handler(lambda value, _: value), 7),
        (Handler(lambda value, _: value, blocking=True), 7),
        (Handler(lambda value, _: twice(value)), [7, 7]),
        (Handler(lambda value, _: twice(value), blocking=True), [7, 7]),
    ],
)
def test_results_become_events(binding: Any, outcome: Json) -> None:
    assert one_outcome(binding, 7) == outcome


class OddError(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TaskError("Declined", "no money"), ("Declined", "no money")),
        (TaskError("Declined"), ("Declined", None)),
        (ValueError("bad"), ("ValueError", "bad")),
        (ValueError(), ("ValueError", None)),
        (KeyError("k"), ("KeyError", "'k'")),
        (OddError(), ("OddError", "<OddError: its message failed with ValueError>")),
        (SystemExit(3), ("SystemExit", "3")),
        (TaskError(17, {"a": 1}), ("17", "{'a': 1}")),  # type: ignore[arg-type]
        (TaskError("E" * 300, "c" * 40_000), ("E" * 256, "c" * 32_768)),
    ],
)
def test_whatever_a_handler_raises_is_its_tasks_failure(error: BaseException, outcome: Any, blocking: bool) -> None:
    assert one_outcome(Handler(raises(error), blocking=blocking)) == outcome


@pytest.mark.parametrize("blocking", [False, True])
def test_a_cancellation_that_is_not_the_engines_is_a_failure(blocking: bool) -> None:
    error, cause = one_outcome(Handler(raises(asyncio.CancelledError("mine")), blocking=blocking))
    assert error in ("CancelledError", "RuntimeError")
    assert "ancelled" in cause


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    ("garbage", "fault"),
    [
        ((1, 2), "$: a tuple is not JSON"),
        ({"a": {1}}, "$.a: a set is not JSON"),
        (float("nan"), "nan is not a JSON number"),
        ([float("inf")], "$[0]: inf is not a JSON number"),
        ({1: "x"}, "the key 1 is not a string"),
        (object(), "a object is not JSON"),
        (b"x", "a bytes is not JSON"),
        ([[[]] * 2] * 1 + [[0] * 3, Ellipsis], "$[2]: a ellipsis is not JSON"),
    ],
)
def test_a_result_that_is_no_json_is_a_failure_with_its_place(garbage: Any, fault: str, blocking: bool) -> None:
    for binding in (Handler(lambda *_: garbage, blocking=blocking), lambda: garbage):
        error, cause = one_outcome(binding)
        assert error == "Python.InvalidResult"
        assert fault in cause


def test_a_result_that_contains_itself_is_a_failure() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert one_outcome(Handler(lambda *_: endless))[0] == "Python.InvalidResult"


def test_a_handler_that_keeps_its_result_cannot_change_it_afterwards() -> None:
    kept: dict[str, Any] = {"a": [1]}

    async def scenario() -> Any:
        desk = Desk({"work": Handler(lambda *_: kept)})
        desk.perform(1)
        await desk.until(1)
        kept["a"].append(2)
        return desk.outcomes()[1]

    assert run(scenario) == {"a": [1]}


def test_a_resource_without_a_handler_is_a_failure() -> None:
    async def scenario() -> Any:
        desk = Desk({})
        desk.perform(1, resource="arn:nobody")
        await desk.until(1)
        return desk.outcomes()[1]

    error, cause = run(scenario)
    assert error == "UnboundResourceError"
    assert "arn:nobody" in cause


def test_the_handler_is_told_about_its_call() -> None:
    async def scenario() -> TaskContext:
        seen: list[TaskContext] = []

        async def work(value: Json, context: TaskContext) -> None:
            seen.append(context)

        desk = Desk({"work": work})
        desk.perform(5, attempt=2, deadline_ms=START_MS + 1_000)
        await desk.until(1)
        return seen[0]

    context = run(scenario)
    assert (context.execution_id, context.state, context.resource) == ("one", "Work", "work")
    assert (context.operation_id, context.token, context.attempt) == ("one/5", "token", 2)
    assert context.deadline_ms == START_MS + 1_000
    assert not context.cancelled.is_set()


# -- limits ----------------------------------------------------------------------------------------------------------


class Gate:
    """Async handlers that wait to be let through, one by one, in the order in which they began."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self._gates: dict[int, asyncio.Event] = {}

    async def __call__(self, value: int) -> int:
        self.began.append(value)
        self._gates[value] = asyncio.Event()
        await self._gates[value].wait()
        return value

    async def open(self, value: int) -> None:
        self._gates[value].set()
        await settle()


def test_no_more_tasks_run_than_may_and_the_others_wait_in_order() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"work": gate}, concurrency=2)
        for number in range(1, 6):
            desk.perform(number, value=number)
        await settle()
        assert gate.began == [1, 2]
        await gate.open(2)
        assert gate.began == [1, 2, 3]
        await gate.open(1)
        await gate.open(3)
        assert gate.began == [1, 2, 3, 4, 5]
        for number in (5, 4):
            await gate.open(number)
        assert [desk.outcomes()[number] for number in range(1, 6)] == [1, 2, 3, 4, 5]
        assert len(desk.tasks) == 0

    run(scenario)


def test_a_resource_with_a_limit_waits_without_holding_others_up() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"scarce": gate, "work": gate}, concurrency=3, per_resource={"scarce": 1})
        for number, resource in enumerate(("scarce", "scarce", "scarce", "work", "work", "work"), 1):
            desk.perform(number, resource, number)
        await settle()
        assert gate.began == [1, 4, 5]
        await gate.open(4)
        assert gate.began == [1, 4, 5, 6]  # 2 has waited longer, but its resource is busy
        await gate.open(1)
        assert gate.began == [1, 4, 5, 6, 2]
        await gate.open(5)
        await gate.open(6)
        assert gate.began == [1, 4, 5, 6, 2]
        await gate.open(2)
        assert gate.began == [1, 4, 5, 6, 2, 3]
        await desk.tasks.stop()

    run(scenario)


def test_among_resources_the_longest_waiting_task_is_next() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"scarce": gate, "work": gate}, concurrency=1, per_resource={"scarce": 1})
        for number, resource in enumerate(("work", "scarce", "work", "scarce"), 1):
            desk.perform(number, resource, number)
        for number in range(1, 5):
            await settle()
            assert gate.began == list(range(1, number + 1))
            await gate.open(number)

    run(scenario)


def test_blocking_tasks_that_wait_hold_no_thread() -> None:
    async def scenario() -> None:
        gate = threading.Event()
        desk = Desk({"work": lambda _: gate.wait(10)}, concurrency=2)
        for number in range(50):
            desk.perform(number)
        await settle()
        assert len(desk.tasks._threads) == 2
        gate.set()
        await desk.until(50)
        assert set(desk.outcomes().values()) == {True}

    asyncio.run(scenario())


# -- cancellation ----------------------------------------------------------------------------------------------------


def test_an_async_handler_is_cancelled_and_its_result_dropped() -> None:
    async def scenario() -> None:
        ends: list[str] = []

        async def work(value: Json, context: TaskContext) -> None:
            try:
                await asyncio.sleep(3_600)
            finally:
                ends.append("cancelled" if context.cancelled.is_set() else "ended")

        desk = Desk({"work": work})
        desk.perform(1)
        await settle()
        desk.tasks.cancel(("one", 1))
        desk.tasks.cancel(("one", 1))
        desk.tasks.cancel(("nobody", 9))
        await settle()
        assert ends == ["cancelled"]
        assert desk.events == []
        assert len(desk.tasks) == 0

    run(scenario)


def test_a_blocking_handler_is_told_and_its_result_dropped() -> None:
    async def scenario() -> None:
        began, ended = threading.Event(), threading.Event()

        def work(value: Json, context: TaskContext) -> str:
            began.set()
            context.cancelled.wait(10)
            ended.set()
            return "too late"

        desk = Desk({"work": work})
        desk.perform(1)
        await asyncio.to_thread(began.wait, 10)
        desk.tasks.cancel(("one", 1))
        assert await asyncio.to_thread(ended.wait, 10)
        await settle()
        assert desk.events == []
        await desk.tasks.stop()

    asyncio.run(scenario())


def test_a_task_that_is_cancelled_while_it_waits_is_never_begun() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"work": gate}, concurrency=1)
        for number in (1, 2, 3):
            desk.perform(number, value=number)
        await settle()
        desk.tasks.cancel(("one", 2))
        await gate.open(1)
        assert gate.began == [1, 3]
        await desk.tasks.stop()

    run(scenario)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_cancelled_task_gives_its_place_up_at_once(blocking: bool) -> None:
    """Even if it goes on: a handler that hangs never blocks the engine."""

    async def stubborn(_: Json) -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    release = threading.Event()
    began = threading.Semaphore(0)

    def hang(_: Json) -> None:
        began.release()
        release.wait(10)

    async def scenario() -> None:
        desk = Desk({"hang": hang if blocking else stubborn, "work": lambda: "done"}, concurrency=1)
        for number in range(5):
            desk.perform(number, "hang")
            if blocking:
                await asyncio.to_thread(began.acquire)
            else:
                await settle()
            desk.tasks.cancel(("one", number))
        desk.perform(9)
        await desk.until(1)
        assert desk.outcomes() == {9: "done"}
        release.set()
        await desk.tasks.stop()

    asyncio.run(scenario())


def test_stop_cancels_all_and_begins_none_that_wait() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"work": gate}, concurrency=2)
        for number in range(1, 6):
            desk.perform(number, value=number)
        await settle()
        await desk.tasks.stop()
        assert gate.began == [1, 2]
        assert desk.events == []
        assert len(desk.tasks) == 0

    run(scenario)


def test_stop_lets_async_handlers_clean_up() -> None:
    async def scenario() -> list[str]:
        done: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(3_600)
            finally:
                await asyncio.sleep(STOP_SECONDS / 2)
                done.append("clean")

        desk = Desk({"work": work})
        desk.perform(1)
        await settle()
        await desk.tasks.stop()
        return done

    assert run(scenario) == ["clean"]


def test_stop_does_not_wait_for_a_handler_that_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> float:
        stop = asyncio.Event()

        async def work() -> None:
            while not stop.is_set():
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    continue

        desk = Desk({"work": work})
        desk.perform(1)
        await settle()
        loop = asyncio.get_running_loop()
        before = loop.time()
        await desk.tasks.stop()
        took = loop.time() - before
        stop.set()
        await asyncio.sleep(2)
        return took

    assert run(scenario) == STOP_SECONDS
    assert "task one/1 goes on although it was cancelled" in caplog.text


def test_stop_does_not_wait_for_a_blocking_handler() -> None:
    async def scenario() -> bool:
        began, release = threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            release.wait(10)

        desk = Desk({"work": work})
        desk.perform(1)
        await asyncio.to_thread(began.wait, 10)
        await desk.tasks.stop()
        waited = release.is_set()
        release.set()
        return waited

    assert asyncio.run(scenario()) is False


def test_a_second_delivery_takes_the_place_of_the_first() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"work": gate})
        desk.perform(1, value=1)
        await settle()
        desk.perform(1, value=2)
        await settle()
        await gate.open(2)
        assert desk.outcomes() == {1: 2}

    run(scenario)


# -- heartbeats ------------------------------------------------------------------------------------------------------


def test_a_heartbeat_counts_from_the_beginning_of_the_task() -> None:
    async def scenario() -> None:
        gate = Gate()
        desk = Desk({"work": gate}, concurrency=1)
        desk.perform(1, value=1)
        desk.perform(2, value=2, heartbeat_seconds=10)
        await settle()
        assert desk.beats == []  # 1 has no heartbeat, 2 has not begun
        await gate.open(1)
        assert desk.beats == [2]
        await gate.open(2)

    run(scenario)


def test_a_handler_sends_heartbeats() -> None:
    async def scenario() -> list[int]:
        async def work(value: Json, context: TaskContext) -> None:
            context.heartbeat()
            context.heartbeat()

        desk = Desk({"work": work})
        desk.perform(3, heartbeat_seconds=10)
        await desk.until(1)
        return desk.beats

    assert run(scenario) == [3, 3, 3]
