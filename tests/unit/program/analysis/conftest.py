"""What the tests of the analyses share: the warnings of a definition, as codes with their places."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import load_source
from statemachine.program.load import check

Warned = Callable[..., list[tuple[str, str]]]


def diagnostics(machine: dict[str, Any], *, express: bool = False) -> list[Diagnostic]:
    """All findings; a definition with errors would not be analysed."""
    _, found = check(load_source(json.dumps(machine)), express=express)
    assert not [str(each) for each in found if each.severity is Severity.ERROR]
    return found


@pytest.fixture
def warned() -> Warned:
    """Codes (without ``SM_``) and locations of a machine's warnings, but for the codes to ignore."""

    def warned(machine: dict[str, Any], *ignored: str, express: bool = False) -> list[tuple[str, str]]:
        found = diagnostics(machine, express=express)
        pairs = [(each.code.removeprefix("SM_"), each.location or "") for each in found]
        return [pair for pair in pairs if pair[0] not in ignored]

    return warned


@pytest.fixture
def messages() -> Callable[[dict[str, Any]], list[str]]:
    """The messages of a machine's warnings, with their suggestions."""

    def messages(machine: dict[str, Any]) -> list[str]:
        return [f"{each.message} ({each.suggestion})" for each in diagnostics(machine)]

    return messages
