"""SQLite's errors in words that say what to do. One table, used at every entry of the store."""

from __future__ import annotations

import sqlite3
from typing import Final

from statemachine.errors import StoreError

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space, or remove old executions with `statemachine prune`",
    sqlite3.SQLITE_IOERR: "the disk reported an error; check the disk, its free space and quota, and that the file is "
    "still there",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a copy, or save what is readable with "
    "`sqlite3 FILE .recover` and move the damaged file away",
    sqlite3.SQLITE_NOTADB: "the file is not a store; name another one with --store or STATEMACHINE_STORE",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only; change its permissions or use another store",
    sqlite3.SQLITE_PERM: "access is denied; change the permissions of the file and its directory",
    sqlite3.SQLITE_AUTH: "access is denied; change the permissions of the file and its directory",
    sqlite3.SQLITE_BUSY: "another process has kept it locked; end that process or try again",
    sqlite3.SQLITE_LOCKED: "another process has kept it locked; end that process or try again",
    sqlite3.SQLITE_PROTOCOL: "its file system does not lock as it should (a network file system?); "
    "put the store on a local disk",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that it exists and its permissions",
    sqlite3.SQLITE_TOOBIG: "a value is larger than SQLite allows (1 GB); make the payloads smaller",
    sqlite3.SQLITE_NOMEM: "memory ran out",
}
"""By primary result code (sqlite.org/rescode.html)."""


def store_error(error: sqlite3.Error, location: str) -> StoreError:
    """The StoreError for an error of SQLite at this file."""
    code = getattr(error, "sqlite_errorcode", None)
    advice = None if code is None else _ADVICE.get(code & 0xFF)
    if advice is None and isinstance(error, sqlite3.DataError):
        advice = _ADVICE[sqlite3.SQLITE_TOOBIG]
    if advice is None:
        return StoreError(f"store {location}: {error}")
    return StoreError(f"store {location}: {advice} ({error})")
