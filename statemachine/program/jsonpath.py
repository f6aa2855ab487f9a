"""The JSONPath language: a state's paths, templates, comparisons and numbers compiled to closures.

Every mistake is reported with AWS's code and wording where they are known (fact intrinsic-escaped-double-quote-
rejected, recorded refusals): ``The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function
call``.
"""

from __future__ import annotations

from collections.abc import Callable

from statemachine.definition import model
from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, JsonPath
from statemachine.definition.model import ABSENT
from statemachine.errors import RUNTIME, EvaluationError, Failure
from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, Values
from statemachine.expressions.comparisons import compile_comparison
from statemachine.expressions.jsonpath import compile_path, compile_reference_path
from statemachine.expressions.path_or_intrinsic import compile_field
from statemachine.expressions.template import TemplateSyntaxError, compile_template
from statemachine.jsonvalue import Json
from statemachine.program import numbers
from statemachine.program.dataflow import Discard, JsonPathCatchFlow, JsonPathFlow, Write, follow
from statemachine.program.nodes import Address, Condition, Number, RuleNode
from statemachine.program.report import Report
from statemachine.timestamps import parse_timestamp_ms

_NO_EXPRESSION = "The value for the field '{}' must be a valid JSONPath or a valid intrinsic function call"
_NOTHING: Evaluate = lambda _: None  # noqa: E731 - stands for an expression that was reported as wrong


