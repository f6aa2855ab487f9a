"""What a case is made of, as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from statemachine.definition.diagnostics import JsonPath, Position
from statemachine.definition.model import ABSENT, Absent
from statemachine.definition.source import Source
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.commands import ExecutionStatus
from statemachine.limits import AWS_LIMITS, Limits
from statemachine.program.load import LoadedDefinition
from statemachine.testing.mocks import Mocks
from statemachine.testing.virtual import DEFAULT_START_MS

Handler: TypeAlias = Callable[[Json], Json]
"""A task in Python: takes its arguments, returns its result or raises TaskError."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the context object and ARNs call things. None: the names of the case and of the definition's file, a role of
    that name."""

    execution: str | None = None
    state_machine: str | None = None
    role_arn: str | None = None
    account: str = "123456789012"
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop from outside, so long after the start."""

    after_ms: int
    error: str | None = None
    cause: str | None = None
    compensate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is run, and with what."""

    loaded: LoadedDefinition
    input: Document
    mocks: Mocks = field(default_factory=lambda: Mocks({}))
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    """State -> what performs it, before any mock."""
    machines: Mapping[str, LoadedDefinition] = field(default_factory=dict)
    """The state machines that tasks may start, by ARN or name."""
    items: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """Map state -> what its ItemReader reads."""
    start_ms: int = DEFAULT_START_MS
    express: bool = False
    limits: Limits = AWS_LIMITS
    names: Names = Names()
    stop: Stop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come out. ABSENT and None (for `error` and `cause`: ABSENT): it may be anything."""

    status: ExecutionStatus = ExecutionStatus.SUCCEEDED
    output: Json | Absent = ABSENT
    output_contains: Json | Absent = ABSENT
    error: str | Absent | None = ABSENT
    cause: str | Absent | None = ABSENT
    cause_matches: re.Pattern[str] | None = None
    path: tuple[str, ...] | None = None
    path_in_any_order: tuple[str, ...] | None = None
    calls: Mapping[str, int | list[Json]] = field(default_factory=dict)
    variables: Mapping[str, Json] = field(default_factory=dict)
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a file."""

    name: str
    setup: Setup
    expected: Expected
    source: Source = field(repr=False, compare=False)
    path: JsonPath
    """Its place in the file."""
    skip: str | None = None
    """Why it is not to be run."""

    def position(self, *below: str | int) -> Position:
        """The line and column of the case, or of what is below it."""
        return self.source.position((*self.path, *below), key=bool(below))


@dataclass(frozen=True, slots=True)
class CasesFile:
    """The cases of one file, in its order."""

    path: Path
    cases: tuple[Case, ...]
