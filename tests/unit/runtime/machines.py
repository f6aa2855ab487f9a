"""Small definitions, and a store that remembers its commits, for tests of the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from statemachine.store.base import Commit, NewExecution
from statemachine.store.memory import MemoryStore


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    """States in order; the last one ends unless it says otherwise."""
    names = list(states)
    for name, after in zip(names, [*names[1:], None], strict=True):
        if not {"Next", "End", "Default", "Choices"} & set(states[name]) and states[name]["Type"] not in (
            "Succeed",
            "Fail",
        ):
            states[name] |= {"End": True} if after is None else {"Next": after}
    return {"StartAt": names[0], "States": states}


def task(resource: str = "work", **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **fields}


def wait(seconds: int) -> dict[str, Any]:
    return {"Type": "Wait", "Seconds": seconds}


PASS = machine(A={"Type": "Pass", "Result": "done"})
WORK = machine(Work=task())
WAIT = machine(Rest=wait(60), Work=task())
RETRIED = machine(
    Work=task(TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 2}])
)
BEATING = machine(Work=task(HeartbeatSeconds=10))
LOOP = machine(
    Count={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "most.$": "$.most"}},
    More={
        "Type": "Choice",
        "Choices": [{"Variable": "$.n", "NumericLessThanPath": "$.most", "Next": "Count"}],
        "Default": "End",
    },
    End={"Type": "Succeed"},
)
"""Takes two transitions for each step to ``most``, without ever waiting."""
WAITS = machine(
    Each={
        "Type": "Map",
        "MaxConcurrency": 1000,
        "ItemProcessor": machine(Rest=wait(5)),
    }
)


class RecordingStore(MemoryStore):
    """Remembers what was committed together."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[Commit]] = []

    def create(self, executions: Sequence[NewExecution], commits: Sequence[Commit] = ()) -> None:
        super().create(executions, commits)
        if executions and commits:
            self.commits.append(list(commits))

    def commit(self, commits: Sequence[Commit]) -> None:
        super().commit(commits)
        self.commits.append(list(commits))
