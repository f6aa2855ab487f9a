"""The items of a tested Map: read or found, selected, batched. Its iterations do not run.

Rules (developer guide, "Testing Map and Parallel states", "Understanding Map state inspection data")
- With an ItemReader, `mapItemReaderData` is the file as it stands in its source: JSON, JSON Lines or CSV. Without it,
  the input stands for the file's content.
- MaxConcurrency and the tolerated failures are shown once the items are there.
"""

from __future__ import annotations

import csv
from typing import Any, Final

from statemachine.definition import model
from statemachine.errors import ITEM_READER_FAILED, EvaluationError, InvalidJsonError
from statemachine.expressions.base import Values
from statemachine.expressions.jsonpath import compile_path
from statemachine.expressions.template import compile_template
from statemachine.jsonvalue import Json, encode_json, load_json
from statemachine.program.dataflow import JsonPathFlow, follow
from statemachine.program.nodes import MapNode
from statemachine.testing.teststate.inspection import Inspection
from statemachine.testing.teststate.request import MAX_DATA_BYTES, refused

_NO_ARRAY: Final = "Attempting to map over non-iterable node."


def map_iterations(
    state: model.Map, node: MapNode, values: Values, inspection: Inspection, reader_data: str | None
) -> int:
    """Evaluate everything up to the first iteration; how many there would be. Raises EvaluationError."""
    effective = node.flow.effective_input(values)
    numbers = values if effective is values.input else values.with_input(effective)
    jsonpath = isinstance(node.flow, JsonPathFlow)
    if jsonpath:
        inspection.show("afterInputPath", effective)
    if reader_data is not None and isinstance(state.item_reader, dict):
        items = _read(state.item_reader, reader_data, inspection)
    else:
        items = node.items(values, effective)
    if jsonpath:
        inspection.show_items("afterItemsPath", items)
    if node.item_selector is not None:
        items = [_select(node, values, effective, index, item) for index, item in enumerate(items)]
        inspection.show_items("afterItemSelector", items)
    if isinstance(state.item_batcher, dict):
        items = _batches(_Batcher(state.item_batcher, numbers, jsonpath), items)
        inspection.show_items("afterItemBatcher", items)
    inspection.note("maxConcurrency", 0 if node.max_concurrency is None else node.max_concurrency(numbers))
    if node.tolerated_count is not None:
        inspection.note("toleratedFailureCount", node.tolerated_count(numbers))
    if node.tolerated_percentage is not None:
        inspection.note("toleratedFailurePercentage", node.tolerated_percentage(numbers))
    return len(items)


def check_failure_count(failures: int, iterations: int) -> None:
    """Refuse more failures than iterations. Raises TestStateError."""
    if failures > iterations:
        raise refused("Map iteration failure count must be less than or equal to the number of Map iterations")


def exceeds_tolerance(node: MapNode, inspected: dict[str, Json], failures: int, iterations: int) -> bool:
    """Whether so many failures fail a distributed Map. Nothing is exceeded where nothing is declared (recorded)."""
    if not node.distributed:
        return False
    count, percentage = inspected.get("toleratedFailureCount"), inspected.get("toleratedFailurePercentage")
    if count is not None and failures > count:
        return True
    return percentage is not None and failures * 100 > percentage * iterations


def _select(node: MapNode, values: Values, effective: Json, index: int, item: Json) -> Json:
    assert node.item_selector is not None

    def context() -> Json:
        return {**values.context, "Map": {"Item": {"Index": index, "Value": item}}}

    return node.item_selector(Values(effective, context, values.variables, values.draws, values.now_ms))


class _Batcher:
    """An ItemBatcher evaluated on the effective input: its bounds, and what every batch has in common."""

    def __init__(self, batcher: dict[str, Json], values: Values, jsonpath: bool) -> None:
        self._values = values
        self._fields = batcher
        self.items = self._bound("MaxItemsPerBatch")
        self.bytes = self._bound("MaxInputBytesPerBatch")
        self.common: dict[str, Json] = {}
        if "BatchInput" in batcher:
            given = batcher["BatchInput"]
            self.common = {"BatchInput": compile_template(given).evaluate(values) if jsonpath else given}

    def _bound(self, name: str) -> int:
        value = self._fields.get(name)
        path = self._fields.get(f"{name}Path")
        if isinstance(path, str):
            value = follow(compile_path(path).evaluate, self._values)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        return MAX_DATA_BYTES


def _batches(batcher: _Batcher, items: list[Json]) -> list[Json]:
    """Batches as large as both bounds allow."""
    empty = len(encode_json({**batcher.common, "Items": []}))
    batches: list[Json] = []
    batch: list[Json] = []
    size = empty
    for item in items:
        more = len(encode_json(item)) + 1
        if batch and (len(batch) >= batcher.items or size + more > batcher.bytes):
            batches.append({**batcher.common, "Items": batch})
            batch, size = [], empty
        batch.append(item)
        size += more
    if batch:
        batches.append({**batcher.common, "Items": batch})
    return batches


# -- the data of an ItemReader -----------------------------------------------------------------------------------------


def _read(reader: dict[str, Json], text: str, inspection: Inspection) -> list[Json]:
    given = reader.get("ReaderConfig")
    config: dict[str, Any] = given if isinstance(given, dict) else {}
    try:
        match config.get("InputType", "JSON"):
            case "CSV":
                items = _csv(config, text)
            case "JSONL":
                items = [load_json(line) for line in text.splitlines() if line.strip()]
            case _:
                items = _json(config, text, inspection)
    except InvalidJsonError as error:
        raise EvaluationError(ITEM_READER_FAILED, f"The ItemReader data is not valid JSON: {error}") from None
    except csv.Error as error:
        raise EvaluationError(ITEM_READER_FAILED, f"The ItemReader data is not valid CSV: {error}") from None
    most = config.get("MaxItems")
    return items[:most] if isinstance(most, int) and most > 0 else items


def _json(config: dict[str, Any], text: str, inspection: Inspection) -> list[Json]:
    found = load_json(text)
    place = config.get("ItemsPointer")
    if isinstance(place, str):
        found = _follow_pointer(found, place)
    if not isinstance(found, list):
        raise EvaluationError(ITEM_READER_FAILED, _NO_ARRAY)
    if isinstance(place, str):
        inspection.show_items("afterItemsPointer", found)
    return found


def _follow_pointer(value: Json, place: str) -> Json:
    """RFC 6901, through objects; None if it leads nowhere."""
    for part in place.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value.get(key) if isinstance(value, dict) else None
    return value


_DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def _csv(config: dict[str, Any], text: str) -> list[Json]:
    delimiter = _DELIMITERS.get(config.get("CSVDelimiter", "COMMA"), ",")
    rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter) if row]
    headers = config.get("CSVHeaders")
    if config.get("CSVHeaderLocation") != "GIVEN" or not isinstance(headers, list):
        headers, rows = (rows[0], rows[1:]) if rows else ([], [])
    return [dict(zip(headers, [*row, *[""] * (len(headers) - len(row))], strict=False)) for row in rows]
