"""ItemReader, ItemBatcher and ResultWriter of a distributed Map -> nodes.

Rules (developer guide, "ItemReader", "ItemBatcher", "ResultWriter")
- A reader gets one object (``s3:getObject``) or the list of a bucket's objects (``s3:listObjectsV2``); a writer puts
  objects (``s3:putObject``). Other resources, and Parquet, are valid but cannot be run.
- MaxItems may be any number: that it must not be negative is found when the map run starts (recorded).
- Without a WriterConfig, what is exported has the metadata of the executions; a WriterConfig without Transformation
  is taken to mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from statemachine.definition import model
from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.model import ABSENT
from statemachine.expressions.base import Evaluate
from statemachine.jsonvalue import Document, Json
from statemachine.program.nodes import BatcherNode, Number, ReaderNode, Transformation, WriterNode

_READS = re.compile(r"arn:[a-z-]+:states:::s3:(getObject|listObjectsV2)")
_WRITES = re.compile(r"arn:[a-z-]+:states:::s3:putObject")
_ANY = -(10**18)


class Fields(Protocol):
    """What a query language compiles here."""

    def template(self, value: Json, field: str, path: JsonPath) -> Evaluate | None: ...
    def bound(self, field: str, value: Json, text: str | None, path: JsonPath, minimum: int = 0) -> Number | None: ...


class Transfers:
    """Compiles what moves data into and out of a distributed Map; `refuse` is told what cannot be run."""

    def __init__(self, language: Fields, refuse: Callable[[str, str, JsonPath], None]) -> None:
        self._language = language
        self._refuse = refuse

    def reader(self, state: model.Map) -> ReaderNode | None:
        """The ItemReader; None if there is none."""
        given = state.item_reader
        if not isinstance(given, dict):
            return None
        path = (*state.path, "ItemReader")
        resource = given["Resource"]
        if not _READS.fullmatch(resource):
            message = f"an ItemReader with the resource {resource} cannot be run"
            self._refuse("SM_UNSUPPORTED_FIELD", message, (*path, "Resource"))
        config = given.get("ReaderConfig") or {}
        if config.get("InputType") == "PARQUET":
            message = "InputType PARQUET cannot be run: use CSV, JSON or JSONL"
            self._refuse("SM_UNSUPPORTED_FIELD", message, (*path, "ReaderConfig", "InputType"))
        return ReaderNode(
            resource,
            self._arguments(given, "ItemReader", path),
            Document({name: value for name, value in config.items() if name not in ("MaxItems", "MaxItemsPath")}),
            self._bound("MaxItems", config, (*path, "ReaderConfig"), _ANY),
        )

    def batcher(self, state: model.Map) -> BatcherNode | None:
        """The ItemBatcher; None if there is none."""
        given = state.item_batcher
        if not isinstance(given, dict):
            return None
        path = (*state.path, "ItemBatcher")
        common = given.get("BatchInput", ABSENT)
        return BatcherNode(
            self._bound("MaxItemsPerBatch", given, path),
            self._bound("MaxInputBytesPerBatch", given, path),
            None
            if common is ABSENT
            else self._language.template(common, "ItemBatcher/BatchInput", (*path, "BatchInput")),
        )

    def writer(self, state: model.Map) -> WriterNode | None:
        """The ResultWriter; None if there is none."""
        given = state.result_writer
        if not isinstance(given, dict):
            return None
        path = (*state.path, "ResultWriter")
        resource = given.get("Resource")
        if resource is not None and not _WRITES.fullmatch(resource):
            message = f"a ResultWriter with the resource {resource} cannot be run"
            self._refuse("SM_UNSUPPORTED_FIELD", message, (*path, "Resource"))
        config = given.get("WriterConfig") or {}
        return WriterNode(
            resource,
            self._arguments(given, "ResultWriter", path),
            Transformation(config.get("Transformation", "NONE")),
            config.get("OutputType", "JSON"),
        )

    def _arguments(self, given: dict[str, Json], field: str, path: JsonPath) -> Evaluate | None:
        """Parameters, or in JSONata Arguments."""
        for name in ("Parameters", "Arguments"):
            if name in given:
                return self._language.template(given[name], f"{field}/{name}", (*path, name))
        return None

    def _bound(self, name: str, given: dict[str, Json], path: JsonPath, minimum: int = 0) -> Number | None:
        return self._language.bound(name, given.get(name), given.get(f"{name}Path"), path, minimum)
