"""TaskRegistry: which handler performs a task.

Rules
- A binding maps a resource to a function, a TaskHandler or a target text. The exact text of a resource wins; a Lambda
  function is also found by name, partial ARN or ARN, with or without qualifier, the most specific binding first. A
  binding that ends with ``*`` stands for all resources that begin like it, the longest first, after all others.
- A resource that is itself a target (``python:``, ``exec:``, ``http:``) needs no binding.
- The target ``aws`` has the task performed by the AWS service that the resource names (aws/tasks.py).
- ``arn:aws:states:::lambda:invoke`` is performed here: it calls the binding of its FunctionName. Every other service
  must be bound as a whole; its handler gets the arguments as they are and returns the service's response, for
  ``.sync`` that of the finished job. For ``.waitForTaskToken`` it makes the call and returns its response; the task
  ends when the token, which is in its arguments and in its context, is answered. An activity's handler is its worker.
- Activities that are polled, and executions of machines that the engine knows, need no binding: the engine sees to
  them. A binding comes first, unless it ends with ``*``.
- What is missing, and every target that does not resolve, is known before anything runs (`missing`, `prepare`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, cast

from statemachine.errors import UnboundResourceError
from statemachine.integrations.base import BindingError, TaskFunction, TaskHandler
from statemachine.integrations.function import PLAIN, CallingConvention, FunctionHandler
from statemachine.integrations.lambda_ import (
    FunctionReference,
    NamedFunction,
    convention,
    parse_function,
)
from statemachine.integrations.lambda_invoke import INVOKE, LambdaInvoke, invoke_faults
from statemachine.integrations.targets import AWS, is_bindable, is_target, load_python, unknown_target
from statemachine.jsonvalue import Json

if TYPE_CHECKING:
    from statemachine.integrations.aws.base import AwsCaller
    from statemachine.integrations.http import HttpClients

Binding: TypeAlias = TaskHandler | TaskFunction | str
TaskRequirement: TypeAlias = str | tuple[str, str | None]
"""A task's Resource, or that and its FunctionName if it is written down as a text."""

_UNNAMED: Final = "a Lambda function (its FunctionName is computed)"


def _wall_clock_ms() -> int:
    import time

    return time.time_ns() // 1_000_000


