"""What validate checks: files, folders, patterns, standard input; and files that cannot be read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from cli_runs import GREET, WRONG, Command, Printed

GOOD = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}'


@pytest.fixture
def tree(folder: Path) -> Path:
    """A project of definitions, and of much else, under `tree`."""
    files = {
        "b.asl.json": GOOD,
        "a.asl.yaml": GREET,
        "deep/er/c.asl.yml": GREET,
        "deep/d.asl": GOOD,
        "deep/package.json": "{}",
        "deep/values.yaml": "a: 1",
        "deep/template.yaml": "greeting: no CloudFormation\n",
        "node_modules/x/bad.asl.json": "{",
        ".git/bad.asl.json": "{",
        ".venv/lib/bad.asl.json": "{",
    }
    for name, text in files.items():
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "tree"


def checked(printed: Printed) -> list[str]:
    """The files that were checked, from --verbose."""
    return [line.split(": ")[0] for line in printed.err.splitlines() if ": configuration: " in line]


# -- folders and patterns --------------------------------------------------------------------------------------------


def test_a_folder_is_searched_for_definitions_in_the_order_of_names(command: Command, tree: Path) -> None:
    printed = command("validate", "tree", "-v")
    assert checked(printed) == ["tree/a.asl.yaml", "tree/b.asl.json", "tree/deep/d.asl", "tree/deep/er/c.asl.yml"]
    assert printed.status == 0
    assert printed.err.endswith("4 definitions checked: no errors, no warnings\n")


def test_the_current_folder_is_shown_without_dots(
    command: Command, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    assert checked(command("validate", ".", "-v"))[0] == "a.asl.yaml"
    assert checked(command("validate", "./b.asl.json", "-v")) == ["b.asl.json"]


def test_a_folder_that_is_passed_over_is_checked_when_it_is_named(command: Command, tree: Path) -> None:
    printed = command("validate", "tree/node_modules", "-v")
    assert (printed.status, checked(printed)) == (1, ["tree/node_modules/x/bad.asl.json"])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("tree/*.asl.*", ["tree/a.asl.yaml", "tree/b.asl.json"]),
        ("tree/**/*.asl.y*ml", ["tree/a.asl.yaml", "tree/deep/er/c.asl.yml"]),
        ("**/*.asl", ["tree/deep/d.asl"]),
        ("tree/{a,b}.asl.{json,yaml}", ["tree/a.asl.yaml", "tree/b.asl.json"]),
        ("t?ee/[!a].asl.json", ["tree/b.asl.json"]),
        ("./tree/*/*/c.asl.yml", ["tree/deep/er/c.asl.yml"]),
    ],
)
def test_a_pattern_that_the_shell_left_alone(command: Command, tree: Path, pattern: str, expected: list[str]) -> None:
    assert checked(command("validate", pattern, "-v")) == expected
    absolute = command("validate", f"{tree.parent}/{pattern}", "-v")
    assert checked(absolute) == [str(tree.parent / name) for name in expected]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(command: Command, folder: Path) -> None:
    (folder / "[a].asl.json").write_text(GOOD)
    assert checked(command("validate", "[a].asl.json", "-v")) == ["[a].asl.json"]


def test_a_file_is_checked_once(command: Command, tree: Path) -> None:
    (tree / "link.asl.json").symlink_to("b.asl.json")
    printed = command("validate", "tree/b.asl.json", "tree", "tree/*.json", "-v")
    assert checked(printed).count("tree/b.asl.json") == 1
    assert "tree/link.asl.json" not in checked(printed)


def test_a_circle_of_links_ends(command: Command, tree: Path) -> None:
    (tree / "deep" / "up").symlink_to("..", target_is_directory=True)
    (tree / "deep" / "self").symlink_to("self")
    for argument in ("tree", "tree/**/*.asl.*"):
        printed = command("validate", argument, "-v")
        assert printed.status == 0
        assert len(checked(printed)) == (4 if argument == "tree" else 3)


def test_what_leads_nowhere_is_a_mistake_of_usage(command: Command, tree: Path) -> None:
    (tree / "empty").mkdir()
    for name, message in (
        ("nowhere", "'nowhere': no such file\n"),
        ("gret.asl.yaml", "'gret.asl.yaml': no such file; did you mean 'greet.asl.yaml'?"),
        ("*.nothing", "no file matches '*.nothing'"),
        ("no/folder/*.json", "no file matches 'no/folder/*.json'"),
        ("tree/empty", "there is no definition in 'tree/empty'. Looked for *.asl, *.asl.json"),
    ):
        printed = command("validate", "wrong.asl.yaml", name)
        assert (printed.status, printed.out) == (2, ""), name
        assert message in printed.err


# -- files that cannot be read ---------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_checked(command: Command, folder: Path) -> None:
    (folder / "utf16.asl.json").write_text(GOOD, encoding="utf-16")
    (folder / "latin.asl.yaml").write_bytes("StartAt: A\nComment: ü\xe9".encode("latin-1"))
    (folder / "gone.asl.json").symlink_to("nowhere")
    (folder / "large.asl.json").write_bytes(b" " * 1_048_577)
    names = ["utf16.asl.json", "latin.asl.yaml", "gone.asl.json", "large.asl.json", "wrong.asl.yaml"]
    printed = command("validate", *names, "--json")
    assert printed.status == 1
    shown = [(each["file"], each["code"], each["line"], each["column"]) for each in printed.json["diagnostics"]]
    assert shown == [
        ("utf16.asl.json", "SM_INVALID_ENCODING", 1, 1),
        ("latin.asl.yaml", "SM_INVALID_ENCODING", 2, 10),
        ("gone.asl.json", "SM_UNREADABLE_FILE", 1, 1),
        ("large.asl.json", "SM_TOO_LARGE", 1, 1),
        ("wrong.asl.yaml", "SCHEMA_VALIDATION_FAILED", 5, 5),
        ("wrong.asl.yaml", "SCHEMA_VALIDATION_FAILED", 9, 14),
    ]
    assert printed.json["diagnostics"][0]["suggestion"] == "save it as UTF-8, it looks like UTF-16"
    assert "large.asl.json:1:1: error SM_TOO_LARGE: The definition is larger than 1048576 bytes\n\n" in (
        command("validate", "large.asl.json").out
    )
    assert printed.json["diagnostics"][2]["message"] == "The file cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_finding(command: Command, folder: Path) -> None:
    (folder / "greet.asl.yaml").chmod(0)
    printed = command("validate", "greet.asl.yaml")
    assert printed.status == 1
    assert "error SM_UNREADABLE_FILE: The file cannot be read: Permission denied" in printed.out


def test_a_pipe_is_a_file(command: Command, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=(folder / "pipe").write_text, args=(WRONG,))
    writer.start()
    printed = command("validate", "pipe")
    writer.join()
    assert printed.err == "1 definition checked: 2 errors, no warnings\n"


def test_a_byte_order_mark_is_no_character(command: Command, folder: Path) -> None:
    (folder / "marked.asl.json").write_bytes(b"\xef\xbb\xbf" + b'{"StartAt": "B", "States": {"A": {"Type": "Fail"}}}')
    printed = command("validate", "marked.asl.json")
    assert "marked.asl.json:1:13: error MISSING_TRANSITION_TARGET" in printed.out
    assert '  1 | {"StartAt": "B"' in printed.out


def test_syntax_errors_have_their_line(command: Command) -> None:
    printed = command("validate", "-", stdin='{"StartAt": "A",\n "States": {]}')
    assert printed.status == 1
    assert printed.out.startswith("<stdin>:2:13: error")
    printed = command("validate", "-", stdin="StartAt: A\nStates:\n  - [\n")
    assert printed.status == 1
    assert ": error" in printed.out
    assert command("validate", "-", stdin="").status == 1


# -- standard input --------------------------------------------------------------------------------------------------


def test_standard_input_has_a_name_if_it_is_given(command: Command, folder: Path) -> None:
    printed = command("validate", "-", stdin=WRONG)
    assert printed.out.startswith("<stdin>:5:5: error")
    printed = command("validate", "-", "--stdin-filename", "infra/new.asl.yaml", stdin=WRONG)
    assert printed.out.startswith("infra/new.asl.yaml:5:5: error")
    assert "file" not in command("validate", "-", "--json", stdin=WRONG).json["diagnostics"][0]
    printed = command("validate", "-", "--stdin-filename", "new.asl.json", stdin=WRONG)
    assert "INVALID_JSON_DESCRIPTION" in printed.out  # the name says that it is JSON


def test_the_name_of_standard_input_finds_its_configuration(command: Command, folder: Path) -> None:
    (folder / "infra").mkdir()
    (folder / "infra" / "statemachine.toml").write_text('[validate]\nignore = ["SCHEMA_VALIDATION_FAILED"]\n')
    assert command("validate", "-", stdin=WRONG).status == 1
    assert command("validate", "-", "--stdin-filename", "infra/new.asl.yaml", stdin=WRONG).status == 0


# -- templates -------------------------------------------------------------------------------------------------------

TEMPLATE = """\
Resources:
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: A
        States:
          A: {Type: Pass, Next: B}
  Remote:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      DefinitionS3Location: {Bucket: b, Key: k}
  Beside:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machines/wrong.asl.yaml
