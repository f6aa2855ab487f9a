from __future__ import annotations

import sys
from pathlib import Path

import pytest

from statemachine.integrations.base import BindingError
from statemachine.integrations.targets import load_python

pytestmark = pytest.mark.usefixtures("fresh_imports")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_function_is_imported_from_the_search_path(tmp_path: Path) -> None:
    write(tmp_path / "shop_a" / "__init__.py", "")
    write(tmp_path / "shop_a" / "tasks.py", "class Till:\n    @staticmethod\n    def charge(x): return x\n")
    function = load_python("python:shop_a.tasks:Till.charge", [tmp_path])
    assert function(3) == 3


def test_modules_beside_it_can_be_imported_later_too(tmp_path: Path) -> None:
    write(tmp_path / "late_b.py", "VALUE = 5\n")
    write(tmp_path / "tasks_b.py", "def charge():\n    import late_b\n    return late_b.VALUE\n")
    assert load_python("python:tasks_b:charge", [tmp_path])() == 5
    assert sys.path[-1] == str(tmp_path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("python:nope", "not of the form python:package.module:function"),
        ("python:a b:c", "not of the form"),
        ("python:no_such_c:f", "there is no module 'no_such_c' in .*, and the installed packages"),
        ("python:json.no_such_c:f", "there is no module 'json.no_such_c'"),
        ("python:json:dump_s", r"json has no 'dump_s' \(did you mean 'dumps'\?\)"),
        ("python:json:decoder.nope", "json.decoder has no 'nope'"),
        ("python:sys:path", "is a list, not a function"),
        ("python:broken_c:f", r"importing it failed: ZeroDivisionError: division by zero \(.*broken_c.py, line 2\)"),
        ("python:syntax_c:f", "importing it failed: SyntaxError: .*syntax_c.py, line 1"),
        ("python:needs_c:f", "importing it failed: ModuleNotFoundError: No module named 'not_installed_c'"),
        ("python:exits_c:f", "importing it failed: SystemExit: 3"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_runs(target: str, message: str, tmp_path: Path) -> None:
    write(tmp_path / "broken_c.py", "x = 1\ny = x / 0\n")
    write(tmp_path / "syntax_c.py", "def f(:\n")
    write(tmp_path / "needs_c.py", "import not_installed_c\n")
    write(tmp_path / "exits_c.py", "import sys\nsys.exit(3)\n")
    with pytest.raises(BindingError, match=message):
        load_python(target, [tmp_path])


def test_a_namesake_of_a_loaded_module_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "json.py", "def dumps(x): return 'mine'\n")
    with pytest.raises(BindingError, match=r"a module 'json' is already loaded from .*; rename .*json.py"):
        load_python("python:json:dumps", [tmp_path])
