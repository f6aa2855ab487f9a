"""The virtual-time host: a clock that jumps, and nothing that cannot be stored."""

from __future__ import annotations

import pytest
from running import (
    FUNCTION,
    START_MS,
    Run,
    block,
    catch,
    moment,
    new,
    parallel,
    pass_,
    performer,
    retry,
    run,
    task,
    wait,
)

from statemachine.errors import TaskError
from statemachine.jsonvalue import Document
from statemachine.kernel.events import Resumed, StopRequested, TaskSucceeded, TimerFired
from statemachine.kernel.snapshot import decode_event, decode_execution, encode_execution
from statemachine.limits import Limits
from statemachine.testing.mocks import Return, Throw
from statemachine.testing.virtual import VirtualHost, VirtualTask, replay


def test_the_clock_jumps() -> None:
    done = run(block(A=wait(10), T=task(), B=wait(20)), {}, {"T": [Return("t", delay_seconds=0.25)]})
    assert done.output == "t"
    assert done.seconds("ExecutionSucceeded") == [30.25]


def test_the_start_can_be_chosen() -> None:
    program, execution = new(block(A=pass_()))
    VirtualHost(program, execution, performer(None), start_ms=5).run()
    assert execution.started_ms == 0, "the host works on copies"
    host = VirtualHost(program, new(block(A=pass_()))[1], performer(None), start_ms=5, reserialise=False)
    assert host.run().started_ms == 5


def test_tasks_are_called_when_they_are_scheduled_with_what_they_are_given() -> None:
    calls: list[VirtualTask] = []

    def perform(call: VirtualTask) -> object:
        calls.append(call)
        call.sleep(1)
        call.sleep(0.5)
        return {"n": len(calls)}

    program, execution = new(block(A=task(), B=task(Parameters={"x.$": "$.n"})), {"in": 1})
    host = VirtualHost(program, execution, perform)
    assert host.run().output == Document({"n": 2})
    assert [call.command.arguments.value for call in calls] == [{"in": 1}, {"x": 1}]
    assert [call.command for call in calls] == host.calls
    assert {call.resource for call in host.calls} == {FUNCTION}
    assert host.execution.now_ms == moment(3)


def test_a_task_error_fails_the_task() -> None:
    done = run(block(T=task(Catch=[catch("Z")]), Z=pass_()), {}, {"T": [Throw("E", "C", delay_seconds=4)]})
    assert done.output == {"Error": "E", "Cause": "C"}
    assert done.seconds("LambdaFunctionFailed") == [4]


def test_any_other_exception_is_a_mistake_of_the_test() -> None:
    def perform(call: VirtualTask) -> object:
        raise ZeroDivisionError

    program, execution = new(block(T=task()))
    with pytest.raises(ZeroDivisionError):
        VirtualHost(program, execution, perform).run()


@pytest.mark.parametrize(("seconds", "error"), [(4, None), (5, None), (6, "States.HeartbeatTimeout")])
def test_a_task_that_sleeps_too_long_loses_its_heartbeat(seconds: float, error: str | None) -> None:
    done = run(block(T=task(HeartbeatSeconds=5)), {}, {"T": [Return(1, delay_seconds=seconds)]})
    assert done.error == error


def test_a_late_result_is_delivered_and_ignored() -> None:
    machine = block(T=task(TimeoutSeconds=5, Catch=[catch("W")]), W=wait(60))
    done = run(machine, {}, {"T": [Return("late", delay_seconds=10)]})
    assert done.output == {"Error": "States.Timeout", "Cause": ""}
    events = [decode_event(each) for each in done.host.journal]
    assert TaskSucceeded(moment(10), 3, Document("late")) in events


def test_events_at_the_same_time_come_in_the_order_in_which_they_were_caused() -> None:
    machine = block(P=parallel(block(T=task()), block(W=wait(2)), block(U=task())))
    done = run(machine, {}, {"T": [Return(1, delay_seconds=2)], "U": [Return(2, delay_seconds=2)]})
    assert [type(decode_event(each)).__name__ for each in done.host.journal[1:]] == [
        "TaskSucceeded", "TimerFired", "TaskSucceeded"
    ]  # fmt: skip


