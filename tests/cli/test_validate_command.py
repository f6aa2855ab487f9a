"""validate: findings with their places, for people and for machines."""

from __future__ import annotations

from pathlib import Path

from cli_runs import Command


def test_a_sound_definition_is_status_0(command: Command) -> None:
    printed = command("validate", "greet.asl.yaml")
    assert (printed.status, printed.out, printed.err) == (0, "", "1 definition checked: no errors, no warnings\n")
    printed = command("validate", "greet.asl.yaml", "work.asl.yaml", "-q")
    assert (printed.status, printed.out, printed.err) == (0, "", "")


def test_findings_are_shown_with_an_excerpt_and_a_caret(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml")
    assert printed.status == 1
    blocks = printed.out.split("wrong.asl.yaml:")[1:]
    assert [block.split(": ")[0] for block in blocks] == ["5:5", "9:14"]
    assert "(did you mean `ResultPath`?)" in blocks[0]
    assert blocks[0].endswith("  5 |     ResutlPath: $.x\n    |     ^\n")
    assert blocks[1].endswith("  9 |     Seconds: -1\n    |              ^\n")
    assert printed.err == "1 definition checked: 2 errors, no warnings\n"


def test_a_caret_stands_under_its_column_even_in_a_long_line(command: Command) -> None:
    text = '{"StartAt": "A", "Comment": "' + "x" * 200 + '", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}'
    printed = command("validate", "-", stdin=text)
    lines = printed.out.splitlines()
    found = [number for number, line in enumerate(lines) if "MISSING_TRANSITION_TARGET" in line]
    excerpt, caret = lines[found[0] + 1], lines[found[0] + 2]
    assert len(excerpt) < 130
    assert excerpt[caret.index("^") :].startswith('"Nowhere"')
    assert lines[found[0]].startswith("<stdin>:1:")


def test_json_is_aws_shape_with_lines(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "greet.asl.yaml", "--json")
    assert (printed.status, printed.err) == (1, "")
    assert printed.json["result"] == "FAIL"
    first = printed.json["diagnostics"][0]
    assert first == {
        "severity": "ERROR",
        "code": "SCHEMA_VALIDATION_FAILED",
        "message": "Field 'ResutlPath' is not supported",
        "location": "/States/A",
        "file": "wrong.asl.yaml",
        "line": 5,
        "column": 5,
        "suggestion": "did you mean `ResultPath`?",
    }
    assert command("validate", "greet.asl.yaml", "--json").json == {"result": "OK", "diagnostics": []}


def test_syntax_errors_have_their_line(command: Command) -> None:
    printed = command("validate", "-", stdin='{"StartAt": "A",\n "States": {]}')
    assert printed.status == 1
    assert printed.out.startswith("<stdin>:2:13: error")
    printed = command("validate", "-", stdin="StartAt: A\nStates:\n  - [\n")
    assert printed.status == 1
    assert ": error" in printed.out
    assert command("validate", "-", stdin="").status == 1


def test_what_cannot_be_read_is_a_mistake_of_usage(command: Command, folder: Path) -> None:
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    for name, message in (("nowhere", "No such file"), (".", "is a directory"), ("binary", "is not UTF-8 (line 1)")):
        printed = command("validate", "greet.asl.yaml", name)
        assert printed.status == 2, name
        assert message in printed.err
    assert command("validate").status == 2


def test_it_reads_many_files_and_counts(command: Command) -> None:
    printed = command("validate", "greet.asl.yaml", "wrong.asl.yaml", "fail.asl.yaml", "work.asl.yaml")
    assert printed.status == 1
    assert printed.err == "4 definitions checked: 2 errors, no warnings\n"
