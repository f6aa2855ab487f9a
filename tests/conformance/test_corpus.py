"""The corpus of real definitions, when it is there: `CORPUS` or ../shared/validation-corpus beside the checkout."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from statemachine.definition.diagnostics import Severity
from statemachine.definition.source import load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check

CORPUS = Path(os.environ.get("CORPUS", Path(__file__).parents[3] / "shared" / "validation-corpus"))

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus is not at {CORPUS}")

HELD_TO_BE_INVALID = {
    # A linter's own test calls them valid; the arguments of their intrinsic calls are not separated by commas, which
    # the specification (Intrinsic Functions) does not allow.
    "lsp-yaml-strings-documentvalidparametersintrinsicfunction-e8d50753.yaml",
    "lsp-yaml-strings-documentvalidresultselectorintrinsicfunction-4a554e40.yaml",
}


def entries(verdict: str) -> list[dict[str, Any]]:
    index = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))
    return [entry for entry in index if entry["verdict"] == verdict]


def file_of(entry: dict[str, Any]) -> Path:
    name = entry.get("file") or entry["path"]
    return CORPUS / name if (CORPUS / name).exists() else CORPUS / entry["verdict"] / name


def errors_of(path: Path, *, schema: bool) -> list[str]:
    try:
        _, found = check(load_source(path.read_bytes(), file=str(path)), schema=schema)
    except DefinitionError as error:
        found = list(error.diagnostics)
    return [str(each) for each in found if each.severity is Severity.ERROR]


@pytest.mark.parametrize("schema", [True, False])
def test_no_valid_definition_is_refused(schema: bool) -> None:
    refused = {}
    for entry in entries("valid"):
        path = file_of(entry)
        if path.name not in HELD_TO_BE_INVALID and (errors := errors_of(path, schema=schema)):
            refused[path.name] = errors
    assert not refused


def test_most_invalid_definitions_are_refused() -> None:
    invalid = entries("invalid")
    caught = sum(bool(errors_of(file_of(entry), schema=True)) for entry in invalid)
    assert caught / len(invalid) >= 0.85
