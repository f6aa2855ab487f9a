"""Tokens and nested executions when the process is killed: nothing is started twice, and no answer is lost."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from statemachine.store.sqlite import SqliteStore

pytestmark = pytest.mark.crash

DRIVER = Path(__file__).with_name("ask_driver.py")


def run(folder: Path, fatal: int, kind: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DRIVER), str(folder), str(fatal), kind]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("kind", "executions"), [("asks", 1), ("nested", 2)])
def test_killed_after_each_transaction(kind: str, executions: int, tmp_path: Path) -> None:
    killed = 0
    while True:
        folder = tmp_path / str(killed)
        folder.mkdir()
        first = run(folder, killed + 1, kind)
        if first.returncode == 0:
            break
        assert first.returncode == -9, first.stderr
        killed += 1
        second = run(folder, 0, kind)
        assert second.returncode == 0, second.stderr
        assert second.stdout == "answered\n"
        with closing(SqliteStore(folder / "store.db")) as store:
            names = [each.id for each in store.list().records]
            assert len(names) == executions
            for name in names:
                types = [each.type for each in store.history(name)]
                assert types.count("TaskSubmitted") == types.count("TaskSucceeded") == 1
    assert 2 < killed < 20
