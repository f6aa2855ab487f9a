"""The public surface and what the documents promise about it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import statemachine
from statemachine.cli import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_exported_name_can_be_loaded() -> None:
    for name in statemachine.__all__:
        assert getattr(statemachine, name) is not None


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, statemachine; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("click", "yaml", "jsonschema", "jsonpath_ng", "msgspec", "asyncio", "sqlite3", "httpx", "rich"):
        assert f"'{heavy}'" not in loaded


def test_every_command_is_documented() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in COMMANDS:
        assert f"statemachine {command}" in readme


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_documents_named_in_the_code_exist() -> None:
    for path in sorted((ROOT / "statemachine").rglob("*.py")):
        for name in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path.relative_to(ROOT)} names {name}"


def test_every_example_has_a_definition_and_a_test() -> None:
    tests = (ROOT / "tests" / "examples").glob("test_*.py")
    tested = "".join(path.read_text(encoding="utf-8") for path in tests)
    for folder in sorted((ROOT / "examples").iterdir()):
        if folder.is_dir():
            assert list(folder.glob("*.asl.*")), f"{folder.name} has no definition"
            assert folder.name in tested, f"{folder.name} has no test"


def test_a_mix_with_the_other_package_of_this_name_is_refused(tmp_path: Path) -> None:
    mixed = tmp_path / "statemachine"
    mixed.mkdir()
    (mixed / "__init__.py").write_text(Path(statemachine.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (mixed / "statemachine.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", "import statemachine"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip uninstall python-statemachine" in done.stderr
