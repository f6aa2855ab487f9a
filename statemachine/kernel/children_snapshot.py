"""The running branches and iterations of a frame, and those that have not ended, in a snapshot.

Rules
- What is inside a Parallel or Map may itself be cut short: the codec follows it down, as deep as definitions nest.
- `registered`, the compensations of what is unfinished, is in the section that compensation_snapshot writes.
"""

from __future__ import annotations

from typing import Any

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.execution import Batching, Children, Report, Unfinished


class DocumentTable:
    """A snapshot's documents while it is encoded: each once, found by identity."""

    def __init__(self) -> None:
        self._index: dict[int, int] = {}
        self._documents: list[Document] = []  # which keeps the ids from being used again

    def add(self, document: Document | None) -> int | None:
        """A document's index."""
        if document is None:
            return None
        index = self._index.setdefault(id(document), len(self._documents))
        if index == len(self._documents):
            self._documents.append(document)
        return index

    def add_all(self, documents: list[Document | None]) -> list[int | None]:
        """The indices of documents: of a Map's outputs there may be a million, and again with every snapshot."""
        index, known = self._index, self._documents
        found: list[int | None] = []
        for document in documents:
            if document is None:
                found.append(None)
                continue
            place = index.get(id(document))
            if place is None:
                place = index[id(document)] = len(known)
                known.append(document)
            found.append(place)
        return found

    def texts(self) -> list[str]:
        """The documents, by their indices."""
        return [each.text for each in self._documents]


def document_at(documents: list[Document], index: int | None) -> Document | None:
    """A document of the table."""
    return None if index is None else documents[index]


def encode_failure(failure: Failure | None) -> Json:
    """A failure as a pair."""
    return None if failure is None else [failure.error, failure.cause]


def decode_failure(data: Json) -> Failure | None:
    """The inverse."""
    return None if data is None else Failure(data[0], data[1])


def encode_children(children: Children, table: DocumentTable) -> Json:
    """A frame's children."""
    batching = children.batching
    head = [
        children.total,
        [[scope, frame] for scope, frame in children.running.items()],
        children.next_index,
        table.add_all(children.outputs),
        children.items,
        children.concurrency,
        children.failed_count,
        children.tolerated_count,
        children.tolerated_percentage,
        children.map_run,
        children.taken,
        None if batching is None else [batching.items, batching.bytes, batching.common],
        table.add(children.writer),
        [_encode_report(each, table) for each in children.reports],
    ]
    if not (children.unfinished or children.failed):
        return head
    return [
        *head,
        *([encode_unfinished(each, table) for each in found] for found in (children.unfinished, children.failed)),
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


def _encode_report(report: Report, table: DocumentTable) -> Json:
    failure = encode_failure(report.failure)
    return [report.name, table.add(report.input), report.started_ms, report.stopped_ms, failure]


def _decode_report(data: list[Any], documents: list[Document]) -> Report:
    name, input, started_ms, stopped_ms, failure = data
    return Report(name, documents[input], started_ms, stopped_ms, decode_failure(failure))


def encode_unfinished(left: Unfinished, table: DocumentTable) -> Json:
    """A scope that has not ended."""
    return [
        left.index,
        left.address,
        table.add(left.raw_input),
        left.variables,
        left.sizes,
        [left.entered_event, left.entered_at_ms, left.started_ms],
        left.muted,
        left.iteration,
        left.item,
        table.add(left.input),
        None if left.children is None else encode_children(left.children, table),
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
