"""Files of cases: what they may say, and what is told of those that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.definition.model import ABSENT
from statemachine.definition.schema import load_schema
from statemachine.kernel.commands import ExecutionStatus
from statemachine.testing.cases.model import Case
from statemachine.testing.cases.reading import CasesError, read_cases
from statemachine.testing.mocks import Return

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"
DEFINITION = f"""\
StartAt: Work
States:
  Work:
    Type: Task
    Resource: {FUNCTION}
    Next: Each
  Each:
    Type: Map
    ItemReader:
      Resource: arn:aws:states:::s3:getObject
      Parameters: {{Bucket: b, Key: k}}
    ItemProcessor:
      ProcessorConfig: {{Mode: DISTRIBUTED, ExecutionType: STANDARD}}
      StartAt: Inner
      States:
        Inner: {{Type: Pass, End: true}}
    End: true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work.asl.yaml").write_text(DEFINITION)
    return tmp_path


def read(folder: Path, text: str, name: str = "work.asl-test.yaml") -> tuple[Case, ...]:
    (folder / name).write_text(text)
    return read_cases(folder / name).cases


def findings(folder: Path, text: str) -> list[str]:
    with pytest.raises(CasesError) as raised:
        read(folder, text)
    return [each.removeprefix(f"{folder}/") for each in raised.value.findings]


def test_what_stands_beside_the_cases_holds_for_all_of_them(folder: Path) -> None:
    first, second = read(
        folder,
        """\
definition: work.asl.yaml
start: 2025-12-24T18:00:00Z
mocks:
  Work: {Return: 1}
context: {region: eu-west-1, execution: mine}
cases:
  - name: as it is
  - name: otherwise
    start: 2026-01-01T00:00:00Z
    context: {execution: other}
    mocks: {Work: [{Return: 2}]}
""",
    )
    assert first.setup.start_ms == 1_766_599_200_000
    assert second.setup.start_ms == 1_767_225_600_000
    assert first.setup.mocks.outcome("Work", 0) == Return(1)
    assert second.setup.mocks.outcome("Work", 0) == Return(2)
    assert (second.setup.names.region, second.setup.names.execution) == ("eu-west-1", "other")


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        ({}, ExecutionStatus.SUCCEEDED),
        ({"output": None}, ExecutionStatus.SUCCEEDED),
        ({"error": "Broken"}, ExecutionStatus.FAILED),
        ({"cause": "it fell"}, ExecutionStatus.FAILED),
        ({"cause_matches": "fell"}, ExecutionStatus.FAILED),
        ({"error": None}, ExecutionStatus.SUCCEEDED),
        ({"status": "ABORTED", "error": "Broken"}, ExecutionStatus.ABORTED),
    ],
)
def test_the_expected_status_follows_from_the_rest(folder: Path, expect: Any, status: ExecutionStatus) -> None:
    (case,) = read(folder, json.dumps({"definition": "work.asl.yaml", "cases": [{"name": "a", "expect": expect}]}))
    assert case.expected.status is status


def test_null_is_expected_and_nothing_is_not(folder: Path) -> None:
    (null,) = read(folder, "definition: work.asl.yaml\ncases: [{name: a, expect: {output: null, error: null}}]")
    (nothing,) = read(folder, "definition: work.asl.yaml\ncases: [{name: a}]")
    assert (null.expected.output, null.expected.error) == (None, None)
    assert (nothing.expected.output, nothing.expected.error) == (ABSENT, ABSENT)


def test_a_json_file_an_input_file_and_a_mocks_file(folder: Path) -> None:
    (folder / "input.json").write_text('{"a": 1}\n')
    config = {
        "StateMachines": {"M": {"TestCases": {"Happy": {"Work": "W"}}}, "N": {"TestCases": {"Happy": {}}}},
        "MockedResponses": {"W": {"0": {"Return": 5}}},
    }
    (folder / "mocks.json").write_text(json.dumps(config))
    given = {
        "definition": "work.asl.yaml",
        "cases": [{"name": "a", "input_file": "input.json", "mocks": "mocks.json#M/Happy"}],
    }
    (case,) = read(folder, json.dumps(given), "work.asl-test.json")
    assert case.setup.input.value == {"a": 1}
    assert case.setup.mocks.outcome("Work", 0) == Return(5)


