"""What one object of a definition may hold: fields, types, ranges, and fields that exclude or need each other.

Rules
- The tables of `fields` say what is allowed; only what a table cannot say is written out here.
- Every fault is found, and found once: a misspelt field is not also missing, a state without a known Type is not looked
  into, a rule in the wrong query language is not also incomplete.
- Codes, messages and places are AWS's where they are known (facts validate-*, recorded answers of
  ValidateStateMachineDefinition and CreateStateMachine): an unsupported or missing field is reported at the object,
  `place` names the key; a wrong value is reported where it stands.
- A value that is a placeholder (see `placeholders`) is not known: it is no fault, and is reported to `not_known`.
- The value comes from `source`, which has bounded its depth; blocks inside blocks and rules inside rules are bounded
  here once more, since they recurse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from statemachine.definition import fields
from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath, Note, Severity
from statemachine.definition.fields import Field, JsonType, Shape
from statemachine.definition.model import QueryLanguage
from statemachine.definition.placeholders import has_placeholder, is_placeholder
from statemachine.definition.suggestions import Suggestions
from statemachine.errors import ALL
from statemachine.jsonvalue import Json, encode_json, is_number
from statemachine.limits import AWS_LIMITS
from statemachine.timestamps import parse_timestamp

INVALID_STATE_NAME: Final = "INVALID_STATE_NAME"
INVALID_LABEL_NAME: Final = "INVALID_LABEL_NAME"
TOO_DEEPLY_NESTED: Final = "TOO_DEEPLY_NESTED"
VARIABLE_NAME: Final = "SM_VARIABLE_NAME"

RULE_DEPTH_MAX: Final = 64
"""And, Or and Not inside each other; the definition's own depth allows about as many."""

NotKnown = Callable[[JsonPath, Json], None]
"""Takes the place of a value that is not known, and a right value for it; None if there is none."""

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_BOOLEANS: Final = MappingProxyType({"true": "true", "yes": "true", "false": "false", "no": "false"})
"""What is written for a boolean, and what it means."""

Missing = frozenset[str]
"""Fields that are misspelt rather than missing."""


def ignore(_path: JsonPath, _stand_in: Json) -> None:
    """For callers who need not know what is not known."""


def check_structure(value: Json, not_known: NotKnown = ignore) -> list[Diagnostic]:
    """All faults of a definition's objects, in the order of the text. The graph is `validate`'s matter."""
    check = _Structure(not_known)
    check.machine(value)
    return check.found


def is_expression(value: Json) -> bool:
    """Whether it is a JSONata expression: a string ``{% … %}`` (fact jsonata-delimiter-needs-exact-edges)."""
    return isinstance(value, str) and len(value) >= 4 and value.startswith("{%") and value.endswith("%}")


def has_type(value: Json, type_: JsonType) -> bool:
    """Whether a value is of this type. 3.0 is an Integer, true is no Number."""
    match type_:
        case JsonType.STRING:
            return isinstance(value, str)
        case JsonType.INTEGER:
            return is_number(value) and (isinstance(value, int) or value.is_integer())
        case JsonType.NUMBER:
            return is_number(value)
        case JsonType.BOOLEAN:
            return isinstance(value, bool)
        case JsonType.OBJECT:
            return isinstance(value, dict)
        case JsonType.ARRAY:
            return isinstance(value, list)


def language_of(name: Json, default: QueryLanguage | None) -> QueryLanguage | None:
    """The query language of this name, None for a name that is none."""
    if name is None:
        return default
    return QueryLanguage(name) if name in ("JSONPath", "JSONata") else None


