"""kill -9 at every commit point of the trip example, whose bookings are cancelled, then `resume`."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, product
from pathlib import Path

import pytest
from order_run import EXAMPLE, OrderRun, killed, shape

from statemachine.kernel.commands import ExecutionStatus

pytestmark = pytest.mark.crash

TRIP = EXAMPLE.parent / "trip-booking"
POINTS = ("before", "inside", "after")
MOST = 60
"""Transactions of a run at most: a guard for the loops."""
OPERATIONS = {"book flight": 1, "book hotel": 2, "rent car": 1, "cancel hotel": 4, "cancel flight": 1}
"""Of each service: the first attempt to cancel a hotel fails, and the second is an operation of its own."""


@pytest.fixture
def trip(tmp_path: Path) -> Callable[[str], OrderRun]:
    """A run in a folder of this name; its retries come at once."""
    written = (TRIP / "trip-booking.asl.yaml").read_text()
    hasty = written.replace("IntervalSeconds: 1", "IntervalSeconds: 0")
    assert hasty != written
    definition = tmp_path / "trip-booking.asl.yaml"
    definition.write_text(hasty)
    given = json.loads((TRIP / "trip.json").read_text())

    def make(name: str) -> OrderRun:
        folder = tmp_path / name
        folder.mkdir()
        return OrderRun(folder, given, TRIP / "tasks.yaml", definition=definition, name="trip")

    return make


def check_cancelled(trip: OrderRun, final: subprocess.CompletedProcess[str], kills: int = 1) -> None:
    """Everything that was booked is cancelled, the last booking first, and the execution has failed as the car did."""
    assert final.returncode == 1, final.stderr
    record = trip.record()
    assert record is not None
    assert (record.status, record.owner) == (ExecutionStatus.FAILED, None)
    history = trip.history()
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert history[-1].details == {"error": "NoCarLeft", "cause": "all cars in Lisbon are taken"}
    undone = [event.details for event in history if event.type == "CompensationSucceeded"]
    assert [each["state"] for each in undone if each] == ["BookHotel", "BookHotel", "BookFlight"]
    operations: dict[str, dict[str, str]] = {}
    for call in trip.ledger():
        operations.setdefault(call["service"], {}).setdefault(call["operation"], call["what"])
    assert {service: len(ids) for service, ids in operations.items()} == OPERATIONS
    assert Counter(operations["cancel hotel"].values()) == {"hotel-tuesday": 2, "hotel-monday": 2}
    assert max(trip.calls().values()) <= 1 + kills


def check_not_repeated(trip: OrderRun, completed: set[str], before: Counter[str]) -> None:
    for operation in completed:
        assert before[operation] == trip.calls()[operation] == 1, f"{operation} was completed and called again"


def test_killed_at_every_transaction(trip: Callable[[str], OrderRun]) -> None:
    undisturbed = trip("undisturbed")
    check_cancelled(undisturbed, undisturbed.command(*undisturbed.run_arguments), kills=0)
    expected = shape(undisturbed.history())
    chains = 3

    def numbers(point: str, first: int) -> list[tuple[str, int]]:
        """Kill at every third transaction until there is none left to be killed at."""
        reached = []
        for number in count(first, chains):
            assert number < MOST
            run = trip(f"{point}-{number}")
            process = run.command(*run.run_arguments, point=point, number=number)
            if not killed(process):
                check_cancelled(run, process, kills=0)
                break
            completed, before = run.completed(), run.calls()
            check_cancelled(run, run.go_on())
            check_not_repeated(run, completed, before)
            assert shape(run.history()) == expected
            reached.append((point, number))
        return reached

    begun = list(product(POINTS, range(1, chains + 1)))
    with ThreadPoolExecutor(len(begun)) as threads:
        reached = sorted(chain.from_iterable(threads.map(numbers, *zip(*begun, strict=True))))
    for point in POINTS:
        # Created, started, four bookings, five cancellations; two of these commits may be one.
        assert [number for each, number in reached if each == point][:10] == list(range(1, 11))


def test_killed_again_and_again_while_it_is_resumed(trip: Callable[[str], OrderRun]) -> None:
    """Each process gets as far as its N-th transaction."""

    def killed_each_time(point: str, number: int) -> None:
        run = trip(f"{point}-{number}")
        process = run.command(*run.run_arguments, point=point, number=number)
        kills = 0
        while killed(process):
            kills += 1
            assert kills < MOST
            completed, before = run.completed(), run.calls()
            again = run.resume_arguments if run.record() else run.run_arguments
            process = run.command(*again, point=point, number=number)
            for operation in completed:
                assert run.calls()[operation] == before[operation]
        assert kills >= 2
        check_cancelled(run, process, kills)

    chains = list(product(POINTS, (3, 4)))
    with ThreadPoolExecutor(len(chains)) as threads:
        list(threads.map(killed_each_time, *zip(*chains, strict=True)))
