"""Redriving a stored execution: what the kernel begins again is stored before anything of it is performed."""

from __future__ import annotations

from statemachine.errors import ExecutionNotRedrivableError
from statemachine.kernel.advance import advance
from statemachine.kernel.events import RedriveRequested
from statemachine.kernel.redrive import refusal
from statemachine.kernel.snapshot import encode_event
from statemachine.runtime.committing import commit_of
from statemachine.runtime.driven import Driven
from statemachine.store.base import Store


def begin_again(store: Store, driven: Driven, now_ms: int) -> None:
    """Let an execution that is claimed and has ended go on; it is stored when this returns. Its outstanding commands
    are what is to be done then. Raises ExecutionNotRedrivableError, with AWS's reason."""
    execution = driven.execution
    reason = refusal(execution, now_ms)
    if reason is not None:
        raise not_redrivable(driven.id, reason)
    event = RedriveRequested(now_ms)
    step = advance(driven.program, execution, event)
    commit = commit_of(driven, [encode_event(event)], list(step.history))
    if commit is not None:
        store.commit([commit])


def not_redrivable(execution_id: str, reason: str) -> ExecutionNotRedrivableError:
    """The error for an execution that cannot be redriven."""
    return ExecutionNotRedrivableError(f"execution {execution_id} cannot be redriven: {reason}")
