"""Files that are damaged, torn, removed or replaced: found out with a StoreError, or harmless; never something else.

What "harmless" means is decided by replaying every execution: events, history and what the record says agree.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import StatemachineError, StoreError, TaskError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.runtime.engine import Engine
from statemachine.runtime.recordings import record, replay
from statemachine.store import open_store, open_to_read
from statemachine.store.connections import Connections
from statemachine.store.sqlite import SqliteStore

RUNNING = ExecutionStatus.RUNNING
FLIPS = 250
CUTS = 60
TASK = {"Type": "Task", "Resource": "work"}
UNDONE = {"One": {**TASK, "CompensateWith": "Undo", "End": True}, "Undo": {**TASK, "End": True}}
EACH = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ItemProcessor": {"StartAt": "Item", "States": {"Item": {**TASK, "End": True}}},
    "End": True,
}
BOTH = {
    "Type": "Parallel",
    "Branches": [{"StartAt": "One", "States": UNDONE}, {"StartAt": "Each", "States": {"Each": EACH}}],
    "ResultPath": "$.both",
    "Next": "Long",
}
MACHINE = {
    "StartAt": "Both",
    "States": {
        "Both": BOTH,
        "Long": {"Type": "Pass", "Parameters": {"more.$": "States.Format('{}{}', $.text, $.text)"}, "Next": "Fails"},
        "Fails": {"Type": "Fail", "Error": "E", "Cause": "C"},
    },
}
WAITS = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3600, "End": True}}}
Facts = dict[str, tuple[Any, ...]]


def work(given: Any) -> Any:
    if given == 2:
        raise TaskError("Odd", "as intended")
    return {"worked": given}


async def fill(path: Path, close: Callable[[], object] = lambda: None) -> None:
    """Some executions, which have ended, failed, or wait."""
    text = "".join(map(str, range(300)))
    async with Engine(path, tasks={"work": work}) as engine:
        await engine.run(MACHINE, {"items": [0, 1], "text": text}, name="failed")
        await engine.run(MACHINE, {"items": [1, 2], "text": text}, name="failed-too")
        await engine.start_many(MACHINE, [{"items": [], "text": "t"}] * 5)
        await engine.start(WAITS, {}, name="waits")
        await engine.run({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, {"a": [1.5, "é"]}, name="done")
        close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that nobody has open."""
    path = tmp_path_factory.mktemp("sound") / "store.db"
    asyncio.run(fill(path))
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as a process that is killed leaves it: what happened is in the log."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "copy").mkdir()

    def copy() -> None:
        for name in ("store.db", "store.db-wal"):
            shutil.copyfile(folder / name, folder / "copy" / name)

    asyncio.run(fill(folder / "store.db", copy))
    return folder / "copy" / "store.db"


def facts(path: Path) -> Facts:
    """All that a store says, once it is checked. Raises StatemachineError if something is wrong with it."""
    found: Facts = {}
    with closing(SqliteStore(path)) as store:
        store.check()
        for each in _records(store):
            recording = record(store, each.id)
            replay(recording)
            store.recover(each.id)
            ended = None if each.output is None else each.output.text
            # Of what has not ended the journal says all; its record is for lists.
            said = () if each.status is RUNNING else (each.input.text, ended, each.failure, each.stopped_ms)
            found[each.id] = (each.status, *said, recording.definition, recording.events, recording.history)
    return found


def _records(store: SqliteStore) -> Iterator[Any]:
    page = store.list(limit=100)
    assert page.cursor is None
    return iter(page.records)


