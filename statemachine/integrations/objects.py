"""Where ItemReader and ResultWriter find and leave their data: objects, by bucket and key.

Rules
- A store is one of: a folder (a bucket is a folder in it, a key a path below that), S3, or anything with these methods.
- A key never leaves its bucket: ``..``, absolute paths and links that lead elsewhere are refused.
- Reading is a stream: nothing is held that is not asked for. An object is written whole or not at all.
- The methods block; hosts call them in threads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from statemachine.errors import StatemachineError

ENVIRONMENT = "STATEMACHINE_DATA"
S3 = "s3"


class ObjectError(Exception):
    """An object cannot be read or written; the text says why, without secrets."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object in a listing."""

    key: str
    etag: str
    modified_seconds: int
    """Since 1970."""
    size: int
    storage_class: str = "STANDARD"


@runtime_checkable
class ObjectStore(Protocol):
    """Buckets with objects. Every method raises ObjectError."""

    def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
        """The object's bytes as a stream, which the caller closes."""

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object, in place of an earlier one."""

    def list_objects(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with `prefix`, in the order of their keys' UTF-8 bytes."""


def open_objects(given: ObjectStore | str | Path | None) -> ObjectStore | None:
    """A store from an option: a store, a folder, ``"s3"``, or None for what ``STATEMACHINE_DATA`` says, if anything.

    Raises StatemachineError if there is no such folder, or if S3 needs a package that is missing.
    """
    if given is None:
        given = os.environ.get(ENVIRONMENT) or None
    if given is None:
        return None
    if not isinstance(given, str | Path):
        return given
    if given == S3:
        from statemachine.integrations.s3 import S3Objects

        return S3Objects()
    return FolderObjects(Path(given))


class FolderObjects:
    """Objects in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise StatemachineError(f"the data folder {folder} is not there")
        self._folder = folder.resolve()

    def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
        """Open a file. Folders have no versions."""
        if version is not None:
            raise ObjectError(f"the object {key} has no version {version}: a folder keeps none")
        path = self._path(bucket, key)
        try:
            return path.open("rb")
        except (OSError, ValueError) as error:
            raise ObjectError(f"the object {key} of the bucket {bucket} cannot be read: {_reason(error)}") from None

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        """Write a file and its folders; the bucket must be there."""
        import tempfile  # loaded only if it is used: start-up time is a feature

        path = self._path(bucket, key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except (OSError, ValueError) as error:
            raise ObjectError(f"the object {key} of the bucket {bucket} cannot be written: {_reason(error)}") from None

    def list_objects(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """All files of the bucket's folder with this prefix."""
        root = self._bucket(bucket)
        found: list[tuple[bytes, str, Path]] = []
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(root).as_posix()
                if key.startswith(prefix) and not name.startswith(".writing-") and self._inside(path, root):
                    found.append((os.fsencode(key), key, path))
        for _, key, path in sorted(found):
            yield _info(key, path)

    def _bucket(self, bucket: str) -> Path:
        root = self._folder / bucket
        if not bucket or bucket in (".", "..") or "/" in bucket or "\\" in bucket or "\0" in bucket:
            raise ObjectError(f"{bucket!r:.80} cannot be the name of a bucket")
        if not root.is_dir():
            raise ObjectError(f"the bucket {bucket} is not there: no folder {root}")
        return root.resolve()

    def _path(self, bucket: str, key: str) -> Path:
        root = self._bucket(bucket)
        path = root / key
        if not key or "\0" in key or key.endswith("/") or not self._inside(path, root):
            raise ObjectError(f"{key!r:.200} cannot be a key of the bucket {bucket}")
        return path

    @staticmethod
    def _inside(path: Path, root: Path) -> bool:
        try:
            return path.resolve().is_relative_to(root) and ".." not in path.parts
        except (OSError, RuntimeError):  # a loop of links
            return False


def _info(key: str, path: Path) -> ObjectInfo:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        status = path.stat()
    except OSError as error:
        raise ObjectError(f"the object {key} cannot be read: {_reason(error)}") from None
    return ObjectInfo(key, f'"{digest}"', int(status.st_mtime), status.st_size)


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def location(arguments: Any, name: str) -> str:
    """A text field of evaluated arguments. Raises ObjectError if it is missing or no text."""
    found = arguments.get(name) if isinstance(arguments, dict) else None
    if not isinstance(found, str) or not found:
        raise ObjectError(f"the field {name} must be a text that is not empty")
    return found
