"""On a terminal: live progress, colours, and signals. Real processes on a pseudo-terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import Printed

pty = pytest.importorskip("pty")

STEPS = """
StartAt: Rest
States:
  Rest: {Type: Wait, Seconds: 1, Next: Work}
  Work: {Type: Task, Resource: "python:flaky:flaky", Retry: [{ErrorEquals: [OSError], IntervalSeconds: 1}], Next: Done}
  Done: {Type: Succeed}
"""
FLAKY = """
calls = []

def flaky(value):
    calls.append(value)
    if len(calls) < 2:
        raise OSError("busy [red]")
    return {"done": True}
"""
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """A process whose standard error, and input, is a terminal."""

    def __init__(self, *arguments: str, stdout_too: bool = False, **environment: str) -> None:
        self._master, slave = pty.openpty()
        given = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "TERM")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "statemachine", *arguments],
            env={**given, "TERM": "xterm-256color", "COLUMNS": "90", "LINES": "30", **environment},
            stdin=slave,
            stderr=slave,
            stdout=slave if stdout_too else subprocess.PIPE,
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            self._read()

    def _read(self) -> bool:
        try:
            some = os.read(self._master, 65_536)
        except OSError:  # the other side is closed
            some = b""
        self.shown += some.decode("utf-8", "replace")
        return bool(some)

    def end(self) -> Printed:
        while self._read():
            pass
        out = self.process.stdout.read().decode() if self.process.stdout is not None else ""
        if self.process.stdout is not None:
            self.process.stdout.close()
        status = self.process.wait()
        os.close(self._master)
        return Printed(status, out, self.shown)


def plain(text: str) -> str:
    """What is left without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.fixture
def steps(folder: Path) -> str:
    (folder / "steps.asl.yaml").write_text(STEPS)
    (folder / "flaky.py").write_text(FLAKY)
    return "steps.asl.yaml"


def test_states_under_way_are_shown_and_the_result_stands_alone(steps: str) -> None:
    printed = Terminal("run", steps, "--name", "one").end()
    assert (printed.status, printed.out) == (0, '{"done": true}\n')
    shown = plain(printed.err)
    assert "→ Rest" in shown
    assert re.search(r"→ Work  .*after OSError", shown)
    lines = [line.strip() for line in re.split(r"[\r\n]+", shown)]
    finished = [line for line in lines if "✓" in line or "✗" in line]
    assert [line.split("  ")[1].split()[1] for line in finished] == ["Rest", "Work", "Work", "Done"]
    assert "busy [red]" in shown  # what a handler says is not markup
    assert printed.err.count(HIDE) == printed.err.count(SHOW) == 1
    # After the live part the terminal is as it was, and the last line is the outcome.
    assert "→" not in plain(printed.err[printed.err.index(SHOW) :])
    assert plain(printed.err).rstrip().splitlines()[-1].startswith("SUCCEEDED one in ")


def test_no_color_means_no_colour(steps: str) -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38|9[0-7])[0-9;]*m")
    assert coloured.search(Terminal("run", "fail.asl.yaml").end().err)
    assert not coloured.search(Terminal("run", "fail.asl.yaml", NO_COLOR="1").end().err)
    assert coloured.search(Terminal("validate", "wrong.asl.yaml", stdout_too=True).end().err)
    assert not coloured.search(Terminal("validate", "wrong.asl.yaml", stdout_too=True, NO_COLOR="1").end().err)


@pytest.mark.parametrize("arguments", [("show", "one"), ("show", "one", "--timeline"), ("history", "one"), ("list",)])
def test_what_is_read_fits_the_terminal(arguments: tuple[str, ...], steps: str) -> None:
    assert Terminal("run", steps, "--name", "one", "-q").end().status == 0
    coloured = re.compile(r"\x1b\[[0-9;]*[1-9][0-9;]*m")
    shown = Terminal(*arguments, stdout_too=True, COLUMNS="60").end().err
    assert coloured.search(shown)
    assert max(map(len, plain(shown).splitlines())) <= 60
    assert not re.search(
        r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7])m", Terminal(*arguments, stdout_too=True, NO_COLOR="1").end().err
    )


def test_a_dumb_terminal_gets_lines(steps: str) -> None:
    printed = Terminal("run", "greet.asl.yaml", TERM="dumb", NO_COLOR="1").end()
    assert printed.status == 0
    assert "✓ Greet" in printed.err
    assert "\x1b" not in printed.err


@pytest.mark.parametrize("option", ["-q", "--json"])
def test_quiet_and_json_show_no_progress(option: str) -> None:
    printed = Terminal("run", "greet.asl.yaml", option).end()
    assert (printed.status, printed.err) == (0, "")


def test_json_for_a_terminal_is_indented() -> None:
    printed = Terminal("run", "greet.asl.yaml", "-q", stdout_too=True).end()
    assert printed.err.replace("\r\n", "\n") == '{\n  "greeting": "hello"\n}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_gives_the_terminal_back(number: signal.Signals) -> None:
    terminal = Terminal("run", "work.asl.yaml", "--tasks", "hang.yaml", "--name", "one")
    terminal.read_until("→ Charge")
    terminal.process.send_signal(number)
    printed = terminal.end()
    assert (printed.status, printed.out) == (130, "")
    assert printed.err.count(HIDE) == printed.err.count(SHOW) == 1
    assert plain(printed.err).rstrip().endswith("Interrupted. Go on with: statemachine resume one")


def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    """A handler that cleans up slowly, or not at all, cannot keep the user."""
    (folder / "handlers.py").write_text(
        """
import asyncio, pathlib

async def hang(value):
    pathlib.Path(__file__).with_name("called").touch()
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pathlib.Path(__file__).with_name("cancelled").touch()
"""
    )
    terminal = Terminal("run", "work.asl.yaml", "--tasks", "hang.yaml", "--name", "one")
    while not (folder / "called").exists():
        terminal._read()
    terminal.process.send_signal(signal.SIGINT)
    while not (folder / "cancelled").exists():
        terminal._read()
    terminal.process.send_signal(signal.SIGINT)
    printed = terminal.end()
    assert printed.status == 130
    assert printed.err.count(HIDE) == printed.err.count(SHOW) == 1
