"""Time travel: the state as of an event, and executions that begin there."""

from __future__ import annotations

from typing import Any

import pytest

from statemachine.errors import ForkError, TaskError
from statemachine.jsonvalue import Document
from statemachine.kernel.execution import Execution, Purpose
from statemachine.kernel.fork import fork, state_at
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.program import Program
from statemachine.testing.virtual import VirtualHost, VirtualTask
from tests.running import (
    SEED,
    Run,
    block,
    catch,
    choice,
    compiled,
    distributed,
    map_,
    new,
    parallel,
    pass_,
    retry,
    run,
    task,
    wait,
)

INVOKE_WITH_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"  # noqa: S105 - a resource


def perform(call: VirtualTask) -> Any:
    """Answers that depend on nothing but the call."""
    command = call.command
    call.sleep(3)
    if command.state == "Flaky" and command.attempt == 0:
        raise TaskError("Busy", "try again")
    if command.state == "Broken":
        raise TaskError("Broken", None)
    return {"by": command.state, "attempt": command.attempt}


MACHINES = {
    "one after the other": block(A=pass_(Result={"n": 1}), B=wait(10), C=task(), D=pass_()),
    "retried": block(Flaky=task(Retry=[retry("Busy", IntervalSeconds=7)]), After=pass_()),
    "caught": block(
        Broken=task(Catch=[catch("Mended", "Broken")], Next="After"), Mended=pass_(Next="After"), After=wait(5)
    ),
    "parallel": block(Both=parallel(block(L=wait(4), L2=task()), block(R=task(), R2=wait(1))), After=pass_()),
    "map": block(
        List=pass_(Result=[1, 2, 3]), All=map_(block(Each=task(), Rest=wait(2)), MaxConcurrency=2), After=pass_()
    ),
    "failing": block(Both=parallel(block(Broken=task()), block(Slow=wait(60)))),
    "loop": block(
        Count=pass_(Parameters={"n.$": "States.MathAdd($.n, 1)"}),
        More=choice({"Variable": "$.n", "NumericLessThan": 30, "Next": "Count"}, default="Work"),
        Work=task(ResultPath="$.r"),
    ),
}  # fmt: skip


def original(definition: dict[str, Any]) -> tuple[Run, bytes]:
    program, execution = new(definition, {"n": 0})
    before = encode_execution(execution)
    host = VirtualHost(program, execution, perform)
    host.run(5_000)
    return Run(host), before


def at(found: Run, before: bytes, history_id: int) -> Execution:
    return state_at(found.host.program, before, [decode_event(each) for each in found.host.journal], history_id)


def go_on(execution: Execution, program: Program) -> Execution:
    return VirtualHost(program, execution, perform, start_ms=execution.now_ms).run(5_000)


@pytest.mark.parametrize("name", MACHINES)
def test_a_fork_at_every_event_ends_alike(name: str) -> None:
    found, before = original(MACHINES[name])
    program = found.host.program
    for history_id in range(len(found.history)):
        execution = at(found, before, history_id)
        assert execution.history_length <= history_id
        assert execution.limits == found.execution.limits
        fork(execution, program, program, id="fork", seed=SEED, now_ms=execution.now_ms + 1_000_000)
        assert (execution.id, execution.arn.rpartition(":")[2]) == ("fork", "fork")
        ended = go_on(execution, program)
        assert (ended.status, ended.output, ended.failure) == (
            found.execution.status,
            found.execution.output,
            found.execution.failure,
        )


def test_the_state_as_of_an_event() -> None:
    found, before = original(MACHINES["one after the other"])
    entered = next(event.id for event in found.of("StateEntered") if event.details["name"] == "C")
    (frame,) = at(found, before, entered - 1).frames.values()
    assert frame.address == "/States/C"
    assert frame.raw_input == Document({"n": 1})
    assert at(found, before, 0).frames == {}
    assert at(found, before, len(found.history)).closed


