"""The connections to one SQLite file: one that writes, and as many as needed that read.

Rules
- Write-ahead log: readers never wait for the writer, nor the other way round.
- A write transaction begins with BEGIN IMMEDIATE, so it waits for its turn at the start and never fails in the middle.
- `PRAGMA synchronous` is set to what the transaction asks for, between transactions: FULL syncs the log at commit,
  NORMAL only when the log is moved into the file, so that the file itself is never damaged.
- A read lasts as long as one query: a transaction left open would keep the log from being reset.
- Connections are not for forked children: SQLite forbids it.
- A file that is removed or replaced while it is open would take what is written with it: each write transaction looks
  whether its path still leads to it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from statemachine.errors import StoreError
from statemachine.store.base import Durability
from statemachine.store.faults import store_error
from statemachine.store.migrations import STEPS, migrate, version

IDLE_READERS: Final = 4
"""Reading connections that are kept for the next reader."""
WAL_PAGES: Final = 4_000
"""Pages of log after which a commit moves it into the file."""
WAL_BYTES: Final = 67_108_864
"""What is left of the log's file when it has been larger."""
CACHE_KIB: Final = 4_096
"""The writer's page cache: small, for it counts in what executions that wait take."""

_RETRY_SECONDS: Final = 0.005

_SYNCHRONOUS: Final = {Durability.FULL: "FULL", Durability.NORMAL: "NORMAL", Durability.NONE: "NORMAL"}


class Connections:
    """Opens the file, and gives out the connections. Raises StoreError for whatever SQLite reports."""

    def __init__(self, path: Path, *, create: bool, read_only: bool, busy_seconds: float) -> None:
        self.location = str(path)
        self.read_only = read_only
        self._path = path
        self._busy_seconds = busy_seconds
        self._process = os.getpid()
        self._immutable = False
        self._closed = False
        self._lock = threading.RLock()
        self._readers: deque[sqlite3.Connection] = deque()
        self._synchronous = ""
        self._file: tuple[int, int] | None = None
        """Device and inode of what is written to."""
        self._writer: sqlite3.Connection | None = None
        try:
            _prepare_file(path, create=create and not read_only)
            if read_only:
                self._readers.append(self._open_read_only())
            else:
                self._writer = self._open_writer()
                self._file = _identity(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(
                f"store {path}: {reason}; make the place writable, or name another one with --store "
                "or STATEMACHINE_STORE"
            ) from error
        except sqlite3.Error as error:
            raise store_error(error, self.location) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect("mode=rw")
        try:
            version(connection, self.location)
            mode = self._switch_to_wal(connection)
            if mode != "wal":
                raise StoreError(
                    f"store {self.location}: its file system does not support a write-ahead log (a network file "
                    "system?); put the store on a local disk"
                )
            for pragma in (
                "foreign_keys = ON",
                "fullfsync = ON",
                "checkpoint_fullfsync = ON",
                f"wal_autocheckpoint = {WAL_PAGES}",
                f"journal_size_limit = {WAL_BYTES}",
                f"cache_size = -{CACHE_KIB}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            migrate(connection, self.location)
        except BaseException:
            connection.close()
            raise
        return connection

    def _switch_to_wal(self, connection: sqlite3.Connection) -> str:
        """The journal mode. SQLite does not wait for this one lock, which processes that create the same store at once
        contend for: so we do."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                return str(mode)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(_RETRY_SECONDS)

    def _open_read_only(self) -> sqlite3.Connection:
        connection = self._connect("mode=ro")
        try:
            found = version(connection, self.location)
        except sqlite3.OperationalError:
            connection.close()
            # Where SQLite may not create the log's files, and there is no log, the file cannot be written to either.
            if self._path.with_name(self._path.name + "-wal").exists():
                raise
            self._immutable = True
            connection = self._connect("mode=ro&immutable=1")
            try:
                found = version(connection, self.location)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            connection.close()
            raise
        if found < len(STEPS):
            connection.close()
            raise StoreError(
                f"store {self.location}: it has the older schema version {found}; open it once for writing, "
                "which brings it up to date"
            )
        return connection

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreError(f"store {self.location}: it is closed")
        if self._process != os.getpid():
            raise StoreError(f"store {self.location}: it was opened before a fork; open it again in the child process")

    def _check_place(self) -> None:
        try:
            there = _identity(self._path)
        except OSError:
            there = None
        if there != self._file:
            raise StoreError(
                f"store {self.location}: the file was removed or replaced while it was in use; nothing more is stored. "
                "Put it back, or start again what was not finished"
            )

    @contextmanager
    def writing(self, durability: Durability = Durability.NORMAL) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end, rolled back if an exception leaves it. One thread at a time."""
        with self.exclusive():
            connection = self._writer
            if connection is None:
                raise StoreError(f"store {self.location}: it is open for reading only")
            self._check_place()
            wanted = _SYNCHRONOUS[durability]
            try:
                if self._synchronous != wanted:
                    connection.execute(f"PRAGMA synchronous = {wanted}")
                    self._synchronous = wanted
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        with suppress(sqlite3.Error):
                            connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise store_error(error, self.location) from error

    def compact(self) -> None:
        """Write the file anew without what is free in it, and give that back. Not inside of a transaction."""
        with self.exclusive():
            connection = self._writer
            if connection is None:
                raise StoreError(f"store {self.location}: it is open for reading only")
            try:
                connection.execute("VACUUM")
                (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error as error:
                raise store_error(error, self.location) from error
        if busy:
            raise StoreError(
                f"store {self.location}: another process reads it; its space is given back when all have closed it"
            )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One thread at a time, with nothing begun yet: for preparing what `writing` then writes."""
        with self._lock:
            self._check_usable()
            yield

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, each thread its own. For a query or two, not for longer."""
        self._check_usable()
        try:
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._open_reader()
            sound = True
            try:
                yield connection
            except sqlite3.Error:
                sound = False
                raise
            finally:
                if sound and not self._closed and len(self._readers) < IDLE_READERS:
                    self._readers.append(connection)
                else:
                    connection.close()
        except sqlite3.Error as error:
            raise store_error(error, self.location) from error

    def _open_reader(self) -> sqlite3.Connection:
        if self.read_only:
            return self._connect("mode=ro&immutable=1" if self._immutable else "mode=ro")
        connection = self._connect("mode=rw")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def close(self) -> None:
        """Close all that is idle; a read that is going on closes its own. May be called twice."""
        if self._process != os.getpid():
            return
        with self._lock:
            self._closed = True
            with suppress(IndexError):
                while True:
                    self._readers.pop().close()
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _prepare_file(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise StoreError(f"store {path}: it is a directory; name a file in it, such as {path / 'store.db'}")
    if path.exists():
        return
    if not create:
        raise StoreError(
            f"store {path}: there is no such file; name the store with --store or STATEMACHINE_STORE, "
            "or run an execution, which makes one"
        )
    for directory in reversed(path.absolute().parents):
        if not directory.exists():
            # Inputs and outputs may be confidential: for the user alone.
            directory.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
