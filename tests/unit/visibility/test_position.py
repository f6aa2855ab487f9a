"""Where an execution is: what each state waits for, the variables, the compensations."""

from __future__ import annotations

from typing import Any

from statemachine.errors import Failure
from statemachine.jsonvalue import Document
from statemachine.kernel.events import ActivityStarted, TaskSubmitted
from statemachine.kernel.randomness import task_token
from statemachine.visibility.position import (
    Awaited,
    CompensationStatus,
    InFlight,
    Inside,
    Position,
    Ready,
    Retrying,
    Undoing,
    Waiting,
    position_of,
)
from statemachine.visibility.visits import Visits
from tests.running import (
    INVOKE,
    Driven,
    block,
    catch,
    distributed,
    map_,
    moment,
    new,
    parallel,
    pass_,
    retry,
    started,
    task,
    wait,
)

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:work"


def position(driven: Driven) -> Position:
    visits = Visits()
    for event in driven.history:
        visits.add(event)
    return position_of(driven.execution, driven.program, visits)


def doing(driven: Driven) -> Any:
    """What the only state does."""
    (state,) = position(driven).states
    return state.doing


def test_a_task_in_flight() -> None:
    driven = started(block(Work=task(TimeoutSeconds=60, HeartbeatSeconds=20)))
    assert doing(driven) == InFlight(
        task()["Resource"], 1, Awaited.RESULT, moment(0), moment(60), heartbeat_seconds=20, token=None
    )


def test_a_retry_says_when_which_and_why() -> None:
    retriers = [retry("Other", MaxAttempts=9), retry("Busy", MaxAttempts=2, IntervalSeconds=10)]
    driven = started(block(Work=task(Retry=retriers)))
    driven.fail(driven.tasks[0].operation, Failure("Busy", "later"), at=5)
    assert doing(driven) == Retrying(moment(15), attempt=2, most=3, failure=Failure("Busy", "later"))
    # Without a history, neither the error nor, among several, its retrier is known.
    (state,) = position_of(driven.execution, driven.program).states
    assert state.doing == Retrying(moment(15), attempt=2, most=None, failure=None)
    driven.fire(15)
    assert (doing(driven).attempt, doing(driven).since_ms) == (2, moment(15))
    driven.fail(driven.tasks[0].operation, Failure("Other"), at=16)
    assert (doing(driven).attempt, doing(driven).most) == (3, 2 + 9)


def test_what_is_waited_for() -> None:
    driven = started(block(Rest=wait(30)))
    assert doing(driven) == Waiting(moment(30))
    driven = started(block(Ask=task(INVOKE + ".waitForTaskToken", Parameters={"FunctionName": "f"})))
    found = doing(driven)
    assert (found.awaited, found.token) == (
        Awaited.TOKEN,
        task_token(driven.execution, driven.tasks[0].operation),
    )
    driven = started(block(Ask=task(ACTIVITY)))
    assert doing(driven).awaited is Awaited.WORKER
    driven.send(ActivityStarted(moment(1), driven.tasks[0].operation))
    assert doing(driven).awaited is Awaited.WORKED_ON
    job = task(
        "arn:aws:states:::batch:submitJob.sync", Parameters={"JobName": "j", "JobDefinition": "d", "JobQueue": "q"}
    )
    driven = started(block(Job=job))
    assert doing(driven).awaited is Awaited.RESULT
    driven.send(TaskSubmitted(moment(1), driven.tasks[0].operation, Document({"JobId": "1"})))
    assert (doing(driven).awaited, doing(driven).token) == (Awaited.JOB, None)


def test_before_it_begins_it_is_nowhere() -> None:
    program, execution = new(block(A=pass_()))
    assert position_of(execution, program).states == ()


def test_branches_stand_below_their_parallel() -> None:
    branches = [block(Left=task()), block(Nested=parallel(block(Deep=wait(9)))), block(Quick=pass_())]
    driven = started(block(Both=parallel(*branches)))
    states = position(driven).states
    assert [(each.name, each.depth, each.place) for each in states] == [
        ("Both", 0, None),
        ("Left", 1, "branch 0"),
        ("Nested", 1, "branch 1"),
        ("Deep", 2, "branch 0"),
    ]
    assert states[0].doing == Inside(total=3, done=1, running=2, failed=0, pending=0, iterations=False)
    assert [each.kind for each in states] == ["Parallel", "Task", "Parallel", "Wait"]
    assert states[3].since_ms == moment(0)


