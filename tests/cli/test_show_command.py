"""``show``: where an execution is, what failed and where, as of an event, as a timeline, and what it used."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Command

from statemachine.cli.binding import Given, bindings_source
from statemachine.errors import KernelError
from statemachine.runtime.engine import Engine

TRIP = """\
StartAt: Init
States:
  Init: {Type: Pass, Assign: {traveller: Ann, nights: [1, 2]}, Next: Book}
  Book: {Type: Task, Resource: "python:handlers:book", CompensateWith: Unbook, Next: Both}
  Unbook: {Type: Task, Resource: "python:handlers:unbook", End: true}
  Both:
    Type: Parallel
    Branches:
      - StartAt: Flaky
        States:
          Flaky:
            Type: Task
            Resource: python:handlers:broken
            Retry: [{ErrorEquals: [OSError], MaxAttempts: ATTEMPTS, IntervalSeconds: INTERVAL}]
            End: true
      - StartAt: Each
        States:
          Each:
            Type: Map
            ItemsPath: $.items
            ItemProcessor: {StartAt: Rest, States: {Rest: {Type: Wait, Seconds: 1000, End: true}}}
            End: true
    End: true
"""
HANDLERS = """
def book(value):
    return value

def unbook(value):
    return "undone"

def broken(value):
    raise OSError("busy")
"""


async def start_until(path: Path, input: Any, name: str, event_type: str) -> None:
    """An execution whose process goes when an event of this type is there."""
    async with Engine() as engine:
        await engine.start(path, input, name=name, tasks_source=bindings_source(Given(), Path.cwd()))
        while not any(event.type == event_type for event in engine.history(name)):  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # the engine tells of ends only


@pytest.fixture
def trip(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A store with `waiting`, which was interrupted while it waited for a retry, and `failed`."""
    Path("handlers.py").write_text(HANDLERS)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("failed.asl.yaml").write_text(TRIP.replace("ATTEMPTS", "0").replace("INTERVAL", "1"))
    path = Path("waiting.asl.yaml")
    path.write_text(TRIP.replace("ATTEMPTS", "3").replace("INTERVAL", "500"))

    asyncio.run(start_until(path, {"items": [7, 8]}, "waiting", "TaskFailed"))
    assert command("run", "failed.asl.yaml", "-q", "--name", "failed", "-i", '{"items": [7, 8]}').status == 1
    return command


def section(text: str, header: str) -> list[str]:
    """The rows of a table, by the beginning of its header."""
    (found,) = [each for each in text.split("\n\n") if each.splitlines()[0].startswith(header)]
    return [" ".join(line.split()) for line in found.splitlines()[1:]]


def test_what_is_in_flight(trip: Command) -> None:
    printed = trip("show", "waiting")
    rows = section(printed.out, "IN FLIGHT")
    assert rows[0] == "Both 0 of 2 branches done, 2 running"
    assert rows[1].startswith("[branch 0] Flaky attempt 2 of 4 in 8 min")
    assert rows[2:4] == ["after OSError: busy", "[branch 1] Each 0 of 2 items done, 2 running"]
    assert [row.split(" for another 16 min")[0] for row in rows[4:]] == [
        "[iteration 0] Rest waits", "[iteration 1] Rest waits",
    ]  # fmt: skip
    assert section(printed.out, "VARIABLE") == ["$nights 5 B [1,2]", '$traveller 5 B "Ann"']
    assert section(printed.out, "COMPLETED") == ["Book Unbook registered"]


