"""What a history tells: the last steps, where it failed, what was undone."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.errors import Failure
from statemachine.kernel.events import RedriveRequested
from statemachine.testing.mocks import Throw
from statemachine.visibility.account import Account, account_of, line_of_state
from statemachine.visibility.usage import usage_of
from statemachine.visibility.visits import Visits
from tests.running import Run, block, catch, fail, map_, moment, parallel, pass_, retry, run, started, task, wait

BOOM = [Throw("Boom", "why")]


def account(found: Run, steps: int = 50) -> Account:
    return account_of(found.history, steps=steps)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (block(A=task(), B=pass_()), None),
        (block(A=pass_(), Bad=task()), "Bad"),
        (block(A=pass_(), Stop=fail("E")), "Stop"),
        (block(Both=parallel(block(Other=wait(5)), block(Bad=task()))), "Bad"),
        (block(Each=map_(block(Inner=parallel(block(Bad=task()))))), "Bad"),
        (block(Bad=task(Catch=[catch("Stop")]), Stop=fail("E")), "Stop"),
        # An earlier failure that was caught is not the one that counts.
        (block(Bad=task(Catch=[catch("Path")]), Path=pass_(InputPath="$.missing")), "Path"),
        (block(Bad=task(TimeoutSeconds=5)), "Bad"),
    ],
)
def test_where_it_failed(definition: dict[str, Any], expected: str | None) -> None:
    found = account(run(definition, [1], {"Bad": BOOM})).failed_in
    assert (None if found is None else found.name) == expected


def test_attempts_of_what_failed() -> None:
    found = account(run(block(Bad=task(Retry=[retry("Boom", MaxAttempts=2)])), outcomes={"Bad": BOOM})).failed_in
    assert found is not None
    assert (found.attempts, found.error, found.cause) == (3, "Boom", "why")


def undone() -> Run:
    definition = block(A=task(CompensateWith="UndoA"), B=task(CompensateWith="UndoB"), Bad=task(End=True))
    definition["States"] |= {"UndoA": task(End=True), "UndoB": task(End=True)}
    return run(definition, outcomes={"Bad": BOOM, "UndoB": [Throw("Stuck")]})


def test_a_compensation_that_fails_is_not_where_the_execution_failed() -> None:
    found = account(undone())
    assert found.failed_in is not None
    assert (found.failed_in.name, found.failed_in.error, found.failed_in.attempts) == ("Bad", "Boom", 1)
    assert found.compensated == 1
    steps = {step.name: step for step in found.steps}
    assert [(name, step.parent and step.parent.name) for name, step in steps.items()] == [
        ("A", None), ("B", None), ("Bad", None), ("UndoB", "Bad"), ("UndoA", "Bad"),
    ]  # fmt: skip
    assert (steps["UndoB"].error, steps["UndoB"].over, steps["UndoB"].exited) == ("Stuck", True, False)
    assert (steps["UndoA"].error, steps["UndoA"].exited) == (None, True)


def test_where_it_failed_after_a_redrive() -> None:
    driven = started(block(First=task(Catch=[catch("Second")]), Second=task(), Third=task()))
    driven.fail(driven.tasks[0].operation, Failure("Caught"))
    driven.fail(driven.tasks[0].operation, Failure("Boom"))
    told = account_of(driven.history, steps=9)
    assert told.failed_in is not None
    assert told.failed_in.name == "Second"
    driven.send(RedriveRequested(moment(5)))
    assert account_of(driven.history, steps=9).failed_in is None
    driven.succeed(driven.tasks[0].operation)
    driven.fail(driven.tasks[0].operation, Failure("Boom"))
    told = account_of(driven.history, steps=9)
    assert told.failed_in is not None
    assert told.failed_in.name == "Third"
    # First, Second, and its new attempt, Third, and the redrive.
    used = usage_of(driven.history, definition_bytes=0, started_ms=moment(0))
    assert (used.entered, used.retries, used.redrives) == (3, 1, 1)


def test_a_timeout_of_the_execution_is_no_failure_of_a_state() -> None:
    definition = {**block(A=task(Catch=[catch("B")]), B=wait(100)), "TimeoutSeconds": 10}
    found = run(definition, outcomes={"A": BOOM})
    assert (found.status, account(found).failed_in) == ("TIMED_OUT", None)


def test_only_the_last_steps_are_kept() -> None:
    found = account(run(block(A=pass_(), B=pass_(), C=pass_())), steps=2)
    assert ([step.name for step in found.steps], found.total) == (["B", "C"], 3)


def test_iterations_that_begin_later_are_inside_their_map() -> None:
    found = run(block(Each=map_(block(Work=task()), MaxConcurrency=1)), [1, 2, 3])
    visits = Visits()
    entered = [visits.add(event) for event in found.history if event.type != "ExecutionStarted"]
    works = {id(visit): visit for visit in entered if visit is not None and visit.name == "Work"}
    assert [visit.parent and visit.parent.name for visit in works.values()] == ["Each"] * 3


DEFINITION = """\
StartAt: Each
States:
  Each:
    Type: Map
    ItemProcessor:
      StartAt: Both
      States:
        Both:
          Type: Parallel
          Branches:
            - StartAt: Deep
              States:
                Deep: {Type: Pass, End: true}
          End: true
    Next: Last
  Last: {Type: Succeed}
"""


@pytest.mark.parametrize(("name", "line"), [("Each", 3), ("Both", 8), ("Deep", 13), ("Last", 16), ("None", None)])
def test_the_line_of_a_state(name: str, line: int | None) -> None:
    assert line_of_state(DEFINITION, name) == line
