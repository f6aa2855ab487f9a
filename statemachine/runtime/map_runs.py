"""The map runs of an execution, from what is stored.

The kernel counts in the execution (kernel/map_runs.py), so the last snapshot and the events after it tell, while it
runs and after its end. With durability ``none`` they tell nothing before the end, for nothing is stored.
"""

from __future__ import annotations

from statemachine.kernel.advance import advance
from statemachine.kernel.map_runs import MapRun
from statemachine.kernel.snapshot import decode_event, decode_execution
from statemachine.program.load import load_text
from statemachine.store.base import Store


def map_runs(store: Store, execution_id: str) -> list[MapRun]:
    """The map runs that an execution has started, in that order. Raises ExecutionNotFoundError."""
    recovery = store.recover(execution_id)
    execution = decode_execution(recovery.snapshot)
    if recovery.events:
        program = load_text(recovery.definition).program
        for encoded in recovery.events:
            advance(program, execution, decode_event(encoded))
    return list(execution.map_runs.values())
