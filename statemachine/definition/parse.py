"""A definition's value -> the model.

Rules
- `structure` says whether the value is right; building trusts it, and only happens without an ERROR.
- The specification's defaults are filled in here and nowhere else.
- Paths, templates, intrinsic calls and JSONata stay text: `program` compiles them.
- A Map's items are prepared by ItemSelector, in older definitions by Parameters, with Iterator or ItemProcessor (facts
  map-*, recorded cases map_state_config_*_parameters): both arrive as `item_selector`.
"""

from __future__ import annotations

from typing import Any

from statemachine.definition import model
from statemachine.definition.diagnostics import Diagnostic, JsonPath, Severity
from statemachine.definition.fields import OPERATORS
from statemachine.definition.model import ABSENT, QueryLanguage
from statemachine.definition.structure import check_structure
from statemachine.jsonvalue import Json


def parse_definition(value: Json) -> tuple[model.StateMachine | None, list[Diagnostic]]:
    """The model of a definition, as `source` read it, and what is wrong with each of its objects.

    All faults are reported at once; with an ERROR among them there is no model. Whether states lead anywhere is not
    looked at: that is `validate`.
    """
    found = check_structure(value)
    if any(each.severity is Severity.ERROR for each in found):
        return None, found
    return _machine(value), found


def _machine(value: dict[str, Json]) -> model.StateMachine:
    language = QueryLanguage(value.get("QueryLanguage", QueryLanguage.JSONPATH))
    return model.StateMachine(
        start_at=value["StartAt"],
        states=_states(value["States"], ("States",), language),
        query_language=language,
        comment=value.get("Comment"),
        version=value.get("Version", "1.0"),
        timeout_seconds=_integer(value.get("TimeoutSeconds")),
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
            return model.Parallel(**common, branches=branches, retry=_retry(state, path), catch=_catch(state, path))
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
        retry=_retry(state, path),
        catch=_catch(state, path),
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
        retry=_retry(state, path),
        catch=_catch(state, path),
    )


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
