"""Limits: refused values, and what people are told when one is exceeded. Each bound is exceeded for real."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from running import block, choice, distributed, fail, pass_, run, succeed, task

from statemachine.errors import Failure
from statemachine.limits import AWS_LIMITS, UNLIMITED, Limits, limit_hint
from statemachine.runtime.engine import Engine
from statemachine.runtime.results import ExecutionFailedError

SMALL = Limits(payload_bytes=200, variable_bytes=50, variables_bytes=80, history_events=20)
LONG = "x" * 300


def hint(definition: dict[str, Any], input: Any = None, outcomes: Any = None, limits: Limits = SMALL) -> str:
    """What is told of a run that fails."""
    done = run(definition, input, outcomes, limits=limits)
    assert done.status == "FAILED"
    told = limit_hint(done.execution.failure)
    assert told is not None, done.execution.failure
    return told


def jsonata(expression: str) -> dict[str, Any]:
    return block(P=pass_(Output=f"{{% {expression} %}}")) | {"QueryLanguage": "JSONata"}


def parameters(expression: str) -> dict[str, Any]:
    return block(P=pass_(Parameters={"v.$": expression}))


ROUND = block(A=pass_(), B=choice({"Variable": "$", "IsPresent": True, "Next": "A"}, default="C"), C=succeed())
NESTS = block(
    Wrap=pass_(Parameters={"v.$": "$"}),
    Again=choice({"Variable": "$", "IsPresent": True, "Next": "Wrap"}, default="Done"),
    Done=succeed(),
)
VISITS = block(P=pass_(InputPath="$..*"))
BOTH = block(A=pass_(Assign={"v": "x" * 45}), B=pass_(Assign={"w": "x" * 45}))


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (block(P=pass_(Result=LONG)), "payload_bytes"),
        (block(T=task(Parameters={"v": LONG})), "payload_bytes"),
        (block(T=task()), "payload_bytes"),
        (block(T=task("arn:aws:states:::sqs:sendMessage")), "payload_bytes"),
        (block(P=pass_(Assign={"v": "x" * 60})), "variable_bytes"),
        (BOTH, "variables_bytes"),
        (ROUND, "history_events"),
    ],
    ids=["output", "parameters", "lambda-result", "service-result", "variable", "variables", "history"],
)
def test_a_quota_is_named_and_can_be_lifted(definition: dict[str, Any], field: str) -> None:
    told = hint(definition, outcomes={"T": [LONG]})
    assert told == (
        f"This is the limit {field}, {getattr(AWS_LIMITS, field):,} on AWS. To lift it, start the execution with "
        f"--limits none, or in Python with limits=UNLIMITED or limits=Limits({field}=…)."
    )
    if definition is not ROUND:
        assert run(definition, None, {"T": [LONG]}, limits=UNLIMITED).status == "SUCCEEDED", "as it says"


def test_a_failure_inside_a_branch_or_an_iteration_is_told_too() -> None:
    inner = block(P=pass_(Result=LONG))
    assert "payload_bytes" in hint(block(Each=distributed(inner)), [1])


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        (jsonata("($f := function($x){ 1 + $f($x) }; $f(1))"), "how deep a JSONata expression nests"),
        (jsonata("$count([1..900000])"), "memory of a JSONata expression"),
        (jsonata("$count([1..20000000])"), "range"),
        (jsonata("$contains('" + "a" * 4000 + "', /(a|aa)+b/)"), "work of a JSONata expression"),
        (parameters("States.ArrayRange(1, 2000, 1)"), "States.ArrayRange"),
        (NESTS, "the depth of data"),
        (VISITS, "the work of a path"),
    ],
    ids=["depth", "memory", "range", "regex", "array-range", "data-depth", "path"],
)
def test_what_cannot_be_lifted_says_what_to_do(definition: dict[str, Any], named: str) -> None:
    told = hint(definition, [[0] * 1000] * 1001 if definition is VISITS else None, limits=UNLIMITED)
    assert told.startswith("This is ")
    assert named in told
    assert "It cannot be lifted: " in told


def test_the_text_of_an_intrinsic() -> None:
    told = hint(parameters("States.Base64Encode($.t)"), {"t": "x" * 10_001}, limits=UNLIMITED)
    assert "States.Base64Encode" in told


def test_executions_that_wait_for_one_another() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:self"
    itself = block(Again=task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn": arn}))

    async def scenario() -> list[str | None]:
        async with Engine("memory", machines={arn: itself}) as engine:
            await engine.run(itself)
            return [limit_hint(each.failure) for each in engine.list(limit=200).records]

    told = [each for each in asyncio.run(scenario()) if each is not None]
    assert len(told) == 1
    assert "a bound on nested executions that wait for one another. It cannot be lifted: start the innermost" in told[0]


def test_the_bytes_of_a_reader_can_be_raised_in_python_only(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "k.json").write_text("[1, 2, 3, 4, 5, 6, 7, 8]")
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k.json"}}
    reads = block(Each=distributed(block(P=pass_()), ItemReader={**reader, "ReaderConfig": {"InputType": "JSON"}}))

    async def scenario() -> None:
        async with Engine("memory", data=tmp_path, limits=Limits(reader_bytes=9)) as engine:
            result = await engine.run(reads)
            assert result.limit_hint == (
                "This is the limit reader_bytes, 268,435,456 unless set: it bounds the memory of the process. To raise "
                "it, start the execution in Python with limits=Limits(reader_bytes=…)."
            )
        async with Engine("memory", data=tmp_path) as engine:
            assert (await engine.run(reads)).succeeded

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "failure",
    [
        None,
        Failure(None),
        Failure("States.DataLimitExceeded"),
        Failure("States.DataLimitExceeded", "mine"),
        Failure(
            "Other",
            "The state/task 'P' returned a result with a size exceeding the maximum number of bytes service limit.",
        ),
    ],
)
def test_other_failures_have_no_hint(failure: Failure | None) -> None:
    assert limit_hint(failure) is None


def test_the_exception_tells_but_the_record_does_not() -> None:
    async def scenario() -> None:
        async with Engine("memory", limits=SMALL) as engine:
            result = await engine.run(block(P=pass_(Result=LONG), Catch=fail("never")), name="one")
            with pytest.raises(
                ExecutionFailedError, match=r"States\.DataLimitExceeded: The state.*\nThis is the limit pay"
            ):
                result.unwrap()
            assert "limit payload" not in str(engine.history("one"))
            assert "limit payload" not in str(engine.describe("one").failure)
            result = await engine.run(block(F=fail("E", "C")))
            assert result.limit_hint is None

    asyncio.run(scenario())


def test_bounds_are_at_least_one() -> None:
    with pytest.raises(ValueError, match="fuel is 0: a bound is at least 1"):
        Limits(fuel=0)


def test_limits_are_stored_by_name() -> None:
    assert Limits.from_json({**SMALL.to_json(), "of a later release": 1}) == SMALL
    assert Limits.from_json({}) == AWS_LIMITS
