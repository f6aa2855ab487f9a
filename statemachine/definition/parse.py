"""A definition's value -> the model.

Rules
- `structure` says whether the value is right; building trusts it, and only happens without an ERROR.
- The specification's defaults are filled in here and nowhere else.
- Paths, templates, intrinsic calls and JSONata stay text: `program` compiles them.
- A Map's items are prepared by ItemSelector, in older definitions by Parameters, with Iterator or ItemProcessor (facts
  map-*, recorded cases map_state_config_*_parameters): both arrive as `item_selector`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.definition.fields import OPERATORS
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.placeholders import with_stand_ins
from statemachine.definition.structure import check_structure
from statemachine.jsonvalue import Json
from statemachine.limits import AWS_LIMITS

_NONE: Final[Mapping[JsonPath, Json]] = MappingProxyType({})


def parse_definition(
    value: Json, stand_ins: Mapping[JsonPath, Json] = _NONE
) -> tuple[model.StateMachine | None, list[Diagnostic]]:
    """The model of a definition, as `source` read it, and what is wrong with each of its objects.

    All faults are reported at once; with an ERROR among them there is no model. Whether states lead anywhere is not
    looked at: that is `validate`. Where a placeholder keeps a value from being known, the model has a stand-in, the
    caller's or one that is right for the field, and says so in `stand_ins`; if there is none, there is no model.
    """
    unknown = dict(stand_ins)
    found = check_structure(value, unknown.setdefault)
    if any(each.prevents_running for each in found) or None in unknown.values():
        return None, found
    return _machine(with_stand_ins(value, unknown), tuple(unknown)), found


def parse_sound_states(value: Json) -> model.StateMachine | None:
    """The model without the states that have faults, so that the others can be checked on; None if there is none.

    A faulty state is replaced by one that does nothing, and so is one that has a placeholder for what has no stand-in.
    A transition that leads nowhere stays as it is.
    """
    unknown: dict[JsonPath, Json] = {}
    found = check_structure(value, unknown.setdefault)
    faults = [each.place or each.path or () for each in found if each.prevents_running]
    faults += (place for place, stand_in in unknown.items() if stand_in is None)
    owners = {_owner(fault) for fault in faults}
    if not isinstance(value, dict) or ("QueryLanguage",) in owners:
        return None
    dropped = {owner[0] for owner in owners if len(owner) == 1}
    pruned = {key: item for key, item in value.items() if key not in dropped or key == "States"}
    pruned["States"] = _pruned(value.get("States"), ("States",), owners, 0)
    if not isinstance(pruned.get("StartAt"), str):
        pruned["StartAt"] = next(iter(pruned["States"]), "")
    return parse_definition(pruned)[0]


def _owner(fault: JsonPath) -> JsonPath:
    """The innermost state around a place; outside of the states, the machine's field."""
    end, at = 1, 0
    while fault[at : at + 1] == ("States",) and len(fault) > at + 1:
        end = at = at + 2
        if fault[at : at + 1] == ("Branches",):
            at += 2
        elif fault[at : at + 1] in (("ItemProcessor",), ("Iterator",)):
            at += 1
    return fault[:end]


def _pruned(states: Json, path: JsonPath, faulty: set[JsonPath], depth: int) -> dict[str, Json]:
    if not isinstance(states, dict) or depth > AWS_LIMITS.depth:
        return {}
    sound: dict[str, Json] = {}
    for name, state in states.items():
        at = (*path, name)
        if at in faulty or not isinstance(state, dict):
            sound[name] = {"Type": "Succeed"}
            continue
        sound[name] = state = dict(state)
        if state.get("Type") == "Parallel":
            state["Branches"] = [
                {**branch, "States": _pruned(branch["States"], (*at, "Branches", index, "States"), faulty, depth + 1)}
                for index, branch in enumerate(state["Branches"])
            ]
        elif state.get("Type") == "Map":
            for key in [key for key in ("ItemProcessor", "Iterator") if key in state]:
                inner = _pruned(state[key]["States"], (*at, key, "States"), faulty, depth + 1)
                state[key] = {**state[key], "States": inner}
    return sound


