"""What another definition would have done with recorded answers."""

from __future__ import annotations

from typing import Any

from statemachine.errors import TaskError
from statemachine.kernel.events import RedriveRequested
from statemachine.kernel.snapshot import decode_event, encode_execution
from statemachine.testing.virtual import VirtualHost, VirtualTask
from statemachine.testing.what_if import Comparison, what_if
from tests.running import block, catch, compiled, map_, new, pass_, retry, task, wait

WITH_TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"  # noqa: S105 - a resource


def perform(call: VirtualTask) -> Any:
    command = call.command
    call.sleep(2)
    if command.state == "Flaky" and command.attempt == 0:
        raise TaskError("Busy", "try again")
    if command.state == "Broken":
        raise TaskError("Broken", "for good")
    if command.state == "Ask":
        call.succeed({"answer": 42}, after_seconds=30)
    return {"got": command.arguments.value}


def compare(before: dict[str, Any], after: dict[str, Any], input: Any = None) -> Comparison:
    program, execution = new(before, input)
    start = encode_execution(execution)
    host = VirtualHost(program, execution, perform)
    host.run(5_000)
    events = [decode_event(each) for each in host.journal]
    return what_if(program, start, events, compiled(after))


ORDER = block(
    Flaky=task(Retry=[retry("Busy", IntervalSeconds=3)]),
    Ask=task(WITH_TOKEN, Parameters={"MessageBody": {"t.$": "$$.Task.Token"}}),
    Broken=task(Catch=[catch("Mended", "Broken")], Next="Last"),
    Mended=pass_(Next="Last"),
    Last=wait(5),
)


def test_the_same_definition_does_the_same() -> None:
    found = compare(ORDER, ORDER)
    assert found.difference is None
    assert found.before == found.after
    assert (found.after.status, found.after.unanswered) == ("SUCCEEDED", None)
    assert sum(event.type == "LambdaFunctionFailed" for event in found.after.history) == 2


def test_the_first_difference() -> None:
    changed = {**ORDER, "States": {**ORDER["States"], "Mended": pass_(Result="other", Next="Last")}}
    found = compare(ORDER, changed)
    assert found.difference is not None
    assert found.difference.before is not None
    assert found.difference.after is not None
    assert found.difference.before["type"] == found.difference.after["type"] == "PassStateExited"
    assert found.difference.after["stateExitedEventDetails"]["output"] == '"other"'
    assert found.difference.position == found.difference.after["id"]
    assert found.after.output is not None
    assert found.after.output.value == "other"


def test_another_end() -> None:
    states = {name: state for name, state in ORDER["States"].items() if name != "Mended"}
    changed = {**ORDER, "States": {**states, "Broken": task(Next="Last")}}
    found = compare(ORDER, changed)
    assert (found.before.status, found.after.status) == ("SUCCEEDED", "FAILED")
    assert found.after.failure is not None
    assert found.after.failure.error == "Broken"
    assert found.difference is not None
    assert found.difference.after is not None
    assert found.difference.after["type"] == "ExecutionFailed"


def test_a_redrive_is_compared_too() -> None:
    definition = block(Work=task(), Last=pass_(Result="old"))
    program, execution = new(definition)
    start = encode_execution(execution)
    answers = iter([TaskError("Broken", None), {"mended": True}])

    def perform_once_broken(call: VirtualTask) -> Any:
        answer = next(answers)
        if isinstance(answer, TaskError):
            raise answer
        return answer

    host = VirtualHost(program, execution, perform_once_broken)
    assert host.run().status == "FAILED"
    host.send(RedriveRequested(host.execution.now_ms + 60_000))
    assert host.run().status == "SUCCEEDED"
    events = [decode_event(each) for each in host.journal]
    same = what_if(program, start, events, program)
    assert (same.difference, same.before.history) == (None, tuple(host.history))
    other = what_if(program, start, events, compiled(block(Work=task(), Last=pass_(Result="new"))))
    assert other.difference is not None
    assert other.difference.position == len(host.history) - 1
    retried = what_if(program, start, events, compiled(block(Work=task(Retry=[retry()]), Last=pass_(Result="old"))))
    assert (retried.after.status, retried.after.unanswered) == ("SUCCEEDED", None)
    assert "ExecutionRedriven" not in [event.type for event in retried.after.history]


def test_a_call_of_which_nothing_is_recorded_is_not_invented() -> None:
    changed = {**ORDER, "States": {**ORDER["States"], "Last": task(End=True)}}
    found = compare(ORDER, changed)
    assert found.after.status == "RUNNING"
    assert found.after.unanswered is not None
    assert found.after.unanswered.startswith("Last calls arn:aws:lambda")


def test_answers_go_to_the_calls_with_the_same_arguments() -> None:
    """Whichever order they are made in."""

    def each(concurrency: int) -> dict[str, Any]:
        return block(All=map_(block(Each=task()), MaxConcurrency=concurrency))

    backwards = block(Turned=pass_(Result=[3, 2, 1]), All=map_(block(Each=task()), MaxConcurrency=1))
    found = compare(each(3), backwards, [1, 2, 3])
    assert found.after.output is not None
    assert found.after.output.value == [{"got": 3}, {"got": 2}, {"got": 1}]


def test_a_task_that_never_answered() -> None:
    slow = block(Slow=task(TimeoutSeconds=1, Catch=[catch("Late", "States.Timeout")]), Late=pass_())

    def hang(call: VirtualTask) -> Any:
        call.leave()

    program, execution = new(slow)
    start = encode_execution(execution)
    host = VirtualHost(program, execution, hang)
    host.run(100)
    found = what_if(program, start, [decode_event(each) for each in host.journal], program)
    assert (found.difference, found.after.status) == (None, "SUCCEEDED")
