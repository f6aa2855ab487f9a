"""AWS Lambda functions: how they are named, called, and shown when they fail.

Rules (recorded histories of AWS)
- A function is named by ARN, partial ARN or name, each with or without a qualifier; they match when nothing that both
  sides say differs.
- A failure's error is the errorType, its cause the compact JSON that Lambda's Python runtime answers: errorMessage,
  errorType, requestId, stackTrace. A `TaskError` is not dressed up: it stands for what the service itself throws.
- A result is what survives Lambda's JSON: a tuple becomes an array, keys become strings; what json cannot write
  is Runtime.MarshalError.
- Request ids are made from the operation id: the same call has the same id.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from statemachine.errors import TaskError
from statemachine.integrations.base import TaskContext
from statemachine.integrations.function import CallingConvention, FunctionHandler
from statemachine.integrations.results import MAX_CAUSE_CHARS, copy_json, find_fault, fitting, message_of
from statemachine.jsonvalue import Json

LATEST: Final = "$LATEST"
_CALLER: Final = FunctionHandler.perform.__code__.co_filename
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
        return TaskError("Runtime.ExitError", compact(payload))
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
        return compact(payload)

    while frames and len(render(message[:MAX_CAUSE_CHARS])) > MAX_CAUSE_CHARS:
        frames = frames[len(frames) // 2 + 1 :]
    return fitting(render, message)


def compact(value: Json) -> str:
    """JSON without blanks, not ASCII-escaped, as AWS writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
