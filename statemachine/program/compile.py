"""Model -> Program: parse every expression once, resolve every name, report every mistake.

Rules
- All mistakes are collected; a program comes out only if there is none.
- What differs between the query languages is behind `LANGUAGES`: a language compiles a state's fields to a `DataFlow`
  and its conditions, numbers and failures to closures.
- A State's address is its path in the definition (`/States/Par/Branches[0]/States/A`), as in diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct, field

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Note, Severity
from statemachine.definition.model import ABSENT
from statemachine.errors import Failure
from statemachine.expressions.base import Evaluate, Values
from statemachine.jsonvalue import Document, Json, pointer
from statemachine.program.dataflow import CatchFlow, DataFlow
from statemachine.program.jsonpath import JsonPathLanguage
from statemachine.program.nodes import (
    Address,
    CatcherNode,
    ChoiceNode,
    FailNode,
    MapNode,
    Node,
    Number,
    ParallelNode,
    PassNode,
    Program,
    RetrierNode,
    RuleNode,
    SucceedNode,
    TaskNode,
    WaitNode,
)
from statemachine.program.report import Report
from statemachine.program.resources import parse_resource
from statemachine.program.transfers import Transfers


class Language(Protocol):
    """What a query language compiles. Mistakes go to the findings it was made with; a stand-in is returned then."""

    def flow(self, state: model.State) -> DataFlow: ...
    def catch_flow(self, catcher: model.Catcher) -> CatchFlow: ...
    def rule(self, state: model.Choice, rule: model.ChoiceRule, next: Address) -> RuleNode: ...
    def failure(self, state: model.Fail) -> Callable[[Values], Failure]: ...
    def until(self, state: model.Wait) -> Callable[[Values, int], int]: ...
    def items(self, state: model.Map) -> Callable[[Values, Json], list[Json]]: ...
    def item_selector(self, state: model.Map) -> Evaluate | None: ...
    def timeout(self, state: model.Task) -> Number | None: ...
    def heartbeat(self, state: model.Task) -> Number | None: ...
    def credentials(self, state: model.Task) -> Evaluate | None: ...
    def max_concurrency(self, state: model.Map) -> Number | None: ...
    def tolerated_count(self, state: model.Map) -> Number | None: ...
    def tolerated_percentage(self, state: model.Map) -> Callable[[Values], float] | None: ...
    def template(self, value: Json, field: str, path: JsonPath) -> Evaluate | None: ...
    def bound(self, field: str, value: Json, text: str | None, path: JsonPath, minimum: int = 0) -> Number | None: ...


def _jsonata(report: Report) -> Language:
    from statemachine.program.jsonata import JsonataLanguage  # loaded only if it is used: start-up time is a feature

    return JsonataLanguage(report)


LANGUAGES: Mapping[model.QueryLanguage, Callable[[Report], Language]] = {
    model.QueryLanguage.JSONPATH: JsonPathLanguage,
    model.QueryLanguage.JSONATA: _jsonata,
}


class Findings(Struct):
    """Collects diagnostics while compiling: mistakes of the author, and what this release cannot run."""

    found: list[Diagnostic] = field(default_factory=list)
    unsupported: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        path: JsonPath,
        place: JsonPath | None = None,
        *,
        offset: int | None = None,
        suggestion: str | None = None,
        notes: tuple[Note, ...] = (),
        runs: bool = False,
    ) -> None:
        """Report one mistake: see `Report`."""
        self.found.append(
            Diagnostic(code, message, path, place=place, offset=offset, suggestion=suggestion, notes=notes, runs=runs)
        )

    def refuse(self, code: str, message: str, path: JsonPath) -> None:
        """Report a valid use of something that cannot be run yet."""
        self.unsupported.append(Diagnostic(code, message, path, Severity.WARNING))


def compile_machine(machine: model.StateMachine, sha256: str) -> tuple[Program | None, list[Diagnostic]]:
    """Compile a machine. The program is None if there is a finding that keeps it from being run.

    A program whose `unsupported` is not empty says what this release cannot run, and must not be run.
    """
    findings = Findings()
    compiler = _Compiler(findings)
    compiler.block(machine.states)
    if any(each.prevents_running for each in findings.found) or machine.start_at not in machine.states:
        return None, findings.found
    program = Program(
        sha256=sha256,
        start_at=pointer(machine.states[machine.start_at].path),
        nodes=compiler.nodes,
        timeout_seconds=machine.timeout_seconds,
        unsupported=tuple(findings.unsupported),
    )
    return program, findings.found


class _Addresses(dict[str, Address]):
    """The addresses of a block's states by name. A transition that leads nowhere is the graph's matter: it has been
    reported, and no program comes of it."""

    def __missing__(self, name: str) -> Address:
        return ""


def _start(branch: model.Branch) -> Address:
    first = branch.states.get(branch.start_at)
    return "" if first is None else pointer(first.path)


class _Compiler:
    """Compiles block by block, in the order of the definition."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._languages: dict[model.QueryLanguage, Language] = {}
        self.nodes: dict[Address, Node] = {}

    def block(self, states: dict[str, model.State]) -> None:
        addresses = _Addresses((name, pointer(state.path)) for name, state in states.items())
        for name, state in states.items():
            self.nodes[addresses[name]] = self._node(state, self._language(state.query_language), addresses)

    def _language(self, name: model.QueryLanguage) -> Language:
        language = self._languages.get(name)
        if language is None:
            language = self._languages[name] = LANGUAGES[name](self._findings.add)
        return language

    def _node(self, state: model.State, language: Language, addresses: dict[str, Address]) -> Node:
        kind = type(state).__name__
        common = _Common(
            state.name,
            addresses[state.name],
            language.flow(state),
            None if state.next is None else addresses[state.next],
            f"{kind}StateEntered",
            f"{kind}StateExited",
            _compensation(state, addresses),
        )
        match state:
            case model.Pass():
                result = None if state.result is ABSENT else Document(state.result)
                return PassNode(**common.fields(), result=result)
            case model.Succeed():
                return SucceedNode(**common.fields())
            case model.Fail():
                return FailNode(**common.fields(), failure=language.failure(state))
            case model.Wait():
                return WaitNode(**common.fields(), until=language.until(state))
            case model.Choice():
                rules = tuple(language.rule(state, rule, addresses[rule.next]) for rule in state.choices)
                default = None if state.default is None else addresses[state.default]
                return ChoiceNode(**common.fields(next=default), rules=rules)
            case model.Task():
                return self._task(state, language, common, addresses)
            case model.Parallel():
                for branch in state.branches:
                    self.block(branch.states)
                starts = tuple(_start(branch) for branch in state.branches)
                return ParallelNode(
                    **common.fields(),
                    retriers=_retriers(state.retry),
                    catchers=_catchers(state.catch, language, addresses),
                    branches=starts,
                )
            case model.Map():
                return self._map(state, language, common, addresses)

    def _task(self, state: model.Task, language: Language, common: _Common, addresses: dict[str, Address]) -> TaskNode:
        given = state.parameters if state.arguments is ABSENT else state.arguments
        name = given.get("FunctionName") if isinstance(given, dict) else None
        return TaskNode(
            **common.fields(),
            retriers=_retriers(state.retry),
            catchers=_catchers(state.catch, language, addresses),
            resource=parse_resource(state.resource),
            timeout_seconds=language.timeout(state),
            heartbeat_seconds=language.heartbeat(state),
            credentials=language.credentials(state),
            static_function_name=name if isinstance(name, str) and not name.startswith("{%") else None,
        )

    def _map(self, state: model.Map, language: Language, common: _Common, addresses: dict[str, Address]) -> MapNode:
        branch = state.processor.branch
        self.block(branch.states)
        distributed = state.processor.mode is model.ProcessorMode.DISTRIBUTED
        transfers = Transfers(language, self._findings.refuse) if distributed else None
        return MapNode(
            **common.fields(),
            retriers=_retriers(state.retry),
            catchers=_catchers(state.catch, language, addresses),
            start_at=_start(branch),
            items=language.items(state),
            item_selector=language.item_selector(state),
            max_concurrency=language.max_concurrency(state),
            tolerated_count=language.tolerated_count(state),
            tolerated_percentage=language.tolerated_percentage(state),
            distributed=distributed,
            label=state.label,
            reader=transfers.reader(state) if transfers else None,
            batcher=transfers.batcher(state) if transfers else None,
            writer=transfers.writer(state) if transfers else None,
        )


def _retriers(retry: tuple[model.Retrier, ...]) -> tuple[RetrierNode, ...]:
    return tuple(
        RetrierNode(
            each.error_equals,
            each.interval_seconds * 1000,
            each.max_attempts,
            each.backoff_rate,
            None if each.max_delay_seconds is None else each.max_delay_seconds * 1000,
            each.jitter is model.JitterStrategy.FULL,
        )
        for each in retry
    )


def _catchers(
    catch: tuple[model.Catcher, ...], language: Language, addresses: dict[str, Address]
) -> tuple[CatcherNode, ...]:
    return tuple(
        CatcherNode(each.error_equals, addresses[each.next], language.catch_flow(each), each.compensate)
        for each in catch
    )


def _compensation(state: model.State, addresses: dict[str, Address]) -> Address | None:
    target = state.compensate_with if isinstance(state, model.WorkFields) else None
    return None if target is None else addresses[target]


class _Common(Struct, frozen=True):
    """The fields that every node has."""

    name: str
    address: Address
    flow: DataFlow
    next: Address | None
    entered_type: str
    exited_type: str
    compensate_with: Address | None

    def fields(self, **changed: Json) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__struct_fields__} | changed
