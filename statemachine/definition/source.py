"""A definition's text: JSON or YAML in, a value with line and column for every path out.

Rules
- JSON is read strictly (`jsonvalue.load_json`). YAML is read by the core schema of YAML 1.2 and nothing more: `on`,
  `yes`, `010`, `1:30`, `1_000` and dates are strings; keys are strings; no tags but ``!!str`` and its siblings, no
  merge keys, one document. What YAML 1.1 would turn into something else is either text or an error, never a surprise.
- Everything is bounded before it costs: size before reading, depth while libyaml hands out events (its composer and
  its constructor recurse and would crash), aliases by what they expand to.
- Positions are found on demand, by a second pass over the text: a valid definition never pays for them.
- Lines end with a line feed, columns count characters; both from 1. A byte order mark is no character.
- AWS's codes: a text that is no JSON is INVALID_JSON_DESCRIPTION, one that is no object SCHEMA_VALIDATION_FAILED
  (facts validate-empty-string and the recorded ValidateStateMachineDefinition answers). What AWS has no code for
  starts with ``SM_``.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NoReturn

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath, Position
from statemachine.definition.jsontext import Fault, Scan, scan_json
from statemachine.errors import DefinitionError, InvalidJsonError
from statemachine.jsonvalue import Json, load_json
from statemachine.limits import DEFINITION_LIMITS, DefinitionLimits

INVALID_JSON: Final = "INVALID_JSON_DESCRIPTION"
INVALID_YAML: Final = "SM_INVALID_YAML"
INVALID_ENCODING: Final = "SM_INVALID_ENCODING"
DUPLICATE_KEY: Final = "SM_DUPLICATE_KEY"
TOO_LARGE: Final = "SM_TOO_LARGE"
NOT_AN_OBJECT: Final = "Definition must be a valid JSON object"


class SourceFormat(StrEnum):
    """How a definition is written."""

    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """A definition as it was written, and read. `value` is a JSON object; nothing else is known about it."""

    value: Json
    text: str
    file: str | None
    format: SourceFormat
    limits: DefinitionLimits = DEFINITION_LIMITS
    _found: list[tuple[Scan, list[int]]] = field(default_factory=list, init=False, repr=False, compare=False)

    def position(self, path: JsonPath, *, key: bool = False) -> Position:
        """Where the value at `path` begins or, with `key`, the key it is under. A path that is not in the text, or
        stands behind a YAML alias, gives the nearest enclosing one that is."""
        if not self._found:
            scan = _scan_yaml(self.text, self.limits) if self.format is SourceFormat.YAML else None
            self._found.append((scan or scan_json(self.text, self.limits.depth), _line_starts(self.text)))
        scan, lines = self._found[0]
        for length in range(len(path), -1, -1):
            offset = scan.keys.get(path[:length]) if key else None
            if offset is None:
                offset = scan.values.get(path[:length])
            if offset is not None:
                return _position(lines, offset)
        return Position(1, 1)


def load_source(
    text: str | bytes,
    *,
    file: str | None = None,
    format: SourceFormat | None = None,
    limits: DefinitionLimits = DEFINITION_LIMITS,
) -> Source:
    """Read a definition. Without `format`, the suffix of `file` or else the text decides.

    Raises DefinitionError, its diagnostics with position and file, if the text cannot be read or is no object.
    """
    text = _decode(text, file, limits)
    chosen = format or _format_of_name(file)
    if chosen is None and text.lstrip()[:1] in ("{", "["):
        try:
            return _finish(_load_json(text, file, limits), text, file, SourceFormat.JSON, limits)
        except DefinitionError:
            if re.match(r"\s*[{\[]\s*[\"{\[}\]]", text):
                raise
            chosen = SourceFormat.YAML  # a flow mapping of YAML: {StartAt: …
    if chosen is SourceFormat.JSON or not text.strip():
        return _finish(_load_json(text, file, limits), text, file, SourceFormat.JSON, limits)
    return _finish(_load_yaml(text, file, limits), text, file, SourceFormat.YAML, limits)


def source_of_value(value: Json, *, file: str | None = None, limits: DefinitionLimits = DEFINITION_LIMITS) -> Source:
    """A definition that was never a text, for instance a dict of a Python program; its text is made from it.

    Raises DefinitionError for what is no JSON: other types, keys that are no strings, cycles, NaN.
    """
    try:
        _check_keys(value)
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        found = Diagnostic(SCHEMA_VALIDATION_FAILED, f"{NOT_AN_OBJECT}: {message}", None, file=file)
        raise DefinitionError([found]) from None
    return load_source(text, file=file, format=SourceFormat.JSON, limits=limits)


def _check_keys(value: Json) -> None:
    """json.dumps would write the keys 1 and true as strings, and so hide them."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not a string")
            _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item)


