"""run: input, output, bindings, errors before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_runs import CHARGE, Command

from statemachine.store import open_store


def nothing_started() -> bool:
    if not Path(".statemachine/store.db").exists():
        return True
    store = open_store()
    try:
        return store.list().records == ()
    finally:
        store.close()


def test_the_result_is_on_stdout_and_all_else_on_stderr(command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "--name", "one", "-i", '{"a": 1}')
    assert printed.status == 0
    assert printed.out == '{"a": 1, "greeting": "hello"}\n'
    lines = printed.err.splitlines()
    assert lines[0] == "Execution one of greet"
    assert [line.split("✓ ")[1].split()[0] for line in lines[1:-1]] == ["Greet", "Done"]
    assert lines[-1].startswith("SUCCEEDED one in ")


def test_quiet_prints_the_result_alone(command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "-q")
    assert (printed.out, printed.err) == ('{"greeting": "hello"}\n', "")


def test_json_describes_the_execution(command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "--json", "--name", "one")
    assert printed.err == ""
    shown = printed.json
    assert set(shown) == {"id", "status", "startDate", "stopDate", "output"}
    assert (shown["id"], shown["status"], shown["output"]) == ("one", "SUCCEEDED", {"greeting": "hello"})
    assert shown["startDate"].endswith("Z")


def test_a_failed_execution_is_status_1_and_says_why(command: Command) -> None:
    printed = command("run", "fail.asl.yaml", "--name", "one")
    assert (printed.status, printed.out) == (1, "")
    assert "✗ Broken" in printed.err
    assert "FAILED one in" in printed.err
    assert "Glass: it fell\n" in printed.err
    assert "See what happened: statemachine show one\n" in printed.err
    printed = command("run", "fail.asl.yaml", "--name", "two", "--json")
    assert printed.status == 1
    assert printed.json | {"startDate": 0, "stopDate": 0} == {
        "id": "two", "status": "FAILED", "startDate": 0, "stopDate": 0, "error": "Glass", "cause": "it fell",
    }  # fmt: skip
    printed = command("run", "fail.asl.yaml", "-q")
    assert (printed.status, printed.out, printed.err) == (1, "", "Glass: it fell\n")


# -- input -----------------------------------------------------------------------------------------------------------


def test_without_input_it_is_an_empty_object(command: Command) -> None:
    assert command("run", "greet.asl.yaml", "-q").json == {"greeting": "hello"}


def test_the_input_may_come_from_a_file_or_from_standard_input(command: Command, folder: Path) -> None:
    (folder / "in.json").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n')
    for printed in (
        command("run", "greet.asl.yaml", "-q", "-i", "@in.json"),
        command("run", "greet.asl.yaml", "-q", "-i", "-", stdin=' {"a": 1}\n'),
    ):
        assert printed.json == {"a": 1, "greeting": "hello"}


def test_the_definition_may_come_from_standard_input(command: Command, folder: Path) -> None:
    text = (folder / "greet.asl.yaml").read_text()
    printed = command("run", "-", "--json", stdin=text)
    assert printed.json["output"] == {"greeting": "hello"}
    printed = command("run", "-", "-i", "-", stdin="{}")
    assert printed.status == 2
    assert "cannot both come from standard input" in printed.err


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{bad", "the value is not JSON: Expecting property name"),
        ("", "the value is not JSON"),
        ("NaN", "NaN is not a JSON value"),
        ('{"a": 1, "a": 2}', 'the key "a" occurs twice'),
        ("[" * 1000, "nested deeper than 512 levels"),
        ("order.json", "To read a file, write @order.json"),
        ("greet.asl.yaml", "To read a file, write @greet.asl.yaml"),
        ("@nowhere.json", "'nowhere.json': No such file or directory"),
        ("@.", "'.': Is a directory"),
        ("@greet.asl.yaml", "'greet.asl.yaml' is not JSON"),
    ],
)
def test_an_input_that_is_no_json_is_a_mistake_of_usage(value: str, message: str, command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "-i", value)
    assert (printed.status, printed.out) == (2, "")
    assert "Invalid value for '--input': " in printed.err
    assert message in printed.err
    assert nothing_started()


def test_an_input_that_is_too_large_is_refused_and_the_limit_can_be_lifted(command: Command, folder: Path) -> None:
    (folder / "large.json").write_text(json.dumps({"a": "x" * 300_000}))
    printed = command("run", "greet.asl.yaml", "-i", "@large.json")
    assert printed.status == 2
    assert "300,009 bytes" in printed.err
    assert "--limits none" in printed.err
    assert command("run", "greet.asl.yaml", "-q", "-i", "@large.json", "--limits", "none").status == 0


# -- definitions -----------------------------------------------------------------------------------------------------


def test_a_definition_with_mistakes_is_shown_with_its_lines_and_not_started(command: Command) -> None:
    printed = command("run", "wrong.asl.yaml")
    assert (printed.status, printed.out) == (2, "")
    assert "wrong.asl.yaml:5:5: error" in printed.err
    assert "  5 |     ResutlPath: $.x\n    |     ^^^^^^^^^^\n" in printed.err
    assert printed.err.endswith("The definition cannot be run. Nothing was started.\n")
    assert not Path(".statemachine").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.asl.yaml", "'nowhere.asl.yaml': No such file or directory"),
        (".", "'.' is a directory"),
        ("binary", "'binary' is not UTF-8 (line 2)"),
    ],
)
def test_a_definition_that_cannot_be_read_is_a_mistake_of_usage(
    name: str, message: str, command: Command, folder: Path
) -> None:
    (folder / "binary").write_bytes(b"StartAt: A\n\xff\xfe")
    printed = command("run", name)
    assert printed.status == 2
    assert message in printed.err
    assert "Usage: statemachine run" in printed.err


# -- tasks -----------------------------------------------------------------------------------------------------------


def test_tasks_are_bound_by_a_file(command: Command) -> None:
    printed = command("run", "work.asl.yaml", "-q", "--tasks", "charge.yaml", "-i", "7")
    assert printed.json == {"charged": 7}


def test_a_tasks_file_may_be_python(command: Command, folder: Path) -> None:
    (folder / "tasks.py").write_text(
        f"from statemachine import task\n@task({CHARGE!r})\ndef charge(value):\n    return [value]\n"
    )
    assert command("run", "work.asl.yaml", "-q", "--tasks", "tasks.py", "-i", "7").json == [7]


def test_what_a_handler_raises_is_the_executions_failure(command: Command) -> None:
    printed = command("run", "work.asl.yaml", "--tasks", "decline.yaml", "--json")
    assert printed.status == 1
    assert printed.json["error"] == "ValueError"
    assert "no money" in printed.json["cause"]


def test_the_failure_of_a_function_is_shown_as_message_and_trace(command: Command) -> None:
    printed = command("run", "work.asl.yaml", "--tasks", "decline.yaml", "--name", "one")
    assert printed.status == 1
    assert "  ✗ Charge  ValueError: no money\n" in printed.err
    told = printed.err.split("FAILED one in ")[1].splitlines()
    assert told[1] == "ValueError: no money"
    assert told[2].endswith(", in decline")
    assert told[-1] == "See what happened: statemachine show one"
    assert "errorMessage" not in printed.err
    shown = command("show", "one").out
    assert "Failure    ValueError: no money\n" in shown
    assert ", in decline\n" in shown


def test_what_is_unbound_is_listed_before_anything_runs(command: Command) -> None:
    printed = command("run", "work.asl.yaml")
    assert (printed.status, printed.out) == (2, "")
    assert printed.err == (
        f"Error: no handler is bound to:\n  {CHARGE}\n"
        "Nothing was started. Write a tasks file, and name it with --tasks. It has a line for each, such as:\n"
        f"  {CHARGE}: python:module:function\n"
        "A handler is python:module:function, exec:program arguments, or a URL to which the input is posted.\n"
        "With --aws, AWS performs what nothing is bound to.\n"
    )
    assert nothing_started()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{CHARGE}: python:handlers:chrge\n", "handlers has no 'chrge' (did you mean 'charge'?)"),
        (f"{CHARGE}: python:nowhere:charge\n", "there is no module 'nowhere'"),
        (f"{CHARGE}: exec:./nowhere\n", "there is no program './nowhere'"),
        (f"{CHARGE}: handlers:charge\n", "did you mean 'python:handlers:charge'?"),
        ("- a\n", "tasks.yaml"),
    ],
)
def test_a_tasks_file_with_mistakes_is_told_before_anything_runs(
    text: str, message: str, command: Command, folder: Path
) -> None:
    (folder / "tasks.yaml").write_text(text)
    printed = command("run", "work.asl.yaml", "--tasks", "tasks.yaml")
    assert (printed.status, printed.out) == (2, "")
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert nothing_started()


def test_handlers_are_looked_for_beside_the_definition(command: Command, folder: Path, tmp_path: Path) -> None:
    below = folder / "machines"
    below.mkdir()
    (below / "own.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Task, Resource: 'python:own:f', End: true}\n")
    (below / "own.py").write_text("def f(value):\n    return 'found'\n")
    assert command("run", "machines/own.asl.yaml", "-q").json == "found"


def test_mocks_answer_instead_of_handlers(command: Command, folder: Path) -> None:
    (folder / "mocks.json").write_text(json.dumps({"Charge": [{"Return": {"mocked": True}}]}))
    printed = command("run", "work.asl.yaml", "--mocks", "mocks.json", "-q")
    assert (printed.status, printed.err) == (0, "")
    assert printed.json == {"mocked": True}
    assert command("run", "work.asl.yaml", "--mocks", "nowhere.json").status == 2


# -- names and stores ------------------------------------------------------------------------------------------------


def test_the_same_name_gives_the_same_execution(command: Command) -> None:
    first = command("run", "greet.asl.yaml", "--name", "one", "--json")
    assert command("run", "greet.asl.yaml", "--name", "one", "--json").json == first.json
    printed = command("run", "greet.asl.yaml", "--name", "one", "-i", "[]")
    assert (printed.status, printed.out) == (2, "")
    assert "'one' exists already" in printed.err
    assert "another definition or input" in printed.err
    assert command("run", "greet.asl.yaml", "--name", "a/b").status == 2


def test_the_store_is_where_the_user_says(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("run", "greet.asl.yaml", "--name", "one", "--store", "there/a.db")
    assert (folder / "there" / "a.db").is_file()
    assert not (folder / ".statemachine").exists()
    monkeypatch.setenv("STATEMACHINE_STORE", str(folder / "b.db"))
    command("run", "greet.asl.yaml", "--name", "two")
    assert [each["id"] for each in command("list", "--json").json["executions"]] == ["two"]
    assert [each["id"] for each in command("list", "--json", "--store", "there/a.db").json["executions"]] == ["one"]


def test_suggested_commands_name_the_store(command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = command("run", "fail.asl.yaml", "--name", "one", "--store", "my store.db")
    assert "statemachine show one --store 'my store.db'" in printed.err
    monkeypatch.setenv("STATEMACHINE_STORE", str(folder / "b.db"))
    assert "statemachine show one\n" in command("run", "fail.asl.yaml", "--name", "one").err


def test_a_store_in_memory_leaves_nothing_and_suggests_nothing(command: Command, folder: Path) -> None:
    before = sorted(folder.iterdir())
    printed = command("run", "fail.asl.yaml", "--store", "memory")
    assert printed.status == 1
    assert "statemachine show" not in printed.err
    assert sorted(folder.iterdir()) == before


def test_a_store_that_cannot_be_used_is_an_error_with_advice(command: Command, folder: Path) -> None:
    (folder / "text.db").write_text("this is a text and by no means a database, however long one looks at it")
    printed = command("run", "greet.asl.yaml", "--store", "text.db")
    assert (printed.status, printed.out) == (2, "")
    assert "Error: store text.db: the file is not a store; name another one with --store" in printed.err
    printed = command("run", "greet.asl.yaml", "--store", ".")
    assert printed.status == 2
    assert "it is a directory" in printed.err


def test_durability_is_kept(command: Command) -> None:
    command("run", "greet.asl.yaml", "--name", "one", "--durability", "none")
    assert command("show", "one", "--json").json["durability"] == "none"


def test_a_mistake_of_ours_is_status_3_and_keeps_the_execution(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statemachine.errors import KernelError
    from statemachine.runtime import stepping

    def broken(*_: object) -> None:
        raise KernelError("a frame is missing")

    with monkeypatch.context() as patch:
        patch.setattr(stepping, "advance", broken)
        printed = command("run", "greet.asl.yaml", "--name", "one")
    assert (printed.status, printed.out) == (3, "")
    assert "Error: execution one: internal error, KernelError: a frame is missing" in printed.err
    assert "Please report this" in printed.err
    assert command("resume", "one", "-q").json == {"greeting": "hello"}


def test_an_unexpected_error_is_status_3_with_its_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from statemachine.runtime import stepping

    def broken(*_: object) -> None:
        raise KeyError("frame")

    monkeypatch.setattr(stepping, "advance", broken)
    printed = command("run", "greet.asl.yaml", "--name", "one", "--json")
    assert printed.status == 3
    assert printed.json["status"] == "RUNNING"
    assert "internal error, KeyError" in printed.json["message"]
    assert "Traceback" in printed.err


def test_a_disk_that_fails_is_told_and_the_execution_can_be_resumed(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statemachine.errors import StoreError
    from statemachine.store.sqlite import SqliteStore

    def full(*_: object) -> None:
        raise StoreError("store x: the disk is full; free some space")

    rest = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 1, "End": True}}}
    Path("rest.asl.yaml").write_text(json.dumps(rest))

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "commit", full)
        printed = command("run", "rest.asl.yaml", "--name", "one")
    assert (printed.status, printed.out) == (2, "")
    assert "Error: execution one: store x: the disk is full; free some space\n" in printed.err
    assert "Then go on with: statemachine resume one\n" in printed.err
    assert command("resume", "one", "-q").json == {}


WAITING = """{"StartAt": "A", "States": {
  "A": {"Type": "Wait", "Seconds": ${Delay}, "Next": "B"},
  "B": {"Type": "Pass", "Result": "${Greeting}", "End": true}
}}"""


def test_placeholders_are_given_values(command: Command, folder: Path) -> None:
    (folder / "waiting.asl.json").write_text(WAITING)
    printed = command("run", "waiting.asl.json", "-q", "--set", "Delay=0", "--set", "Greeting=a=b")
    assert (printed.status, printed.out, printed.err) == (0, '"a=b"\n', "")


def test_a_value_for_what_is_not_there_is_told(command: Command, folder: Path) -> None:
    (folder / "waiting.asl.json").write_text(WAITING)
    printed = command("run", "waiting.asl.json", "-q", "--set", "Delay=0", "--set", "Greeting=x", "--set", "Dely=1")
    assert (printed.status, printed.out) == (0, '"x"\n')
    assert printed.err == "Warning: --set Dely has no effect: ${Dely} is not in the definition\n"


def test_a_definition_with_placeholders_is_not_started(command: Command, folder: Path) -> None:
    (folder / "waiting.asl.json").write_text(WAITING)
    printed = command("run", "waiting.asl.json", "--set", "Greeting=hello")
    assert printed.status == 2
    assert "waiting.asl.json:2:36: error SM_PLACEHOLDER: " in printed.err
    assert "before its placeholders have values: ${Delay}" in printed.err
    assert nothing_started()


@pytest.mark.parametrize("given", ["Delay", "=3", ""])
def test_a_value_without_a_name_is_a_mistake_of_usage(given: str, command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "--set", given)
    assert printed.status == 2
    assert "is not NAME=VALUE" in printed.err
