"""A YAML text: its value, and the place of everything in it. Imported only where there is one.

Rules
- The core schema of YAML 1.2 and nothing more: see `source`, whose rules these are.
- libyaml's events are bounded as they come: its composer and its constructor recurse, and would crash.
- What ends the reading is raised; every other fault is collected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from statemachine.definition.diagnostics import JsonPath
from statemachine.definition.jsontext import Fault, Scan
from statemachine.jsonvalue import Json
from statemachine.limits import DefinitionLimits

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Final[dict[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CORE = "tag:yaml.org,2002:"
_CORE_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
}
_TAG_DIRECTIVES_MAX = 16  # libyaml compares each with all before it


class Dialect(Struct, frozen=True):
    """How a template's YAML differs from a definition's."""

    function: Callable[[str], str | None]
    """The key for which a tag stands: ``!Sub`` for ``Fn::Sub``. None for a tag that stands for none."""
    concerns: Callable[[JsonPath], bool]
    """Whether a fault at this place matters. Elsewhere tags, keys and equal keys may be what they like."""


class YamlFaultError(Exception):
    """The text cannot be read on from here."""

    def __init__(self, offset: int, message: str, path: JsonPath = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(offset, message, path)
        self.hint = hint


def compose_yaml(text: str, limits: DefinitionLimits, dialect: Dialect | None) -> tuple[Json, list[Fault]]:
    """The document's value, and what is wrong with it. Raises YamlFaultError for what ends the reading."""
    composer = _Composer(text, limits, None, dialect)
    return composer.compose(), composer.faults


def scan_yaml(text: str, limits: DefinitionLimits, dialect: Dialect | None) -> Scan:
    """Where each value and key stands, up to what ends the reading."""
    scan = Scan()
    with suppress(YamlFaultError):  # what was found until then counts
        _Composer(text, limits, scan, dialect).compose()
    return scan


class _Open(Struct):
    """A collection whose end has not come yet."""

    value: Json
    path: JsonPath
    anchor: str | None
    nodes_before: int
    height: int = 1
    key: str | None = None
    expects_key: bool = False
    function: str | None = None
    """The key under which the collection stands, because its tag says so."""


class _Anchored(Struct, frozen=True):
    value: Json
    nodes: int
    height: int


