"""The mailbox and its store. What comes by it is tested in test_remote.py."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from machines import PASS

from statemachine.runtime import mailbox
from statemachine.runtime.engine import Engine
from statemachine.store.base import Message
from statemachine.store.sqlite import SqliteStore


class SlowlyReadStore(SqliteStore):
    """Messages are read while nothing else goes on, until they are let through."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reading = threading.Event()
        self.go_on = threading.Event()
        self.steps: list[str] = []

    def messages(self, after: int = 0, limit: int = 1_000, execution_id: str | None = None) -> Sequence[Message]:
        self.reading.set()
        assert self.go_on.wait(20)
        found = super().messages(after, limit, execution_id)
        self.steps.append("read")
        return found


def test_closing_waits_for_the_question_that_is_being_asked(tmp_path: Path) -> None:
    """Otherwise the store would be closed while it is read, and keep its write-ahead log beside it."""

    async def scenario() -> list[str]:
        store = SlowlyReadStore(tmp_path / "store.db")
        async with Engine(store) as engine:
            assert (await engine.run(PASS)).succeeded
            await asyncio.to_thread(store.reading.wait, 20)
            threading.Timer(0.05, store.go_on.set).start()
        store.steps.append("closed")
        store.close()
        return store.steps

    assert asyncio.run(scenario()) == ["read", "closed"]
    assert [each.name for each in tmp_path.iterdir() if "store.db-" in each.name] == []


def test_closing_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "STOP_SECONDS", 0.01)

    async def scenario() -> list[str]:
        store = SlowlyReadStore(tmp_path / "store.db")
        async with Engine(store):
            await asyncio.to_thread(store.reading.wait, 20)
        steps = list(store.steps)
        store.go_on.set()
        return steps

    assert asyncio.run(scenario()) == []
