"""list, show and history: what is in a store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runs import Command, interrupt, interrupt_run

READERS = (("list",), ("show", "@last"), ("history", "@last"), ("resume",))


@pytest.mark.parametrize("arguments", READERS)
def test_without_a_store_they_say_so_and_make_none(arguments: tuple[str, ...], command: Command) -> None:
    printed = command(*arguments)
    assert (printed.status, printed.out) == (2, "")
    assert "Error: store .statemachine/store.db: there is no such file; name the store with --store" in printed.err
    assert not Path(".statemachine").exists()


@pytest.mark.parametrize("arguments", [("show", "@last"), ("show", "x"), ("history", "x"), ("resume", "x")])
def test_an_unknown_execution_is_a_mistake_of_usage(arguments: tuple[str, ...], executions: Command) -> None:
    if "@last" in arguments:
        assert executions(*arguments).status == 0
        return
    printed = executions(*arguments)
    assert (printed.status, printed.out) == (2, "")
    assert "Error: no execution 'x' in store .statemachine/store.db; `statemachine list` shows" in printed.err


# -- list ------------------------------------------------------------------------------------------------------------


def ids(executions: Command, *arguments: str) -> list[str]:
    return [each["id"] for each in executions("list", "--json", *arguments).json["executions"]]


def test_list_shows_a_table_newest_first(executions: Command) -> None:
    printed = executions("list")
    assert (printed.status, printed.err) == (0, "")
    header, *rows = printed.out.splitlines()
    assert header.split() == ["ID", "MACHINE", "STATUS", "STARTED", "TOOK", "WHERE"]
    assert [row.split()[:3] for row in rows] == [
        ["interrupted", "waiting", "RUNNING"],
        ["failed", "fail", "FAILED"],
        ["greeted", "greet", "SUCCEEDED"],
    ]
    assert rows[0].split()[-2:] == ["-", "Rest"]
    assert rows[1].endswith("Broken: Glass")
    column = header.index("STATUS")
    assert [row[column:].split()[0] for row in rows] == ["RUNNING", "FAILED", "SUCCEEDED"]


def test_list_in_json(executions: Command) -> None:
    printed = executions("list", "--json")
    assert printed.json["nextCursor"] is None
    interrupted, failed, greeted = printed.json["executions"]
    assert set(greeted) == {
        "id", "stateMachine", "status", "startDate", "stopDate", "states", "durability", "events",
    }  # fmt: skip
    assert (failed["error"], failed["cause"], failed["states"]) == ("Glass", "it fell", ["Broken"])
    assert interrupted["states"] == ["Rest"]
    assert "stopDate" not in interrupted
    assert interrupted["nextTimer"].endswith("Z")


def test_list_filters(executions: Command) -> None:
    assert ids(executions) == ["interrupted", "failed", "greeted"]
    assert ids(executions, "--status", "failed") == ["failed"]
    assert ids(executions, "--status", "FAILED", "--status", "running") == ["interrupted", "failed"]
    assert ids(executions, "--machine", "greet") == ["greeted"]
    assert ids(executions, "--machine", "nobody") == []
    printed = executions("list", "--status", "aborted")
    assert (printed.status, printed.out, printed.err) == (0, "", "No executions.\n")


def test_list_goes_on_where_it_ended(executions: Command) -> None:
    printed = executions("list", "-n", "2", "--status", "running", "--status", "failed", "--status", "succeeded")
    assert len(printed.out.splitlines()) == 3
    more = printed.err.strip()
    given = "--status RUNNING --status FAILED --status SUCCEEDED --limit 2"
    assert more.startswith(f"More: statemachine list {given} --cursor ")
    rest = executions(*more.removeprefix("More: statemachine ").split())
    assert [line.split()[0] for line in rest.out.splitlines()] == ["ID", "greeted"]
    assert rest.err == ""
    first = executions("list", "-n", "1", "--json").json
    second = executions("list", "-n", "1", "--json", "--cursor", first["nextCursor"]).json
    assert [each["id"] for each in (*first["executions"], *second["executions"])] == ["interrupted", "failed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--status", "sleeping"), "'sleeping' is not one of"),
        (("-n", "0"), "0 is not in the range"),
        (("-n", "many"), "'many' is not a valid integer range"),
        (("--cursor", "guess"), "the cursor is not one that a list gave"),
    ],
)
def test_list_refuses_what_makes_no_sense(arguments: tuple[str, ...], message: str, executions: Command) -> None:
    printed = executions("list", *arguments)
    assert (printed.status, printed.out) == (2, "")
    assert message in printed.err


# -- show ------------------------------------------------------------------------------------------------------------


def fields(text: str) -> dict[str, str]:
    above = text.split("\n\n", maxsplit=1)[0]
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in above.splitlines()}


def steps(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n\n")[1].splitlines()[1:]]


def test_show_of_one_that_succeeded(executions: Command) -> None:
    printed = executions("show", "greeted")
    assert (printed.status, printed.err) == (0, "")
    shown = fields(printed.out)
    assert list(shown) == ["Execution", "Machine", "Status", "Started", "Took", "Input", "Output"]
    assert (shown["Machine"], shown["Status"]) == ("greet", "SUCCEEDED")
    assert shown["Input"] == '{"a": 1}'
    assert json.loads(shown["Output"]) == {"a": 1, "greeting": "hello"}
    assert [(row[1], row[2], row[-1]) for row in steps(printed.out)] == [
        ("Greet", "Pass", "done"), ("Done", "Succeed", "done"),
    ]  # fmt: skip


def test_show_of_one_that_failed(executions: Command) -> None:
    printed = executions("show", "failed")
    shown = fields(printed.out)
    assert (shown["Status"], shown["Ended in"], shown["Failure"]) == ("FAILED", "Broken", "Glass: it fell")
    assert "Output" not in shown
    assert steps(printed.out)[0][1:] == ["Broken", "Fail", "-", "Glass"]


def test_show_of_one_that_waits_says_for_what_and_how_to_go_on(executions: Command) -> None:
    printed = executions("show", "interrupted")
    shown = fields(printed.out)
    assert (shown["Status"], shown["Now in"]) == ("RUNNING", "Rest")
    assert "Next timer" in shown
    assert "Took" not in shown
    assert steps(printed.out)[0][1:] == ["Rest", "Wait", "-", "under", "way"]
    assert printed.err == "Nobody drives it: statemachine resume interrupted\n"


def test_show_in_json_has_the_payloads(executions: Command) -> None:
    shown = executions("show", "greeted", "--json").json
    assert (shown["input"], shown["output"]) == ({"a": 1}, {"a": 1, "greeting": "hello"})
    shown = executions("show", "failed", "--json").json
    assert shown["input"] == {}
    assert "output" not in shown


def test_a_null_output_is_there_in_json(command: Command) -> None:
    text = "StartAt: A\nStates:\n  A: {Type: Pass, Result: null, End: true}\n"
    command("run", "-", "--name", "one", stdin=text)
    shown = command("show", "one", "--json").json
    assert shown["output"] is None


@pytest.mark.parametrize("reference", ["interrupted", "inter", "i", "@last"])
def test_ids_may_be_shortened(reference: str, executions: Command) -> None:
    assert executions("show", reference, "--json").json["id"] == "interrupted"
    assert executions("history", reference, "--json").status == 0


def test_a_shortened_id_must_be_unambiguous(executions: Command) -> None:
    executions("run", "greet.asl.yaml", "--name", "greet-2")
    printed = executions("show", "greet")
    assert printed.status == 2
    assert "several executions begin with 'greet'; give more of the id:\n  greet-2\n  greeted\n" in printed.err


def test_show_retries_catches_and_what_is_inside(command: Command, folder: Path) -> None:
    (folder / "flaky.py").write_text(
        "calls = []\n"
        "def flaky(value):\n"
        "    calls.append(value)\n"
        "    if len(calls) < 3:\n"
        "        raise ConnectionError('busy')\n"
        "    return 1\n"
        "def broken(value):\n"
        "    raise ValueError('no')\n"
    )
    (folder / "deep.asl.yaml").write_text(
        """
