"""SIGINT, SIGTERM, and two processes that want the same execution."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from order_run import NAME, ORDER, WAITING, OrderRun, check_finished

from statemachine.kernel.commands import ExecutionStatus

pytestmark = pytest.mark.crash

Processes = list[subprocess.Popen[str]]


def waiting(order: OrderRun, processes: Processes, *arguments: str) -> subprocess.Popen[str]:
    """A process whose execution has got to its Wait."""
    process = order.start(*(arguments or order.run_arguments))
    processes.append(process)

    def waits() -> bool:
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        record = order.record()
        return record is not None and record.states == ("WaitForPickup",)

    order.wait_for(waits)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_and_says_how_to_go_on(
    number: signal.Signals, order: OrderRun, processes: Processes
) -> None:
    order.order = {**WAITING, "paymentFailures": 0}
    process = waiting(order, processes)
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert output == ""
    assert f"statemachine resume {NAME} --store {order.store}" in errors
    assert "Traceback" not in errors
    record = order.record()
    assert record is not None
    assert (record.status, record.owner) == (ExecutionStatus.RUNNING, None)
    final = order.command(*order.resume_arguments)
    assert final.returncode == 0
    assert json.loads(final.stdout)["shipment"] == {"trackingNumber": "track-7"}
    assert set(order.calls().values()) == {1}


def test_an_interrupted_command_prints_json_if_asked(order: OrderRun, processes: Processes) -> None:
    order.order = {**ORDER, "pickupInSeconds": 60, "paymentFailures": 0}
    process = waiting(order, processes, *order.run_arguments, "--json")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130
    assert json.loads(output) == {"id": NAME, "status": "RUNNING"}


def test_a_handler_that_hangs_does_not_keep_the_command_from_ending(order: OrderRun, processes: Processes) -> None:
    (order.folder / "hanging.py").write_text(
        """
import pathlib, time

def charge(order):
    pathlib.Path(__file__).with_name("called").touch()
    while True:
        time.sleep(60)
"""
    )
    order.tasks = order.folder / "tasks.yaml"
    order.tasks.write_text(
        "arn:aws:lambda:us-east-1:123456789012:function:charge-payment: python:hanging:charge\n"
        + "".join(
            f"arn:aws:lambda:us-east-1:123456789012:function:{each}: python:builtins:dict\n"
            for each in ("reserve-stock", "release-stock", "ship-order")
        )
    )
    process = order.start(*order.run_arguments)
    processes.append(process)
    order.wait_for((order.folder / "called").exists)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 130


def test_only_one_process_drives_an_execution(order: OrderRun, processes: Processes) -> None:
    order.order = {**ORDER, "pickupInSeconds": 60, "paymentFailures": 0}
    driver = waiting(order, processes)
    refused = order.command(*order.resume_arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert f"{NAME} is driven by process {driver.pid}" in refused.stderr
    again = order.command(*order.run_arguments)
    assert (again.returncode, again.stdout) == (2, "")
    assert f"process {driver.pid}" in again.stderr
    rest = order.command("resume", "--store", str(order.store))
    assert rest.returncode == 0
    assert f"Left alone: execution {NAME} is driven by process {driver.pid}" in rest.stderr
    # The driver has noticed nothing of it.
    assert driver.poll() is None
    driver.send_signal(signal.SIGTERM)
    _, errors = driver.communicate()
    assert driver.returncode == 130
    assert f"statemachine resume {NAME}" in errors
    assert set(order.calls().values()) == {1}


def test_two_processes_resume_at_the_same_time(order: OrderRun, processes: Processes) -> None:
    assert order.command(*order.run_arguments, point="after", number=5).returncode == -signal.SIGKILL
    both = [order.start(*order.resume_arguments) for _ in range(2)]
    processes += both
    ends = [each.communicate() for each in both]
    statuses = [each.returncode for each in both]
    winner = statuses.index(0)
    check_finished(order, subprocess.CompletedProcess([], 0, *ends[winner]))
    # The other one was refused, or came so late that it had ended.
    assert statuses[1 - winner] in (0, 2)
    if statuses[1 - winner] == 2:
        assert "is driven by process" in ends[1 - winner][1]
