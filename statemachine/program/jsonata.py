"""The JSONata language: a state's ``{% … %}`` expressions, compiled to closures.

Rules (developer guide, "Transforming data with JSONata"; facts jsonata-*)
- A string is an expression if it starts with ``{%`` and ends with ``%}`` exactly; every other value is itself.
- An expression sees ``$states`` (input, result, context, in a catcher errorOutput) and the variables, nothing else: a
  bare name, ``$`` and ``$$`` at the top level are refused when the machine is created.
- An undefined result, a function and a result of the wrong type fail the state with States.QueryEvaluationError, in
  AWS's words, and with the field's place in the EvaluationFailed event. NaN and the infinities become texts.
- Without Output the state's output is its result; without Arguments its input is passed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from statemachine.definition import model
from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, JsonPath
from statemachine.definition.model import ABSENT
from statemachine.definition.structure import is_expression
from statemachine.errors import Failure, QueryEvaluationError
from statemachine.expressions.base import Evaluate, Values
from statemachine.expressions.jsonata import (
    UNDEFINED,
    CompiledJsonata,
    Environment,
    JsonataError,
    error_message,
    is_function,
    references,
)
from statemachine.expressions.jsonata.aws import compile_for_aws
from statemachine.expressions.jsonata.references import Reference
from statemachine.jsonvalue import Json, encode_json, type_name
from statemachine.program import numbers
from statemachine.program.dataflow import Exit
from statemachine.program.nodes import Address, Condition, Number, RuleNode
from statemachine.program.report import Report
from statemachine.timestamps import parse_timestamp_ms

INVALID_JSONATA_EXPRESSION: Final = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA_EXPRESSION: Final = "UNSUPPORTED_JSONATA_EXPRESSION"

States = Mapping[str, Json]
Expression = Callable[[Values, States], Json]
"""A compiled field: from the values and what ``$states`` holds to JSON."""


class JsonataFlow(Struct, frozen=True):
    """The data flow of a JSONata state. `has_result`: its work gives a result that is not its input."""

    arguments_field: Expression | None
    output: Expression | None
    assign: Expression | None
    has_result: bool

    def effective_input(self, values: Values) -> Json:
        """The input: JSONata states have no InputPath."""
        return values.input

    def arguments(self, values: Values, effective_input: Json) -> Json:
        """Arguments, or the input."""
        if self.arguments_field is None:
            return effective_input
        return self.arguments_field(values, _states(values))

    def exit(self, values: Values, result: Json) -> Exit:
        """Assign and Output; both see the variables as they were."""
        if self.output is None and self.assign is None:
            return Exit(result, None)
        states = _states(values, result=result) if self.has_result else _states(values)
        assigned = None if self.assign is None else self.assign(values, states)
        return Exit(result if self.output is None else self.output(values, states), assigned)


class JsonataCatchFlow(Struct, frozen=True):
    """The data flow of a JSONata catcher."""

    output: Expression | None
    assign: Expression | None

    def exit(self, values: Values, error_output: Json) -> Exit:
        """Assign and Output, or the error output."""
        states = _states(values, errorOutput=error_output)
        assigned = None if self.assign is None else self.assign(values, states)
        return Exit(error_output if self.output is None else self.output(values, states), assigned)


def _states(values: Values, **fields: Json) -> States:
    """``$states`` without its context: that is added where an expression reads it, since few do and it is costly."""
    return {"input": values.input, **fields}


class JsonataLanguage:
    """Compiles JSONata states; mistakes go to `report`."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def flow(self, state: model.State) -> JsonataFlow:
        """Arguments, Output and Assign."""
        return JsonataFlow(
            arguments_field=self._template(state.arguments, "Arguments", (*state.path, "Arguments")),
            output=self._template(state.output, "Output", (*state.path, "Output")),
            assign=self._template(state.assign, "Assign", (*state.path, "Assign")),
            has_result=isinstance(state, model.Task | model.Parallel | model.Map),
        )

    def catch_flow(self, catcher: model.Catcher) -> JsonataCatchFlow:
        """A catcher's Output and Assign, which alone may read the error output."""
        return JsonataCatchFlow(
            output=self._template(catcher.output, "Output", (*catcher.path, "Output"), catching=True),
            assign=self._template(catcher.assign, "Assign", (*catcher.path, "Assign"), catching=True),
        )

    def rule(self, state: model.Choice, rule: model.ChoiceRule, next: Address) -> RuleNode:  # noqa: ARG002
        """A rule's condition, with its own Output and Assign (fact choice-rule-output)."""
        flow = JsonataFlow(
            arguments_field=None,
            output=self._template(rule.output, "Output", (*rule.path, "Output")),
            assign=self._template(rule.assign, "Assign", (*rule.path, "Assign")),
            has_result=False,
        )
        return RuleNode(self._condition(rule), next, flow)

    def failure(self, state: model.Fail) -> Callable[[Values], Failure]:
        """Error and Cause, texts or expressions that give texts."""
        error = self._text(state.error, "Error", state.path)
        cause = self._text(state.cause, "Cause", state.path)

        def failure(values: Values) -> Failure:
            return Failure(None if error is None else error(values), None if cause is None else cause(values))

        return failure

    def until(self, state: model.Wait) -> Callable[[Values, int], int]:
        """Seconds or Timestamp."""
        if state.timestamp is not None:
            return self._timestamp(state.timestamp, state.path)
        if isinstance(state.seconds, str):
            seconds = self._integer("Seconds", state.seconds, state.path)
            return lambda values, now_ms: now_ms + min(seconds(values), numbers.MAX_SECONDS) * 1000
        return numbers.wait_seconds(state.seconds or 0)

    def items(self, state: model.Map) -> Callable[[Values, Json], list[Json]]:
        """Items, or the input, which must be an array (facts map-items-*, map-input-not-array-*)."""
        if state.items is ABSENT:
            return _input_items
        if isinstance(state.items, list):
            template = self._template(state.items, "Items", (*state.path, "Items"))
            return lambda values, _: list(template(values, _states(values))) if template else []
        if isinstance(state.items, dict):  # the guide allows it; what an iteration gets is not known
            fields = self._template(state.items, "Items", (*state.path, "Items"))
            return lambda values, _: _input_items(values, fields(values, _states(values)) if fields else {})
        if not is_expression(state.items):
            message = "Items must be an array or a JSONata string that starts with {% and ends with %}"
            self._report(SCHEMA_VALIDATION_FAILED, message, (*state.path, "Items"))
            return _input_items
        expression = self._expression(state.items, "Items", (*state.path, "Items"), expected="array")
        return lambda values, _: list(expression(values, _states(values)))

    def item_selector(self, state: model.Map) -> Evaluate | None:
        """ItemSelector."""
        template = self._template(state.item_selector, "ItemSelector", (*state.path, "ItemSelector"))
        return None if template is None else (lambda values: template(values, _states(values)))

    def timeout(self, state: model.Task) -> Number | None:
        """TimeoutSeconds."""
        return self._number("TimeoutSeconds", state.timeout_seconds, state.path, minimum=1)

    def heartbeat(self, state: model.Task) -> Number | None:
        """HeartbeatSeconds."""
        return self._number("HeartbeatSeconds", state.heartbeat_seconds, state.path, minimum=1)

    def credentials(self, state: model.Task) -> Evaluate | None:
        """Credentials."""
        template = self._template(state.credentials, "Credentials", (*state.path, "Credentials"))
        return None if template is None else (lambda values: template(values, _states(values)))

    def max_concurrency(self, state: model.Map) -> Number | None:
        """MaxConcurrency."""
        return self._number("MaxConcurrency", state.max_concurrency, state.path)

    def tolerated_count(self, state: model.Map) -> Number | None:
        """ToleratedFailureCount."""
        return self._number("ToleratedFailureCount", state.tolerated_failure_count, state.path)

    def tolerated_percentage(self, state: model.Map) -> Callable[[Values], float] | None:
        """ToleratedFailurePercentage."""
        field, value = "ToleratedFailurePercentage", state.tolerated_failure_percentage
        if isinstance(value, str):
            expression = self._expression(value, field, (*state.path, field), expected="number")
            return lambda values: numbers.percentage(field, expression(values, _states(values)))
        return None if value is None else (lambda _: float(value))

    def template(self, value: Json, field: str, path: JsonPath) -> Evaluate | None:
        """A template inside ItemReader, ItemBatcher or ResultWriter."""
        template = self._template(value, field, path)
        return None if template is None else (lambda values: template(values, _states(values)))

    def bound(self, field: str, value: Json, text: str | None, path: JsonPath, minimum: int = 0) -> Number | None:  # noqa: ARG002 - JSONata has no Path fields
        """A number inside ItemReader or ItemBatcher."""
        return self._number(field, value, path, minimum)

    # -- the parts ---------------------------------------------------------------------------------------------

    def _compile(self, text: str, path: JsonPath, *, catching: bool) -> CompiledJsonata | None:
        try:
            compiled = compile_for_aws(text[2:-2].strip())
        except JsonataError as error:
            offset = _offset(text, error.position, error.token)
            self._report(INVALID_JSONATA_EXPRESSION, error_message(error), path, offset=offset)
            return None
        refused = _unsupported(compiled, catching=catching)
        if refused is not None:
            message, at = refused
            offset = _offset(text, at.position, at.name)
            self._report(UNSUPPORTED_JSONATA_EXPRESSION, message, path, offset=offset)
            return None
        return compiled

    def _literal(self, text: str, path: JsonPath) -> None:
        """A text that is no expression: one that is opened and never closed was meant to be one (developer guide,
        "Transforming data with JSONata"). With anything behind its end it is a text (fact
        jsonata-delimiter-needs-exact-edges)."""
        if text.startswith("{%") and "%}" not in text:
            message = "JSONata string must start with {% and end with %}"
            self._report(SCHEMA_VALIDATION_FAILED, message, path, suggestion="close it with `%}`")

    def _expression(
        self, text: str, field: str, path: JsonPath, *, expected: str | None = None, catching: bool = False
    ) -> Expression:
        """One expression; `field` is its place as AWS names it, `expected` the JSON type that it must give."""
        compiled = self._compile(text, path, catching=catching)
        shown = text[2:-2].strip()
        reads_context = compiled is not None and _reads_context(compiled)
        head = f"The JSONata expression '{shown}' specified for the field '{field}'"

        def evaluate(values: Values, states: States) -> Json:
            assert compiled is not None, "a program with mistakes is not run"
            environment = Environment(values.now_ms, values.draws.fraction, values.draws.uuid)
            if reads_context:
                states = {**states, "context": values.context}
            try:
                found = compiled.evaluate(UNDEFINED, {**values.variables, "states": states}, environment)
            except JsonataError as error:
                cause = f"{head} threw an error during evaluation. {error.code}: {error_message(error)}"
                raise QueryEvaluationError(cause, field) from None
            if found is UNDEFINED:
                raise QueryEvaluationError(f"{head} returned nothing (undefined).", field)
            if is_function(found):
                raise QueryEvaluationError(f"{head} returned an unsupported result type.", field)
            value = _plain(found)
            if expected is not None and type_name(value) != expected:
                raise QueryEvaluationError(
                    f"{head} returned an unexpected result type. Expected '{expected}', but was "
                    f"'{type_name(value)}' for value: {encode_json(value).decode()}",
                    field,
                )
            return value

        return evaluate

    def _template(
        self, template: Json | model.Absent, field: str, path: JsonPath, *, catching: bool = False
    ) -> Expression | None:
        """A value with expressions anywhere in it."""
        if template is ABSENT:
            return None
        if is_expression(template):
            return self._expression(template, field, path, catching=catching)
        if isinstance(template, dict):
            inner = {
                key: self._template(value, f"{field}/{key}", (*path, key), catching=catching)
                for key, value in template.items()
            }
            return lambda values, states: {key: each(values, states) for key, each in inner.items() if each}
        if isinstance(template, list):
            elements = [
                self._template(value, f"{field}[{index}]", (*path, index), catching=catching)
                for index, value in enumerate(template)
            ]
            return lambda values, states: [each(values, states) for each in elements if each]
        if isinstance(template, str):
            self._literal(template, path)
        return lambda _, __: template

    def _text(self, text: str | None, field: str, path: JsonPath) -> Callable[[Values], str] | None:
        if text is None:
            return None
        if not is_expression(text):
            self._literal(text, (*path, field))
            return lambda _: text
        expression = self._expression(text, field, (*path, field), expected="string")
        return lambda values: str(expression(values, _states(values)))

    def _number(self, field: str, value: int | str | None, path: JsonPath, minimum: int = 0) -> Number | None:
        if isinstance(value, str):
            return self._integer(field, value, path, minimum)
        return None if value is None else numbers.constant(value)

    def _integer(self, field: str, text: str, path: JsonPath, minimum: int = 0) -> Number:
        expression = self._expression(text, field, (*path, field), expected="number")
        return lambda values: numbers.integer(field, expression(values, _states(values)), minimum)

    def _timestamp(self, text: str, path: JsonPath) -> Callable[[Values, int], int]:
        if not is_expression(text):
            at_ms = parse_timestamp_ms(text)
            assert at_ms is not None, "the parser refuses what is no timestamp"
            return numbers.wait_timestamp(at_ms)
        expression = self._expression(text, "Timestamp", (*path, "Timestamp"), expected="string")

        def until(values: Values, _: int) -> int:
            found = expression(values, _states(values))
            moment = parse_timestamp_ms(found)
            if moment is None:
                raise QueryEvaluationError(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "
                    f"{found}",
                    "Timestamp",
                )
            return moment

        return until

    def _condition(self, rule: model.ChoiceRule) -> Condition:
        condition = rule.condition
        assert isinstance(condition, model.JsonataCondition), "the parser gives JSONata rules nothing else"
        text = condition.expression
        if isinstance(text, bool):
            return lambda _: text
        index = rule.path[-1] if rule.path else 0
        field = f"Choices[{index}]/Condition"
        expression = self._expression(text, field, (*rule.path, "Condition"), expected="boolean")
        return lambda values: bool(expression(values, _states(values)))