class TaskRegistry:
    """Finds the handler of a resource. Raises BindingError for a binding that is none.

    `search_path` holds the directories in which ``python:`` and ``exec:`` targets are looked for first. `region` and
    `account` complete function names where AWS shows an ARN. `now_ms` is the clock of deadlines and of response dates.
    `aws` calls the services of what is bound to ``aws``; None: boto3, as the environment sets it up.
    """

    def __init__(
        self,
        bindings: Mapping[str, Binding] | None = None,
        *,
        search_path: Sequence[str | Path] = (),
        region: str = "us-east-1",
        account: str = "123456789012",
        now_ms: Callable[[], int] = _wall_clock_ms,
        aws: AwsCaller | None = None,
    ) -> None:
        self._bindings = dict(bindings or {})
        self._search_path = tuple(Path(each) for each in search_path)
        self._region = region
        self._account = account
        self._now_ms = now_ms
        self._lambda = convention(now_ms)
        self._handlers: dict[tuple[str, bool], TaskHandler] = {}
        self._targets: dict[tuple[str, bool], TaskHandler] = {}
        self._clients: HttpClients | None = None
        self._aws = aws
        self._aws_tasks: dict[str, TaskHandler] = {}
        for key, value in self._bindings.items():
            _check(key, value)
        self._patterns = sorted((key for key in self._bindings if key.endswith("*")), key=len, reverse=True)
        self._functions: dict[str, FunctionReference] = {}
        for key in self._bindings:
            function = None if is_target(key) else parse_function(key)
            if function is not None:
                self._functions[key] = function

    def handler_for(self, resource: str, arguments: Json = None) -> TaskHandler:
        """The handler that performs tasks of this resource.

        With its `arguments`, a ``lambda:invoke`` of a function that blocks gives a handler that says so; without
        them it gives a coroutine that takes a thread of its own.

        Raises UnboundResourceError, or BindingError if the target that is bound cannot be used.
        """
        key = self._key(resource)
        if key is None and is_target(resource):
            return self._target(resource, PLAIN)
        pattern = self._pattern(resource)
        if key is None and INVOKE.fullmatch(resource):
            return self._lambda_invoke(resource, arguments, pattern)
        key = key or pattern
        if key is None:
            raise UnboundResourceError([resource])
        return self._handler(key, resource, is_function=_is_function(resource))

    def binds(self, resource: str) -> bool:
        """Whether something is bound to this very resource, or it is a target itself. Such a binding comes before what
        the engine would see to."""
        return self._key(resource) is not None or is_target(resource)

    def required(self, resource: str, function_name: str | None = None) -> str | None:
        """What is still to be bound before a task of this resource can run; None if nothing is.

        `function_name` matters to ``lambda:invoke`` alone: its FunctionName, or None if it is computed at run time. A
        ``lambda:invoke`` is satisfied by a binding for itself, by one for its function or, if that is computed, by
        one for any Lambda function: which one is called is then known only at run time, and a function without a
        binding fails as Lambda.ResourceNotFoundException.
        """
        if self.binds(resource) or self._pattern(resource) is not None:
            return None
        if not INVOKE.fullmatch(resource):
            return resource
        if function_name is None:
            return None if self._functions else _UNNAMED
        return None if self._function_key(NamedFunction.of(function_name)) is not None else function_name

    def missing(self, tasks: Iterable[TaskRequirement]) -> tuple[str, ...]:
        """What these tasks still need bound, each once, in order. Empty if all can run."""
        found: dict[str, None] = {}
        for task in tasks:
            resource, function_name = (task, None) if isinstance(task, str) else task
            lacking = self.required(resource, function_name)
            if lacking is not None:
                found[lacking] = None
        return tuple(found)

    def prepare(self, tasks: Iterable[TaskRequirement]) -> None:
        """Make every handler that these tasks need, so that nothing about them fails later.

        Raises UnboundResourceError that lists all that is missing, or else BindingError that lists every target that
        cannot be used.
        """
        wanted = list(tasks)
        missing = self.missing(wanted)
        if missing:
            raise UnboundResourceError(missing)
        faults: dict[str, None] = {}
        for task in wanted:
            resource, function_name = (task, None) if isinstance(task, str) else task
            keys: list[str | None] = [None]
            if self._key(resource) is None and INVOKE.fullmatch(resource):
                named = None if function_name is None else NamedFunction.of(function_name)
                keys = list(self._functions) if named is None else [self._function_key(named)]
            for key in keys:
                try:
                    self.handler_for(resource) if key is None else self._handler(key, resource, is_function=True)
                except BindingError as error:
                    faults[str(error)] = None
        if faults:
            raise BindingError("\n".join(faults))

    async def aclose(self) -> None:
        """Close connections that the running event loop's tasks have opened. May be called twice."""
        if self._clients is not None:
            await self._clients.aclose()

    def _key(self, resource: str) -> str | None:
        """The binding of a resource as a whole."""
        if resource in self._bindings:
            return resource
        return self._function_key(NamedFunction.of(resource)) if _is_function(resource) else None

    def _pattern(self, resource: str) -> str | None:
        """The longest binding that ends with ``*`` and that the resource begins with. AWS performs no activity."""
        fitting = (key for key in self._patterns if resource.startswith(key[:-1]))
        return next((key for key in fitting if self._bindings[key] != AWS or ":activity:" not in resource), None)

    def _function_key(self, named: NamedFunction) -> str | None:
        """The binding of a Lambda function: by its text, or else the most specific one, the first of equals."""
        if named.text in self._bindings:
            return named.text
        best, best_score = None, -1
        for key, bound in self._functions.items():
            score = bound.agreement(named.reference)
            if score is not None and score > best_score:
                best, best_score = key, score
        return best

    def _find_function(self, named: NamedFunction) -> TaskHandler | None:
        key = self._function_key(named)
        return None if key is None else self._handler(key, named.text, is_function=True)

    def _lambda_invoke(self, resource: str, arguments: Json, pattern: str | None) -> TaskHandler:
        """The handler of a ``lambda:invoke``. A function that is bound comes before a pattern for the resource."""
        handler = key = None
        named = None if arguments is None or invoke_faults(arguments) else NamedFunction.of_invoke(arguments)
        if named is not None:
            key = self._function_key(named)
        if key is None and pattern is not None and (named is not None or arguments is None):
            return self._handler(pattern, resource, is_function=False)
        if key is not None and self._bindings[key] == AWS:
            return self._aws_task(resource)
        if named is not None:
            handler = self._find_function(named)
        return LambdaInvoke(
            self._find_function,
            region=self._region,
            account=self._account,
            now_ms=self._now_ms,
            blocking=handler is not None and handler.blocking,
        )

    def _handler(self, key: str, resource: str, *, is_function: bool) -> TaskHandler:
        if self._bindings[key] == AWS:
            return self._aws_task(resource)
        made = self._handlers.get((key, is_function))
        if made is None:
            calling = self._lambda if is_function else PLAIN
            binding = self._bindings[key]
            if isinstance(binding, str):
                made = self._target(binding, calling)
            elif _is_handler(binding):
                made = binding
            else:
                made = FunctionHandler(cast("TaskFunction", binding), calling)
            self._handlers[key, is_function] = made
        return made

    def _aws_task(self, resource: str) -> TaskHandler:
        """The handler that has an AWS service perform this resource. Raises BindingError if none does."""
        made = self._aws_tasks.get(resource)
        if made is None:
            from statemachine.integrations.aws.tasks import AwsTask

            if self._aws is None:
                from statemachine.integrations.aws.boto import BotoCaller

                self._aws = BotoCaller()
            made = self._aws_tasks[resource] = AwsTask(resource, self._aws)
        return made

    def _target(self, target: str, calling: CallingConvention) -> TaskHandler:
        made = self._targets.get((target, calling is PLAIN))
        if made is None:
            made = self._targets[target, calling is PLAIN] = self._make_target(target, calling)
        return made

    def _make_target(self, target: str, calling: CallingConvention) -> TaskHandler:
        if target.startswith("python:"):
            return FunctionHandler(load_python(target, self._search_path), calling)
        if target.startswith("exec:"):
            from statemachine.integrations.process import ProcessHandler

            return ProcessHandler(target, self._search_path)
        from statemachine.integrations.http import HttpClients, HttpHandler

        if self._clients is None:
            self._clients = HttpClients()
        return HttpHandler(target, self._clients, self._now_ms)


def _is_function(resource: str) -> bool:
    """Whether a Resource is a Lambda function's ARN; a bare name is none."""
    return ":function:" in resource and parse_function(resource) is not None


def _is_handler(binding: TaskHandler | TaskFunction) -> TypeGuard[TaskHandler]:
    return callable(getattr(binding, "perform", None)) and isinstance(getattr(binding, "blocking", None), bool)


def _check(key: Any, binding: Any) -> None:
    if not isinstance(key, str) or not key:
        raise BindingError(f"a task is bound by the text of its resource, not by {key!r:.80}")
    if "*" in key[:-1]:
        raise BindingError(f"{key}: a * stands for the rest of a resource, so it can only be at the end")
    if isinstance(binding, str):
        if not is_bindable(binding):
            raise BindingError(f"{key}: {unknown_target(binding)}")
    elif not callable(binding) and not _is_handler(binding):
        raise BindingError(f"{key}: a {type(binding).__name__} is no function, TaskHandler or target")
