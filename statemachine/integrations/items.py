"""Reading the items of a distributed Map: from a ReadItems command to a list.

Rules (developer guide, "ItemReader"; recorded)
- ``s3:listObjectsV2`` gives the objects of a bucket as items, or with the transformation LOAD_AND_FLATTEN the items in
  them; ``s3:getObject`` gives the items in one object: JSON, JSON Lines, CSV, or those that a manifest leads to.
- A JSON object in place of an array gives its pairs, ``{"Key": …, "Value": …}``. ItemsPointer (RFC 6901) says where in
  the document the items are.
- A manifest is that of an S3 inventory, whose rows are the items, or with ManifestType ATHENA_DATA a list of objects
  whose items they are. Objects that are compressed (``.gz``) are unpacked.
- No more is read than MaxItems needs, line by line; never more than `max_bytes`, counted unpacked.
- Whatever goes wrong is States.ItemReaderFailed.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any, BinaryIO, Final

from statemachine.errors import ITEM_READER_FAILED, InvalidJsonError, TaskError
from statemachine.integrations.objects import ObjectError, ObjectStore, location
from statemachine.jsonvalue import Json, load_json
from statemachine.kernel.commands import ReadItems
from statemachine.program.item_data import CsvError, csv_items, follow_pointer

NOT_ITERABLE: Final = "Attempting to map over non-iterable node."
_CHUNK = 65_536


def read_items(objects: ObjectStore, command: ReadItems) -> list[Json]:
    """The items. Raises TaskError, as States.ItemReaderFailed."""
    try:
        items = _Reader(objects, command).items()
        return list(islice(items, command.max_items))
    except (ObjectError, CsvError) as error:
        cause = str(error)
    except InvalidJsonError as error:
        cause = f"The source is not valid JSON: {error}"
    except UnicodeDecodeError as error:
        cause = f"The source is not UTF-8: {error.reason} at byte {error.start}"
    except (OSError, EOFError, zlib.error) as error:
        cause = f"The source cannot be read: {error}"
    raise TaskError(ITEM_READER_FAILED, cause)


class _Reader:
    """One reading: it counts the bytes that it has read."""

    def __init__(self, objects: ObjectStore, command: ReadItems) -> None:
        self._objects = objects
        self._list = command.resource.endswith(":listObjectsV2")
        self._arguments: Json = command.arguments.value
        self._config: dict[str, Any] = command.config.value
        self._most = command.max_bytes
        self._left = command.max_bytes

    def items(self) -> Iterator[Json]:
        bucket = location(self._arguments, "Bucket")
        if self._list:
            return self._listed(bucket)
        key, version = location(self._arguments, "Key"), self._arguments.get("VersionId")
        if version is not None and not isinstance(version, str):
            raise ObjectError("the field VersionId must be a text")
        if "ManifestType" in self._config or self._config.get("InputType") == "MANIFEST":
            if self._config.get("ManifestType") == "ATHENA_DATA":
                return self._athena(bucket, key, version)
            return self._inventory(bucket, key, version)
        return self._in_object(bucket, key, version)

    def _listed(self, bucket: str) -> Iterator[Json]:
        prefix = self._arguments.get("Prefix", "")
        if not isinstance(prefix, str):
            raise ObjectError("the field Prefix must be a text")
        for each in self._objects.list_objects(bucket, prefix):
            if self._config.get("Transformation") == "LOAD_AND_FLATTEN":
                if not each.key.endswith("/"):  # what consoles make for an empty folder
                    yield from self._in_object(bucket, each.key)
                continue
            self._count(len(each.key) + 128)
            yield {
                "Etag": each.etag,
                "LastModified": each.modified_seconds,
                "Key": each.key,
                "Size": each.size,
                "StorageClass": each.storage_class,
            }

    def _in_object(self, bucket: str, key: str, version: str | None = None) -> Iterator[Json]:
        match self._config.get("InputType", "JSON"):
            case "CSV":
                return iter(csv_items(self._lines(bucket, key, version), self._config))
            case "JSONL":
                return self._json_lines(bucket, key, version)
            case "JSON":
                return iter(self._json(bucket, key, version))
            case other:
                raise ObjectError(f"the InputType {other} cannot be read")

    def _json(self, bucket: str, key: str, version: str | None) -> list[Json]:
        found = load_json(b"".join(self._chunks(bucket, key, version)))
        place = self._config.get("ItemsPointer")
        if isinstance(place, str):
            found = follow_pointer(found, place)
        if isinstance(found, dict):
            return [{"Key": name, "Value": value} for name, value in found.items()]
        if not isinstance(found, list):
            raise ObjectError(NOT_ITERABLE)
        return found

    def _json_lines(self, bucket: str, key: str, version: str | None) -> Iterator[Json]:
        for number, line in enumerate(self._lines(bucket, key, version), 1):
            if not line.isspace():
                try:
                    yield load_json(line)
                except InvalidJsonError as error:
                    raise ObjectError(f"Line {number} of {key} is not valid JSON: {error}") from None

    def _inventory(self, bucket: str, key: str, version: str | None) -> Iterator[Json]:
        """The rows of the CSV files that an S3 inventory's manifest names (user guide, "Amazon S3 Inventory")."""
        manifest = load_json(b"".join(self._chunks(bucket, key, version)))
        try:
            form, schema = manifest["fileFormat"], manifest["fileSchema"]
            target = manifest["destinationBucket"].rpartition(":")[2]
            keys = [each["key"] for each in manifest["files"]]
        except (TypeError, KeyError, AttributeError):
            raise ObjectError(f"{key} is not the manifest of an S3 inventory") from None
        if form != "CSV" or not isinstance(schema, str):
            raise ObjectError(f"an S3 inventory in {form} cannot be read: only CSV")
        headers = [name.strip() for name in schema.split(",")]
        for each in keys:
            yield from csv_items(self._lines(target, each), {"CSVHeaderLocation": "GIVEN", "CSVHeaders": headers})

    def _athena(self, bucket: str, key: str, version: str | None) -> Iterator[Json]:
        """The items of the objects that a list of ``s3://bucket/key`` lines names."""
        for line in self._lines(bucket, key, version):
            text = line.strip().strip('"')
            if text:
                named, _, rest = text.removeprefix("s3://").partition("/")
                if not text.startswith("s3://") or not named or not rest:
                    raise ObjectError(f"{text[:200]!r} in {key} is not the place of an object: s3://bucket/key")
                yield from self._in_object(named, rest)

    # -- bytes -------------------------------------------------------------------------------------------------

    def _count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ObjectError(f"The source has more than the {self._most:,} bytes that are read at most.")

    def _chunks(self, bucket: str, key: str, version: str | None = None) -> Iterator[bytes]:
        with closing(self._objects.get_object(bucket, key, version)) as stream:
            source: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=stream) if key.endswith(".gz") else stream
            while chunk := source.read(_CHUNK):
                self._count(len(chunk))
                yield chunk

    def _lines(self, bucket: str, key: str, version: str | None = None) -> Iterator[str]:
        """Lines with their ends; a byte order mark is no part of the first one."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        parts: list[str] = []
        for chunk in self._chunks(bucket, key, version):
            *whole, rest = io.StringIO(decoder.decode(chunk), newline="\n").readlines() or [""]
            if whole:
                yield "".join([*parts, whole[0]])
                yield from whole[1:]
                parts = []
            if rest.endswith("\n"):
                yield "".join([*parts, rest])
                parts = []
            else:
                parts.append(rest)
        last = "".join([*parts, decoder.decode(b"", final=True)])
        if last:
            yield last
