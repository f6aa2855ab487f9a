"""Reading items: every kind of source, and every way in which one can be wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from statemachine.errors import TaskError
from statemachine.integrations.items import NOT_ITERABLE, read_items
from statemachine.integrations.objects import FolderObjects
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ReadItems

GET, LIST = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"
MOST = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    return tmp_path


def read(
    folder: Path,
    config: dict[str, Any] | None = None,
    *,
    resource: str = GET,
    most: int = 100,
    most_bytes: int = MOST,
    **arguments: Any,
) -> list[Any]:
    given = {"Bucket": "b", **({} if resource == LIST else {"Key": "k"}), **arguments}
    command = ReadItems(1, "Each", resource, Document(given), Document(config or {}), most, most_bytes)
    return read_items(FolderObjects(folder), command)


def put(folder: Path, data: str | bytes, key: str = "k") -> None:
    path = folder / "b" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def refused(folder: Path, *args: Any, **options: Any) -> str:
    with pytest.raises(TaskError) as raised:
        read(folder, *args, **options)
    assert raised.value.error == "States.ItemReaderFailed"
    return str(raised.value.cause)


NESTED = '{"data": {"items": [1, 2], "a/b": [3], "~": [4], "list": [[5], [6, 7]]}}'
CSV = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


@pytest.mark.parametrize(
    ("data", "config", "expected"),
    [
        ("[1, [2], null]", {}, [1, [2], None]),
        ("\ufeff[1]", {"InputType": "JSON"}, [1]),
        ("[]", {}, []),
        ('{"x": 1, "y": [2]}', {}, [{"Key": "x", "Value": 1}, {"Key": "y", "Value": [2]}]),
        (NESTED, {"ItemsPointer": "/data/items"}, [1, 2]),
        (NESTED, {"ItemsPointer": "/data/a~1b"}, [3]),
        (NESTED, {"ItemsPointer": "/data/~0"}, [4]),
        (NESTED, {"ItemsPointer": "/data/list/1"}, [6, 7]),
        ("[1]", {"ItemsPointer": ""}, [1]),
        ('{"a": 1}\n\n  \r\n[2]\r\n3', {"InputType": "JSONL"}, [{"a": 1}, [2], 3]),
        ("\ufeff1\n2\n", {"InputType": "JSONL"}, [1, 2]),
        ("", {"InputType": "JSONL"}, []),
        ("A,B\n1,x\n", CSV, [{"A": "1", "B": "x"}]),
    ],
)
def test_formats(folder: Path, data: str, config: dict[str, Any], expected: list[Any]) -> None:
    put(folder, data)
    assert read(folder, config) == expected


@pytest.mark.parametrize(
    ("data", "config", "cause"),
    [
        ("[1", {}, "The source is not valid JSON"),
        ("", {}, "The source is not valid JSON"),
        ("[NaN]", {}, "NaN"),
        ('[{"a":1,"a":2}]', {}, "twice"),
        ("[" * 100_000, {}, "nested deeper"),
        (b"[\xff]", {}, "not UTF-8"),
        (b"\xff\n", {"InputType": "JSONL"}, "not UTF-8"),
        ('"text"', {}, NOT_ITERABLE),
        (NESTED, {"ItemsPointer": "/data/nowhere"}, NOT_ITERABLE),
        (NESTED, {"ItemsPointer": "/data/items/99999999999999"}, NOT_ITERABLE),
        ("[1]\n[2", {"InputType": "JSONL"}, "Line 2 of k is not valid JSON"),
        ("A,A\n1,2\n", CSV, "CSV headers cannot contain duplicates."),
        ("x", {"InputType": "PARQUET"}, "InputType PARQUET cannot be read"),
    ],
)
def test_wrong_sources(folder: Path, data: str | bytes, config: dict[str, Any], cause: str) -> None:
    put(folder, data)
    assert cause in refused(folder, config)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"Key": "other"}, "the object other of the bucket b cannot be read: No such file or directory"),
        ({"Bucket": "none"}, "the bucket none is not there"),
        ({"Bucket": ""}, "the field Bucket must be a text"),
        ({"Key": 5}, "the field Key must be a text"),
        ({"Key": "../secret"}, "cannot be a key"),
        ({"VersionId": 5}, "VersionId must be a text"),
        ({"VersionId": "v1"}, "has no version v1"),
    ],
)
def test_wrong_places(folder: Path, arguments: dict[str, Any], cause: str) -> None:
    put(folder, "[]")
    (folder / "secret").write_text("[1]")
    assert cause in refused(folder, **arguments)


@pytest.mark.parametrize(
    ("config", "data"),
    [({}, "[1,2,3]"), ({"InputType": "JSONL"}, "1\n2\n3\nnot json"), (CSV, "A\n1\n2\n3\n")],
)
def test_no_more_items_than_wanted(folder: Path, config: dict[str, Any], data: str) -> None:
    """Of a source that is read line by line, the rest is not even looked at."""
    put(folder, data)
    assert len(read(folder, config, most=2)) == 2


def test_lines_are_read_only_as_far_as_they_are_wanted(folder: Path) -> None:
    put(folder, "1\n" * 1_000_000)
    assert read(folder, {"InputType": "JSONL"}, most=3, most_bytes=100_000) == [1, 1, 1]


@pytest.mark.parametrize("config", [{}, {"InputType": "JSONL"}, CSV])
def test_too_large_a_source_is_refused(folder: Path, config: dict[str, Any]) -> None:
    put(folder, "1\n" * 100_000)
    assert "more than the 1,000 bytes" in refused(folder, config, most=10**8, most_bytes=1_000)


def test_a_long_line_and_characters_across_chunks(folder: Path) -> None:
    texts = ["é" * 70_001, "x", "ü\u2028y" * 30_000]
    put(folder, "\n".join(json.dumps(each, ensure_ascii=False) for each in texts))
    assert read(folder, {"InputType": "JSONL"}) == texts


def test_compressed_sources_are_unpacked_within_the_bound(folder: Path) -> None:
    put(folder, gzip.compress(b"[1, 2]"), "k.gz")
    put(folder, gzip.compress(b" " * 50_000_000), "bomb.gz")
    put(folder, b"no gzip", "wrong.gz")
    put(folder, gzip.compress(b"[1, 2]")[:-9], "cut.gz")
    assert read(folder, Key="k.gz") == [1, 2]
    assert "more than the 1,000,000 bytes" in refused(folder, Key="bomb.gz")
    assert "cannot be read" in refused(folder, Key="wrong.gz")
    assert "cannot be read" in refused(folder, Key="cut.gz")


# -- listings --------------------------------------------------------------------------------------------------------


def test_a_listing(folder: Path) -> None:
    for key in ("in/b.txt", "in/a.txt", "in/deep/c.txt", "out.txt"):
        put(folder, key, key)
    found = read(folder, resource=LIST, Prefix="in/")
    assert [each["Key"] for each in found] == ["in/a.txt", "in/b.txt", "in/deep/c.txt"]
    assert list(found[0]) == ["Etag", "LastModified", "Key", "Size", "StorageClass"]
    assert (found[0]["Size"], found[0]["StorageClass"]) == (8, "STANDARD")
    assert isinstance(found[0]["LastModified"], int)
    assert found[0]["Etag"].startswith('"')
    assert len(read(folder, resource=LIST)) == 4
    assert len(read(folder, resource=LIST, most=1)) == 1


@pytest.mark.parametrize(("arguments", "cause"), [({"Prefix": 1}, "Prefix"), ({"Bucket": "none"}, "not there")])
def test_a_wrong_listing(folder: Path, arguments: dict[str, Any], cause: str) -> None:
    assert cause in refused(folder, resource=LIST, **arguments)


def test_a_listing_that_is_loaded(folder: Path) -> None:
    put(folder, "1\n2\n", "in/a")
    put(folder, "3\n", "in/b")
    config = {"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"}
    assert read(folder, config, resource=LIST, Prefix="in/") == [1, 2, 3]


# -- manifests -------------------------------------------------------------------------------------------------------


def inventory(**changed: Any) -> str:
    return json.dumps(
        {
            "sourceBucket": "source",
            "destinationBucket": "arn:aws:s3:::b",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size",
            "files": [{"key": "data/1.csv.gz", "size": 1}, {"key": "data/2.csv.gz", "size": 1}],
            **changed,
        }
    )


@pytest.mark.parametrize("config", [{"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY", "InputType": "CSV"}])
def test_the_manifest_of_an_inventory(folder: Path, config: dict[str, Any]) -> None:
    put(folder, inventory())
    put(folder, gzip.compress(b'"source","a b.txt","5"\n"source","c","6"\n'), "data/1.csv.gz")
    put(folder, gzip.compress(b'"source","d","7"\n'), "data/2.csv.gz")
    found = read(folder, config)
    assert [each["Key"] for each in found] == ["a b.txt", "c", "d"]
    assert found[0] == {"Bucket": "source", "Key": "a b.txt", "Size": "5"}


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("[]", "not the manifest"),
        ("{}", "not the manifest"),
        (inventory(files=[{}]), "not the manifest"),
        (inventory(destinationBucket=5), "not the manifest"),
        (inventory(fileFormat="ORC"), "an S3 inventory in ORC"),
        (inventory(), "data/1.csv.gz"),
    ],
)
def test_wrong_manifests(folder: Path, data: str, cause: str) -> None:
    put(folder, data)
    assert cause in refused(folder, {"InputType": "MANIFEST"})


def test_the_manifest_of_a_query(folder: Path) -> None:
    put(folder, 's3://b/one\n\n"s3://b/two"\n')
    put(folder, "1\n", "one")
    put(folder, "2\n3\n", "two")
    config = {"InputType": "JSONL", "ManifestType": "ATHENA_DATA"}
    assert read(folder, config) == [1, 2, 3]
    put(folder, "/etc/passwd\n")
    assert "is not the place of an object" in refused(folder, config)


def test_what_is_read_is_closed(folder: Path) -> None:
    put(folder, "1\n" * 100_000)
    opened: list[BinaryIO] = []

    class Watched(FolderObjects):
        def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
            opened.append(super().get_object(bucket, key, version))
            return opened[-1]

    command = ReadItems(1, "E", GET, Document({"Bucket": "b", "Key": "k"}), Document({"InputType": "JSONL"}), 2, MOST)
    assert read_items(Watched(folder), command) == [1, 1]
    assert [each.closed for each in opened] == [True]