def _decode(text: str | bytes, file: str | None, limits: DefinitionLimits) -> str:
    if len(text) > limits.bytes or (isinstance(text, str) and len(text.encode("utf-8", "replace")) > limits.bytes):
        message = f"The definition is larger than {limits.bytes} bytes"
        raise DefinitionError([Diagnostic(TOO_LARGE, message, None, file=file)])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"The definition is not UTF-8: {error.reason} at byte {error.start}"
            raise DefinitionError([Diagnostic(INVALID_ENCODING, message, None, file=file)]) from None
    text = text.removeprefix("\ufeff")
    surrogate = re.search("[\ud800-\udfff]", text)
    if surrogate:
        message = "The definition is not Unicode: a surrogate stands alone"
        found = Diagnostic(INVALID_ENCODING, message, None, position=_at(text, surrogate.start()), file=file)
        raise DefinitionError([found])
    return text


def _format_of_name(file: str | None) -> SourceFormat | None:
    name = (file or "").lower()
    if name.endswith((".json", ".asl")):
        return SourceFormat.JSON
    return SourceFormat.YAML if name.endswith((".yaml", ".yml")) else None


def _finish(value: Json, text: str, file: str | None, chosen: SourceFormat, limits: DefinitionLimits) -> Source:
    source = Source(value, text, file, chosen, limits)
    if not isinstance(value, dict):
        position = source.position(()) if text.strip() else Position(1, 1)
        raise DefinitionError([Diagnostic(SCHEMA_VALIDATION_FAILED, NOT_AN_OBJECT, None, position=position, file=file)])
    return source


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\n", text))]


def _position(lines: list[int], offset: int) -> Position:
    line = bisect_right(lines, offset)
    return Position(line, offset - lines[line - 1] + 1)


def _at(text: str, offset: int) -> Position:
    return _position(_line_starts(text), offset)


def _refuse(faults: list[Fault], text: str, file: str | None, code: str) -> NoReturn:
    lines = _line_starts(text)
    raise DefinitionError(
        [
            Diagnostic(
                DUPLICATE_KEY if fault.duplicate else code,
                fault.message,
                fault.path or None,
                position=_position(lines, fault.offset),
                file=file,
            )
            for fault in faults
        ]
    )


# --- JSON -------------------------------------------------------------------------------------------------------------


def _load_json(text: str, file: str | None, limits: DefinitionLimits) -> Json:
    if not text.strip():
        return None
    try:
        value = load_json(text, limits.depth)
    except InvalidJsonError as error:
        faults = scan_json(text, limits.depth).faults if not error.line else []
        if faults:
            _refuse(faults, text, file, INVALID_JSON)
        position = Position(error.line, error.column) if error.line else None
        hint = _json_hint(text, error) if error.line else None
        found = Diagnostic(
            INVALID_JSON, _json_message(text, error), None, position=position, file=file, suggestion=hint
        )
        raise DefinitionError([found]) from None
    # Values can be no more than the marks between them; counting exactly is needed for few texts.
    if text.count(",") + text.count("{") + text.count("[") >= limits.nodes and _count(value) > limits.nodes:
        _too_many(limits, file)
    return value


