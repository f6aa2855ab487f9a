# ruff: noqa: E501 - tables of expected texts
from __future__ import annotations

import sys
from pathlib import Path

import pytest

from statemachine.integrations.base import BindingError
from statemachine.integrations.tasks_file import load_tasks_file, task
from statemachine.jsonvalue import Json

pytestmark = pytest.mark.usefixtures("fresh_imports")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:Charge"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(BindingError) as raised:
        load_tasks_file(path)
    return str(raised.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.yaml", f"# tasks\n$schema: ./x.json\n{ARN}: python:shop.tasks:charge\non: exec:true\n"),
        ("t.json", f'{{"{ARN}": "python:shop.tasks:charge", "on": "exec:true"}}'),
        ("t", f'{ARN}: "python:shop.tasks:charge"\n"on": "exec:true"\n'),
    ],
)
def test_a_map_from_resource_to_target(name: str, text: str, tmp_path: Path) -> None:
    assert load_tasks_file(write(tmp_path / name, text)) == {ARN: "python:shop.tasks:charge", "on": "exec:true"}


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("a: pyhton:x:y\nb: exec:true\nc: 3\n", [
            "FILE:3:4: A handler is a text: python:package.module:function, exec:program arguments, http://…, https://… or aws",
            "FILE:1:4: 'pyhton:x:y' is no handler (did you mean 'python:'?). Give python:…, exec:…, http://…, https://… or aws",
        ]),
        ("a: shop.tasks:charge\n", [
            "FILE:1:4: 'shop.tasks:charge' is no handler (did you mean 'python:shop.tasks:charge'?). Give python:…, exec:…, http://…, https://… or aws",
        ]),
        ("- a\n", ["FILE:1:1: A tasks file must be a valid JSON object"]),
    ],
)  # fmt: skip
def test_every_finding_has_its_place(text: str, findings: list[str], tmp_path: Path) -> None:
    assert refused(write(tmp_path / "t.yaml", text)).splitlines() == findings


def test_duplicate_keys_and_missing_files(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "t.yaml", "a: exec:x\na: exec:y\n")).startswith("FILE:2:1: ")
    assert refused(tmp_path / "none.yaml") == "FILE: cannot be read: No such file or directory"
    assert refused(tmp_path / "none.py") == "FILE: cannot be read: no such file"


PYTHON = f"""
from dataclasses import dataclass
from statemachine.integrations import task
import beside_d

@dataclass
class Card:
    number: "int"

@task("{ARN}", "Charge2")
def charge(input):
    return beside_d.VALUE

again = charge

@task("arn:aws:states:::sns:publish")
async def publish(input):
    return input
"""


def test_marked_functions_of_a_python_file(tmp_path: Path) -> None:
    write(tmp_path / "beside_d.py", "VALUE = 4\n")
    before = set(sys.modules)
    found = load_tasks_file(write(tmp_path / "json.py", PYTHON))
    assert list(found) == [ARN, "Charge2", "arn:aws:states:::sns:publish"]
    charge = found[ARN]
    assert callable(charge)
    assert charge({}) == 4
    added = [name for name in sys.modules if name not in before]
    assert "beside_d" in added
    assert Path(sys.modules["json"].__file__ or "") != tmp_path / "json.py"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("x = 1\n", 'FILE: binds no task; mark functions with @task("resource") from statemachine'),
        ("x = 1\ny = x / 0\n", "FILE: running it failed: ZeroDivisionError: division by zero (FILE, line 2)"),
        ("from statemachine.integrations import task\n@task('a')\ndef f(x): ...\n@task('a')\ndef g(x): ...\n",
         "FILE: a is bound twice, by f (line 2) and by g (line 4)"),
        ("from unittest.mock import Mock\nm = Mock()\n", 'FILE: binds no task; mark functions with @task("resource") from statemachine'),
    ],
)  # fmt: skip
def test_a_python_file_that_cannot_be_used(text: str, finding: str, tmp_path: Path) -> None:
    assert refused(write(tmp_path / "t.py", text)) == finding


def test_the_decorator_wants_a_resource_and_returns_the_function() -> None:
    def function(input: Json) -> Json:
        return input

    assert task("a")(function) is function
    with pytest.raises(TypeError, match="name the resource"):
        task(function)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name the resource"):
        task()
