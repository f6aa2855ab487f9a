"""The items in the data of an ItemReader, wherever the data come from: rows of CSV, and places in JSON documents.

Rules (recorded; facts map-csv-*)
- Every value is a text; blanks are kept. A row that is too short is filled with empty texts, what is beyond the
  headers is dropped. A line that is empty is no row; one of blanks is.
- Keys are in the order of a HashMap, whatever the order of the headers.
- Headers are the first row or given; they must not repeat, and have 10 KiB at most (developer guide, ItemReader).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Final

from statemachine.expressions.java import hash_map_order
from statemachine.jsonvalue import Json

DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
MAX_HEADER_BYTES: Final = 10_240


class CsvError(Exception):
    """The file cannot be read as CSV with these settings."""


def csv_items(lines: Iterable[str], config: dict[str, Json]) -> Iterator[dict[str, str]]:
    """Each row as an object. `lines` keep their line ends. Raises CsvError."""
    rows = _rows(lines, DELIMITERS[config.get("CSVDelimiter", "COMMA")])
    given = config.get("CSVHeaders")
    headers = given if config.get("CSVHeaderLocation") == "GIVEN" and isinstance(given, list) else next(rows, None)
    if headers is None:
        return
    _check(headers)
    places = [(name, headers.index(name)) for name in hash_map_order(headers)]
    for row in rows:
        count = len(row)
        yield {name: row[place] if place < count else "" for name, place in places}


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                yield row
    except csv.Error as error:
        raise CsvError(f"The file is not CSV: {error}.") from None


def _check(headers: list[str]) -> None:
    if len(set(headers)) < len(headers):
        raise CsvError("CSV headers cannot contain duplicates.")
    if sum(len(name.encode("utf-8", "surrogatepass")) + 1 for name in headers) > MAX_HEADER_BYTES:
        raise CsvError(f"CSV headers cannot have more than {MAX_HEADER_BYTES} bytes.")


def follow_pointer(value: Json, place: str) -> Json:
    """What a JSON pointer (RFC 6901; ItemsPointer) leads to; None if that is nowhere."""
    for part in place.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdecimal() and len(name) < 10:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value
