"""validate: findings with their places for people, exit statuses, what is selected, where the report goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_runs import Command, Printed
from test_terminal import Terminal

DOUBTFUL = """\
StartAt: A
States:
  A:
    Type: Pass
    Parameters:
      total: $.sum
    End: true
"""


@pytest.fixture
def doubtful(folder: Path) -> str:
    """A definition with one warning, NO_DOLLAR."""
    (folder / "doubtful.asl.yaml").write_text(DOUBTFUL)
    return "doubtful.asl.yaml"


def codes(printed: Printed) -> list[str]:
    return [each["code"] for each in printed.json["diagnostics"]]


# -- text ------------------------------------------------------------------------------------------------------------


def test_a_sound_definition_is_status_0(command: Command) -> None:
    printed = command("validate", "greet.asl.yaml")
    assert (printed.status, printed.out, printed.err) == (0, "", "1 definition checked: no errors, no warnings\n")
    printed = command("validate", "greet.asl.yaml", "work.asl.yaml", "-q")
    assert (printed.status, printed.out, printed.err) == (0, "", "")


def test_findings_are_shown_with_an_excerpt_and_an_underline(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml")
    assert printed.status == 1
    assert printed.out == (
        "wrong.asl.yaml:5:5: error SCHEMA_VALIDATION_FAILED: Field 'ResutlPath' is not supported at /States/A\n"
        "  5 |     ResutlPath: $.x\n"
        "    |     ^^^^^^^^^^\n"
        "    = help: did you mean `ResultPath`?\n"
        "\n"
        "wrong.asl.yaml:9:14: error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/B/Seconds\n"
        "  9 |     Seconds: -1\n"
        "    |              ^^\n"
        "\n"
    )
    assert printed.err == "1 definition checked: 2 errors, no warnings\n"


def test_an_underline_stands_under_its_column_even_in_a_long_line(command: Command) -> None:
    text = '{"StartAt": "A", "Comment": "' + "x" * 200 + '", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}'
    printed = command("validate", "-", stdin=text)
    lines = printed.out.splitlines()
    found = [number for number, line in enumerate(lines) if "MISSING_TRANSITION_TARGET" in line]
    excerpt, underline = lines[found[0] + 1], lines[found[0] + 2]
    assert len(excerpt) < 115
    first = underline.index("^")
    assert excerpt[first : first + underline.count("^")] == '"Nowhere"'
    assert lines[found[0]].startswith("<stdin>:1:")


def test_what_a_file_says_cannot_act_on_the_terminal(command: Command, folder: Path) -> None:
    text = '{"StartAt": "\\u001b[2J", "States": {"A": {"Type": "Pass", "Next": "\u202eB"}}}'
    (folder / "evil.asl.json").write_text(text, encoding="utf-8")
    printed = command("validate", "evil.asl.json")
    assert printed.status == 1
    assert "\x1b" not in printed.out
    assert "\u202e" not in printed.out
    assert "Missing 'Next' target: ␛[2J" in printed.out


def test_no_colour_but_on_a_terminal(process: Command) -> None:
    for environment in ({}, {"NO_COLOR": "1"}):
        assert "\x1b" not in process("validate", "wrong.asl.yaml", **environment).out


def test_colours_on_a_terminal(folder: Path) -> None:
    colourful = Terminal("validate", "wrong.asl.yaml", stdout_too=True)
    colourful.read_until("2 errors")
    assert "\x1b[31m\x1b[1merror\x1b[0m" in colourful.shown
    assert "\x1b[31m\x1b[1m^^^^^^^^^^\x1b[0m" in colourful.shown
    colourful.process.wait(timeout=30)
    plain = Terminal("validate", "wrong.asl.yaml", stdout_too=True, NO_COLOR="1")
    plain.read_until("2 errors")
    assert "\x1b" not in plain.shown
    plain.process.wait(timeout=30)


def test_quiet_leaves_the_findings(command: Command) -> None:
    loud, quiet = command("validate", "wrong.asl.yaml"), command("validate", "wrong.asl.yaml", "--quiet")
    assert (quiet.status, quiet.out, quiet.err) == (1, loud.out, "")


def test_verbose_tells_the_configuration(command: Command, folder: Path) -> None:
    (folder / "statemachine.toml").write_text("[validate]\n")
    printed = command("validate", "greet.asl.yaml", "--verbose")
    assert printed.err.splitlines()[0] == f"greet.asl.yaml: configuration: {folder / 'statemachine.toml'}"
    printed = command("validate", "greet.asl.yaml", "-v", "--isolated")
    assert printed.err.splitlines()[0] == "greet.asl.yaml: configuration: the defaults"


# -- exit status -----------------------------------------------------------------------------------------------------


def test_warnings_are_no_failure_unless_they_are_to_be(command: Command, doubtful: str) -> None:
    printed = command("validate", doubtful)
    assert (printed.status, printed.err) == (0, "1 definition checked: no errors, 1 warning\n")
    assert printed.out.startswith("doubtful.asl.yaml:6:14: warning NO_DOLLAR: ")
    for option in ("--warnings-as-errors", "--strict"):
        printed = command("validate", doubtful, option)
        assert (printed.status, printed.err) == (1, "1 definition checked: 1 error, no warnings\n")
        assert ": error NO_DOLLAR: " in printed.out
    printed = command("validate", doubtful, "--no-warnings")
    assert (printed.status, printed.out) == (0, "")
    assert printed.err == "1 definition checked: no errors, no warnings\n"


def test_exit_zero_reports_all_the_same(command: Command) -> None:
    printed = command("validate", "wrong.asl.yaml", "--exit-zero")
    assert (printed.status, printed.err) == (0, "1 definition checked: 2 errors, no warnings\n")
    assert command("validate", "nowhere.asl.yaml", "--exit-zero").status == 2


def test_options_that_exclude_each_other(command: Command) -> None:
    for options in (("--json", "--format", "text"), ("--config", "a.toml", "--isolated")):
        printed = command("validate", "greet.asl.yaml", *options)
        assert printed.status == 2
        assert "exclude each other" in printed.err
    assert command("validate", "greet.asl.yaml", "--json", "--format", "json").status == 0
    assert command("validate").status == 2


def test_an_unexpected_exception_names_the_file(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("statemachine.cli.validation.checking.check", broken)
    printed = command("validate", "greet.asl.yaml")
    assert printed.status == 3
    assert "while checking greet.asl.yaml" in printed.err


# -- which findings --------------------------------------------------------------------------------------------------


def test_codes_are_selected_and_ignored_by_their_beginnings(command: Command, doubtful: str) -> None:
    files = ("wrong.asl.yaml", doubtful)
    both = ["SCHEMA_VALIDATION_FAILED", "SCHEMA_VALIDATION_FAILED", "NO_DOLLAR"]
    cases: list[tuple[tuple[str, ...], list[str]]] = [
        ((), both),
        (("--select", "NO_"), both[2:]),
        (("--select", "SCHEMA,NO_DOLLAR"), both),
        (("--ignore", "NO_"), both[:2]),
        (("--ignore", "SCHEMA_VALIDATION_FAILED", "--ignore", "NO_DOLLAR"), []),
        (("--select", "ALL", "--ignore", "NO_"), both[:2]),
        (("--select", "NO_DOLLAR", "--ignore", "NO_"), both[2:]),
        (("--ignore", "NO_", "--extend-select", "NO_DOLLAR"), both),
        (("--ignore", "ALL"), []),
    ]
    for options, expected in cases:
        printed = command("validate", *files, "--json", *options)
        assert codes(printed) == expected, options
        assert printed.status == ("SCHEMA_VALIDATION_FAILED" in expected), options


def test_a_file_that_could_not_be_checked_is_reported_whatever_is_selected(command: Command, folder: Path) -> None:
    (folder / "open.asl.json").write_text('{"StartAt": ')
    (folder / "gone.asl.json").symlink_to("nowhere")
    files = ("open.asl.json", "gone.asl.json")
    printed = command("validate", *files, "--json", "--select", "NO_")
    assert (printed.status, codes(printed)) == (1, ["INVALID_JSON_DESCRIPTION", "SM_UNREADABLE_FILE"])
    printed = command("validate", *files, "--json", "--select", "NO_", "--ignore", "INVALID_JSON")
    assert codes(printed) == ["SM_UNREADABLE_FILE"]


def test_an_unknown_code_is_answered_with_the_one_that_was_meant(command: Command) -> None:
    printed = command("validate", "greet.asl.yaml", "--ignore", "NO_DOLAR")
    assert printed.status == 2
    assert "no code begins with 'NO_DOLAR': did you mean NO_DOLLAR?" in printed.err
    printed = command("validate", "greet.asl.yaml", "--select", "XYZ")
    assert printed.status == 2
    assert "`statemachine explain` lists the codes" in printed.err


def test_the_number_of_findings_can_be_bounded(command: Command, doubtful: str) -> None:
    printed = command("validate", "wrong.asl.yaml", doubtful, "--max-findings", "1")
    assert printed.out.count("error") == 1
    assert printed.err == "2 definitions checked: 2 errors, 1 warning; the first 1 are listed\n"
    assert printed.status == 1
    printed = command("validate", "wrong.asl.yaml", doubtful, "--max-findings", "2", "--json")
    assert (len(printed.json["diagnostics"]), printed.json["truncated"]) == (2, True)
    printed = command("validate", "wrong.asl.yaml", doubtful, "--max-findings", "3", "--json")
    assert (len(printed.json["diagnostics"]), printed.json["truncated"]) == (3, False)


def test_the_type_of_the_machine(command: Command, folder: Path) -> None:
    (folder / "wait.asl.yaml").write_text(
        "StartAt: A\nStates:\n  A:\n    Type: Task\n    End: true\n"
        "    Resource: arn:aws:states:::sqs:sendMessage.waitForTaskToken\n"
        "    HeartbeatSeconds: 60\n    TimeoutSeconds: 600\n"
        "    Parameters: {QueueUrl: q, MessageBody: {token.$: $$.Task.Token}}\n"
    )
    assert command("validate", "wait.asl.yaml", "--no-warnings").status == 0
    assert command("validate", "wait.asl.yaml", "--no-warnings", "--type", "standard").status == 0
    printed = command("validate", "wait.asl.yaml", "--no-warnings", "--type", "express")
    assert printed.status == 1
    assert "Express" in printed.out


# -- where the report goes -------------------------------------------------------------------------------------------


def test_a_report_can_be_written_to_a_file(command: Command, folder: Path) -> None:
    printed = command("validate", "wrong.asl.yaml", "--format", "sarif", "--output", "findings.sarif")
    assert (printed.status, printed.out) == (1, "")
    assert printed.err == "1 definition checked: 2 errors, no warnings\n"
    assert (folder / "findings.sarif").read_text() == command("validate", "wrong.asl.yaml", "--format", "sarif").out
    printed = command("validate", "wrong.asl.yaml", "-o", "findings.txt", "-q")
    assert (printed.status, printed.out, printed.err) == (1, "", "")
    assert (folder / "findings.txt").read_text() == command("validate", "wrong.asl.yaml").out
    printed = command("validate", "wrong.asl.yaml", "-o", "no/such/folder.txt")
    assert printed.status == 2
    assert "No such file or directory" in printed.err


def test_it_reads_many_files_and_counts(command: Command) -> None:
    printed = command("validate", "greet.asl.yaml", "wrong.asl.yaml", "fail.asl.yaml", "work.asl.yaml", "--no-warnings")
    assert printed.status == 1
    assert printed.err == "4 definitions checked: 2 errors, no warnings\n"
