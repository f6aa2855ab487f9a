"""What holds for every machine whose states are undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from random_compensations import blocks, compensated_cases, make_compensated_case
from random_machines import Case, machines, perform
from running import MOST_EVENTS, compiled, new
from test_invariants import TIGHT, assert_well_formed, run_case

from statemachine.kernel.advance import outstanding
from statemachine.kernel.commands import ExecutionStatus, ScheduleTask, StartTimer, Yield
from statemachine.kernel.events import StopRequested
from statemachine.kernel.history import EXTENSION_TYPES, HistoryEvent
from statemachine.kernel.snapshot import decode_execution, encode_execution
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.testing.virtual import VirtualHost, replay

FEW = replace(AWS_LIMITS, compensations=3)
_limits = st.sampled_from([AWS_LIMITS, TIGHT, FEW, replace(TIGHT, fuel=3)])


@given(compensated_cases(), _limits)
@settings(max_examples=250)
def test_a_replay_equals_the_run(case: Case, limits: Limits) -> None:
    done = run_case(case, limits)
    program, execution = new(case.definition, case.input, limits=limits)
    again, history = replay(program, execution, done.host.journal)
    assert history == done.history
    assert again == done.execution
    assert_well_formed(done.history)


@given(compensated_cases(), st.integers(1, 9))
@settings(max_examples=200)
def test_any_fuel_gives_the_same_history(case: Case, fuel: int) -> None:
    whole, parts = run_case(case), run_case(case, replace(AWS_LIMITS, fuel=fuel))
    assert parts.history == whole.history
    assert parts.execution.failed_compensations == whole.execution.failed_compensations


@given(compensated_cases(), _limits)
@settings(max_examples=80)
def test_a_fork_at_every_event_replays_to_the_same_end(case: Case, limits: Limits) -> None:
    done = run_case(case, limits)
    program, execution = new(case.definition, case.input, limits=limits)
    for index, encoded in enumerate(done.host.journal[:60]):
        taken_up = decode_execution(encode_execution(execution))
        assert taken_up == execution
        before = taken_up.history_length
        last, after = replay(compiled(case.definition), taken_up, done.host.journal[index:])
        assert last == done.execution
        assert after == done.history[before:]
        replay(program, execution, [encoded])


@given(compensated_cases(), st.data())
@settings(max_examples=200)
def test_a_crash_anywhere_comes_to_an_end_too(case: Case, data: st.DataObject) -> None:
    done = run_case(case)
    cut = data.draw(st.integers(1, len(done.host.journal)))
    program, execution = new(case.definition, case.input)
    first, before = replay(program, execution, done.host.journal[:cut])
    commands = outstanding(first)
    ids = [each.operation for each in commands if isinstance(each, ScheduleTask | StartTimer)]
    assert len(set(ids)) == len([each for each in commands if not isinstance(each, Yield)])
    host = VirtualHost(program, decode_execution(encode_execution(first)), perform(case), machines=machines())
    host.run(MOST_EVENTS)
    assert host.execution.closed
    assert_well_formed(before + host.history)
    check_order(case, before + host.history, host.execution.status)


@given(compensated_cases(), st.integers(1, 30))
@settings(max_examples=200)
def test_a_stop_with_compensation_undoes_everything(case: Case, after: int) -> None:
    program, execution = new(case.definition, case.input)
    host = VirtualHost(program, execution, perform(case), machines=machines())
    host.run(after)
    begun = host.execution.unwinding is not None
    if host.execution.closed:
        return
    host.send(StopRequested(host.execution.now_ms, "Stop", compensate=True))
    host.run(MOST_EVENTS)
    assert begun or host.execution.status is ExecutionStatus.ABORTED
    check_order(case, host.history, host.execution.status)


@given(compensated_cases())
@settings(max_examples=400)
def test_compensations_run_in_reverse_order_of_completion(case: Case) -> None:
    done = run_case(case)
    check_order(case, done.history, done.execution.status)
    noted = [event for event in done.history if event.type == "CompensationFailed"]
    if not _has_distributed(case.definition):
        assert len(noted) == len(done.execution.failed_compensations)


def test_the_machines_are_worth_it() -> None:
    """The cases reach what they are meant to reach."""
    ends: dict[str, int] = {}
    unwindings: list[int] = []
    for number in range(400):
        case = make_compensated_case(number, 3)
        done = run_case(case)
        started = [event for event in done.history if event.type == "CompensationStarted"]
        unwindings.append(len(started))
        for event in done.history:
            if event.type in EXTENSION_TYPES:
                ends[event.type] = ends.get(event.type, 0) + 1
        order = check_order(case, done.history, done.execution.status)
        ends["interrupted"] = ends.get("interrupted", 0) + order.interrupted
        ends["told apart"] = ends.get("told apart", 0) + order.told_apart
    assert min(ends[each] for each in EXTENSION_TYPES) > 20
    assert ends["interrupted"] > 0
    assert ends["told apart"] > 50
    assert max(unwindings) > 2


@given(compensated_cases())
@settings(max_examples=100)
def test_without_a_failure_the_machine_does_what_it_does_without_compensations(case: Case) -> None:
    """Only the ids of operations differ, and what is made of them."""
    done = run_case(case)
    if done.counts["CompensationStarted"]:
        return
    plain = replace(case, definition=_without(case.definition))
    assert run_case(plain).chain() == done.chain()


def _without(block: dict[str, Any]) -> dict[str, Any]:
    states = {}
    for name, state in block["States"].items():
        if "Undo" in name:
            continue
        kept = {key: value for key, value in state.items() if key != "CompensateWith"}
        if "Catch" in kept:
            kept["Catch"] = [
                {key: value for key, value in each.items() if key != "Compensate"} for each in kept["Catch"]
            ]
        if "Branches" in kept:
            kept["Branches"] = [_without(each) for each in kept["Branches"]]
        if "ItemProcessor" in kept:
            kept["ItemProcessor"] = _without(kept["ItemProcessor"])
        states[name] = kept
    return {**block, "States": states}


# -- the order, as the history tells it --------------------------------------------------------------------------------


@dataclass
class _Order:
    """Follows a history: which completions there are, and which unwinding has undone which of them."""

    compensated: set[str]
    caught: set[int]
    """Exited events after which a catcher's state was entered: such a state has not completed, though its task may
    have succeeded, with a result that could not be used."""
    done: list[tuple[int, str, str]] = field(default_factory=list)
    """Completions that are not undone: the exited event, the state, its output."""
    running: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    """Unwinding -> the completion that it undoes now."""
    last: dict[int, int] = field(default_factory=dict)
    """Unwinding -> of the completions that can be told apart, the one that it undid last."""
    unwindings: dict[int, int] = field(default_factory=dict)
    """Event -> the unwinding that it belongs to, by the event it began with; 0 for none."""
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a state has completed with an output: what is undone is told by these two, and its place in the order
    where they are not those of another iteration too."""
    told_apart: int = 0
    interrupted: int = 0

    def add(self, event: HistoryEvent, before: HistoryEvent | None) -> None:
        unwinding = self.unwindings.get(event.previous_id, 0)
        if event.type == "CompensationStarted":
            unwinding = event.id
        self.unwindings[event.id] = unwinding
        details = event.details or {}
        if event.type.endswith("StateExited") and not unwinding and details["name"] in self.compensated:
            assert before is not None
            if event.id not in self.caught and not _is_caught(before):
                key = details["name"], details["output"].text
                self.seen[key] += 1
                self.done.append((event.id, *key))
        elif event.type == "CompensationScheduled" and details["state"] in self.compensated:
            self._scheduled(unwinding, details["state"], details["input"].text)
        elif event.type in ("CompensationSucceeded", "CompensationFailed") and unwinding in self.running:
            del self.running[unwinding]
        elif unwinding and before is not None and _ends_unwinding(before):
            self.unwindings[event.id] = 0  # all is undone: what comes now is the catcher's, or a retry of what it is in

    def _scheduled(self, unwinding: int, state: str, output: str) -> None:
        found = [each for each in self.done if each[1:] == (state, output)]
        if found:
            self.done.remove(found[-1])
            chosen = found[-1]
        else:  # another unwinding was cut short while it undid this one
            other, chosen = next(each for each in self.running.items() if each[1][1:] == (state, output))
            del self.running[other]
            self.interrupted += 1
        assert unwinding not in self.running, "two at a time"
        self.running[unwinding] = chosen
        if self.seen[state, output] == 1:
            assert chosen[0] < self.last.get(unwinding, 2**60), f"{state} is undone after what came before it"
            self.last[unwinding] = chosen[0]
            self.told_apart += 1


