"""Which files and which cases are chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from statemachine.testing.cases.discovery import SelectionError, find_cases_files, parse_choice


def test_folders_are_searched_and_named_files_are_taken(tmp_path: Path) -> None:
    for name in ("b/x.asl-test.yaml", "a.asl-test.json", "a.asl-test.yml", "c/asl-test.yaml", "odd.yaml",
                 ".git/x.asl-test.yaml", "node_modules/x.asl-test.yaml", "a.asl.yaml"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(each.relative_to(tmp_path)) for each in find_cases_files([tmp_path, tmp_path / "odd.yaml", tmp_path])]
    assert found == ["a.asl-test.json", "a.asl-test.yml", "b/x.asl-test.yaml", "odd.yaml"]


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("pay", ["pays late"]),
        ("PAID or refused", ["is paid", "refused"]),
        ("not pa", ["refused"]),
        ("not not refused", ["refused"]),
        ("pa and not late", ["is paid"]),
        ("refused or pa and late", ["pays late", "refused"]),
        ("(refused or pa) and late", ["pays late"]),
        ("not (paid or late)", ["refused"]),
    ],
)
def test_an_expression_chooses_by_parts_of_names(expression: str, chosen: list[str]) -> None:
    names = ["is paid", "pays late", "refused"]
    choice = parse_choice(expression)
    assert [name for name in names if choice(name)] == chosen


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "a name is missing at the end"),
        ("a and", "a name is missing at the end"),
        ("or a", "a name is missing before 'or'"),
        ("(a", "a bracket is not closed"),
        ("a)", "')' is one too many"),
        ("a b", "'b' is one too many"),
        ("(" * 60 + "a" + ")" * 60, "more than 50 brackets"),
        ("a" * 3000, "more than 2000 characters"),
        ("not " * 400 + "and", "a name is missing before 'and'"),
    ],
)
def test_an_expression_that_is_wrong(expression: str, message: str) -> None:
    with pytest.raises(SelectionError) as raised:
        parse_choice(expression)
    assert message in str(raised.value)
