"""`statemachine test`: what it prints, writes and returns."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from cli_runs import Command

CHARGE = "arn:aws:lambda:us-east-1:123456789012:function:charge"
PAY = f"""\
StartAt: Charge
States:
  Charge:
    Type: Task
    Resource: {CHARGE}
    Catch:
      - ErrorEquals: [Declined]
        Next: Refused
    Next: Paid
  Paid: {{Type: Succeed}}
  Refused: {{Type: Fail, Error: Refused}}
"""
CASES = """\
definition: pay.asl.yaml
cases:
  - name: paid
    mocks: {Charge: {Return: {id: 1}}}
    expect: {output: {id: 1}}
  - name: declined by the bank
    mocks: {Charge: {Throw: {Error: Declined}}}
    expect: {error: Refused}
"""
WRONG = """\
definition: pay.asl.yaml
cases:
  - name: wrong output
    mocks: {Charge: {Return: {id: 1}}}
    expect:
      output: {id: 2}
  - name: no mock
  - name: later
    skip: not yet
"""


@pytest.fixture(autouse=True)
def cases(folder: Path) -> None:
    (folder / "pay.asl.yaml").write_text(PAY)
    (folder / "pay.asl-test.yaml").write_text(CASES)


def test_cases_that_pass(command: Command) -> None:
    done = command("test", "pay.asl-test.yaml")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0] == "pay.asl-test.yaml .."
    assert lines[1].startswith("2 passed in ")
    assert done.err == ""


def test_a_folder_is_searched(command: Command, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "also.asl-test.yml").write_text(CASES.replace("pay.asl.yaml", "../pay.asl.yaml"))
    done = command("test", ".")
    assert done.status == 0
    assert done.out.splitlines()[:2] == ["deep/also.asl-test.yml ..", "pay.asl-test.yaml .."]


def test_failures_are_told_with_their_places(command: Command, folder: Path) -> None:
    (folder / "wrong.asl-test.yaml").write_text(WRONG)
    done = command("test", ".")
    assert done.status == 1
    assert "wrong.asl-test.yaml FEs" in done.out
    assert "wrong.asl-test.yaml:6:7: output is not as expected\n    $.id: expected 2, got 1\n" in done.out
    assert "SUCCEEDED in Paid (pay.asl.yaml:10)" in done.out
    assert f"ERROR wrong.asl-test.yaml:7:5 no mock: the state 'Charge' calls {CHARGE}, and has no mock" in done.out
    assert "2 passed, 1 failed, 1 error, 1 skipped in " in done.out
    assert "\x1b" not in done.out


def test_the_first_failure_ends_the_run(command: Command, folder: Path) -> None:
    (folder / "wrong.asl-test.yaml").write_text(WRONG)
    done = command("test", "wrong.asl-test.yaml", "pay.asl-test.yaml", "-x")
    assert done.status == 1
    assert "1 failed in " in done.out


def test_a_line_for_each_case(command: Command) -> None:
    done = command("test", "pay.asl-test.yaml", "-v")
    assert done.out.splitlines()[:2] == [
        "pay.asl-test.yaml::paid passed",
        "pay.asl-test.yaml::declined by the bank passed",
    ]


def test_cases_are_chosen_by_their_names(command: Command) -> None:
    assert command("test", ".", "-k", "bank", "--list").out == "pay.asl-test.yaml::declined by the bank\n"
    assert "1 passed" in command("test", ".", "-k", "not bank").out
    done = command("test", ".", "-k", "and")
    assert done.status == 2
    assert "a name is missing" in done.err
    done = command("test", ".", "-k", "zebra")
    assert (done.status, done.out) == (2, "")
    assert "no case matches -k 'zebra'; --list shows their names" in done.err


def test_results_as_json(command: Command, folder: Path) -> None:
    (folder / "wrong.asl-test.yaml").write_text(WRONG)
    done = command("test", "wrong.asl-test.yaml", "--json")
    assert done.status == 1
    assert {key: done.json["summary"][key] for key in ("passed", "failed", "error", "skipped")} == {
        "passed": 0,
        "failed": 1,
        "error": 1,
        "skipped": 1,
    }
    first, second, third = done.json["cases"]
    assert first["mismatches"] == [
        {
            "field": "output",
            "line": 6,
            "expected": {"id": 2},
            "actual": {"id": 1},
            "details": ["$.id: expected 2, got 1"],
        }
    ]
    assert (first["status"], first["path"], first["line"]) == ("SUCCEEDED", ["Charge", "Paid"], 3)
    assert "has no mock" in second["fault"]
    assert third["reason"] == "not yet"
    assert "coverage" not in done.json


def test_coverage_as_a_table(command: Command) -> None:
    done = command("test", "pay.asl-test.yaml", "-k", "paid", "--coverage", "text", "-v")
    header, row, total, *missing = done.out.rstrip().split("\n\n")[1].splitlines()
    assert header.split("  ")[0] == "Definition"
    assert row.split() == ["pay.asl.yaml", "2/3", "1/1", "0/1", "0/0", "60.0", "%", "7,", "11"]
    assert total.split() == ["Total", "2/3", "1/1", "0/1", "0/0", "60.0", "%"]
    assert missing == [
        "pay.asl.yaml:7: catcher of Charge: Declined -> Refused was not reached",
        "pay.asl.yaml:11: state Refused was not reached",
    ]


def test_coverage_in_files(command: Command, folder: Path) -> None:
    reports = ["--coverage", "html", "--coverage", "cobertura:out/c.xml", "--coverage", "json:c.json"]
    assert command("test", ".", *reports).status == 0
    assert "100.0 %" in (folder / "coverage.html").read_text()
    assert ET.parse(folder / "out" / "c.xml").getroot().attrib["line-rate"] == "1"  # noqa: S314 - our own text
    assert json.loads((folder / "c.json").read_text())["percent"] == 100.0
    assert command("test", ".", "--json", "--coverage", "text").json["coverage"]["percent"] == 100.0


def test_too_little_coverage_fails(command: Command) -> None:
    done = command("test", ".", "-k", "paid", "--fail-under", "80")
    assert done.status == 1
    assert done.err == "The coverage is 60.0 %, less than 80 %\n"
    assert command("test", ".", "-k", "paid", "--fail-under", "60").status == 0
    assert command("test", ".", "--fail-under", "100").status == 0


def test_junit(command: Command, folder: Path) -> None:
    (folder / "wrong.asl-test.yaml").write_text(WRONG.replace("wrong output", "wrong <output>\\x01 & more"))
    command("test", "wrong.asl-test.yaml", "pay.asl-test.yaml", "--junit", "reports/j.xml")
    root = ET.parse(folder / "reports" / "j.xml").getroot()  # noqa: S314 - our own text
    counts = [tuple(suite.attrib[key] for key in ("name", "tests", "failures", "errors")) for suite in root]
    assert counts == [("wrong.asl-test.yaml", "3", "1", "1"), ("pay.asl-test.yaml", "2", "0", "0")]
    failed, error, skipped = root[0]
    assert failed.find("failure") is not None
    assert failed.attrib["line"] == "3"
    assert "$.id: expected 2, got 1" in (failed.findtext("failure") or "")
    assert "has no mock" in (error.findtext("error") or "")
    found = skipped.find("skipped")
    assert found is not None
    assert found.attrib["message"] == "not yet"


def test_nothing_is_run_if_a_file_is_wrong(command: Command, folder: Path) -> None:
    (folder / "bad.asl-test.yaml").write_text("definition: none.asl.yaml\ncases:\n  - {name: a, exepct: {}}\n")
    done = command("test", ".")
    assert done.status == 2
    assert done.out == ""
    first, last = done.err.splitlines()
    assert first.startswith("bad.asl-test.yaml:3:15: 'exepct' is not known here (did you mean 'expect'?)")
    assert last == "Nothing was run."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a file or a folder"),
        (("none",), "'none' does not exist"),
        (("pay.asl-test.yaml", "--coverage", "xml"), "'xml' is none of text, json, html, cobertura"),
        (("pay.asl-test.yaml", "--fail-under", "101"), "101"),
        (("pay.asl-test.yaml", "-o", "x"), "-o belongs to --generate"),
        (("pay.asl-test.yaml", "--generate", "pay.asl.yaml"), "--generate runs no cases"),
    ],
)
def test_mistakes_in_the_call(command: Command, arguments: tuple[str, ...], message: str) -> None:
    done = command("test", *arguments)
    assert done.status == 2
    assert message in done.err


def test_a_folder_without_cases_is_a_mistake(command: Command, folder: Path) -> None:
    (folder / "empty").mkdir()
    done = command("test", "empty")
    assert done.status == 2
    assert "there are no test cases in empty: their files are called *.asl-test.yaml" in done.err


def test_generated_cases_pass(command: Command, folder: Path) -> None:
    done = command("test", "--generate", "pay.asl.yaml", "-o", "new.asl-test.yaml")
    assert (done.status, done.err) == (0, "2 cases reach 100.0 % of pay.asl.yaml\n")
    assert command("test", "new.asl-test.yaml", "--fail-under", "100").status == 0
    again = command("test", "--generate", "pay.asl.yaml", "-o", "new.asl-test.yaml")
    assert again.status == 2
    assert "is there already" in again.err
    assert command("test", "--generate", "pay.asl.yaml").out == (folder / "new.asl-test.yaml").read_text()


def test_a_definition_that_cannot_be_run_generates_nothing(command: Command) -> None:
    done = command("test", "--generate", "wrong.asl.yaml")
    assert done.status == 2
    assert "wrong.asl.yaml:5:5" in done.err