def test_transitions_are_told_apart_beyond_the_fuel() -> None:
    """A step of a thousand transitions is one event of the journal."""
    definition = MACHINES["loop"] | {"Comment": "longer"}
    definition["States"]["More"]["Choices"][0]["NumericLessThan"] = 1_700
    found, before = original(definition)
    for history_id in (999, 2_003, 4_500, 6_801):
        execution = at(found, before, history_id)
        assert history_id - 3 <= execution.history_length <= history_id


@pytest.mark.parametrize(("history_id", "message"), [(99, "there is no event 99: the history has"), (-1, "before")])
def test_an_event_that_is_not_there(history_id: int, message: str) -> None:
    found, before = original(MACHINES["one after the other"])
    with pytest.raises(ForkError, match=message):
        at(found, before, history_id)


def test_an_end_cannot_be_forked() -> None:
    found, before = original(MACHINES["retried"])
    execution = at(found, before, len(found.history))
    with pytest.raises(ForkError, match="has ended there"):
        fork(execution, found.host.program, found.host.program, id="fork", seed=SEED, now_ms=0)


def test_times_are_moved() -> None:
    found, before = original(block(Rest=wait(100), After=pass_()))
    execution = at(found, before, 2)
    later = execution.now_ms + 9_000_000
    fork(execution, found.host.program, found.host.program, id="fork", seed=SEED, now_ms=later)
    assert execution.next_deadline_ms() == later + 100_000


def test_another_definition_takes_over_where_it_can() -> None:
    found, before = original(MACHINES["failing"])
    mended = compiled(block(Both=parallel(block(Broken=pass_(Result="mended")), block(Slow=wait(60)))))
    execution = at(found, before, 2)
    fork(execution, found.host.program, mended, id="fork", seed=SEED, now_ms=execution.now_ms)
    assert go_on(execution, mended).output == Document(["mended", {"n": 0}])


def test_what_was_in_flight_begins_anew_under_another_definition() -> None:
    found, before = original(MACHINES["parallel"])
    changed = block(Both=parallel(block(L=wait(4), L2=task()), block(R=task(), R2=wait(1))), After=pass_(Result="new"))
    started = next(event.id for event in found.of("LambdaFunctionStarted"))
    execution = at(found, before, started)
    program = compiled(changed)
    fork(execution, found.host.program, program, id="fork", seed=SEED, now_ms=execution.now_ms)
    assert not execution.operations
    assert go_on(execution, program).output == Document("new")


@pytest.mark.parametrize(
    "changed",
    [
        block(Both=pass_(), After=pass_()),
        block(Other=parallel(block(L=wait(4)))),
        block(Both=parallel(block(L=wait(4), L2=task())), After=pass_()),
    ],
    ids=["another type", "another name", "fewer branches"],
)
def test_a_definition_without_the_state_is_refused(changed: dict[str, Any]) -> None:
    found, before = original(MACHINES["parallel"])
    execution = at(found, before, 5)
    with pytest.raises(ForkError, match=r"/States/Both.*before this state"):
        fork(execution, found.host.program, compiled(changed), id="fork", seed=SEED, now_ms=execution.now_ms)


def test_other_retriers_count_from_the_start() -> None:
    found, before = original(MACHINES["retried"])
    more = compiled(block(Flaky=task(Retry=[retry("Other"), retry("Busy", MaxAttempts=1)]), After=pass_()))
    failed = next(event.id for event in found.of("LambdaFunctionFailed"))
    execution = at(found, before, failed)
    fork(execution, found.host.program, more, id="fork", seed=SEED, now_ms=execution.now_ms)
    assert go_on(execution, more).status == "SUCCEEDED"


EACH = block(Each=wait(5))
WRITER = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (map_(EACH), distributed(EACH)),
        (distributed(EACH), map_(EACH)),
        (distributed(EACH), distributed(EACH, ResultWriter=WRITER)),
    ],
    ids=["distributed", "inline", "with a writer"],
)
def test_a_map_of_another_kind_cannot_go_on(old: dict[str, Any], new: dict[str, Any]) -> None:
    found, before = original(block(List=pass_(Result=[1, 2]), All=old))
    execution = at(found, before, 7)
    assert execution.frames[min(execution.frames)].children is not None
    changed = compiled(block(List=pass_(Result=[1, 2]), All=new))
    with pytest.raises(ForkError, match="which the new definition does not have as it was"):
        fork(execution, found.host.program, changed, id="fork", seed=SEED, now_ms=execution.now_ms)


