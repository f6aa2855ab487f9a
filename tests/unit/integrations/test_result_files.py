"""The files of a ResultWriter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import TaskError
from statemachine.integrations.objects import FolderObjects
from statemachine.integrations.result_files import write_results
from statemachine.jsonvalue import Document
from statemachine.kernel.commands import WriteResults

MAP_RUN = "arn:aws:states:us-east-1:123456789012:mapRun:M/Each:run-1"
RESULTS = {"SUCCEEDED": [{"a": 1}, "é", [3]], "FAILED": [{"Error": "E"}], "PENDING": []}


def write(
    folder: Path, results: Any = RESULTS, output_type: str = "JSON", file_bytes: int = 10_000, **arguments: Any
) -> dict[str, Any]:
    (folder / "b").mkdir(exist_ok=True)
    given = Document({"Bucket": "b", "Prefix": "jobs", **arguments})
    command = WriteResults(1, "Each", "arn:aws:states:::s3:putObject", given, output_type, MAP_RUN, Document(results))
    return write_results(FolderObjects(folder), command, file_bytes)


def files(folder: Path) -> dict[str, str]:
    root = folder / "b"
    return {each.relative_to(root).as_posix(): each.read_text() for each in sorted(root.rglob("*.json*"))}


def test_files_and_their_manifest(tmp_path: Path) -> None:
    assert write(tmp_path) == {"Bucket": "b", "Key": "jobs/run-1/manifest.json"}
    found = files(tmp_path)
    assert list(found) == ["jobs/run-1/FAILED_0.json", "jobs/run-1/SUCCEEDED_0.json", "jobs/run-1/manifest.json"]
    assert found["jobs/run-1/SUCCEEDED_0.json"] == '[{"a":1},"é",[3]]'
    assert json.loads(found["jobs/run-1/manifest.json"]) == {
        "DestinationBucket": "b",
        "MapRunArn": MAP_RUN,
        "ResultFiles": {
            "FAILED": [{"Key": "jobs/run-1/FAILED_0.json", "Size": 15}],
            "PENDING": [],
            "SUCCEEDED": [{"Key": "jobs/run-1/SUCCEEDED_0.json", "Size": 18}],
        },
    }


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    before = files(tmp_path)
    write(tmp_path)
    assert files(tmp_path) == before


def test_json_lines(tmp_path: Path) -> None:
    write(tmp_path, output_type="JSONL")
    assert files(tmp_path)["jobs/run-1/SUCCEEDED_0.jsonl"] == '{"a":1}\n"é"\n[3]\n'


@pytest.mark.parametrize(("most", "counts"), [(20, [3, 3, 3, 1]), (5, [1] * 10), (1, [1] * 10), (1_000, [10])])
@pytest.mark.parametrize("output_type", ["JSON", "JSONL"])
def test_files_are_bounded(tmp_path: Path, most: int, counts: list[int], output_type: str) -> None:
    """Ten results of five bytes."""
    results = {"SUCCEEDED": [f"x-{number}" for number in range(10)], "FAILED": [], "PENDING": []}
    write(tmp_path, results, output_type, most)
    suffix = output_type.lower()
    found = [files(tmp_path)[f"jobs/run-1/SUCCEEDED_{number}.{suffix}"] for number in range(len(counts))]
    read = [json.loads(text) if output_type == "JSON" else text.splitlines() for text in found]
    assert [len(each) for each in read] == counts
    assert len(files(tmp_path)) == len(counts) + 1
    if most > 5:
        assert all(len(text.encode()) <= most for text in found)


@pytest.mark.parametrize(
    ("prefix", "key"), [("", "run-1/manifest.json"), ("/", "run-1/manifest.json"), ("a/b/", "a/b/run-1/manifest.json")]
)
def test_prefixes(tmp_path: Path, prefix: str, key: str) -> None:
    assert write(tmp_path, Prefix=prefix)["Key"] == key


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"Bucket": "none"}, "the bucket none is not there"),
        ({"Bucket": 1}, "Bucket must be a text"),
        ({"Prefix": None}, "Prefix must be a text"),
        ({"Prefix": "../.."}, "cannot be a key"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(TaskError, match=cause) as raised:
        write(tmp_path, **arguments)
    assert raised.value.error == "States.ResultWriterFailed"


def test_a_manifest_says_that_all_files_are_there(tmp_path: Path) -> None:
    """A folder in the place of a file: the writing ends without a manifest."""
    (tmp_path / "b" / "jobs" / "run-1" / "SUCCEEDED_0.json").mkdir(parents=True)
    with pytest.raises(TaskError):
        write(tmp_path)
    assert not (tmp_path / "b" / "jobs" / "run-1" / "manifest.json").exists()
