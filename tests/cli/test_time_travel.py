"""``replay`` and ``fork`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runs import Command

FORM = """\
StartAt: Price
States:
  Price: {Type: Pass, Result: {price: 10}, Next: Pay}
  Pay: {Type: Task, Resource: "python:handlers:decline", Next: Ship}
  Ship: {Type: Pass, End: true}
"""


@pytest.fixture
def declined(command: Command) -> Command:
    """A store with an execution that failed because its card was declined."""
    Path("form.asl.yaml").write_text(FORM)
    Path("mended.asl.yaml").write_text(FORM.replace("decline", "charge"))
    assert command("run", "form.asl.yaml", "--name", "declined", "--quiet").status == 1
    return command


# -- replay ----------------------------------------------------------------------------------------------------------


def test_replay_proves_that_the_history_is_the_same(executions: Command) -> None:
    printed = executions("replay", "greeted", "failed", "interrupted")
    assert (printed.status, printed.out) == (0, "greeted: same\nfailed: same\ninterrupted: same\n")
    assert printed.err == "3 replayed, none different\n"
    assert executions("replay", "--all", "--quiet").out == ""


def test_recordings_are_replayed_from_a_folder(executions: Command) -> None:
    assert executions("replay", "--all", "--record", "recordings").err == "".join(
        f"Wrote recordings/{name}.recording.json\n" for name in ("interrupted", "failed", "greeted")
    )
    printed = executions("replay", "recordings", "--json")
    assert printed.status == 0
    assert printed.json["replayed"][1] == {
        "execution": "recordings/greeted.recording.json",
        "same": True,
        "status": "SUCCEEDED",
        "events": 6,
    }


def test_a_difference_is_shown_with_its_place(executions: Command) -> None:
    path = Path("greeted.recording.json")
    executions("replay", "greeted", "--record", str(path))
    recording = json.loads(path.read_text())
    recording["history"][2]["stateExitedEventDetails"]["output"] = "changed"
    path.write_text(json.dumps(recording))
    printed = executions("replay", str(path))
    assert printed.status == 1
    lines = printed.out.splitlines()
    assert lines[:2] == ["greeted.recording.json: different", "  first difference at event 3:"]
    assert lines[2].startswith("  - ")
    assert '"output":"changed"' in lines[2]
    assert lines[3].startswith("  + ")
    assert "hello" in lines[3]


def test_what_another_definition_would_have_done(declined: Command) -> None:
    printed = declined("replay", "declined", "--definition", "mended.asl.yaml")
    assert printed.status == 1
    assert "first difference at event 5:" in printed.out
    old, new = printed.out.splitlines()[2:4]
    assert ("decline" in old, "charge" in old, "decline" in new, "charge" in new) == (True, False, False, True)
    Path("caught.asl.yaml").write_text(
        FORM.replace("Next: Ship", "Next: Ship, Catch: [{ErrorEquals: [States.ALL], Next: Ship}]")
    )
    found = declined("replay", "declined", "--definition", "caught.asl.yaml", "--json").json["replayed"][0]
    assert (found["before"]["status"], found["after"]["status"]) == ("FAILED", "SUCCEEDED")
    assert found["after"]["output"]["Error"] == "ValueError"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name an execution, a recording or a folder of recordings, or use --all"),
        (("nobody",), "no execution 'nobody' in store"),
        (("empty",), "there is no *.recording.json in 'empty'"),
        (("work.asl.yaml",), "not JSON"),
        (("work.json",), "this is no recording; `statemachine replay ID --record FILE` writes one"),
        (("old.json",), "a recording of version 9; this release reads 1"),
        (("greeted", "failed", "--record", "one.json"), "several recordings need a folder"),
    ],
)
def test_mistakes_of_usage(arguments: tuple[str, ...], message: str, executions: Command) -> None:
    Path("empty").mkdir()
    Path("work.json").write_text("{}")
    Path("old.json").write_text('{"recording": 9}')
    printed = executions("replay", *arguments)
    assert printed.status == 2
    if message != "not JSON":
        assert message in printed.err


# -- fork ------------------------------------------------------------------------------------------------------------


def test_fork_goes_on_before_the_state_that_failed(declined: Command) -> None:
    printed = declined("fork", "declined", "--definition", "mended.asl.yaml", "--name", "again")
    assert (printed.status, printed.json) == (0, {"charged": {"price": 10}})
    assert "Forked declined after event 3 as again" in printed.err
    states = [each["id"] for each in declined("list", "--json").json["executions"]]
    assert states == ["again", "declined"]
    history = declined("history", "again", "--json").json["events"]
    assert [each["id"] for each in history] == list(range(1, len(history) + 1))
    assert history[:3] == declined("history", "declined", "--json").json["events"][:3]
    assert [each["type"] for each in history[3:5]] == ["TaskStateEntered", "TaskScheduled"]
    assert declined("replay", "again").status == 0


def test_fork_with_another_input(declined: Command) -> None:
    printed = declined(
        "fork", "declined", "--at", "4", "--definition", "mended.asl.yaml", "--input", '{"price": 5}', "--quiet"
    )
    assert (printed.status, printed.json, printed.err) == (0, {"charged": {"price": 5}}, "")


def test_a_fork_can_be_forked(declined: Command) -> None:
    declined("fork", "declined", "--name", "second", "--quiet")
    printed = declined("fork", "second", "--definition", "mended.asl.yaml", "--quiet")
    assert printed.json == {"charged": {"price": 10}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--at", "99"), "there is no event 99: the history has 8"),
        (("--at", "8"), "the execution has ended there (FAILED): fork it at an earlier event"),
        (("--name", "declined"), "an execution 'declined' exists already"),
        (("--name", "a b"), "an execution cannot be called 'a b'"),
        (("--definition", "wrong.asl.yaml"), "The definition cannot be run. Nothing was started."),
    ],
)
def test_a_fork_that_cannot_be(arguments: tuple[str, ...], message: str, declined: Command) -> None:
    printed = declined("fork", "declined", *arguments)
    assert printed.status == 2
    assert message in printed.err
    assert len(declined("list", "--json").json["executions"]) == 1


# -- graph -----------------------------------------------------------------------------------------------------------


def test_graph_of_a_definition_and_of_an_execution(declined: Command) -> None:
    drawn = declined("graph", "form.asl.yaml")
    assert (drawn.status, drawn.out.splitlines()[:3]) == (0, ["flowchart TD", "  start(( ))", '  s0["Price"]'])
    assert declined("graph", "-", stdin=FORM).out == drawn.out
    assert '"Pay<br>Task<br>failed: ValueError"' in declined("graph", "@last").out
    dot = declined("graph", "declined", "--format", "dot", "--direction", "LR", "--output", "last.dot")
    assert (dot.status, dot.out) == (0, "")
    assert Path("last.dot").read_text().startswith("digraph {\n  rankdir=LR;")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.asl.yaml", "there is no file 'missing.asl.yaml'"),
        ("nobody", "no execution 'nobody'"),
        ("wrong.asl.yaml", "did you mean `ResultPath`?"),
    ],
)
def test_graph_of_nothing(name: str, message: str, declined: Command) -> None:
    printed = declined("graph", name)
    assert (printed.status, printed.out) == (2, "")
    assert message in printed.err
