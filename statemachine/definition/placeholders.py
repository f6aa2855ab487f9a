"""Placeholders: what a deployment tool puts into a definition, such as ``${ChargeFunctionArn}``.

Rules
- CloudFormation and SAM replace ``${Name}`` in the definition's *text* (DefinitionSubstitutions, Fn::Sub), other tools
  do the same with names of their own. Until then the value is not known: whatever it stands for is accepted, and
  everything else is checked as ever.
- A text in which a placeholder is harmless, such as a payload, is a text: AWS takes ``${x}`` in it as it is.
- ``${`` has another meaning in JSONata (grouping: ``${"key": value}``), and none in paths and intrinsic calls. A
  placeholder is one line, begins with a letter, digit or underscore and holds no braces, dollars or double quotes;
  ``$${`` is an escape.
- A whole value may be a placeholder without quotes in a JSON text: ``"TimeoutSeconds": ${Timeout}``. That is no JSON,
  and accepted as if it were quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from statemachine.definition.diagnostics import Diagnostic, JsonPath
from statemachine.jsonvalue import Json

PLACEHOLDER: Final = "SM_PLACEHOLDER"
"""The code for a definition that cannot be run, because a value is not known."""

_PLACEHOLDER = re.compile(r"(?<!\$)\$\{(\w[^{}$\"\n]*)\}", re.ASCII)
# A text without its closing quote is taken to the end: looking for the end again at every quote would be quadratic.
_TEXTS_IN_JSONATA = re.compile(r"'(?:[^'\\]++|\\.)*+'?|\"(?:[^\"\\]++|\\.)*+\"?", re.DOTALL)
_TEXTS_IN_PATHS = re.compile(r"'(?:[^'\\]++|\\.)*+'?", re.DOTALL)
_NAMES_SHOWN_MAX = 10


def is_placeholder(value: Json) -> bool:
    """Whether the whole value is one placeholder: it may stand for a value of any type."""
    return isinstance(value, str) and value.startswith("${") and _PLACEHOLDER.fullmatch(value) is not None


def has_placeholder(value: Json) -> bool:
    """Whether the value is a text with a placeholder in it: what the text says is not known."""
    return isinstance(value, str) and "${" in value and _PLACEHOLDER.search(value) is not None


def is_code_unknown(value: Json) -> bool:
    """Whether a path, an intrinsic call or a JSONata expression has a placeholder outside of its quoted texts, so that
    nothing can be said about its syntax. Inside of them, the placeholder is as good as any text."""
    if not isinstance(value, str) or "${" not in value:
        return False
    texts = _TEXTS_IN_JSONATA if value.startswith("{%") else _TEXTS_IN_PATHS
    return _PLACEHOLDER.search(texts.sub("''", value)) is not None


def placeholder_names(text: str) -> tuple[str, ...]:
    """The names of a text's placeholders, each once, in order."""
    return tuple(dict.fromkeys(match[1].strip() for match in _PLACEHOLDER.finditer(text)))


def substitute(text: str, values: Mapping[str, str | int | float | bool]) -> str:
    """The definition's text with each ``${Name}`` that has a value replaced by it, as CloudFormation does it: in the
    text, quotes and all, and only once. Names without a value stay."""
    if "${" not in text:
        return text
    return _PLACEHOLDER.sub(
        lambda match: literal_text(values[name]) if (name := match[1]) in values else match[0], text
    )


def literal_text(value: str | float | bool) -> str:
    """How CloudFormation writes a literal into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


_UNQUOTED = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?|(?<=[:,\[\s])\$\{(\w[^{}$"\n]*)\}(?=\s*+(?:[,}\]]|\Z))', re.ASCII | re.DOTALL
)
_TEXT_OR_BARE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|(\$\{\w[^{}$"\n]*\})', re.ASCII | re.DOTALL)
_MARK: Final = "\ufdd0"
"""Stands for the dollar of a placeholder that had no quotes: a code point that is no character (Unicode, 23.7)."""


def quote_placeholders(text: str) -> str | None:
    """The JSON text with quotes around the values that are placeholders without them: of the same length, so that all
    places stay, and to be read through `unquote_placeholders`. None if there are none."""
    if "${" not in text or _MARK in text:
        return None
    quoted = _UNQUOTED.sub(lambda match: f'"{_MARK}{match[1]}"' if match[1] else match[0], text)
    return quoted if quoted != text else None


def has_bare_placeholder(text: str) -> bool:
    """Whether a placeholder stands for a part of the JSON text that is no value, such as a key with its value."""
    quoted = quote_placeholders(text) or text
    return "${" in quoted and any(match[1] for match in _TEXT_OR_BARE.finditer(quoted))


def unquote_placeholders(value: Json) -> Json:
    """What the texts of `quote_placeholders` stand for: as if the placeholders had been in quotes."""
    for path, text in list(_texts(value)):
        if text.startswith(_MARK):
            holder = value_at(value, path[:-1])
            if path:
                holder[path[-1]] = f"${{{text[1:]}}}"
            else:
                value = f"${{{text[1:]}}}"
    return value


def value_at(value: Json, path: JsonPath) -> Json:
    """What stands at a place, None if there is no such place."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def with_stand_ins(value: Json, stand_ins: Mapping[JsonPath, Json]) -> Json:
    """A copy of the value with others in these places; what is not on the way to them is shared."""
    copied: dict[JsonPath, Json] = {}
    for path, stand_in in stand_ins.items():
        for length in range(len(path)):
            if path[:length] not in copied:
                here = value if not length else copied[path[: length - 1]][path[length - 1]]
                here = copied[path[:length]] = here.copy()
                if length:
                    copied[path[: length - 1]][path[length - 1]] = here
        if path:
            copied[path[:-1]][path[-1]] = stand_in
    return copied.get((), value)


def _texts(value: Json) -> Iterator[tuple[JsonPath, str]]:
    todo: list[tuple[JsonPath, Json]] = [((), value)]
    while todo:
        path, each = todo.pop()
        if isinstance(each, dict):
            todo += [((*path, key), item) for key, item in reversed(each.items())]
        elif isinstance(each, list):
            todo += [((*path, index), item) for index, item in reversed(list(enumerate(each)))]
        elif isinstance(each, str):
            yield path, each


def refuse_placeholders(value: Json) -> Diagnostic:
    """Why a definition with placeholders cannot be run, at the first of them."""
    names: dict[str, None] = {}
    first: JsonPath | None = None
    for path, text in _texts(value):
        if not has_placeholder(text):
            continue
        first = path if first is None else first
        names |= dict.fromkeys(placeholder_names(text))
    shown = ", ".join(f"${{{name}}}" for name in list(names)[:_NAMES_SHOWN_MAX])
    more = f" and {len(names) - _NAMES_SHOWN_MAX} more" if len(names) > _NAMES_SHOWN_MAX else ""
    message = f"The definition cannot be run before its placeholders have values: {shown}{more}"
    hint = "give each with --set NAME=VALUE, or replace it in the text"
    return Diagnostic(PLACEHOLDER, message, first or (), suggestion=hint)