StartAt: Both
States:
  Both:
    Type: Parallel
    Branches:
      - StartAt: Flaky
        States:
          Flaky:
            Type: Task
            Resource: python:flaky:flaky
            Retry: [{ErrorEquals: [ConnectionError], MaxAttempts: 3, MaxDelaySeconds: 2, JitterStrategy: FULL}]
            Next: Broken
          Broken: {Type: Task, Resource: "python:flaky:broken", End: true}
      - StartAt: Sleep
        States:
          Sleep: {Type: Wait, Seconds: 1000, End: true}
    Catch: [{ErrorEquals: [ValueError], Next: Sorry}]
    End: true
  Sorry: {Type: Succeed}
"""
    )
    run = command("run", "deep.asl.yaml", "--name", "one")
    assert run.status == 0
    assert run.err.count("✗ Flaky  ConnectionError: busy") == 2
    assert "✗ Broken  ValueError: no" in run.err
    assert "! Both" in run.err
    assert "caught ValueError" in run.err
    rows = [line[14:].rstrip() for line in command("show", "one").out.split("\n\n")[1].splitlines()[1:]]
    names = [row[: row.index("  ", len(row) - len(row.lstrip()))] for row in rows]
    assert names == ["Both", "  Flaky", "  Sleep", "  Broken", "Sorry"]
    outcomes = dict(zip([name.strip() for name in names], rows, strict=True))
    assert outcomes["Both"].endswith("caught ValueError")
    assert outcomes["Flaky"].split()[-2:] == ["3", "done"]
    assert outcomes["Sleep"].endswith("aborted")
    assert outcomes["Broken"].split()[-2:] == ["1", "ValueError"]
    assert outcomes["Sorry"].endswith("done")


def test_show_of_a_long_execution_shows_its_end(command: Command) -> None:
    text = """
