"""The formats for machines, as a CI server gets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from cli_runs import Command

from statemachine import __version__
from statemachine.cli.reports import FORMATS, render
from statemachine.cli.reports.report import Report
from statemachine.cli.validation.checking import CheckedFile
from statemachine.definition.codes import RULES
from statemachine.definition.diagnostics import Diagnostic, Note, Position, Severity

TEXT = 'first line\n{"Next": "Überall", "Ok": 1}\n'


def report(*findings: Diagnostic, name: str | None = "a.asl.json") -> Report:
    return Report.of((CheckedFile(name=name, findings=findings, definitions=1, texts={name: TEXT}),))


def finding(**changes: Any) -> Diagnostic:
    given: dict[str, Any] = {
        "code": "MISSING_TRANSITION_TARGET",
        "message": "Missing 'Next' target: Überall",
        "path": ("States", "A", "Next"),
        "position": Position(2, 10),
        "file": "a.asl.json",
    }
    return Diagnostic(**{**given, **changes})


NOTED = finding(
    suggestion="did you mean `Überfall`?",
    notes=(Note("the state was named here", ("States",), Position(1, 3)), Note("nothing follows", None, None, "X_Y")),
)


# -- json ------------------------------------------------------------------------------------------------------------


def test_json_is_aws_shape_with_places(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "greet.asl.yaml", "--json")
    assert (printed.status, printed.err) == (1, "")
    assert printed.json == {
        "result": "FAIL",
        "diagnostics": [
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": "Field 'ResutlPath' is not supported",
                "location": "/States/A",
                "file": "wrong.asl.yaml",
                "line": 5,
                "column": 5,
                "suggestion": "did you mean `ResultPath`?",
            },
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": "Minimum value is 0",
                "location": "/States/B/Seconds",
                "file": "wrong.asl.yaml",
                "line": 9,
                "column": 14,
            },
        ],
        "truncated": False,
    }
    assert command("validate", "greet.asl.yaml", "--json").json == {
        "result": "OK",
        "diagnostics": [],
        "truncated": False,
    }


def test_json_has_notes() -> None:
    (shown,) = json.loads(render(report(NOTED), "json"))["diagnostics"]
    assert shown["notes"] == [
        {"message": "the state was named here", "location": "/States", "line": 1, "column": 3},
        {"code": "X_Y", "message": "nothing follows"},
    ]


def test_json_is_utf_8_whatever_the_terminal_knows(process: Command, folder: Path) -> None:
    (folder / "ü.asl.json").write_text('{"StartAt": "Ü", "States": {"A": {"Type": "Pass", "End": true}}}')
    printed = process("validate", "ü.asl.json", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert {each["file"] for each in printed.json["diagnostics"]} == {"ü.asl.json"}


# -- github ----------------------------------------------------------------------------------------------------------


def test_github_annotations(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "--format", "github")
    assert (printed.status, printed.err) == (1, "")
    assert printed.out == (
        "::error file=wrong.asl.yaml,line=5,col=5,endColumn=15,title=SCHEMA_VALIDATION_FAILED::"
        "Field 'ResutlPath' is not supported at /States/A%0Ahelp: did you mean `ResultPath`?\n"
        "::error file=wrong.asl.yaml,line=9,col=14,endColumn=16,title=SCHEMA_VALIDATION_FAILED::"
        "Minimum value is 0 at /States/B/Seconds\n"
    )


def test_github_commands_are_escaped() -> None:
    odd = finding(
        message="100 %: a,b\r\n::error::c", path=None, file="a,b:c%.asl.json", severity=Severity.WARNING, position=None
    )
    assert render(report(odd), "github") == (
        "::warning file=a%2Cb%3Ac%25.asl.json,title=MISSING_TRANSITION_TARGET::100 %25: a,b%0D%0A::error::c\n"
    )
    assert render(report(NOTED), "github").endswith(
        "%0Ahelp: did you mean `Überfall`?%0Anote: 1:3: the state was named here%0Anote: nothing follows\n"
    )
    assert "file=" not in render(report(finding(file=None), name=None), "github")


def test_files_are_named_from_the_root_of_the_repository(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = folder / "infra" / "machines"
    below.mkdir(parents=True)
    (below / "wrong.asl.yaml").write_text((folder / "wrong.asl.yaml").read_text())
    monkeypatch.chdir(below)
    assert "::error file=wrong.asl.yaml,line=5," in command("validate", "wrong.asl.yaml", "--format", "github").out
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    shown = command("validate", "wrong.asl.yaml", "--format", "github").out
    assert "::error file=infra/machines/wrong.asl.yaml,line=5," in shown
    shown = command("validate", "../../wrong.asl.yaml", "--format", "github").out
    assert "::error file=wrong.asl.yaml,line=5," in shown


# -- sarif -----------------------------------------------------------------------------------------------------------

TEXT_MESSAGE = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}, "markdown": {"type": "string"}},
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": -1},
        "message": TEXT_MESSAGE,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {
                        "uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"},
                        "uriBaseId": {"type": "string"},
                        "description": TEXT_MESSAGE,
                    },
                    "additionalProperties": False,
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "properties": {
                        name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endColumn")
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "logicalLocations": {
            "type": "array",
            "items": {"type": "object", "properties": {"fullyQualifiedName": {"type": "string"}}},
        },
    },
    "additionalProperties": False,
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "semanticVersion": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "name": {"type": "string"},
                                                "shortDescription": TEXT_MESSAGE,
                                                "fullDescription": TEXT_MESSAGE,
                                                "help": TEXT_MESSAGE,
                                                "defaultConfiguration": {
                                                    "type": "object",
                                                    "properties": {"level": LEVEL},
                                                    "additionalProperties": False,
                                                },
                                            },
                                            "additionalProperties": False,
                                        },
                                    },
                                },
                                "additionalProperties": False,
                            }
                        },
                        "additionalProperties": False,
                    },
                    "originalUriBaseIds": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "properties": {"description": TEXT_MESSAGE},
                            "additionalProperties": False,
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": -1},
                                "level": LEVEL,
                                "message": TEXT_MESSAGE,
                                "locations": {"type": "array", "items": LOCATION},
                                "relatedLocations": {"type": "array", "items": LOCATION, "uniqueItems": True},
                                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                            },
                            "additionalProperties": False,
                        },
                    },
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""The parts of the SARIF 2.1.0 schema that are used here; what is not here is not written."""


