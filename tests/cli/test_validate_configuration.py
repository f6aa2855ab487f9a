"""The configuration of validate: where it is found, what it changes, and how its mistakes are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_runs import WRONG, Command
from test_validate_command import DOUBTFUL, codes

from statemachine.cli.validation.configuration import DEFINITION_PATTERNS, KEYS
from statemachine.limits import DEFINITION_LIMITS

SCHEMA, DOLLAR = "SCHEMA_VALIDATION_FAILED", "NO_DOLLAR"


@pytest.fixture
def project(folder: Path) -> Path:
    """wrong.asl.yaml with two errors and old/doubtful.asl.yaml with a warning."""
    (folder / "old").mkdir()
    (folder / "old" / "doubtful.asl.yaml").write_text(DOUBTFUL)
    return folder


FILES = ("wrong.asl.yaml", "old/doubtful.asl.yaml")


@pytest.mark.parametrize(
    ("settings", "expected", "status"),
    [
        ("", [SCHEMA, SCHEMA, DOLLAR], 1),
        ('ignore = ["SCHEMA"]', [DOLLAR], 0),
        ('select = ["NO_"]', [DOLLAR], 0),
        ('select = ["NO_"]\nextend-select = ["SCHEMA_VALIDATION_FAILED"]', [SCHEMA, SCHEMA, DOLLAR], 1),
        (f'severity = {{ {SCHEMA} = "warning", {DOLLAR} = "error" }}', [SCHEMA, SCHEMA, DOLLAR], 1),
        (f'severity = {{ SCHEMA = "warning", NO_ = "error", {DOLLAR} = "warning" }}', [SCHEMA, SCHEMA, DOLLAR], 0),
        (f'severity.{SCHEMA} = "off"', [DOLLAR], 0),
        ('per-file-ignores = { "old/**" = ["NO_"] }', [SCHEMA, SCHEMA], 1),
        ('per-file-ignores = { "old" = ["NO_"], "wrong.*" = ["ALL"] }', [], 0),
        ('per-file-ignores = { "doubtful.asl.yaml" = ["NO_DOLLAR"] }', [SCHEMA, SCHEMA], 1),
        ('per-file-ignores = { "/doubtful.asl.yaml" = ["NO_DOLLAR"] }', [SCHEMA, SCHEMA, DOLLAR], 1),
        ('warnings-as-errors = true\nignore = ["SCHEMA"]', [DOLLAR], 1),
    ],
)
def test_settings(command: Command, project: Path, settings: str, expected: list[str], status: int) -> None:
    (project / "statemachine.toml").write_text(f"[validate]\n{settings}\n")
    printed = command("validate", *FILES, "--json")
    assert (codes(printed), printed.status) == (expected, status)
    (project / "statemachine.toml").unlink()
    (project / "pyproject.toml").write_text(f"[project]\nname = 'x'\n[tool.statemachine.validate]\n{settings}\n")
    assert command("validate", *FILES, "--json") == printed


def test_the_command_line_comes_after_the_configuration(command: Command, project: Path) -> None:
    (project / "statemachine.toml").write_text('[validate]\nselect = ["NO_"]\nignore = ["NO_DOLLAR"]\n')
    assert codes(command("validate", *FILES, "--json")) == []
    assert codes(command("validate", *FILES, "--json", "--select", "NO_")) == [DOLLAR]
    assert codes(command("validate", *FILES, "--json", "--extend-select", "SCHEMA")) == [SCHEMA, SCHEMA]
    assert codes(command("validate", *FILES, "--json", "--isolated")) == [SCHEMA, SCHEMA, DOLLAR]


def test_the_nearest_configuration_counts_alone(command: Command, project: Path) -> None:
    (project / "statemachine.toml").write_text('[validate]\nignore = ["SCHEMA"]\n')
    (project / "old" / "pyproject.toml").write_text("[tool.other]\nname = 'statemachine'\n")
    (project / "old" / "wrong.asl.yaml").write_text(WRONG)
    files = (*FILES, "old/wrong.asl.yaml")
    assert codes(command("validate", *files, "--json")) == [DOLLAR]
    (project / "old" / "pyproject.toml").write_text("[tool.statemachine.validate]\n")
    assert codes(command("validate", *files, "--json")) == [DOLLAR, SCHEMA, SCHEMA]
    (project / "old" / "statemachine.toml").write_text('[validate]\nignore = ["ALL"]\n')
    assert codes(command("validate", *files, "--json")) == []


def test_a_configuration_can_be_named(command: Command, project: Path) -> None:
    (project / "ci").mkdir()
    (project / "ci" / "strict.toml").write_text('[validate]\nper-file-ignores = { "old/*" = ["NO_"] }\n')
    printed = command("validate", *FILES, "--json", "--config", "ci/strict.toml")
    assert codes(printed) == [SCHEMA, SCHEMA]  # globs are relative to the working directory
    (project / "pyproject.toml").write_text("[project]\n")
    printed = command("validate", *FILES, "--config", "pyproject.toml")
    assert printed.status == 2
    assert "pyproject.toml: there is no [tool.statemachine.validate]" in printed.err
    printed = command("validate", *FILES, "--config", "nowhere.toml")
    assert printed.status == 2
    assert "nowhere.toml: No such file or directory" in printed.err


def test_what_is_looked_for_in_a_folder(command: Command, project: Path) -> None:
    (project / "machine.json").write_text("{")
    (project / "build").mkdir()
    (project / "build" / "x.asl.json").write_text("{")
    assert codes(command("validate", ".", "--json")).count("INVALID_JSON_DESCRIPTION") == 1
    (project / "statemachine.toml").write_text(
        '[validate]\nextend-include = ["machine*.json"]\nextend-exclude = ["build"]\nignore = ["NO_", "SCHEMA"]\n'
    )
    printed = command("validate", ".", "--json")
    assert [each["file"] for each in printed.json["diagnostics"]] == ["machine.json"]
    (project / "statemachine.toml").write_text('[validate]\ninclude = ["old/*.yaml"]\n')
    assert codes(command("validate", ".", "--json")) == [DOLLAR]


def test_an_excluded_file_is_checked_if_it_is_named_unless_that_is_forced(command: Command, project: Path) -> None:
    (project / "statemachine.toml").write_text('[validate]\nexclude = ["wrong.asl.yaml"]\n')
    assert command("validate", "wrong.asl.yaml").status == 1
    printed = command("validate", "wrong.asl.yaml", "--force-exclude")
    assert (printed.status, printed.err) == (0, "0 definitions checked: no errors, no warnings\n")
    assert command("validate", "wrong.asl.yaml", "old", "--force-exclude").err.startswith("1 definition checked")


def test_the_type_by_file(command: Command, folder: Path) -> None:
    (folder / "fast").mkdir()
    text = (
        "StartAt: A\nStates:\n  A:\n    Type: Task\n    End: true\n"
        "    Resource: arn:aws:states:us-east-1:123456789012:activity:approve\n"
    )
    for name in ("fast/a.asl.yaml", "b.asl.yaml"):
        (folder / name).write_text(text)
    for setting, expected in (
        ('type = { "fast/**" = "express" }', ["fast/a.asl.yaml"]),
        ('type = "express"', ["b.asl.yaml", "fast/a.asl.yaml"]),
        ('type = { "**" = "express", "fast/**" = "standard" }', ["b.asl.yaml"]),
    ):
        (folder / "statemachine.toml").write_text(f"[validate]\n{setting}\n")
        printed = command("validate", "b.asl.yaml", "fast", "--json", "--no-warnings")
        assert [each["file"] for each in printed.json["diagnostics"]] == expected
    assert command("validate", "b.asl.yaml", "--no-warnings", "--type", "standard").status == 0


def test_the_limits(command: Command, folder: Path) -> None:
    (folder / "statemachine.toml").write_text("[validate.limits]\nbytes = 20\n")
    printed = command("validate", "greet.asl.yaml", "--json")
    assert codes(printed) == ["SM_TOO_LARGE"]
    assert printed.json["diagnostics"][0]["message"] == "The definition is larger than 20 bytes"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[validate]\nignroe = []\n", "ignroe: unknown key: did you mean ignore?"),
        ("[validate]\nxyz = []\n", "xyz: unknown key: the keys are select, extend-select, ignore, "),
        ('[validate]\nignore = ["NO_DOLAR"]\n', "ignore: no code begins with 'NO_DOLAR': did you mean"),
        ('[validate]\nselect = "NO_"\n', "select: must be a list of strings"),
        ('[validate]\nper-file-ignores = ["a"]\n', "per-file-ignores: must be a table"),
        ('[validate]\nper-file-ignores = { "a" = ["XYZ"] }\n', "per-file-ignores.a: no code begins with 'XYZ'"),
        ('[validate]\nseverity = { NO_ = "fatal" }\n', "severity.NO_: must be 'error' or 'warning' or 'off'"),
        ('[validate]\nseverity = { XYZ = "off" }\n', "severity: no code begins with 'XYZ'"),
        ('[validate]\ntype = "fast"\n', "type: must be 'standard' or 'express', not 'fast'"),
        ("[validate]\ntype = 1\n", "type: must be 'standard', 'express', or a table"),
        ('[validate]\ntarget = "gcp"\n', "target: must be 'any' or 'aws', not 'gcp'"),
        ("[validate]\nwarnings-as-errors = 1\n", "warnings-as-errors: must be true or false"),
        ("[validate]\nlimits = { bytes = 0 }\n", "limits.bytes: must be an integer from 1 to 67108864"),
        ("[validate]\nlimits = { seconds = 1 }\n", "limits.seconds: unknown key: the limits are bytes, depth, nodes"),
        ("validate = 1\n", "validate: must be a table"),
        ("ignore = []\n", "ignore: unknown; the settings belong under [validate]"),
        ("[validate\n", "not TOML: "),
    ],
)
def test_mistakes_are_told_with_file_and_key(command: Command, folder: Path, text: str, complaint: str) -> None:
    (folder / "statemachine.toml").write_text(text)
    printed = command("validate", "greet.asl.yaml")
    assert (printed.status, printed.out) == (2, "")
    assert f"{folder / 'statemachine.toml'}: {complaint}" in printed.err


def test_a_broken_file_of_others_is_not_our_matter(command: Command, folder: Path) -> None:
    (folder / "pyproject.toml").write_text("statemachine = [\n")
    assert command("validate", "greet.asl.yaml").status == 0


# -- the documentation -----------------------------------------------------------------------------------------------

DOCUMENT = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")


def test_the_documented_configuration_is_read(command: Command, folder: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    (folder / "statemachine.toml").write_text(example)
    assert command("validate", "greet.asl.yaml").status == 0


def test_every_key_is_documented() -> None:
    table = DOCUMENT.split("| Key | Value | Meaning |")[1].split("\n\n")[0]
    documented = [key for row in table.splitlines() for key in re.findall(r"`([\w-]+)`", row.split(" | ")[0])]
    assert sorted(documented) == sorted(KEYS)


def test_the_documented_limits_and_patterns_are_the_real_ones() -> None:
    assert f"{DEFINITION_LIMITS.bytes:,}, {DEFINITION_LIMITS.depth}, {DEFINITION_LIMITS.nodes:,}" in DOCUMENT
    for pattern in DEFINITION_PATTERNS:
        assert f"`{pattern}`" in DOCUMENT
