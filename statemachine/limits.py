"""Every bound in one place, with AWS's numbers and where they come from.

`Limits` is recorded with each execution, so that a replay under other settings still does what the run did.
Sources: developer guide, "Quotas"; the measured facts are named by id.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


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

    def __post_init__(self) -> None:
        """Refuse bounds with which nothing could ever run. Raises ValueError."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and value < 1:
                raise ValueError(f"{each.name} is {value}: a bound is at least 1, or None where that is allowed")

    def to_json(self) -> dict[str, int | None]:
        """The bounds by name, for a snapshot."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Limits:
        """The inverse of `to_json`; names it does not know are ignored, missing ones keep their default."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


AWS_LIMITS = Limits()
"""AWS's own numbers: the default."""

UNLIMITED = Limits(payload_bytes=None, history_events=None, variable_bytes=None, variables_bytes=None)
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
