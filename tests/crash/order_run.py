"""The order example in real processes that die, and what must hold of it afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.events import TaskFailed, TaskSucceeded
from statemachine.kernel.history import HistoryEvent
from statemachine.kernel.snapshot import decode_event
from statemachine.store.base import ExecutionRecord
from statemachine.store.sqlite import SqliteStore

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "order-fulfilment"
NAME = "order-7"
ORDER = {"orderId": 7, "sku": "teapot", "quantity": 2, "unitPrice": 19, "pickupInSeconds": 0, "paymentFailures": 1}
WAITING = {**ORDER, "pickupInSeconds": 1}
"""Its Wait is a commit of its own, and costs a second."""
OUTPUT = {
    **ORDER,
    "prepared": {
        "payment": {"paymentId": "pay-7", "amount": 38},
        "reservation": {"reservationId": "res-7", "sku": "teapot", "quantity": 2},
    },
    "shipment": {"trackingNumber": "track-7"},
}
SERVICES = {"charge": 2, "reserve": 1, "ship": 1}
"""Operations of each service in a run: the first charge fails and is retried."""


@dataclass
class OrderRun:
    """One execution of the example in a folder of its own."""

    folder: Path
    order: dict[str, Any] = field(default_factory=lambda: dict(ORDER))
    tasks: Path = EXAMPLE / "tasks.yaml"
    options: tuple[str, ...] = ()
    definition: Path = EXAMPLE / "order-fulfilment.asl.yaml"
    name: str = NAME

    @property
    def store(self) -> Path:
        return self.folder / "store.db"

    @property
    def run_arguments(self) -> list[str]:
        given = ["--input", json.dumps(self.order), "--tasks", str(self.tasks), "--name", self.name, "--quiet"]
        return ["run", str(self.definition), *given, "--store", str(self.store), *self.options]

    @property
    def resume_arguments(self) -> list[str]:
        return ["resume", self.name, "--quiet", "--store", str(self.store)]

    def start(self, *arguments: str, point: str = "never", number: int = 0) -> subprocess.Popen[str]:
        """A process of the command line, which kills itself at the `number`-th transaction."""
        ledger = str(self.folder / "ledger.jsonl")
        return subprocess.Popen(
            [sys.executable, str(HERE / "driver.py"), point, str(number), *arguments],
            env={**os.environ, "ORDER_LEDGER": ledger, "TRIP_LEDGER": ledger},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str, point: str = "never", number: int = 0) -> subprocess.CompletedProcess[str]:
        """Such a process, to its end."""
        process = self.start(*arguments, point=point, number=number)
        output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def calls(self) -> Counter[str]:
        """Operation id -> how often a handler was called with it."""
        return Counter(each["operation"] for each in self.ledger())

    def ledger(self) -> list[dict[str, Any]]:
        path = self.folder / "ledger.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def record(self) -> ExecutionRecord | None:
        if not self.store.exists():
            return None
        with closing(SqliteStore(self.store)) as store:
            records = store.list().records
            return records[0] if records else None

    def completed(self) -> set[str]:
        """Operation ids of the tasks whose outcome is stored."""
        if self.record() is None:
            return set()
        with closing(SqliteStore(self.store)) as store:
            events = [decode_event(each) for each in store.journal(self.name)]
        return {f"{self.name}/{each.operation}" for each in events if isinstance(each, TaskSucceeded | TaskFailed)}

    def history(self) -> list[HistoryEvent]:
        with closing(SqliteStore(self.store)) as store:
            return list(store.history(self.name))

    def go_on(self) -> subprocess.CompletedProcess[str]:
        """What a user does after a crash. Nothing is there to be resumed if it was not even created."""
        created = self.record() is not None
        return self.command(*(self.resume_arguments if created else self.run_arguments))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until something shows in the store or the ledger; the test's own timeout is the limit."""
        while not condition():
            time.sleep(0.02)


def killed(process: subprocess.CompletedProcess[str] | subprocess.Popen[str]) -> bool:
    return process.returncode == -signal.SIGKILL


def shape(history: list[HistoryEvent]) -> list[tuple[str, ...]]:
    """A history without times and ids: for each event the types and names that led to it, in an order of its own.

    Branches may interleave differently in each run; what leads to what may not.
    """
    paths: dict[int, tuple[str, ...]] = {0: ()}
    for event in history:
        name = (event.details or {}).get("name")
        before = paths[event.previous_id]
        if event.type in ("ParallelStateSucceeded", "ParallelStateExited"):
            before = before[: before.index("ParallelStateStarted") + 1]  # whichever branch was the last
        paths[event.id] = (*before, f"{event.type} {name}" if name else event.type)
    return sorted(paths.values())


def check_history(history: list[HistoryEvent]) -> None:
    """A history is complete, in order, and each event follows an earlier one."""
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert all(event.previous_id < event.id for event in history)
    assert [event.at_ms for event in history] == sorted(event.at_ms for event in history)
    assert history[0].type == "ExecutionStarted"
    assert [event.type for event in history if event.type.startswith("Execution")][1:] == ["ExecutionSucceeded"]
    assert history[-1].type == "ExecutionSucceeded"


def check_finished(order: OrderRun, final: subprocess.CompletedProcess[str], kills: int = 1) -> None:
    """The execution has ended as if nothing had happened."""
    assert final.returncode == 0, final.stderr
    assert json.loads(final.stdout) == {**OUTPUT, **order.order}
    record = order.record()
    assert record is not None
    assert (record.status, record.owner, record.states) == (ExecutionStatus.SUCCEEDED, None, ())
    check_history(order.history())
    operations: dict[str, set[str]] = {}
    for call in order.ledger():
        operations.setdefault(call["service"], set()).add(call["operation"])
    assert {service: len(ids) for service, ids in operations.items()} == SERVICES
    assert max(order.calls().values()) <= 1 + kills
