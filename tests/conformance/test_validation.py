"""The corpus of real definitions, when it is there: `CORPUS` or ../shared/validation-corpus beside the checkout.

``python -m tests.conformance.validation`` prints the figures with as many mutants as one likes; here are few of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import validation

from statemachine.definition.source import load_source
from statemachine.errors import DefinitionError
from statemachine.program.load import check

pytestmark = pytest.mark.skipif(not validation.CORPUS.is_dir(), reason=f"the corpus is not at {validation.CORPUS}")


def test_no_valid_definition_is_refused() -> None:
    assert validation.refused().missed == []


def test_what_is_held_to_be_invalid_is_refused() -> None:
    for name in validation.HELD_TO_BE_INVALID:
        path = validation.CORPUS / "valid" / name
        if path.exists():
            assert validation.errors(validation.findings(path.read_bytes(), name, "STANDARD")[1])


def test_every_invalid_definition_is_refused_for_its_fault() -> None:
    caught, named = validation.invalid()
    assert caught.missed == []
    assert named.missed == []


def test_answers_are_those_of_aws() -> None:
    figures = validation.as_aws()
    assert figures.total
    assert figures.missed == []


def test_mutants_are_caught_and_located(tmp_path: Path) -> None:
    mutants = validation.measure_mutants(tmp_path, validation.make_mutants(tmp_path, "conformance", 1))
    assert mutants.caught.share >= 0.985, mutants.caught.missed  # few mutants: see `validation` for many
    assert mutants.caught_for_aws.share >= 0.99, mutants.caught_for_aws.missed
    assert mutants.located.share >= 0.98, mutants.located.missed
    assert mutants.named.share >= 0.99, mutants.named.missed
    assert mutants.warned.share == 1, mutants.warned.missed


def test_the_schemas_refuse_nothing_that_the_tables_do_not() -> None:
    differing = []
    for entry in validation.entries("valid"):
        path = validation.CORPUS / entry["file"]
        try:
            source = load_source(path.read_bytes(), file=path.name)
        except DefinitionError:
            continue
        plain, more = (validation.errors(check(source, schema=schema)[1]) for schema in (False, True))
        if plain != more:
            differing.append(path.name)
    assert differing == []