class _Composer:
    """Builds the value from libyaml's events, without recursion. Fills `scan` if there is one."""

    def __init__(self, text: str, limits: DefinitionLimits, scan: Scan | None, dialect: Dialect | None) -> None:
        self.text = text
        self.dialect = dialect
        self.functions_open = 0
        self.limits = limits
        self.scan = scan
        self.faults: list[Fault] = []
        self.nodes = 0
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.result: Json = None

    def compose(self) -> Json:
        """The document's value. Raises YamlFaultError for what ends the reading; other faults are collected."""
        import yaml

        wrong = _NOT_YAML.search(self.text)
        if wrong:
            raise YamlFaultError(wrong.start(), f"The character {wrong[0]!a} is not allowed in YAML")
        if self.text.count("\n%TAG") > _TAG_DIRECTIVES_MAX:
            raise YamlFaultError(0, "The definition has too many %TAG directives")
        documents = 0
        handlers: dict[type, Callable[[Any, int], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.AliasEvent: self._alias,
            yaml.MappingStartEvent: self._start,
            yaml.SequenceStartEvent: self._start,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
        }
        for event in self._events(yaml):
            handler = handlers.get(type(event))
            offset: int = event.start_mark.index
            if handler is not None:
                handler(event, offset)
            elif type(event) is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    message = "A definition is one YAML document; here a second one begins"
                    raise YamlFaultError(offset, message)
        return self.result

    def _events(self, yaml: Any) -> Iterator[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(self.text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            offset = mark.index if mark else 0
            message = " ".join(filter(None, (error.context, error.problem))) or "not YAML"
            raise YamlFaultError(offset, message, hint=_hint(message, self.text, offset)) from None
        except yaml.YAMLError as error:
            raise YamlFaultError(0, f"not YAML: {error}") from None

    def _here(self) -> JsonPath:
        """The path of the value that comes next."""
        if not self.stack:
            return ()
        top = self.stack[-1]
        return (*top.path, len(top.value) if isinstance(top.value, list) else top.key or "")

    def _start(self, event: Any, offset: int) -> None:
        is_map = type(event).__name__ == "MappingStartEvent"
        if self.stack and self.stack[-1].expects_key:
            message = "A key must be a string, not a mapping or a sequence"
            raise YamlFaultError(offset, message, self.stack[-1].path, "put a text with braces or brackets in quotes")
        path = self._here()
        function = self._function(event.tag, path)
        if function is None:
            self._check_tag(event.tag, f"{_CORE}{'map' if is_map else 'seq'}", offset, path)
        self._check_depth(1 if function is None else 2, offset)
        self._mark(path, offset)
        nodes_before = self.nodes
        self._add_nodes(1, offset)
        if function is not None:
            path = (*path, function)
            self.functions_open += 1
            self._mark(path, offset)
            self._add_nodes(1, offset)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        opened = _Open({} if is_map else [], path, event.anchor, nodes_before, expects_key=is_map, function=function)
        self.stack.append(opened)

    def _end(self, _event: Any, _offset: int) -> None:
        done = self.stack.pop()
        value, height = done.value, done.height
        if self.dialect is not None and isinstance(value, dict) and "<<" in value:
            _merge(value)
        if done.function is not None:
            self.functions_open -= 1
            value, height = {done.function: value}, height + 1
        if done.anchor is not None:
            self.anchors[done.anchor] = _Anchored(value, self.nodes - done.nodes_before, height)
        self._place(value, height)

    def _check_depth(self, more: int, offset: int) -> None:
        if len(self.stack) + self.functions_open + more > self.limits.depth:
            raise YamlFaultError(offset, f"nested deeper than {self.limits.depth} levels")

    def _function(self, tag: str | None, path: JsonPath) -> str | None:
        """The function that a tag of a template is the short form of."""
        if self.dialect is None or tag is None or tag == "!" or tag.startswith(_CORE):
            return None
        return self.dialect.function(tag) or (None if self.dialect.concerns(path) else tag)

    def _is_fault(self, path: JsonPath) -> bool:
        return self.dialect is None or self.dialect.concerns(path)

    def _scalar(self, event: Any, offset: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.expects_key:
            self._key(self._key_text(event, offset, top), offset, top)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(top.key, 1, 0)
            return
        path = self._here()
        function = self._function(event.tag, path)
        height = 0
        if function is None:
            value = self._scalar_value(event, offset, path)
        else:
            self._check_depth(1, offset)
            value, height = {function: event.value}, 1
            self._mark((*path, function), offset)
            self._add_nodes(1, offset)
        self._mark(path, offset)
        self._add_nodes(1, offset)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, 1 + height, height)
        self._place(value, height)

    def _alias(self, event: Any, offset: int) -> None:
        path = self._here()
        if event.anchor not in self.anchors:
            raise YamlFaultError(offset, f"The alias *{event.anchor} has no anchor before it", path)
        known = self.anchors[event.anchor]
        if known is None:
            raise YamlFaultError(offset, f"The alias *{event.anchor} stands inside what it refers to", path)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.expects_key:
            if not isinstance(known.value, str):
                raise YamlFaultError(offset, f"The key *{event.anchor} is not a string", path)
            self._key(known.value, offset, top)
            return
        self._check_depth(known.height, offset)
        self._mark(path, offset)
        self._add_nodes(known.nodes, offset)
        self._place(known.value, known.height)

    def _key_text(self, event: Any, offset: int, top: _Open) -> str:
        plain = not event.style and event.tag is None
        if plain and event.value == "<<" and self.dialect is None:
            message = "Merge keys (<<) are not part of YAML 1.2 and are not supported"
            raise YamlFaultError(offset, message, top.path, "repeat the fields, or use an alias for a whole value")
        value = self._scalar_value(event, offset, top.path)
        if isinstance(value, str):
            return value
        if not self._is_fault(top.path):
            return str(event.value)
        word = event.value or "(empty)"
        kind = "a null" if value is None else "a boolean" if isinstance(value, bool) else "a number"
        message = f'The key {word} is {kind} in YAML, and keys must be strings: write "{event.value}"'
        self.faults.append(Fault(offset, message, top.path))
        return str(event.value)

    def _key(self, key: str, offset: int, top: _Open) -> None:
        path = (*top.path, key)
        if key in top.value and self._is_fault(path):
            message = f"The key {json.dumps(key[:80], ensure_ascii=False)} occurs twice in one object"
            self.faults.append(Fault(offset, message, path, duplicate=True))
        if self.scan is not None:
            self.scan.keys.setdefault(path, offset)
        top.key = key
        top.expects_key = False

    def _place(self, value: Json, height: int) -> None:
        if not self.stack:
            self.result = value
            return
        top = self.stack[-1]
        top.height = max(top.height, height + 1)
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            top.value.setdefault(top.key, value)
            top.expects_key = True

    def _mark(self, path: JsonPath, offset: int) -> None:
        if self.scan is not None:
            self.scan.values.setdefault(path, offset)

    def _add_nodes(self, nodes: int, offset: int) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            message = (
                f"The definition has more than {self.limits.nodes} values, counting aliases by what they stand for"
            )
            raise YamlFaultError(offset, message)

    def _scalar_value(self, event: Any, offset: int, path: JsonPath) -> Json:
        text: str = event.value
        tag: str | None = event.tag
        if tag is None:
            return text if event.style else self._plain(text, offset, path)
        if tag in ("!", f"{_CORE}str"):
            return text
        types = _CORE_TYPES.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
        if types is None:
            self._check_tag(tag, "", offset, path)
        value = self._plain(text, offset, path)
        if type(value) not in (types or ()):
            raise YamlFaultError(offset, f"{text!r} is no !!{tag.removeprefix(_CORE)}", path)
        return value

    def _plain(self, text: str, offset: int, path: JsonPath) -> Json:
        value = _resolve(text) if len(text) <= 64 else _resolve_long(text)
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{text[:40]} is no JSON number"
            raise YamlFaultError(offset, message, path, "put it in quotes if it is meant as text")
        return value

    def _check_tag(self, tag: str | None, allowed: str, offset: int, path: JsonPath) -> None:
        if tag is None or tag in ("!", allowed):
            return
        name = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
        hint = "give the definition without its template's functions" if re.match(r"![A-Z]", name) else None
        kind = " (a function of CloudFormation)" if hint else ""
        raise YamlFaultError(offset, f"The tag {name}{kind} is not supported in a definition", path, hint)


def _hint(message: str, text: str, offset: int) -> str | None:
    """What is probably wrong, for the mistakes that people make in YAML."""
    if "cannot start any token" in message and text[offset : offset + 1] == "\t":
        return "YAML does not allow tabs for indentation: use spaces"
    if "cannot start any token" in message and text[max(offset - 1, 0) : offset + 1] == "{%":
        return 'put the expression in quotes: "{% … %}"'
    if "mapping values are not allowed" in message:
        return "put a text with a colon in quotes, or correct the indentation"
    if "escape character" in message or "escape code" in message:
        return "write the character itself, or use single quotes, where a backslash is a backslash"
    return None


def _merge(value: dict[str, Json]) -> None:
    """Put in what a merge key of YAML 1.1 stands for: fields that are not there already."""
    merged = value.pop("<<")
    for each in merged if isinstance(merged, list) else [merged]:
        if isinstance(each, dict):
            for key, item in each.items():
                value.setdefault(key, item)


@lru_cache(maxsize=2048)
def _resolve(text: str) -> Json:
    """What a plain scalar means in the core schema, without numbers that begin with a superfluous zero."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    return _resolve_long(text)


def _resolve_long(text: str) -> Json:
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 4300 else math.inf
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NON_FINITE.fullmatch(text):
        return math.nan
    return text
