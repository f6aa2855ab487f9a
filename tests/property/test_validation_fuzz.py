"""Nothing that a file holds makes `validate` crash, and every finding stands in the file.

Three kinds of files: any bytes; texts made of pieces of JSON, YAML and definitions; and machines that can run, with
some of their values changed, moved, renamed or lost.
"""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_machines import make_case

from statemachine.cli.reports import FORMATS, render
from statemachine.cli.reports.report import Report
from statemachine.cli.validation.checking import CheckedFile, check_file
from statemachine.cli.validation.configuration import Configurations, Overrides
from statemachine.cli.validation.discovery import Target
from statemachine.definition.codes import RULES

SUFFIXES = (".asl.json", ".asl.yaml", "", ".template")
PIECES = (
    '{"StartAt": "A", "States": {', '"A": {"Type": "Pass", "End": true}', '"Next"', '"$.a[0]"', '"{% $x + 1 %}"', "}}",
    "{", "}", "[", "]", ":", ",", '"', "\\", "\n", "\r\n", "\t", "  ", "- ", "# c", "null", "1e400", "-0", "NaN", "'",
    "StartAt: A\n", "States:\n", "  A:\n", "    Type: Task\n", "    End: true\n", "&a ", "*a", "!!str ", "!Sub ", "|\n",
    "? ", "<<: ", "---\n", "...\n", "%TAG ! !\n", "Resources:\n",
    "AWS::StepFunctions::StateMachine", "DefinitionString:", "Fn::Sub", "${x}", "\ufeff", "\x00", "\u2028", "\x85",
    "\U0001f600", "States.Format('{}', $)", "$$.Task.Token",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, "", "x", "$", "$.", "$..a", "$.a[?(@.b)]", "$$", "$x", "{% %}", "{% $ %}",
    "{% ( %}", "States.Foo()", "States.Format('{', 1)", "States.ALL", "arn:aws:states:::x:y.sync",
    "2026-01-01T00:00:00Z", [], {}, [{}], {"a.$": "b"}, [[]], {"": ""}, "a" * 300, "\U0001f600", "\ud7ff", "JSONata",
    "Parallel",
)  # fmt: skip


def checked(raw: bytes, suffix: str) -> CheckedFile:
    """The findings about these bytes, which every format can report."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fuzz{suffix}"
        path.write_bytes(raw)
        file = check_file(Target(str(path)), Configurations(isolated=True), Overrides())
    report = Report.of((file,))
    for format in FORMATS:
        assert isinstance(render(report, format), str)
    for finding in file.findings:
        assert finding.code in RULES, finding
        assert finding.position is not None, finding
        assert finding.file == str(path), finding
        lines = file.texts[finding.file].split("\n")
        line, column = finding.position.line, finding.position.column
        assert 1 <= line <= len(lines), finding
        assert 1 <= column <= len(lines[line - 1]) + 1, finding
        for note in finding.notes:
            assert note.position is None or 1 <= note.position.line <= len(lines), finding
    return file


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=80)
@given(raw=st.binary(max_size=200))
def test_any_bytes(suffix: str, raw: bytes) -> None:
    checked(raw, suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=150)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_pieces(suffix: str, pieces: list[str]) -> None:
    checked("".join(pieces).encode(), suffix)


_documents = st.recursive(
    st.sampled_from(ODD_VALUES) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "StartAt",
                    "States",
                    "A",
                    "Type",
                    "Next",
                    "End",
                    "Choices",
                    "Branches",
                    "ItemProcessor",
                    "Catch",
                    "Retry",
                )
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@settings(max_examples=300)
@given(document=_documents)
def test_any_document(document: Any) -> None:
    file = checked(json.dumps(document).encode(), ".asl.json")
    if not isinstance(document, dict) or "States" not in document:
        assert file.findings


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4), indent=st.sampled_from((None, 2)))
def test_any_machine_with_faults(seed: int, changes: int, indent: int | None) -> None:
    random = Random(seed)
    definition = copy.deepcopy(make_case(seed % 200, 2).definition)
    for _ in range(changes):
        _change(definition, random)
    checked(json.dumps(definition, indent=indent).encode(), random.choice(SUFFIXES[:3]))


def _change(definition: Any, random: Random) -> None:
    """Change one value somewhere in a definition."""
    places = list(_places(definition))
    if not places:
        return
    container, key = random.choice(places)
    others = random.choice(places)
    kind = random.randrange(5)
    if kind == 0:
        container[key] = random.choice(ODD_VALUES)
    elif kind == 1:
        del container[key]
    elif kind == 2 and isinstance(container, dict):
        container[random.choice(("Nxet", "Type", "End", key.lower(), key + "Path", "ü"))] = container.pop(key)
    elif kind == 3:
        container[key] = copy.deepcopy(others[0][others[1]])
    else:
        container[key] = [container[key]]


def _places(value: Any) -> list[tuple[Any, Any]]:
    found = []
    todo = [value]
    while todo:
        each = todo.pop()
        keys = each if isinstance(each, dict) else range(len(each)) if isinstance(each, list) else ()
        for key in keys:
            found.append((each, key))
            todo.append(each[key])
    return found
