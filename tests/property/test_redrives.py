"""What holds for every execution that is redriven: whatever has failed, or was stopped, begins again where it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from random_compensations import make_compensated_case
from random_machines import machines, perform
from random_redrives import INPUT, Mendable, make_mendable
from running import MOST_EVENTS, new
from test_invariants import assert_sound

from statemachine.errors import TaskError
from statemachine.kernel import compensation
from statemachine.kernel.commands import ReadItems, ScheduleTask, WriteResults
from statemachine.kernel.events import RedriveRequested, StopRequested
from statemachine.kernel.execution import Execution
from statemachine.kernel.fork import fork, state_at
from statemachine.kernel.map_runs import MapRunStatus
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.testing.virtual import VirtualHost, VirtualTask, replay

_mendable = st.builds(make_mendable, st.integers(0, 2**32), st.integers(1, 3))


@dataclass
class Mended:
    """Runs a machine, and redrives it until nothing in it is broken any more."""

    case: Mendable
    redrives: int = 0
    whole: bool = False
    completed: dict[str, int] = field(default_factory=dict)
    """Call -> how long the history was when it had completed."""

    def __post_init__(self) -> None:
        self.program, execution = new(self.case.definition, INPUT)
        self.start = encode_execution(execution)
        self.host = self.host_of(execution)

    def host_of(self, execution: Execution) -> VirtualHost:
        options: dict[str, Any] = {"read_items": self.read, "write_results": self.write}
        return VirtualHost(self.program, execution, self.perform, start_ms=max(execution.now_ms, 10**12), **options)

    def perform(self, call: VirtualTask) -> Any:
        key = _key(call.command)
        call.sleep(1 + len(key) % 3)
        if self._breaks(key):
            raise TaskError("Broken", key)
        return call.command.arguments.value

    def read(self, command: ReadItems) -> Any:
        if self._breaks(command.state):
            raise TaskError("Broken", None)
        return INPUT["l"]

    def write(self, command: WriteResults) -> Any:
        return {"Bucket": "b", "Key": "k"}

    def _breaks(self, key: str) -> bool:
        return not self.whole and self.case.breaks(self.redrives, key)

    def run(self, most: int = MOST_EVENTS) -> None:
        """Go on, event by event."""
        for _ in range(most):
            execution = self.host.execution
            if execution.closed:
                return
            waited = {each.id: each.command for each in execution.operations.values()}
            self.host.run(1)
            self._note(waited)
            assert decode_execution(encode_execution(self.host.execution)) == self.host.execution

    def _note(self, waited: dict[int, Any]) -> None:
        event = decode_event(self.host.journal[-1])
        if type(event).__name__ != "TaskSucceeded":
            return
        command = waited.get(event.operation)  # type: ignore[union-attr]
        if command is not None:
            key = _key(command)
            assert key not in self.completed, f"{key} completes twice"
            self.completed[key] = self.host.execution.history_length

    def redrive(self) -> None:
        self.redrives += 1
        execution = self.host.execution
        step = self.host.send(RedriveRequested(execution.now_ms + 1_000))
        assert step.history[0].type == "ExecutionRedriven"
        assert_sound(self.host.execution, step)

    def check(self) -> None:
        """It has succeeded, as its journal says."""
        done = self.host.execution
        assert done.status == "SUCCEEDED", (done.status, done.failure)
        assert done.unfinished is None
        history = self.host.history
        assert [event.id for event in history] == list(range(1, len(history) + 1))
        assert all(event.previous_id < event.id for event in history)
        assert [event.at_ms for event in history] == sorted(event.at_ms for event in history)
        again, replayed = replay(self.program, decode_execution(self.start), self.host.journal)
        assert (again, replayed) == (done, history)
        for each in done.map_runs.values():
            assert each.status is not MapRunStatus.RUNNING
            for counts in (each.items, each.executions):
                assert counts.running == 0
                assert counts.pending >= 0
                if each.status is MapRunStatus.SUCCEEDED:
                    assert counts.succeeded + counts.failed == counts.total


def _key(command: ScheduleTask) -> str:
    arguments: Any = command.arguments.value
    return f"{command.state} {arguments['at']}"


def run_and_mend(case: Mendable, stops: list[int]) -> Mended:
    """Run a machine with redrives, and a stop after so many events of each run. At the last redrive nothing is broken
    any more."""
    mended = Mended(case)
    for stop in [*stops, MOST_EVENTS]:
        mended.run(stop)
        if not mended.host.execution.closed:
            mended.host.send(StopRequested(mended.host.execution.now_ms))
        if mended.host.execution.status == "SUCCEEDED":
            return mended
        mended.whole = stop == MOST_EVENTS
        mended.redrive()
    mended.run()
    return mended


@given(_mendable, st.lists(st.integers(1, 40), max_size=3))
@settings(max_examples=200)
def test_once_all_is_mended_it_succeeds_and_no_task_has_completed_twice(case: Mendable, stops: list[int]) -> None:
    run_and_mend(case, stops).check()


@given(_mendable, st.lists(st.integers(1, 40), max_size=2), st.integers(0, 10_000))
@settings(max_examples=120)
def test_a_fork_anywhere_succeeds_too(case: Mendable, stops: list[int], place: int) -> None:
    mended = run_and_mend(case, stops)
    history_id = place % len(mended.host.history)
    events = [decode_event(each) for each in mended.host.journal]
    execution = state_at(mended.program, mended.start, events, history_id)
    if execution.closed:
        return
    before = {key for key, length in mended.completed.items() if length <= history_id}
    fork(execution, mended.program, mended.program, id="fork", seed=bytes(range(16)), now_ms=execution.now_ms + 5)
    assert decode_execution(encode_execution(execution)) == execution
    mended.whole = True
    host = mended.host_of(execution)
    host.run(MOST_EVENTS)
    if host.execution.status == "FAILED":  # of what had failed by then
        host.send(RedriveRequested(host.execution.now_ms))
        host.run(MOST_EVENTS)
    assert host.execution.status == "SUCCEEDED"
    assert before.isdisjoint(map(_key, host.calls))


def test_the_machines_are_worth_it() -> None:
    """They fail, are redriven, and go on in all kinds of states."""
    seen: Counter[str] = Counter()
    for number in range(150):
        mended = run_and_mend(make_mendable(number, 1 + number % 3), [])
        seen.update(event.type for event in mended.host.history)
        seen["completed"] += len(mended.completed)
        seen["read"] += any(each.startswith("D") for each in mended.case.readers)
        seen["kept results"] += sum(each.redrive_count > 0 for each in mended.host.execution.map_runs.values())
    assert min(seen[each] for each in ("ExecutionRedriven", "MapRunRedriven", "kept results", "read")) > 10
    assert seen["ExecutionSucceeded"] == 150
    assert seen["completed"] > 500


# -- what can be undone ------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 4), st.lists(st.integers(1, 25), min_size=1, max_size=3), st.booleans())
@settings(max_examples=250)
def test_every_compensation_is_at_one_place(number: int, size: int, stops: list[int], last: bool) -> None:
    case = make_compensated_case(number, size)
    program, execution = new(case.definition, case.input)
    start = encode_execution(execution)
    host = VirtualHost(program, execution, perform(case), machines=machines())
    for stop in stops:
        _run_checked(host, stop)
        if not host.execution.closed:
            host.send(StopRequested(host.execution.now_ms, compensate=last and stop is stops[-1]))
        host.send(RedriveRequested(host.execution.now_ms + 1_000))
        assert_each_is_held_once(host.execution)
    _run_checked(host, MOST_EVENTS)
    assert host.execution.closed
    assert replay(program, decode_execution(start), host.journal) == (host.execution, host.history)
    if host.execution.unwinding is not None:
        assert host.execution.compensations == len(host.execution.failed_compensations)


def _run_checked(host: VirtualHost, most: int) -> None:
    for _ in range(most):
        if host.execution.closed:
            return
        host.run(1)
        assert_each_is_held_once(host.execution)
        assert decode_execution(encode_execution(host.execution)) == host.execution


def assert_each_is_held_once(execution: Execution) -> None:
    """Registered, being run, kept for a redrive or failed: in one of these, and counted."""
    ids = [each.id for each in compensation.held(execution)]
    ids += [each.compensation.id for each in execution.failed_compensations]
    if execution.unfinished is not None:
        ids += [each.id for left in execution.unfinished.with_inside() for each in left.registered or ()]
    assert len(set(ids)) == len(ids), "no compensation is in two places"
    if not (execution.closed and execution.status == "SUCCEEDED"):
        assert execution.compensations == len(ids)
