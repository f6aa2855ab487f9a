"""task, activity and stop: what one process wants of the executions of another."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_runs import Command, begin_command, interrupt, is_in_a_state, stored, wait_until

SEND = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ASK = f"""\
StartAt: Ask
States:
  Ask: {{Type: Task, Resource: "{SEND}", Parameters: {{"Token.$": $$.Task.Token}}, End: true}}
"""
APPROVE = "arn:aws:states:us-east-1:123456789012:activity:approve"
ACTIVITY = f"StartAt: Approve\nStates:\n  Approve: {{Type: Task, Resource: '{APPROVE}', End: true}}\n"
NESTED = """\
StartAt: Child
States:
  Child:
    Type: Task
    Resource: arn:aws:states:::states:startExecution.sync:2
    Parameters: {StateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:work", Name: the-child}
    End: true
"""
SAGA = """\
StartAt: Book
States:
  Book: {Type: Task, Resource: "python:own:book", CompensateWith: Cancel, Next: Rest}
  Rest: {Type: Wait, Seconds: 3600, End: true}
  Cancel: {Type: Task, Resource: "python:own:cancel", End: true}
"""
OWN = """
import asyncio, os, pathlib

here = pathlib.Path(__file__).parent

def ask(value):
    (here / "token.new").write_text(value["Token"])
    os.replace(here / "token.new", here / "token")
    return {}

async def hang(value):
    (here / "called").touch()
    try:
        await asyncio.sleep(3600)
    finally:
        (here / "cancelled").touch()

def book(value):
    return "booked"

def cancel(value):
    (here / "undone").touch()
"""


@pytest.fixture(autouse=True)
def definitions(folder: Path) -> None:
    for name, text in (("ask", ASK), ("activity", ACTIVITY), ("nested", NESTED), ("saga", SAGA)):
        (folder / f"{name}.asl.yaml").write_text(text)
    (folder / "own.py").write_text(OWN)
    (folder / "machines.yaml").write_text("work: work.asl.yaml\n")
    (folder / "ask.yaml").write_text(f"{SEND}: python:own:ask\n")
    (folder / "own.yaml").write_text("arn:aws:lambda:us-east-1:123456789012:function:charge: python:own:hang\n")


@pytest.fixture
def begin() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins commands in processes of their own."""
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        begun.append(begin_command(*arguments))
        return begun[-1]

    yield start
    for each in begun:
        each.kill()
        each.communicate()


Begin = Callable[..., "subprocess.Popen[str]"]


def asked(begin: Begin, name: str) -> tuple[subprocess.Popen[str], str]:
    """An execution that waits for its token, and the token."""
    running = begin("run", "ask.asl.yaml", "--tasks", "ask.yaml", "--name", name)
    wait_until(Path("token").exists, running)
    return running, Path("token").read_text()


# -- task ------------------------------------------------------------------------------------------------------------


def test_a_token_is_answered_from_another_process(begin: Begin, process: Command) -> None:
    running, token = asked(begin, "one")
    assert process("task", "heartbeat", token).status == 0
    answered = process("task", "succeed", token, "--output", '{"approved": true}')
    assert (answered.status, answered.out, answered.err) == (0, "", "")
    out, err = running.communicate()
    assert (running.returncode, out) == (0, '{"approved": true}\n'), err
    late = process("task", "succeed", token)
    assert (late.status, late.err) == (1, "Too late: the execution of this task has ended\n")


def test_a_task_is_failed_from_another_process(begin: Begin, command: Command) -> None:
    running, token = asked(begin, "one")
    assert command("task", "fail", token, "--error", "Refused", "--cause", "not today").status == 0
    _, err = running.communicate()
    assert running.returncode == 1
    assert "Refused: not today" in err


def test_an_answer_waits_for_an_execution_that_nobody_drives(begin: Begin, process: Command) -> None:
    running, token = asked(begin, "one")
    running.send_signal(signal.SIGTERM)
    running.communicate()
    left = process("task", "succeed", token, "-o", "7")
    assert left.status == 0
    assert "Stored. Nobody drives its execution; it goes on with: statemachine resume one\n" in left.err
    assert process("resume", "one", "-q").out == "7\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("succeed", "nonsense"), "this is not a task token; `statemachine show ID --json` has the tokens"),
        (("succeed", "nobody/1/00000000000000000000000000000000"), "the execution of this token is not known"),
        (("heartbeat", "greeted/1/00000000000000000000000000000000"), "the execution of this task has ended"),
        (("succeed", "x", "--output", "{bad"), "Invalid value for '--output': the value is not JSON"),
        (("suceed", "x"), "suceed"),
    ],
)
def test_a_task_that_cannot_be_answered(arguments: tuple[str, ...], message: str, executions: Command) -> None:
    printed = executions("task", *arguments)
    assert printed.status == (1 if "ended" in message else 2)
    assert (printed.out, message in printed.err) == ("", True), printed.err


# -- activity --------------------------------------------------------------------------------------------------------


