"""kill -9 at every commit point of the order example, then `resume`."""

from __future__ import annotations

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, product
from pathlib import Path

import pytest
from order_run import EXAMPLE, NAME, WAITING, OrderRun, check_finished, killed, shape

pytestmark = pytest.mark.crash

POINTS = ("before", "inside", "after")
MOST = 40
"""Transactions of a run at most: a guard for the loops."""


def survives(order: OrderRun, point: str, number: int, undisturbed: list[tuple[str, ...]]) -> bool:
    """Run it, killed at one point, and go on. Returns whether it was killed at all."""
    first = order.command(*order.run_arguments, point=point, number=number)
    if not killed(first):
        check_finished(order, first, kills=0)
        return False
    completed, before = order.completed(), order.calls()
    final = order.go_on()
    check_finished(order, final)
    assert shape(order.history()) == undisturbed
    after = order.calls()
    for operation in completed:
        assert before[operation] == after[operation] == 1, f"{operation} was completed and called again"
    return True


def test_killed_at_every_transaction_of_a_run(tmp_path: Path, undisturbed: list[tuple[str, ...]]) -> None:
    chains = 3
    """For each point: the runs mostly wait, so several go on at a time."""

    def numbers(point: str, first: int) -> list[tuple[str, int]]:
        """Kill at every third transaction until there is none left to be killed at."""
        reached = []
        for number in count(first, chains):
            assert number < MOST
            folder = tmp_path / f"{point}-{number}"
            folder.mkdir()
            if not survives(OrderRun(folder, WAITING), point, number, undisturbed):
                break
            reached.append((point, number))
        return reached

    begun = list(product(POINTS, range(1, chains + 1)))
    with ThreadPoolExecutor(len(begun)) as threads:
        reached = sorted(chain.from_iterable(threads.map(numbers, *zip(*begun, strict=True))))
    for point in POINTS:
        # Started, first outcomes, retry, second outcome, end of the wait, shipment. The first outcomes come in
        # one commit or in two: there may be one more.
        assert [number for each, number in reached if each == point][:6] == list(range(1, 7))


def test_killed_again_and_again_while_it_is_resumed(tmp_path: Path, undisturbed: list[tuple[str, ...]]) -> None:
    """Each process gets as far as its N-th transaction."""

    def killed_each_time(point: str, number: int) -> int:
        order = OrderRun(tmp_path / f"{point}-{number}", WAITING)
        order.folder.mkdir()
        process = order.command(*order.run_arguments, point=point, number=number)
        kills = 0
        while killed(process):
            kills += 1
            assert kills < MOST
            completed, before = order.completed(), order.calls()
            again = order.resume_arguments if order.record() else order.run_arguments
            process = order.command(*again, point=point, number=number)
            for operation in completed:
                assert order.calls()[operation] == before[operation]
        assert kills >= 1
        check_finished(order, process, kills)
        assert shape(order.history()) == undisturbed
        return kills

    chains = list(product(POINTS, (3, 4)))
    with ThreadPoolExecutor(len(chains)) as threads:
        kills = list(threads.map(killed_each_time, *zip(*chains, strict=True)))
    # A slow process finds its Wait over, and needs fewer transactions.
    assert max(kills) >= 2


def test_killed_before_anything_is_stored(order: OrderRun) -> None:
    assert killed(order.command(*order.run_arguments, point="before", number=1))
    assert order.record() is None
    assert order.calls() == {}
    assert order.command(*order.resume_arguments).returncode == 2


def test_starting_it_again_by_name_goes_on_as_well(order: OrderRun, undisturbed: list[tuple[str, ...]]) -> None:
    assert killed(order.command(*order.run_arguments, point="after", number=4))
    completed = order.completed()
    assert completed
    check_finished(order, order.command(*order.run_arguments))
    assert shape(order.history()) == undisturbed
    assert all(order.calls()[operation] == 1 for operation in completed)


def test_killed_while_it_waits(order: OrderRun, processes: list[subprocess.Popen[str]]) -> None:
    order.order = WAITING
    process = order.start(*order.run_arguments)
    processes.append(process)
    order.wait_for(lambda: (record := order.record()) is not None and record.states == ("WaitForPickup",))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    record = order.record()
    assert record is not None
    deadline_ms = record.next_deadline_ms
    check_finished(order, order.command(*order.resume_arguments), kills=0)
    assert set(order.calls().values()) == {1}
    waited = [event.at_ms for event in order.history() if event.type == "WaitStateExited"]
    assert deadline_ms is not None
    assert waited[0] >= deadline_ms  # the timer kept its time


def test_killed_inside_a_task(order: OrderRun) -> None:
    """What was in flight is called again, once, with the same operation id."""
    (order.folder / "deadly.py").write_text(
        f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(EXAMPLE)!r})
import handlers
from statemachine import TaskContext

def ship(parcel, context: TaskContext):
    result = handlers.ship(parcel, context)
    died = pathlib.Path(__file__).with_name("died")
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return result
"""
    )
    order.tasks = order.folder / "tasks.yaml"
    bound = (EXAMPLE / "tasks.yaml").read_text().replace("python:handlers:ship", "python:deadly:ship")
    order.tasks.write_text(bound)
    assert killed(order.command(*order.run_arguments))
    final = order.command(*order.resume_arguments)
    check_finished(order, final)
    called = [each["operation"] for each in order.ledger() if each["service"] == "ship"]
    assert len(called) == 2
    assert called[0] == called[1]
    assert sorted(order.calls().values()) == [1, 1, 1, 2]


@pytest.mark.parametrize("number", [2, 4])
def test_killed_without_fsync(number: int, order: OrderRun, undisturbed: list[tuple[str, ...]]) -> None:
    """A killed process loses nothing that was committed, whether it was synced or not."""
    order.options = ("--durability", "normal")
    assert survives(order, "after", number, undisturbed)


def test_killed_without_durability_it_starts_again(order: OrderRun, undisturbed: list[tuple[str, ...]]) -> None:
    """Only the start and the end are stored: all that was done is done again, with the same operation ids."""
    order.options = ("--durability", "none")
    assert killed(order.command(*order.run_arguments, point="before", number=2))
    assert set(order.calls().values()) == {1}
    assert order.completed() == set()
    check_finished(order, order.command(*order.resume_arguments))
    assert set(order.calls().values()) == {2}
    assert shape(order.history()) == undisturbed


def test_a_dead_process_leaves_nothing_that_blocks_others(order: OrderRun) -> None:
    assert killed(order.command(*order.run_arguments, point="inside", number=5))
    record = order.record()
    assert record is not None
    assert record.owner is not None  # it could not give it up
    owners = order.store.with_name(order.store.name + ".owners")
    assert list(owners.iterdir())
    listed = order.command("list", "--json", "--store", str(order.store))
    assert NAME in listed.stdout
    check_finished(order, order.go_on())
    assert not list(owners.iterdir())
