"""What is run while processes are killed: machines with all that can be outstanding at a crash, and their handlers.

Rules
- What a task returns follows from its input and its attempt alone, so that every run ends in the same way.
- Each call leaves a line when it begins and one when it ends in the witness, a file that only grows, which no engine
  reads: `begin WHO OPERATION`, `end WHO OPERATION`.
- A call that wants its token answered leaves it in the folder's `tokens`.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statemachine.errors import TaskError
from statemachine.integrations.base import TaskContext
from statemachine.jsonvalue import Json

QUEUE = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:by-hand"
CHILD = "arn:aws:states:us-east-1:123456789012:stateMachine:child"
SLEEPER = "arn:aws:states:us-east-1:123456789012:stateMachine:sleeper"
LONGEST_TASK_SECONDS = 0.01
ITEMS = 4


def _block(**states: dict[str, Any]) -> dict[str, Any]:
    """States in order; each goes on to the next one, unless it says otherwise."""
    names = list(states)
    for name, after in zip(names, [*names[1:], None], strict=True):
        if not {"Next", "End", "Choices"} & set(states[name]) and states[name]["Type"] not in ("Succeed", "Fail"):
            states[name] |= {"End": True} if after is None else {"Next": after}
    return {"StartAt": names[0], "States": states}


def _task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **fields}


def _nested(machine: str, **fields: Any) -> dict[str, Any]:
    parameters = {"StateMachineArn": machine, "Input": {"n.$": "$.n"}}
    return _task(
        "arn:aws:states:::states:startExecution.sync:2", Parameters=parameters, OutputPath="$.Output", **fields
    )


def _map(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, **fields}


_RETRIED = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}]
_AT_ONCE = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 0, "MaxAttempts": 3}]
_LOST = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 99, "BackoffRate": 1.0}]
"""A worker of an activity that is killed after it has taken a task never answers it."""

EVERYTHING = _block(
    Everything={
        "Type": "Parallel",
        "ResultPath": "$.branches",
        "Branches": [
            _block(Flaky=_task("flaky", Retry=_RETRIED), After=_task("async work")),
            _block(Each=_map(_block(One=_task("work"), Done={"Type": "Pass"}), MaxConcurrency=2)),
            _block(
                Until={"Type": "Wait", "TimestampPath": "$.until"},
                Ask=_task(QUEUE, Parameters={"Token.$": "$$.Task.Token", "n.$": "$.n"}),
            ),
            _block(Nested=_nested(CHILD)),
            _block(ByHand=_task(ACTIVITY, TimeoutSeconds=2, Retry=_LOST, ResultSelector={"by": "hand"})),
        ],
    },
    Distributed=_map(
        {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            **_block(Item=_task("flaky", Retry=_AT_ONCE)),
        },
        MaxConcurrency=3,
        ResultPath="$.distributed",
    ),
    Count={
        "Type": "Pass",
        "Parameters": {
            "n.$": "States.MathAdd($.n, 1)",
            "branches.$": "$.branches",
            "distributed.$": "$.distributed",
        },
    },
    More={
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericLessThan": 12, "Next": "Count"}],
        "Default": "Last",
    },
    Last=_task("async work"),
)

SAGA = _block(
    First=_task("work", CompensateWith="UndoFirst", ResultPath="$.first"),
    Second={
        "Type": "Parallel",
        "ResultPath": "$.second",
        "Branches": [
            _block(
                Left=_task("work", CompensateWith="UndoLeft", ResultPath="$.left", End=True),
                UndoLeft=_task("work", End=True),
            ),
            _block(
                Right=_task("flaky", CompensateWith="UndoRight", ResultPath="$.right", Retry=_AT_ONCE, End=True),
                UndoRight=_task("async work", End=True),
            ),
        ],
    },
    Third=_map(
        _block(
            Part=_task("work", CompensateWith="UndoPart", End=True),
            UndoPart=_task("flaky", Retry=_AT_ONCE, End=True),
        ),
        ResultPath="$.third",
    ),
    Breaks=_task("broken", End=True),
    UndoFirst=_task("work", End=True),
)
CUT_SHORT = _block(
    Race={
        "Type": "Parallel",
        "Branches": [
            _block(Breaks=_task("flaky", Retry=_RETRIED), Breaking=_task("broken")),
            _block(Sleeps={"Type": "Wait", "Seconds": 3600}),
            _block(Stopped=_nested(SLEEPER)),
        ],
        "Catch": [{"ErrorEquals": ["Broken"], "ResultPath": None, "Next": "Recovered"}],
        "Next": "Recovered",
    },
    Recovered=_task("work"),
)
"""A branch fails: the others are aborted, and the child of one is stopped."""

CHILDREN = {
    CHILD: _block(Begin=_task("work"), Moment={"Type": "Wait", "Seconds": 1}, Ready=_task("work")),
    SLEEPER: _block(Rest={"Type": "Wait", "Seconds": 3600}),
}
MACHINES = {"everything": EVERYTHING, "saga": SAGA, "cut-short": CUT_SHORT}


@dataclass(frozen=True, slots=True)
class Started:
    """An execution to be started."""

    name: str
    kind: str
    input: Json


def started(kind: str, number: int, began: float) -> Started:
    """The `number`-th execution of a kind; its Wait ends soon after `began`, seconds since 1970."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began + 1 + number % 2))
    items = [{"n": 100 * number + each, "fails": each % 3} for each in range(ITEMS)]
    return Started(f"{kind}-{number}", kind, {"n": number % 7, "fails": 1 + number % 2, "items": items, "until": until})


