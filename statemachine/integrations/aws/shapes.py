"""JSON data with Step Functions' names to the parameters of an API operation, and its response back.

Rules (recorded histories of AWS)
- Members are found in the operation's model, never guessed. A name that the model does not have is "not supported", a
  required one that is missing "required", in AWS's words; null is the absence of a value, and the service's matter.
- Binary data: an ``aws-sdk:`` integration sends the compact JSON text of the value, a string with its quotes; an
  optimized one takes Base64. What comes back is text if it is UTF-8, Base64 otherwise; an optimized integration always
  gives Base64, unless it is the body of the response.
- Times are read as RFC 3339 or as seconds since 1970.
- Members of a structure come back sorted, a streamed body last; the keys of a map keep their order.

A shape is botocore's: this module needs nothing else of it.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any, Final

from statemachine.errors import InvalidJsonError
from statemachine.integrations.aws.base import AwsRequest, Dialect, ParameterError
from statemachine.integrations.aws.names import member_name
from statemachine.integrations.results import MAX_RESULT_BYTES, too_large
from statemachine.jsonvalue import Json, encode_json, load_json
from statemachine.timestamps import parse_timestamp

MAX_FAULTS: Final = 20
_ARTICLES: Final = {
    "structure": "an OBJECT", "map": "an OBJECT", "list": "an ARRAY", "boolean": "a BOOLEAN", "string": "a STRING",
    "character": "a STRING", "timestamp": "a TIMESTAMP", "blob": "a Base64 STRING",
    "integer": "an INTEGER", "long": "an INTEGER", "float": "a NUMBER", "double": "a NUMBER",
}  # fmt: skip


def parameters_of(request: AwsRequest, shape: Any) -> dict[str, Any]:
    """The parameters of an operation with this input shape (None: it takes none). Raises ParameterError."""
    reading = _Parameters(request.dialect, request.json_members)
    given = dict(request.parameters)
    found: dict[str, Any] = {}
    if shape is not None:
        found = reading.structure(given, shape)
        if request.client_token is not None:
            for name, member in shape.members.items():
                if member.metadata.get("idempotencyToken") and name not in found:
                    found[name] = request.client_token
        reading.require(shape, found, given)
    elif given:
        reading.faults += [_unsupported(each) for each in given]
    if reading.faults:
        raise ParameterError(reading.faults[:MAX_FAULTS])
    return found


def output_of(response: dict[str, Any], shape: Any, request: AwsRequest) -> dict[str, Json]:
    """The response of an operation with this output shape (None: it has none).

    Raises TaskError if a streamed body is larger than a task's result may be.
    """
    if shape is None:
        return {}
    return _Output(request).structure(response, shape, payload=shape.serialization.get("payload"))


def _unsupported(field: str) -> str:
    return f"The field '{field}' is not supported by Step Functions"


class _Parameters:
    """Reads parameters, part by part, and collects what is wrong with them."""

    def __init__(self, dialect: Dialect, json_members: frozenset[str]) -> None:
        self._dialect = dialect
        self._json_members = json_members
        self.faults: list[str] = []

    def structure(self, value: dict[str, Json], shape: Any) -> dict[str, Any]:
        known = {member_name(name, dialect): name for dialect in Dialect for name in shape.members}
        known |= {member_name(name, self._dialect): name for name in shape.members}
        found: dict[str, Any] = {}
        for field, each in value.items():
            name = known.get(field)
            if name is None:
                self.faults.append(_unsupported(field))
            elif each is not None:
                found[name] = self._member(each, shape.members[name], field)
        return found

    def require(self, shape: Any, found: dict[str, Any], given: dict[str, Json]) -> None:
        """An optimized integration looks for required fields itself; what is part of the address nobody can go
        without."""
        for name in shape.required_members:
            field = member_name(name, self._dialect)
            addresses = shape.members[name].serialization.get("location") == "uri"
            checked = self._dialect is Dialect.OPTIMIZED and field not in given
            if name not in found and (checked or addresses):
                self.faults.append(f"The field '{field}' is required but was missing")

    def _member(self, value: Json, shape: Any, field: str) -> Any:
        if field in self._json_members:
            text = value if isinstance(value, str) else encode_json(value).decode()
            return text.encode() if shape.type_name == "blob" else text
        if getattr(shape, "is_document_type", False):
            return value
        match shape.type_name, value:
            case "structure", dict():
                return self.structure(value, shape)
            case "map", dict():
                return {key: self._member(each, shape.value, key) for key, each in value.items() if each is not None}
            case "list", list():
                return [self._member(each, shape.member, field) for each in value if each is not None]
            case "blob", _:
                return self._blob(value, field)
            case _:
                return self._scalar(value, shape.type_name, field)

    def _blob(self, value: Json, field: str) -> bytes:
        if self._dialect is Dialect.SDK:
            return encode_json(value)
        try:
            return base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self._wrong(field, "blob")
            return b""

    def _scalar(self, value: Json, kind: str, field: str) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        match kind:
            case "string" | "character" if isinstance(value, str):
                return value
            case "boolean" if isinstance(value, bool):
                return value
            case "integer" | "long" if number and value == int(value):
                return int(value)
            case "float" | "double" if number:
                return value
            case "timestamp" if number:
                return value
            case "timestamp" if isinstance(value, str):
                moment = parse_timestamp(value)
                if moment is not None:
                    return datetime.fromtimestamp(moment // 1_000 / 1_000_000, tz=UTC)
            case _:
                pass
        self._wrong(field, kind)
        return None

    def _wrong(self, field: str, kind: str) -> None:
        self.faults.append(f"The value for the field '{field}' must be {_ARTICLES.get(kind, f'of type {kind}')}")


class _Output:
    """Writes a response as JSON data."""

    def __init__(self, request: AwsRequest) -> None:
        self._request = request

    def structure(self, value: dict[str, Any], shape: Any, payload: str | None = None) -> dict[str, Json]:
        body = None if payload is None else member_name(payload, self._request.dialect)
        found: dict[str, Json] = {}
        for each, member in shape.members.items():
            if value.get(each) is not None:
                name = member_name(each, self._request.dialect)
                found[name] = self._member(value[each], member, name, body=name == body)
        last = body if self._request.dialect is Dialect.SDK else None
        return {name: found[name] for name in sorted(found, key=lambda name: (name == last, name))}

    def _member(self, value: Any, shape: Any, name: str, *, body: bool = False) -> Json:
        if getattr(shape, "is_document_type", False):
            return value
        match shape.type_name:
            case "structure":
                return self.structure(value, shape)
            case "map":
                return {str(key): self._member(each, shape.value, str(key)) for key, each in value.items()}
            case "list":
                return [self._member(each, shape.member, name) for each in value]
            case "blob":
                return self._blob(value, name, body=body)
            case "timestamp":
                return self._time(value)
            case "string" | "character":
                return self._read(value) if name in self._request.json_members else str(value)
            case _:
                return value

    def _blob(self, value: Any, name: str, *, body: bool) -> Json:
        if hasattr(value, "read"):
            try:
                value = value.read(MAX_RESULT_BYTES + 1)
            except TypeError:  # a file of its own kind that only reads all
                value = value.read()
            if len(value) > MAX_RESULT_BYTES:
                raise too_large(self._request.service)
        if name in self._request.json_members:
            return self._read(value)
        if body or self._request.dialect is Dialect.SDK:
            try:
                return bytes(value).decode()
            except UnicodeDecodeError:
                pass
        return base64.b64encode(value).decode()

    def _read(self, value: str | bytes) -> Json:
        """JSON data of its text; what is none stays a text."""
        try:
            return load_json(value)
        except InvalidJsonError:
            return value if isinstance(value, str) else value.decode("utf-8", "replace")

    def _time(self, value: Any) -> Json:
        if not isinstance(value, datetime):
            return str(value)
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        if self._request.dialect is Dialect.OPTIMIZED:
            return round(value.timestamp() * 1000)
        moment = value.astimezone(UTC)
        precision = "seconds" if not moment.microsecond else "auto" if moment.microsecond % 1000 else "milliseconds"
        return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
