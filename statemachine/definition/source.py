"""A definition's text: JSON or YAML in, a value with line and column for every path out.

Rules
- JSON is read strictly (`jsonvalue.load_json`). YAML is read by the core schema of YAML 1.2 and nothing more: `on`,
  `yes`, `010`, `1:30`, `1_000` and dates are strings; keys are strings; no tags but ``!!str`` and its siblings, no
  merge keys, one document. What YAML 1.1 would turn into something else is either text or an error, never a surprise.
- Everything is bounded before it costs: size before reading, depth while libyaml hands out events (its composer and
  its constructor recurse and would crash), aliases by what they expand to.
- Positions are found on demand, by a second pass over the text: a valid definition never pays for them.
- A placeholder without quotes (``"TimeoutSeconds": ${Timeout}``) is read as if it had them, in a text that is no JSON
  for no other reason.
- A template is read with a `Dialect`: a tag that is a function's short form gives the function's long form, an object
  with one key; merge keys are merged, as the tools that package templates do; and only what concerns a definition is a
  fault.
- Lines end with a line feed, columns count characters; both from 1. A byte order mark is no character.
- AWS's codes: a text that is no JSON is INVALID_JSON_DESCRIPTION, one that is no object SCHEMA_VALIDATION_FAILED
  (facts validate-empty-string and the recorded ValidateStateMachineDefinition answers). What AWS has no code for
  starts with ``SM_``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from msgspec import Struct, field

from statemachine.definition.diagnostics import SCHEMA_VALIDATION_FAILED, Diagnostic, JsonPath, Position
from statemachine.definition.jsontext import Fault, Scan, scan_json
from statemachine.definition.placeholders import quote_placeholders, unquote_placeholders, value_at
from statemachine.definition.textplaces import offset_inside
from statemachine.errors import DefinitionError, InvalidJsonError
from statemachine.jsonvalue import Json, load_json
from statemachine.limits import DEFINITION_LIMITS, DefinitionLimits

if TYPE_CHECKING:
    from statemachine.definition.yamltext import Dialect

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


class Locator(Protocol):
    """Finds the places of a definition's values where their author wrote them: see `Source.position` and `inside`."""

    def __call__(self, path: JsonPath, *, key: bool = False, inside: int | None = None) -> Position: ...


class Source(Struct, frozen=True, eq=False):
    """A definition as it was written, and read. `value` is a JSON object; nothing else is known about it."""

    value: Json
    text: str
    file: str | None
    format: SourceFormat
    limits: DefinitionLimits = DEFINITION_LIMITS
    dialect: Dialect | None = None
    """That of a template, if the text is one."""
    locate: Locator | None = None
    """Tells the positions, if the definition is a part of the text."""
    _found: list[tuple[Scan, list[int]]] = field(default_factory=list)

    def position(self, path: JsonPath, *, key: bool = False) -> Position:
        """Where the value at `path` begins or, with `key`, the key it is under. A path that is not in the text, or
        stands behind a YAML alias, gives the nearest enclosing one that is."""
        if self.locate is not None:
            return self.locate(path, key=key)
        offset = self.offset(path, key=key)
        return position_at(self._found[0][1], offset) if offset is not None else Position(1, 1)

    def inside(self, path: JsonPath, offset: int) -> Position:
        """Where the character `offset` of the text at `path` stands, through escapes, folding and indentation. The
        place of the path if no such text is written there."""
        if self.locate is not None:
            return self.locate(path, inside=offset)
        at = self.offset(path, inside=offset)
        return position_at(self._found[0][1], at) if at is not None else Position(1, 1)

    def offset(self, path: JsonPath, *, key: bool = False, inside: int | None = None) -> int | None:
        """The characters of the text before what `position` or `inside` finds. None if the text says nothing at all."""
        start = self._offset(path, key)
        if inside is None or start is None or not self.is_written(path):
            return start
        value = value_at(self.value, path)
        return offset_inside(self.text, start, value, inside) if isinstance(value, str) else start

    def is_written(self, path: JsonPath) -> bool:
        """Whether the text has the value at this very path, and not only behind an alias or by a merge key."""
        self._offset(path, key=False)
        return path in self._found[0][0].values

    def _offset(self, path: JsonPath, key: bool) -> int | None:
        if not self._found:
            if self.format is SourceFormat.YAML:
                from statemachine.definition.yamltext import scan_yaml

                scan = scan_yaml(self.text, self.limits, self.dialect)
            else:
                scan = scan_json(quote_placeholders(self.text) or self.text, self.limits.depth)
            self._found.append((scan, line_starts(self.text)))
        scan = self._found[0][0]
        for length in range(len(path), -1, -1):
            offset = scan.keys.get(path[:length]) if key else None
            if offset is None:
                offset = scan.values.get(path[:length])
            if offset is not None:
                return offset
        return None


