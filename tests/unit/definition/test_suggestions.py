"""Suggestions, and the bound on their work."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import pytest

from statemachine.definition.suggestions import WORD_MAX, Suggestions, closest
from statemachine.definition.validate import validate_graph

NAMES = ("Charge", "Ship", "Notify")


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For each search, the pairs of characters that it may compare."""
    searches: list[int] = []
    search: Callable[..., list[str]] = difflib.get_close_matches

    def counting(word: str, possibilities: list[str], **options: Any) -> list[str]:
        searches.append(sum(len(word) * len(each) for each in possibilities))
        return search(word, possibilities, **options)

    monkeypatch.setattr(difflib, "get_close_matches", counting)
    return searches


@pytest.mark.parametrize(
    ("word", "meant"),
    [("charge", "Charge"), ("Chrage", "Charge"), ("NOTIFY", "Notify"), ("Shipp", "Ship"), ("Refund", None), ("", None)],
)
def test_the_word_that_was_meant(word: str, meant: str | None) -> None:
    assert closest(word, NAMES) == meant
    assert Suggestions().sentence(word, NAMES) == (f"did you mean `{meant}`?" if meant else None)


def test_the_sentence_has_the_word_as_it_is_used() -> None:
    assert Suggestions().sentence("totl", ["total"], prefix="$") == "did you mean `$total`?"


def test_words_of_other_lengths_are_not_compared(compared: list[int]) -> None:
    assert closest("Ship", ["ShipTheOrderToTheCustomer", "S"]) is None
    assert compared == []


def test_a_long_word_is_not_compared(compared: list[int]) -> None:
    most = "a" * WORD_MAX
    assert closest(most, [most]) == most
    assert closest(most + "a", [most + "b"]) is None
    assert len(compared) == 1


def test_when_the_work_is_done_there_are_no_more_suggestions() -> None:
    suggestions = Suggestions(work=1_000)
    assert suggestions.closest("Shipp", NAMES) == "Ship"
    answers = [suggestions.closest("Shipp", NAMES) for _ in range(10)]
    assert answers[-1] is None
    assert answers == sorted(answers, key=lambda each: each is None)


def test_names_that_are_not_compared_are_work_as_well(compared: list[int]) -> None:
    suggestions = Suggestions(work=1_000)
    for _ in range(5):
        suggestions.closest("Ship", ["a" * 100] * 1 + [f"{'b' * 90}{n}" for n in range(50)])
    assert suggestions.closest("Shipp", ["Ship"]) is None
    assert compared == []


def test_thousands_of_missing_targets_are_all_reported_with_bounded_work(compared: list[int]) -> None:
    count = 3_000
    states = {f"State{n}": {"Type": "Pass", "Next": f"Stat{n}"} for n in range(count)}
    found = validate_graph({"StartAt": "State0", "States": states})
    assert [each.message for each in found] == [f"Missing 'Next' target: Stat{n}" for n in range(count)]
    assert found[0].suggestion == "did you mean `State0`?"
    assert found[-1].suggestion is None
    assert len(compared) < 100
    assert sum(compared) < 40_000_000