class JsonPathLanguage:
    """Compiles JSONPath states; mistakes go to `report`."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def flow(self, state: model.State) -> JsonPathFlow:
        """InputPath … OutputPath and Assign."""
        path = state.path
        # In a Map, Parameters is the legacy name of ItemSelector.
        parameters = ABSENT if isinstance(state, model.Map) else state.parameters
        return JsonPathFlow(
            input_path=self._data_path(state.input_path, (*path, "InputPath")),
            parameters=self._template(parameters, (*path, "Parameters")),
            result_selector=self._template(state.result_selector, (*path, "ResultSelector")),
            result_path=self._result_path(state.result_path, (*path, "ResultPath")),
            output_path=self._data_path(state.output_path, (*path, "OutputPath")),
            assign=self._template(state.assign, (*path, "Assign")),
        )

    def catch_flow(self, catcher: model.Catcher) -> JsonPathCatchFlow:
        """A catcher's ResultPath and Assign."""
        return JsonPathCatchFlow(
            result_path=self._result_path(catcher.result_path, (*catcher.path, "ResultPath")),
            assign=self._template(catcher.assign, (*catcher.path, "Assign")),
        )

    def rule(self, state: model.Choice, rule: model.ChoiceRule, next: Address) -> RuleNode:
        """A rule's condition, and its data flow: its own Assign takes the place of the state's (fact
        choice-assign-jsonpath-default)."""
        flow = JsonPathFlow(
            output_path=self._data_path(state.output_path, (*state.path, "OutputPath")),
            assign=self._template(rule.assign, (*rule.path, "Assign")),
        )
        return RuleNode(self._condition(rule.condition, rule.path), next, flow)

    def failure(self, state: model.Fail) -> Callable[[Values], Failure]:
        """Error and Cause, or what their paths give. Both must be texts."""
        error = self._text(state.error, state.error_path, "ErrorPath", state.path)
        cause = self._text(state.cause, state.cause_path, "CausePath", state.path)

        def failure(values: Values) -> Failure:
            return Failure(
                None if error is None else error(values),
                None if cause is None else cause(values),
            )

        return failure

    def until(self, state: model.Wait) -> Callable[[Values, int], int]:
        """When a Wait ends."""
        if state.seconds_path is not None:
            return numbers.wait_seconds_at(
                state.seconds_path, self._required_path(state.seconds_path, (*state.path, "SecondsPath"))
            )
        if state.timestamp_path is not None:
            return numbers.wait_timestamp_at(
                state.timestamp_path, self._required_path(state.timestamp_path, (*state.path, "TimestampPath"))
            )
        if state.timestamp is not None:
            at_ms = parse_timestamp_ms(state.timestamp)
            assert at_ms is not None, "the parser refuses what is no timestamp"
            return numbers.wait_timestamp(at_ms)
        return numbers.wait_seconds(state.seconds if isinstance(state.seconds, int) else 0)

    def items(self, state: model.Map) -> Callable[[Values, Json], list[Json]]:
        """ItemsPath, from the effective input."""
        text = state.items_path or "$"
        path = self._required_path(text, (*state.path, "ItemsPath"))
        shown = text[1:] if text.startswith("$$") else text  # AWS names a context path so (recorded)
        shown = text[1:] if text.startswith("$$") else text  # AWS names a path of the context object so (recorded)

        def items(values: Values, effective_input: Json) -> list[Json]:
            found = follow(path, values.with_input(effective_input))
            if not isinstance(found, list):
                raise EvaluationError(RUNTIME, f'Reference path "{shown}" must point to array.')
            return found

        return items

    def item_selector(self, state: model.Map) -> Evaluate | None:
        """ItemSelector, or the Parameters of the legacy form."""
        if state.item_selector is not ABSENT:
            return self._template(state.item_selector, (*state.path, "ItemSelector"))
        return self._template(state.parameters, (*state.path, "Parameters"))

    def timeout(self, state: model.Task) -> Number | None:
        """TimeoutSeconds or its Path."""
        return self._seconds("TimeoutSeconds", state.timeout_seconds, state.timeout_seconds_path, state.path)

    def heartbeat(self, state: model.Task) -> Number | None:
        """HeartbeatSeconds or its Path."""
        return self._seconds("HeartbeatSeconds", state.heartbeat_seconds, state.heartbeat_seconds_path, state.path)

    def credentials(self, state: model.Task) -> Evaluate | None:
        """Credentials."""
        return self._template(state.credentials, (*state.path, "Credentials"))

    def max_concurrency(self, state: model.Map) -> Number | None:
        """MaxConcurrency or its Path."""
        return self._number("MaxConcurrency", state.max_concurrency, state.max_concurrency_path, state.path)

    def tolerated_count(self, state: model.Map) -> Number | None:
        """ToleratedFailureCount or its Path."""
        return self._number(
            "ToleratedFailureCount", state.tolerated_failure_count, state.tolerated_failure_count_path, state.path
        )

    def tolerated_percentage(self, state: model.Map) -> Callable[[Values], float] | None:
        """ToleratedFailurePercentage or its Path."""
        text, value = state.tolerated_failure_percentage_path, state.tolerated_failure_percentage
        if text is not None:
            name = "ToleratedFailurePercentagePath"
            return numbers.percentage_at(name, text, self._required_path(text, (*state.path, name)))
        if isinstance(value, int | float):
            percentage = float(value)
            return lambda _: percentage
        return None

    def template(self, value: Json, field: str, path: JsonPath) -> Evaluate | None:  # noqa: ARG002 - JSONata names it
        """A payload template inside ItemReader, ItemBatcher or ResultWriter."""
        return self._template(value, path)

    def bound(self, field: str, value: Json, text: str | None, path: JsonPath, minimum: int = 0) -> Number | None:
        """A number inside ItemReader or ItemBatcher, or its Path."""
        return self._number(field, value, text, path, minimum)

    # -- the parts ---------------------------------------------------------------------------------------------

    def _required_path(self, text: str, path: JsonPath) -> Evaluate:
        try:
            return compile_path(text).evaluate
        except ExpressionSyntaxError as error:
            self._report(SCHEMA_VALIDATION_FAILED, f"Value is not a valid JSONPath: {error.message}", path)
            return _NOTHING

    def _data_path(self, text: str | None, path: JsonPath) -> Evaluate | None:
        """InputPath or OutputPath: None for ``$``, an empty object for null."""
        if text is None:
            return lambda _: {}
        return None if text == "$" else self._required_path(text, path)

    def _result_path(self, text: str | None, path: JsonPath) -> Write | None:
        if text is None:
            return Discard()
        if text == "$":
            return None
        try:
            return compile_reference_path(text)
        except ExpressionSyntaxError as error:
            self._report(SCHEMA_VALIDATION_FAILED, f"Value is not a Reference Path: {error.message}", path)
            return None

    def _template(self, template: Json | model.Absent, path: JsonPath) -> Evaluate | None:
        if template is ABSENT:
            return None
        try:
            return compile_template(template).evaluate
        except TemplateSyntaxError as errors:
            for inner, _ in errors.errors:
                # AWS locates the fault at the object that has the field.
                self._report(
                    SCHEMA_VALIDATION_FAILED, _NO_EXPRESSION.format(inner[-1]), (*path, *inner[:-1]), (*path, *inner)
                )
            return None

    def _text(self, text: str | None, path: str | None, field: str, state: JsonPath) -> Callable[[Values], str] | None:
        if path is None:
            return None if text is None else (lambda _: text)
        try:
            evaluate = compile_field(field, path)
        except ExpressionSyntaxError:
            self._report(SCHEMA_VALIDATION_FAILED, _NO_EXPRESSION.format(field), state, (*state, field))
            return None

        def value(values: Values) -> str:
            found = evaluate(values)
            if not isinstance(found, str):
                raise EvaluationError(RUNTIME, f"The {field} parameter does not reference a string value: {path}")
            return found

        return value

    def _seconds(self, field: str, value: int | str | None, text: str | None, state: JsonPath) -> Number | None:
        return self._number(field, value, text, state, minimum=1, maximum=numbers.MAX_SECONDS)

    def _number(
        self,
        field: str,
        value: int | str | None,
        text: str | None,
        state: JsonPath,
        minimum: int = 0,
        maximum: int | None = None,
    ) -> Number | None:
        if text is not None:
            path = self._required_path(text, (*state, f"{field}Path"))
            return numbers.integer_at(f"{field}Path", text, path, minimum, maximum)
        return numbers.constant(value) if isinstance(value, int) else None

    def _condition(self, condition: model.ChoiceCondition, path: JsonPath) -> Condition:
        match condition:
            case model.And(rules=rules):
                tests = [self._condition(rule, path) for rule in rules]
                return lambda values: all(test(values) for test in tests)
            case model.Or(rules=rules):
                tests = [self._condition(rule, path) for rule in rules]
                return lambda values: any(test(values) for test in tests)
            case model.Not(rule=rule):
                test = self._condition(rule, path)
                return lambda values: not test(values)
            case model.Comparison():
                try:
                    return compile_comparison(condition.variable, condition.operator, condition.operand)
                except ExpressionSyntaxError as error:
                    where = condition.path or path
                    self._report(SCHEMA_VALIDATION_FAILED, f"Value is not a valid JSONPath: {error.message}", where)
                    return bool
            case model.JsonataCondition():
                raise AssertionError("a JSONPath rule has no Condition: the parser refuses it")
