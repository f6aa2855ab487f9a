"""What both stores check in the same way, with the same words; and the cursor of a list."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from statemachine.errors import (
    ExecutionAlreadyExistsError,
    ExecutionNotFoundError,
    ExecutionOwnedError,
    StoreError,
)
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import Durability

MAX_CANDIDATES: Final = 5
"""Ids that the message about an ambiguous reference names."""
MAX_CURSOR: Final = 100
"""Longest text that is looked at as a cursor."""


def not_found(execution_id: str, location: str) -> ExecutionNotFoundError:
    """The error for an id that is not there."""
    return ExecutionNotFoundError(
        f"no execution {execution_id[:100]!r} in store {location}; `statemachine list` shows those that are there"
    )


def already_exists(execution_id: str) -> ExecutionAlreadyExistsError:
    """The error for a new execution with a taken id."""
    return ExecutionAlreadyExistsError(f"an execution {execution_id!r} exists already; give the new one another name")


def not_running(execution_id: str, status: str) -> ExecutionNotFoundError:
    """The error for a message to an execution that has ended."""
    return ExecutionNotFoundError(
        f"execution {execution_id} has ended ({status}); nothing waits for an answer any more"
    )


def message_gone(message: int) -> ExecutionNotFoundError:
    """The error for a message that is there no more."""
    return ExecutionNotFoundError(f"message {message} is gone: its execution has ended, or it was collected before")


def damaged(location: str, what: str) -> StoreError:
    """The error for content that this program cannot have written."""
    return StoreError(
        f"store {location}: {what}; the store is damaged: restore it from a copy, or move it away and begin a new one"
    )


def no_definition(sha256: str) -> StoreError:
    """The error for a definition that is not there."""
    return StoreError(f"no definition with the hash {sha256[:100]} is stored")


def not_claimed(execution_id: str) -> ExecutionOwnedError:
    """The error for a commit to what was never claimed, or was given up."""
    return ExecutionOwnedError(f"execution {execution_id} is not driven by this store's owner; claim it first")


def out_of_sequence(execution_id: str, given: int, stored: int) -> ExecutionOwnedError:
    """The error for a commit that does not follow the last one."""
    return ExecutionOwnedError(
        f"execution {execution_id}: the commit follows event {given}, but {stored} are stored; claim it again"
    )


def check_history(execution_id: str, history: Sequence[HistoryEvent], length: int, durability: Durability) -> int:
    """The history's length after these events (at least one). Raises StoreError if they do not follow `length`."""
    first, last = history[0].id, history[-1].id
    if (
        last - first + 1 != len(history)
        or first <= length
        or (first > length + 1 and durability is not Durability.NONE)
    ):
        raise StoreError(
            f"execution {execution_id}: history events {first} to {last} do not follow {length} stored ones"
        )
    return last


def only_candidate(reference: str, candidates: Sequence[str], location: str) -> str:
    """The one id that begins with a reference. Raises ExecutionNotFoundError if there is none or are several."""
    if not candidates:
        raise not_found(reference, location)
    if len(candidates) > 1:
        listed = "".join(f"\n  {each}" for each in candidates[:MAX_CANDIDATES])
        more = "\n  …" if len(candidates) > MAX_CANDIDATES else ""
        raise ExecutionNotFoundError(f"several executions begin with {reference!r}; give more of the id:{listed}{more}")
    return candidates[0]


def write_cursor(started_ms: int, key: int) -> str:
    """The opaque text that continues a list after this execution."""
    return base64.urlsafe_b64encode(f"{started_ms}:{key}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[int, int]:
    """The inverse of `write_cursor`. Raises StoreError."""
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        started_ms, key = map(int, text.split(":"))
        if max(abs(started_ms), abs(key)) >= 1 << 63:
            raise ValueError
    except (ValueError, binascii.Error):
        raise StoreError("the cursor is not one that a list gave; start the list again without it") from None
    return started_ms, key