def _machine(value: dict[str, Json], stand_ins: tuple[JsonPath, ...]) -> model.StateMachine:
    language = QueryLanguage(value.get("QueryLanguage", QueryLanguage.JSONPATH))
    return model.StateMachine(
        start_at=value["StartAt"],
        states=_states(value["States"], ("States",), language),
        query_language=language,
        comment=value.get("Comment"),
        version=value.get("Version", "1.0"),
        timeout_seconds=_integer(value.get("TimeoutSeconds")),
        stand_ins=stand_ins,
    )


def _states(states: dict[str, Json], path: JsonPath, language: QueryLanguage) -> dict[str, model.State]:
    return {name: _state(name, state, (*path, name), language) for name, state in states.items()}


def _branch(value: dict[str, Json], path: JsonPath, language: QueryLanguage) -> model.Branch:
    return model.Branch(
        start_at=value["StartAt"],
        states=_states(value["States"], (*path, "States"), language),
        path=path,
        comment=value.get("Comment"),
    )


def _state(name: str, state: dict[str, Json], path: JsonPath, machine: QueryLanguage) -> model.State:
    """`machine` is the machine's language: inner states inherit it, not that of the state around them."""
    get = state.get
    common: dict[str, Any] = {
        "name": name,
        "path": path,
        "query_language": QueryLanguage(get("QueryLanguage", machine)),
        "comment": get("Comment"),
        "next": get("Next"),
        "end": get("End", False),
        "input_path": get("InputPath", "$"),
        "output_path": get("OutputPath", "$"),
        "result_path": get("ResultPath", "$"),
        "parameters": get("Parameters", ABSENT),
        "result_selector": get("ResultSelector", ABSENT),
        "arguments": get("Arguments", ABSENT),
        "output": get("Output", ABSENT),
        "assign": get("Assign", ABSENT),
    }
    match state["Type"]:
        case "Task":
            return _task(state, path, common)
        case "Pass":
            return model.Pass(**common, result=get("Result", ABSENT))
        case "Choice":
            return _choice(state, path, common)
        case "Wait":
            return model.Wait(
                **common,
                seconds=_integer(get("Seconds")),
                seconds_path=get("SecondsPath"),
                timestamp=get("Timestamp"),
                timestamp_path=get("TimestampPath"),
            )
        case "Succeed":
            return model.Succeed(**common)
        case "Fail":
            return model.Fail(
                **common,
                error=get("Error"),
                error_path=get("ErrorPath"),
                cause=get("Cause"),
                cause_path=get("CausePath"),
            )
        case "Parallel":
            branches = tuple(
                _branch(each, (*path, "Branches", index), machine) for index, each in enumerate(state["Branches"])
            )
            return model.Parallel(**common, branches=branches, **_recovery(state, path))
        case _:
            return _map(state, path, common, machine)


def _task(state: dict[str, Json], path: JsonPath, common: dict[str, Any]) -> model.Task:
    return model.Task(
        **common,
        resource=state["Resource"],
        timeout_seconds=_integer(state.get("TimeoutSeconds")),
        timeout_seconds_path=state.get("TimeoutSecondsPath"),
        heartbeat_seconds=_integer(state.get("HeartbeatSeconds")),
        heartbeat_seconds_path=state.get("HeartbeatSecondsPath"),
        credentials=state.get("Credentials", ABSENT),
        **_recovery(state, path),
    )


