"""Journals of this and of earlier releases: they are read and replayed for good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from statemachine.kernel.execution import Execution
from statemachine.kernel.history import HistoryEvent, to_api
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_event
from statemachine.program import Program
from statemachine.program.load import load_text
from statemachine.testing.virtual import replay

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.json"))


@pytest.fixture(params=JOURNALS, ids=lambda path: path.stem)
def journal(request: pytest.FixtureRequest) -> Any:
    return json.loads(request.param.read_text(encoding="utf-8"))


def replayed(journal: Any, start: str, events: list[str]) -> tuple[Execution, list[HistoryEvent]]:
    program: Program = load_text(journal["definition"], None).program
    return replay(program, decode_execution(journal[start].encode()), [each.encode() for each in events])


def test_the_history_is_the_same(journal: Any) -> None:
    execution, history = replayed(journal, "start", journal["events"])
    for recorded, event in zip(journal["history"], history, strict=True):
        assert to_api(event) == recorded
    assert execution == decode_execution(journal["end"].encode())


def test_a_snapshot_of_then_goes_on_now(journal: Any) -> None:
    half = journal["half"]
    before, _ = replayed(journal, "start", journal["events"][:half])
    assert before == decode_execution(journal["snapshot"].encode())
    execution, history = replayed(journal, "snapshot", journal["events"][half:])
    assert execution == decode_execution(journal["end"].encode())
    assert [to_api(event) for event in history] == journal["history"][len(journal["history"]) - len(history) :]


def test_events_of_then_are_written_the_same_now(journal: Any) -> None:
    for event in journal["events"]:
        assert encode_event(decode_event(event.encode())).decode() == event


def test_there_are_journals() -> None:
    assert len(JOURNALS) >= 7
    for path in JOURNALS:
        assert path.stat().st_size < 100_000, "keep them small"
