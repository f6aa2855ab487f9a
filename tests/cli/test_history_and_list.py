"""``history`` and ``list``: what is shown of many events and many executions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cli_runs import Command

FLAKY = """\
StartAt: Init
States:
  Init: {Type: Pass, Assign: {note: "remember this"}, Next: Work}
  Work:
    Type: Task
    Resource: python:handlers:decline
    Catch: [{ErrorEquals: [ValueError], Next: Sorry}]
    Next: Sorry
  Sorry: {Type: Pass, End: true}
"""


@pytest.fixture
def flaky(command: Command) -> Command:
    Path("flaky.asl.yaml").write_text(FLAKY)
    assert command("run", "flaky.asl.yaml", "-q", "--name", "flaky", "-i", '{"card": "4711"}').status == 0
    return command


def ids(printed_json: dict[str, list[dict[str, int]]]) -> list[int]:
    return [each["id"] for each in printed_json["events"]]


# 1 ExecutionStarted, 2 and 3 Init, 4 Entered, 5 Scheduled, 6 Started, 7 Failed, 8 Exited, 9 and 10 Sorry, 11 Succeeded
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--state", "Work"), [4, 5, 6, 7, 8]),
        (("--state", "Work", "--reverse", "-n", "2"), [8, 7]),
        (("--state", "Init", "--state", "Sorry", "--type", "entered"), [2, 9]),
        (("--state", "Nowhere"), []),
        (("--error", "ValueError"), [7]),
        (("--error", "Value"), []),
        (("--grep", "NO money"), [7, 8, 9, 10, 11]),
        (("--grep", "^TaskS(cheduled|tarted)"), [5, 6]),
        (("--grep", "remember"), [3]),
        (("--since", "1h"), list(range(1, 12))),
        (("--until", "1h"), []),
        (("--since", "2999-01-01"), []),
        (("--since", "2020-01-01T00:00:00Z", "--until", "2999-01-01", "--type", "Started"), [1, 6]),
    ],
)
def test_filters(arguments: tuple[str, ...], expected: list[int], flaky: Command) -> None:
    assert ids(flaky("history", "flaky", "--json", *arguments).json) == expected


def test_payloads_are_shown_in_full(flaky: Command) -> None:
    long = json.dumps({"text": "x" * 500})
    flaky("run", "greet.asl.yaml", "-q", "--name", "long", "-i", long)
    assert "x" * 200 not in flaky("history", "long").out
    assert f"    input: {long}\n" in flaky("history", "long", "--payloads").out
    printed = flaky("history", "flaky", "--payloads", "--state", "Work", "--state", "Init").out
    assert '    $note: "remember this"\n' in printed
    assert '    input: {"card": "4711"}\n' in printed
    assert "    cause: " in printed


def test_follow_of_one_that_has_ended_shows_all(flaky: Command) -> None:
    printed = flaky("history", "flaky", "--follow")
    assert (printed.status, printed.err) == (0, "")
    header, *rows = printed.out.splitlines()
    assert header.split() == ["ID", "AFTER", "TIME", "TYPE", "DETAILS"]
    assert [row.split()[0] for row in rows] == [str(number) for number in range(1, 12)]
    lines = flaky("history", "flaky", "-f", "--json", "--type", "entered").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [2, 4, 9]
    assert len(flaky("history", "flaky", "-f", "--json", "-n", "3").out.splitlines()) == 3


def test_follow_of_one_under_way_is_ended_by_ctrl_c(executions: Command) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "statemachine", "history", "interrupted", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    shown = [process.stdout.readline() for _ in range(3)]
    assert "WaitStateEntered" in shown[2]
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate()
    assert (process.returncode, rest, err) == (130, "", "\nInterrupted.\n")


def test_no_events_that_fit_are_told(flaky: Command) -> None:
    printed = flaky("history", "flaky", "--state", "Nowhere")
    assert (printed.status, printed.out, printed.err) == (0, "", "No such events.\n")
    assert flaky("history", "flaky", "--state", "Nowhere", "--json").json == {"events": []}


def test_follow_goes_on_with_what_another_process_writes(executions: Command) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "statemachine", "history", "interrupted", "--follow"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(3)]
    assert executions("resume", "interrupted", "-q").status == 0
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert [line.split()[3] for line in (*first[1:], *rest.splitlines())] == [
        "ExecutionStarted", "WaitStateEntered", "WaitStateExited", "SucceedStateEntered", "SucceedStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("history", "flaky", "--grep", "("), "'(' is no regular expression"),
        (("history", "flaky", "--follow", "--reverse"), "--follow shows the oldest first"),
        (("history", "flaky", "--since", "yesterday"), "'yesterday' is no time: write how long ago (90s, 15min"),
        (("list", "--until", "2026-13-01"), "'2026-13-01' is no time"),
        (("list", "--since", "99999999999d"), "is no time"),
        (("list", "--parent", "nobody"), "no execution 'nobody'"),
        (("list", "--count", "--usage"), "--count counts all executions that fit"),
        (("list", "--count", "-n", "3"), "--count counts all executions that fit"),
        (("list", "--usage", "--cursor", "x"), "--usage begins with the newest execution"),
    ],
)
def test_mistakes_of_usage(arguments: tuple[str, ...], message: str, flaky: Command) -> None:
    printed = flaky(*arguments)
    assert (printed.status, printed.out) == (2, "")
    assert message in " ".join(printed.err.split())


# -- list ------------------------------------------------------------------------------------------------------------


def names(executions: Command, *arguments: str) -> list[str]:
    return [each["id"] for each in executions("list", "--json", *arguments).json["executions"]]


def test_by_time_and_error(executions: Command) -> None:
    every = ["interrupted", "failed", "greeted"]
    tomorrow = f"{datetime.now().astimezone() + timedelta(days=1):%Y-%m-%d}"
    assert names(executions, "--since", "1h") == every
    assert names(executions, "--until", "1h") == []
    assert names(executions, "--since", "2020-01-01", "--until", tomorrow) == every
    assert names(executions, "--since", tomorrow) == []
    started = executions("show", "failed", "--json").json["startDate"]
    assert names(executions, "--since", started) == ["interrupted", "failed"]
    assert names(executions, "--until", started) == ["greeted"]
    assert names(executions, "--error", "Glass") == ["failed"]
    assert names(executions, "--error", "Gla") == []


def test_the_next_page_has_the_same_filters(executions: Command) -> None:
    printed = executions(
        "list", "-n", "1", "--since", "1h", "--machine", "greet", "--error", "no such", "--status", "failed"
    )
    assert printed.err == "No executions.\n"
    printed = executions("list", "-n", "1", "--since", "2020-01-01T00:00:00Z", "--until", "2999-01-01T00:00:00Z")
    more = printed.err.strip().removeprefix("More: statemachine ").split()
    given = "list --since 2020-01-01T00:00:00.000Z --until 2999-01-01T00:00:00.000Z --limit 1 --cursor"
    assert " ".join(more[:-1]) == given
    assert executions(*more).out.splitlines()[1].split()[0] == "failed"


def test_counts(executions: Command) -> None:
    printed = executions("list", "--count")
    assert (printed.status, printed.err) == (0, "")
    assert [line.split() for line in printed.out.splitlines()] == [
        ["MACHINE", "ALL", "RUNNING", "SUCCEEDED", "FAILED"],
        ["fail", "1", "0", "0", "1"],
        ["greet", "1", "0", "1", "0"],
        ["waiting", "1", "1", "0", "0"],
        ["all", "machines", "3", "1", "1", "1"],
        [],
        ["ERROR", "EXECUTIONS"],
        ["Glass", "1"],
    ]
    assert executions("list", "--count", "--json").json == {
        "total": 3,
        "byStatus": {"RUNNING": 1, "SUCCEEDED": 1, "FAILED": 1},
        "byMachine": {
            "fail": {"total": 1, "FAILED": 1},
            "greet": {"total": 1, "SUCCEEDED": 1},
            "waiting": {"total": 1, "RUNNING": 1},
        },
        "byError": {"Glass": 1},
    }
    assert executions("list", "--count", "--status", "failed", "--json").json["total"] == 1
    printed = executions("list", "--count", "--machine", "nobody")
    assert (printed.status, printed.out, printed.err) == (0, "", "No executions.\n")


def test_usage_of_all(executions: Command) -> None:
    executions("run", "greet.asl.yaml", "-q", "--name", "again")
    printed = executions("list", "--usage")
    header, *rows = [line.split() for line in printed.out.split("\n\n")[0].splitlines()]
    assert header == ["MACHINE", "RUNS", "EVENTS", "MOST", "TRANSITIONS", "PAYLOAD", "STANDARD", "EXPRESS"]
    assert [row[:5] for row in rows] == [
        ["greet", "2", "12", "6", "4"], ["waiting", "1", "2", "2", "1"], ["fail", "1", "3", "3", "1"],
        ["all", "machines", "4", "17", "6"],
    ]  # fmt: skip
    assert rows[0][-2] == "$0.000100"
    found = executions("list", "--usage", "--json").json
    assert (found["executions"], found["stateTransitions"], found["mostEvents"]) == (4, 6, 6)
    assert found["estimatedCost"]["standard"] == pytest.approx(6 * 0.000025)
    assert found["byMachine"]["greet"]["executions"] == 2
    assert executions("list", "--usage", "-n", "1", "--json").json["executions"] == 1
    assert executions("list", "--usage", "--machine", "nobody").err == "No executions.\n"