class _Structure:
    def __init__(self, not_known: NotKnown) -> None:
        self.found: list[Diagnostic] = []
        self.not_known = not_known
        self.suggestions = Suggestions()
        self.machine_language: QueryLanguage | None = QueryLanguage.JSONPATH

    def fault(
        self,
        path: JsonPath,
        message: str,
        *,
        place: JsonPath | None = None,
        code: str = SCHEMA_VALIDATION_FAILED,
        suggestion: str | None = None,
        notes: tuple[Note, ...] = (),
        runs: bool = False,
    ) -> None:
        self.found.append(Diagnostic(code, message, path, place=place, suggestion=suggestion, notes=notes, runs=runs))

    # --- one object, by its table ---------------------------------------------------------------------------------

    def object(self, shape: Shape, value: dict[str, Json], path: JsonPath, language: QueryLanguage | None) -> Missing:
        """Check an object by its table. Returns the fields that stand there under a misspelt name."""
        unknown = []
        for key, item in value.items():
            field = shape.fields.get(key)
            if field is None:
                unknown.append(key)
            elif field.language is not None and language is not None and field.language is not language:
                self._wrong_language(field, path, language)
            else:
                self.value(field, item, (*path, key), language)
        misspelt = self._unknown(unknown, shape, value, path)
        missing = [name for name in shape.required if name not in value and name not in misspelt]
        if missing:
            self.fault(path, f"These fields are required: [{', '.join(missing)}]")
        for group in shape.one_of:
            if not misspelt.intersection(group):
                self._one_of(group, value, path)
        for group in shape.at_most_one_of:
            self._at_most_one_of(group, value, path)
        return misspelt

    def _unknown(self, unknown: Sequence[str], shape: Shape, value: dict[str, Json], path: JsonPath) -> Missing:
        misspelt = set()
        for key in unknown:
            meant = self.suggestions.closest(key, (name for name in shape.fields if name not in value))
            if meant:
                misspelt.add(meant)
            suggestion = f"did you mean `{meant}`?" if meant else None
            self.fault(path, f"Field '{key}' is not supported", place=(*path, key), suggestion=suggestion)
        return frozenset(misspelt)

    def _wrong_language(
        self, field: Field, path: JsonPath, language: QueryLanguage, *, place: JsonPath | None = None
    ) -> None:
        message = (
            f"The QueryLanguage is set to '{language.value}', but field '{field.name}' is only supported "
            f"for the '{field.language}' QueryLanguage"
        )
        self.fault(path, message, place=(*path, field.name) if place is None else place)

    def _one_of(self, group: Sequence[str], value: dict[str, Json], path: JsonPath) -> None:
        if not any(name in value for name in group):
            self.fault(path, f"This object should have only one of the following fields: [{', '.join(group)}]")
        self._at_most_one_of(group, value, path)

    def _at_most_one_of(self, group: Sequence[str], value: dict[str, Json], path: JsonPath) -> None:
        present = [name for name in value if name in group]
        if len(present) > 1:
            message = f"There should only be one of the following fields: [{', '.join(group)}]"
            self.fault(path, message, place=(*path, present[1]), notes=(_stands(path, present[0]),))

    def value(self, field: Field, value: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        """Check what one field holds."""
        if field.type is None or (value is None and field.nullable):
            return
        if field.expression and isinstance(value, str) and language is not QueryLanguage.JSONPATH:
            if is_expression(value):
                return
            if value.startswith("{%"):
                self.fault(path, "JSONata string must start with {% and end with %}")
                return
        if not has_type(value, field.type):
            if is_placeholder(value):
                self.not_known(path, fields.example(field))
                return
            self.fault(path, f"Expected value of type {field.type.value}", suggestion=_meant(field, value))
        elif field.values:
            self._enumerated(field, value, path)
        elif field.non_empty and not value:
            self.fault(path, "Value cannot be empty")
        elif field.minimum is not None or field.maximum is not None:
            self._range(field, value, path)
        elif field.timestamp and parse_timestamp(value) is None:
            if has_placeholder(value):
                self.not_known(path, fields.example(field))
                return
            self.fault(path, "String does not match RFC3339 timestamp", suggestion="write 2030-01-31T12:00:00Z")
        elif field.items is not None:
            self._elements(field.items, value, path)

    def _elements(self, type_: JsonType, value: list[Json], path: JsonPath) -> None:
        for index, item in enumerate(value):
            if is_placeholder(item):
                if type_ is not JsonType.STRING:
                    self.not_known((*path, index), None)
            elif not has_type(item, type_):
                self.fault((*path, index), f"Expected value of type {type_.value}")

    def _range(self, field: Field, value: float, path: JsonPath) -> None:
        if field.minimum is not None and value < field.minimum:
            runs = field.runs_from is not None and value >= field.runs_from
            self.fault(path, f"Minimum value is {field.minimum}", runs=runs)
        elif field.maximum is not None and value > field.maximum:
            self.fault(path, f"Maximum value is {field.maximum}")

    def _enumerated(self, field: Field, value: str, path: JsonPath) -> None:
        if value in field.values:
            return
        if has_placeholder(value):
            self.not_known(path, fields.example(field))
        else:
            suggestion = self.suggestions.sentence(value, field.values)
            listed = ", ".join(field.values)
            self.fault(path, f"Value should be one of the following: [{listed}]", suggestion=suggestion)

    # --- machine, blocks and states -------------------------------------------------------------------------------

    def machine(self, value: Json) -> None:
        if not isinstance(value, dict):
            self.found.append(Diagnostic(SCHEMA_VALIDATION_FAILED, "Definition must be a valid JSON object", None))
            return
        if "QueryLanguage" in value:
            self.machine_language = language_of(value["QueryLanguage"], None)
        self.object(fields.STATE_MACHINE, value, (), self.machine_language)
        self._states(value.get("States"), ("States",), 0)

    def _states(self, states: Json, path: JsonPath, depth: int) -> None:
        if not isinstance(states, dict):
            return
        if depth > AWS_LIMITS.depth:
            message = f"Parallel and Map states are nested deeper than {AWS_LIMITS.depth} levels"
            self.fault(path[:-1], message, code=TOO_DEEPLY_NESTED)
            return
        for name, state in states.items():
            here = (*path, name)
            self._state_name(name, here)
            if not isinstance(state, dict):
                if is_placeholder(state):
                    self.not_known(here, None)
                else:
                    self.fault(here, "Expected value of type Object")
                continue
            self._state(state, here, depth)

    def _state_name(self, name: str, path: JsonPath) -> None:
        if not name:
            self.fault(path, "The state name is empty", code=INVALID_STATE_NAME, place=path)
        elif len(name) > fields.STATE_NAME_LENGTH_MAX and not has_placeholder(name):
            message = (
                f"The state name '{name[:24]}…' exceeds the {fields.STATE_NAME_LENGTH_MAX}-character limit "
                "allowed by the service"
            )
            self.fault(path, message, code=INVALID_STATE_NAME, place=path)

    def _state(self, state: dict[str, Json], path: JsonPath, depth: int) -> None:
        type_name = state.get("Type")
        if type_name is None and "Type" not in state:
            self._unknown([key for key in state if key.lower() == "type"], fields.STATES["Pass"], state, path)
            if not any(key.lower() == "type" for key in state):
                self.fault(path, "These fields are required: [Type]")
            return
        if not isinstance(type_name, str):
            self.fault((*path, "Type"), "Expected value of type String")
            return
        shape = fields.STATES.get(type_name)
        if shape is None and has_placeholder(type_name):
            self.not_known((*path, "Type"), None)
            return
        if shape is None:
            listed = ", ".join(fields.STATE_TYPES)
            message = f"The field 'Type' should have one of these values: [{listed}]"
            suggestion = self.suggestions.sentence(type_name, fields.STATE_TYPES)
            self.fault((*path, "Type"), message, suggestion=suggestion)
            return
        language = self._state_language(state, path)
        misspelt = self.object(shape, state, path, language)
        if type_name in fields.FLOW_TYPES:
            self._next_or_end(state, path, misspelt)
        self._assign(state.get("Assign"), (*path, "Assign"), language)
        self._retriers(state.get("Retry"), (*path, "Retry"), language)
        self._catchers(state.get("Catch"), (*path, "Catch"), language)
        match type_name:
            case "Task":
                self._task(state, path)
            case "Choice":
                self._choice(state, path, language)
            case "Parallel":
                self._parallel(state, path, depth)
            case "Map":
                self._map(state, path, language, depth)

    def _state_language(self, state: dict[str, Json], path: JsonPath) -> QueryLanguage | None:
        language = language_of(state.get("QueryLanguage"), self.machine_language)
        if self.machine_language is QueryLanguage.JSONATA and language is QueryLanguage.JSONPATH:
            message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            # Recorded for a state of the outermost block; deeper it is unknown, and known validators accept it.
            severity = Severity.ERROR if len(path) == 2 else Severity.WARNING
            place = (*path, "QueryLanguage")
            self.found.append(Diagnostic(SCHEMA_VALIDATION_FAILED, message, path, severity, place=place))
            return None if severity is Severity.ERROR else language
        return language

    def _next_or_end(self, state: dict[str, Json], path: JsonPath, misspelt: Missing) -> None:
        end = state.get("End")
        if "Next" in state and end is True:
            self.fault(path, "There should only be one of the following fields: [Next, End]", place=(*path, "End"))
        elif "Next" not in state and end in (None, False) and not misspelt & {"Next", "End"}:
            self.fault(path, "This object should have only one of the following fields: [Next, End]")

    def _assign(self, assign: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        if not isinstance(assign, dict):
            return
        for key in assign:
            if has_placeholder(key):
                self.not_known((*path, key), assign[key] or {})
                continue
            name = key if language is QueryLanguage.JSONATA else key.removesuffix(".$")
            message = None
            if name == "states":
                message = "The variable name 'states' is reserved"
            elif len(name) > fields.VARIABLE_NAME_LENGTH_MAX:
                message = f"The variable name is longer than {fields.VARIABLE_NAME_LENGTH_MAX} characters"
            elif not name.replace("-", "_").isidentifier():
                message = f"'{name}' is no variable name: letters, digits and underscores, beginning with no digit"
            if message:
                self.fault((*path, key), message, place=(*path, key))
            elif "-" in name:
                # The guide forbids it; that AWS takes it in JSONata is claimed (tests/conformance/VALIDATION.md).
                severity = Severity.ERROR if language is QueryLanguage.JSONPATH else Severity.WARNING
                message = f"The variable '{name}' cannot be read: a hyphen ends the name in a path or expression"
                place = (*path, key)
                self.found.append(Diagnostic(VARIABLE_NAME, message, place, severity, place=place, runs=True))

    # --- errors ---------------------------------------------------------------------------------------------------

    def _retriers(self, retriers: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        for at, retrier in _objects(retriers, path):
            self.object(fields.RETRIER, retrier, at, language)
        self._states_all(retriers, path)

    def _catchers(self, catchers: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        for at, catcher in _objects(catchers, path):
            self.object(fields.CATCHER, catcher, at, language)
            self._assign(catcher.get("Assign"), (*at, "Assign"), language)
        self._states_all(catchers, path)

    def _states_all(self, handlers: Json, path: JsonPath) -> None:
        for at, handler in _objects(handlers, path):
            names = handler.get("ErrorEquals")
            if isinstance(names, list) and ALL in names and (len(names) > 1 or at[-1] != len(handlers) - 1):
                self.fault((*at, "ErrorEquals"), "States.ALL must appear alone and at end of list")

    # --- the state types ------------------------------------------------------------------------------------------

    def _task(self, state: dict[str, Json], path: JsonPath) -> None:
        timeout: Json = state.get("TimeoutSeconds")
        heartbeat: Json = state.get("HeartbeatSeconds")
        if is_number(timeout) and is_number(heartbeat) and heartbeat >= timeout >= 1:
            self.fault((*path, "HeartbeatSeconds"), "HeartbeatSeconds must be smaller than TimeoutSeconds")
        credentials = state.get("Credentials")
        if isinstance(credentials, dict) and not {"RoleArn", "RoleArn.$"} & credentials.keys():
            self.fault((*path, "Credentials"), "The field 'RoleArn' is required but was missing")

    def _choice(self, state: dict[str, Json], path: JsonPath, language: QueryLanguage | None) -> None:
        for at, rule in _objects(state.get("Choices"), (*path, "Choices")):
            self._rule(fields.CHOICE_RULE, rule, at, language, 0)
            self._assign(rule.get("Assign"), (*at, "Assign"), language)

    def _rule(
        self, shape: Shape, rule: dict[str, Json], path: JsonPath, language: QueryLanguage | None, depth: int
    ) -> None:
        if depth > RULE_DEPTH_MAX:
            message = f"Choice rules are nested deeper than {RULE_DEPTH_MAX} levels"
            self.fault(path, message, code=TOO_DEEPLY_NESTED)
            return
        before = len(self.found)
        foreign = [key for key in rule if _is_foreign(shape.fields.get(key), language)]
        if foreign and language is not None:
            self._wrong_language(shape.fields[foreign[0]], path, language, place=path)
            self.object(shape, {key: item for key, item in rule.items() if key not in foreign}, path, language)
            return
        self.object(shape, rule, path, language)
        self._test(shape, rule, path, unsupported=any(key not in shape.fields for key in rule))
        if len(self.found) > before and self.found[-1].code == TOO_DEEPLY_NESTED:
            return
        for name in ("And", "Or"):
            for at, nested in _objects(rule.get(name), (*path, name)):
                self._rule(fields.NESTED_RULE, nested, at, language, depth + 1)
        if isinstance(rule.get("Not"), dict):
            self._rule(fields.NESTED_RULE, rule["Not"], (*path, "Not"), language, depth + 1)

    def _test(self, shape: Shape, rule: dict[str, Json], path: JsonPath, *, unsupported: bool) -> None:
        """That a rule tests exactly one thing. A rule with an unsupported field has its fault already."""
        tests = [name for name in fields.CONNECTIVES if name in rule and name in shape.fields]
        operators = [name for name in rule if name in fields.OPERATORS]
        if len(tests) > 1 or (not tests and not unsupported):
            listed = ", ".join(fields.CONNECTIVES)
            message = f"The object must have only one of the following fields, [{listed}]"
            self.fault(path, message, notes=tuple(_stands(path, name) for name in tests))
        elif len(operators) > 1:
            message = f"There should only be one of the following fields: [{', '.join(operators)}]"
            self.fault(path, message, notes=tuple(_stands(path, name) for name in operators))
        elif tests == ["Variable"] and not operators and not unsupported:
            self.fault(path, "The rule has a Variable but no comparison", suggestion="add one, such as `StringEquals`")
        elif tests and tests != ["Variable"] and operators:
            self.fault(path, f"Field '{operators[0]}' is not supported", place=(*path, operators[0]))

    def _parallel(self, state: dict[str, Json], path: JsonPath, depth: int) -> None:
        for at, branch in _objects(state.get("Branches"), (*path, "Branches")):
            self.object(fields.BRANCH, branch, at, None)
            self._states(branch.get("States"), (*at, "States"), depth + 1)

    def _map(self, state: dict[str, Json], path: JsonPath, language: QueryLanguage | None, depth: int) -> None:
        for name in ("ItemProcessor", "Iterator"):
            processor = state.get(name)
            if isinstance(processor, dict):
                at = (*path, name)
                self.object(fields.ITEM_PROCESSOR, processor, at, None)
                self._processor_config(processor.get("ProcessorConfig"), (*at, "ProcessorConfig"))
                self._states(processor.get("States"), (*at, "States"), depth + 1)
        self._label(state.get("Label"), (*path, "Label"))
        self._item_reader(state.get("ItemReader"), (*path, "ItemReader"), language)
        if isinstance(state.get("ItemBatcher"), dict):
            self.object(fields.ITEM_BATCHER, state["ItemBatcher"], (*path, "ItemBatcher"), language)
        self._result_writer(state.get("ResultWriter"), (*path, "ResultWriter"), language)

    def _processor_config(self, config: Json, path: JsonPath) -> None:
        if not isinstance(config, dict):
            return
        misspelt = self.object(fields.PROCESSOR_CONFIG, config, path, None)
        mode = config.get("Mode", "INLINE")
        if mode == "DISTRIBUTED" and "ExecutionType" not in config and "ExecutionType" not in misspelt:
            self.fault(path, "These fields are required: [ExecutionType]")
        elif mode == "INLINE" and "ExecutionType" in config and "Mode" not in misspelt:
            message = "Field 'ExecutionType' is not supported"
            self.fault(path, message, place=(*path, "ExecutionType"), suggestion="only Mode DISTRIBUTED has it")

    def _label(self, label: Json, path: JsonPath) -> None:
        if not isinstance(label, str) or has_placeholder(label):
            return
        message = None
        if not label:
            message = "The label is empty"
        elif len(label) > fields.LABEL_LENGTH_MAX:
            message = f"The label exceeds the {fields.LABEL_LENGTH_MAX}-character limit allowed by the service"
        else:
            wrong = next((c for c in label if c in fields.LABEL_FORBIDDEN or c < " " or "\x7f" <= c <= "\x9f"), None)
            if wrong is not None:
                message = f"The label contains the character {wrong!a}, which is not allowed"
        if message:
            self.fault(path, message, code=INVALID_LABEL_NAME)

    def _item_reader(self, reader: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        if not isinstance(reader, dict):
            return
        self.object(fields.ITEM_READER, reader, path, language)
        config = reader.get("ReaderConfig")
        if not isinstance(config, dict):
            return
        path = (*path, "ReaderConfig")
        misspelt = self.object(fields.READER_CONFIG, config, path, language)
        location = config.get("CSVHeaderLocation")
        input_type = config.get("InputType")
        if input_type == "CSV" and "CSVHeaderLocation" not in config and "CSVHeaderLocation" not in misspelt:
            self.fault(path, "These fields are required: [CSVHeaderLocation]")
        elif location is not None and input_type in ("JSON", "JSONL", "PARQUET"):
            place = (*path, "CSVHeaderLocation")
            self.fault(path, "Field 'CSVHeaderLocation' is not supported", place=place)
        elif location == "GIVEN" and "CSVHeaders" not in config and "CSVHeaders" not in misspelt:
            self.fault(path, "These fields are required: [CSVHeaders]")

    def _result_writer(self, writer: Json, path: JsonPath, language: QueryLanguage | None) -> None:
        if not isinstance(writer, dict):
            return
        misspelt = self.object(fields.RESULT_WRITER, writer, path, language)
        if not ({"Resource", "WriterConfig"} & (writer.keys() | misspelt)):
            self.fault(path, "These fields are required: [Resource]")
        config = writer.get("WriterConfig")
        if isinstance(config, dict):
            self.object(fields.WRITER_CONFIG, config, (*path, "WriterConfig"), language)


def _meant(field: Field, value: Json) -> str | None:
    """How a value of the wrong type was probably meant: quotes, or brackets, are missing or too many."""
    if field.type is JsonType.STRING and isinstance(value, bool | int | float):
        return f'write "{encode_json(value).decode()}", in quotes'
    if not isinstance(value, str):
        return None
    if is_expression(value):
        return "an expression needs the QueryLanguage JSONata" if field.expression else None
    if field.items is JsonType.STRING:
        return f"write it in brackets: [{encode_json(value[:80]).decode()}]"
    if field.type is JsonType.BOOLEAN:
        word = _BOOLEANS.get(value.lower())
    else:
        is_right = field.type is JsonType.NUMBER or "." not in value
        word = value if is_right and _NUMBER.fullmatch(value) else None
    return f"write {word}, without quotes" if word else None


def _stands(path: JsonPath, name: str) -> Note:
    return Note(f"`{name}` stands here", (*path, name))


def _is_foreign(field: Field | None, language: QueryLanguage | None) -> bool:
    return field is not None and field.language is not None and language not in (None, field.language)


def _objects(value: Json, path: JsonPath) -> list[tuple[JsonPath, dict[str, Json]]]:
    """The objects of an array, each with its path."""
    if not isinstance(value, list):
        return []
    return [((*path, index), item) for index, item in enumerate(value) if isinstance(item, dict)]