def _json_message(text: str, error: InvalidJsonError) -> str:
    """AWS's wording for a bare word (the recorded answer to a definition that is no JSON), else the decoder's."""
    if error.reason == "Expecting value":
        word = re.match(r"\w+", text.split("\n")[error.line - 1][error.column - 1 :])
        if word:
            wanted = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            return f"Unrecognized token '{word[0][:80]}': was expecting {wanted}"
    return error.reason


def _json_hint(text: str, error: InvalidJsonError) -> str | None:
    """What is probably wrong, for the mistakes that people make in JSON by hand."""
    lines = text.split("\n")
    rest = lines[error.line - 1][error.column - 1 :].lstrip()
    before = "\n".join((*lines[: error.line - 1], lines[error.line - 1][: error.column - 1])).rstrip()
    if rest.startswith("'"):
        return "JSON strings are written in double quotes"
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments; use the field Comment"
    if before.endswith(",") and rest[:1] in ("}", "]"):
        return "remove the comma before the closing bracket"
    if rest[:1] == "," and re.match(r",\s*[}\]]", rest):
        return "remove the comma before the closing bracket"
    if rest.startswith('"') and error.reason.startswith("Expecting ',' delimiter"):
        return "a comma is missing before it"
    return None


def _count(value: Json) -> int:
    count, todo = 0, [value]
    while todo:
        each = todo.pop()
        count += 1
        if isinstance(each, dict):
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return count


def _too_many(limits: DefinitionLimits, file: str | None, position: Position | None = None) -> NoReturn:
    message = f"The definition has more than {limits.nodes} values"
    raise DefinitionError([Diagnostic(TOO_LARGE, message, None, position=position, file=file)])


# --- YAML -------------------------------------------------------------------------------------------------------------

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