def _map(state: dict[str, Json], path: JsonPath, common: dict[str, Any], machine: QueryLanguage) -> model.Map:
    legacy = "ItemProcessor" not in state
    key = "Iterator" if legacy else "ItemProcessor"
    written = state[key]
    config = written.get("ProcessorConfig", {})
    processor = model.ItemProcessor(
        branch=_branch(written, (*path, key), machine),
        mode=model.ProcessorMode(config.get("Mode", model.ProcessorMode.INLINE)),
        execution_type=config.get("ExecutionType"),
        legacy=legacy,
    )
    get = state.get
    return model.Map(
        **common,
        processor=processor,
        items=get("Items", ABSENT),
        items_path=get("ItemsPath"),
        item_selector=get("ItemSelector", common["parameters"]),
        item_reader=get("ItemReader", ABSENT),
        item_batcher=get("ItemBatcher", ABSENT),
        result_writer=get("ResultWriter", ABSENT),
        label=get("Label"),
        max_concurrency=_integer(get("MaxConcurrency")),
        max_concurrency_path=get("MaxConcurrencyPath"),
        tolerated_failure_count=_integer(get("ToleratedFailureCount")),
        tolerated_failure_count_path=get("ToleratedFailureCountPath"),
        tolerated_failure_percentage=get("ToleratedFailurePercentage"),
        tolerated_failure_percentage_path=get("ToleratedFailurePercentagePath"),
        **_recovery(state, path),
    )


def _recovery(state: dict[str, Json], path: JsonPath) -> dict[str, Any]:
    return {
        "retry": _retry(state, path),
        "catch": _catch(state, path),
        "compensate_with": state.get("CompensateWith"),
    }


def _retry(state: dict[str, Json], path: JsonPath) -> tuple[model.Retrier, ...]:
    return tuple(
        model.Retrier(
            error_equals=tuple(each["ErrorEquals"]),
            interval_seconds=_integer(each.get("IntervalSeconds", 1)),
            max_attempts=_integer(each.get("MaxAttempts", 3)),
            backoff_rate=each.get("BackoffRate", 2.0),
            max_delay_seconds=_integer(each.get("MaxDelaySeconds")),
            jitter=model.JitterStrategy(each.get("JitterStrategy", model.JitterStrategy.NONE)),
            path=(*path, "Retry", index),
        )
        for index, each in enumerate(state.get("Retry", ()))
    )


def _catch(state: dict[str, Json], path: JsonPath) -> tuple[model.Catcher, ...]:
    return tuple(
        model.Catcher(
            error_equals=tuple(each["ErrorEquals"]),
            next=each["Next"],
            result_path=each.get("ResultPath", "$"),
            assign=each.get("Assign", ABSENT),
            output=each.get("Output", ABSENT),
            compensate=each.get("Compensate", False),
            path=(*path, "Catch", index),
        )
        for index, each in enumerate(state.get("Catch", ()))
    )


def _choice(state: dict[str, Json], path: JsonPath, common: dict[str, Any]) -> model.Choice:
    rules = []
    for index, rule in enumerate(state["Choices"]):
        at = (*path, "Choices", index)
        rules.append(
            model.ChoiceRule(
                condition=_condition(rule, at),
                next=rule["Next"],
                assign=rule.get("Assign", ABSENT),
                output=rule.get("Output", ABSENT),
                path=at,
            )
        )
    return model.Choice(**common, choices=tuple(rules), default=state.get("Default"))


def _condition(rule: dict[str, Json], path: JsonPath) -> model.ChoiceCondition:
    if "Condition" in rule:
        return model.JsonataCondition(expression=rule["Condition"], path=(*path, "Condition"))
    if "And" in rule:
        return model.And(rules=_conditions(rule["And"], (*path, "And")))
    if "Or" in rule:
        return model.Or(rules=_conditions(rule["Or"], (*path, "Or")))
    if "Not" in rule:
        return model.Not(rule=_condition(rule["Not"], (*path, "Not")))
    operator = next(name for name in rule if name in OPERATORS)
    return model.Comparison(variable=rule["Variable"], operator=operator, operand=rule[operator], path=path)


def _conditions(rules: list[Json], path: JsonPath) -> tuple[model.ChoiceCondition, ...]:
    return tuple(_condition(each, (*path, index)) for index, each in enumerate(rules))


def _integer(value: Json) -> Any:
    """A JSON 3.0 is the integer 3. An expression stays as it is."""
    return int(value) if isinstance(value, float) else value
