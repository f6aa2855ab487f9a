"""ItemReader, ItemBatcher and ResultWriter compiled: what cannot be run, and what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from running import block, compiled, distributed, findings, map_, pass_

from statemachine.errors import DefinitionError
from statemachine.program.load import load
from statemachine.program.nodes import MapNode, Transformation

ONE = block(One=pass_())
GET, PUT = "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:putObject"


def node_of(**fields: Any) -> MapNode:
    node = compiled(block(M=distributed(ONE, **fields))).nodes["/States/M"]
    assert isinstance(node, MapNode)
    return node


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"ItemReader": {"Resource": "arn:aws:states:::aws-sdk:s3:getObject"}}, "ItemReader/Resource"),
        ({"ItemReader": {"Resource": PUT}}, "ItemReader/Resource"),
        ({"ItemReader": {"Resource": GET, "ReaderConfig": {"InputType": "PARQUET"}}},
         "ItemReader/ReaderConfig/InputType"),
        ({"ResultWriter": {"Resource": GET, "Parameters": {"Bucket": "b"}}}, "ResultWriter/Resource"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_valid_but_refused(fields: dict[str, Any], place: str) -> None:
    definition = block(M=distributed(ONE, **fields))
    assert findings(json.dumps(definition)) == [("SM_UNSUPPORTED_FIELD", f"/States/M/{place}")]
    with pytest.raises(DefinitionError):
        load(definition).require_runnable()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"ItemReader": {"Resource": GET, "Parameters": {"Key.$": "$.a["}}}, "/States/M/ItemReader/Parameters"),
        ({"ItemReader": {"Resource": GET, "ReaderConfig": {"MaxItemsPath": "$["}}},
         "/States/M/ItemReader/ReaderConfig/MaxItemsPath"),
        ({"ItemBatcher": {"MaxItemsPerBatch": 1, "BatchInput": {"x.$": "no"}}}, "/States/M/ItemBatcher/BatchInput"),
        ({"ItemBatcher": {"MaxInputBytesPerBatchPath": "x["}}, "/States/M/ItemBatcher/MaxInputBytesPerBatchPath"),
        ({"ResultWriter": {"Resource": PUT, "Parameters": {"x.$": "$["}}}, "/States/M/ResultWriter/Parameters"),
    ],
)  # fmt: skip
def test_wrong_expressions_are_found(fields: dict[str, Any], place: str) -> None:
    found = findings(json.dumps(block(M=distributed(ONE, **fields))))
    assert [location for _, location in found] == [place]


def test_wrong_jsonata_is_found() -> None:
    fields = {"ItemReader": {"Resource": GET, "Arguments": {"Key": "{% ( %}"}}}
    definition = block(M=distributed(ONE, **fields)) | {"QueryLanguage": "JSONata"}
    ((code, location),) = findings(json.dumps(definition))
    assert (code, location) == ("INVALID_JSONATA_EXPRESSION", "/States/M/ItemReader/Arguments/Key")


def test_other_partitions() -> None:
    fields = {"ItemReader": {"Resource": "arn:aws-cn:states:::s3:listObjectsV2"}}
    assert compiled(block(M=distributed(ONE, **fields))).unsupported == ()


def test_an_inline_map_has_none_of_them() -> None:
    """Fact validate-itemreader-inline-ok."""
    fields = {"ItemReader": {"Resource": GET}, "ItemBatcher": {"MaxItemsPerBatch": 1}}
    node = compiled(block(M=map_(ONE, **fields))).nodes["/States/M"]
    assert isinstance(node, MapNode)
    assert (node.reader, node.batcher, node.writer) == (None, None, None)


def test_defaults() -> None:
    node = node_of(ItemReader={"Resource": GET}, ResultWriter={"Resource": PUT, "Parameters": {"Bucket": "b"}})
    assert node.reader is not None
    assert node.writer is not None
    assert (node.reader.arguments, node.reader.config.value, node.reader.max_items) == (None, {}, None)
    assert (node.writer.transformation, node.writer.output_type) == (Transformation.NONE, "JSON")
