"""Every bound in one place, with AWS's numbers and where they come from.

`Limits` is recorded with each execution, so that a replay under other settings still does what the run did.
Sources: developer guide, "Quotas"; the measured facts are named by id.

What breaks a bound fails in AWS's words, which name no setting: `limit_hint` says which bound that is and how to lift
it. It is told to people beside the failure, and is never a part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final, NamedTuple

from statemachine.errors import (
    DATA_LIMIT_EXCEEDED,
    INTRINSIC_FAILURE,
    ITEM_READER_FAILED,
    QUERY_EVALUATION_ERROR,
    RUNTIME,
    Failure,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one execution. None means no bound."""

    payload_bytes: int | None = 262_144
    """Input or output of a state, task or execution, in UTF-8 bytes (fact limit-payload)."""
    history_events: int | None = 25_000
    """Events of one Standard execution; beyond it, the execution fails (developer guide, quotas)."""
    fuel: int = 1_000
    """Transitions in one kernel step before it yields to the host."""
    map_concurrency: int = 40
    """Iterations of an inline Map that run at a time when MaxConcurrency is 0 (fact limit-inline-map)."""
    distributed_map_concurrency: int = 10_000
    """The same for a distributed Map (fact limit-inline-map)."""
    variable_bytes: int | None = 262_144
    """One variable, and all that one state assigns (fact variables-limits)."""
    variables_bytes: int | None = 10_485_760
    """All variables of an execution (fact variables-limits)."""
    depth: int = 64
    """Parallel and Map states inside each other."""
    express_seconds: int = 300
    """How long an Express execution may run (fact limit-duration)."""
    reader_items: int = 100_000_000
    """Items that an ItemReader reads; a larger MaxItems counts as this (developer guide, ItemReader; recorded)."""
    reader_bytes: int = 268_435_456
    """Bytes that an ItemReader reads. Ours: the items of a Map are held in memory."""
    compensations: int = 10_000
    """Compensations that an execution holds. Ours: each keeps its state's input and output."""

    redrivable_days: int | None = 14
    """Days after its end for which an execution can be redriven (fact redrive-window)."""
    redrives: int | None = 1_000
    """Redrives of one execution (developer guide, "Redriving executions")."""

    def __post_init__(self) -> None:
        """Refuse bounds with which nothing could ever run. Raises ValueError."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and value < 1:
                raise ValueError(f"{each.name} is {value}: a bound is at least 1, or None where that is allowed")

    def to_json(self) -> dict[str, int | None]:
        """The bounds by name, for a snapshot. Not to be changed: all snapshots share it."""
        return _to_json(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Limits:
        """The inverse of `to_json`; names it does not know are ignored, missing ones keep their default."""
        return _from_json(tuple(data.items()))


@lru_cache(maxsize=64)
def _to_json(limits: Limits) -> dict[str, int | None]:
    return {each.name: getattr(limits, each.name) for each in fields(limits)}


@lru_cache(maxsize=64)
def _from_json(items: tuple[tuple[str, Any], ...]) -> Limits:
    known = {each.name for each in fields(Limits)}
    return Limits(**{name: value for name, value in items if name in known})


AWS_LIMITS = Limits()
"""AWS's own numbers: the default."""

UNLIMITED = Limits(
    payload_bytes=None,
    history_events=None,
    variable_bytes=None,
    variables_bytes=None,
    redrivable_days=None,
    redrives=None,
)
"""AWS's data and history quotas switched off (``--limits none``); what protects the process stays."""


@dataclass(frozen=True, slots=True)
class DefinitionLimits:
    """Bounds of a definition text, against hostile input."""

    bytes: int = 1_048_576
    """AWS's limit for a definition (API reference, CreateStateMachine: definition)."""
    depth: int = 128
    """Nesting of objects and arrays. libyaml crashes at some tens of thousands."""
    nodes: int = 250_000
    """Values, with YAML aliases counted as often as they are used."""


DEFINITION_LIMITS = DefinitionLimits()


class _Bound(NamedTuple):
    """How the failure of what breaks a bound is recognised, and what there is to say about it."""

    error: str
    cause: str
    """A regular expression that is found in the cause."""
    name: str
    """The field of `Limits`; of a bound that cannot be set, what it is."""
    advice: str = ""
    """What to do instead, if it cannot be set."""


