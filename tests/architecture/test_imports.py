"""The rows of the architecture: who may import whom, and what the kernel must never touch.

A package imports only from rows above its own, or from itself. Read from the syntax trees, lazy imports included.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "statemachine"

ROWS = (
    ("errors", "limits", "jsonvalue", "timestamps"),
    ("definition", "expressions"),
    ("program",),
    ("kernel",),
    ("store", "integrations", "visibility"),
    ("testing",),
    ("runtime",),
    ("cli",),
)
ROW = {package: number for number, packages in enumerate(ROWS) for package in packages}

PURE = ("errors", "limits", "jsonvalue", "timestamps", "definition", "expressions", "program", "kernel")
FORBIDDEN_IN_PURE = {
    "asyncio",
    "time",
    "random",
    "uuid",
    "os",
    "threading",
    "sqlite3",
    "logging",
    "subprocess",
    "socket",
}
THIRD_PARTY = {
    "jsonvalue": {"msgspec"},
    "definition": {"msgspec", "yaml", "jsonschema"},
    "expressions": {"msgspec", "jsonpath_ng"},
    "program": {"msgspec"},
    "kernel": {"msgspec"},
    "store": {"msgspec"},
    "runtime": {"msgspec"},
    "integrations": {"httpx", "yaml", "jsonschema", "boto3"},
    "testing": {"msgspec", "yaml", "jsonschema"},
    "cli": {"click", "msgspec", "rich"},
}
# `program` reads the file of a definition: the one place where a path becomes text.
PATHS_ALLOWED = {"os": {"program/load.py", "definition/schema.py"}}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> list[tuple[str, bool]]:
    """Imported module names, and whether the import is only for type checking."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, typing_only: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            typing_only = True
        if isinstance(node, ast.Import):
            found.extend((alias.name, typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", typing_only))
            if node.module == "statemachine":
                found.extend((f"statemachine.{alias.name}", typing_only) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, typing_only)

    visit(ast.parse(path.read_text(encoding="utf-8")), typing_only=False)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_rows_above(path: Path) -> None:
    package = package_of(path)
    if package in ("__init__", "__main__"):
        return
    for name, typing_only in imports_of(path):
        if not name.startswith("statemachine.") or typing_only:
            continue
        other = name.split(".")[1]
        if other in ROW and other != package:
            same = ROW[other] == ROW[package] == 0  # the ground floor is one room
            assert same or ROW[other] < ROW[package], (
                f"{package} (row {ROW[package]}) imports {name} (row {ROW[other]})"
            )


def test_every_package_has_a_row() -> None:
    packages = {package_of(path) for path in modules()} - {"__init__", "__main__"}
    assert packages == set(ROW)


@pytest.mark.parametrize(
    "path", [path for path in modules() if package_of(path) in PURE], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_pure_rows_touch_no_clock_no_chance_and_no_io(path: Path) -> None:
    for name, _ in imports_of(path):
        top = name.split(".")[0]
        if top in FORBIDDEN_IN_PURE:
            allowed = PATHS_ALLOWED.get(top, set())
            assert str(path.relative_to(ROOT)) in allowed, f"imports {name}"
    source = path.read_text(encoding="utf-8")
    for forbidden in ("datetime.now(", "utcnow(", ".today("):
        assert forbidden not in source


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_third_party_packages_stay_in_their_place(path: Path) -> None:
    known = {"click", "rich", "yaml", "jsonschema", "jsonpath_ng", "msgspec", "httpx", "regex"}
    used = {name.split(".")[0] for name, _ in imports_of(path)} & known
    assert used <= THIRD_PARTY.get(package_of(path), set())


@pytest.mark.parametrize(
    "path", [path for path in modules() if package_of(path) == "kernel"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_kernel_has_no_module_level_mutable_state(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List | ast.Dict | ast.Set):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            assert isinstance(target, ast.Name)
            assert target.id.isupper() or target.id.startswith("_") or target.id == "__all__", target.id