class _YamlFaultError(Exception):
    """The text cannot be read on from here."""

    def __init__(self, offset: int, message: str, path: JsonPath = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.fault = Fault(offset, message, path)
        self.hint = hint


def _load_yaml(text: str, file: str | None, limits: DefinitionLimits) -> Json:
    composer = _Composer(text, limits, None)
    try:
        value = composer.compose()
    except _YamlFaultError as error:
        fault = error.fault
        found = Diagnostic(
            INVALID_YAML,
            fault.message,
            fault.path or None,
            position=_at(text, fault.offset),
            file=file,
            suggestion=error.hint,
        )
        raise DefinitionError([found]) from None
    if composer.faults:
        _refuse(composer.faults, text, file, INVALID_YAML)
    return value


def _scan_yaml(text: str, limits: DefinitionLimits) -> Scan:
    scan = Scan()
    with suppress(_YamlFaultError):  # what was found until then counts
        _Composer(text, limits, scan).compose()
    return scan


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    value: Json
    path: JsonPath
    anchor: str | None
    nodes_before: int
    height: int = 1
    key: str | None = None
    expects_key: bool = False


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Json
    nodes: int
    height: int


class _Composer:
    """Builds the value from libyaml's events, without recursion. Fills `scan` if there is one."""

    def __init__(self, text: str, limits: DefinitionLimits, scan: Scan | None) -> None:
        self.text = text
        self.limits = limits
        self.scan = scan
        self.faults: list[Fault] = []
        self.nodes = 0
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Anchored | None] = {}
        self.result: Json = None

    def compose(self) -> Json:
        """The document's value. Raises _YamlFaultError for what ends the reading; other faults are collected."""
        import yaml

        wrong = _NOT_YAML.search(self.text)
        if wrong:
            raise _YamlFaultError(wrong.start(), f"The character {wrong[0]!a} is not allowed in YAML")
        if self.text.count("\n%TAG") > _TAG_DIRECTIVES_MAX:
            raise _YamlFaultError(0, "The definition has too many %TAG directives")
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
                    raise _YamlFaultError(offset, message)
        return self.result

    def _events(self, yaml: Any) -> Iterator[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(self.text, Loader=loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            offset = mark.index if mark else 0
            message = " ".join(filter(None, (error.context, error.problem))) or "not YAML"
            hint = None
            if "cannot start any token" in message and self.text[offset : offset + 1] == "\t":
                hint = "YAML does not allow tabs for indentation: use spaces"
            elif "escape character" in message or "escape code" in message:
                hint = "write the character itself, or use single quotes, where a backslash is a backslash"
            raise _YamlFaultError(offset, message, hint=hint) from None
        except yaml.YAMLError as error:
            raise _YamlFaultError(0, f"not YAML: {error}") from None

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
            raise _YamlFaultError(offset, message, self.stack[-1].path, "put a text with braces or brackets in quotes")
        path = self._here()
        self._check_tag(event.tag, f"{_CORE}{'map' if is_map else 'seq'}", offset, path)
        if len(self.stack) >= self.limits.depth:
            raise _YamlFaultError(offset, f"nested deeper than {self.limits.depth} levels")
        self._mark(path, offset)
        self._add_nodes(1, offset)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open({} if is_map else [], path, event.anchor, self.nodes - 1, expects_key=is_map))

    def _end(self, _event: Any, _offset: int) -> None:
        done = self.stack.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = _Anchored(done.value, self.nodes - done.nodes_before, done.height)
        self._place(done.value, done.height)

    def _scalar(self, event: Any, offset: int) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.expects_key:
            self._key(self._key_text(event, offset, top), offset, top)
            if event.anchor is not None:
                self.anchors[event.anchor] = _Anchored(top.key, 1, 0)
            return
        path = self._here()
        value = self._scalar_value(event, offset, path)
        self._mark(path, offset)
        self._add_nodes(1, offset)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, 1, 0)
        self._place(value, 0)

    def _alias(self, event: Any, offset: int) -> None:
        path = self._here()
        if event.anchor not in self.anchors:
            raise _YamlFaultError(offset, f"The alias *{event.anchor} has no anchor before it", path)
        known = self.anchors[event.anchor]
        if known is None:
            raise _YamlFaultError(offset, f"The alias *{event.anchor} stands inside what it refers to", path)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.expects_key:
            if not isinstance(known.value, str):
                raise _YamlFaultError(offset, f"The key *{event.anchor} is not a string", path)
            self._key(known.value, offset, top)
            return
        if len(self.stack) + known.height > self.limits.depth:
            raise _YamlFaultError(offset, f"nested deeper than {self.limits.depth} levels")
        self._mark(path, offset)
        self._add_nodes(known.nodes, offset)
        self._place(known.value, known.height)

    def _key_text(self, event: Any, offset: int, top: _Open) -> str:
        plain = not event.style and event.tag is None
        if plain and event.value == "<<":
            message = "Merge keys (<<) are not part of YAML 1.2 and are not supported"
            raise _YamlFaultError(offset, message, top.path, "repeat the fields, or use an alias for a whole value")
        value = self._scalar_value(event, offset, top.path)
        if isinstance(value, str):
            return value
        word = event.value or "(empty)"
        kind = "a null" if value is None else "a boolean" if isinstance(value, bool) else "a number"
        message = f'The key {word} is {kind} in YAML, and keys must be strings: write "{event.value}"'
        self.faults.append(Fault(offset, message, top.path))
        return str(event.value)

    def _key(self, key: str, offset: int, top: _Open) -> None:
        path = (*top.path, key)
        if key in top.value:
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
            raise _YamlFaultError(offset, message)

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
            raise _YamlFaultError(offset, f"{text!r} is no !!{tag.removeprefix(_CORE)}", path)
        return value

    def _plain(self, text: str, offset: int, path: JsonPath) -> Json:
        value = _resolve(text) if len(text) <= 64 else _resolve_long(text)
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{text[:40]} is no JSON number"
            raise _YamlFaultError(offset, message, path, "put it in quotes if it is meant as text")
        return value

    def _check_tag(self, tag: str | None, allowed: str, offset: int, path: JsonPath) -> None:
        if tag is None or tag in ("!", allowed):
            return
        name = f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag
        hint = "give the definition without its template's functions" if re.match(r"![A-Z]", name) else None
        kind = " (a function of CloudFormation)" if hint else ""
        raise _YamlFaultError(offset, f"The tag {name}{kind} is not supported in a definition", path, hint)


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
