"""Rows of CSV as items."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.program.item_data import CsvError, csv_items

FIRST: dict[str, Any] = {"CSVHeaderLocation": "FIRST_ROW"}


def given(*headers: str, **config: Any) -> dict[str, Any]:
    return {"CSVHeaderLocation": "GIVEN", "CSVHeaders": list(headers), **config}


def items(text: str, config: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv_items(text.splitlines(keepends=True), config))


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("", FIRST, []),
        ("A,B\n", FIRST, []),
        ("A,B\n1,true\nNull,None\n", FIRST, [{"A": "1", "B": "true"}, {"A": "Null", "B": "None"}]),
        ("A,B\n1\n1,2,3\n,,,\n   \n\n", FIRST,
         [{"A": "1", "B": ""}, {"A": "1", "B": "2"}, {"A": "", "B": ""}, {"A": "   ", "B": ""}]),
        ("1,2\n", given("A"), [{"A": "1"}]),
        ("1\n", given("A", "B"), [{"A": "1", "B": ""}]),
        ("A,\n1,2,3\n", FIRST, [{"A": "1", "": "2"}]),  # fact map-csv-extra-column-empty-key
        ('A,B\r\n"x, ""y""","two\r\nlines"\r\n', FIRST, [{"A": 'x, "y"', "B": "two\r\nlines"}]),
        ("1;2,3\n", given("A", "B", CSVDelimiter="SEMICOLON"), [{"A": "1", "B": "2,3"}]),
        ("1|2\n", given("A", "B", CSVDelimiter="PIPE"), [{"A": "1", "B": "2"}]),
        ("1\t2\n", given("A", "B", CSVDelimiter="TAB"), [{"A": "1", "B": "2"}]),
        ("1 2\n", given("A", "B", CSVDelimiter="SPACE"), [{"A": "1", "B": "2"}]),
        ("1,2\n", given("A", "B", CSVDelimiter="COMMA"), [{"A": "1", "B": "2"}]),
    ],
)  # fmt: skip
def test_rows(text: str, config: dict[str, Any], expected: list[dict[str, str]]) -> None:
    assert items(text, config) == expected


def test_keys_are_in_the_order_of_a_hash_map() -> None:
    (item,) = items("zeta,0,{},True,alpha\n1,2,3,4,5\n", FIRST)
    assert list(item).index("0") < list(item).index("{}") < list(item).index("True")
    assert item == {"zeta": "1", "0": "2", "{}": "3", "True": "4", "alpha": "5"}


@pytest.mark.parametrize(
    ("text", "config", "message"),
    [
        ("A,A\n", FIRST, "CSV headers cannot contain duplicates."),
        ("", given("A", "A"), "CSV headers cannot contain duplicates."),
        ("x" * 10_241 + "\n", FIRST, "more than 10240 bytes"),
        ("A\n" + "x" * 200_000 + "\n", FIRST, "The file is not CSV"),
    ],
)
def test_what_is_refused(text: str, config: dict[str, Any], message: str) -> None:
    with pytest.raises(CsvError, match=message):
        items(text, config)


def test_rows_are_read_as_they_are_wanted() -> None:
    def lines() -> Any:
        yield "A\n"
        yield "1\n"
        raise AssertionError("nobody asked for this")

    assert next(csv_items(lines(), FIRST)) == {"A": "1"}
