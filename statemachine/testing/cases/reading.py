"""A file of cases -> cases, ready to be run (``schemas/test-cases.schema.json``, docs/testing.md).

Rules
- Every path in a file is relative to the file.
- What stands beside `cases` holds for each of them. `mocks`, `machines`, `items`, `context` and `substitutions` of a
  case are put on top of it, name by name; a mocks file takes the place of all mocks.
- All mistakes are collected, those of the definitions included: ``file:line:column: message``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.model import ABSENT
from statemachine.definition.placeholders import substitute
from statemachine.definition.sidefile import closest, place_of, read_side_file
from statemachine.definition.source import Source
from statemachine.errors import DefinitionError, InvalidJsonError, StatemachineError
from statemachine.jsonvalue import Document, read_document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.program.load import LoadedDefinition, load_text
from statemachine.program.nodes import MapNode, TaskNode
from statemachine.testing.cases.model import Case, CasesFile, Expected, Names, Setup, Stop
from statemachine.testing.mocks import Mocks, MocksError, load_mocks
from statemachine.testing.virtual import DEFAULT_START_MS
from statemachine.timestamps import parse_timestamp_ms

_MERGED: Final = ("machines", "mocks", "items", "context", "substitutions")


class CasesError(StatemachineError):
    """A file of cases cannot be used. `findings` lists everything that is wrong, a line for each."""

    def __init__(self, findings: list[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(findings))


def read_cases(path: str | Path) -> CasesFile:
    """The cases of a file. Raises CasesError."""
    path = Path(path)
    source, findings = read_side_file(path, "test-cases", "file of test cases")
    if source is None or findings:
        raise CasesError(findings)
    reader = _Reader(path.parent, source)
    cases = [reader.case(index, given) for index, given in enumerate(source.value["cases"])]
    if reader.findings:
        raise CasesError(list(dict.fromkeys(reader.findings)))
    return CasesFile(path, tuple(case for case in cases if case is not None))


@dataclass
class _Reader:
    folder: Path
    source: Source
    findings: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def case(self, index: int, own: dict[str, Any]) -> Case | None:
        """One case; None if something about it is wrong."""
        at: JsonPath = ("cases", index)
        before = len(self.findings)
        name = own["name"]
        if name in self.names:
            self._refuse((*at, "name"), f"'{name}' is the name of case {self.names[name] + 1} already")
        self.names.setdefault(name, index)
        given = self._merged(own)
        loaded = self._definition(given, at)
        machines = self._machines(given, at)
        document = self._input(given, at)
        mocks = self._mocks(given, at)
        start_ms = self._start(given, at)
        expected = self._expected(given.get("expect", {}), (*at, "expect"))
        if loaded is None or document is None or mocks is None or expected is None or len(self.findings) > before:
            return None
        self._check_names(given, at, mocks, [loaded, *machines.values()], loaded)
        if len(self.findings) > before:
            return None
        setup = Setup(
            loaded=loaded,
            input=document,
            mocks=mocks,
            machines=machines,
            items=given.get("items", {}),
            start_ms=start_ms,
            express=given.get("type") == "EXPRESS",
            names=Names(**given.get("context", {})),
            stop=_stop(given.get("stop")),
        )
        return Case(name=name, setup=setup, expected=expected, source=self.source, path=at, skip=given.get("skip"))

    def _merged(self, own: dict[str, Any]) -> dict[str, Any]:
        shared = {key: value for key, value in self.source.value.items() if key not in ("cases", "$schema")}
        given = {**shared, **own}
        for key in _MERGED:
            sides = (shared.get(key), own.get(key))
            if all(isinstance(side, dict) for side in sides):
                given[key] = {**sides[0], **sides[1]}  # type: ignore[dict-item]
        return given

    def _refuse(self, path: JsonPath, message: str) -> None:
        self.findings.append(f"{self._place(path)}{message}")

    def _place(self, path: JsonPath) -> str:
        """Where a field of a case stands: in the case, or beside `cases`."""
        inside = self.source.value["cases"][path[1]]
        if len(path) > 2 and path[2] not in inside:
            path = path[2:]
        return place_of(self.source, path)

    def _read(self, path: JsonPath, name: str) -> str | None:
        try:
            return (self.folder / name).read_text(encoding="utf-8-sig")
        except OSError as error:
            self._refuse(path, f"'{name}' cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._refuse(path, f"'{name}' is not UTF-8")
        return None

    def _definition(self, given: dict[str, Any], at: JsonPath) -> LoadedDefinition | None:
        if "definition" not in given:
            self._refuse(at, "no definition is named, neither in the case nor beside cases")
            return None
        return self._load((*at, "definition"), given["definition"], given.get("substitutions", {}))

    def _load(self, path: JsonPath, name: str, substitutions: Mapping[str, str]) -> LoadedDefinition | None:
        text = self._read(path, name)
        if text is None:
            return None
        try:
            loaded = load_text(substitute(text, substitutions), os.path.normpath(self.folder / name))
            loaded.require_runnable()
        except DefinitionError as error:
            self.findings += map(str, error.diagnostics)
            return None
        return loaded

    def _machines(self, given: dict[str, Any], at: JsonPath) -> dict[str, LoadedDefinition]:
        substitutions = given.get("substitutions", {})
        loaded = {
            key: self._load((*at, "machines", key), name, substitutions)
            for key, name in given.get("machines", {}).items()
        }
        return {key: each for key, each in loaded.items() if each is not None}

    def _input(self, given: dict[str, Any], at: JsonPath) -> Document | None:
        if "input_file" not in given:
            return Document(given.get("input", {}))
        text = self._read((*at, "input_file"), given["input_file"])
        if text is None:
            return None
        try:
            return read_document(text.strip())
        except InvalidJsonError as error:
            self._refuse((*at, "input_file"), f"'{given['input_file']}' is not JSON: {error}")
            return None

    def _mocks(self, given: dict[str, Any], at: JsonPath) -> Mocks | None:
        mocks = given.get("mocks", {})
        try:
            if not isinstance(mocks, str):
                return Mocks.of_states(mocks)
            file, _, test_case = mocks.partition("#")
            machine, slash, name = test_case.partition("/")
            return load_mocks(
                self.folder / file,
                (name if slash else test_case) or None,
                machine if slash else None,
            )
        except MocksError as error:
            for line in str(error).splitlines():
                self._refuse((*at, "mocks"), line)
            return None

    def _start(self, given: dict[str, Any], at: JsonPath) -> int:
        if "start" not in given:
            return DEFAULT_START_MS
        start_ms = parse_timestamp_ms(given["start"])
        if start_ms is None:
            self._refuse((*at, "start"), f"'{given['start']}' is no timestamp such as 2025-01-01T00:00:00Z")
        return start_ms or 0

    def _expected(self, given: dict[str, Any], at: JsonPath) -> Expected | None:
        pattern = None
        if "cause_matches" in given:
            try:
                pattern = re.compile(given["cause_matches"])
            except re.error as error:
                self._refuse((*at, "cause_matches"), f"no regular expression: {error}")
                return None
        fails = given.get("error") is not None or given.get("cause") is not None or pattern is not None
        status = given.get("status", "FAILED" if fails else "SUCCEEDED")
        duration = given.get("duration")
        return Expected(
            status=ExecutionStatus(status),
            output=given.get("output", ABSENT),
            output_contains=given.get("output_contains", ABSENT),
            error=given.get("error", ABSENT),
            cause=given.get("cause", ABSENT),
            cause_matches=pattern,
            path=_names(given, "path"),
            path_in_any_order=_names(given, "path_in_any_order"),
            calls=given.get("calls", {}),
            variables=given.get("variables", {}),
            duration_ms=None if duration is None else round(duration * 1000),
        )

    def _check_names(
        self, given: dict[str, Any], at: JsonPath, mocks: Mocks, all: list[LoadedDefinition], loaded: LoadedDefinition
    ) -> None:
        """States that are named but are not there: the case would pass, or fail, for a reason that nobody sees."""
        nodes = [node for each in all for node in each.program.nodes.values()]
        tasks = [node.name for node in nodes if isinstance(node, TaskNode)]
        readers = [node.name for node in nodes if isinstance(node, MapNode) and node.reader is not None]
        states = [node.name for node in loaded.program.nodes.values()]
        expected = given.get("expect", {})
        for path, kind, named, known in (
            (("mocks",), "Task state", mocks.states, tasks),
            (("items",), "Map state with an ItemReader", given.get("items", {}), readers),
            (("expect", "calls"), "Task state", expected.get("calls", {}), tasks),
            (("expect", "path"), "state", expected.get("path", ()), states),
            (("expect", "path_in_any_order"), "state", expected.get("path_in_any_order", ()), states),
        ):
            for below, name in _places(named):
                if name not in known:
                    where: JsonPath = (*at, *path, *((below,) if isinstance(given.get(path[0]), dict) else ()))
                    self._refuse(where, f"there is no {kind} '{name}'{closest(name, known)}")


def _places(named: Any) -> Iterator[tuple[str | int, str]]:
    """Names with the key or index that each stands under."""
    if isinstance(named, list):
        yield from enumerate(named)
    else:
        yield from ((name, name) for name in named)


def _names(given: dict[str, Any], key: str) -> tuple[str, ...] | None:
    return tuple(given[key]) if key in given else None


def _stop(given: dict[str, Any] | None) -> Stop | None:
    if given is None:
        return None
    return Stop(round(given["after"] * 1000), given.get("error"), given.get("cause"), given.get("compensate", False))
