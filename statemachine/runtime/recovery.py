"""From a store's data back to a running execution.

The snapshot is read, the events after it are applied again, and what they did is compared with what was recorded:
other program or other rules would be a mismatch, never a silent drift. What is outstanding then goes to the host
again, with the same operation ids.
"""

from __future__ import annotations

from statemachine.errors import ReplayMismatchError
from statemachine.kernel.advance import advance, outstanding
from statemachine.kernel.commands import Command
from statemachine.kernel.events import Event, ExecutionStarted
from statemachine.kernel.execution import Execution
from statemachine.kernel.snapshot import decode_event, decode_execution
from statemachine.program.nodes import Program
from statemachine.store.base import Recovery


def recover(program: Program, recovery: Recovery) -> Execution:
    """The execution as it was after its last stored event. Raises ReplayMismatchError, or KernelError."""
    execution = decode_execution(recovery.snapshot)
    for encoded in recovery.events:
        advance(program, execution, decode_event(encoded))
    record = recovery.record
    if execution.history_length != record.history_length:
        raise ReplayMismatchError(
            min(execution.history_length, record.history_length) + 1,
            f"{record.history_length} history events, {record.status}",
            f"{execution.history_length} history events, {execution.status}",
        )
    return execution


def first_moves(execution: Execution, now_ms: int) -> tuple[tuple[Command, ...], tuple[Event, ...]]:
    """What a host does with an execution that it takes over: commands to perform, events to deliver."""
    if not execution.history_length:
        return (), (ExecutionStarted(now_ms),)
    return outstanding(execution), ()