def test_resumed_comes_before_any_other_event() -> None:
    machine = block(P=parallel(block(T=task()), block(A=pass_(), B=pass_(), C=pass_())))
    done = run(machine, {}, {"T": ["now"]}, limits=Limits(fuel=1))
    kinds = [type(decode_event(each)).__name__ for each in done.host.journal]
    assert kinds[:6] == ["ExecutionStarted", *["Resumed"] * 4, "TaskSucceeded"]


def test_an_event_from_outside_waits_for_a_resumed_that_is_owed() -> None:
    program, execution = new(block(A=pass_(), B=pass_(), W=wait(60)), limits=Limits(fuel=1))
    host = VirtualHost(program, execution, performer(None))
    host.run(max_events=1)
    host.send(StopRequested(moment(1), "Stopped"))
    assert host.execution.status == "ABORTED"
    assert Run(host).states == ["A", "B", "W"]


def test_an_event_from_outside_may_be_the_first() -> None:
    program, execution = new(block(A=pass_()))
    host = VirtualHost(program, execution, performer(None))
    assert host.send(TimerFired(START_MS)).history == ()
    assert host.run().status == "SUCCEEDED"


def test_a_run_can_stop_anywhere_and_go_on() -> None:
    machine = block(A=wait(1), T=task(Retry=[retry()]), B=wait(1))
    script = {"T": [Throw("E"), "done"]}
    whole = run(machine, {}, script)
    program, execution = new(machine)
    host = VirtualHost(program, execution, performer(script))
    for expected in range(1, len(whole.host.journal) + 1):
        host.run(max_events=1)
        assert len(host.journal) == expected
    assert host.execution.closed
    assert host.history == whole.history
    assert host.journal == whole.host.journal


def test_a_snapshot_can_be_taken_up() -> None:
    """As after a crash: the task that was under way is called again, with the same operation id."""
    machine = block(P=parallel(block(T=task(TimeoutSeconds=60)), block(W=wait(5))), Z=wait(1))
    script = {"T": [Return("t", delay_seconds=3)]}
    program, execution = new(machine)
    first = VirtualHost(program, execution, performer(script))
    first.run(max_events=1)
    second = VirtualHost(program, decode_execution(encode_execution(first.execution)), performer(script))
    second.run()
    whole = run(machine, {}, script)
    assert second.execution == whole.execution
    assert first.history + second.history == whole.history
    assert second.calls == first.calls


def test_something_that_never_comes_ends_the_run_as_it_is() -> None:
    program, execution = new(block(P=parallel(block(T=task()), block(W=wait(5)))))
    host = VirtualHost(program, execution, performer(None))
    host.run(max_events=1)
    host._inbox = [each for each in host._inbox if isinstance(each[2], TimerFired)]
    assert host.run().status == "RUNNING"
    assert len(host.execution.operations) == 1


def test_what_cannot_be_stored_does_not_slip_in() -> None:
    program, execution = new(block(T=task()))
    with pytest.raises(ValueError, match="not a JSON value"):
        VirtualHost(program, execution, lambda _: object()).run()


def test_replay() -> None:
    machine = block(T=task(Retry=[retry(JitterStrategy="FULL")]), A=pass_(Parameters={"u.$": "States.UUID()"}))
    done = run(machine, {}, {"T": [Throw("E"), Throw("E"), "done"]}, limits=Limits(fuel=1))
    assert any(isinstance(decode_event(each), Resumed) for each in done.host.journal)
    program, execution = new(machine, limits=Limits(fuel=1))
    again, history = replay(program, execution, done.host.journal)
    assert again == done.execution
    assert history == done.history


def test_task_errors_need_no_cause() -> None:
    def perform(call: VirtualTask) -> object:
        raise TaskError("E")

    program, execution = new(block(T=task()))
    host = VirtualHost(program, execution, perform)
    host.run()
    assert Run(host).error == "E"
    assert Run(host).cause is None
