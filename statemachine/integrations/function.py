"""Python functions as tasks, sync and async.

Rules
- A function is called with what its parameters ask for: the effective input; a `TaskContext` for a parameter with that
  annotation (a class or text); and for a second required parameter without annotation the context that the
  convention gives, so that ``def handler(event, context)`` works as it stands.
- A sync function runs in a thread, an async one on the event loop.
- It fails by raising: `TaskError` as it is, anything else by its class name and message. SystemExit is a failure of
  the task as well: a function may not end the engine. KeyboardInterrupt is for the engine. CancelledError is the
  engine's cancellation if the engine cancelled, otherwise a failure like any other.
- A `CallingConvention` says what differs between plain functions and Lambda functions (lambda_.py).
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from statemachine.errors import TaskError
from statemachine.integrations.base import BindingError, TaskContext, TaskFunction
from statemachine.integrations.results import bounded, copy_json, find_fault, message_of
from statemachine.jsonvalue import Json

INVALID_RESULT: Final = "Python.InvalidResult"
"""The error of a function that returned what is not JSON."""


@dataclass(frozen=True, slots=True)
class CallingConvention:
    """How a function is called and what becomes of its outcome."""

    second_argument: Callable[[TaskContext], object]
    """What a second required parameter without annotation gets."""
    result: Callable[[object, TaskContext], Json]
    """The JSON data of a returned value; raises TaskError."""
    failure: Callable[[BaseException, TaskContext], TaskError]
    """The failure that a raised exception is."""


def _plain_result(value: object, context: TaskContext) -> Json:  # noqa: ARG001 - a CallingConvention
    fault = find_fault(value)
    if fault is not None:
        raise TaskError(INVALID_RESULT, f"The function returned no JSON data at {fault}")
    return copy_json(value)


def _plain_failure(error: BaseException, context: TaskContext) -> TaskError:  # noqa: ARG001 - a CallingConvention
    return TaskError(type(error).__name__, message_of(error))


PLAIN: Final = CallingConvention(lambda context: context, _plain_result, _plain_failure)
"""Error name = class name, cause = message; no result is converted."""


class FunctionHandler:
    """A TaskHandler that calls a Python function. Raises BindingError if the function cannot be called that way."""

    def __init__(self, function: TaskFunction, convention: CallingConvention = PLAIN) -> None:
        self.function = function
        self.blocking = not _is_async(function)
        self._convention = convention
        self._positional, self._keywords = _plan(function)

    def perform(self, arguments: Json, context: TaskContext) -> Json | Awaitable[Json]:
        """Call it once: the JSON result, or for an async function an awaitable of it."""
        return self._call(arguments, context) if self.blocking else self._await(arguments, context)

    def _invoke(self, arguments: Json, context: TaskContext) -> object:
        values: list[object] = []
        for source in self._positional:
            match source:
                case _Source.INPUT:
                    values.append(copy_json(arguments))
                case _Source.CONTEXT:
                    values.append(context)
                case _Source.CONVENTION:
                    values.append(self._convention.second_argument(context))
                case _:
                    typing.assert_never(source)
        return self.function(*values, **dict.fromkeys(self._keywords, context))

    def _call(self, arguments: Json, context: TaskContext) -> Json:
        try:
            result = self._invoke(arguments, context)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            raise self._failure(error, context) from error
        if inspect.iscoroutine(result):
            result.close()
            raise TaskError(INVALID_RESULT, "The function returned a coroutine: declare it with 'async def'")
        return self._convention.result(result, context)

    async def _await(self, arguments: Json, context: TaskContext) -> Json:
        import asyncio

        try:
            result = await typing.cast("Awaitable[object]", self._invoke(arguments, context))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._failure(error, context) from error
        except BaseException as error:
            raise self._failure(error, context) from error
        return self._convention.result(result, context)

    def _failure(self, error: BaseException, context: TaskContext) -> TaskError:
        return bounded(error if isinstance(error, TaskError) else self._convention.failure(error, context))


class _Source(Enum):
    INPUT = "input"
    CONTEXT = "context"
    CONVENTION = "convention"


def _is_async(function: TaskFunction) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _plan(function: TaskFunction) -> tuple[tuple[_Source, ...], tuple[str, ...]]:
    """What to pass by position, and by which keywords a TaskContext."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return (_Source.INPUT,), ()
    positional: list[_Source] = []
    keywords: list[str] = []
    left_out = False  # a parameter keeps its default: what follows can only be passed by keyword
    for parameter in parameters:
        wants_context = _is_context(parameter.annotation)
        required = parameter.default is parameter.empty
        match parameter.kind:
            case parameter.POSITIONAL_ONLY | parameter.POSITIONAL_OR_KEYWORD:
                if wants_context and not left_out:
                    positional.append(_Source.CONTEXT)
                elif wants_context and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                    keywords.append(parameter.name)
                elif _Source.INPUT not in positional:
                    positional.append(_Source.INPUT)
                elif not required:
                    left_out = True
                elif positional == [_Source.INPUT]:
                    positional.append(_Source.CONVENTION)
                else:
                    raise _refused(function, parameter.name)
            case parameter.VAR_POSITIONAL:
                if _Source.INPUT not in positional:
                    positional.append(_Source.INPUT)
            case parameter.KEYWORD_ONLY:
                if wants_context:
                    keywords.append(parameter.name)
                elif required:
                    raise _refused(function, parameter.name)
    return tuple(positional), tuple(keywords)


def _is_context(annotation: object) -> bool:
    if isinstance(annotation, str):
        return re.search(r"\bTaskContext\b", annotation) is not None
    return annotation is TaskContext or TaskContext in typing.get_args(annotation)


def _refused(function: TaskFunction, parameter: str) -> BindingError:
    name = getattr(function, "__qualname__", repr(function))
    return BindingError(
        f"{name}: nothing can be passed for its parameter '{parameter}'. A task function takes the input and, "
        "if it has a parameter annotated TaskContext, the context."
    )
