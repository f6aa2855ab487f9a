"""AwsTask: a task that an AWS service performs.

Rules
- A request, or the call of ``.waitForTaskToken``, blocks a thread for its response. A ``.sync`` task begins its job and
  asks for it again and again, each time a little later; a question that fails is asked again a few times.
- The idempotency token of a call is made from the task's operation and token: a call that is made again after a crash
  is known as the same, where the service knows such tokens.
- A ``.sync`` task that is given up stops its job, also one whose beginning was still under way; when the engine is
  closed the job goes on, and is found again by its idempotency token.
- A Lambda function that failed fails the task with its errorType, its payload is the cause (recorded).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from statemachine.errors import RUNTIME, TASK_FAILED, TaskError
from statemachine.integrations.aws.base import (
    AwsCaller,
    AwsCallError,
    AwsRequest,
    AwsResponse,
    ParameterError,
    RoleError,
    ServiceError,
)
from statemachine.integrations.aws.jobs import JOBS, Job, read_texts
from statemachine.integrations.aws.services import AwsAction, action_of, failure_of
from statemachine.integrations.base import BindingError, TaskContext
from statemachine.integrations.results import bounded
from statemachine.jsonvalue import Json, encode_json
from statemachine.program.resources import IntegrationPattern, ResourceKind, parse_resource

FIRST_POLL_SECONDS: Final = 1.0
POLL_FACTOR: Final = 1.5
MOST_POLL_SECONDS: Final = 30.0
POLL_FAILURES: Final = 5
"""So many questions in a row may fail before the task does."""


class AwsTask:
    """A TaskHandler for one resource. Raises BindingError if the caller cannot perform it.

    `sleep` waits between two questions for a job.
    """

    def __init__(
        self, resource: str, caller: AwsCaller, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._caller = caller
        self._sleep = sleep
        parsed = parse_resource(resource)
        self._function = resource if parsed.kind is ResourceKind.LAMBDA_FUNCTION else None
        self._action: AwsAction = action_of(parsed)
        self._fields = () if self._action.adapted is None else self._action.adapted.fields
        try:
            self._operation = caller.find(self._action.service, self._action.action)
        except BindingError as error:
            raise BindingError(f"{resource}: {error}") from None
        self._job: Job | None = None
        if self._action.pattern is IntegrationPattern.RUN_A_JOB:
            self._job = JOBS.get((parsed.type, parsed.action.partition(".")[0]))
            if self._job is None:
                raise BindingError(f"{resource}: this action has no .sync")
            caller.find(self._action.service, self._job.describe)
        self.blocking = self._job is None

    def perform(self, arguments: Json, context: TaskContext) -> Json | Awaitable[Json]:
        """Call the service once; for ``.sync`` see the job to its end."""
        given = self._given(arguments)
        if self._job is not None:
            return self._run(self._job, given, context)
        result = self._begin(given, context)
        return result["Payload"] if self._function is not None else result

    def _given(self, arguments: Json) -> dict[str, Json]:
        if self._function is not None:
            return {"FunctionName": self._function, "Payload": arguments}
        if isinstance(arguments, dict):
            return arguments
        shown = encode_json(arguments).decode()
        raise bounded(
            TaskError(RUNTIME, f"The Parameters '{shown}' could not be used to start the Task: they are no object")
        )

    # -- calls -------------------------------------------------------------------------------------------------

    def _begin(self, given: dict[str, Json], context: TaskContext) -> dict[str, Json]:
        """The action itself: its result. Raises TaskError."""
        adapted = self._action.adapted
        parameters: Mapping[str, Any] = given
        if self._job is not None and self._job.token is not None and given.get(self._job.token) is None:
            parameters = {**given, self._job.token: _client_token(context)}
        if adapted is not None:
            unknown = [each for each in given if self._fields and each not in self._fields]
            if unknown:
                faults = [f"The field '{each}' is not supported by Step Functions" for each in unknown]
                raise failure_of(ParameterError(faults), self._action, self._operation, given)
            parameters = adapted.parameters(given)
        response = self._call(self._action.action, parameters, context, given, begins=True)
        shown = self._action.shown(response)
        if "FunctionError" in shown and self._action.service == "lambda" and self._action.optimized is not None:
            raise _function_failure(shown.get("Payload"))
        return shown

    def _call(
        self, action: str, parameters: Mapping[str, Any], context: TaskContext, given: Json, *, begins: bool = False
    ) -> AwsResponse:
        optimized = self._action.optimized
        request = AwsRequest(
            service=self._action.service,
            action=action,
            parameters=parameters,
            dialect=self._action.dialect,
            json_members=frozenset() if optimized is None or not begins else optimized.json_members,
            region=context.resource.split(":")[3] or None,
            role_arn=context.role_arn,
            client_token=_client_token(context) if begins else None,
        )
        try:
            return self._caller.call(request)
        except AwsCallError as error:
            raise _CallFailure(failure_of(error, self._action, self._operation, given), error) from error

    # -- jobs --------------------------------------------------------------------------------------------------

    async def _run(self, job: Job, given: dict[str, Json], context: TaskContext) -> Json:
        known = context.began and not _lacks(job.ids(given, {}))
        beginning = asyncio.ensure_future(_nothing() if known else asyncio.to_thread(self._begin, given, context))
        beginning.add_done_callback(_retrieve)
        try:
            begun = await asyncio.shield(beginning)
            ids = job.ids(given, begun)
            if _lacks(ids):
                raise bounded(TaskError(TASK_FAILED, encode_json(begun).decode()))
            context.submitted(begun)
            return await self._watch(job, ids, begun, context)
        except asyncio.CancelledError:
            if context.given_up:
                with contextlib.suppress(TaskError):  # it was not begun: there is nothing to stop
                    await self._stop(job, given, await beginning, context)
            raise

    async def _watch(self, job: Job, ids: dict[str, Any], begun: Json, context: TaskContext) -> Json:
        """Ask until the job has ended. Raises TaskError if it failed."""
        delay, failures = FIRST_POLL_SECONDS, 0
        last: Json = begun
        while True:
            await self._sleep(delay)
            delay = min(delay * POLL_FACTOR, MOST_POLL_SECONDS)
            try:
                response = await asyncio.to_thread(self._call, job.describe, ids, context, ids)
            except _CallFailure as failure:
                if job.gone_ends and _is_gone(failure.reason):
                    return last
                failures += 1
                if failures == POLL_FAILURES or isinstance(failure.reason, ParameterError | RoleError):
                    raise
                context.logger.warning("asking for the job of %s failed: %s", context.operation_id, failure.reason)
                continue
            failures = 0
            context.heartbeat()
            shown = last = job.shown(response.output)
            ended = None if shown is None else job.ended(shown)
            if ended is None:
                continue
            if self._action.as_json:
                shown = read_texts(shown)
            if ended:
                return shown
            raise bounded(TaskError(TASK_FAILED, encode_json(shown).decode()))

    async def _stop(self, job: Job, given: dict[str, Json], begun: dict[str, Json], context: TaskContext) -> None:
        if job.stop is None:
            return
        ids = (job.stop_ids or job.ids)(given, begun)
        try:
            await asyncio.to_thread(self._call, job.stop, ids, context, ids)
        except TaskError as failure:
            context.logger.warning("the job of %s goes on, stopping it failed: %s", context.operation_id, failure)


class _CallFailure(TaskError):
    """A call failed; `reason` says how."""

    def __init__(self, failure: TaskError, reason: AwsCallError) -> None:
        super().__init__(failure.error, failure.cause)
        self.reason = reason


async def _nothing() -> dict[str, Json]:
    """The response that a job which was begun before needs no more."""
    return {}


def _lacks(ids: Mapping[str, Any]) -> bool:
    """Whether an id is not known."""
    return any(each in (None, [None]) for each in ids.values())


def _is_gone(error: AwsCallError) -> bool:
    return isinstance(error, ServiceError) and error.exception == "ResourceNotFoundException"


def _retrieve(beginning: asyncio.Future[Any]) -> None:
    """Nobody may be left to look at the outcome: not to look at it would be logged."""
    if not beginning.cancelled():
        beginning.exception()


def _client_token(context: TaskContext) -> str:
    """A UUID that depends on nothing but the operation and the execution's own secret."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"client-token:{context.operation_id}:{context.token}"))


def _function_failure(payload: Json) -> TaskError:
    name = payload.get("errorType") if isinstance(payload, dict) else None
    return bounded(TaskError(name if isinstance(name, str) else "Lambda.Unknown", encode_json(payload).decode()))
