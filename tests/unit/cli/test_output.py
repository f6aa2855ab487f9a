"""Tables that fit, sizes."""

from __future__ import annotations

import click
import pytest

from statemachine.cli.output import line_width, size_text, table

ROWS = [("1", "a long name of something", "details that go on and on and on"), ("2", "b", "c")]
HEADER = ("ID", "NAME", "DETAILS")


def lines(width: int | None, flexible: tuple[str, ...] = ("NAME", "DETAILS")) -> list[str]:
    return click.unstyle(table(HEADER, ROWS, width=width, flexible=flexible)).splitlines()


def test_a_table_is_as_wide_as_it_must_be() -> None:
    assert lines(None) == [
        "ID  NAME                      DETAILS",
        "1   a long name of something  details that go on and on and on",
        "2   b                         c",
    ]
    assert lines(200) == lines(None)


@pytest.mark.parametrize("width", [60, 50, 40, 30, 20])
def test_a_table_fits(width: int) -> None:
    found = lines(width)
    assert max(map(len, found)) == width
    assert found[1].startswith("1 ")
    assert "…" in found[1]
    assert found[2].split() == ["2", "b", "c"]


def test_the_widest_column_is_cut_first_and_none_below_its_header() -> None:
    assert lines(60)[1] == "1   a long name of something  details that go on and on and…"
    assert lines(5)[1].split("  ") == ["1", " a l…", "detail…"]
    assert lines(50, flexible=("NAME",))[1].endswith("details that go on and on and on")


def test_a_cut_cell_keeps_its_colour() -> None:
    shown = table(("NAME",), [(click.style("something", fg="red"),)], width=6, flexible=("NAME",))
    assert shown.splitlines()[1] == click.style("somet…", fg="red")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (262_144, "256.0 KiB"), (10_485_760, "10.0 MiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_width_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert line_width() is None  # standard output is no terminal here
    monkeypatch.setenv("COLUMNS", "72")
    assert line_width() == 72
    monkeypatch.setenv("COLUMNS", "3")
    assert line_width() == 40
    monkeypatch.setenv("COLUMNS", "wide")
    assert line_width() is None
