"""Real processes that run into what a machine can do to them: each says what is wrong and what to do, and another one
goes on afterwards as if nothing had happened."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from order_run import NAME, WAITING, OrderRun, check_finished

pytestmark = [pytest.mark.crash, pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")]

USAGE = 2
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
"""What makes root obey permissions."""
FULL = "the disk is full; free some space, or remove old executions with `statemachine prune`"
BROKEN = "the disk reported an error; check the disk, its free space and quota, and that the file is still there"


def limited(order: OrderRun, limit: int, most: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process with a limit on something."""
    program = (
        "import resource, runpy, signal, sys\n"
        f"resource.setrlimit({limit}, ({most}, {most}))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    driver = [sys.executable, "-c", program, str(Path(__file__).with_name("driver.py")), "never", "0"]
    ledger = str(order.folder / "ledger.jsonl")
    return subprocess.run(
        [*driver, *arguments],
        env={**os.environ, "ORDER_LEDGER": ledger, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check_refused(process: subprocess.CompletedProcess[str], *messages: str) -> None:
    """It ended with one of these messages, and not with a traceback."""
    assert "Traceback" not in process.stderr
    assert any(message in process.stderr for message in messages), process.stderr
    assert process.returncode == USAGE
    assert process.stdout == ""


def check_goes_on(order: OrderRun) -> None:
    """Without the fault it goes on. What was stored as completed is not done again."""
    completed, before = order.completed(), order.calls()
    check_finished(order, order.go_on())
    for operation in completed:
        assert order.calls()[operation] == before[operation] == 1


@pytest.mark.parametrize("kilobytes", [4, 60, 100, 140])
def test_a_disk_that_takes_no_more(kilobytes: int, order: OrderRun) -> None:
    """A limit on the size of files is, to SQLite, an error of the disk, at whatever it was writing."""
    process = limited(order, resource.RLIMIT_FSIZE, kilobytes * 1024, *order.run_arguments)
    if process.returncode == 0:
        check_finished(order, process, kills=0)
    else:
        check_refused(process, BROKEN)
    if order.store.exists() and not order.store.stat().st_size:
        order.store.unlink()
    check_goes_on(order)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system in memory, which can be made larger."""
    place = tmp_path / "disk"
    place.mkdir()

    def resize(kilobytes: int) -> Path:
        remount = "remount," if os.path.ismount(place) else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{remount}size={kilobytes}k", "none", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system may be mounted here")
        return place

    yield resize
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


@pytest.mark.parametrize("kilobytes", [16, 140, 180])
def test_a_full_disk(kilobytes: int, small_disk: Callable[[int], Path]) -> None:
    order = OrderRun(small_disk(kilobytes))
    process = order.command(*order.run_arguments)
    if process.returncode == 0:
        check_finished(order, process, kills=0)
    else:
        check_refused(process, FULL, BROKEN)  # SQLite takes a full disk for a broken one at some places
    small_disk(10_000)
    check_goes_on(order)


@pytest.mark.parametrize("descriptors", [10, 13, 16])
def test_no_more_files_can_be_opened(descriptors: int, order: OrderRun) -> None:
    process = limited(order, resource.RLIMIT_NOFILE, descriptors, *order.run_arguments)
    assert "Traceback" not in process.stderr
    if process.returncode == 0:
        check_finished(order, process, kills=0)
    else:
        assert process.returncode in (1, USAGE)
        assert "Error" in process.stderr
    order = OrderRun(order.folder / "again")
    order.folder.mkdir()
    check_goes_on(order)


@pytest.mark.parametrize("exists", [False, True])
def test_a_store_that_may_only_be_read(exists: bool, order: OrderRun) -> None:
    as_others = AS_OTHERS if os.geteuid() == 0 else ()
    if as_others and shutil.which(as_others[0]) is None:
        pytest.skip("root may write anywhere")

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        driver = [sys.executable, str(Path(__file__).with_name("driver.py")), "never", "0"]
        whole = [*as_others, *driver, *arguments]
        return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)

    if exists:
        assert order.command(*order.run_arguments, point="after", number=4).returncode == -signal.SIGKILL
        order.command("list", "--store", str(order.store))
        for each in order.folder.rglob("*"):
            each.chmod(0o755 if each.is_dir() else 0o444)
    order.folder.chmod(0o555)
    for arguments in (order.run_arguments, order.resume_arguments):
        check_refused(command(*arguments), "make the place writable", "read-only", "there is no such file")
    if exists:
        listed = command("list", "--json", "--store", str(order.store))
        assert (listed.returncode, NAME in listed.stdout) == (0, True), listed.stderr
    order.folder.chmod(0o755)
    for each in order.folder.rglob("*"):
        each.chmod(0o755 if each.is_dir() else 0o644)
    check_goes_on(order)


def test_a_store_that_is_removed_while_it_is_used(order: OrderRun, processes: list[subprocess.Popen[str]]) -> None:
    order.order = WAITING
    process = order.start(*order.run_arguments)
    processes.append(process)
    order.wait_for(lambda: (record := order.record()) is not None and record.states == ("WaitForPickup",))
    kept = order.folder / "kept"
    kept.mkdir()
    for each in order.folder.glob("store.db*"):
        if each.is_file():
            each.rename(kept / each.name)
    output, errors = process.communicate()
    check_refused(
        subprocess.CompletedProcess([], process.returncode, output, errors),
        "the file was removed or replaced while it was in use; nothing more is stored",
    )
    for each in kept.iterdir():
        each.rename(order.folder / each.name)
    check_goes_on(order)
