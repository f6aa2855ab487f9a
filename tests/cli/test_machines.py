"""--machines and --data: nested state machines, and buckets, as a user names them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_runs import CHARGE, Command, interrupt

from statemachine.cli.binding import Given, bindings_source
from statemachine.store import open_store

CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
PARENT = f"""\
StartAt: Ask
States:
  Ask:
    Type: Task
    Resource: arn:aws:states:::states:startExecution.sync:2
    Parameters: {{StateMachineArn: {CHILD}, Name: kid, Input.$: $}}
    OutputPath: $.Output
    End: true
"""
DOUBLES = """\
StartAt: Double
States:
  Double: {Type: Pass, Parameters: {twice.$: "States.Array($.n, $.n)"}, End: true}
"""
RESTS = "StartAt: Rest\nStates:\n  Rest: {Type: Wait, Seconds: 1, Next: Done}\n  Done: {Type: Succeed}\n"
WORKS = f"StartAt: Charge\nStates:\n  Charge: {{Type: Task, Resource: '{CHARGE}', End: true}}\n"
READS = """\
StartAt: Each
States:
  Each:
    Type: Map
    ItemReader:
      Resource: arn:aws:states:::s3:getObject
      ReaderConfig: {InputType: JSON}
      Parameters: {Bucket: shop, Key: orders.json}
    ItemProcessor:
      ProcessorConfig: {Mode: DISTRIBUTED, ExecutionType: STANDARD}
      StartAt: One
      States:
        One: {Type: Pass, End: true}
    End: true
"""


@pytest.fixture(autouse=True)
def definitions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``parent.asl.yaml``, ``machines/child.asl.yaml``, and a map of them beside."""
    (folder / "parent.asl.yaml").write_text(PARENT)
    machines = folder / "machines"
    machines.mkdir()
    (machines / "child.asl.yaml").write_text(DOUBLES)
    (machines / "notes.yaml").write_text("not: a definition\n")
    (folder / "machines.yaml").write_text(f"{CHILD}: machines/child.asl.yaml\n")
    monkeypatch.delenv("STATEMACHINE_DATA", raising=False)
    return folder


@pytest.mark.parametrize("given", ["machines", "machines.yaml", "named.json"])
def test_a_task_starts_a_machine_of_a_folder_or_of_a_file(command: Command, given: str) -> None:
    Path("named.json").write_text(json.dumps({"child": "machines/child.asl.yaml"}))
    printed = command("run", "parent.asl.yaml", "-i", '{"n": 2}', "--machines", given, "--name", "one")
    assert (printed.status, printed.json) == (0, {"twice": [2, 2]})
    child = command("show", "kid", "--json").json
    assert (child["stateMachine"], child["status"]) == ("child", "SUCCEEDED")


def test_without_the_option_the_task_is_not_bound(command: Command) -> None:
    printed = command("run", "parent.asl.yaml")
    assert printed.status == 2
    assert "no handler is bound to:\n  arn:aws:states:::states:startExecution.sync:2\n" in printed.err
    assert (
        "Nothing was started. Name the state machines that it starts with --machines FILE or FOLDER.\n" in printed.err
    )
    assert "--tasks" not in printed.err


def test_a_machine_that_is_not_named_fails_the_task(command: Command) -> None:
    Path("machines/child.asl.yaml").rename("machines/other.asl.yaml")
    printed = command("run", "parent.asl.yaml", "--machines", "machines")
    assert printed.status == 1
    assert f"StepFunctions.StateMachineDoesNotExistException: State Machine Does Not Exist: '{CHILD}'" in printed.err


def test_its_tasks_are_bound_as_all_are(command: Command) -> None:
    Path("machines/child.asl.yaml").write_text(WORKS)
    printed = command("run", "parent.asl.yaml", "--machines", "machines")
    assert printed.status == 2
    assert f"no handler is bound to:\n  {CHARGE}\n" in printed.err
    printed = command("run", "parent.asl.yaml", "-i", "7", "--machines", "machines", "--tasks", "charge.yaml")
    assert printed.json == {"charged": 7}
    Path("machines/beside.py").write_text("def charge(value):\n    return 'beside'\n")
    Path("machines/child.asl.yaml").write_text(WORKS.replace(CHARGE, "python:beside:charge"))
    printed = command("run", "parent.asl.yaml", "-i", "8", "--machines", "machines", "--store", "memory")
    assert printed.json == "beside"


def test_resume_finds_the_machines_again(command: Command, folder: Path) -> None:
    """Whatever its working directory is; the child goes on with its parent."""
    (folder / "machines" / "child.asl.yaml").write_text(RESTS)
    options = ["--name", "one", "--machines", "machines", "-q"]
    running = subprocess.Popen(
        [sys.executable, "-m", "statemachine", "run", "parent.asl.yaml", *options], stderr=subprocess.DEVNULL
    )
    while True:
        if Path(".statemachine/store.db").exists():
            store = open_store()
            there = {each.id for each in store.list().records if each.states}
            store.close()
            if there == {"one", "kid"}:
                break
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 130
    store_path = str(folder / ".statemachine" / "store.db")
    printed = command("resume", "--store", store_path, "--json")
    assert printed.status == 0, printed.err
    ended = {each["id"]: each["status"] for each in printed.json["executions"]}
    assert ended == {"one": "SUCCEEDED", "kid": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("m.yaml", f"{CHILD}: gone.asl.yaml\n", f"m.yaml:1:59: {CHILD}: there is no file "),
        ("m.yaml", "child: 7\n", "m.yaml:1:8: A state machine is given by the path of its definition's file"),
        ("m.yaml", "[]\n", "m.yaml:1:1: "),
        ("m.yaml", "a: [\n", "m.yaml:"),
        ("m.yaml", "$schema: x\n", "m.yaml: names no state machine"),
        ("m.yaml", DOUBLES, "m.yaml is a definition, not a map of them: write a file with the line\n  NAME: m.yaml\n"),
        ("machines/child.asl.json", "{}", "have the same name, child: rename one of them"),
        ("machines/child.asl.yaml", "StartAt: B\nStates:\n  A: {Type: Succeed}\n", "child.asl.yaml:1:"),
    ],
    ids=["no-file", "no-text", "no-map", "no-yaml", "empty", "definition", "same-name", "mistakes"],
)
def test_mistakes_have_a_place(command: Command, file: str, text: str, said: str) -> None:
    Path(file).write_text(text)
    printed = command("run", "parent.asl.yaml", "--machines", file.partition("/")[0])
    assert (printed.status, printed.out) == (2, "")
    assert said in printed.err
    assert not Path(".statemachine").exists()


