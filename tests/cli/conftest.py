"""The command line in this process, for most tests, and in processes of its own where a terminal or signals matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import CHARGE, FAIL, GREET, HANDLERS, MILD, WORK, WRONG, Command, Printed, interrupt

from statemachine.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: empty but for some definitions."""
    for name, text in (("greet", GREET), ("work", WORK), ("fail", FAIL), ("wrong", WRONG), ("mild", MILD)):
        (tmp_path / f"{name}.asl.yaml").write_text(text)
    (tmp_path / "handlers.py").write_text(HANDLERS)
    for name in ("charge", "decline", "hang"):
        (tmp_path / f"{name}.yaml").write_text(f"{CHARGE}: python:handlers:{name}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STATEMACHINE_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    # Each test has handlers of its own under the same module names.
    for name in ("handlers", "own"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Calls the console script's function: `command("run", "greet.asl.yaml", stdin=...)`."""

    def call(*arguments: str, stdin: str | bytes | None = None) -> Printed:
        if stdin is not None:
            path = Path("stdin")
            path.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
            stream = path.open(encoding="utf-8")
            monkeypatch.setattr(sys, "stdin", stream)
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        if stdin is not None:
            stream.close()
            path.unlink()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Printed(ended.value.code, out, err)

    return call


@pytest.fixture
def process(folder: Path) -> Command:
    """Runs a command in a process of its own, to its end."""

    def call(*arguments: str, **environment: str) -> Printed:
        done = subprocess.run(
            [sys.executable, "-m", "statemachine", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Printed(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def executions(command: Command) -> Command:
    """A store with one execution of each kind: `greeted`, `failed`, `interrupted`."""
    assert command("run", "greet.asl.yaml", "--name", "greeted", "-i", '{"a": 1}').status == 0
    assert command("run", "fail.asl.yaml", "--name", "failed").status == 1
    interrupt("interrupted", Path("waiting.asl.yaml"))
    return command
