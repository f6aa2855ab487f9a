"""Executions' records: those that run; and one as JSON, with AWS's names where AWS has them (DescribeExecution)."""

from __future__ import annotations

from statemachine.jsonvalue import Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.base import ExecutionRecord, Filter, Store
from statemachine.timestamps import to_iso

_PAGE = 200


def record_json(record: ExecutionRecord, *, payloads: bool = False) -> dict[str, Json]:
    """A record for machines; absent fields are left out."""
    failure = record.failure
    shown: dict[str, Json] = {
        "id": record.id,
        "stateMachine": record.machine_name,
        "status": record.status.value,
        "startDate": to_iso(record.started_ms),
        "stopDate": None if record.stopped_ms is None else to_iso(record.stopped_ms),
        "states": list(record.states),
        "nextTimer": None if record.next_deadline_ms is None else to_iso(record.next_deadline_ms),
        "error": None if failure is None else failure.error,
        "cause": None if failure is None else failure.cause,
        "durability": record.durability.value,
        "events": record.history_length,
    }
    if payloads:
        shown["input"] = record.input.value
        if record.output is not None:
            shown["output"] = record.output.value
    return {key: value for key, value in shown.items() if value is not None or key == "output"}


def running(store: Store, machine: str | None = None) -> list[ExecutionRecord]:
    """All executions that have not ended, of one machine or of any, newest first."""
    where = Filter(statuses=frozenset({ExecutionStatus.RUNNING}), machine_name=machine)
    records: list[ExecutionRecord] = []
    cursor: str | None = None
    while True:
        page = store.list(where, _PAGE, cursor)
        records += page.records
        cursor = page.cursor
        if cursor is None:
            return records
