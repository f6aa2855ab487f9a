"""Messages: what one process wants of an execution that another one drives, as bytes in the store.

Rules
- Closed: an answer to a task, the start of an activity's task, a stop, or a sign of life. What changes an execution is
  an event of the kernel, with the time at which it was sent.
- Versioned: a message of a later release is refused, not guessed at. Hostile bytes are refused too.
- A refusal is one of the errors that the sender would get in the process itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from statemachine.errors import KernelError, StatemachineError, TaskTimedOutError
from statemachine.jsonvalue import decode_json, encode_json
from statemachine.kernel.events import ActivityStarted, StopRequested, TaskFailed, TaskSucceeded
from statemachine.kernel.snapshot import decode_event, encode_event

VERSION: Final = 1

Wish: TypeAlias = TaskSucceeded | TaskFailed | ActivityStarted | StopRequested
"""What may be wanted of an execution."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A task is alive."""

    operation: int


Body: TypeAlias = Wish | Heartbeat

_REFUSALS: Final[dict[str, type[StatemachineError]]] = {
    "TaskTimedOut": TaskTimedOutError,
    "Unreadable": StatemachineError,
}


class UnreadableMessageError(StatemachineError):
    """A message is damaged, or of another release."""


def encode_body(body: Body) -> bytes:
    """A message as bytes: a JSON array of the version, the kind and its data."""
    if isinstance(body, Heartbeat):
        return b'[%d,"Heartbeat",%d]' % (VERSION, body.operation)
    return b'[%d,"Event",%b]' % (VERSION, encode_event(body))


def decode_body(data: bytes) -> Body:
    """The inverse. Raises UnreadableMessageError."""
    try:
        match decode_json(data):
            case [1, "Heartbeat", int(operation)]:
                return Heartbeat(operation)
            case [1, "Event", event]:
                found = decode_event(encode_json(event))
                if isinstance(found, Wish):
                    return found
    except (ValueError, TypeError, KernelError, RecursionError) as error:
        raise UnreadableMessageError(f"this message cannot be read: {error}"[:500]) from None
    raise UnreadableMessageError(f"this message cannot be read by this release: {data[:100]!r}")


def encode_refusal(error: StatemachineError) -> bytes:
    """Why a message was refused."""
    kind = next((name for name, each in _REFUSALS.items() if isinstance(error, each)), "Unreadable")
    return encode_json([VERSION, kind, str(error)[:2_000]])


def decode_refusal(data: bytes) -> StatemachineError:
    """The error for the sender."""
    match decode_json(data):
        case [int(), str(kind), str(text)] if kind in _REFUSALS:
            return _REFUSALS[kind](text)
        case _:
            return StatemachineError("the message was refused")