def _is_caught(before: HistoryEvent) -> bool:
    """Whether the event before an exited one says that a catcher took over."""
    return before.type.endswith(("Failed", "TimedOut")) or _ends_unwinding(before)


def _ends_unwinding(before: HistoryEvent) -> bool:
    return before.type in ("CompensationSucceeded", "CompensationFailed")


def check_order(case: Case, history: list[HistoryEvent], status: ExecutionStatus) -> _Order:
    """All that has completed is undone, if the execution has not succeeded, and in each unwinding in reverse order.

    What a distributed Map does is not in the history.
    """
    muted = _distributed_names(case.definition)
    compensated = {
        name for states in blocks(case.definition) for name, state in states.items() if "CompensateWith" in state
    }
    events = {event.id: event for event in history}
    order = _Order(compensated - muted, set(_followed_by_catchers(case.definition, history)))
    for event in history:
        order.add(event, events.get(event.previous_id))
    if status is not ExecutionStatus.SUCCEEDED:
        assert order.done == []
        assert order.running == {}
    return order


def _followed_by_catchers(definition: dict[str, Any], history: list[HistoryEvent]) -> Iterator[int]:
    states = {name: state for block in blocks(definition) for name, state in block.items()}
    handlers = {each["Next"] for state in states.values() for each in state.get("Catch", ())}
    for event in history:
        if event.type.endswith("StateEntered") and event.details is not None and event.details["name"] in handlers:
            yield event.previous_id


def _distributed_names(block: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for states in blocks(block):
        for state in states.values():
            processor = state.get("ItemProcessor", {})
            if processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
                found.update(name for inner in blocks(processor) for name in inner)
    return found


def _has_distributed(block: dict[str, Any]) -> bool:
    return bool(_distributed_names(block))
