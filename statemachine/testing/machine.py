"""Runs a definition in virtual time from Python: for tests that are code (docs/testing.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from statemachine.definition.model import ABSENT, Absent
from statemachine.jsonvalue import Document, Json
from statemachine.kernel.history import to_api
from statemachine.program.load import Definition, LoadedDefinition, load
from statemachine.testing.cases.model import Handler, Names, Setup, Stop
from statemachine.testing.cases.running import Run, UnmockedTaskError, run
from statemachine.testing.mocks import Mocks, check_mocked
from statemachine.testing.virtual import DEFAULT_START_MS
from statemachine.timestamps import parse_timestamp_ms

Mocked: TypeAlias = Callable[[Json], Json] | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What a Task state gets: a function of its arguments, which may raise TaskError; or outcomes (`testing.mocks`)."""


class EndlessExecutionError(Exception):
    """The execution did not end within the bounds of a test."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What an execution did."""

    run: Run

    @property
    def status(self) -> str:
        """``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``; ``RUNNING`` if it waits for what never comes."""
        return self.run.status.value

    @property
    def output(self) -> Json:
        """None if it has none."""
        return None if self.run.output is ABSENT else self.run.output

    @property
    def error(self) -> str | None:
        """The error's name."""
        return self.run.failure.error

    @property
    def cause(self) -> str | None:
        """The error's cause."""
        return self.run.failure.cause

    @property
    def path(self) -> list[str]:
        """The states that were entered, in order."""
        return self.run.path

    @property
    def calls(self) -> dict[str, list[Json]]:
        """Task state -> the arguments of its calls."""
        return self.run.calls()

    @property
    def variables(self) -> dict[str, Json]:
        """The last value that was assigned to each variable."""
        return self.run.variables()

    @property
    def seconds(self) -> float:
        """Virtual time from start to end."""
        return self.run.duration_ms / 1000

    @property
    def history(self) -> list[dict[str, Json]]:
        """As GetExecutionHistory returns it."""
        return [to_api(event) for event in self.run.history]


@dataclass(frozen=True, slots=True)
class MachineRunner:
    """Runs definitions; paths are relative to `folder`."""

    folder: Path

    def __call__(
        self,
        definition: Definition,
        input: Json | Absent = ABSENT,
        *,
        mocks: Mapping[str, Mocked] | Mocks | None = None,
        machines: Mapping[str, Definition] | None = None,
        items: Mapping[str, Sequence[Json]] | None = None,
        start: str | None = None,
        express: bool = False,
        names: Names | None = None,
        stop: Stop | None = None,
    ) -> Ended:
        """Run a definition to its end; without `input` it gets {}.

        Raises DefinitionError, MocksError for mocks of another form or of states that are not there,
        UnmockedTaskError for a task that no mock answers, and EndlessExecutionError.
        """
        loaded = self._load(definition)
        others = {key: self._load(each) for key, each in (machines or {}).items()}
        handlers, given = _split(mocks)
        tasks = (node.name for each in (loaded, *others.values()) for node in each.program.tasks())
        check_mocked([*handlers, *given.states], tasks)
        start_ms = DEFAULT_START_MS if start is None else parse_timestamp_ms(start)
        if start_ms is None:
            raise ValueError(f"'{start}' is no timestamp such as 2025-01-01T00:00:00Z")
        done = run(
            Setup(
                loaded=loaded,
                input=Document({} if input is ABSENT else input),
                mocks=given,
                handlers=handlers,
                machines=others,
                items=items or {},
                start_ms=start_ms,
                express=express,
                names=names or Names(),
                stop=stop,
            )
        )
        if done.fault is not None:
            raise (EndlessExecutionError if done.endless else UnmockedTaskError)(done.fault)
        return Ended(done)

    def _load(self, definition: Definition) -> LoadedDefinition:
        text = isinstance(definition, str) and ("\n" in definition or definition.lstrip()[:1] in ("{", ""))
        if not text and not isinstance(definition, Mapping):
            definition = self.folder / definition
        loaded = load(definition)
        loaded.require_runnable()
        return loaded


def _split(mocks: Mapping[str, Mocked] | Mocks | None) -> tuple[dict[str, Handler], Mocks]:
    """Functions, and outcomes."""
    if isinstance(mocks, Mocks):
        return {}, mocks
    handlers = {state: each for state, each in (mocks or {}).items() if callable(each)}
    return handlers, Mocks.of_states({state: each for state, each in (mocks or {}).items() if not callable(each)})
