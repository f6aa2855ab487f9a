"""``arn:aws:states:::lambda:invoke``: the optimised Lambda integration, answered as the Invoke API answers.

Rules (recorded histories of AWS; fact lambda-invoke-envelope; API reference, Invoke)
- No Payload, null or an empty text is an empty object. A Payload that is a string is sent as it stands, so it must be
  JSON text; a number or a boolean cannot be sent.
- The result is the response of the Invoke API, with its keys in AWS's order. An asynchronous invocation
  (InvocationType Event) is performed as well; what becomes of it is only logged.
- A function that is not bound is Lambda.ResourceNotFoundException, in AWS's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from statemachine.errors import RUNTIME, InvalidJsonError, TaskError
from statemachine.integrations.base import TaskContext, TaskHandler
from statemachine.integrations.lambda_ import LATEST, NamedFunction, compact, request_id
from statemachine.jsonvalue import Json, load_json

INVOKE: Final = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:lambda:invoke(?:\.waitForTaskToken)?")
"""The resource. With ``.waitForTaskToken`` the function is called alike; its response is what TaskSubmitted shows."""


def invoke_faults(arguments: Json) -> tuple[str, ...]:
    """Why AWS would not start a ``lambda:invoke`` with these arguments, in its words; empty if it would.

    AWS finds them before it schedules the task: the state fails with States.Runtime and there is no TaskScheduled.
    """
    found: list[str] = []
    given = arguments if isinstance(arguments, dict) else {}
    if given.get("FunctionName") is None:
        found.append("The field 'FunctionName' is required but was missing")
    for field in ("FunctionName", "Payload", "Qualifier", "InvocationType", "LogType", "ClientContext"):
        value = given.get(field)
        sendable = isinstance(value, dict | list) and field == "Payload"
        if value is not None and not isinstance(value, str) and not sendable:
            found.append(f"The value for the field '{field}' must be a STRING")
    return tuple(found)


class LambdaInvoke:
    """The handler of ``arn:aws:states:::lambda:invoke``.

    `find` gives the handler of a function, or None. With `blocking` it runs in a thread and calls a blocking function
    there; otherwise it is a coroutine, which takes a thread of the loop's own for a blocking function.
    """

    def __init__(
        self,
        find: Callable[[NamedFunction], TaskHandler | None],
        *,
        region: str,
        account: str,
        now_ms: Callable[[], int],
        blocking: bool = False,
    ) -> None:
        self.blocking = blocking
        self._find = find
        self._region = region
        self._account = account
        self._now_ms = now_ms

    def perform(self, arguments: Json, context: TaskContext) -> Json | Awaitable[Json]:
        """Call the function once and answer as the Invoke API does."""
        if not self.blocking:
            return self._await(arguments, context)
        call = self._prepare(arguments, context)
        if isinstance(call, dict):
            return call
        try:
            payload = call.handler.perform(call.payload, call.context)
        except TaskError as error:
            return self._failed(call, error)
        return self._response(call, payload)

    async def _await(self, arguments: Json, context: TaskContext) -> Json:
        import asyncio

        call = self._prepare(arguments, context)
        if isinstance(call, dict):
            return call
        try:
            if call.handler.blocking:
                payload = await asyncio.to_thread(call.handler.perform, call.payload, call.context)
            else:
                payload = call.handler.perform(call.payload, call.context)
                if isinstance(payload, Awaitable):
                    payload = await payload
        except TaskError as error:
            return self._failed(call, error)
        return self._response(call, payload)

    def _prepare(self, arguments: Json, context: TaskContext) -> _Invocation | dict[str, Json]:
        """What to call, or the answer if nothing is to be called. Raises TaskError as AWS fails."""
        faults = invoke_faults(arguments)
        if faults:
            given = compact(arguments)[:30_000]
            raise TaskError(
                RUNTIME, f"The Parameters '{given}' could not be used to start the Task: [{', '.join(faults)}]"
            )
        named = NamedFunction.of_invoke(arguments)
        kind = arguments.get("InvocationType") or "RequestResponse"
        if kind not in _STATUS:
            raise self._service_error(
                "AWSLambdaException",
                "ValidationException",
                400,
                f"1 validation error detected: Value '{kind}' at 'invocationType' failed to satisfy constraint: "
                "Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
                context,
            )
        arn, qualifier = named.reference.arn(self._region, self._account), named.reference.qualifier
        handler = self._find(named)
        if handler is None:
            context.logger.warning("no Lambda function is bound as %s", named.text)
            name = "ResourceNotFoundException"
            raise self._service_error(name, name, 404, f"Function not found: {arn}:{qualifier or LATEST}", context)
        call = _Invocation(
            handler=handler,
            payload=self._payload(arguments.get("Payload"), context),
            context=replace(context, resource=f"{arn}:{qualifier}" if qualifier else arn),
            version=qualifier if qualifier and qualifier.isdecimal() else LATEST,
            kind=kind,
            tail=arguments.get("LogType") == "Tail",
        )
        return self._response(call, None) if kind == "DryRun" else call

    def _payload(self, payload: Json, context: TaskContext) -> Json:
        if payload is None or payload == "":
            return {}
        if not isinstance(payload, str):
            return payload
        try:
            return load_json(payload)
        except InvalidJsonError as error:
            name = "InvalidRequestContentException"
            message = f"Could not parse request body into json: Could not parse payload into json: {error}"
            raise self._service_error(name, name, 400, message, context) from None

    def _service_error(self, name: str, code: str, status: int, message: str, context: TaskContext) -> TaskError:
        details = f"Service: AWSLambda; Status Code: {status}; Error Code: {code}"
        text = f"{message[:30_000]} ({details}; Request ID: {request_id(context.operation_id)}; Proxy: null)"
        return TaskError(f"Lambda.{name}", text)

    def _failed(self, call: _Invocation, error: TaskError) -> Json:
        """An asynchronous invocation was accepted whatever becomes of it."""
        if call.kind != "Event":
            raise error
        call.context.logger.warning("asynchronous invocation of %s failed: %s", call.context.resource, error)
        return self._response(call, None)

    def _response(self, call: _Invocation, payload: Json) -> dict[str, Json]:
        identity = request_id(call.context.operation_id)
        status = _STATUS[call.kind]
        shown = payload if call.kind == "RequestResponse" else ""
        log = _log_result(identity, call.version) if call.tail and call.kind == "RequestResponse" else None
        headers = _headers(identity, call, shown, log, self._now_ms())
        response: dict[str, Json] = {"ExecutedVersion": call.version} if call.kind == "RequestResponse" else {}
        if log is not None:
            response["LogResult"] = log
        response["Payload"] = shown
        response["SdkHttpMetadata"] = {
            "AllHttpHeaders": {name: [headers[name]] for name in _HEADER_ORDER if name in headers},
            "HttpHeaders": headers,
            "HttpStatusCode": status,
        }
        response["SdkResponseMetadata"] = {"RequestId": identity}
        response["StatusCode"] = status
        return response


@dataclass(frozen=True, slots=True)
class _Invocation:
    handler: TaskHandler
    payload: Json
    context: TaskContext
    version: str
    kind: str
    tail: bool


_STATUS: Final = {"RequestResponse": 200, "Event": 202, "DryRun": 204}
"""API reference, Invoke: StatusCode."""
_HEADER_ORDER: Final = (
    "X-Amz-Log-Result", "X-Amz-Executed-Version", "x-amzn-Remapped-Content-Length", "Connection", "x-amzn-RequestId",
    "Content-Length", "Date", "X-Amzn-Trace-Id", "Content-Type",
)  # fmt: skip
"""As AWS lists AllHttpHeaders; HttpHeaders are sorted without regard to case."""


def _headers(identity: str, call: _Invocation, payload: Json, log: str | None, now_ms: int) -> dict[str, str]:
    from email.utils import formatdate

    size = (
        0 if call.kind != "RequestResponse" else len(json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace"))
    )
    plain = identity.replace("-", "")
    headers = {"Connection": "keep-alive", "Content-Length": str(size), "Content-Type": "application/json"}
    headers["Date"] = formatdate(now_ms / 1000, usegmt=True)
    if call.kind == "RequestResponse":
        headers["X-Amz-Executed-Version"] = call.version
    if log is not None:
        headers["X-Amz-Log-Result"] = log
    headers["x-amzn-Remapped-Content-Length"] = "0"
    headers["x-amzn-RequestId"] = identity
    headers["X-Amzn-Trace-Id"] = f"root=1-{now_ms // 1000:08x}-{plain[:24]};parent={plain[16:]};sampled=0"
    return headers


def _log_result(identity: str, version: str) -> str:
    """The end of the function's log, which holds here only what Lambda itself writes."""
    from base64 import b64encode

    return b64encode(f"START RequestId: {identity} Version: {version}\nEND RequestId: {identity}\n".encode()).decode()
