"""Recorded cases as material for time travel: each is run here, replayed, and forked at every event of its history."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from test_conformance import SUITE

from statemachine.errors import InvalidJsonError
from statemachine.kernel.execution import Execution
from statemachine.kernel.fork import fork, state_at
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.testing.virtual import VirtualHost, replay

pytestmark = [
    pytest.mark.skipif(not SUITE.is_dir(), reason=f"the recorded cases are not at {SUITE}"),
    pytest.mark.timeout(600),
]

_DRAWN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|root=[^\"]*|\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT")
"""Ids, traces and times of day that a handler's own answer has."""
FORKED = 20
"""Cases that are forked at every event: those with the most different states."""


@functools.cache
def suite() -> Any:
    """The suite's modules for loading cases, and this engine's adapter."""
    sys.path.append(str(SUITE))
    compare, run, adapter = map(importlib.import_module, ("compare", "run", "adapter"))
    return compare, run, adapter


@functools.cache
def cases() -> list[dict[str, Any]]:
    compare, run, _ = suite()
    return [
        run.message(case, 60)
        for case in compare.load_cases(str(SUITE))
        if compare.why_not_runnable(case) is None and case["kind"] in ("execution", "sync_execution")
    ]


def hosts() -> Iterator[tuple[dict[str, Any], VirtualHost, bytes]]:
    """Each case that can be started, run to its end; and the execution before its first event."""
    _, _, adapter = suite()
    for message in cases():
        program, _ = adapter.compiled(message["definition"], express=message.get("type") == "EXPRESS")
        if program is None:
            continue
        try:
            made = adapter.host(message, program)
        except InvalidJsonError:
            continue
        start = encode_execution(made.execution)
        made.run()
        yield message, made, start


def test_every_execution_replays_to_its_own_history() -> None:
    replayed = 0
    for message, host, start in hosts():
        execution, history = replay(host.program, decode_execution(start), host.journal)
        assert history == host.history, message["id"]
        assert execution == host.execution, message["id"]
        replayed += 1
    assert replayed > 600


def test_a_fork_at_every_event_ends_alike() -> None:
    _, _, adapter = suite()
    found = sorted(hosts(), key=lambda each: len({event.type for event in each[1].history}), reverse=True)
    forks = 0
    for message, host, start in found[:FORKED]:
        events = [decode_event(each) for each in host.journal]
        for event in host.history[:-1]:
            execution = state_at(host.program, start, events, event.id)
            if execution.closed:
                continue
            seed = execution.seed
            fork(execution, host.program, host.program, id=execution.id, seed=seed, now_ms=execution.now_ms)
            forked = VirtualHost(host.program, execution, adapter.performer(message), start_ms=execution.now_ms)
            assert end(forked.run()) == end(host.execution), f"{message['id']} at event {event.id}"
            forks += 1
    assert forks > 200


def end(execution: Execution) -> tuple[Any, ...]:
    """How it ended, but for what handlers draw."""
    output = None if execution.output is None else _DRAWN.sub("", execution.output.text)
    return execution.status, output, _DRAWN.sub("", str(execution.failure))
