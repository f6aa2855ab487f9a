"""Where objects are: a folder, or S3 by a client."""

from __future__ import annotations

import hashlib
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import StatemachineError
from statemachine.integrations.objects import ENVIRONMENT, FolderObjects, ObjectError, ObjectStore, open_objects
from statemachine.integrations.s3 import S3Objects


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    (tmp_path / "data" / "b").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    return FolderObjects(tmp_path / "data")


def test_what_is_put_can_be_read_and_listed(objects: FolderObjects) -> None:
    objects.put_object("b", "deep/er/k.json", b"[1]")
    objects.put_object("b", "deep/er/k.json", b"[1, 2]")
    with objects.get_object("b", "deep/er/k.json") as stream:
        assert stream.read() == b"[1, 2]"
    (info,) = objects.list_objects("b")
    assert (info.key, info.size) == ("deep/er/k.json", 6)
    assert info.etag == '"{}"'.format(hashlib.md5(b"[1, 2]", usedforsecurity=False).hexdigest())
    assert list(objects.list_objects("b", "other")) == []


def test_keys_are_listed_in_the_order_of_their_bytes(objects: FolderObjects) -> None:
    keys = ["B", "a/b", "a-b", "a", "é"]
    for key in keys:
        if key != "a":
            objects.put_object("b", key, b"")
    assert [each.key for each in objects.list_objects("b")] == ["B", "a-b", "a/b", "é"]


@pytest.mark.parametrize(
    "key", ["../outside", "/etc/passwd", "", "a/../../../outside", "x\0y", "folder/", "link", "l/x"]
)
def test_keys_stay_in_their_bucket(objects: FolderObjects, tmp_path: Path, key: str) -> None:
    (tmp_path / "data" / "b" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "b" / "l").symlink_to(tmp_path)
    with pytest.raises(ObjectError):
        objects.get_object("b", key)
    with pytest.raises(ObjectError):
        objects.put_object("b", key, b"x")
    assert (tmp_path / "outside").read_text() == "secret"
    assert list(objects.list_objects("b")) == []


@pytest.mark.parametrize("bucket", ["", ".", "..", "b/x", "none", "\0", "b\\x"])
def test_buckets_are_folders_below(objects: FolderObjects, bucket: str) -> None:
    for action in (lambda: objects.get_object(bucket, "k"), lambda: list(objects.list_objects(bucket))):
        with pytest.raises(ObjectError):
            action()


def test_what_cannot_be_read_or_written(objects: FolderObjects) -> None:
    objects.put_object("b", "file", b"")
    with pytest.raises(ObjectError, match="cannot be read: No such file"):
        objects.get_object("b", "none")
    with pytest.raises(ObjectError, match="cannot be written"):
        objects.put_object("b", "file/below", b"")
    with pytest.raises(ObjectError, match="no version v"):
        objects.get_object("b", "file", "v")


def test_a_write_that_fails_leaves_nothing(objects: FolderObjects, tmp_path: Path) -> None:
    (tmp_path / "data" / "b" / "k").mkdir()
    with pytest.raises(ObjectError):
        objects.put_object("b", "k", b"data")
    assert [each.name for each in (tmp_path / "data" / "b").iterdir()] == ["k"]


# -- options ---------------------------------------------------------------------------------------------------------


def test_a_store_from_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert open_objects(None) is None
    assert isinstance(open_objects(tmp_path), FolderObjects)
    assert isinstance(open_objects(str(tmp_path)), ObjectStore)
    own = S3Objects(client=object())
    assert open_objects(own) is own
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))
    assert isinstance(open_objects(None), FolderObjects)
    with pytest.raises(StatemachineError, match="is not there"):
        open_objects(tmp_path / "none")


def test_s3_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StatemachineError, match=r"pip install 'asl-statemachine\[aws\]'"):
        open_objects("s3")


# -- S3 --------------------------------------------------------------------------------------------------------------


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__("with a request id and more")
        self.response = {"Error": {"Code": code}}


class Client:
    """A client of the few operations, with pages of two objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.versions: list[Any] = []

    def get_object(self, **given: Any) -> dict[str, Any]:
        self.versions.append(given.get("VersionId"))
        if given["Key"] not in self.objects:
            raise Refused("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[given["Key"]])}

    def put_object(self, **given: Any) -> None:
        if given["Bucket"] != "b":
            raise Refused("AccessDenied")
        self.objects[given["Key"]] = given["Body"]

    def list_objects_v2(self, **given: Any) -> dict[str, Any]:
        if given["Bucket"] != "b":
            raise OSError("no network, and a secret")
        keys = sorted(key for key in self.objects if key.startswith(given["Prefix"]))
        start = int(given.get("ContinuationToken", 0))
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        page = [
            {"Key": key, "ETag": '"e"', "LastModified": moment, "Size": len(self.objects[key])}
            for key in keys[start : start + 2]
        ]
        if start + 2 < len(keys):
            return {"Contents": page, "IsTruncated": True, "NextContinuationToken": str(start + 2)}
        return {"Contents": page, "IsTruncated": False} if page else {"IsTruncated": False}


def test_s3_reads_writes_and_lists_all_pages() -> None:
    client = Client()
    objects = S3Objects(client)
    for number in range(5):
        objects.put_object("b", f"in/{number}", b"x" * number)
    assert [(each.key, each.size) for each in objects.list_objects("b", "in/")] == [
        (f"in/{number}", number) for number in range(5)
    ]
    assert next(objects.list_objects("b")).modified_seconds == 1_704_067_200
    assert list(objects.list_objects("b", "none")) == []
    assert objects.get_object("b", "in/3").read() == b"xxx"
    objects.get_object("b", "in/3", "v7")
    assert client.versions == [None, "v7"]


def test_s3_errors_tell_the_code_and_nothing_else() -> None:
    objects = S3Objects(Client())
    with pytest.raises(ObjectError, match=r"the object k of the bucket b cannot be read: NoSuchKey$"):
        objects.get_object("b", "k")
    with pytest.raises(ObjectError, match=r"cannot be written: AccessDenied$"):
        objects.put_object("other", "k", b"")
    with pytest.raises(ObjectError, match=r"the bucket other cannot be listed: OSError$"):
        list(objects.list_objects("other"))
