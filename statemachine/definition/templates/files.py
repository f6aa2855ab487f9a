"""The files that templates name: how their paths are meant, and how they are read."""

from __future__ import annotations

import posixpath
import stat
from pathlib import Path

from statemachine.limits import DEFINITION_LIMITS


def path_beside(template: str | None, uri: str) -> str:
    """The path of a file that a template names. Raises ValueError for what is no relative path."""
    if not uri.strip():
        raise ValueError("the path is empty")
    if "\0" in uri:
        raise ValueError("the path has a null character")
    if uri.startswith(("/", "\\", "~")) or uri[1:3] in (":\\", ":/"):
        raise ValueError("the path is absolute, and means nothing on another machine")
    return posixpath.normpath(posixpath.join(posixpath.dirname(template or ""), uri))


def read_definition_file(path: str) -> str:
    """The text of a definition's file. Raises OSError, or ValueError for what is no file, too large or not UTF-8.

    A directory, a device or a pipe is never read: a template may name anything.
    """
    file = Path(path)
    if not stat.S_ISREG(file.stat().st_mode):
        raise ValueError("it is a directory" if file.is_dir() else "it is no regular file")
    with file.open("rb") as opened:
        raw = opened.read(DEFINITION_LIMITS.bytes + 1)
    if len(raw) > DEFINITION_LIMITS.bytes:
        raise ValueError(f"it is larger than {DEFINITION_LIMITS.bytes} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error.reason} at byte {error.start}") from None