def load_source(
    text: str | bytes,
    *,
    file: str | None = None,
    format: SourceFormat | None = None,
    limits: DefinitionLimits = DEFINITION_LIMITS,
    dialect: Dialect | None = None,
) -> Source:
    """Read a definition or, with a `dialect`, a template. Without `format`, the suffix of `file` or else the text
    decides.

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
    return _finish(_load_yaml(text, file, limits, dialect), text, file, SourceFormat.YAML, limits, dialect)


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


def decode_definition(
    raw: bytes, file: str | None = None, limits: DefinitionLimits = DEFINITION_LIMITS
) -> tuple[str, Diagnostic | None]:
    """The text of a definition's bytes, as far as it can be shown, and what is wrong with them."""
    if len(raw) > limits.bytes:
        message = f"The definition is larger than {limits.bytes} bytes"
        return "", Diagnostic(TOO_LARGE, message, None, position=Position(1, 1), file=file)
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n")
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8-sig", "replace")) + 1
        hint = "save it as UTF-8, it looks like UTF-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else None
        found = Diagnostic(
            INVALID_ENCODING,
            f"The definition is not UTF-8: {error.reason} at byte {error.start}",
            None,
            position=Position(line + 1, column),
            file=file,
            suggestion=hint,
        )
        return raw.decode("utf-8", "replace").removeprefix("\ufeff"), found


def _decode(text: str | bytes, file: str | None, limits: DefinitionLimits) -> str:
    if len(text) > limits.bytes or (isinstance(text, str) and len(text.encode("utf-8", "replace")) > limits.bytes):
        message = f"The definition is larger than {limits.bytes} bytes"
        raise DefinitionError([Diagnostic(TOO_LARGE, message, None, file=file)])
    if isinstance(text, bytes):
        text, wrong = decode_definition(text, file, limits)
        if wrong is not None:
            raise DefinitionError([wrong])
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


def _finish(
    value: Json,
    text: str,
    file: str | None,
    chosen: SourceFormat,
    limits: DefinitionLimits,
    dialect: Dialect | None = None,
) -> Source:
    source = Source(value, text, file, chosen, limits, dialect)
    if not isinstance(value, dict):
        position = source.position(()) if text.strip() else Position(1, 1)
        raise DefinitionError([Diagnostic(SCHEMA_VALIDATION_FAILED, NOT_AN_OBJECT, None, position=position, file=file)])
    return source


def line_starts(text: str) -> list[int]:
    """The offset at which each line begins."""
    return [0, *(match.end() for match in re.finditer("\n", text))]


def position_at(lines: list[int], offset: int) -> Position:
    """The position of an offset, by the offsets at which the lines begin."""
    line = bisect_right(lines, offset)
    return Position(line, offset - lines[line - 1] + 1)


def _at(text: str, offset: int) -> Position:
    return position_at(line_starts(text), offset)


def _refuse(faults: list[Fault], text: str, file: str | None, code: str) -> NoReturn:
    lines = line_starts(text)
    raise DefinitionError(
        [
            Diagnostic(
                DUPLICATE_KEY if fault.duplicate else code,
                fault.message,
                fault.path or None,
                position=position_at(lines, fault.offset),
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
        quoted = quote_placeholders(text)
        if quoted is not None:
            return unquote_placeholders(_load_json(quoted, file, limits))
        faults = scan_json(text, limits.depth).faults if not error.line else []
        if faults:
            _refuse(faults, text, file, INVALID_JSON)
        position = _json_position(text, error) if error.line else None
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
    return error.reason.removesuffix(" at")  # Python's decoder goes on with the line


def _lacks_comma(text: str, error: InvalidJsonError) -> bool:
    """Whether a value or a key stands where a comma should."""
    rest = text.split("\n")[error.line - 1][error.column - 1 :]
    return error.reason.startswith("Expecting ',' delimiter") and re.match(r'\s*["{\[\w-]', rest) is not None


def _json_position(text: str, error: InvalidJsonError) -> Position:
    """Where the decoder stopped or, for a comma that is missing, where it should stand: behind the value before."""
    lines = text.split("\n")
    if not _lacks_comma(text, error):
        return Position(error.line, error.column)
    before = "\n".join((*lines[: error.line - 1], lines[error.line - 1][: error.column - 1])).rstrip()
    return _at(text, len(before))


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
    if _lacks_comma(text, error):
        return "a comma is missing here"
    if not text[len(before) :].strip():
        return "the text ends before all of its brackets are closed"
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


def _load_yaml(text: str, file: str | None, limits: DefinitionLimits, dialect: Dialect | None) -> Json:
    from statemachine.definition.yamltext import YamlFaultError, compose_yaml  # JSON needs none of it

    try:
        value, faults = compose_yaml(text, limits, dialect)
    except YamlFaultError as error:
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
    if faults:
        _refuse(faults, text, file, INVALID_YAML)
    return value
