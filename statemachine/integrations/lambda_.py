"""AWS Lambda, as Step Functions shows it: function ARNs as resources and the optimised integration ``lambda:invoke``.

Rules (recorded histories of AWS; fact lambda-invoke-envelope)
- A function is named by ARN, partial ARN or name, each with or without a qualifier; they match when nothing that both
  sides say differs.
- A failure's error is the errorType, its cause the compact JSON that Lambda's Python runtime answers: errorMessage,
  errorType, requestId, stackTrace. A `TaskError` is not dressed up: it stands for what the service itself throws.
- A result is what survives Lambda's JSON: a tuple becomes an array, keys become strings; what json cannot write
  is Runtime.MarshalError.
- ``lambda:invoke``: no Payload or null is an empty object; a Payload that is a string is sent as it stands, so it must
  be JSON text; a number or boolean cannot be sent. The result is the Invoke API's response.
- Request ids are made from the operation id: the same call has the same id.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from statemachine.errors import RUNTIME, InvalidJsonError, TaskError
from statemachine.integrations.base import TaskContext, TaskHandler
from statemachine.integrations.function import CallingConvention, FunctionHandler
from statemachine.integrations.results import MAX_CAUSE_CHARS, copy_json, find_fault, fitting, message_of
from statemachine.jsonvalue import Json, load_json

LATEST: Final = "$LATEST"
_CALLER: Final = FunctionHandler.perform.__code__.co_filename
INVOKE: Final = re.compile(r"arn:[^:]*:states:[^:]*:[^:]*:lambda:invoke")
"""The optimised integration, without ``.waitForTaskToken``."""

_TIMEOUT_MS: Final = 900_000
"""Lambda's longest run: what a function without a deadline is told it has."""
_REFERENCE: Final = re.compile(
    r"(?:(?:arn:(?P<partition>[a-z-]+):lambda:(?P<region>[a-z0-9-]*):)?(?:(?P<account>[0-9]*):)?function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A Lambda function as somebody names it. What the text does not say is None."""

    name: str
    qualifier: str | None = None
    """A version or alias. ``$LATEST`` is what no qualifier means, so it is None."""
    account: str | None = None
    region: str | None = None
    partition: str | None = None

    def agreement(self, other: FunctionReference) -> int | None:
        """How much this binding and another reference say alike; None if they name different functions.

        A binding without a qualifier stands for every version; one with a qualifier only for that.
        """
        if self.name != other.name or (self.qualifier is not None and self.qualifier != other.qualifier):
            return None
        score = 1 if self.qualifier is not None else 0
        for mine, theirs in ((self.account, other.account), (self.region, other.region)):
            if mine is not None and theirs is not None:
                if mine != theirs:
                    return None
                score += 1
        return score

    def arn(self, region: str, account: str) -> str:
        """The full ARN without its qualifier, in this region and account where the reference names none."""
        place = f"{self.region or region}:{self.account or account}"
        return f"arn:{self.partition or 'aws'}:lambda:{place}:function:{self.name}"


@lru_cache(maxsize=4096)
def parse_function(text: str) -> FunctionReference | None:
    """A function's ARN, partial ARN or name; None if it is none of these (API reference, Invoke: FunctionName)."""
    match = _REFERENCE.fullmatch(text)
    if match is None:
        return None
    qualifier = match["qualifier"]
    return FunctionReference(
        match["name"],
        None if qualifier == LATEST else qualifier,
        match["account"] or None,
        match["region"] or None,
        match["partition"],
    )


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """A function as a text names it; a binding by exactly this text is the first choice."""

    text: str
    reference: FunctionReference

    @classmethod
    def of(cls, text: str) -> NamedFunction:
        """What is no reference at all, such as ``${ChargeFunction}``, is a name."""
        return cls(text, parse_function(text) or FunctionReference(text))

    @classmethod
    def of_invoke(cls, arguments: dict[str, Json]) -> NamedFunction:
        """The FunctionName, with its Qualifier, of a ``lambda:invoke`` that has no `invoke_faults`."""
        named, qualifier = cls.of(arguments["FunctionName"]), arguments.get("Qualifier")
        if qualifier in (None, LATEST):
            return named
        return cls(f"{named.text}:{qualifier}", replace(named.reference, qualifier=qualifier))


def request_id(operation_id: str) -> str:
    """The request id of a call: a UUID that depends on nothing but the operation."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"lambda-request:{operation_id}"))


class LambdaContext:
    """What Lambda passes as ``context`` (developer guide, "Using the Lambda context object in Python")."""

    client_context = None
    identity = None
    memory_limit_in_mb = "128"

    def __init__(self, context: TaskContext, now_ms: Callable[[], int]) -> None:
        function = parse_function(context.resource) or FunctionReference(context.resource)
        self._now_ms = now_ms
        self._end_ms = now_ms() + _TIMEOUT_MS if context.deadline_ms is None else context.deadline_ms
        self.task_context = context
        self.aws_request_id = request_id(context.operation_id)
        self.function_name = function.name
        self.function_version = function.qualifier or LATEST
        self.invoked_function_arn = context.resource
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = self.aws_request_id

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the task times out."""
        return max(0, self._end_ms - self._now_ms())


def convention(now_ms: Callable[[], int]) -> CallingConvention:
    """How a Python function is called that stands for a Lambda function."""
    return CallingConvention(lambda context: LambdaContext(context, now_ms), _result, _failure)


def _result(value: object, context: TaskContext) -> Json:
    if find_fault(value) is None:
        return copy_json(value)
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"Unable to marshal response: {message_of(error)}"
        raise TaskError("Runtime.MarshalError", _cause(message, "Runtime.MarshalError", context, [])) from None


def _failure(error: BaseException, context: TaskContext) -> TaskError:
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        identity = request_id(context.operation_id)
        message = f"RequestId: {identity} Error: Runtime exited with error: exit status {status}"
        payload = {"errorMessage": message, "errorType": "Runtime.ExitError"}
        return TaskError("Runtime.ExitError", _compact(payload))
    name = type(error).__name__
    return TaskError(name, _cause(message_of(error), name, context, _stack_trace(error)))


def _stack_trace(error: BaseException) -> list[str]:
    """The frames from the user's function on, each as Lambda's runtime lists it: without markers below the code."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((index for index, frame in enumerate(frames) if frame.filename != _CALLER), len(frames))
    bare = [
        traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line=frame.line) for frame in frames[first:]
    ]
    return [traceback.format_list([frame])[0] for frame in bare]


def _cause(message: str, name: str, context: TaskContext, stack: Sequence[str]) -> str:
    """The runtime's JSON. The outermost frames, then the end of the message, give way to the limit of a cause."""
    identity = request_id(context.operation_id)
    frames = list(stack[-100:])

    def render(shown: str) -> str:
        payload = {"errorMessage": shown, "errorType": name, "requestId": identity, "stackTrace": frames}
        return _compact(payload)

    while frames and len(render(message[:MAX_CAUSE_CHARS])) > MAX_CAUSE_CHARS:
        frames = frames[len(frames) // 2 + 1 :]
    return fitting(render, message)


def _compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# lambda:invoke ---------------------------------------------------------------------------------------------------


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
            given = _compact(arguments)[:30_000]
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