def test_it_fits_the_line(trip: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (80, 60):
        monkeypatch.setenv("COLUMNS", str(columns))
        for arguments in (("show", "waiting"), ("show", "failed"), ("show", "failed", "--timeline"), ("list",),
                          ("history", "failed"), ("history", "failed", "--follow")):  # fmt: skip
            printed = trip(*arguments)
            assert printed.status == 0
            assert max(map(len, printed.out.splitlines())) <= columns, (columns, arguments)


def test_in_json(trip: Command) -> None:
    shown = trip("show", "waiting", "--json").json
    both, flaky, each, *_ = shown["inFlight"]
    assert (both["state"], both["doing"], both["total"], both["running"]) == ("Both", "branches", 2, 2)
    assert (flaky["scope"], flaky["attempt"], flaky["attemptsAtMost"], flaky["error"]) == ("branch 0", 2, 4, "OSError")
    assert (each["doing"], each["total"], each["pending"]) == ("iterations", 2, 0)
    assert [(each["name"], each["value"]) for each in shown["variables"]] == [("nights", [1, 2]), ("traveller", "Ann")]
    assert shown["compensations"] == {
        "succeeded": 0,
        "held": [{"state": "Book", "compensateWith": "Unbook", "status": "registered"}],
    }
    assert shown["redriveCount"] == 0
    assert "failedIn" not in shown


def test_where_it_failed(trip: Command) -> None:
    printed = trip("show", "failed")
    assert "Failure    OSError: busy\n" in printed.out
    assert "Failed at  Flaky, line 11 of the definition\n" in printed.out
    assert "Compensations that have succeeded: 1" in printed.out
    assert "IN FLIGHT" not in printed.out
    assert printed.err == ""
    assert trip("show", "failed", "--json").json["failedIn"] == {"state": "Flaky", "line": 11, "attempts": 1}


def test_while_it_undoes(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    path = Path("undo.asl.yaml")
    path.write_text(
        """\
StartAt: Book
States:
  Book: {Type: Task, Resource: "python:handlers:charge", CompensateWith: Rest, Next: Pay}
  Pay: {Type: Task, Resource: "python:handlers:decline", End: true}
  Rest: {Type: Wait, Seconds: 1000, End: true}
"""
    )
    asyncio.run(start_until(path, {}, "undoing", "WaitStateEntered"))
    printed = command("show", "undoing")
    assert "Undoes       what has completed, because of ValueError: no money\n" in printed.out
    assert section(printed.out, "COMPLETED") == ["Book Rest running"]
    (row,) = section(printed.out, "IN FLIGHT")
    assert row.startswith("[compensation of Book] Rest waits for another 16 min")
    assert command("show", "undoing", "--json").json["compensating"] == {"error": "ValueError", "cause": "no money"}


def test_what_this_release_cannot_read_is_shown_as_far_as_it_can(
    executions: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise KernelError("a snapshot of version 9 cannot be read by this release")

    monkeypatch.setattr("statemachine.cli.showing.recover", refuse)
    printed = executions("show", "failed")
    assert printed.status == 0
    assert "Failure    Glass: it fell" in printed.out
    assert "Where it is cannot be told: a snapshot of version 9" in printed.err


def types(executions: Command, name: str) -> list[str]:
    return [each["type"] for each in executions("history", name, "--json").json["events"]]


def test_as_of_an_event(trip: Command) -> None:
    number = types(trip, "failed").index("CompensationStarted")  # the event before it
    printed = trip("show", "failed", "--at", str(number))
    assert printed.err == ""
    assert "As of        event " in printed.out
    assert "Status       RUNNING\n" in printed.out
    assert "Failed at" not in printed.out
    assert section(printed.out, "COMPLETED") == ["Book Unbook registered"]
    early = trip("show", "failed", "--at", "3", "--json").json
    assert (early["status"], early["asOfEvent"], early["states"]) == ("RUNNING", 3, ["Book"])
    assert [each["name"] for each in early["variables"]] == ["nights", "traveller"]
    last = trip("show", "failed", "--at", str(len(types(trip, "failed"))), "--json").json
    now = trip("show", "failed", "--json").json
    assert last == {**now, "asOfEvent": now["events"], "states": last["states"]}
    printed = trip("show", "failed", "--at", "0")
    assert "As of        event 0, the beginning" in printed.out


@pytest.mark.parametrize("at", [1, 2, 5, 8, 12, 20])
def test_as_of_an_event_nothing_later_is_told(at: int, trip: Command) -> None:
    shown = trip("show", "failed", "--at", str(at), "--json").json
    assert shown["asOfEvent"] <= at
    assert shown["events"] == shown["asOfEvent"]


def test_an_event_that_is_not_there(trip: Command) -> None:
    printed = trip("show", "failed", "--at", "999")
    assert (printed.status, printed.out) == (2, "")
    assert "there is no event 999" in printed.err


def test_children(command: Command) -> None:
    Path("greeting.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Fail, Error: Rude}\n")
    Path("parent.json").write_text(
        json.dumps(
            {
                "StartAt": "Ask",
                "States": {
                    "Ask": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::states:startExecution.sync:2",
                        "Parameters": {
                            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:greeting",
                            "Name": "child",
                        },
                        "End": True,
                    }
                },
            }
        )
    )
    Path("machines.yaml").write_text("greeting: greeting.asl.yaml\n")
    command("run", "parent.json", "--machines", "machines.yaml", "--name", "parent", "-q")
    printed = command("show", "parent")
    assert section(printed.out, "CHILD") == ["child greeting FAILED Rude"]
    assert [each["id"] for each in command("show", "parent", "--json").json["children"]] == ["child"]
    assert "Started by" in command("show", "child").out
    assert [each["id"] for each in command("list", "--parent", "par", "--json").json["executions"]] == ["child"]


# -- timeline --------------------------------------------------------------------------------------------------------


def test_the_timeline_of_one_that_failed(trip: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = trip("show", "failed", "--timeline")
    scale, *lines, legend = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["Init", "Book", "Both", "Flaky", "Each", "Rest", "Rest", "Unbook"]
    bars = {line.split()[0]: line for line in lines}
    assert "█" in bars["Book"]
    assert "▒" in bars["Flaky"]
    assert "░" in bars["Rest"]
    assert all(line.rstrip().endswith(("ms", " s")) for line in lines)
    assert scale.count(":") == 4
    assert legend.split() == ["█", "done", "░", "cut", "short", "▒", "failed"]


def test_the_timeline_of_one_under_way(trip: Command) -> None:
    lines = trip("show", "waiting", "--timeline").out.splitlines()
    assert [line.split()[-1] for line in lines[3:8]] == ["-"] * 5
    shown = trip("show", "waiting", "--timeline", "--json").json
    assert [(each["state"], each["depth"], each["outcome"]) for each in shown["visits"]][2:5] == [
        ("Both", 0, "under way"), ("Flaky", 1, "under way"), ("Each", 1, "under way"),
    ]  # fmt: skip
    early = trip("show", "waiting", "--timeline", "--at", "3", "--json").json
    assert [(each["state"], each["outcome"]) for each in early["visits"]] == [("Init", "done")]


# -- usage -----------------------------------------------------------------------------------------------------------


def rows(text: str) -> dict[str, str]:
    above = text.split("\n\n", maxsplit=1)[0]
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in above.splitlines() if line[0] != " "}


def test_usage(trip: Command) -> None:
    printed = trip("show", "failed", "--usage")
    found = rows(printed.out)
    events = len(types(trip, "failed"))
    assert found["Events"].startswith(f"{events} of 25,000 (")
    assert found["Transitions"] == "8 (8 states entered)"
    assert found["Payload"].startswith("17 B of 256.0 KiB (0.0 %): input of the execution, event 1")
    assert found["Variables"].startswith("10 B of 256.0 KiB (0.0 %): variables of Init, event ")
    assert found["Standard"] == "$0.000200: 8 state transitions"
    assert found["Express"].startswith("$0.00000")
    assert "An estimate, with the prices of us-east-1 as of 20" in printed.out
    assert "https://aws.amazon.com/step-functions/pricing/" in printed.out


def test_usage_in_json(trip: Command) -> None:
    shown = trip("show", "failed", "--usage", "--json").json
    assert shown["stateTransitions"]["total"] == 8
    assert shown["largestPayload"] == {"bytes": 17, "event": 1, "what": "input", "state": None}
    assert shown["quotas"]["events"] == 25_000
    cost: dict[str, Any] = shown["estimatedCost"]
    assert cost["standard"] == pytest.approx(8 * 0.000025)
    assert (cost["currency"], cost["region"]) == ("USD", "us-east-1")


def test_child_executions_are_counted(command: Command) -> None:
    definition = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "A",
                    "States": {"A": {"Type": "Pass", "End": True}},
                },
                "End": True,
            }
        },
    }
    command("run", "-", "--name", "one", "-i", "[1, 2, 3]", "-q", stdin=json.dumps(definition))
    printed = command("show", "one", "--usage")
    assert rows(printed.out)["Transitions"] == "4 (1 state entered, 3 child executions)"
    assert "not as it is: it uses a distributed Map" in printed.out
    assert "What child executions of distributed Maps do inside" in printed.out


@pytest.mark.parametrize("more", [("--timeline",), ("--at", "3")])
def test_usage_stands_alone(more: tuple[str, ...], executions: Command) -> None:
    printed = executions("show", "greeted", "--usage", *more)
    assert (printed.status, printed.out) == (2, "")
    assert "--usage goes with neither --timeline nor --at" in printed.err
