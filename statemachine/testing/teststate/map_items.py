"""The items of a tested Map: read or found, selected, batched. Its iterations do not run.

Rules (developer guide, "Testing Map and Parallel states", "Understanding Map state inspection data")
- With an ItemReader, `mapItemReaderData` is the file as it stands in its source: JSON, JSON Lines or CSV. Without it,
  the input stands for the file's content.
- MaxConcurrency and the tolerated failures are shown once the items are there.
"""

from __future__ import annotations

from typing import Any, Final

from statemachine.errors import ITEM_READER_FAILED, EvaluationError, InvalidJsonError
from statemachine.expressions.base import Values
from statemachine.jsonvalue import Json, encode_json, load_json
from statemachine.program.dataflow import JsonPathFlow
from statemachine.program.item_data import CsvError, csv_items, follow_pointer
from statemachine.program.nodes import BatcherNode, MapNode, Number
from statemachine.testing.teststate.inspection import Inspection
from statemachine.testing.teststate.request import MAX_DATA_BYTES, refused

_NO_ARRAY: Final = "Attempting to map over non-iterable node."


def map_iterations(node: MapNode, values: Values, inspection: Inspection, reader_data: str | None) -> int:
    """Evaluate everything up to the first iteration; how many there would be. Raises EvaluationError."""
    effective = node.flow.effective_input(values)
    numbers = values if effective is values.input else values.with_input(effective)
    jsonpath = isinstance(node.flow, JsonPathFlow)
    if jsonpath:
        inspection.show("afterInputPath", effective)
    if node.reader is not None and node.reader.arguments is not None:
        node.reader.arguments(numbers)  # nothing is read, but they have to be sound
    if reader_data is not None and node.reader is not None:
        items = _read(node.reader.config.value, reader_data, inspection)
        most = 0 if node.reader.max_items is None else node.reader.max_items(numbers)
        items = items[:most] if most > 0 else items
    else:
        items = node.items(values, effective)
    if jsonpath:
        inspection.show_items("afterItemsPath", items)
    if node.item_selector is not None:
        items = [_select(node, values, effective, index, item) for index, item in enumerate(items)]
        inspection.show_items("afterItemSelector", items)
    if node.batcher is not None:
        items = _batches(node.batcher, numbers, items)
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


def _batches(batcher: BatcherNode, values: Values, items: list[Json]) -> list[Json]:
    """Batches as large as both bounds allow, each with the BatchInput; `values` are the effective input's."""
    most_items = _bound(batcher.max_items, values)
    most_bytes = _bound(batcher.max_bytes, values)
    common = {} if batcher.batch_input is None else {"BatchInput": batcher.batch_input(values)}
    empty = len(encode_json({**common, "Items": []}))
    batches: list[Json] = []
    batch: list[Json] = []
    size = empty
    for item in items:
        more = len(encode_json(item)) + 1
        if batch and (len(batch) >= most_items or size + more > most_bytes):
            batches.append({**common, "Items": batch})
            batch, size = [], empty
        batch.append(item)
        size += more
    if batch:
        batches.append({**common, "Items": batch})
    return batches


def _bound(number: Number | None, values: Values) -> int:
    """A bound of a batch; without one, the largest input of an iteration is."""
    return (0 if number is None else number(values)) or MAX_DATA_BYTES


# -- the data of an ItemReader -----------------------------------------------------------------------------------------


def _read(config: dict[str, Any], text: str, inspection: Inspection) -> list[Json]:
    """The items of a file, as its ReaderConfig says."""
    try:
        match config.get("InputType", "JSON"):
            case "CSV":
                return list(csv_items(text.splitlines(keepends=True), config))
            case "JSONL":
                return [load_json(line) for line in text.splitlines() if line.strip()]
            case _:
                return _json(config, text, inspection)
    except InvalidJsonError as error:
        raise EvaluationError(ITEM_READER_FAILED, f"The ItemReader data is not valid JSON: {error}") from None
    except CsvError as error:
        raise EvaluationError(ITEM_READER_FAILED, str(error)) from None


def _json(config: dict[str, Any], text: str, inspection: Inspection) -> list[Json]:
    found = load_json(text)
    place = config.get("ItemsPointer")
    if isinstance(place, str):
        found = follow_pointer(found, place)
    if not isinstance(found, list):
        raise EvaluationError(ITEM_READER_FAILED, _NO_ARRAY)
    if isinstance(place, str):
        inspection.show_items("afterItemsPointer", found)
    return found
