"""What holds for every command: help, exit statuses, what is imported, colours, pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_runs import Command

from statemachine import __version__
from statemachine.cli import COMMANDS, main
from statemachine.cli.group import cli

HEAVY = ("asyncio", "httpx", "jsonpath_ng", "jsonschema", "msgspec", "rich", "sqlite3", "ssl", "yaml")


# -- help ------------------------------------------------------------------------------------------------------------


def test_the_help_lists_all_commands(command: Command) -> None:
    for arguments in (("--help",), ("-h",)):
        printed = command(*arguments)
        assert printed.status == 0
        listed = printed.out.split("Commands:\n")[1].splitlines()
        assert [line.split()[0] for line in listed] == list(COMMANDS)
        assert all(COMMANDS[line.split()[0]] in line for line in listed)
    printed = command()
    assert printed.status == 2
    assert "Commands:" in printed.out + printed.err


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself_and_every_option(name: str, command: Command) -> None:
    printed = command(name, "--help")
    assert (printed.status, printed.err) == (0, "")
    assert printed.out.startswith(f"Usage: statemachine {name} [OPTIONS]")
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert found.name == name
    assert found.help
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name} has no help"
            assert parameter.opts[-1] in printed.out
            assert "INTEGER RANGE" not in printed.out
    assert max(map(len, printed.out.splitlines())) <= 100


OPTIONS = {
    "run": [
        "--input", "--tasks", "--machines", "--data", "--aws", "--mocks", "--set", "--name", "--store", "--durability",
        "--limits", "--concurrency", "--no-wait", "--log-format", "--json", "--quiet",
    ],
    "validate": [
        "--format", "--json", "--output", "--select", "--extend-select", "--ignore", "--type", "--target", "--strict",
        "--no-warnings", "--max-findings", "--exit-zero", "--config", "--isolated", "--force-exclude",
        "--stdin-filename", "--watch", "--verbose", "--quiet",
    ],
    "explain": ["--json"],
    "test": [
        "-k", "--exitfirst", "--list", "--coverage", "--fail-under", "--junit", "--generate", "--output", "--json",
        "--verbose",
    ],
    "lower": ["--output"],
    "graph": ["--store", "--format", "--direction", "--output"],
    "replay": ["--store", "--definition", "--record", "--all", "--json", "--quiet"],
    "fork": [
        "--at", "--input", "--definition", "--name", "--tasks", "--machines", "--data", "--aws", "--store",
        "--concurrency", "--json", "--quiet",
    ],
    "list": [
        "--store", "--status", "--machine", "--since", "--until", "--error", "--parent", "--count", "--usage",
        "--limit", "--cursor", "--json",
    ],
    "show": ["--store", "--at", "--timeline", "--usage", "--json"],
    "history": [
        "--store", "--type", "--state", "--since", "--until", "--error", "--grep", "--payloads", "--follow",
        "--reverse", "--limit", "--json",
    ],
    "resume": [
        "--tasks", "--machines", "--data", "--aws", "--store", "--concurrency", "--log-format", "--json", "--quiet",
    ],
    "redrive": [
        "--tasks", "--machines", "--data", "--aws", "--store", "--concurrency", "--log-format", "--json", "--quiet",
    ],
    "worker": [
        "--tasks", "--machines", "--data", "--aws", "--store", "--concurrency", "--retain", "--drain-timeout",
        "--metrics", "--log-level", "--log-format", "--once",
    ],
    "stop": [
        "--error", "--cause", "--compensate", "--all", "--machine", "--tasks", "--machines", "--data", "--aws",
        "--store", "--json", "--quiet",
    ],
    "task": [],
    "activity": [],
    "prune": ["--older-than", "--status", "--keep", "--dry-run", "--compact", "--store", "--json", "--quiet"],
}  # fmt: skip


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_options_are_these(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert [each.opts[-1] for each in found.params if isinstance(each, click.Option)] == OPTIONS[name]


def test_an_unknown_command_is_answered_with_the_one_that_was_meant(command: Command) -> None:
    printed = command("histroy", "x")
    assert printed.status == 2
    assert "No such command 'histroy'. Did you mean 'history'?" in printed.err
    printed = command("xyzzy")
    assert printed.status == 2
    assert "No such command 'xyzzy'.\n" in printed.err


def test_an_unknown_option_is_answered_with_the_one_that_was_meant(command: Command) -> None:
    printed = command("run", "greet.asl.yaml", "--inptu", "{}")
    assert printed.status == 2
    assert "--input" in printed.err


def test_the_version(command: Command) -> None:
    assert command("--version").out == f"statemachine, version {__version__}\n"


# -- start-up --------------------------------------------------------------------------------------------------------


def imported(*arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n'.join(sorted(sys.modules)), file=sys.stderr))\n"
        "from statemachine.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), *((name, "--help") for name in COMMANDS)])
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert imported(*arguments) & set(HEAVY) <= {"msgspec"}  # which makes the classes: docs/performance.md


def test_validate_loads_what_it_checks_with_and_no_more(folder: Path) -> None:
    (folder / "a.asl.json").write_text(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}))
    assert imported("validate", "-q", "a.asl.json") & set(HEAVY) <= {"msgspec"}
    loaded = imported("validate", "greet.asl.yaml")
    assert loaded & set(HEAVY) <= {"msgspec", "yaml"}
    assert loaded & {"tomllib", "difflib", "unicodedata", "statemachine.definition.codes"} == set()


@pytest.mark.parametrize("arguments", [("list",), ("show", "greeted"), ("history", "greeted")])
def test_reading_a_store_needs_no_engine(arguments: tuple[str, ...], executions: Command) -> None:
    reads_definition = {"yaml"} if arguments[0] == "show" else set()
    assert imported(*arguments) & set(HEAVY) <= {"msgspec", "sqlite3", *reads_definition}


def test_run_loads_no_validator_and_no_terminal(folder: Path) -> None:
    assert imported("run", "greet.asl.yaml", "-q") & {"jsonschema", "jsonpath_ng", "rich", "httpx"} == set()


# -- pipes and colours -----------------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    items = json.dumps(list(range(2_000)))
    processor = "{StartAt: A, States: {A: {Type: Pass, End: true}}}"
    text = f"StartAt: E\nStates:\n  E: {{Type: Map, ItemProcessor: {processor}, End: true}}\n"
    (folder / "map.asl.yaml").write_text(text)
    (folder / "items.json").write_text(items)
    subprocess.run(
        [sys.executable, "-m", "statemachine", "run", "map.asl.yaml", "-q", "-i", "@items.json", "--limits", "none"],
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "statemachine", "history", "@last"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (0, b"")


def test_no_colour_reaches_a_pipe(process: Command) -> None:
    for arguments in (("validate", "wrong.asl.yaml"), ("run", "fail.asl.yaml"), ("list",), ("show", "@last")):
        printed = process(*arguments)
        assert "\x1b" not in printed.out + printed.err


def test_it_runs_as_a_module_too(process: Command) -> None:
    printed = process("run", "greet.asl.yaml", "-q")
    assert (printed.status, printed.out, printed.err) == (0, '{"greeting": "hello"}\n', "")


def test_output_that_is_no_ascii_is_printed_as_it_is(process: Command) -> None:
    printed = process("run", "greet.asl.yaml", "-q", "-i", '{"ü": "日本"}', PYTHONIOENCODING="utf-8")
    assert printed.out == '{"ü": "日本", "greeting": "hello"}\n'


def test_a_lone_surrogate_can_be_printed(process: Command) -> None:
    printed = process("run", "greet.asl.yaml", "-q", "-i", '{"a": "\\ud800"}', PYTHONIOENCODING="utf-8")
    assert (printed.status, printed.err) == (0, "")
    assert json.loads(printed.out) == {"a": "\ud800", "greeting": "hello"}


def test_a_failure_with_a_lone_surrogate_can_be_shown(process: Command, folder: Path) -> None:
    (folder / "handlers.py").write_text("def charge(value):\n    raise ValueError('\\ud800')\n")
    run = process("run", "work.asl.yaml", "--tasks", "charge.yaml", "--name", "one", PYTHONIOENCODING="utf-8")
    assert (run.status, "Traceback" in run.err) == (1, False)
    for name in ("show", "history", "list"):
        printed = process(name, *(() if name == "list" else ("one",)), PYTHONIOENCODING="utf-8")
        assert (printed.status, "Traceback" in printed.err) == (0, False)


def test_a_terminal_that_knows_ascii_only_gets_escapes(process: Command) -> None:
    printed = process("run", "greet.asl.yaml", "-i", '{"a": "ü"}', PYTHONIOENCODING="ascii")
    assert printed.status == 0, printed.err
    assert json.loads(printed.out)["a"] == "ü"
    assert "SUCCEEDED" in printed.err


def test_the_working_directory_need_not_be_writable_for_memory(process: Command, folder: Path) -> None:
    before = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough
    assert process("run", "greet.asl.yaml", "-q", "--store", "memory").status == 0
    assert sorted(os.listdir(folder)) == before  # noqa: PTH208


def test_the_command_refuses_files_of_python_statemachine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = tmp_path / "statemachine.py"
    foreign.touch()
    monkeypatch.setattr("statemachine.cli._FOREIGN", str(foreign))
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 2
