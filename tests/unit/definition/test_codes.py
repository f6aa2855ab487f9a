"""The table of codes: every code that the package emits is in it, and says something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import statemachine
from statemachine.definition.codes import RULES, Rule

PACKAGE = Path(statemachine.__file__).parent
EMITTED = re.compile(r'"((?:SM|INVALID|MISSING|DUPLICATE|UNSUPPORTED|SCHEMA|TOO|NO|PASS)_[A-Z_]+[A-Z])"')
NOT_CODES = {"SM_UNSUPPORTED", "NO_COLOR"}
"""The beginning of codes, and a variable of the environment."""


def emitted() -> set[str]:
    found: set[str] = set()
    for folder in ("definition", "program", "cli"):
        for path in (PACKAGE / folder).rglob("*.py"):
            if path.name != "codes.py":
                found |= set(EMITTED.findall(path.read_text(encoding="utf-8")))
    return found - NOT_CODES


def test_every_code_is_in_the_table_and_nothing_else() -> None:
    codes = emitted()
    assert {"SCHEMA_VALIDATION_FAILED", "SM_DUPLICATE_KEY"} <= codes
    assert codes - RULES.keys() == set()
    assert RULES.keys() - codes == set()


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_says_all_of_it(rule: Rule) -> None:
    for name in rule.__struct_fields__:
        assert str(getattr(rule, name)).strip(), name
    assert not rule.title.endswith(".")
    assert rule.explanation.endswith(".")
    assert rule.fix.endswith(".")
    assert len(rule.title) < 100
