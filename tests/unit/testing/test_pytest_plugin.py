"""The pytest plugin, in pytest processes of its own, as a project would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DEFINITION = "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: 31536000, Next: B}\n  B: {Type: Pass, End: true}\n"
CASES = """\
definition: m.asl.yaml
cases:
  - name: a year
    expect: {duration: 31536000}
  - name: wrong
    expect: {output: 1}
  - name: later
    skip: not yet
"""
TESTS = """\
def test_it(state_machine):
    done = state_machine("m.asl.yaml", {"n": 1})
    assert done.output == {"n": 1}
    assert done.seconds == 31536000
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "m.asl.yaml").write_text(DEFINITION)
    (tmp_path / "m.asl-test.yaml").write_text(CASES)
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-q", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_cases_are_tests_beside_those_in_python(project: Path) -> None:
    done = run_pytest(project, "-p", "no:xdist", "-rs")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed, 1 skipped" in done.stdout
    assert "m.asl-test.yaml:6:14: output is not as expected" in done.stdout
    assert "$: expected 1, got {}" in done.stdout
    assert "checking.py" not in done.stdout
    assert "not yet" in done.stdout


def test_cases_have_node_ids(project: Path) -> None:
    listed = run_pytest(project, "-p", "no:xdist", "--collect-only").stdout.splitlines()
    assert listed[:3] == ["m.asl-test.yaml::a year", "m.asl-test.yaml::wrong", "m.asl-test.yaml::later"]
    assert "1 passed" in run_pytest(project, "-p", "no:xdist", "m.asl-test.yaml::a year").stdout


def test_workers_collect_the_same(project: Path) -> None:
    done = run_pytest(project, "-n", "2")
    assert "1 failed, 2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr


def test_a_file_that_is_wrong_is_told_with_its_place(project: Path) -> None:
    (project / "m.asl-test.yaml").write_text("definition: m.asl.yaml\ncases: [{name: a, exepct: {}}]\n")
    done = run_pytest(project, "-p", "no:xdist")
    assert done.returncode == 2
    assert "m.asl-test.yaml:2:19: 'exepct' is not known here (did you mean 'expect'?)" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_project_without_cases_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert 'statemachine.testing.pytest_plugin' in sys.modules\n"
        "    heavy = ('statemachine.kernel', 'statemachine.program', 'yaml', 'jsonschema', 'msgspec', 'click')\n"
        "    assert [name for name in heavy if name in sys.modules] == []\n"
    )
    done = run_pytest(tmp_path, "-p", "no:xdist")
    assert done.returncode == 0, done.stdout
