"""Finds the state machines of a template, and the definition of each in whichever form it is given.

Sources: CloudFormation user guide, AWS::StepFunctions::StateMachine; SAM developer guide, AWS::Serverless::StateMachine
(DefinitionUri is a path beside the template, or an object in S3); exactly one form may be given
(aws-cloudformation-resource-providers-stepfunctions, validateDefinitionCount). ``aws cloudformation package`` takes a
path in DefinitionS3Location as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from statemachine.definition.diagnostics import Diagnostic, JsonPath, Position, Severity
from statemachine.definition.placeholders import has_bare_placeholder, literal_text
from statemachine.definition.source import (
    INVALID_JSON,
    TOO_LARGE,
    Source,
    SourceFormat,
    line_starts,
    load_source,
    position_at,
)
from statemachine.definition.templates.files import path_beside
from statemachine.definition.templates.functions import (
    DEFINITION_PROPERTIES,
    NO_VALUE,
    SUB,
    TEMPLATE,
    TO_JSON_STRING,
    adds_fields,
    function_name,
    text_of,
    unknown,
)
from statemachine.definition.templates.model import TemplateDefinition, TemplateDefinitions
from statemachine.definition.templates.text import (
    UNKNOWN,
    ComposedText,
    Fragment,
    PositionOf,
    Substitutions,
    is_literal,
)
from statemachine.definition.textplaces import offsets_inside
from statemachine.errors import DefinitionError
from statemachine.jsonvalue import Json
from statemachine.limits import DEFINITION_LIMITS

EMBEDDING: Final = "SM_TEMPLATE"
DEFINITION_FILE: Final = "SM_TEMPLATE_FILE"
SUBSTITUTION_MISSING: Final = "SM_SUBSTITUTION_MISSING"
SUBSTITUTION_UNUSED: Final = "SM_SUBSTITUTION_UNUSED"

Read = Callable[[str], str]

_TYPE_PROPERTY: Final = {
    "AWS::StepFunctions::StateMachine": "StateMachineType",
    "AWS::Serverless::StateMachine": "Type",
}
_FORMS: Final = {
    "AWS::StepFunctions::StateMachine": ("Definition", "DefinitionString", "DefinitionS3Location"),
    "AWS::Serverless::StateMachine": ("Definition", "DefinitionUri"),
}
_KEY = r"""["']?(?:AWSTemplateFormatVersion|Transform|Resources)["']?\s*+:"""
_MARKS = re.compile(rf"^[ \t]*+\{{?[ \t]*+{_KEY}", re.MULTILINE)
"""What a template has and no definition: cheap to look for."""
_AT_TOP = re.compile(rf"\A\s*+\{{\s*+{_KEY}|^{_KEY}", re.MULTILINE)
"""What tells a template that cannot be read."""


def find_definitions(text: str, file: str | None = None, read: Read | None = None) -> TemplateDefinitions | None:
    """The definitions of a template's state machines; None if the text is no CloudFormation or SAM template.

    `read` gives the text of a file that DefinitionUri names, by the path joined with the template's directory; it
    raises OSError or ValueError for what it cannot read (see `read_definition_file`). Without `read`, such definitions
    are skipped.
    """
    if not _MARKS.search(text):
        return None
    try:
        template = load_source(text, file=file, dialect=TEMPLATE)
    except DefinitionError as error:
        if _AT_TOP.search(text) and any(kind in text for kind in _FORMS):
            return TemplateDefinitions(definitions=(), diagnostics=tuple(error.diagnostics))
        return None
    if not _is_template(template.value):
        return None
    found = [
        _Resource(template, logical_id, resource, read).definition()
        for logical_id, resource in template.value["Resources"].items()
        if _is_state_machine(resource)
    ]
    return TemplateDefinitions(definitions=tuple(found))


def _is_template(value: dict[str, Json]) -> bool:
    resources = value.get("Resources")
    if not isinstance(resources, dict) or "States" in value:
        return False
    return (
        "AWSTemplateFormatVersion" in value or "Transform" in value or any(map(_is_state_machine, resources.values()))
    )


def _is_state_machine(resource: Json) -> bool:
    kind = resource.get("Type") if isinstance(resource, dict) else None
    return isinstance(kind, str) and kind in _FORMS


class _SkippedError(Exception):
    """The definition is not here; the message says why."""


class _Resource:
    """One state machine of a template."""

    def __init__(self, template: Source, logical_id: str, resource: dict[str, Json], read: Read | None) -> None:
        self.template = template
        self.logical_id = logical_id
        self.kind: str = resource["Type"]
        self.path: JsonPath = ("Resources", logical_id, "Properties")
        properties = resource.get("Properties")
        self.properties: dict[str, Json] = properties if isinstance(properties, dict) else {}
        self.read = read
        self.found: list[Diagnostic] = []
        self.substitutions = Substitutions(self._substitution_values(), DEFINITION_LIMITS.bytes)
        self._offsets: dict[JsonPath, list[int]] = {}
        self._line_starts: list[int] = []
        self._characters_left = DEFINITION_LIMITS.bytes

    def definition(self) -> TemplateDefinition:
        """The definition, and what is wrong with its embedding."""
        source: Source | None = None
        skipped = None
        express = self._express()
        try:
            source = self._source()
        except DefinitionError as error:
            self.found += error.diagnostics
        except _SkippedError as reason:
            skipped = str(reason)
        return TemplateDefinition(
            logical_id=self.logical_id,
            position=self.template.position(self.path[:2], key=True),
            express=express,
            source=source,
            diagnostics=tuple(self.found),
            skipped=skipped,
        )

    def _say(self, message: str, position: Position, *, code: str = EMBEDDING, hint: str | None = None) -> None:
        """Report a mistake of the embedding, at a place in the template."""
        self.found.append(Diagnostic(code, message, None, position=position, file=self.template.file, suggestion=hint))

    def _warn(self, code: str, message: str, position: Position, file: str | None, hint: str | None = None) -> None:
        severity = Severity.WARNING
        self.found.append(Diagnostic(code, message, None, severity, position=position, file=file, suggestion=hint))

    def _at(self, *names: str, key: bool = False) -> Position:
        return self.template.position((*self.path, *names), key=key)

    # --- the other properties -------------------------------------------------------------------------------------

    def _express(self) -> bool | None:
        name = _TYPE_PROPERTY[self.kind]
        value = self.properties.get(name, "STANDARD")
        if value in ("STANDARD", "EXPRESS"):
            return bool(value == "EXPRESS")
        if function_name(value) is None:
            self._say(f"{name} should be one of the following: [STANDARD, EXPRESS]", self._at(name))
        return None

    def _substitution_values(self) -> dict[str, str | None]:
        values = self.properties.get("DefinitionSubstitutions", {})
        if function_name(values) is not None or (isinstance(values, dict) and adds_fields(values)):
            return {}
        if not isinstance(values, dict):
            position = self._at("DefinitionSubstitutions")
            self._say("DefinitionSubstitutions should be an object of names and values", position)
            return {}
        return {name: literal_text(each) if is_literal(each) else UNKNOWN for name, each in values.items()}

    def _check_substitutions(self, position_of: PositionOf, file: str | None) -> None:
        given = self.properties.get("DefinitionSubstitutions", {})
        if function_name(given) is not None or adds_fields(given if isinstance(given, dict) else {}):
            return
        for name, (path, index) in self.substitutions.missing.items():
            message = f"${{{name}}} has no substitution, and stays as it is"
            hint = "add it to DefinitionSubstitutions"
            if self.kind.startswith("AWS::StepFunctions"):
                hint += ", or use Fn::Sub"
            self._warn(SUBSTITUTION_MISSING, message, position_of(path, index), file, hint)
        for name in self.substitutions.values:
            if name not in self.substitutions.used:
                position = self._at("DefinitionSubstitutions", name, key=True)
                message = f"The substitution {name} is not used in the definition"
                self._warn(SUBSTITUTION_UNUSED, message, position, self.template.file)

    # --- the forms of a definition --------------------------------------------------------------------------------

    def _source(self) -> Source | None:
        given = [name for name in DEFINITION_PROPERTIES[:4] if name in self.properties]
        allowed = _FORMS[self.kind]
        for name in given:
            if name not in allowed:
                message = f"{self.kind} has no property {name}: give one of [{', '.join(allowed)}]"
                self._say(message, self._at(name, key=True))
                return None
        if not given:
            if adds_fields(self.properties):
                raise _SkippedError("a macro gives the resource's properties")
            message = f"The state machine has no definition: give one of [{', '.join(allowed)}]"
            self._say(message, self.template.position(self.path[:2], key=True))
            return None
        if len(given) > 1:
            message = f"The state machine has more than one definition: give only one of [{', '.join(given)}]"
            self._say(message, self._at(given[1], key=True))
            return None
        value = self.properties[given[0]]
        path = (*self.path, given[0])
        match given[0]:
            case "Definition":
                return self._from_object(value, path)
            case "DefinitionString":
                return self._from_string(value, path)
            case name:
                return self._from_file(name, value)

    def _from_object(self, value: Json, base: JsonPath) -> Source | None:
        name = function_name(value)
        if name is not None:
            raise _SkippedError(f"{name} gives the definition")
        if not isinstance(value, dict):
            self._say("Definition should be an object", self._at("Definition"))
            return None
        composed: dict[JsonPath, ComposedText] = {}
        known = self._known(value, base, composed)
        template = self.template
        self._check_substitutions(self._position, template.file)

        def locate(path: JsonPath, *, key: bool = False, inside: int | None = None) -> Position:
            whole = (*base, *path)
            if inside is None:
                return template.position(whole, key=key)
            return composed[whole].position(inside) if whole in composed else template.inside(whole, inside)

        return Source(known, template.text, template.file, template.format, template.limits, locate=locate)

    def _known(self, value: Json, path: JsonPath, composed: dict[JsonPath, ComposedText]) -> Any:
        """The definition with what is known of it; the texts that are put together go to `composed`. As deep as the
        template, whose depth is bounded."""
        if isinstance(value, str):
            return value if "${" not in value else self._text([Fragment(value, path)], path, composed)
        if isinstance(value, list):
            return [self._known(each, (*path, index), composed) for index, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        name = function_name(value)
        if name is None:
            if adds_fields(value):
                raise _SkippedError("a macro gives a part of the definition")
            self.substitutions.fragments(Fragment(key, (*path, key), exact=False) for key in value)
            return {key: self._known(each, (*path, key), composed) for key, each in value.items() if each != NO_VALUE}
        fragments = text_of(value, path, DEFINITION_LIMITS.bytes)
        if fragments is None:
            return unknown(name, value[name])
        return self._text(fragments, path, composed)

    def _text(self, fragments: list[Fragment], path: JsonPath, composed: dict[JsonPath, ComposedText]) -> str:
        """A text of the definition with its substitutions. All of them together are bounded as a definition is."""
        text = ComposedText(
            self.substitutions.fragments(fragments), self._position, self.template.text, self.template.file
        )
        self._characters_left -= len(text.text)
        if self._characters_left < 0:
            message = f"The definition is larger than {DEFINITION_LIMITS.bytes} bytes"
            found = Diagnostic(TOO_LARGE, message, None, position=self.template.position(path), file=text.file)
            raise DefinitionError([found])
        composed[path] = text
        return text.text

    def _from_string(self, value: Json, path: JsonPath) -> Source | None:
        name = function_name(value)
        if name == TO_JSON_STRING:
            return self._from_object(value[name], (*path, name))
        fragments = text_of(value, path, DEFINITION_LIMITS.bytes)
        if fragments is None:
            if name is not None:
                raise _SkippedError(f"{name} gives the definition")
            hint = "an object is written in Definition" if isinstance(value, dict) else None
            self._say("DefinitionString should be a string", self._at("DefinitionString"), hint=hint)
            return None
        return self._load(fragments, self._position, self.template.text, self.template.file, SourceFormat.JSON)

    def _load(
        self,
        fragments: list[Fragment],
        position_of: PositionOf,
        written: str,
        file: str | None,
        format: SourceFormat | None,
    ) -> Source:
        composed = ComposedText(self.substitutions.fragments(fragments), position_of, written, file)
        self._check_substitutions(position_of, file)
        try:
            return composed.load(format)
        except DefinitionError as error:
            is_text = any(each.code == INVALID_JSON for each in error.diagnostics)
            if is_text and has_bare_placeholder(composed.text):
                raise _SkippedError("a placeholder stands for a part of its text") from None
            raise

    def _from_file(self, name: str, value: Json) -> Source | None:
        if isinstance(value, dict) and function_name(value) not in (None, SUB):
            raise _SkippedError(f"{function_name(value)} gives the place of the definition")
        if isinstance(value, dict) or (isinstance(value, str) and value.startswith("s3://")):
            raise _SkippedError("the definition is an object in S3")
        if not isinstance(value, str):
            self._say(f"{name} should be a path, or an object in S3", self._at(name))
            return None
        if re.match(r"\w{2,}://", value):
            raise _SkippedError(f"the definition is at {value[: value.index(':')]}:")
        if self.read is None:
            raise _SkippedError("the definition is in a file of its own")
        try:
            file = path_beside(self.template.file, value)
            text = self.read(file).removeprefix("\ufeff")
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            message = f"The file {value[:200]!r} of {name} cannot be read: {reason}"
            self._say(message, self._at(name), code=DEFINITION_FILE)
            return None
        lines = line_starts(text)
        return self._load([Fragment(text, ())], lambda _, index: position_at(lines, index), text, file, None)

    # --- positions ------------------------------------------------------------------------------------------------

    def _position(self, path: JsonPath, index: int) -> Position:
        """Where in the template the character of a scalar stands."""
        offsets = self._offsets.get(path)
        if not self._line_starts:
            self._line_starts = line_starts(self.template.text)
        if offsets is None:
            value = self.template.value
            for part in path:
                value = value[part]
            start = self.template.offset(path) or 0
            is_text = isinstance(value, str) and self.template.is_written(path)
            offsets = offsets_inside(self.template.text, start, value) if is_text else [start]
            self._offsets[path] = offsets
        return position_at(self._line_starts, offsets[min(index, len(offsets) - 1)])