def test_substitutions_are_made_in_the_definition(folder: Path) -> None:
    (folder / "work.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Rest}, End: true}\n")
    (case,) = read(folder, "definition: work.asl.yaml\nsubstitutions: {Rest: '7'}\ncases: [{name: a}]")
    assert "Seconds: 7" in case.setup.loaded.text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cases: []", "work.asl-test.yaml:1:8: cases is a list of at least one case"),
        ("definition: work.asl.yaml", "work.asl-test.yaml:1:1: 'cases' is a required property"),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    expcet: {}",
            "work.asl-test.yaml:4:5: 'expcet' is not known here (did you mean 'expect'?)",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    expect: {status: DONE}",
            "work.asl-test.yaml:4:22: status is SUCCEEDED, FAILED, TIMED_OUT or ABORTED",
        ),
        ("cases:\n  - name: a", "work.asl-test.yaml:2:5: no definition is named, neither in the case nor beside cases"),
        (
            "cases:\n  - name: a\n    definition: none.asl.yaml",
            "work.asl-test.yaml:3:17: 'none.asl.yaml' cannot be read: No such file or directory",
        ),
        (
            "definition: none.asl.yaml\ncases:\n  - name: a",
            "work.asl-test.yaml:1:13: 'none.asl.yaml' cannot be read: No such file or directory",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n  - name: a",
            "work.asl-test.yaml:4:11: 'a' is the name of case 1 already",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    mocks:\n      Wrok: {Return: 1}",
            "work.asl-test.yaml:5:13: there is no Task state 'Wrok' (did you mean 'Work'?)",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    expect:\n      path: [Work, Eahc]",
            "work.asl-test.yaml:5:20: there is no state 'Eahc' (did you mean 'Each'?)",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    expect:\n      calls: {Each: 1}",
            "work.asl-test.yaml:5:21: there is no Task state 'Each'",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    items: {Work: []}",
            "work.asl-test.yaml:4:19: there is no Map state with an ItemReader 'Work'",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    start: tomorrow",
            "work.asl-test.yaml:4:12: 'tomorrow' is no timestamp such as 2025-01-01T00:00:00Z",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    expect: {cause_matches: '('}",
            "work.asl-test.yaml:4:29: no regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    mocks: none.json#Case",
            "work.asl-test.yaml:4:12: ",
        ),
        (
            "definition: work.asl.yaml\ncases:\n  - name: a\n    input: 1\n    input_file: a.json",
            "work.asl-test.yaml:4:12: A case has input or input_file, not both",
        ),
        ("definition: [", "work.asl-test.yaml:1:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(folder: Path, text: str, found: str) -> None:
    told = findings(folder, text)
    assert told[0].startswith(found), told
    assert len(told) == 1


def test_all_mistakes_are_told_at_once_those_of_definitions_too(folder: Path) -> None:
    (folder / "bad.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Wait, Seconds: -1, End: true}\n")
    told = findings(
        folder,
        """\
cases:
  - {name: a, definition: bad.asl.yaml}
  - {name: b, definition: bad.asl.yaml}
  - {name: c, definition: work.asl.yaml, start: never}
""",
    )
    assert len(told) == 2
    assert told[0].startswith("bad.asl.yaml:3:")
    assert told[1].startswith("work.asl-test.yaml:4:")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CasesError, match="cannot be read"):
        read_cases(tmp_path / "none.asl-test.yaml")


def test_outcomes_are_the_same_in_cases_and_in_mocks_files() -> None:
    """Two schemas, because an editor is given one file: they must not drift apart."""

    def bare(schema: Any) -> Any:
        if isinstance(schema, dict):
            return {key: bare(each) for key, each in schema.items() if key != "description"}
        return [bare(each) for each in schema] if isinstance(schema, list) else schema

    mocks, cases = load_schema("mocks")["$defs"], load_schema("test-cases")["$defs"]
    own = bare(cases["outcome"])
    own["properties"]["Throw"] = {"$ref": "#/$defs/throw"}
    assert own == bare(mocks["outcome"])
    assert bare(cases["outcome"])["properties"]["Throw"] == bare(mocks["throw"])
    assert bare(cases["mocks"])["additionalProperties"] == bare(mocks["states"])["additionalProperties"]
