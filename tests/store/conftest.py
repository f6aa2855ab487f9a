"""The stores under test, and what goes into them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import HistoryEvent
from statemachine.store.base import Commit, Durability, NewExecution, Store
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore

START_MS = 1_700_000_000_000


class Samples:
    """Makes executions, history events and commits with plain defaults."""

    def new(self, execution_id: str = "one", **changes: Any) -> NewExecution:
        definition = changes.pop("definition", '{"StartAt": "A"}')
        values: dict[str, Any] = {
            "id": execution_id,
            "machine_name": "orders",
            "definition": definition,
            "definition_sha256": hashlib.sha256(definition.encode()).hexdigest(),
            "input": Document({"order": 7}),
            "durability": Durability.NORMAL,
            "started_ms": START_MS,
            "snapshot": b"before the first event",
        }
        return NewExecution(**{**values, **changes})

    def event(self, number: int, type: str = "PassStateEntered", **details: Any) -> HistoryEvent:
        return HistoryEvent(number, type, START_MS + number, number - 1, details or None)

    def commit(self, execution_id: str = "one", sequence: int = 0, **changes: Any) -> Commit:
        values: dict[str, Any] = {
            "execution_id": execution_id,
            "sequence": sequence,
            "events": (b"event %d" % sequence,),
            "history": (self.event(sequence + 1),),
            "status": ExecutionStatus.RUNNING,
            "updated_ms": START_MS + sequence + 1,
            "states": ("A",),
        }
        return Commit(**{**values, **changes})


@pytest.fixture
def samples() -> Samples:
    return Samples()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def open_sqlite(path: Path) -> Iterator[Callable[..., SqliteStore]]:
    """Opens stores on one file; all are closed in the end."""
    opened: list[SqliteStore] = []

    def open_one(**options: Any) -> SqliteStore:
        opened.append(SqliteStore(path, **options))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, open_sqlite: Callable[..., SqliteStore]) -> Iterator[Store]:
    found: Store = MemoryStore() if request.param == "memory" else open_sqlite()
    yield found
    found.close()
