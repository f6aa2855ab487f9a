"""CloudFormation's intrinsic functions, as far as a definition needs them: what is known of what they give.

Sources: CloudFormation user guide, "Intrinsic function reference". Only Fn::Sub, Fn::Join and Fn::ToJsonString are
looked into; of any other function nothing is known but its name, and a placeholder stands for its value. The account,
the region and the partition have examples, so that ARNs can be checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.placeholders import literal_text
from statemachine.definition.templates.text import Fragment, is_literal
from statemachine.definition.yamltext import Dialect
from statemachine.jsonvalue import Json

SUB: Final = "Fn::Sub"
JOIN: Final = "Fn::Join"
TO_JSON_STRING: Final = "Fn::ToJsonString"
GET_ATT: Final = "Fn::GetAtt"
REF: Final = "Ref"
NO_VALUE: Final[Json] = {REF: "AWS::NoValue"}

DEFINITION_PROPERTIES: Final = (
    "Definition",
    "DefinitionString",
    "DefinitionUri",
    "DefinitionS3Location",
    "DefinitionSubstitutions",
)

_SHORT_FORMS: Final[Mapping[str, str]] = {
    "!Ref": REF,
    "!Condition": "Condition",
    **{
        f"!{name}": f"Fn::{name}"
        for name in (
            "And",
            "Base64",
            "Cidr",
            "Equals",
            "FindInMap",
            "GetAZs",
            "GetAtt",
            "If",
            "ImportValue",
            "Join",
            "Length",
            "Not",
            "Or",
            "Select",
            "Split",
            "Sub",
            "ToJsonString",
            "Transform",
        )
    },
}

_EXAMPLES: Final[Mapping[str, str]] = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
}
"""Pseudo parameters that are parts of ARNs. With any value of theirs, what an ARN says of a service is the same."""

_VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")


def _concerns(path: JsonPath) -> bool:
    return len(path) >= 4 and path[0] == "Resources" and path[2] == "Properties" and path[3] in DEFINITION_PROPERTIES


TEMPLATE: Final = Dialect(function=_SHORT_FORMS.get, concerns=_concerns)
"""How a template's YAML is read."""


def function_name(value: Json) -> str | None:
    """The intrinsic function that an object is a call of."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    name = next(iter(value))
    return name if name == REF or name.startswith("Fn::") else None


def adds_fields(value: dict[str, Json]) -> bool:
    """Whether a macro puts fields beside those that are written (Fn::Transform, Fn::ForEach)."""
    return any(name.startswith(("Fn::Transform", "Fn::ForEach::")) for name in value)


def unknown(name: str, argument: Json) -> str:
    """The placeholder for what a function gives, named by what it asks for."""
    match name, argument:
        case "Ref", str():
            return f"${{{argument}}}"
        case "Fn::GetAtt", str():
            return f"${{{argument}}}"
        case "Fn::GetAtt", [str() as resource, str() as attribute]:
            return f"${{{resource}.{attribute}}}"
        case _:
            return f"${{{name}}}"


def text_of(value: Json, path: JsonPath, characters_max: int) -> list[Fragment] | None:
    """What is known of a text that stands at `path`: its fragments, with placeholders for what is not known. None if
    nothing is known, or the value is no text. Gives up, with what it has, beyond `characters_max`."""
    fragments: list[Fragment] = []
    if not _Texts(fragments, characters_max).add(value, path):
        return None
    return fragments or [Fragment("", path)]


class _Texts:
    """Puts a text together. As deep as the template, whose depth is bounded."""

    def __init__(self, fragments: list[Fragment], characters_max: int) -> None:
        self.fragments = fragments
        self.left = characters_max

    def put(self, fragment: Fragment) -> None:
        if self.left >= 0 and fragment.text:
            self.left -= len(fragment.text)
            self.fragments.append(fragment)

    def add(self, value: Json, path: JsonPath) -> bool:
        """Whether something is known of the value."""
        if isinstance(value, str):
            self.put(Fragment(value, path))
            return True
        if is_literal(value):
            self.put(Fragment(literal_text(value), path, exact=False))
            return True
        name = function_name(value)
        if name == SUB:
            return self._sub(value[SUB], (*path, SUB))
        if name == JOIN:
            return self._join(value[JOIN], (*path, JOIN))
        if name == REF and isinstance(value[REF], str) and value[REF] in _EXAMPLES:
            self.put(Fragment(_EXAMPLES[value[REF]], path, exact=False, open=False))
            return True
        return False

    def part(self, value: Json, path: JsonPath) -> None:
        """A value inside of another: what is not known of it is a placeholder."""
        if not self.add(value, path):
            name = function_name(value) or "…"
            argument = value[name] if isinstance(value, dict) and name in value else None
            self.put(Fragment(unknown(name, argument), path, exact=False, open=False))

    def _join(self, argument: Json, path: JsonPath) -> bool:
        match argument:
            case [str() as delimiter, list() as parts]:
                for index, part in enumerate(parts):
                    if index:
                        self.put(Fragment(delimiter, (*path, 1, index), exact=False))
                    if self.left < 0:
                        break
                    self.part(part, (*path, 1, index))
                return True
        return False

    def _sub(self, argument: Json, path: JsonPath) -> bool:
        values: Mapping[str, Json] = {}
        match argument:
            case [str() as text, dict() as values]:
                path = (*path, 0)
            case [str() as text]:
                path = (*path, 0)
            case str() as text:
                pass
            case _:
                return False
        end = 0
        for match in _VARIABLE.finditer(text):
            self.put(Fragment(text[end : match.start()], path, end))
            end = match.end()
            if match[1]:  # ${!Name} is the text ${Name}
                self.put(Fragment(f"${{{match[2]}}}", path, match.start(), exact=False))
                continue
            value = values.get(match[2].strip())
            literal = literal_text(value) if is_literal(value) else _EXAMPLES.get(match[2].strip(), match[0])
            self.put(Fragment(literal, path, match.start(), exact=False, open=False))
        self.put(Fragment(text[end:], path, end))
        return True
