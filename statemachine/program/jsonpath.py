"""The JSONPath language: a state's paths, templates, comparisons and numbers compiled to closures.

Every mistake is reported with AWS's code and wording where they are known (fact intrinsic-escaped-double-quote-
rejected, recorded refusals): ``The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function
call``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from statemachine.definition import model
from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, JsonPath, Note
from statemachine.definition.model import ABSENT
from statemachine.errors import RUNTIME, EvaluationError, Failure
from statemachine.expressions.base import Evaluate, ExpressionSyntaxError, Values
from statemachine.expressions.comparisons import compile_comparison
from statemachine.expressions.intrinsics import intrinsic_name
from statemachine.expressions.jsonpath import compile_path, compile_reference_path
from statemachine.expressions.path_or_intrinsic import compile_field
from statemachine.expressions.template import TemplateSyntaxError, compile_template
from statemachine.jsonvalue import Json
from statemachine.program import numbers
from statemachine.program.dataflow import Discard, JsonPathCatchFlow, JsonPathFlow, Write, follow
from statemachine.program.nodes import Address, Condition, Number, RuleNode
from statemachine.program.report import Report
from statemachine.timestamps import parse_timestamp_ms

DUPLICATE_FIELD: Final = "SM_DUPLICATE_FIELD"
_GIVE_TEXTS: Final = ("Format", "JsonToString", "ArrayGetItem", "Base64Encode", "Base64Decode", "Hash", "UUID")
"""The intrinsic functions for ErrorPath and CausePath (states-language.net, "Fail State")."""
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

        def items(values: Values, effective_input: Json) -> list[Json]:
            found = follow(path, values.with_input(effective_input))
            if not isinstance(found, list):
                raise EvaluationError(RUNTIME, f'Reference path "{shown}" must point to array.')
            return found

        return items

    def item_selector(self, state: model.Map) -> Evaluate | None:
        """ItemSelector, or the Parameters of the legacy form."""
        field = "ItemSelector" if state.parameters is ABSENT else "Parameters"
        return self._template(state.item_selector, (*state.path, field))

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
            message = f"Value is not a valid JSONPath: {error.message}"
            self._report(SCHEMA_VALIDATION_FAILED, message, path, offset=error.offset)
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
            message = f"Value is not a Reference Path: {error.message}"
            self._report(SCHEMA_VALIDATION_FAILED, message, path, offset=error.offset)
            return None

    def _template(self, template: Json | model.Absent, path: JsonPath) -> Evaluate | None:
        if template is ABSENT:
            return None
        self._equal_fields(template, path)
        try:
            return compile_template(template).evaluate
        except TemplateSyntaxError as errors:
            for inner, error in errors.errors:
                # AWS locates the fault at the object that has the field.
                self._no_expression(str(inner[-1]), (*path, *inner[:-1]), (*path, *inner), error)
            return None

    def _no_expression(self, field: str, path: JsonPath, place: JsonPath, error: ExpressionSyntaxError) -> None:
        note = Note(error.message, place)
        suggestion = f"did you mean `{error.meant}`?" if error.meant else None
        self._report(
            SCHEMA_VALIDATION_FAILED,
            _NO_EXPRESSION.format(field),
            path,
            place,
            offset=error.offset,
            suggestion=suggestion,
            notes=(note,),
        )

    def _equal_fields(self, template: Json, path: JsonPath) -> None:
        """``a`` beside ``a.$``: both give the field ``a`` (states-language.net, "Payload Template")."""
        if isinstance(template, list):
            for index, each in enumerate(template):
                self._equal_fields(each, (*path, index))
        elif isinstance(template, dict):
            for key, each in template.items():
                if key.endswith(".$"):
                    plain = key.removesuffix(".$")
                    if plain in template:
                        message = f"The fields '{plain}' and '{key}' of one object give the same field"
                        note = Note(f"`{key}` stands here", (*path, key))
                        place = (*path, plain)
                        self._report(DUPLICATE_FIELD, message, path, place, notes=(note,), runs=True)
                else:
                    self._equal_fields(each, (*path, key))

    def _text(self, text: str | None, path: str | None, field: str, state: JsonPath) -> Callable[[Values], str] | None:
        if path is None:
            return None if text is None else (lambda _: text)
        try:
            evaluate = compile_field(field, path)
            if (name := intrinsic_name(path)) is not None and name not in _GIVE_TEXTS:
                listed = ", ".join(_GIVE_TEXTS)
                message = f"States.{name} gives no text: {field} takes a path or one of {listed}"
                raise ExpressionSyntaxError(message, path)
        except ExpressionSyntaxError as error:
            self._no_expression(field, state, (*state, field), error)
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
                    wrong = "Variable" if error.expression.strip() == condition.variable.strip() else condition.operator
                    message = f"Value is not a valid JSONPath: {error.message}"
                    self._report(SCHEMA_VALIDATION_FAILED, message, (*where, wrong), offset=error.offset)
                    return bool
            case model.JsonataCondition():
                raise AssertionError("a JSONPath rule has no Condition: the parser refuses it")
