"""Compares what an execution did with what a case expects, and tells where it went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from statemachine.definition.model import ABSENT
from statemachine.expressions.base import shown
from statemachine.jsonvalue import Json, json_equal
from statemachine.testing.cases.differences import bounded, differences, sequence_differences
from statemachine.testing.cases.model import Case, Expected
from statemachine.testing.cases.running import Run, run
from statemachine.visibility.visits import Visits

_EXCERPT_EVENTS: Final = 8
_EXCERPT_TEXT: Final = 160


class Verdict(StrEnum):
    """What came of a case."""

    PASSED = "passed"
    FAILED = "failed"
    """Something is not as expected."""
    ERROR = "error"
    """The case itself is wrong: a task has no mock, or the execution does not end."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that is not met."""

    field: str
    """The key under `expect`."""
    expected: Json
    actual: Json
    details: tuple[str, ...] = ()
    """What differs, in lines."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case. `run` is None if it was skipped."""

    case: Case
    verdict: Verdict
    mismatches: tuple[Mismatch, ...] = ()
    run: Run | None = None
    seconds: float = 0.0
    """How long it took, in real time."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdict in (Verdict.PASSED, Verdict.SKIPPED)


def run_case(case: Case, clock: Callable[[], float] = lambda: 0.0) -> CaseResult:
    """Run a case and compare. `clock` measures real time, in seconds."""
    if case.skip is not None:
        return CaseResult(case, Verdict.SKIPPED)
    began = clock()
    done = run(case.setup, execution_name(case.name))
    seconds = clock() - began
    if done.fault is not None:
        return CaseResult(case, Verdict.ERROR, (), done, seconds)
    mismatches = tuple(check(case.expected, done))
    return CaseResult(case, Verdict.FAILED if mismatches else Verdict.PASSED, mismatches, done, seconds)


def execution_name(name: str) -> str:
    """The case's name as an execution may be called."""
    return "".join(each if each.isascii() and each.isalnum() else "-" for each in name)[:80]


def check(expected: Expected, done: Run) -> Iterator[Mismatch]:
    """What is not as expected, in the order in which people want to read it."""
    if done.status is not expected.status:
        yield Mismatch("status", expected.status.value, done.status.value, tuple(_why(done)))
    yield from _check_output(expected, done)
    yield from _check_failure(expected, done)
    yield from _check_path(expected, done)
    calls = done.calls()
    for state, wanted in expected.calls.items():
        yield from _check_calls(state, wanted, calls.get(state, []))
    variables = done.variables() if expected.variables else {}
    for name, value in expected.variables.items():
        if name not in variables:
            yield Mismatch("variables", value, None, (f"${name} was never assigned",))
        elif not json_equal(value, variables[name]):
            found = bounded(differences(value, variables[name], at=f"${name}"))
            yield Mismatch("variables", value, variables[name], tuple(found))
    if expected.duration_ms is not None and done.duration_ms != expected.duration_ms:
        yield Mismatch("duration", expected.duration_ms / 1000, done.duration_ms / 1000)


def _why(done: Run) -> Iterator[str]:
    if done.failure.error is not None or done.failure.cause is not None:
        yield f"{done.failure.error}: {done.failure.cause}"[: _EXCERPT_TEXT * 4]
    if not done.execution.closed:
        yield "it waits for something that never comes"


def _check_output(expected: Expected, done: Run) -> Iterator[Mismatch]:
    for field, wanted, subset in (
        ("output", expected.output, False),
        ("output_contains", expected.output_contains, True),
    ):
        if wanted is ABSENT:
            continue
        actual = done.output
        if actual is ABSENT:
            yield Mismatch(field, wanted, None, ("there is no output",))
        elif found := bounded(differences(wanted, actual, subset=subset)):
            yield Mismatch(field, wanted, actual, tuple(found))


def _check_failure(expected: Expected, done: Run) -> Iterator[Mismatch]:
    for field, wanted, actual in (
        ("error", expected.error, done.failure.error),
        ("cause", expected.cause, done.failure.cause),
    ):
        if wanted is not ABSENT and wanted != actual:
            yield Mismatch(field, wanted, actual)
    pattern = expected.cause_matches
    if pattern is not None and pattern.search(done.failure.cause or "") is None:
        yield Mismatch("cause_matches", pattern.pattern, done.failure.cause)


def _check_path(expected: Expected, done: Run) -> Iterator[Mismatch]:
    path = done.path
    if expected.path is not None and list(expected.path) != path:
        yield Mismatch("path", list(expected.path), path, tuple(sequence_differences(list(expected.path), path)))
    if expected.path_in_any_order is not None:
        wanted, actual = Counter(expected.path_in_any_order), Counter(path)
        if wanted != actual:
            lines = [f"- {name}" for name in (wanted - actual).elements()]
            lines += [f"+ {name}" for name in (actual - wanted).elements()]
            yield Mismatch("path_in_any_order", list(expected.path_in_any_order), path, tuple(lines))


def _check_calls(state: str, wanted: int | list[Json], made: list[Json]) -> Iterator[Mismatch]:
    if isinstance(wanted, int):
        if len(made) != wanted:
            lines = [f"{state} was called with {shown(each)[:_EXCERPT_TEXT]}" for each in made]
            yield Mismatch("calls", {state: wanted}, {state: len(made)}, tuple(bounded(iter(lines))))
    elif found := bounded(differences(wanted, made, at=state)):
        yield Mismatch("calls", {state: wanted}, {state: made}, tuple(found))


def last_state(done: Run) -> tuple[str, int] | None:
    """The state where an execution failed, or stood when it was left, and the index of that state's last event. What
    undoes it afterwards, and states that a catcher took over from, do not count."""
    visits = Visits()
    found = None
    for index, event in enumerate(done.history):
        if event.type == "CompensationStarted" and found is not None and not done.execution.output:
            break
        visit = visits.add(event)
        if visit is not None and not visit.aborted and not (visit.exited and visit.error):
            found = visit.name, index
    return found
