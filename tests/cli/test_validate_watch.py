"""validate --watch: again after every change, until it is interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_runs import GREET, WRONG, Command
from test_terminal import Terminal

from statemachine.cli.reports.report import Report
from statemachine.cli.validation import run
from statemachine.cli.validation.checking import CheckedFile, check_file
from statemachine.cli.validation.configuration import Overrides
from statemachine.cli.validation.discovery import Target
from statemachine.cli.validation.run import Checks, Request, watch

Change = Callable[[], object]


def watched(changes: list[Change], *arguments: str) -> list[tuple[int, list[str]]]:
    """The reports that are shown while the changes are made one after the other: errors, and the files' names."""
    shown: list[tuple[int, list[str]]] = []
    todo: Iterator[Change] = iter(changes)

    def show(report: Report) -> None:
        shown.append((report.errors, [str(file.name) for file in report.files]))

    def wait(_: float) -> None:
        for change in todo:
            change()
            return
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(Checks(Request(arguments=arguments, overrides=Overrides())), show, wait)
    return shown


def test_every_change_is_shown_once(folder: Path) -> None:
    greet = folder / "greet.asl.yaml"
    new = folder / "new.asl.yaml"
    for name in ("fail", "mild", "work", "wrong"):
        (folder / f"{name}.asl.yaml").unlink()
    shown = watched(
        [
            lambda: None,
            lambda: greet.write_text(WRONG),
            greet.touch,
            lambda: new.write_text(WRONG + "\n"),
            lambda: greet.write_text(GREET),
            lambda: None,
            new.unlink,
            lambda: (folder / "statemachine.toml").write_text('[validate]\nignore = ["SCHEMA"]\n'),
            lambda: greet.write_text(WRONG),
        ],
        ".",
    )
    assert shown == [
        (0, ["greet.asl.yaml"]),
        (2, ["greet.asl.yaml"]),
        (4, ["greet.asl.yaml", "new.asl.yaml"]),
        (2, ["greet.asl.yaml", "new.asl.yaml"]),
        (0, ["greet.asl.yaml"]),
        (0, ["greet.asl.yaml"]),  # its errors are ignored
    ]


def test_only_changed_files_are_checked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def counting(target: Target, *rest: Any) -> CheckedFile:
        checked.append(target.path)
        return check_file(target, *rest)

    monkeypatch.setattr(run, "check_file", counting)
    files = ("greet.asl.yaml", "fail.asl.yaml")
    watched([lambda: None, lambda: (folder / "fail.asl.yaml").write_text(WRONG), lambda: None], *files)
    assert checked == ["greet.asl.yaml", "fail.asl.yaml", "fail.asl.yaml"]


def test_a_mistake_in_between_is_told_and_survived(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = folder / "statemachine.toml"
    greet = folder / "greet.asl.yaml"
    shown = watched(
        [
            lambda: configuration.write_text("[validate]\nselct = []\n"),
            lambda: None,
            configuration.unlink,
            lambda: greet.rename(folder / "other.asl.yaml"),
            lambda: (folder / "other.asl.yaml").rename(greet),
        ],
        "greet.asl.yaml",
    )
    assert shown == [(0, ["greet.asl.yaml"])] * 3
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert "did you mean select?" in errors[0]
    assert "no such file" in errors[1]


def test_standard_input_cannot_be_watched(command: Command) -> None:
    printed = command("validate", "-", "--watch", stdin=GREET)
    assert printed.status == 2
    assert "--watch needs files" in printed.err


def test_on_a_terminal_the_screen_is_cleared_and_ctrl_c_ends_it_well(folder: Path) -> None:
    terminal = Terminal("validate", "--watch", "greet.asl.yaml", stdout_too=True)
    terminal.read_until("Ctrl-C ends it.")
    assert "\x1b[2J" in terminal.shown
    terminal.shown = ""
    (folder / "greet.asl.yaml").write_text(WRONG)
    terminal.read_until("Ctrl-C ends it.")
    assert "ResutlPath" in terminal.shown
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.process.wait(timeout=30) == 0
