"""The analyses together: their codes, their positions, and what they leave alone."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import pytest
from running import block, pass_, task

import statemachine.program.analysis
from statemachine.definition.codes import RULES
from statemachine.definition.diagnostics import Severity
from statemachine.definition.source import load_source
from statemachine.program.load import check, load


def codes() -> list[str]:
    """All codes that a module of the package names."""
    found = set()
    for module in pkgutil.iter_modules(statemachine.program.analysis.__path__):
        names = vars(importlib.import_module(f"statemachine.program.analysis.{module.name}"))
        found |= {each for each in names.values() if isinstance(each, str) and each.startswith("SM_")}
    return sorted(found)


@pytest.mark.parametrize("code", codes())
def test_every_code_is_explained_as_a_warning(code: str) -> None:
    assert RULES[code].severity is Severity.WARNING
    assert RULES[code].fix.endswith(".")


def test_a_finding_stands_where_the_value_is() -> None:
    text = json.dumps(block(S=pass_(Result={"a": 1}), R=pass_(InputPath="$.b")), indent=1)
    (found,) = check(load_source(text))[1]
    assert found.position is not None
    line = text.splitlines()[found.position.line - 1]
    assert line[found.position.column - 1 :].startswith('"$.b"')


LOST = block(S=pass_(Result={"a": 1}), R=pass_(InputPath="$.b"))


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (LOST, ["SM_FIELD_NOT_PRODUCED"]),
        (block(T=task("${Function}"), **LOST["States"]), ["SM_FIELD_NOT_PRODUCED"]),
        (block(S=pass_(Result={"a": 1}), M=pass_(ResultPath="${Where}"), R=pass_(InputPath="$.b")), []),
    ],
)
def test_what_depends_on_a_placeholder_is_not_looked_at(machine: dict[str, Any], expected: list[str]) -> None:
    states = {
        name: {key: each for key, each in state.items() if key not in ("Next", "End")}
        for name, state in machine["States"].items()
    }
    found = check(load_source(json.dumps(block(**states))))[1]
    assert [each.code for each in found] == expected


def test_a_definition_with_errors_is_not_analysed() -> None:
    machine = block(S=pass_(Result={"a": 1}), R=pass_(InputPath="$.b", Nonsense=1))
    found = check(load_source(json.dumps(machine)))[1]
    assert found
    assert "SM_FIELD_NOT_PRODUCED" not in [each.code for each in found]


def test_running_does_not_warn() -> None:
    assert load(LOST).warnings == ()
    assert check(load_source(json.dumps(LOST)), analysis=False)[1] == []
