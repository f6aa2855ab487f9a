"""The excerpt: where the underline stands, and what is cut."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.cli.reports.excerpt import COLUMNS_MAX, end_column, excerpt, printable


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        ('  "Next": "Nowhere",', 3, '"Next"'),
        ('  "Next": "Nowhere",', 11, '"Nowhere"'),
        ('{"a": "b\\"c"}', 7, '"b\\"c"'),
        ('{"a": "open', 7, '"open'),
        ('{"a": -12.5e3, "b": 1}', 7, "-12.5e3"),
        ('{"a": {"b": 1}}', 7, "{"),
        ("    ResutlPath: $.x", 5, "ResutlPath"),
        ("    ResultPath: $.x[0].y", 17, "$.x"),
        ("  Next: Pay the bill  # later", 9, "Pay the bill"),
        ("  Resource: arn:aws:states:::x", 13, "arn:aws:states:::x"),
        ("  Next: 'Pay ''it'' now'", 9, "'Pay ''it'' now'"),
        ("- [a, b]", 4, "a"),
        ("x", 2, ""),
        ("", 1, ""),
        ("x", 9, ""),
    ],
)
def test_the_word_at_a_column(line: str, column: int, marked: str) -> None:
    assert line[column - 1 : end_column(line, column) - 1] == marked


@pytest.mark.parametrize(
    ("line", "column", "shown", "blanks", "length"),
    [
        ("a: b", 4, "a: b", 3, 1),
        ("\tNext: B", 8, "    Next: B", 10, 1),
        ("a\tb", 3, "a   b", 4, 1),
        ('{"日本": "東京"}', 8, '{"日本": "東京"}', 9, 6),
        ("e\u0301: x", 5, "e\u0301: x", 3, 1),
        ("a\x1b[2J", 1, "a␛[2J", 0, 2),
        ("a: \u202ex", 5, "a: <U+202E>x", 11, 1),
        ("x", 2, "x", 1, 1),
    ],
)
def test_the_underline_stands_under_the_word(line: str, column: int, shown: str, blanks: int, length: int) -> None:
    assert excerpt(line, column) == (shown, blanks, length)


def test_a_long_line_is_cut_around_the_fault() -> None:
    line = "a" * 300 + ' "Fault" ' + "b" * 300
    shown, blanks, length = excerpt(line, 302)
    assert shown[blanks : blanks + length] == '"Fault"'
    assert shown.startswith("…a")
    assert shown.endswith("b…")
    assert len(shown) == COLUMNS_MAX + 2


def test_a_word_that_is_too_long_is_underlined_as_far_as_it_is_shown() -> None:
    shown, blanks, length = excerpt('{"a": "' + "x" * 500 + '"}', 7)
    assert shown == '{"a": "' + "x" * (COLUMNS_MAX - 7) + "…"
    assert (blanks, length) == (6, COLUMNS_MAX - 6)


@given(st.text(alphabet=st.characters(exclude_characters="\n"), max_size=400), st.integers(1, 420))
def test_an_excerpt_is_bounded_and_harmless(line: str, column: int) -> None:
    shown, blanks, length = excerpt(line, column)
    assert length >= 1
    assert blanks + length <= COLUMNS_MAX + 12
    assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in shown)


@given(st.text())
def test_printable_text_cannot_act_on_a_terminal(text: str) -> None:
    shown = printable(text)
    assert printable(shown) == shown
    assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e", "\u2066"} & set(shown)