class Witness:
    """Appends lines to a file, each at once and synced: what was done, by whom."""

    def __init__(self, path: Path, who: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._who = who

    def note(self, what: str, subject: str) -> None:
        """Say what is done; on disk when this returns."""
        os.write(self._descriptor, f"{what} {self._who} {subject}\n".encode())
        os.fsync(self._descriptor)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the witness."""

    what: str
    who: str
    subject: str


def read_lines(path: Path, start: int, end: int) -> Iterator[Line]:
    """The lines between two places in the file."""
    with path.open("rb") as file:
        file.seek(start)
        for line in file.read(end - start).decode().splitlines():
            yield Line(*line.split(" ", 2))


def tasks(witness: Witness, tokens: Path, seed: int) -> Mapping[str, Any]:
    """The handlers, by resource."""
    chosen = random.Random(seed)

    def done(given: Json, context: TaskContext) -> Json:
        assert isinstance(given, dict)
        return {"n": given.get("n"), "done": context.state}

    def work(given: Json, context: TaskContext) -> Json:
        witness.note("begin", context.operation_id)
        time.sleep(chosen.random() * LONGEST_TASK_SECONDS)
        witness.note("end", context.operation_id)
        return done(given, context)

    async def async_work(given: Json, context: TaskContext) -> Json:
        witness.note("begin", context.operation_id)
        await asyncio.sleep(chosen.random() * LONGEST_TASK_SECONDS)
        witness.note("end", context.operation_id)
        return done(given, context)

    def flaky(given: Json, context: TaskContext) -> Json:
        result = work(given, context)
        assert isinstance(given, dict)
        if context.attempt < given.get("fails", 1):
            raise TaskError("Flaky", f"attempt {context.attempt}")
        return result

    def broken(given: Json, context: TaskContext) -> Json:
        work(given, context)
        raise TaskError("Broken", "as intended")

    def ask(given: Json, context: TaskContext) -> Json:
        witness.note("begin", context.operation_id)
        with tokens.open("a") as file:
            file.write(f"{context.token}\n")
        witness.note("end", context.operation_id)
        return {}

    return {"work": work, "async work": async_work, "flaky": flaky, "broken": broken, QUEUE: ask}
