"""Who writes to an execution: owners, and how it shows that one has died.

Rules
- An owner is one open store. It has a random id, which executions carry, and a file `<store>.owners/<id>`, which it
  keeps locked as long as it lives. The operating system drops the lock when the process ends, in whatever way; so
  whoever can lock the file knows that its owner is gone.
- The file is made when something is first owned: readers leave no trace.
- Lock files are made, looked at and removed only inside a write transaction of the store, so no two processes do so at
  a time. (A clean close removes its own file outside of one: its owner is gone in either case.)
- A child made by fork is not the owner: its copy of the lock is dropped at once, or it would outlive the parent.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from statemachine.errors import StoreError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        # A locked byte cannot be read by others on Windows: lock one behind the text.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


MAX_SWEPT: Final = 1_000
"""Files of dead owners that are looked at when an owner is made."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_TEXT_BYTES: Final = 4_096


class Owner:
    """This store's own owner, and what it can find out about others."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._give_up: weakref.finalize[..., Owner] | None = None
        self.id: str | None = None
        """None until `acquire`."""

    def acquire(self) -> str:
        """This owner's id; makes and locks its file the first time. Raises StoreError if it cannot."""
        if self.id is None:
            try:
                self._directory.mkdir(mode=0o700, exist_ok=True)
                self._sweep()
                self.id = self._make_file()
            except OSError as error:
                raise StoreError(
                    f"no lock file can be made in {self._directory}: {error.strerror}; "
                    "make the directory writable, or use another store"
                ) from error
        return self.id

    def _make_file(self) -> str:
        owner_id = secrets.token_hex(16)
        path = self._directory / owner_id
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if not _lock(descriptor):
                raise OSError(0, "its file system does not support locks")
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        # Also when the store is forgotten without being closed, and when the interpreter ends.
        self._give_up = weakref.finalize(self, _remove, descriptor, path)
        _owners.add(self)
        return owner_id

    def _sweep(self) -> None:
        with os.scandir(self._directory) as entries:
            names = [entry.name for _, entry in zip(range(MAX_SWEPT), entries, strict=False)]
        for name in names:
            self.living(name)

    def others(self) -> list[str]:
        """All other owners that live, in words."""
        try:
            with os.scandir(self._directory) as entries:
                names = sorted(entry.name for entry in entries if entry.name != self.id)
        except FileNotFoundError:
            return []
        return [living for living in map(self.living, names) if living is not None]

    def living(self, owner_id: str) -> str | None:
        """Who another owner is, in words; None if it has died (its file is removed then).

        An owner about which nothing can be found out counts as living.
        """
        if not _ID.fullmatch(owner_id):
            return None
        path = self._directory / owner_id
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"an unknown process (its lock file {path} cannot be opened: {error.strerror})"
        try:
            if not _lock(descriptor):
                return _describe(descriptor)
        except OSError as error:
            return f"an unknown process (its lock file {path} cannot be locked: {error.strerror})"
        finally:
            os.close(descriptor)
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return None

    def close(self) -> None:
        """Own nothing any more."""
        give_up, self._give_up = self._give_up, None
        self.id = None
        if give_up is not None:
            give_up()

    def forget(self) -> None:
        """Drop the lock's copy in a forked child, without touching the parent's lock and file."""
        give_up, self._give_up = self._give_up, None
        self.id = None
        held = give_up.detach() if give_up is not None else None
        if held is not None:
            os.close(held[2][0])


def _remove(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":
        # An open file cannot be removed there.
        os.close(descriptor)
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if sys.platform != "win32":
        # Only now, so that nobody finds it unlocked.
        os.close(descriptor)


def _describe(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        text = json.loads(os.read(descriptor, _TEXT_BYTES))
        return f"process {int(text['pid'])} on {text['host']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "an unknown process"


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()
"""All that hold a lock in this process; fork must reach them, and its callbacks cannot be taken back."""


def _after_fork() -> None:
    for owner in list(_owners):
        owner.forget()
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
