"""The configuration of ``validate``: ``statemachine.toml`` or ``[tool.statemachine.validate]`` in ``pyproject.toml``.

Rules
- For each file the nearest configuration counts, upward from its folder; configurations are not merged. In one folder
  ``statemachine.toml`` comes before ``pyproject.toml``, and a ``pyproject.toml`` without our table is none.
- Globs are relative to the configuration's folder (`globs.covering_pattern`).
- What is not understood is an error that names the file and the key: a rule that is misspelt must not pass silently.
- The command line comes last: it changes each file's configuration (`Overrides`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct, field
from msgspec.structs import replace

from statemachine.cli.validation.globs import covering_pattern
from statemachine.cli.validation.selection import Selection, Selectors, unknown_selector
from statemachine.definition.diagnostics import Severity
from statemachine.limits import DEFINITION_LIMITS, DefinitionLimits

OWN_FILE: Final = "statemachine.toml"
PROJECT_FILE: Final = "pyproject.toml"
_PROJECT_TABLE: Final = ("tool", "statemachine", "validate")
_OWN_TABLE: Final = ("validate",)
_FILE_BYTES: Final = 1_048_576

DEFINITION_PATTERNS: Final = ("*.asl", "*.asl.json", "*.asl.yaml", "*.asl.yml")
TEMPLATE_PATTERNS: Final = (
    "template.yaml",
    "template.yml",
    "template.json",
    "*.template",
    "*.template.yaml",
    "*.template.yml",
    "*.template.json",
)
DEFAULT_INCLUDE: Final = (*DEFINITION_PATTERNS, *TEMPLATE_PATTERNS)
"""What is looked for in a folder."""
DEFAULT_EXCLUDE: Final = (
    ".aws-sam",
    ".git",
    ".hg",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".serverless",
    ".statemachine",
    ".svn",
    ".terraform",
    ".tox",
    ".venv",
    "__pycache__",
    "cdk.out",
    "node_modules",
    "venv",
)
"""What is passed over in a folder."""
KEYS: Final = (
    "select",
    "extend-select",
    "ignore",
    "per-file-ignores",
    "severity",
    "warnings-as-errors",
    "type",
    "target",
    "include",
    "extend-include",
    "exclude",
    "extend-exclude",
    "limits",
)
"""Every key of the table."""

_SEVERITIES: Final = {"error": Severity.ERROR, "warning": Severity.WARNING}
_LIMIT_MAX: Final = {"bytes": 64 * 1_048_576, "depth": 256, "nodes": 10_000_000}
"""The reader of a definition holds all of it in memory, and recurses."""


_NOTHING_CHOSEN: Final = Selectors()


class Overrides(Struct, frozen=True):
    """What the command line says for every file."""

    selectors: Selectors = _NOTHING_CHOSEN
    express: bool | None = None
    target_aws: bool | None = None
    warnings_as_errors: bool = False
    no_warnings: bool = False


class Configuration(Struct, frozen=True):
    """What holds for the files of one folder and below."""

    file: Path | None = None
    """Where it was read; None for the defaults."""
    root: str = ""
    """The absolute folder that globs are relative to."""
    include: tuple[str, ...] = DEFAULT_INCLUDE
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    selectors: Selectors = _NOTHING_CHOSEN
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict)
    express: tuple[tuple[str, bool], ...] = ()
    """Glob -> whether its machines are Express; the last that covers a file counts."""
    target_aws: bool = False
    warnings_as_errors: bool = False
    limits: DefinitionLimits = DEFINITION_LIMITS

    def excludes(self, path: str, *, below: bool = True) -> bool:
        """Whether an absolute path is passed over; without `below`, whether it is by itself, and not for being in a
        folder that is."""
        return self._covers(self.exclude, path, below=below)

    def includes(self, path: str) -> bool:
        """Whether an absolute path of a file is one of those looked for."""
        return self._covers(self.include, path)

    def is_express(self, path: str, overrides: Overrides) -> bool:
        """Whether the machines of a file are Express."""
        if overrides.express is not None:
            return overrides.express
        return next((value for glob, value in reversed(self.express) if self._covers((glob,), path)), False)

    def selection(self, path: str, overrides: Overrides) -> Selection:
        """Which findings about a file are reported."""
        ignored = [code for glob, codes in self.per_file_ignores if self._covers((glob,), path) for code in codes]
        return Selection(
            layers=(self.selectors, overrides.selectors),
            ignored_here=tuple(ignored),
            severities=(self.severity,) if self.severity else (),
            warnings_as_errors=self.warnings_as_errors or overrides.warnings_as_errors,
            no_warnings=overrides.no_warnings,
        )

    def _covers(self, patterns: tuple[str, ...], path: str, *, below: bool = True) -> bool:
        root = self.root.rstrip(os.sep) + os.sep
        relative = path[len(root) :] if path.startswith(root) else path.lstrip(os.sep)
        return covering_pattern(patterns, below=below).fullmatch(relative.replace(os.sep, "/")) is not None


class Configurations:
    """Finds the configuration of each file. Reads each configuration once."""

    def __init__(self, *, only: Path | None = None, isolated: bool = False) -> None:
        """`only` is the one that counts for all files; its globs are relative to the working directory."""
        self._by_folder: dict[str, Configuration] = {}
        self._only: Configuration | None = None
        if isolated:
            self._only = Configuration(root=str(Path.cwd()))
        elif only is not None:
            found = read_configuration(only, required=True)
            assert found is not None
            self._only = replace(found, root=str(Path.cwd()))

    def of_folder(self, folder: str) -> Configuration:
        """The configuration of what is in an absolute folder. Raises click.UsageError if it is wrong."""
        if self._only is not None:
            return self._only
        asked = []
        while (found := self._by_folder.get(folder)) is None:
            asked.append(folder)
            found = _in_folder(Path(folder))
            parent = str(Path(folder).parent)
            if found is not None or parent == folder:
                break
            folder = parent
        found = found or Configuration(root=str(Path.cwd()))
        for each in asked:
            self._by_folder[each] = found
        return found

    def of_file(self, path: str) -> tuple[str, Configuration]:
        """A file's absolute path, and its configuration. Raises click.UsageError if that is wrong."""
        absolute = os.path.abspath(path)  # noqa: PTH100 - links keep their names
        return absolute, self.of_folder(os.path.dirname(absolute))  # noqa: PTH120


