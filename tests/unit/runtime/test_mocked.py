from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from statemachine.errors import TaskError, UnboundResourceError
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Json
from statemachine.runtime.engine import Engine
from statemachine.runtime.mocked import mock_registry
from statemachine.testing.mocks import Mocks

SNS = "arn:aws:states:::sns:publish"
MOCKS = Mocks.of_states({"Pay": [{"Throw": {"Error": "Boom", "Cause": "bang"}}, {"Return": 1}]})


async def call(registry: TaskRegistry, state: str, execution: str = "a", resource: str = SNS) -> Json:
    context = TaskContext(execution, state, resource, f"{execution}/1", "token", 0, None)
    result = registry.handler_for(resource, {}).perform({}, context)
    assert isinstance(result, Awaitable)
    try:
        return await result
    except TaskError as error:
        return [error.error, error.cause]


def test_mocked_states_call_nothing_and_are_counted_per_execution() -> None:
    async def scenario() -> list[Json]:
        registry = mock_registry(MOCKS)
        return [await call(registry, "Pay", execution) for execution in ("a", "b", "a", "a")]

    assert asyncio.run(scenario()) == [["Boom", "bang"], ["Boom", "bang"], 1, 1]


@pytest.mark.parametrize("asynchronous", [True, False])
def test_other_states_are_performed_by_the_registry_behind(asynchronous: bool) -> None:
    async def published(input: Json) -> Json:
        return "sent"

    function = published if asynchronous else lambda: "sent"
    registry = mock_registry(MOCKS, TaskRegistry({SNS: function}))
    assert asyncio.run(call(registry, "Publish")) == "sent"


def test_what_is_missing_is_known_when_it_is_called() -> None:
    registry = mock_registry(MOCKS, TaskRegistry({"Charge": "python:no.such:thing"}))
    assert registry.missing([SNS]) == ()
    registry.prepare([SNS])
    with pytest.raises(UnboundResourceError):
        asyncio.run(call(registry, "Publish"))
    with pytest.raises(BindingError):
        registry.prepare(["Charge"])


@pytest.mark.parametrize(
    ("state", "ended"), [("Ask", ["TaskSubmitted", "TaskSucceeded"]), ("Other", ["TaskSubmitted"])]
)
def test_a_mock_answers_the_token_too(state: str, ended: list[str]) -> None:
    """What is not mocked is only called: its token is for somebody else to answer."""
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    definition = {"StartAt": state, "States": {state: {"Type": "Task", "Resource": resource, "End": True}}}

    async def scenario() -> list[str]:
        behind = TaskRegistry({resource: lambda: "sent"})
        registry = mock_registry(Mocks.of_states({"Ask": [{"Return": 7}]}), behind)
        async with Engine("memory", tasks=registry) as engine:
            stored = asyncio.Event()
            engine.add_listener(lambda _, history: stored.set() if history[-1].type != "TaskStarted" else None)
            await engine.start(definition, name="one")
            await stored.wait()
            return [each.type for each in engine.history("one")][4:6]

    assert asyncio.run(scenario())[:2] == ended
