"""What a command imports: docs/performance.md, "Start-up". Imports are counted, not timed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "statemachine"
STRUCT_PACKAGES = ("definition", "expressions", "program", "cli/validation")
"""Packages of which a command that reads a definition imports every class."""

JSONPATH = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": "$.b"}, "End": True}}}
JSONATA = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Succeed", "Output": "{% 1 %}"}}}
YAML = "StartAt: A\nStates: {A: {Type: Succeed}}\n"

RUNNING = ("kernel", "store", "runtime", "integrations", "testing", "visibility")
HEAVY = ("asyncio", "httpx", "jsonpath_ng", "jsonschema", "logging", "rich", "sqlite3", "ssl")
ON_DEMAND = ("difflib", "tomllib", "yaml", "statemachine.definition.codes", "statemachine.definition.templates",
             "statemachine.definition.yamltext", "statemachine.expressions.jsonata")  # fmt: skip


def imported(folder: Path, *arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import sys\n"
        "from statemachine.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def of_packages(modules: set[str], packages: tuple[str, ...]) -> set[str]:
    return {each for each in modules if each.startswith(tuple(f"statemachine.{name}" for name in packages))}


@pytest.mark.parametrize(
    ("name", "text", "needed"),
    [
        ("a.asl.json", json.dumps(JSONPATH), set()),
        ("a.asl.json", json.dumps(JSONATA), {"statemachine.expressions.jsonata"}),
        ("a.asl.yaml", YAML, {"yaml", "statemachine.definition.yamltext"}),
    ],
)
def test_validate_imports_what_the_definition_uses(tmp_path: Path, name: str, text: str, needed: set[str]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    modules = imported(tmp_path, "validate", name)
    assert of_packages(modules, RUNNING) == set()
    assert modules & {*HEAVY, *ON_DEMAND} == needed


def test_the_version_is_told_without_click(tmp_path: Path) -> None:
    modules = imported(tmp_path, "--version")
    assert modules & {"click", "dataclasses", "inspect", "msgspec"} == set()
    assert of_packages(modules, ("definition", "program", "expressions", "errors", *RUNNING)) == set()


@pytest.mark.parametrize(
    "path",
    [path for package in STRUCT_PACKAGES for path in sorted((ROOT / package).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_classes_of_a_definition_are_cheap_to_make(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "dataclasses"), "use msgspec.Struct"