def remove(path: Path) -> None:
    """Remove a store's files."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def outcome(content: bytes, wanted: Facts, path: Path) -> str:
    path.write_bytes(content)
    try:
        found = facts(path)
    except StatemachineError:
        return "found out"
    finally:
        remove(path)
    assert found == wanted
    return "harmless"


def test_changed_bytes_are_found_out_or_harmless(sound: Path, tmp_path: Path) -> None:
    wanted, content, chosen = facts(sound), sound.read_bytes(), random.Random(5)
    counts: Counter[str] = Counter()
    for _ in range(FLIPS):
        damaged = bytearray(content)
        for _ in range(chosen.choice((1, 1, 5))):
            damaged[chosen.randrange(len(damaged))] ^= chosen.randrange(1, 256)
        counts[outcome(bytes(damaged), wanted, tmp_path / "store.db")] += 1
    assert counts["found out"] > FLIPS / 10
    assert counts["harmless"]


def test_a_file_that_is_cut_short_is_found_out(sound: Path, tmp_path: Path) -> None:
    wanted, content, chosen = facts(sound), sound.read_bytes(), random.Random(6)
    lengths = {chosen.randrange(1, len(content)) for _ in range(CUTS)} | {len(content) - 1, 4096, 100, 16}
    for length in sorted(lengths):
        assert outcome(content[:length], wanted, tmp_path / "store.db") == "found out", length


@pytest.mark.parametrize("damage", ["cut", "garbage", "changed"])
def test_a_damaged_log_ends_where_it_is_damaged(damage: str, killed: Path, tmp_path: Path) -> None:
    """Each transaction has a checksum: those before the damage are there, whole, and none after it."""
    log = killed.with_name("store.db-wal").read_bytes()
    chosen = random.Random(7)
    lengths: set[int] = set()
    for number in range(CUTS // 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copyfile(killed, folder / "store.db")
        at = chosen.randrange(len(log))
        rest = {"cut": b"", "garbage": chosen.randbytes(len(log) - at)}.get(damage, log[at:][:-1] + b"\0")
        damaged = bytearray(log[:at] + rest)
        if damage == "changed":
            damaged[at] ^= 0x55
        (folder / "store.db-wal").write_bytes(damaged)
        with closing(SqliteStore(folder / "store.db")) as store:
            store.check()
            for each in _records(store):
                replay(record(store, each.id))
            lengths.add(sum(each.sequence for each in _records(store)))
    assert len(lengths) > 3


def test_a_file_that_is_replaced_takes_nothing_more(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    shutil.copyfile(sound, path)
    with closing(SqliteStore(path)) as store:
        store.claim("waits")
        before = path.read_bytes()
        path.rename(tmp_path / "moved")
        shutil.copyfile(sound, path)
        with pytest.raises(StoreError, match="removed or replaced while it was in use; nothing more is stored"):
            store.release("waits")
        assert path.read_bytes() == before
        path.unlink()
        (tmp_path / "moved").rename(path)
        store.claim("waits")  # it is back
        store.release("waits")


def test_an_engine_whose_file_is_removed_stops(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "store.db"
        gate = asyncio.Event()

        async def wait(_: Any) -> str:
            await gate.wait()
            return "late"

        async with Engine(path, tasks={"work": wait}) as engine:
            waited = await engine.start({"StartAt": "A", "States": {"A": {**TASK, "End": True}}}, 1)
            remove(path)
            gate.set()
            with pytest.raises(StoreError, match="removed or replaced"):
                await engine.wait(waited)
            with pytest.raises(StoreError, match="the engine has stopped"):
                await engine.start(WAITS)
        assert not path.exists()

    asyncio.run(scenario())


def test_an_owner_that_lost_its_lock_stores_nothing(sound: Path, tmp_path: Path) -> None:
    """Somebody removes the lock files of a living process: another takes over, and the first is fenced off."""

    async def scenario() -> None:
        path = tmp_path / "store.db"
        shutil.copyfile(sound, path)
        begun, gate = asyncio.Event(), asyncio.Event()

        async def slow(_: Any) -> str:
            begun.set()
            await gate.wait()
            return "of the first"

        machine = {"StartAt": "A", "States": {"A": {**TASK, "End": True}}}
        async with Engine(path, tasks={"work": slow}) as first:
            await first.start(machine, 1, name="x")
            await begun.wait()
            shutil.rmtree(tmp_path / "store.db.owners")
            async with Engine(path, tasks={"work": lambda _: "of the second"}) as second:
                await second.resume("x")
                assert (await second.wait("x")).output == "of the second"
            gate.set()
            with pytest.raises(StoreError, match="no longer driven by this process"):
                await first.wait("x")
        with closing(SqliteStore(path)) as store:
            output = store.get("x").output
            assert output is not None
            assert output.value == "of the second"
            replay(record(store, "x"))

    asyncio.run(scenario())


# -- what looks for damage -----------------------------------------------------------------------------------------


def changed(sound: Path, folder: Path, *statements: str) -> Path:
    """A copy of a store in which something was changed behind its back."""
    path = folder / "store.db"
    shutil.copyfile(sound, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for each in statements:
            connection.execute(each)
    return path


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (["DROP INDEX messages_settled"], "its tables are not those that were made"),
        (["ALTER TABLE origins ADD COLUMN more"], "its tables are not those that were made"),
        (
            [
                "PRAGMA writable_schema = 1",
                "UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'messages_settled'",
            ],
            "restore it from a copy",
        ),
    ],
)
def test_checking_the_file(statements: list[str], message: str, sound: Path, tmp_path: Path) -> None:
    with closing(SqliteStore(sound)) as store:
        store.check()
    with closing(SqliteStore(changed(sound, tmp_path, *statements))) as store, pytest.raises(StoreError, match=message):
        store.check()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE executions SET failure = replace(failure, '\"C\"', '\"D\"')", "the stored failure"),
        ("UPDATE executions SET stopped_ms = stopped_ms + 1", "the stored end"),
        ("UPDATE executions SET status = 'ABORTED'", "the stored status"),
        ("UPDATE executions SET output = x'31'", "the stored output"),
        ("UPDATE definitions SET text = replace(text, '\"C\"', '\"D\"')", "is not the text that was stored"),
        ("UPDATE origins SET snapshot = x'7b7d'", "cannot be read by this release"),
        ("UPDATE origins SET snapshot = x'7b'", "a stored snapshot of 1 bytes is damaged"),
        ("UPDATE origins SET snapshot = replace(snapshot, 'seed', 'sead')", "is damaged"),
        ("UPDATE origins SET input = x'ff'", "damaged"),
    ],
)
def test_replaying_finds_what_was_changed(statement: str, message: str, sound: Path, tmp_path: Path) -> None:
    path = changed(sound, tmp_path, statement)
    with closing(SqliteStore(path)) as store, pytest.raises(StatemachineError, match=message):
        replay(record(store, "failed"))


def test_a_store_that_may_not_be_written_to_can_be_read(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    shutil.copyfile(sound, path)

    def refuse(*_: Any) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(Connections, "_switch_to_wal", refuse)
    with pytest.raises(StoreError, match="readonly"):
        open_store(path, create=False)
    with closing(open_to_read(path)) as store:
        assert store.get("failed").status is ExecutionStatus.FAILED
    with pytest.raises(StoreError, match="there is no such file"):
        open_to_read(tmp_path / "missing.db")