def _in_folder(folder: Path) -> Configuration | None:
    for name in (OWN_FILE, PROJECT_FILE):
        path = folder / name
        if path.is_file():
            found = read_configuration(path, required=name == OWN_FILE)
            if found is not None:
                return found
    return None


def read_configuration(path: Path, *, required: bool) -> Configuration | None:
    """Read one file. None if it is a ``pyproject.toml`` without our table, unless it is required.

    Raises click.UsageError, naming the file and the key, for what is wrong in it.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_FILE_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    if len(raw) > _FILE_BYTES:
        raise click.UsageError(f"{path}: larger than {_FILE_BYTES} bytes")
    is_project = path.name == PROJECT_FILE
    if is_project and not required and b"statemachine" not in raw:
        return None  # most projects: no need to read it
    import tomllib

    try:
        table: Any = tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        if is_project and not required:
            return None  # whoever owns the file will hear of it from its other readers
        raise click.UsageError(f"{path}: not TOML: {error}") from None
    names = _PROJECT_TABLE if is_project else _OWN_TABLE
    reader = _Reader(path)
    for depth, name in enumerate(names):
        if name not in table:
            if is_project and required:
                raise click.UsageError(f"{path}: there is no [{'.'.join(names)}]")
            unknown = [] if is_project else sorted(table)
            if unknown:
                reader.wrong(unknown[0], f"unknown; the settings belong under [{names[0]}]")
            return None if is_project else Configuration(path, str(path.parent.absolute()))
        table = table[name]
        if not isinstance(table, dict):
            reader.wrong(".".join(names[: depth + 1]), "must be a table")
    return reader.configuration(table)


class _Reader:
    """Reads the values of one file; knows how to complain."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wrong(self, key: str, message: str) -> Any:
        raise click.UsageError(f"{self.path}: {key}: {message}")

    def configuration(self, table: dict[str, Any]) -> Configuration:
        known = KEYS
        for key in table:
            if key not in known:
                from statemachine.definition.suggestions import closest

                meant = closest(key, known)
                self.wrong(
                    key, f"unknown key: {f'did you mean {meant}?' if meant else 'the keys are ' + ', '.join(known)}"
                )
        severity, off = self.severities(table.get("severity", {}))
        return Configuration(
            file=self.path,
            root=str(self.path.parent.absolute()),
            include=(*self.names(table, "include", DEFAULT_INCLUDE), *self.names(table, "extend-include", ())),
            exclude=(*self.names(table, "exclude", DEFAULT_EXCLUDE), *self.names(table, "extend-exclude", ())),
            selectors=Selectors(
                select=self.codes("select", table["select"]) if "select" in table else None,
                extend_select=self.codes("extend-select", table.get("extend-select", [])),
                ignore=(*self.codes("ignore", table.get("ignore", [])), *off),
            ),
            per_file_ignores=self.per_file_ignores(table.get("per-file-ignores", {})),
            severity=severity,
            express=self.types(table.get("type", {})),
            target_aws=self.choice("target", table.get("target", "any"), ("any", "aws")) == "aws",
            warnings_as_errors=self.flag("warnings-as-errors", table.get("warnings-as-errors", False)),
            limits=self.limits(table.get("limits", {})),
        )

    def names(self, table: dict[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        return self.strings(key, table[key]) if key in table else default

    def strings(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            self.wrong(key, "must be a list of strings")
        return tuple(value)

    def codes(self, key: str, value: Any) -> tuple[str, ...]:
        for each in self.strings(key, value):
            wrong = unknown_selector(each)
            if wrong:
                self.wrong(key, wrong)
        return tuple(value)

    def table(self, key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.wrong(key, "must be a table")
        table: dict[str, Any] = value
        return table

    def choice(self, key: str, value: Any, choices: tuple[str, ...]) -> str:
        if value not in choices:
            self.wrong(key, f"must be {' or '.join(repr(each) for each in choices)}, not {value!r}")
        return str(value)

    def flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return bool(value)

    def per_file_ignores(self, value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found = self.table("per-file-ignores", value)
        return tuple((glob, self.codes(f"per-file-ignores.{glob}", codes)) for glob, codes in found.items())

    def severities(self, value: Any) -> tuple[dict[str, Severity], tuple[str, ...]]:
        """The severities, and the codes that are off."""
        severity, off = {}, []
        for code, level in self.table("severity", value).items():
            self.codes("severity", [code])
            chosen = self.choice(f"severity.{code}", level, ("error", "warning", "off"))
            if chosen == "off":
                off.append(code)
            else:
                severity[code] = _SEVERITIES[chosen]
        return severity, tuple(off)

    def types(self, value: Any) -> tuple[tuple[str, bool], ...]:
        if isinstance(value, str):
            value = {"**": value}
        elif not isinstance(value, dict):
            self.wrong("type", "must be 'standard', 'express', or a table from glob to one of them")
        choices = ("standard", "express")
        return tuple(
            (glob, self.choice("type" if glob == "**" else f"type.{glob}", each, choices) == "express")
            for glob, each in value.items()
        )

    def limits(self, value: Any) -> DefinitionLimits:
        found = self.table("limits", value)
        for key, number in found.items():
            if key not in _LIMIT_MAX:
                self.wrong(f"limits.{key}", f"unknown key: the limits are {', '.join(_LIMIT_MAX)}")
            if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= _LIMIT_MAX[key]:
                self.wrong(f"limits.{key}", f"must be an integer from 1 to {_LIMIT_MAX[key]}")
        return DefinitionLimits(**found)