class TestMapRuns:
    def failed_while_writing(self) -> tuple[Run, bytes]:
        """A map run that has failed, and whose results are being written."""
        bulk = distributed(block(Broken=task()), ResultWriter=WRITER)
        found, before = original(block(List=pass_(Result=[1]), All=bulk, After=pass_()))
        assert found.error == "Broken"
        return found, before

    def test_they_are_those_of_the_fork(self) -> None:
        found, before = self.failed_while_writing()
        execution = at(found, before, 6)
        fork(execution, found.host.program, found.host.program, id="fork", seed=SEED, now_ms=execution.now_ms)
        (told,) = execution.map_runs.values()
        assert told.execution_arn == execution.arn
        assert decode_execution(encode_execution(execution)) == execution

    def test_one_that_begins_anew_has_not_failed(self) -> None:
        found, before = self.failed_while_writing()
        execution = at(found, before, 6)
        assert [each.purpose for each in execution.operations.values()] == [Purpose.WRITE_RESULTS]
        bulk = distributed(block(Broken=pass_(Result="mended")), ResultWriter=WRITER)
        mended = compiled(block(List=pass_(Result=[1]), All=bulk, After=pass_()))
        fork(execution, found.host.program, mended, id="fork", seed=SEED, now_ms=execution.now_ms)
        host = VirtualHost(mended, execution, perform, write_results=lambda _: {"Bucket": "b", "Key": "k"})
        assert host.run(100).status == "SUCCEEDED"
        assert [each.status.value for each in execution.map_runs.values()][:1] == ["ABORTED"]
        assert [each.status.value for each in host.execution.map_runs.values()] == ["ABORTED", "SUCCEEDED"]


class TestInput:
    def test_of_the_state_that_it_is_in(self) -> None:
        found, before = original(block(A=pass_(Result={"n": 1}), B=pass_(Parameters={"n.$": "$.n"})))
        execution = at(found, before, 3)
        program = found.host.program
        fork(execution, program, program, id="fork", seed=SEED, now_ms=0, input=Document({"n": "other"}))
        assert go_on(execution, program).output == Document({"n": "other"})

    def test_of_the_execution(self) -> None:
        found, before = original(block(A=pass_()))
        execution = at(found, before, 0)
        program = found.host.program
        fork(execution, program, program, id="fork", seed=SEED, now_ms=0, input=Document({"n": "other"}))
        assert go_on(execution, program).output == Document({"n": "other"})

    def test_a_task_in_flight_gets_it(self) -> None:
        found, before = original(block(A=task()))
        execution = at(found, before, 4)
        program = found.host.program
        fork(execution, program, program, id="fork", seed=SEED, now_ms=0, input=Document("other"))
        host = VirtualHost(program, execution, perform)
        host.run(100)
        assert [call.arguments for call in host.calls] == [Document("other")]

    def test_needs_one_place(self) -> None:
        found, before = original(MACHINES["parallel"])
        execution = at(found, before, 6)
        with pytest.raises(ForkError, match="in 3 states there"):
            fork(
                execution,
                found.host.program,
                found.host.program,
                id="fork",
                seed=SEED,
                now_ms=0,
                input=Document("other"),
            )


def test_a_token_that_was_handed_out_is_not_waited_for() -> None:
    found = run(
        block(Ask=task(INVOKE_WITH_TOKEN, Parameters={"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}})),
        max_events=2,
    )
    program, execution = found.host.program, found.execution
    assert [each.command.submitted for each in execution.operations.values()] == [True]  # type: ignore[union-attr]
    old = found.host.calls[0].arguments.value["Payload"]["t"]
    fork(execution, program, program, id="fork", seed=bytes(32), now_ms=execution.now_ms)
    host = VirtualHost(program, execution, perform)
    host.run(2)
    assert host.calls[0].arguments.value["Payload"]["t"] != old