def _reads_context(compiled: CompiledJsonata) -> bool:
    """Whether an expression reads ``$states.context``, or ``$states`` in a way that may."""
    named = (each.fields[:1] for each in references(compiled).variables if each.name == "states")
    return any(first in ((), ("context",)) for first in named)


def _offset(text: str, position: int | None, token: object) -> int | None:
    """Where in the field's text a token begins: JSONata counts UTF-16 units of the expression, to the token's end."""
    if position is None:
        return None
    expression = text[2:-2]
    before = 2 + len(expression) - len(expression.lstrip())
    units = expression.strip().encode("utf-16-le", "surrogatepass")[: 2 * position]
    end = before + len(units.decode("utf-16-le", "replace"))
    name = token if isinstance(token, str) else ""
    if name and text[:end].endswith(name):
        return end - len(name)
    return max(before, end - 1)


def _unsupported(compiled: CompiledJsonata, *, catching: bool) -> tuple[str, Reference] | None:
    """Why AWS refuses an expression at creation: it refers to an input that there is none of, or to the error output
    outside of a catcher (facts jsonata-top-level-reference-rejected, jsonata-double-dollar-rejected,
    jsonata-erroroutput-outside-catch-rejected)."""
    found = references(compiled)
    named = [*found.names, *(Reference("$", each.position) for each in found.context)]
    named += [Reference("$$", each.position) for each in found.variables if each.name == "$"]
    if named:
        first = min(named, key=lambda each: (each.position, each.name))
        return f"Reference to '{first.name}' at the top level is not supported.", first
    for each in found.variables:
        if each.name == "states" and each.fields[:1] == ("errorOutput",) and not catching:
            return "Reference to '$states.errorOutput' is only supported in a Catcher.", each
    return None


def _input_items(_: Values, effective_input: Json) -> list[Json]:
    if not isinstance(effective_input, list):
        shown = encode_json(effective_input).decode()
        raise QueryEvaluationError(f"Map state input must be an array but was: {shown}", None)
    return effective_input


def _plain(value: Json) -> Json:
    """The value as JSON: non-finite numbers as texts (facts jsonata-nan-string, jsonata-infinity-inside-array)."""
    return _as_texts(value) if _is_unwritable(value) else value


def _is_unwritable(value: Json) -> bool:
    """Whether there is a NaN or an infinity in the value; most values have none, and are not copied."""
    kind = type(value)
    if kind is dict:
        for each in value.values():
            inner = type(each)
            if (inner is float or inner is dict or inner is list) and _is_unwritable(each):
                return True
        return False
    if kind is list:
        for each in value:
            inner = type(each)
            if (inner is float or inner is dict or inner is list) and _is_unwritable(each):
                return True
        return False
    return kind is float and not math.isfinite(value)


def _as_texts(value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _as_texts(each) for key, each in value.items()}
    return [_as_texts(each) for each in value] if isinstance(value, list) else value
