"""Writing the results of a distributed Map: from a WriteResults command to files and their manifest.

Rules (developer guide, "ResultWriter"; recorded)
- Below the prefix is a folder named after the map run: SUCCEEDED_n, FAILED_n and PENDING_n, each with the results of
  that status, and manifest.json, which names them. A status without results has no file.
- A file ends before it would have more than `FILE_BYTES`; a result alone may be larger.
- The manifest is written last: where it is, all files are. Writing again gives the same files.
- Whatever goes wrong is States.ResultWriterFailed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from statemachine.errors import RESULT_WRITER_FAILED, TaskError
from statemachine.integrations.objects import ObjectError, ObjectStore, location
from statemachine.jsonvalue import Json, encode_json
from statemachine.kernel.commands import WriteResults

FILE_BYTES: Final = 64 * 1024 * 1024
STATUSES: Final = ("FAILED", "PENDING", "SUCCEEDED")


def write_results(objects: ObjectStore, command: WriteResults, file_bytes: int = FILE_BYTES) -> dict[str, Json]:
    """Write files and manifest; Bucket and Key of the manifest. Raises TaskError, as States.ResultWriterFailed."""
    try:
        return _write(objects, command, file_bytes)
    except ObjectError as error:
        raise TaskError(RESULT_WRITER_FAILED, str(error)) from None


def _write(objects: ObjectStore, command: WriteResults, file_bytes: int) -> dict[str, Json]:
    arguments: Json = command.arguments.value
    bucket = location(arguments, "Bucket")
    prefix = arguments.get("Prefix", "")
    if not isinstance(prefix, str):
        raise ObjectError("the field Prefix must be a text")
    folder = f"{prefix.strip('/')}/{command.map_run.rpartition(':')[2]}".lstrip("/")
    lines = command.output_type == "JSONL"
    written: dict[str, list[Json]] = {}
    for status in STATUSES:
        written[status] = []
        for number, data in enumerate(_files(command.results.value[status], lines, file_bytes)):
            key = f"{folder}/{status}_{number}.{'jsonl' if lines else 'json'}"
            objects.put_object(bucket, key, data)
            written[status].append({"Key": key, "Size": len(data)})
    manifest = {"DestinationBucket": bucket, "MapRunArn": command.map_run, "ResultFiles": written}
    key = f"{folder}/manifest.json"
    objects.put_object(bucket, key, encode_json(manifest))
    return {"Bucket": bucket, "Key": key}


def _files(results: list[Json], lines: bool, most: int) -> Iterator[bytes]:
    """The texts of the files that hold the results."""
    held: list[bytes] = []
    size = 2
    for each in results:
        text = encode_json(each)
        if held and size + len(text) + 1 > most:
            yield _joined(held, lines)
            held, size = [], 2
        held.append(text)
        size += len(text) + 1
    if held:
        yield _joined(held, lines)


def _joined(texts: list[bytes], lines: bool) -> bytes:
    return b"\n".join(texts) + b"\n" if lines else b"[" + b",".join(texts) + b"]"
