"""explain: what a code means."""

from __future__ import annotations

import textwrap

import pytest
from cli_runs import Command

from statemachine.definition.codes import RULES


def test_a_code_is_explained(command: Command) -> None:
    rule = RULES["MISSING_TRANSITION_TARGET"]
    printed = command("explain", "MISSING_TRANSITION_TARGET")
    assert (printed.status, printed.err) == (0, "")
    lines = printed.out.splitlines()
    assert lines[0] == "MISSING_TRANSITION_TARGET (error)"
    assert lines[2] == f"{rule.title}."
    told = " ".join(printed.out.split())
    for part in (rule.explanation, f"How to mend it: {rule.fix}", f"Source: {rule.source}"):
        assert " ".join(part.split()) in told


@pytest.mark.parametrize("written", ["sm_duplicate_key", "duplicate-key", "DUPLICATE_KEY", "SM_DUPLICATE_KEY"])
def test_a_code_may_be_written_short(command: Command, written: str) -> None:
    assert command("explain", written).out.startswith("SM_DUPLICATE_KEY (error)\n")


def test_all_codes_are_listed_in_groups(command: Command) -> None:
    printed = command("explain")
    assert printed.status == 0
    groups = dict(block.split("\n", 1) for block in printed.out.split("\n\n"))
    assert list(groups) == ["Codes of AWS", "Errors of our own", "Warnings of our own"]
    listed = {name: [line.split()[0] for line in block.splitlines()] for name, block in groups.items()}
    assert sorted(code for codes in listed.values() for code in codes) == sorted(RULES)
    assert "MISSING_TRANSITION_TARGET" in listed["Codes of AWS"]
    assert "SM_DUPLICATE_KEY" in listed["Errors of our own"]
    assert "SM_ENDLESS_LOOP" in listed["Warnings of our own"]


def test_every_code_has_an_explanation(command: Command) -> None:
    printed = command("explain", *RULES)
    assert printed.status == 0
    assert max(map(len, textwrap.dedent(printed.out).splitlines())) <= 100


def test_json(command: Command) -> None:
    rule = RULES["SM_DUPLICATE_KEY"]
    expected = {
        "code": "SM_DUPLICATE_KEY",
        "severity": "ERROR",
        "title": rule.title,
        "explanation": rule.explanation,
        "fix": rule.fix,
        "source": rule.source,
    }
    assert command("explain", "SM_DUPLICATE_KEY", "--json").json == expected
    assert expected in command("explain", "--json").json
    assert len(command("explain", "--json").json) == len(RULES)


def test_a_code_that_is_misspelt(command: Command) -> None:
    printed = command("explain", "MISSING_TRANSITON_TARGET")
    assert (printed.status, printed.out) == (2, "")
    assert "Did you mean 'MISSING_TRANSITION_TARGET'?" in printed.err
    printed = command("explain", "duplicat-key")
    assert "Did you mean 'SM_DUPLICATE_KEY'?" in printed.err
    printed = command("explain", "xyz")
    assert "`statemachine explain` lists the codes" in printed.err
