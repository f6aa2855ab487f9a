"""Items read and results written by the engine, from and to a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from machines import machine
from virtual_time import LoopClock, run_virtual, settle

from statemachine import StatemachineError, SyncEngine
from statemachine.integrations.objects import ENVIRONMENT, FolderObjects, ObjectInfo
from statemachine.kernel.commands import ExecutionStatus, ReadItems
from statemachine.runtime.engine import Engine
from statemachine.store.memory import MemoryStore

DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
READER = {
    "Resource": "arn:aws:states:::s3:getObject",
    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
    "Parameters": {"Bucket": "in", "Key": "orders.csv"},
}
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "jobs"}}


def each(**fields: Any) -> dict[str, Any]:
    processor = {**DISTRIBUTED, **machine(Keep={"Type": "Pass"})}
    return machine(Each={"Type": "Map", "ItemProcessor": processor, **fields})


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    for bucket in ("in", "out"):
        (tmp_path / bucket).mkdir()
    (tmp_path / "in" / "orders.csv").write_text("id,amount\n1,5\n2,7\n")
    return tmp_path


def engine_on(store: Any = "memory", **options: Any) -> Engine:
    return Engine(store, clock=LoopClock(), **options)


def run(definition: dict[str, Any], **options: Any) -> Any:
    async def scenario() -> Any:
        async with engine_on(**options) as engine:
            return await engine.run(definition, [1])

    return run_virtual(scenario)


def test_items_from_a_file_and_results_to_files(data: Path) -> None:
    result = run(each(ItemReader=READER, ResultWriter=WRITER), data=data)
    assert result.status is ExecutionStatus.SUCCEEDED, result
    where = result.output["ResultWriterDetails"]
    manifest = json.loads((data / where["Bucket"] / where["Key"]).read_text())
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    results = json.loads((data / "out" / file["Key"]).read_text())
    assert [json.loads(one["Output"]) for one in results] == [{"id": "1", "amount": "5"}, {"id": "2", "amount": "7"}]


def test_a_blocking_engine_and_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(data))
    with SyncEngine("memory") as engine:
        result = engine.run(each(ItemReader=READER))
    assert result.output == [{"id": "1", "amount": "5"}, {"id": "2", "amount": "7"}]


def test_a_source_that_is_not_there_fails_the_state(data: Path) -> None:
    (data / "in" / "orders.csv").unlink()
    result = run(each(ItemReader=READER), data=data)
    assert result.error == "States.ItemReaderFailed"
    assert "orders.csv" in result.cause


def test_results_that_cannot_be_written_fail_the_state(data: Path) -> None:
    (data / "out").rmdir()
    assert run(each(ResultWriter=WRITER), data=data).error == "States.ResultWriterFailed"


@pytest.mark.parametrize("fields", [{"ItemReader": READER}, {"ResultWriter": WRITER}])
def test_without_a_place_for_data_nothing_starts(data: Path, fields: dict[str, Any]) -> None:
    store = MemoryStore()

    async def scenario() -> None:
        async with engine_on(store) as engine:
            with pytest.raises(StatemachineError, match="no place for data is given"):
                await engine.start(each(**fields), name="one")
            assert engine.list().records == ()

    run_virtual(scenario)


def test_a_writer_that_only_transforms_needs_no_place(data: Path) -> None:
    writer = {"WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"}}
    assert run(each(ResultWriter=writer)).output == [1]


class Held(FolderObjects):
    """A store whose reading goes on until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.go = threading.Event()
        self.asked = 0

    def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
        self.asked += 1
        self.go.wait(20)
        return super().get_object(bucket, key, version)


async def begun(held: Held) -> None:
    """Until a thread reads."""
    while not held.asked:
        await settle()


def test_stopping_does_not_wait_for_a_reading(data: Path) -> None:
    held = Held(data)

    async def scenario() -> None:
        async with engine_on(data=held) as engine:
            name = await engine.start(each(ItemReader=READER))
            await begun(held)
            result = await engine.stop(name)
            assert result.status is ExecutionStatus.ABORTED

    try:
        run_virtual(scenario)
    finally:
        held.go.set()


def test_an_interrupted_reading_begins_again(data: Path) -> None:
    held, store = Held(data), MemoryStore()

    async def interrupted() -> None:
        async with engine_on(store, data=held) as engine:
            await engine.start(each(ItemReader=READER), name="one")
            await begun(held)

    async def resumed() -> Any:
        async with engine_on(store, data=held) as engine:
            await engine.resume("one")
            return await engine.wait("one")

    try:
        run_virtual(interrupted)
        held.go.set()
        assert run_virtual(resumed).output == [{"id": "1", "amount": "5"}, {"id": "2", "amount": "7"}]
        assert held.asked == 2
    finally:
        held.go.set()


class Broken:
    """A store with a mistake of its own."""

    def get_object(self, bucket: str, key: str, version: str | None = None) -> BinaryIO:
        raise ZeroDivisionError("oops")

    def put_object(self, bucket: str, key: str, data: bytes) -> None:
        raise ZeroDivisionError("oops")

    def list_objects(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        raise ZeroDivisionError("oops")


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"ItemReader": READER}, "States.ItemReaderFailed"), ({"ResultWriter": WRITER}, "States.ResultWriterFailed")],
)
def test_a_mistake_in_a_store_is_a_failure_of_the_map_run(fields: dict[str, Any], error: str) -> None:
    result = run(each(**fields), data=Broken())
    assert (result.error, result.cause) == (error, "ZeroDivisionError: oops")


def test_the_command_is_stored_before_it_is_performed(data: Path) -> None:
    held, store = Held(data), MemoryStore()

    async def scenario() -> None:
        async with engine_on(store, data=held) as engine:
            await engine.start(each(ItemReader=READER), name="one")
            await begun(held)
            (operation,) = engine._worker.driven["one"].execution.operations.values()
            assert isinstance(operation.command, ReadItems)
            assert [event.type for event in engine.history("one")][-1] == "MapRunStarted"

    try:
        run_virtual(scenario)
    finally:
        held.go.set()
