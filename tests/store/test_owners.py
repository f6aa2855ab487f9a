"""Ownership across processes. Processes are synchronised through pipes: no test sleeps."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import ExecutionOwnedError, StoreError
from statemachine.kernel.commands import ExecutionStatus
from statemachine.store.owners import Owner
from statemachine.store.sqlite import SqliteStore

Open = Callable[..., SqliteStore]

CLAIMER = """
import sys
from statemachine.errors import ExecutionOwnedError
from statemachine.store.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
for line in sys.stdin:
    try:
        store.claim(line.strip())
        print("claimed", flush=True)
    except ExecutionOwnedError as error:
        print("refused", error, flush=True)
"""


class Process:
    """Another process that claims what it is told to."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def claim(self, execution_id: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(execution_id + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def start(path: Path) -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def start_one() -> Process:
        started.append(Process(path))
        return started[-1]

    yield start_one
    for each in started:
        each.process.kill()
        each.process.communicate()


def owner_files(path: Path) -> list[str]:
    return sorted(each.name for each in path.with_name("store.db.owners").iterdir())


@pytest.mark.crash
class TestProcesses:
    def test_killed_owner_is_replaced_at_once(
        self, open_sqlite: Open, samples: Any, start: Callable[[], Process], path: Path
    ) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        store.release("one")
        first, second = start(), start()
        assert first.claim("one") == "claimed\n"
        refusal = second.claim("one")
        assert refusal.startswith(f"refused execution one is driven by process {first.process.pid} on ")
        with pytest.raises(ExecutionOwnedError, match=str(first.process.pid)):
            store.claim("one")
        first.kill()
        assert second.claim("one") == "claimed\n"
        assert second.claim("one") == "claimed\n"
        with pytest.raises(ExecutionOwnedError, match=str(second.process.pid)):
            store.claim("one")
        second.kill()
        store.claim("one")
        store.commit([samples.commit()])
        assert owner_files(path) == [store.get("one").owner]

    def test_ended_owner_gives_up(self, open_sqlite: Open, samples: Any, start: Callable[[], Process]) -> None:
        """A process that ends without closing its store, but not by force."""
        store = open_sqlite()
        store.create([samples.new()])
        store.release("one")
        other = start()
        assert other.claim("one") == "claimed\n"
        other.end()
        store.claim("one")

    def test_killed_while_writing(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        program = (
            "import sys; sys.path.insert(0, sys.argv[2]); from conftest import Samples\n"
            "from statemachine.store.sqlite import SqliteStore\n"
            "store = SqliteStore(sys.argv[1]); samples = Samples(); store.create([samples.new()])\n"
            "for sequence in range(1_000_000):\n"
            "    store.commit([samples.commit(sequence=sequence)]); print(sequence, flush=True)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 200:
                break
        process.kill()
        rest, _ = process.communicate()
        reported = int(rest.split("\n")[-2]) if "\n" in rest else 200
        store = open_sqlite()
        recovery = store.claim("one")
        # What was reported is there; at most one more was stored before it could be reported, or was cut off.
        assert reported < recovery.record.sequence <= reported + 2
        assert len(recovery.events) == recovery.record.sequence == len(list(store.history("one")))
        store.commit([samples.commit(sequence=recovery.record.sequence)])

    def test_a_store_that_others_drive_is_not_compacted(
        self, open_sqlite: Open, samples: Any, start: Callable[[], Process]
    ) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        store.compact()
        store.release("one")
        other = start()
        assert other.claim("one") == "claimed\n"
        with pytest.raises(StoreError, match=rf"process {other.process.pid} on .* drives executions of it"):
            store.compact()
        other.kill()
        store.compact()

    def test_dead_owner_does_not_keep_a_closed_execution(
        self, open_sqlite: Open, samples: Any, start: Callable[[], Process]
    ) -> None:
        store = open_sqlite()
        store.create([samples.new()], [samples.commit(status=ExecutionStatus.FAILED, updated_ms=1)])
        other = start()
        assert other.claim("one") == "claimed\n"
        assert store.prune(2) == 0
        other.kill()
        assert store.prune(2) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.crash
class TestFork:
    def in_child(self, work: Callable[[], str]) -> str:
        """What `work` returns in a forked child."""
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write_end, work().encode())
            finally:
                os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        return text

    def test_child_cannot_use_the_store(self, open_sqlite: Open, samples: Any) -> None:
        store = open_sqlite()
        store.create([samples.new()])

        def work() -> str:
            found: list[str] = []
            for call in (lambda: store.commit([samples.commit()]), lambda: store.get("one"), store.list):
                try:
                    call()
                    found.append("done")
                except StoreError as error:
                    found.append(str(error).rsplit(": ", 1)[1])
            store.close()
            return "\n".join(found)

        message = "it was opened before a fork; open it again in the child process"
        assert self.in_child(work) == "\n".join([message] * 3)
        store.commit([samples.commit()])
        assert store.get("one").owner is not None

    def test_child_cannot_claim_what_its_parent_owns(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        open_sqlite().create([samples.new()])

        def work() -> str:
            try:
                SqliteStore(path).claim("one")
            except ExecutionOwnedError as error:
                return str(error)
            return "claimed"

        assert f"driven by process {os.getpid()}" in self.in_child(work)

    def test_child_does_not_keep_its_parents_lock(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        """A parent that is killed while its child lives on."""
        store = open_sqlite()
        store.create([samples.new()])
        store.release("one")
        ready_read, ready_write = os.pipe()
        stop_read, stop_write = os.pipe()
        parent = os.fork()
        if parent == 0:
            os.close(stop_write)
            owner = SqliteStore(path)
            owner.claim("one")
            if os.fork() == 0:
                os.write(ready_write, b"%d" % os.getpid())
                os.read(stop_read, 1)
                os._exit(0)
            os.read(stop_read, 1)
            os._exit(0)
        os.close(stop_read)
        assert int(os.read(ready_read, 20)) > 0
        with pytest.raises(ExecutionOwnedError):
            store.claim("one")
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        store.claim("one")
        for descriptor in (ready_read, ready_write, stop_write):
            os.close(descriptor)


class TestFiles:
    def test_readers_make_none(self, open_sqlite: Open, path: Path) -> None:
        store = open_sqlite()
        store.list()
        assert not path.with_name("store.db.owners").exists()

    def test_close_removes_its_own(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        first, second = open_sqlite(), open_sqlite()
        first.create([samples.new("one")])
        second.create([samples.new("two")])
        assert owner_files(path) == sorted([str(first.get("one").owner), str(first.get("two").owner)])
        first.close()
        assert owner_files(path) == [second.get("two").owner]

    def test_forgotten_owner_gives_up(self, tmp_path: Path) -> None:
        owner, asking = Owner(tmp_path), Owner(tmp_path)
        owner_id = owner.acquire()
        assert asking.living(owner_id) is not None
        del owner
        gc.collect()
        assert asking.living(owner_id) is None
        assert list(tmp_path.iterdir()) == []

    def test_left_over_files_are_swept(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        directory = path.with_name("store.db.owners")
        directory.mkdir()
        (directory / ("0" * 32)).write_text("")
        (directory / "README").write_text("not ours")
        store = open_sqlite()
        store.create([samples.new()])
        assert owner_files(path) == sorted(["README", str(store.get("one").owner)])

    @pytest.mark.parametrize("owner", ["../store.db", "f" * 32, "", "x" * 9000, "a/b"])
    def test_owner_that_is_none(self, open_sqlite: Open, samples: Any, path: Path, owner: str) -> None:
        store = open_sqlite()
        store.create([samples.new()])
        store.release("one")
        with store._connections.writing() as connection:
            connection.execute("UPDATE executions SET owner = ?", (owner,))
        store.claim("one")
        assert path.exists()

    @pytest.mark.parametrize("text", ["", "{}", "[1]", "{", '{"pid": "x", "host": 1}'])
    def test_lock_file_without_a_name(self, tmp_path: Path, text: str) -> None:
        living, asking = Owner(tmp_path), Owner(tmp_path)
        owner_id = living.acquire()
        (tmp_path / owner_id).write_text(text)
        assert asking.living(owner_id) == "an unknown process"
        living.close()
        assert asking.living(owner_id) is None

    def test_place_that_is_no_directory(self, open_sqlite: Open, samples: Any, path: Path) -> None:
        store = open_sqlite()
        path.with_name("store.db.owners").write_text("")
        with pytest.raises(StoreError, match="no lock file can be made"):
            store.create([samples.new()])
        assert store.list().records == ()