def test_a_folder_without_machines(command: Command) -> None:
    Path("empty").mkdir()
    printed = command("run", "parent.asl.yaml", "--machines", "empty")
    assert printed.status == 2
    assert "empty holds no state machine: its files are to end with .asl.json" in printed.err
    assert command("run", "parent.asl.yaml", "--machines", "gone").status == 2


def test_a_machines_file_that_has_gone_is_told_by_resume(command: Command) -> None:
    source = bindings_source(Given(machines=Path("machines.yaml")), Path.cwd())
    interrupt("left", Path("waiting.asl.yaml"), source)
    Path("machines.yaml").rename("moved.yaml")
    printed = command("resume", "left")
    assert printed.status == 2
    assert "machines.yaml is not there; name another one with --machines" in printed.err
    assert command("resume", "left", "--machines", "moved.yaml").status == 0


def test_executions_with_other_machines_are_resumed_by_themselves(command: Command) -> None:
    """One engine drives them all: it cannot have two machines of one name."""
    Path("others").mkdir()
    Path("others/child.asl.yaml").write_text(RESTS)
    for name in ("machines", "others"):
        interrupt(name, Path("waiting.asl.yaml"), bindings_source(Given(machines=Path(name)), Path.cwd()))
    printed = command("resume")
    assert printed.status == 2
    assert "execution machines: other executions have another state machine child" in printed.err
    assert "resume it by itself, with statemachine resume machines" in printed.err
    assert command("show", "others", "--json").json["status"] == "SUCCEEDED"
    assert command("resume", "machines").status == 0


# -- data --------------------------------------------------------------------------------------------------------------


def test_data_is_where_items_are_read(command: Command) -> None:
    Path("reads.asl.yaml").write_text(READS)
    Path("buckets/shop").mkdir(parents=True)
    Path("buckets/shop/orders.json").write_text("[1, 2, 3]")
    printed = command("run", "reads.asl.yaml", "--data", "buckets")
    assert (printed.status, printed.json) == (0, [1, 2, 3])
    printed = command("run", "reads.asl.yaml")
    assert printed.status == 2, "there is nothing to read from"
    printed = command("run", "reads.asl.yaml", "--data", "nowhere")
    assert printed.status == 2
    assert "'nowhere' is no folder: name one whose folders are the buckets, or s3" in printed.err


def test_show_tells_of_map_runs(command: Command) -> None:
    Path("reads.asl.yaml").write_text(READS)
    Path("buckets/shop").mkdir(parents=True)
    Path("buckets/shop/orders.json").write_text("[1, 2, 3]")
    assert command("run", "reads.asl.yaml", "--data", "buckets", "--name", "one").status == 0
    (told,) = command("show", "one", "--json").json["mapRuns"]
    assert told["status"] == "SUCCEEDED"
    assert told["itemCounts"] == told["executionCounts"]
    assert (told["itemCounts"]["total"], told["itemCounts"]["succeeded"]) == (3, 3)
    header, row = command("show", "one").out.rstrip().splitlines()[-2:]
    counts = ["ITEMS", "PENDING", "RUNNING", "SUCCEEDED", "FAILED", "ABORTED"]
    assert header.split() == ["MAP", "RUN", "OF", "TOOK", "STATUS", *counts]
    assert row.split()[0] == "Each"
    assert row.split()[-7:] == ["SUCCEEDED", "3", "0", "0", "3", "0", "0"]
    assert command("run", "greet.asl.yaml", "--name", "two").status == 0
    assert "mapRuns" not in command("show", "two", "--json").json
    assert "MAP RUN" not in command("show", "two").out


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_limit_is_named_where_the_failure_is_shown(command: Command) -> None:
    text = json.dumps("x" * 270_000)
    Path("large.asl.json").write_text(
        f'{{"StartAt": "A", "States": {{"A": {{"Type": "Pass", "Result": {text}, "End": true}}}}}}'
    )
    hint = "This is the limit payload_bytes, 262,144 on AWS. To lift it, start the execution with --limits none"
    printed = command("run", "large.asl.json", "--name", "one")
    assert printed.status == 1
    assert "States.DataLimitExceeded: The state/task 'A' returned a result with a size" in printed.err
    assert hint in printed.err
    assert hint in command("show", "one").out
    assert "payload_bytes" not in command("history", "one", "--json").out
    assert "payload_bytes" not in command("show", "one", "--json").out
    assert command("run", "large.asl.json", "-q", "--limits", "none").status == 0