StartAt: Each
States:
  Each:
    Type: Map
    ItemProcessor: {StartAt: A, States: {A: {Type: Pass, End: true}}}
    End: true
"""
    command("run", "-", "--name", "one", "-i", json.dumps(list(range(50))), stdin=text)
    printed = command("show", "one")
    assert "The last 30 of 51 steps (all: statemachine history one):\n" in printed.out
    assert len(printed.out.split("steps (all")[1].splitlines()) == 32
    # The Map that contains them began before, and yet they stand inside it.
    assert printed.out.splitlines()[-1].split()[1:3] == ["A", "Pass"]


# -- history ---------------------------------------------------------------------------------------------------------


def test_history_shows_all_events(executions: Command) -> None:
    printed = executions("history", "greeted")
    header, *rows = printed.out.splitlines()
    assert header.split() == ["ID", "AFTER", "TIME", "TYPE", "DETAILS"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [row.split()[3] for row in rows] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "SucceedStateEntered", "SucceedStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    assert "Greet" in rows[1]
    assert '"greeting"' in rows[2]
    failed = executions("history", "failed").out
    assert "ExecutionFailed   Glass · it fell" in failed


def test_history_in_json_is_what_aws_returns(executions: Command) -> None:
    events = executions("history", "greeted", "--json").json["events"]
    assert events[1] == {
        "timestamp": events[1]["timestamp"],
        "type": "PassStateEntered",
        "id": 2,
        "previousEventId": 0,
        "stateEnteredEventDetails": {"name": "Greet", "input": '{"a": 1}', "inputDetails": {"truncated": False}},
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [1, 2, 3, 4, 5, 6]),
        (("--reverse",), [6, 5, 4, 3, 2, 1]),
        (("-n", "2"), [1, 2]),
        (("--reverse", "-n", "2"), [6, 5]),
        (("--type", "entered"), [2, 4]),
        (("--type", "Entered", "--type", "executionS"), [1, 2, 4, 6]),
        (("--type", "exited", "--reverse", "-n", "1"), [5]),
        (("--type", "nothing"), []),
    ],
)
def test_history_filters(arguments: tuple[str, ...], expected: list[int], executions: Command) -> None:
    assert [each["id"] for each in executions("history", "greeted", "--json", *arguments).json["events"]] == expected


# -- resume ----------------------------------------------------------------------------------------------------------


def test_resume_goes_on_with_all_that_was_interrupted(executions: Command) -> None:
    printed = executions("resume")
    assert (printed.status, printed.out) == (0, '{"b": 2}\n')
    assert "✓ Rest  1." in printed.err  # since it was entered, by the process that has gone
    assert "SUCCEEDED interrupted in 1." in printed.err
    printed = executions("resume")
    assert (printed.status, printed.out, printed.err) == (0, "", "Nothing to resume.\n")
    printed = executions("resume", "--json")
    assert (printed.status, printed.json) == (0, {"executions": []})


def test_resume_of_one_is_like_run(executions: Command) -> None:
    printed = executions("resume", "inter", "--json")
    assert (printed.status, printed.err) == (0, "")
    assert (printed.json["id"], printed.json["output"]) == ("interrupted", {"b": 2})


@pytest.mark.parametrize(("name", "status"), [("greeted", 0), ("failed", 1)])
def test_resume_of_one_that_has_ended_tells_how(name: str, status: int, executions: Command) -> None:
    printed = executions("resume", name, "--json")
    assert (printed.status, printed.json["id"]) == (status, name)


def test_resume_binds_tasks_as_run_did(command: Command, folder: Path) -> None:
    interrupt_run("one", "--tasks", "hang.yaml")
    (folder / "handlers.py").write_text("def hang(value):\n    return 'done'\n")
    printed = command("resume", "one", "-q")
    assert (printed.status, printed.json) == (0, "done")


def test_resume_with_another_tasks_file(command: Command, folder: Path) -> None:
    interrupt_run("one", "--tasks", "hang.yaml")
    (folder / "hang.yaml").unlink()
    printed = command("resume", "one")
    assert printed.status == 2
    assert "hang.yaml is not there any more; name another one with --tasks" in printed.err
    assert command("resume", "one", "-q", "--tasks", "charge.yaml").json == {"charged": {}}


def test_resume_of_a_mocked_run_calls_no_handler(command: Command, folder: Path) -> None:
    (folder / "mocks.json").write_text(json.dumps({"Charge": [{"Return": "mocked", "Delay": 1}]}))
    interrupt_run("one", "--tasks", "hang.yaml", "--mocks", "mocks.json")
    printed = command("resume", "one", "-q")
    assert (printed.status, printed.json) == (0, "mocked")
    assert not (folder / "called").exists()


def test_one_that_cannot_be_resumed_does_not_keep_others_from_it(command: Command, folder: Path) -> None:
    interrupt_run("unbound", "--tasks", "hang.yaml")
    interrupt("bound", folder / "waiting.asl.yaml")
    (folder / "hang.yaml").unlink()
    printed = command("resume")
    assert (printed.status, printed.out) == (2, '{"b": 2}\n')
    assert "Error: execution unbound: the tasks file" in printed.err
    printed = command("resume", "--json")
    assert printed.status == 2
    (shown,) = printed.json["executions"]
    assert (shown["id"], shown["status"]) == ("unbound", "RUNNING")
    assert "is not there any more" in shown["message"]


def test_several_failures_are_status_1(command: Command, folder: Path) -> None:
    for name in ("one", "two"):
        interrupt_run(name, "--tasks", "hang.yaml")
    printed = command("resume", "--tasks", "decline.yaml")
    # decline.yaml binds the same resource to a function that raises.
    assert (printed.status, printed.out) == (1, "")
    assert printed.err.count("ValueError") >= 2
    assert "FAILED one in" in printed.err
    assert "FAILED two in" in printed.err
    assert "  one  ✗ Charge" in printed.err  # each line names its execution
