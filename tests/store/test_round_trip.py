"""Random histories come back as they were written, however they are cut into commits."""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from statemachine.jsonvalue import Document
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.history import PAYLOAD_KEYS, HistoryEvent
from statemachine.store.base import Commit, Durability, NewExecution
from statemachine.store.sqlite import SqliteStore

names = st.text("abcdefghXYZ ü", max_size=8).filter(lambda key: key not in PAYLOAD_KEYS)
"""Of details: they are ours, never a user's."""
text = st.text(st.characters(), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Document], list[list[HistoryEvent]], bool]:
    """Documents, of which the first is the input and the last the output; commits; whether to open the store anew."""
    documents = [Document(value) for value in draw(st.lists(json_values, min_size=2, max_size=6))]
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=8))
    commits: list[list[HistoryEvent]] = []
    number = 1
    for size in sizes:
        events: list[HistoryEvent] = []
        for _ in range(size):
            details: dict[str, Any] | None = None
            if draw(st.booleans()):
                details = draw(st.dictionaries(names, json_values, max_size=2))
                if draw(st.booleans()):
                    details[draw(st.sampled_from(PAYLOAD_KEYS))] = draw(st.sampled_from(documents))
            kind = draw(st.sampled_from(["PassStateEntered", "TaskScheduled", "ExecutionSucceeded"]))
            events.append(
                HistoryEvent(number, kind, draw(st.integers(0, 2**53)), draw(st.integers(0, number)), details)
            )
            number += 1
        commits.append(events)
    return documents, commits, draw(st.booleans())


@settings(max_examples=60, deadline=None)
@given(histories())
def test_history_comes_back(case: tuple[list[Document], list[list[HistoryEvent]], bool]) -> None:
    documents, commits, anew = case
    with tempfile.TemporaryDirectory() as directory:
        store = SqliteStore(Path(directory) / "store.db")
        new = NewExecution("x", "m", "{}", sha256(b"{}").hexdigest(), documents[0], Durability.NORMAL, 0, b"snapshot")
        store.create([new])
        for sequence, events in enumerate(commits):
            if anew and sequence == len(commits) // 2:
                store.close()
                store = SqliteStore(Path(directory) / "store.db")
                store.claim("x")
            last = sequence == len(commits) - 1
            status = ExecutionStatus.SUCCEEDED if last else ExecutionStatus.RUNNING
            output = documents[-1] if last else None
            store.commit([Commit("x", sequence, (b"%d" % sequence,), tuple(events), status, 1, (), output=output)])
        expected = [event for events in commits for event in events]
        assert list(store.history("x")) == expected
        assert list(store.history("x", reverse=True)) == expected[::-1]
        assert list(store.journal("x")) == [b"%d" % sequence for sequence in range(len(commits))]
        assert (store.get("x").input, store.get("x").output) == (documents[0], documents[-1])
        for read, written in zip(store.history("x"), expected, strict=True):
            for key, value in (written.details or {}).items():
                if isinstance(value, Document):
                    assert read.details is not None
                    assert read.details[key].value == value.value
        store.close()
