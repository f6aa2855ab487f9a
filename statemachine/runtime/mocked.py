"""Mocks in place of handlers: a registry whose tasks get what a mock file says.

Rules
- A mocked state calls nothing; a state that is not mocked is performed by the registry behind.
- Calls are counted per execution, in this process: an execution that is resumed counts from 0 again.
- What is missing is known only when it is called: a registry does not know which states are mocked until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import assert_never

from statemachine.errors import TaskError
from statemachine.integrations.base import TaskContext, TaskHandler
from statemachine.integrations.registry import TaskRegistry, TaskRequirement
from statemachine.jsonvalue import Json
from statemachine.testing.mocks import MockCalls, Mocks, Return, Throw


def mock_registry(mocks: Mocks, behind: TaskRegistry | None = None) -> TaskRegistry:
    """A registry that answers the mocked states, and leaves the others to the registry behind it."""
    return _MockedRegistry(mocks, behind or TaskRegistry())


class _MockedRegistry(TaskRegistry):
    def __init__(self, mocks: Mocks, behind: TaskRegistry) -> None:
        super().__init__()
        self._mocks = mocks
        self._behind = behind
        self._calls: dict[str, MockCalls] = {}

    def handler_for(self, resource: str, arguments: Json = None) -> TaskHandler:  # noqa: ARG002 - asked again later
        return _MockedHandler(self, resource)

    def required(self, resource: str, function_name: str | None = None) -> str | None:  # noqa: ARG002 - see the rules
        return None

    def binds(self, resource: str) -> bool:  # noqa: ARG002 - see the rules
        return True

    def prepare(self, tasks: Iterable[TaskRequirement]) -> None:
        self._behind.prepare(
            task for task in tasks if not self._behind.missing([task])
        )  # what is bound is to be usable, mocked or not

    async def aclose(self) -> None:
        await self._behind.aclose()

    async def perform(self, resource: str, arguments: Json, context: TaskContext) -> tuple[Json, bool]:
        """The result, and whether it is a mock's, which stands for the whole task."""
        calls = self._calls.setdefault(context.execution_id, MockCalls(self._mocks))
        outcome = calls.next(context.state, resource)
        if outcome is None:
            return await self._perform_behind(resource, arguments, context), False
        if outcome.delay_seconds:
            await asyncio.sleep(outcome.delay_seconds)
        match outcome:
            case Return(value=value):
                return value, True
            case Throw(error=error, cause=cause):
                raise TaskError(error, cause)
            case _:
                assert_never(outcome)

    async def _perform_behind(self, resource: str, arguments: Json, context: TaskContext) -> Json:
        handler = self._behind.handler_for(resource, arguments)
        if handler.blocking:
            return await asyncio.to_thread(handler.perform, arguments, context)
        result = handler.perform(arguments, context)
        return await result if asyncio.iscoroutine(result) else result


class _MockedHandler:
    blocking = False

    def __init__(self, registry: _MockedRegistry, resource: str) -> None:
        self._registry = registry
        self._resource = resource
        self.answers_token = False

    async def perform(self, arguments: Json, context: TaskContext) -> Json:
        result, self.answers_token = await self._registry.perform(self._resource, arguments, context)
        return result