_SIZE: Final = r"with a size exceeding the maximum number of bytes service limit\.$"
_BOUNDS: Final = (
    _Bound(DATA_LIMIT_EXCEEDED, rf"' assigned variables {_SIZE}", "variable_bytes"),
    _Bound(DATA_LIMIT_EXCEEDED, rf"' assigned variables, those of the execution together, {_SIZE}", "variables_bytes"),
    _Bound(DATA_LIMIT_EXCEEDED, _SIZE, "payload_bytes"),
    _Bound(RUNTIME, r"^The execution reached the maximum number of history events \(\d+\)\.$", "history_events"),
    _Bound(ITEM_READER_FAILED, r"^The source has more than the [\d,]+ bytes that are read at most\.$", "reader_bytes"),
    _Bound(RUNTIME, r"^The execution reached the maximum number of compensations \(\d+\)\.$", "compensations"),
    _Bound(
        QUERY_EVALUATION_ERROR,
        r"Stack overflow error: .* Depth=\d+ max=\d+$",
        "AWS's bound on how deep a JSONata expression nests and calls",
        "make the recursive function tail-recursive, or use $map, $reduce or a Map state",
    ),
    _Bound(
        QUERY_EVALUATION_ERROR,
        "Expression evaluation memory limit exceeded$",
        "AWS's bound on the memory of a JSONata expression",
        "let several states do the work, or a task",
    ),
    _Bound(
        QUERY_EVALUATION_ERROR,
        r"The size of the sequence allocated by the range operator \(\.\.\) must not exceed 1e6\.",
        "JSONata's bound on a range",
        "make several smaller ranges",
    ),
    _Bound(
        QUERY_EVALUATION_ERROR,
        r"Expression evaluation step limit exceeded|Matching a regular expression takes more than \d+ steps$",
        "a bound on the work of a JSONata expression, which keeps it from holding up the process",
        "let several states do the work, or a task",
    ),
    _Bound(
        RUNTIME,
        r"The evaluation of a path visits more than \d+ values$",
        "a bound on the work of a path, which keeps it from holding up the process",
        "name the members instead of .. or *, or let a task do the work",
    ),
    _Bound(
        RUNTIME,
        r"The data is nested (deeper than \d+ levels|too deeply to be written as JSON)$",
        "a bound on the depth of data, beyond which JSON cannot be read back",
        "keep a loop from wrapping its data once more in each round",
    ),
    _Bound(
        RUNTIME,
        "^More than \\d+ executions wait for one another$",
        "a bound on nested executions that wait for one another",
        "start the innermost without .sync, or look for a machine that starts itself",
    ),
    _Bound(
        INTRINSIC_FAILURE,
        r"error: The array would have more than \d+ elements$",
        "AWS's bound on States.ArrayRange",
        "make several smaller ranges",
    ),
    _Bound(
        INTRINSIC_FAILURE,
        r"error: The .* is longer than \d+ characters$",
        "AWS's bound on the text that States.Base64Encode, Base64Decode and Hash take",
        "let a task do the work",
    ),
)
"""The first that fits counts. A Map's concurrency, `fuel`, `reader_items` and `express_seconds` bound without a failure
that has a cause of its own."""


def limit_hint(failure: Failure | None) -> str | None:
    """Which bound a failure is about, and how to lift it, as a sentence or two; None if it is about none."""
    if failure is None or failure.cause is None:
        return None
    for bound in _BOUNDS:
        if bound.error == failure.error and re.search(bound.cause, failure.cause):
            return _advice(bound)
    return None


def _advice(bound: _Bound) -> str:
    if bound.advice:
        return f"This is {bound.name}. It cannot be lifted: {bound.advice}."
    default, field = getattr(AWS_LIMITS, bound.name), f"limits=Limits({bound.name}=…)"
    if getattr(UNLIMITED, bound.name) is None:
        return (
            f"This is the limit {bound.name}, {default:,} on AWS. To lift it, start the execution with --limits none, "
            f"or in Python with limits=UNLIMITED or {field}."
        )
    return (
        f"This is the limit {bound.name}, {default:,} unless set: it bounds the memory of the process. To raise it, "
        f"start the execution in Python with {field}."
    )
