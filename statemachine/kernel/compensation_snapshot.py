"""What a snapshot says about compensation: a section of its own, which an execution without any does not have.

Rules
- Scopes and frames are referred to by id; their own codec knows nothing of this section.
- Many compensations have the same variables, and those that differ share most values: both are tables, as documents
  are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from statemachine.errors import Failure
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.kernel.execution import Compensation, Execution, FailedCompensation, Unwinding
from statemachine.kernel.redrive import every_unfinished


class _Shared:
    """The tables of variables and their values while encoding."""

    def __init__(self) -> None:
        self.values: list[Json] = []
        self.variables: list[dict[str, int]] = []
        self._kept: list[Any] = []  # keeps the ids below from being used again
        self._index: dict[int, int] = {}

    def add(self, variables: dict[str, Json]) -> int:
        found = self._index.get(id(variables))
        if found is None:
            self.variables.append({name: self._value(value) for name, value in variables.items()})
            found = self._put(variables, len(self.variables) - 1)
        return found

    def _value(self, value: Json) -> int:
        found = self._index.get(id(value))
        if found is None:
            self.values.append(value)
            found = self._put(value, len(self.values) - 1)
        return found

    def _put(self, value: Any, index: int) -> int:
        self._kept.append(value)
        self._index[id(value)] = index
        return index


def encode_compensations(execution: Execution, add: Callable[[Document | None], int | None]) -> dict[str, Json] | None:
    """The section; None if there is nothing to be said. `add` puts a document into the snapshot's table."""
    shared = _Shared()

    def one(compensation: Compensation) -> Json:
        return [
            compensation.id,
            compensation.state,
            compensation.target,
            add(compensation.input),
            add(compensation.output),
            shared.add(compensation.variables),
            compensation.iteration,
            compensation.muted,
        ]

    def unwinding(given: Unwinding) -> Json:
        failure, status = given.failure, None if given.status is None else given.status.value
        numbers = [given.catcher, given.last_event, given.began_at_event, given.running]
        return [[one(each) for each in given.waiting], failure.error, failure.cause, status, *numbers]

    scopes, frames = execution.scopes.values(), execution.frames.values()
    registered = [[each.id, [one(held) for held in each.registered]] for each in scopes if each.registered is not None]
    paths = [[each.id, one(each.compensating)] for each in scopes if each.compensating is not None]
    unwound = [[each.id, unwinding(each.unwinding)] for each in frames if each.unwinding is not None]
    failed = [[one(each.compensation), _failure(each.failure)] for each in execution.failed_compensations]
    kept = [
        [index, [one(held) for held in each.registered]]
        for index, each in enumerate(every_unfinished(execution))
        if each.registered is not None
    ]
    if not (registered or paths or unwound or failed or kept or execution.unwinding):
        return None
    return {
        "held": execution.compensations,
        "registered": registered,
        "paths": paths,
        "frames": unwound,
        "execution": None if execution.unwinding is None else unwinding(execution.unwinding),
        "failed": failed,
        "unfinished": kept,
        "variables": shared.variables,
        "values": shared.values,
    }


def _failure(failure: Failure | None) -> Json:
    return None if failure is None else [failure.error, failure.cause]


@dataclass(frozen=True, slots=True)
class DecodedCompensations:
    """The section as data."""

    held: int
    registered: dict[int, list[Compensation]]
    """Scope -> what is registered in it."""
    paths: dict[int, Compensation]
    """Scope -> the compensation whose path it is."""
    frames: dict[int, Unwinding]
    execution: Unwinding | None
    failed: list[FailedCompensation]
    unfinished: dict[int, list[Compensation]]
    """What is registered in scopes that have not ended, in the order of `every_unfinished`."""


def decode_compensations(section: dict[str, Any], documents: list[Document]) -> DecodedCompensations:
    """The inverse."""
    values = section["values"]
    variables = [{name: values[index] for name, index in each.items()} for each in section["variables"]]

    def one(data: list[Any]) -> Compensation:
        number, state, target, input, output, seen, iteration, muted = data
        place = None if iteration is None else (iteration[0], iteration[1])
        return Compensation(number, state, target, documents[input], documents[output], variables[seen], place, muted)

    def unwinding(data: list[Any]) -> Unwinding:
        waiting, error, cause, status, catcher, last_event, began_at_event, running = data
        return Unwinding(
            [one(each) for each in waiting],
            Failure(error, cause),
            None if status is None else ExecutionStatus(status),
            catcher,
            last_event,
            began_at_event,
            running,
        )

    return DecodedCompensations(
        section["held"],
        {number: [one(each) for each in held] for number, held in section["registered"]},
        {number: one(each) for number, each in section["paths"]},
        {number: unwinding(each) for number, each in section["frames"]},
        None if section["execution"] is None else unwinding(section["execution"]),
        [FailedCompensation(one(each), None if why is None else Failure(*why)) for each, why in section["failed"]],
        {index: [one(each) for each in held] for index, held in section.get("unfinished", ())},
    )
