"""Mocks: what Task states get instead of calling anything, per state and per call.

Rules
- A pure lookup by state name and call number; nothing here waits. The host waits `delay_seconds` on its own clock.
- Calls of a state are counted over the whole execution, retries, loops and the iterations of a Map included, as
  Step Functions Local counts them (`MockCalls`).
- Two forms. Outcomes per state: a list, whose last entry answers all further calls. The mock configuration file of
  AWS Step Functions Local: calls are numbered ``0`` or ``1-3``; one without an entry fails the execution with
  States.Runtime. There a mocked function ARN gets the Payload of its response (recorded mocked executions).
- A state that is not mocked is called as usual.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from statemachine.errors import RUNTIME, StatemachineError
from statemachine.jsonvalue import Json


class MocksError(StatemachineError):
    """Mocks cannot be used: the file is wrong, or does not have the test case or the states that are asked for."""


@dataclass(frozen=True, slots=True)
class Return:
    """The task succeeds with this result."""

    value: Json
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Throw:
    """The task fails."""

    error: str
    cause: str | None = None
    delay_seconds: float = 0.0


Outcome: TypeAlias = Return | Throw


@dataclass(frozen=True, slots=True)
class _Responses:
    """The outcomes of one state, by ranges of calls that do not overlap, in order."""

    starts: tuple[int, ...]
    ends: tuple[int | None, ...]
    """Inclusive; None for no end."""
    outcomes: tuple[Outcome, ...]
    name: str = ""
    """In MockedResponses."""

    def find(self, call: int) -> Outcome | None:
        index = bisect_right(self.starts, call) - 1
        if index < 0:
            return None
        end = self.ends[index]
        return self.outcomes[index] if end is None or call <= end else None


@dataclass(frozen=True, slots=True)
class Mocks:
    """The mocked states of one execution. Make it with `of_states`, `of_test_case` or `load_mocks`."""

    responses: Mapping[str, _Responses]
    unwraps_payload: bool = False
    """Whether a function ARN gets the Payload of what is returned (Step Functions Local)."""

    @classmethod
    def of_states(cls, states: Mapping[str, Any], *, sound: bool = False) -> Mocks:
        """Mocks from ``{state: [{"Return": …} | {"Throw": {"Error", "Cause"}} | {"Delay": seconds, …}]}``.

        Raises MocksError that lists everything that is not of this form. To find that takes time; it is left out for
        mocks that are known to be `sound`.
        """
        if sound:
            return cls(_of_states(states))
        value = {state: list(each) if isinstance(each, tuple) else each for state, each in states.items()}
        _check({"StateMachines": None} if "StateMachines" in value else value)
        return cls(_of_states(value))

    @classmethod
    def of_test_case(
        cls, config: Mapping[str, Any], test_case: str | None = None, state_machine: str | None = None
    ) -> Mocks:
        """Mocks from a configuration of Step Functions Local.

        The state machine is looked for if it is not named or not in there; the test case may be left out if there is
        only one. Raises MocksError, also for names that lead nowhere.
        """
        _check(dict(config))
        return _of_test_case(config, test_case, state_machine)

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the mocked states."""
        return tuple(self.responses)

    def covers(self, state: str) -> bool:
        """Whether this state is mocked."""
        return state in self.responses

    def outcome(self, state: str, call: int, resource: str | None = None) -> Outcome:
        """What the call (0 is the first) of a mocked state gets. Raises KeyError if the state is not mocked."""
        responses = self.responses[state]
        found = responses.find(call)
        if found is None:
            return Throw(RUNTIME, f"The mocked response '{responses.name}' has no entry for call {call} of '{state}'")
        if self.unwraps_payload and resource is not None and isinstance(found, Return):
            return _unwrapped(found, resource)
        return found

    def check_states(self, states: Iterable[str]) -> None:
        """Raise MocksError unless all mocked states are among these, the Task states of a definition."""
        check_mocked(self.responses, states)


@dataclass(slots=True)
class MockCalls:
    """Counts the calls of one execution and hands out their outcomes in order."""

    mocks: Mocks
    counts: Counter[str] = field(default_factory=Counter)

    def next(self, state: str, resource: str | None = None) -> Outcome | None:
        """The outcome of this state's next call; None if the state is not mocked."""
        if not self.mocks.covers(state):
            return None
        call = self.counts[state]
        self.counts[state] += 1
        return self.mocks.outcome(state, call, resource)


def check_mocked(mocked: Iterable[str], states: Iterable[str]) -> None:
    """Raise MocksError unless these are all among the Task states of a definition."""
    from statemachine.definition.sidefile import closest

    known = tuple(states)
    faults = [
        f"There is no Task state '{each}' to be mocked{closest(each, known)}" for each in mocked if each not in known
    ]
    if faults:
        raise MocksError("\n".join(faults))


