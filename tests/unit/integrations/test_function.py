# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Optional

import pytest

from statemachine.errors import TaskError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.function import FunctionHandler
from statemachine.jsonvalue import Json


class Declined(Exception):
    pass


class Counter:
    def __call__(self, input: Json, context: TaskContext) -> Json:
        return [input, context.state]

    def method(self, input: Json) -> Json:
        return input


class AsyncCallable:
    async def __call__(self, input: Json) -> Json:
        return input


async def perform(handler: FunctionHandler, arguments: Json, context: TaskContext) -> Json:
    result = handler.perform(arguments, context)
    assert isinstance(result, Awaitable) is not handler.blocking
    return await result if isinstance(result, Awaitable) else result


def run(function: Callable[..., Any], arguments: Json, context: TaskContext) -> Json:
    return asyncio.run(perform(FunctionHandler(function), arguments, context))


def by_text(input: Json, context: "TaskContext") -> Json:  # noqa: UP037 - the annotation is the point
    return [input, context.state]


def by_optional(input: Json, *, task: Optional[TaskContext] = None) -> Json:  # noqa: UP045 - the annotation is the point
    assert task is not None
    return [input, task.state]


def context_first(context: TaskContext, input: Json) -> Json:
    return [input, context.state]


def unannotated(event, context):  # type: ignore[no-untyped-def]
    return [event, context.state]


def after_default(input: Json, size: int = 3, context: TaskContext | None = None) -> Json:
    assert context is not None
    return [input, context.state, size]


async def asynchronous(input: Json, context: TaskContext) -> Json:
    await asyncio.sleep(0)
    return [input, context.state]


@pytest.mark.parametrize(
    ("function", "blocking", "expected"),
    [
        (by_text, True, [{"n": 1}, "Pay"]),
        (by_optional, True, [{"n": 1}, "Pay"]),
        (context_first, True, [{"n": 1}, "Pay"]),
        (unannotated, True, [{"n": 1}, "Pay"]),
        (after_default, True, [{"n": 1}, "Pay", 3]),
        (Counter(), True, [{"n": 1}, "Pay"]),
        (Counter().method, True, {"n": 1}),
        (AsyncCallable(), False, {"n": 1}),
        (asynchronous, False, [{"n": 1}, "Pay"]),
        (functools.partial(asynchronous), False, [{"n": 1}, "Pay"]),
        (functools.partial(by_text), True, [{"n": 1}, "Pay"]),
        (lambda: "nothing", True, "nothing"),
        (lambda *args: list(args), True, [{"n": 1}]),
        (lambda given, **others: [given, others], True, [{"n": 1}, {}]),
        (lambda given, size=2: [given, size], True, [{"n": 1}, 2]),
        (len, True, 1),
    ],
)
def test_a_function_gets_what_its_parameters_ask_for(
    function: Callable[..., Any], blocking: bool, expected: Json, context: TaskContext
) -> None:
    assert FunctionHandler(function).blocking is blocking
    assert run(function, {"n": 1}, context) == expected


def three(one: Json, two: Json, three: Json) -> Json:
    return None


def needs_keyword(input: Json, *, size: int) -> Json:
    return None


@pytest.mark.parametrize(("function", "parameter"), [(three, "three"), (needs_keyword, "size")])
def test_a_function_that_needs_more_is_refused_when_it_is_bound(function: Callable[..., Any], parameter: str) -> None:
    with pytest.raises(BindingError, match=f"{function.__name__}.*'{parameter}'"):
        FunctionHandler(function)


def decline(input: Json) -> Json:
    raise Declined("no funds")


async def decline_async(input: Json) -> Json:
    raise Declined("no funds")


def task_error(input: Json) -> Json:
    raise TaskError("Card.Declined", "no funds")


def leave(input: Json) -> Json:
    sys.exit("bye")


async def leave_async(input: Json) -> Json:
    sys.exit(3)


async def inner_cancelled(input: Json) -> Json:
    inner = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


@pytest.mark.parametrize(
    ("function", "error", "cause"),
    [
        (decline, "Declined", "no funds"),
        (decline_async, "Declined", "no funds"),
        (task_error, "Card.Declined", "no funds"),
        (leave, "SystemExit", "bye"),
        (leave_async, "SystemExit", "3"),
        (inner_cancelled, "CancelledError", ""),
        (lambda given: given["missing"], "KeyError", "'missing'"),
        (lambda: (1, 2), "Python.InvalidResult", "The function returned no JSON data at $: a tuple is not JSON (return a list)"),
        (lambda: inner_cancelled(None), "Python.InvalidResult", "The function returned a coroutine: declare it with 'async def'"),
    ],
)  # fmt: skip
def test_what_a_function_raises_is_the_failure_of_its_task(
    function: Callable[..., Any], error: str, cause: str, context: TaskContext
) -> None:
    with pytest.raises(TaskError) as raised:
        run(function, {}, context)
    assert (raised.value.error, raised.value.cause) == (error, cause)


def test_the_exception_is_kept_for_logs(context: TaskContext) -> None:
    with pytest.raises(TaskError) as raised:
        run(decline, {}, context)
    assert isinstance(raised.value.__cause__, Declined)


def test_keyboard_interrupt_is_for_the_engine(context: TaskContext) -> None:
    def interrupted(input: Json) -> Json:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FunctionHandler(interrupted).perform({}, context)


def test_cancelling_the_task_cancels_an_async_function(context: TaskContext) -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []
        started = asyncio.Event()

        async def wait(input: Json) -> Json:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cleaned up")

        work = asyncio.ensure_future(perform(FunctionHandler(wait), {}, context))
        await started.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return seen

    assert asyncio.run(scenario()) == ["cleaned up"]


def test_a_function_shares_no_data_with_the_engine(context: TaskContext) -> None:
    kept: list[Json] = []

    def change(input: Json) -> Json:
        input["items"].append(1)
        kept.append(input)
        return input

    given: Json = {"items": []}
    result = FunctionHandler(change).perform(given, context)
    assert result == {"items": [1]}
    kept[0]["items"].append(2)
    assert given == {"items": []}
    assert result == {"items": [1]}
