"""worker: takes over what nobody drives, and stops in peace; `run --no-wait`."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_runs import CHARGE, Command, begin_command, interrupt, is_in_a_state, stored, wait_until

SLOW = """
import pathlib, time

here = pathlib.Path(__file__).parent

def slow(value):
    with (here / "calls").open("a") as calls:
        calls.write("called\\n")
    while not (here / "go").exists():
        time.sleep(0.01)
    return "slow"
"""
TWO = f"""\
StartAt: Charge
States:
  Charge: {{Type: Task, Resource: "{CHARGE}", Next: Rest}}
  Rest: {{Type: Wait, Seconds: 3600, End: true}}
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(folder: Path) -> Iterator[Begin]:
    """Begins commands in processes of their own."""
    (folder / "slowly.py").write_text(SLOW)
    (folder / "slow.yaml").write_text(f"{CHARGE}: python:slowly:slow\n")
    (folder / "two.asl.yaml").write_text(TWO)
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        begun.append(begin_command(*arguments))
        return begun[-1]

    yield start
    (folder / "go").touch()
    for each in begun:
        each.kill()
        each.communicate()


def has_ended(name: str) -> bool:
    record = stored(name)
    return record is not None and record.stopped_ms is not None


def logged(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_worker_takes_over_from_a_process_that_was_killed(begin: Begin, command: Command) -> None:
    worker = begin("worker", "--tasks", "charge.yaml", "--log-format", "json")
    running = begin("run", "work.asl.yaml", "--tasks", "hang.yaml", "--name", "one", "-i", "7")
    wait_until(Path("called").exists, running)
    running.kill()
    running.communicate()
    wait_until(lambda: has_ended("one"), worker)
    assert command("show", "one", "--json").json["output"] == {"charged": 7}
    worker.send_signal(signal.SIGTERM)
    out, err = worker.communicate()
    assert (worker.returncode, out) == (0, ""), err
    lines = logged(err)
    ended = [each for each in lines if each.get("event") == "ExecutionSucceeded"]
    assert [(each["execution_id"], each["level"], each["machine"]) for each in ended] == [("one", "info", "work")]
    assert str(ended[0]["time"]).endswith("Z")
    assert lines[-1]["message"] == "stopped"


def test_a_worker_drives_what_was_left_to_it(begin: Begin, command: Command) -> None:
    left = command("run", "work.asl.yaml", "--tasks", "charge.yaml", "--no-wait", "--name", "one", "-i", "7")
    assert (left.status, left.out) == (0, "one\n")
    assert left.err == "It is driven by: statemachine worker\n"
    assert command("history", "one", "--json").json["events"] == []
    assert command("run", "work.asl.yaml", "--no-wait", "--name", "one", "-i", "7", "--json").json == {
        "id": "one",
        "status": "RUNNING",
    }
    other = command("run", "work.asl.yaml", "--no-wait", "--name", "one", "-i", "8")
    assert (other.status, "another definition or input" in other.err) == (2, True)
    worker = begin("worker")
    wait_until(lambda: has_ended("one"), worker)
    assert command("show", "one", "--json").json["output"] == {"charged": 7}


def test_sigterm_lets_tasks_end_and_begins_nothing_new(begin: Begin, command: Command) -> None:
    assert command("run", "two.asl.yaml", "--tasks", "slow.yaml", "--no-wait", "--name", "one").status == 0
    worker = begin("worker")
    wait_until(Path("calls").exists, worker)
    worker.send_signal(signal.SIGTERM)
    assert worker.stderr is not None
    wait_until(lambda: "stopping" in worker.stderr.readline(), worker)  # type: ignore[union-attr]
    Path("go").touch()
    _, err = worker.communicate()
    assert (worker.returncode, err.rstrip().endswith("stopped")) == (0, True), err
    events = [each["type"] for each in command("history", "one", "--json").json["events"]]
    assert "LambdaFunctionSucceeded" in events
    assert not has_ended("one")
    again = begin("worker")
    wait_until(lambda: stored("one").states == ("Rest",), again)  # type: ignore[union-attr]
    assert Path("calls").read_text() == "called\n"


def test_a_task_that_takes_too_long_is_cut_short(begin: Begin, command: Command) -> None:
    assert command("run", "two.asl.yaml", "--tasks", "slow.yaml", "--no-wait", "--name", "one").status == 0
    worker = begin("worker", "--drain-timeout", "0")
    wait_until(Path("calls").exists, worker)
    worker.send_signal(signal.SIGINT)
    _, err = worker.communicate()
    assert worker.returncode == 1
    assert "tasks were cut short; they are called again when their executions go on" in err


def test_the_second_signal_ends_it_at_once(begin: Begin, command: Command) -> None:
    assert command("run", "two.asl.yaml", "--tasks", "slow.yaml", "--no-wait", "--name", "one").status == 0
    worker = begin("worker", "--drain-timeout", "3600")
    wait_until(Path("calls").exists, worker)
    worker.send_signal(signal.SIGTERM)
    assert worker.stderr is not None
    wait_until(lambda: "stopping" in worker.stderr.readline(), worker)  # type: ignore[union-attr]
    worker.send_signal(signal.SIGTERM)
    worker.communicate()
    assert worker.returncode == 130
    Path("go").touch()
    again = begin("worker")
    wait_until(lambda: stored("one").states == ("Rest",), again)  # type: ignore[union-attr]
    assert Path("calls").read_text() == "called\n" * 2


def test_once_drives_what_there_is_and_tells_what_it_cannot(executions: Command, folder: Path) -> None:
    executions("run", "work.asl.yaml", "--tasks", "charge.yaml", "--no-wait", "--name", "unbound")
    Path("charge.yaml").unlink()
    executions("run", "fail.asl.yaml", "--no-wait", "--name", "failing")
    printed = executions("worker", "--once", "--metrics", "-")
    assert printed.status == 1
    assert "WARNING execution unbound is left alone: the tasks file" in printed.err
    assert "INFO    interrupted ExecutionSucceeded" in printed.err
    assert "WARNING failing ExecutionFailed Glass: it fell" in printed.err
    assert 'statemachine_executions_closed_total{status="SUCCEEDED"} 1\n' in printed.out
    assert stored("unbound").owner is None  # type: ignore[union-attr]
    assert executions("stop", "unbound").status == 0
    printed = executions("worker", "--once", "--log-level", "warning")
    assert (printed.status, printed.out, printed.err) == (0, "", "")


def test_metrics_go_to_a_file(executions: Command, folder: Path) -> None:
    assert executions("worker", "--once", "--metrics", "all.prom", "--log-level", "error").status == 0
    assert 'statemachine_executions_closed_total{status="SUCCEEDED"} 1\n' in Path("all.prom").read_text()
    assert sorted(each.name for each in folder.glob("all.prom*")) == ["all.prom"]
    printed = executions("worker", "--once", "--metrics", "no/where.prom")
    assert (printed.status, "No such file or directory" in printed.err) == (2, True)


def test_a_worker_removes_what_is_old(executions: Command, begin: Begin) -> None:
    worker = begin("worker", "--retain", "0s", "--log-level", "debug")
    assert stored("greeted") is not None
    wait_until(lambda: stored("greeted") is None and stored("failed") is None, worker)
    worker.send_signal(signal.SIGTERM)
    _, err = worker.communicate()
    assert worker.returncode == 0
    assert "removed 2 old executions" in err


def test_a_worker_offers_activities(begin: Begin, process: Command, folder: Path) -> None:
    arn = "arn:aws:states:us-east-1:123456789012:activity:approve"
    (folder / "activity.asl.yaml").write_text(
        f"StartAt: A\nStates:\n  A: {{Type: Task, Resource: '{arn}', End: true}}\n"
    )
    assert process("run", "activity.asl.yaml", "--no-wait", "--name", "one").status == 0
    worker = begin("worker")
    polled = process("activity", "poll", arn, "--wait", "30", "--json")
    assert polled.json["input"] == {}
    process("task", "succeed", polled.json["taskToken"], "-o", "5")
    wait_until(lambda: has_ended("one"), worker)
    assert process("show", "one", "--json").json["output"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("worker", "--store", "memory"), "a worker needs a store that other processes can open"),
        (("worker", "--retain", "long"), "'long' is no length of time: write 90s, 15min, 2h, 30d or 4w"),
        (("run", "greet.asl.yaml", "--no-wait", "--store", "memory"), "--no-wait needs a store"),
        (("run", "greet.asl.yaml", "--no-wait", "--name", "a/b"), "an execution cannot be called 'a/b'"),
    ],
)
def test_mistakes_of_usage(arguments: tuple[str, ...], message: str, command: Command) -> None:
    printed = command(*arguments)
    assert (printed.status, printed.out, message in printed.err) == (2, "", True)


def test_what_another_process_drives_is_left_to_it(begin: Begin, command: Command) -> None:
    running = begin("run", "work.asl.yaml", "--tasks", "hang.yaml", "--name", "one")
    wait_until(lambda: is_in_a_state("one"), running)
    interrupt("two", Path("waiting.asl.yaml"))
    assert command("worker", "--once").status == 0
    assert (has_ended("one"), has_ended("two")) == (False, True)
