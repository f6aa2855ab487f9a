"""Which store a user means."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from statemachine.errors import StoreError
from statemachine.store.base import Store

ENVIRONMENT: Final = "STATEMACHINE_STORE"
"""The variable that names the store when no option does."""
DEFAULT_PATH: Final = Path(".statemachine") / "store.db"
"""Under the working directory."""
MEMORY: Final = "memory"


def locate_store(location: str | Path | None) -> str | Path:
    """The place of the store: what is given, else STATEMACHINE_STORE, else the default."""
    return location or os.environ.get(ENVIRONMENT) or DEFAULT_PATH


def open_store(location: str | Path | None = None, *, create: bool = True, read_only: bool = False) -> Store:
    """Open the store that `locate_store` finds; ``memory`` (as text, not as a path) is a new MemoryStore.

    A store's file and the directories above it are made if they are missing, for this user alone, unless `create` is
    false or `read_only` is true. Raises StoreError.
    """
    found = locate_store(location)
    if found == MEMORY:
        from statemachine.store.memory import MemoryStore

        return MemoryStore()
    from statemachine.store.sqlite import SqliteStore

    return SqliteStore(Path(found).expanduser(), create=create, read_only=read_only)


def open_to_read(location: str | Path | None = None) -> Store:
    """Open a store that is there for who only reads: also where nothing may be written, and brought up to date where
    it may. Raises StoreError.
    """
    try:
        return open_store(location, create=False)
    except StoreError:
        with suppress(StoreError):
            return open_store(location, read_only=True)
        raise