"""


def test_a_template_gives_several_definitions(command: Command, folder: Path) -> None:
    (folder / "stack" / "machines").mkdir(parents=True)
    (folder / "stack" / "template.yaml").write_text(TEMPLATE)
    (folder / "stack" / "machines" / "wrong.asl.yaml").write_text(WRONG)
    printed = command("validate", "stack/template.yaml", "-v")
    assert printed.status == 1
    places = [line.split(": ")[0] for line in printed.out.splitlines() if ": error " in line]
    assert places == [
        "stack/template.yaml:8:33",
        "stack/machines/wrong.asl.yaml:5:5",
        "stack/machines/wrong.asl.yaml:9:14",
    ]
    assert "  5 |     ResutlPath: $.x\n" in printed.out
    assert "stack/template.yaml: skipped Remote: " in printed.err
    assert "2 definitions in 1 file checked: 3 errors" in printed.err
    printed = command("validate", "stack")
    assert "definitions in 2 files checked: " in printed.err


def test_a_definition_that_a_template_names_is_reported_once(command: Command, folder: Path) -> None:
    (folder / "stack" / "machines").mkdir(parents=True)
    (folder / "stack" / "template.yaml").write_text(TEMPLATE)
    (folder / "stack" / "machines" / "wrong.asl.yaml").write_text(WRONG)
    alone = command("validate", "stack/template.yaml", "--json", "--no-warnings").json["diagnostics"]
    assert len(alone) == 3
    together = command("validate", "stack", "--json", "--no-warnings").json["diagnostics"]
    assert sorted(each["line"] for each in together) == [5, 8, 9]
    (folder / "stack" / "statemachine.toml").write_text(
        '[validate]\nper-file-ignores = { "machines" = ["ALL"] }\nignore = ["SM_"]\n'
    )
    printed = command("validate", "stack", "--json")
    assert [each["file"] for each in printed.json["diagnostics"]] == ["stack/template.yaml"]


def test_a_folder_with_nothing_but_a_file_that_is_no_template(command: Command, folder: Path) -> None:
    (folder / "chart").mkdir()
    (folder / "chart" / "template.yaml").write_text("greeting: hello\n")
    printed = command("validate", "chart")
    assert printed.status == 2
    assert "there is no definition in 'chart'" in printed.err
