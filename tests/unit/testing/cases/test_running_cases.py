"""What a case runs, and what is compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from running import FUNCTION, block, choice, pass_

from statemachine.testing.cases.checking import CaseResult, Verdict, last_state, run_case
from statemachine.testing.cases.reading import read_cases
from statemachine.testing.cases.telling import headline, tell

TASK = {"Type": "Task", "Resource": FUNCTION}
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:review"
WAITS = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def result(folder: Path, definition: Any, **case: Any) -> CaseResult:
    (folder / "m.asl.json").write_text(json.dumps(definition))
    (folder / "m.asl-test.json").write_text(
        json.dumps({"definition": "m.asl.json", "cases": [{"name": "the case", **case}]})
    )
    return run_case(read_cases(folder / "m.asl-test.json").cases[0])


def told(found: CaseResult) -> str:
    return "\n".join(tell(found))


def passes(found: CaseResult) -> None:
    assert found.verdict is Verdict.PASSED, told(found)


def test_a_year_passes_at_once(tmp_path: Path) -> None:
    year = 365 * 86_400
    machine = block(Rest={"Type": "Wait", "Seconds": year}, Done={"Type": "Succeed"})
    passes(result(tmp_path, machine, expect={"duration": year, "path": ["Rest", "Done"]}))


def test_the_clock_starts_where_the_case_says(tmp_path: Path) -> None:
    machine = block(Now=pass_(Parameters={"at.$": "$$.Execution.StartTime", "who.$": "$$.Execution.Name"}))
    passes(
        result(
            tmp_path,
            machine,
            start="2025-12-24T18:00:00Z",
            context={"execution": "xmas"},
            expect={"output": {"at": "2025-12-24T18:00:00.000Z", "who": "xmas"}},
        )
    )


def test_mocks_are_per_call_and_delays_are_virtual(tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 2}]
    passes(
        result(
            tmp_path,
            block(Work={**TASK, "Retry": retry}),
            input={"n": 1},
            mocks={"Work": [{"Throw": {"Error": "Busy"}, "Delay": 3}, {"Return": {"ok": True}, "Delay": 0.5}]},
            expect={"output": {"ok": True}, "calls": {"Work": [{"n": 1}, {"n": 1}]}, "duration": 13.5},
        )
    )


def test_a_delay_beyond_the_timeout_is_a_timeout(tmp_path: Path) -> None:
    machine = block(Work={**TASK, "TimeoutSeconds": 5})
    passes(result(tmp_path, machine, mocks={"Work": {"Delay": 6}}, expect={"error": "States.Timeout", "duration": 5}))


@pytest.mark.parametrize(
    ("outcome", "expect"),
    [
        ({"Return": {"by": "ada"}, "Delay": 3600}, {"output": {"by": "ada"}, "duration": 3600}),
        (
            {"Throw": {"Error": "Refused", "Cause": "no"}, "Delay": 60},
            {"error": "Refused", "cause": "no", "duration": 60},
        ),
        ({"Delay": 100_000}, {"error": "States.Timeout", "duration": 86_400}),
    ],
)
def test_a_token_is_answered_by_the_mock(tmp_path: Path, outcome: Any, expect: Any) -> None:
    ask = {
        "Type": "Task",
        "Resource": WAITS,
        "Parameters": {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 86_400,
    }
    found = result(tmp_path, block(Ask=ask), mocks={"Ask": outcome}, expect=expect)
    passes(found)
    assert found.run is not None
    assert [event.type for event in found.run.history].count("TaskSubmitted") == 1


def test_an_activity_gets_its_mock(tmp_path: Path) -> None:
    machine = block(Review={"Type": "Task", "Resource": ACTIVITY})
    passes(result(tmp_path, machine, mocks={"Review": {"Return": 5}}, expect={"output": 5}))


def test_items_of_a_reader_are_given_and_iterations_are_not_in_the_path(tmp_path: Path) -> None:
    each = {
        "Type": "Map",
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **block(Work=TASK),
        },
    }
    machine = block(Each=each)
    mocks = {"Work": [{"Return": "a"}, {"Return": "b"}]}
    passes(
        result(
            tmp_path,
            machine,
            items={"Each": [1, 2]},
            mocks=mocks,
            expect={"output": ["a", "b"], "path": ["Each"], "calls": {"Work": [1, 2]}},
        )
    )
    passes(result(tmp_path, machine, mocks=mocks, expect={"error": "States.ItemReaderFailed"}))


def test_nested_machines_run_and_their_calls_count(tmp_path: Path) -> None:
    (tmp_path / "child.asl.json").write_text(json.dumps(block(Rest={"Type": "Wait", "Seconds": 50}, Inner=TASK)))
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "child", "Input": {"x": 1}},
        "ResultSelector": {"got.$": "$.Output"},
    }
    passes(
        result(
            tmp_path,
            block(Start=start),
            machines={"child": "child.asl.json"},
            mocks={"Inner": {"Return": "done"}},
            expect={"output": {"got": "done"}, "calls": {"Inner": [{"x": 1}]}, "duration": 50, "path": ["Start"]},
        )
    )


def test_a_mock_stands_in_for_a_nested_machine(tmp_path: Path) -> None:
    (tmp_path / "child.asl.json").write_text(json.dumps(block(Inner=TASK)))
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "child"},
    }
    passes(
        result(
            tmp_path,
            block(Start=start),
            machines={"child": "child.asl.json"},
            mocks={"Start": {"Throw": {"Error": "States.TaskFailed"}}},
            expect={"error": "States.TaskFailed", "calls": {"Inner": 0, "Start": 1}},
        )
    )


def test_a_lost_heartbeat(tmp_path: Path) -> None:
    machine = block(Work={**TASK, "HeartbeatSeconds": 5, "TimeoutSeconds": 50})
    passes(
        result(
            tmp_path, machine, mocks={"Work": {"Delay": 6}}, expect={"error": "States.HeartbeatTimeout", "duration": 5}
        )
    )


def test_a_stop_from_outside(tmp_path: Path) -> None:
    machine = block(Rest={"Type": "Wait", "Seconds": 50})
    passes(
        result(
            tmp_path,
            machine,
            stop={"after": 20, "error": "Enough", "cause": "of it"},
            expect={"status": "ABORTED", "error": "Enough", "cause": "of it", "duration": 20},
        )
    )
    passes(result(tmp_path, machine, stop={"after": 0}, expect={"status": "ABORTED", "duration": 0}))


def test_variables_are_those_that_were_assigned_last(tmp_path: Path) -> None:
    machine = block(A=pass_(Assign={"n": 1, "s": "x"}), B=pass_(Assign={"n": 2}))
    passes(result(tmp_path, machine, expect={"variables": {"n": 2, "s": "x"}}))
    found = result(tmp_path, machine, expect={"variables": {"n": 3, "m": 1}})
    assert "$n: expected 3, got 2" in told(found)
    assert "$m was never assigned" in told(found)


def test_a_task_without_a_mock_is_an_error_that_no_catcher_hides(tmp_path: Path) -> None:
    machine = block(
        Work={**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}], "Next": "Done"},
        Done={"Type": "Succeed"},
    )
    found = result(tmp_path, machine, input={"n": 1})
    assert found.verdict is Verdict.ERROR
    assert headline(found) == f"the state 'Work' calls {FUNCTION}, and has no mock; its arguments are {{\"n\":1}}"


def test_an_endless_machine_ends(tmp_path: Path) -> None:
    rule = {"Variable": "$.stop", "IsPresent": True, "Next": "B"}
    machine = {"StartAt": "A", "States": {"A": choice(rule, default="A"), "B": {"Type": "Succeed"}}}
    found = result(tmp_path, machine, type="EXPRESS")
    assert found.verdict is Verdict.ERROR
    assert "it does not end" in headline(found)


def test_a_skipped_case_is_not_run(tmp_path: Path) -> None:
    found = result(tmp_path, block(Work=TASK), skip="not yet")
    assert (found.verdict, found.run) == (Verdict.SKIPPED, None)


BROKEN = block(A=pass_(Result={"a": 1, "b": [1, 2], "c": {"d": "x"}}))


@pytest.mark.parametrize(
    ("expect", "lines"),
    [
        (
            {"output": {"a": 1, "b": [1, 3], "c": {"d": "x"}}},
            ["output is not as expected", "$.b[1]: expected 3, got 2"],
        ),
        (
            {"output": {"a": 1, "b": [1, 2], "c": {"e": 1}}},
            ["$.c.e: missing; expected 1", '$.c.d: not expected; it is "x"'],
        ),
        ({"output": {"a": True, "b": [1, 2], "c": {"d": "x"}}}, ["$.a: expected true, got 1"]),
        ({"output_contains": {"b": [1]}}, ["output_contains is not as expected", "$.b: expected 1 elements, got 2"]),
        ({"output_contains": {"c": {"d": "y"}}}, ['$.c.d: expected "y", got "x"']),
        ({"error": "Broken"}, ['status: expected "FAILED", got "SUCCEEDED"', 'error: expected "Broken", got null']),
        ({"status": "FAILED", "cause_matches": "x+"}, ['cause_matches: expected "x+", got null']),
        ({"path": ["A", "A"]}, ["path is not as expected", "- A"]),
        ({"path_in_any_order": []}, ["path_in_any_order is not as expected", "+ A"]),
        ({"duration": 1}, ["duration: expected 1.0, got 0.0"]),
    ],
)
def test_what_is_not_as_expected_is_told(tmp_path: Path, expect: Any, lines: list[str]) -> None:
    found = result(tmp_path, BROKEN, expect=expect)
    assert found.verdict is Verdict.FAILED
    for line in lines:
        assert line in told(found)


def test_a_part_of_the_output_is_enough_if_a_part_is_asked_for(tmp_path: Path) -> None:
    passes(result(tmp_path, BROKEN, expect={"output_contains": {"c": {}, "b": [1, 2]}}))


def test_calls_are_compared_by_their_arguments_or_number(tmp_path: Path) -> None:
    mocks = {"Work": {"Return": 0}}
    found = result(tmp_path, block(Work=TASK), input={"n": 1}, mocks=mocks, expect={"calls": {"Work": [{"n": 2}]}})
    assert "Work[0].n: expected 2, got 1" in told(found)
    found = result(tmp_path, block(Work=TASK), input={"n": 1}, mocks=mocks, expect={"calls": {"Work": 0}})
    assert 'Work was called with {"n":1}' in told(found)


def test_a_failure_names_the_lines_of_the_case_and_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "m.asl.yaml").write_text(
        f"StartAt: Work\nStates:\n  Work: {{Type: Task, Resource: '{FUNCTION}', End: true}}\n"
    )
    (tmp_path / "m.asl-test.yaml").write_text(
        "definition: m.asl.yaml\ncases:\n  - name: a\n    mocks: {Work: {Throw: {Error: Bad, Cause: luck}}}\n"
        "    expect:\n      output: 1\n"
    )
    lines = list(tell(run_case(read_cases(tmp_path / "m.asl-test.yaml").cases[0])))
    assert lines[0] == f'{tmp_path}/m.asl-test.yaml:5:5: status: expected "SUCCEEDED", got "FAILED"'
    assert lines[1] == "    Bad: luck"
    assert lines[2] == f"{tmp_path}/m.asl-test.yaml:6:7: output is not as expected"
    assert lines[4] == f"FAILED in Work ({tmp_path}/m.asl.yaml:3)"
    assert any('LambdaFunctionFailed error="Bad" cause="luck"' in line for line in lines)


def test_the_state_that_failed_is_not_the_one_that_undoes(tmp_path: Path) -> None:
    machine = {
        "StartAt": "Book",
        "States": {
            "Book": {**TASK, "CompensateWith": "Cancel", "Next": "Pay"},
            "Pay": {**TASK, "End": True},
            "Cancel": {**TASK, "End": True},
        },
    }
    mocks = {"Book": {"Return": 1}, "Cancel": {"Return": 1}, "Pay": {"Throw": {"Error": "Bad"}}}
    found = result(tmp_path, machine, mocks=mocks)
    assert found.run is not None
    state = last_state(found.run)
    assert state is not None
    assert state[0] == "Pay"