def sarif(text: str) -> dict[str, Any]:
    """The one run of a log that is valid."""
    log = json.loads(text)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert isinstance(run, dict)
    return run


def test_sarif(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "--format", "sarif")
    assert (printed.status, printed.err) == (1, "")
    run = sarif(printed.out)
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("statemachine", __version__)
    (rule,) = driver["rules"]
    known = RULES["SCHEMA_VALIDATION_FAILED"]
    assert rule["id"] == known.code
    assert rule["name"] == "SchemaValidationFailed"
    assert rule["shortDescription"]["text"] == f"{known.title}."
    assert known.fix in rule["help"]["markdown"]
    assert rule["defaultConfiguration"] == {"level": "error"}
    first = run["results"][0]
    assert first["message"] == {
        "text": "Field 'ResutlPath' is not supported at /States/A (did you mean `ResultPath`?)",
    }
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "wrong.asl.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 5, "startColumn": 5, "endColumn": 15},
            },
            "logicalLocations": [{"fullyQualifiedName": "/States/A"}],
        }
    ]
    assert sarif(command("validate", "greet.asl.yaml", "--format", "sarif").out)["results"] == []


def test_a_fingerprint_survives_new_lines_above(command: Command, folder: Path) -> None:
    def prints() -> list[str]:
        run = sarif(command("validate", "wrong.asl.yaml", "--format", "sarif").out)
        return [result["partialFingerprints"]["statemachine/v1"] for result in run["results"]]

    before = prints()
    assert len(set(before)) == 2
    path = folder / "wrong.asl.yaml"
    path.write_text("Comment: new\n\n" + path.read_text())
    assert prints() == before
    twice = sarif(render(report(finding(), finding()), "sarif"))["results"]
    first, second = (result["partialFingerprints"]["statemachine/v1"] for result in twice)
    assert first != second


def test_sarif_places() -> None:
    noted, unplaced, elsewhere, unnamed = sarif(
        render(
            report(NOTED, finding(position=None), finding(file="../ü b#.json", code="NEW_CODE"), finding(file=None)),
            "sarif",
        )
    )["results"]
    assert noted["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 10, "endColumn": 19}
    assert noted["message"]["text"].endswith("(did you mean `Überfall`?)\nnothing follows")
    (related,) = noted["relatedLocations"]
    assert related["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 3}
    assert related["message"] == {"text": "the state was named here"}
    assert "region" not in unplaced["locations"][0]["physicalLocation"]
    artifact = elsewhere["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"] == f"file://{Path.cwd().parent.as_posix()}/%C3%BC%20b%23.json"
    assert "uriBaseId" not in artifact
    assert unnamed["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "stdin:"


# -- junit -----------------------------------------------------------------------------------------------------------


def test_junit(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "greet.asl.yaml", "--format", "junit")
    assert (printed.status, printed.err) == (1, "")
    assert printed.out == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="statemachine validate" tests="2" failures="1" errors="0" skipped="0">\n'
        '  <testsuite name="statemachine validate" tests="2" failures="1" errors="0" skipped="0">\n'
        '    <testcase name="wrong.asl.yaml" classname="statemachine validate" file="wrong.asl.yaml">\n'
        '      <failure message="2 errors" type="SCHEMA_VALIDATION_FAILED">'
        "wrong.asl.yaml:5:5: error SCHEMA_VALIDATION_FAILED: Field 'ResutlPath' is not supported at /States/A\n"
        "  help: did you mean `ResultPath`?\n"
        "wrong.asl.yaml:9:14: error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/B/Seconds</failure>\n"
        "    </testcase>\n"
        '    <testcase name="greet.asl.yaml" classname="statemachine validate" file="greet.asl.yaml"/>\n'
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_junit_is_xml_whatever_is_in_a_message() -> None:
    odd = finding(message='<&>"\x00\x1b\ufffe]]>', severity=Severity.WARNING, path=None)
    document = render(report(odd, name="<&>\"'.json"), "junit")
    case = ET.fromstring(document)[0][0]  # noqa: S314 - it is our own  # noqa: S314 - our own text
    assert case.get("name") == "<&>\"'.json"
    assert case.find("failure") is None
    output = case.find("system-out")
    assert output is not None
    assert output.text == 'a.asl.json:2:10: warning MISSING_TRANSITION_TARGET: <&>"\ufffd\ufffd\ufffd]]>'


# -- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_suggestions_and_notes(format: str) -> None:
    shown = render(report(NOTED), format)
    for part in ("MISSING_TRANSITION_TARGET", "Überall", "did you mean `Überfall`?", "named here", "nothing follows"):
        assert part in shown, part
    assert shown.endswith("\n")


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_the_same_each_time(format: str, command: Command) -> None:
    once = command("validate", "wrong.asl.yaml", "work.asl.yaml", "--format", format)
    assert command("validate", "wrong.asl.yaml", "work.asl.yaml", "--format", format) == once