def test_an_activity_is_polled_from_another_process(begin: Begin, process: Command) -> None:
    running = begin("run", "activity.asl.yaml", "--name", "one", "-i", '{"amount": 3}')
    wait_until(lambda: is_in_a_state("one"), running)
    polled = process("activity", "poll", APPROVE, "--worker", "clerk", "--wait", "30")
    assert polled.status == 0, polled.err
    token, given = polled.out.splitlines()
    assert given == '{"amount": 3}'
    assert process("task", "succeed", token, "-o", '"yes"').status == 0
    out, err = running.communicate()
    assert (running.returncode, out) == (0, '"yes"\n')
    assert f"Workers take its tasks with: statemachine activity poll {APPROVE}\n" in err
    started = [each for each in process("history", "one", "--json").json["events"] if each["type"] == "ActivityStarted"]
    assert started[0]["activityStartedEventDetails"] == {"workerName": "clerk"}


def test_no_task_of_an_activity(executions: Command) -> None:
    printed = executions("activity", "poll", APPROVE, "--wait", "0")
    assert (printed.status, printed.out, printed.err) == (1, "", f"No task of {APPROVE} came.\n")
    printed = executions("activity", "poll", APPROVE, "--wait", "0", "--json")
    assert (printed.status, printed.json) == (1, {"taskToken": None})
    printed = executions("activity", "poll", "arn:aws:lambda:us-east-1:123456789012:function:f", "--wait", "0")
    assert (printed.status, "is not the ARN of an activity, such as arn:" in printed.err) == (2, True)


def test_an_activity_cannot_be_polled_in_a_store_in_memory(command: Command) -> None:
    printed = command("run", "activity.asl.yaml", "--store", "memory")
    assert printed.status == 2
    assert f"no handler is bound to:\n  {APPROVE}\n" in printed.err


# -- stop ------------------------------------------------------------------------------------------------------------


def test_stop_reaches_the_process_that_drives_it_and_its_handlers(begin: Begin, process: Command) -> None:
    running = begin("run", "work.asl.yaml", "--tasks", "own.yaml", "--name", "one")
    wait_until(Path("called").exists, running)
    stopped = process("stop", "one", "--error", "Enough", "--cause", "of this")
    assert (stopped.status, stopped.out, stopped.err) == (0, "one ABORTED\n", "")
    _, err = running.communicate()
    assert running.returncode == 1
    assert "Enough: of this" in err
    assert Path("cancelled").exists()
    again = process("stop", "one", "--json")
    assert again.status == 0
    assert again.json["executions"][0]["error"] == "Enough"


@pytest.mark.parametrize("is_driven", [True, False])
def test_stop_reaches_children(is_driven: bool, begin: Begin, command: Command, folder: Path) -> None:
    running = begin("run", "nested.asl.yaml", "--tasks", "own.yaml", "--machines", "machines.yaml", "--name", "parent")
    wait_until(Path("called").exists, running)
    if not is_driven:
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert command("stop", "parent").out == "parent ABORTED\n"
    running.communicate()
    child = stored("the-child")
    assert child is not None
    assert child.status.value == "ABORTED"


def test_stop_claims_what_nobody_drives(executions: Command) -> None:
    printed = executions("stop", "interrupted", "greeted")
    assert printed.status == 0
    assert printed.out == "interrupted ABORTED\ngreeted SUCCEEDED before: there was nothing to stop\n"
    assert executions("show", "interrupted", "--json").json["status"] == "ABORTED"


def test_stop_all_of_a_machine(executions: Command) -> None:
    interrupt("second", Path("other.asl.yaml"))
    assert executions("stop", "--all", "--machine", "other").out == "second ABORTED\n"
    assert executions("stop", "--all", "--quiet").out == ""
    printed = executions("stop", "--all")
    assert (printed.status, printed.out, printed.err) == (0, "", "Nothing to stop.\n")
    assert executions("list", "--status", "running", "--json").json["executions"] == []


def test_stop_undoes_what_was_completed_if_that_is_wanted(begin: Begin, process: Command) -> None:
    running = begin("run", "saga.asl.yaml", "--name", "one")
    wait_until(lambda: is_in_a_state("one") and stored("one").states == ("Rest",), running)  # type: ignore[union-attr]
    running.send_signal(signal.SIGKILL)
    running.communicate()
    Path("own.py").rename("hidden.py")
    printed = process("stop", "one", "--compensate")
    assert printed.status == 2
    assert "Error: execution one: " in printed.err
    Path("hidden.py").rename("own.py")
    printed = process("stop", "one", "--compensate")
    assert (printed.status, printed.out) == (0, "one ABORTED\n"), printed.err
    assert Path("undone").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the executions to stop, or use --all"),
        (("greeted", "--all"), "name the executions to stop, or use --all"),
        (("greeted", "--machine", "greet"), "--machine chooses among --all"),
        (("nobody",), "no execution 'nobody'"),
    ],
)
def test_stop_is_used_wrongly(arguments: tuple[str, ...], message: str, executions: Command) -> None:
    printed = executions("stop", *arguments)
    assert (printed.status, printed.out, message in printed.err) == (2, "", True)
