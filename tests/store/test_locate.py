from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.errors import StoreError
from statemachine.store import open_store
from statemachine.store.memory import MemoryStore
from statemachine.store.sqlite import SqliteStore


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STATEMACHINE_STORE", raising=False)


@pytest.mark.parametrize(
    ("location", "environment", "expected"),
    [
        (None, None, ".statemachine/store.db"),
        (None, "", ".statemachine/store.db"),
        (None, "env.db", "env.db"),
        ("given.db", "env.db", "given.db"),
        (Path("given.db"), None, "given.db"),
        (Path("memory"), None, "memory"),
        ("~/x/store.db", None, "home/x/store.db"),
    ],
)
def test_place(
    location: str | Path | None, environment: str | None, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if environment is not None:
        monkeypatch.setenv("STATEMACHINE_STORE", environment)
    store = open_store(location)
    assert isinstance(store, SqliteStore)
    store.close()
    assert (tmp_path / expected).is_file()


@pytest.mark.parametrize(("location", "environment"), [("memory", "env.db"), (None, "memory")])
def test_memory(location: str | None, environment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATEMACHINE_STORE", environment)
    assert isinstance(open_store(location), MemoryStore)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_made_for_reading(tmp_path: Path) -> None:
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreError, match=r"\.statemachine/store\.db: there is no such file"):
            open_store(**options)
    assert list(tmp_path.iterdir()) == []
