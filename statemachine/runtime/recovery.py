"""From a store's data back to a running execution.

The snapshot is read, the events after it are applied again, and what they did is compared with what was recorded:
other program or other rules would be a mismatch, never a silent drift. What is outstanding then goes to the host
again, with the same operation ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest

from statemachine.errors import ReplayMismatchError
from statemachine.jsonvalue import encode_json
from statemachine.kernel.advance import advance, outstanding
from statemachine.kernel.commands import Command
from statemachine.kernel.events import Event, ExecutionStarted
from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent, to_api
from statemachine.kernel.snapshot import decode_event, decode_execution
from statemachine.program.nodes import Program
from statemachine.store.base import Recovery


def recover(
    program: Program, recovery: Recovery, recorded: Callable[[int], Iterable[HistoryEvent]] | None
) -> Execution:
    """The execution as it was after its last stored event. `recorded(after)` gives the stored history from there; a
    reader of what others drive has none, for it grows meanwhile.

    Raises ReplayMismatchError at the first event of the history that comes out differently, KernelError, or StoreError
    for what is damaged.
    """
    execution = decode_execution(recovery.snapshot)
    before = execution.history_length
    derived: list[HistoryEvent] = []
    for encoded in recovery.events:
        derived += advance(program, execution, decode_event(encoded)).history
    if recorded is None:
        return execution
    stored = list(recorded(before)) if derived or recovery.record.history_length > before else []
    for actual, expected in zip_longest(derived, stored):
        if actual != expected:
            raise ReplayMismatchError((actual or expected).id, _shown(expected), _shown(actual))
    return execution


def _shown(event: HistoryEvent | None) -> str:
    return "nothing" if event is None else encode_json(to_api(event)).decode()


def first_moves(execution: Execution, now_ms: int) -> tuple[tuple[Command, ...], tuple[Event, ...]]:
    """What a host does with an execution that it takes over: commands to perform, events to deliver."""
    if not execution.history_length:
        return (), (ExecutionStarted(now_ms),)
    return outstanding(execution), ()
