"""The running branches and iterations of a frame, and those that have not ended, in a snapshot.

Rules
- What is inside a Parallel or Map may itself be cut short: the codec follows it down, as deep as definitions nest.
- `registered`, the compensations of what is unfinished, is in the section that compensation_snapshot writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.execution import Batching, Children, Report, Unfinished

Add: TypeAlias = Callable[[Document | None], int | None]
"""Puts a document into the snapshot's table; its index."""


def document_at(documents: list[Document], index: int | None) -> Document | None:
    """A document of the table."""
    return None if index is None else documents[index]


def encode_failure(failure: Failure | None) -> Json:
    """A failure as a pair."""
    return None if failure is None else [failure.error, failure.cause]


def decode_failure(data: Json) -> Failure | None:
    """The inverse."""
    return None if data is None else Failure(data[0], data[1])


def encode_children(children: Children, add: Add) -> Json:
    """A frame's children."""
    batching = children.batching
    head = [
        children.total,
        [[scope, frame] for scope, frame in children.running.items()],
        children.next_index,
        [add(each) for each in children.outputs],
        children.items,
        children.concurrency,
        children.failed_count,
        children.tolerated_count,
        children.tolerated_percentage,
        children.map_run,
        children.taken,
        None if batching is None else [batching.items, batching.bytes, batching.common],
        add(children.writer),
        [_encode_report(each, add) for each in children.reports],
    ]
    if not (children.unfinished or children.failed):
        return head
    return [
        *head,
        *([encode_unfinished(each, add) for each in found] for found in (children.unfinished, children.failed)),
    ]


def decode_children(data: list[Any], documents: list[Document]) -> Children:
    """The inverse."""
    total, running, next_index, outputs, items, concurrency, failed, count, percentage, map_run, *more = data
    # A snapshot of before there were readers, batches and writers has no more.
    taken, batching, writer, reports, *kept = more or (next_index, None, None, [])
    unfinished, tolerated = kept or ([], [])
    return Children(
        total=total,
        running={scope: frame for scope, frame in running},  # noqa: C416 - lists, not pairs
        next_index=next_index,
        outputs=[document_at(documents, each) for each in outputs],
        items=items,
        concurrency=concurrency,
        failed_count=failed,
        tolerated_count=count,
        tolerated_percentage=percentage,
        map_run=map_run,
        taken=taken,
        batching=None if batching is None else Batching(*batching),
        writer=document_at(documents, writer),
        reports=[_decode_report(each, documents) for each in reports],
        unfinished=[decode_unfinished(each, documents) for each in unfinished],
        failed=[decode_unfinished(each, documents) for each in tolerated],
    )


def _encode_report(report: Report, add: Add) -> Json:
    failure = encode_failure(report.failure)
    return [report.name, add(report.input), report.started_ms, report.stopped_ms, failure]


def _decode_report(data: list[Any], documents: list[Document]) -> Report:
    name, input, started_ms, stopped_ms, failure = data
    return Report(name, documents[input], started_ms, stopped_ms, decode_failure(failure))


def encode_unfinished(left: Unfinished, add: Add) -> Json:
    """A scope that has not ended."""
    return [
        left.index,
        left.address,
        add(left.raw_input),
        left.variables,
        left.sizes,
        [left.entered_event, left.entered_at_ms, left.started_ms],
        left.muted,
        left.iteration,
        left.item,
        add(left.input),
        None if left.children is None else encode_children(left.children, add),
    ]


def decode_unfinished(data: list[Any], documents: list[Document]) -> Unfinished:
    """The inverse, without what is registered."""
    index, address, raw_input, variables, sizes, entered, muted, iteration, item, input, children = data
    return Unfinished(
        index,
        address,
        documents[raw_input],
        variables,
        sizes,
        entered[0],
        entered[1],
        muted,
        iteration,
        item,
        document_at(documents, input),
        entered[2],
        None,
        None if children is None else decode_children(children, documents),
    )