def test_iterations_of_a_map() -> None:
    driven = started(block(Each=map_(block(Work=task()), MaxConcurrency=2)), [1, 2, 3, 4, 5])
    driven.succeed(driven.tasks[0].operation)
    head, *inside = position(driven).states
    assert head.doing == Inside(total=5, done=1, running=2, failed=0, pending=2, iterations=True)
    assert sorted(each.place or "" for each in inside) == ["iteration 1", "iteration 2"]


def test_items_that_failed_and_are_tolerated() -> None:
    definition = block(Each=distributed(block(Work=task(), Rest=wait(9)), MaxConcurrency=2, ToleratedFailureCount=1))
    driven = started(definition, [1, 2, 3])
    driven.fail(driven.tasks[0].operation, Failure("Bad"))
    head, *inside = position(driven).states
    assert head.doing == Inside(total=3, done=0, running=2, failed=1, pending=0, iterations=True)
    # They have no history: of their tasks, the beginning is not known, nor taken from other events.
    assert [getattr(each.doing, "since_ms", "?") for each in inside] == [None, None]


def test_variables_stand_where_they_were_assigned() -> None:
    inner = block(Set=pass_(Assign={"inner": "é"}), Rest=wait(9))
    driven = started(block(Init=pass_(Assign={"outer": [1, 2]}), Each=map_(inner, ItemsPath="$.items")), {"items": [7]})
    found = position(driven)
    assert [(each.name, each.place, each.value, each.size) for each in found.variables] == [
        ("outer", None, [1, 2], 5),
        ("inner", "iteration 0", "é", 4),
    ]
    assert found.variables_bytes == 9


def test_compensations() -> None:
    definition = block(
        A=task(CompensateWith="UndoA"),
        B=task(CompensateWith="UndoB"),
        C=task(CompensateWith="UndoC"),
        D=task(End=True),
    )
    definition["States"] |= {f"Undo{name}": task(End=True) for name in "ABC"}
    driven = started(definition)
    for _ in range(3):
        driven.succeed(driven.tasks[0].operation)

    def statuses() -> list[tuple[str, str, str]]:
        return [(each.state, each.compensate_with, each.status.name) for each in position(driven).compensations]

    assert statuses() == [
        ("A", "UndoA", "REGISTERED"), ("B", "UndoB", "REGISTERED"), ("C", "UndoC", "REGISTERED"),
    ]  # fmt: skip
    driven.fail(driven.tasks[0].operation, Failure("Boom"))
    assert statuses() == [("A", "UndoA", "WAITING"), ("B", "UndoB", "WAITING"), ("C", "UndoC", "RUNNING")]
    (state,) = position(driven).states
    assert (state.name, state.place) == ("UndoC", "compensation of C")
    driven.fail(driven.tasks[0].operation, Failure("Stuck", "why"))
    driven.succeed(driven.tasks[0].operation)
    driven.succeed(driven.tasks[0].operation)
    (failed,) = position(driven).compensations
    assert (failed.state, failed.status, failed.failure) == ("C", CompensationStatus.FAILED, Failure("Stuck", "why"))


def test_a_catcher_that_undoes() -> None:
    definition = block(A=task(CompensateWith="UndoA"), B=task(Catch=[catch("Sorry", Compensate=True)], End=True))
    definition["States"] |= {"UndoA": task(End=True), "Sorry": pass_(End=True)}
    driven = started(definition)
    driven.succeed(driven.tasks[0].operation)
    driven.fail(driven.tasks[0].operation, Failure("Boom"))
    undoing, path = position(driven).states
    assert (undoing.name, undoing.doing) == ("B", Undoing(1, Failure("Boom")))
    assert (path.name, path.depth, path.place) == ("UndoA", 1, "compensation of A")


def test_a_state_that_is_about_to_be_entered() -> None:
    from dataclasses import replace

    from statemachine.limits import AWS_LIMITS

    driven = started(block(A=pass_(), B=pass_()), limits=replace(AWS_LIMITS, fuel=1))
    (state,) = position(driven).states
    assert (state.name, state.since_ms, state.doing) == ("B", None, Ready())