def load_mocks(path: str | Path, test_case: str | None = None, state_machine: str | None = None) -> Mocks:
    """The mocks of a JSON or YAML file, of either form. A test case is only for the form of Step Functions Local.

    Raises MocksError that lists everything that is wrong, with file and line.
    """
    from statemachine.definition.sidefile import read_side_file

    source, faults = read_side_file(Path(path), "mocks", "mocks file")
    if source is None or faults:
        raise MocksError("\n".join(faults))
    try:
        if "StateMachines" in source.value:
            return _of_test_case(source.value, test_case, state_machine)
        if test_case is not None:
            raise MocksError(f"it has no test cases, so '{test_case}' cannot be chosen")
        return Mocks(_of_states({state: each for state, each in source.value.items() if state != "$schema"}))
    except MocksError as error:
        raise MocksError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


def split_mocks_option(text: str) -> tuple[Path, str | None]:
    """``FILE`` or ``FILE:TESTCASE`` taken apart; a file whose name has a colon is itself first."""
    file, colon, test_case = text.rpartition(":")
    if not colon or not file or not test_case or Path(text).exists() or "/" in test_case or "\\" in test_case:
        return Path(text), None
    return Path(file), test_case


def _check(value: Any) -> None:
    from statemachine.definition.sidefile import check_side_value

    faults = list(check_side_value(value, "mocks"))
    if faults:
        raise MocksError("\n".join(faults))


def _of_states(states: Mapping[str, Any]) -> dict[str, _Responses]:
    found: dict[str, _Responses] = {}
    for state, given in states.items():
        entries: Sequence[dict[str, Any]] = [given] if isinstance(given, dict) else given
        last = len(entries) - 1
        ends = tuple(index if index < last else None for index in range(len(entries)))
        found[state] = _Responses(tuple(range(len(entries))), ends, tuple(_outcome(each) for each in entries))
    return found


def _outcome(entry: Mapping[str, Any]) -> Outcome:
    delay = float(entry.get("Delay", 0))
    thrown = entry.get("Throw")
    if thrown is not None:
        return Throw(thrown["Error"], thrown.get("Cause"), delay)
    return Return(entry.get("Return"), delay)


def _of_test_case(config: Mapping[str, Any], test_case: str | None, state_machine: str | None) -> Mocks:
    cases = _choose_cases(config["StateMachines"], test_case, state_machine)
    if test_case is None and len(cases) == 1:
        test_case = next(iter(cases))
    if test_case is None or test_case not in cases:
        from statemachine.definition.sidefile import closest

        wanted = "name a test case" if test_case is None else f"there is no test case '{test_case}'"
        hint = "" if test_case is None else closest(test_case, tuple(cases))
        raise MocksError(f"{wanted}{hint}; it has {', '.join(cases) or 'none'}")
    responses: dict[str, _Responses] = {}
    faults: list[str] = []
    for state, name in cases[test_case].items():
        try:
            responses[state] = _numbered(name, config["MockedResponses"])
        except MocksError as error:
            faults.append(f"test case '{test_case}', state '{state}': {error}")
    if faults:
        raise MocksError("\n".join(faults))
    return Mocks(responses, unwraps_payload=True)


def _choose_cases(
    machines: Mapping[str, Any], test_case: str | None, state_machine: str | None
) -> Mapping[str, Mapping[str, str]]:
    """The test cases of the state machine that is meant."""
    names = [state_machine] if state_machine is not None and state_machine in machines else list(machines)
    if len(names) > 1 and test_case is not None:
        names = [name for name in names if test_case in machines[name]["TestCases"]] or names
    if len(names) != 1:
        listed = ", ".join(names) or "none"
        raise MocksError(f"it does not say for which state machine; it has {listed}: name the state machine")
    cases: Mapping[str, Mapping[str, str]] = machines[names[0]]["TestCases"]
    return cases


def _numbered(name: str, mocked: Mapping[str, Any]) -> _Responses:
    if name not in mocked:
        from statemachine.definition.sidefile import closest

        raise MocksError(f"there is no '{name}' in MockedResponses{closest(name, tuple(mocked))}")
    ranges: list[tuple[int, int, Outcome]] = []
    for key, entry in mocked[name].items():
        first, _, last = key.partition("-")
        start, end = int(first), int(last or first)
        if end < start:
            raise MocksError(f"'{name}': the range {key} ends before it starts")
        ranges.append((start, end, _outcome(entry)))
    ranges.sort(key=lambda each: each[0])
    for (_, end, _), (start, _, _) in pairwise(ranges):
        if start <= end:
            raise MocksError(f"'{name}': call {start} has two entries")
    starts, ends = tuple(each[0] for each in ranges), tuple(each[1] for each in ranges)
    return _Responses(starts, ends, tuple(each[2] for each in ranges), name)


def _unwrapped(found: Return, resource: str) -> Return:
    from statemachine.program.resources import ResourceKind, parse_resource

    value = found.value
    is_function = parse_resource(resource).kind is ResourceKind.LAMBDA_FUNCTION
    if is_function and isinstance(value, dict) and "Payload" in value:
        return Return(value["Payload"], found.delay_seconds)
    return found
