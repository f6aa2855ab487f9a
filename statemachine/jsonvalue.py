"""JSON values: the type, strict reading, compact writing, equality, paths.

Rules
- Values are immutable by convention: nothing in this package changes a list or an object that it was given. A change
  makes a new container along the changed path and shares the rest, so documents are never deep-copied.
- Key order is kept: it shows in outputs and in `States.JsonToString`.
- Reading refuses what Python would accept: NaN, Infinity, numbers beyond a double such as 1e400, duplicate keys and
  nesting beyond a limit. Integers stay exact at any size.
- Writing is compact (no blanks) and not ASCII-escaped, as AWS writes. A `Document` is written at most once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, TypeAlias

from statemachine.errors import InvalidJsonError

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list[Json] or dict[str, Json]. Checked where it enters."""

MAX_DEPTH = 512
"""Deepest nesting that is read. AWS's own limit is not published; Python's recursion allows about 1,000."""

_encode: Callable[[Json], bytes] | None = None
_decode: Callable[[bytes | str], Json] | None = None


def encode_json(value: Json) -> bytes:
    """The value as compact UTF-8. Raises ValueError for NaN, infinities, values that are no JSON, or text that is no
    Unicode (a lone surrogate is written as its escape, as it was read)."""
    try:
        return _encode_unicode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _encode_unicode(value: Json) -> bytes:
    """The same; raises UnicodeEncodeError for a lone surrogate."""
    global _encode  # noqa: PLW0603 - the encoder is loaded on first use: `validate` never needs it
    if _encode is None:
        from msgspec.json import Encoder

        _encode = Encoder().encode
    try:
        return _encode(value)
    except TypeError as error:
        raise ValueError(f"not a JSON value: {error}") from None
    except RecursionError:
        raise TooDeepError("nested too deeply to be written as JSON") from None


class TooDeepError(ValueError):
    """A value is nested too deeply to be written."""


def decode_json(data: bytes | str) -> Json:
    """Read JSON that this package wrote or has already checked: fast, integers exact, no further checks."""
    global _decode  # noqa: PLW0603 - loaded on first use, like the encoder
    if _decode is None:
        from msgspec.json import decode

        _decode = decode
    try:
        return _decode(data)
    except ValueError:  # a lone surrogate's escape, which only the standard library reads
        return json.loads(data)


class Document:
    """A JSON value together with its text, which is made at most once and then shared.

    The text of state N's output is the text of state N+1's input, of the size check and of what is stored.
    """

    __slots__ = ("_encoded", "value")

    def __init__(self, value: Json, encoded: bytes | None = None) -> None:
        self.value = value
        self._encoded = encoded

    @property
    def encoded(self) -> bytes:
        """Compact UTF-8 JSON; for a document that was read, the very bytes that were read."""
        encoded = self._encoded
        if encoded is None:
            encoded = self._encoded = encode_json(self.value)
        return encoded

    @property
    def text(self) -> str:
        """The JSON text."""
        return self.encoded.decode()

    @property
    def size(self) -> int:
        """UTF-8 bytes, what AWS's payload limit counts."""
        return len(self.encoded)

    def nests_too_deeply(self) -> bool:
        """Whether it is nested deeper than `MAX_DEPTH`."""
        return nests_too_deeply(self.encoded)

    def changed(self, value: Json) -> Document:
        """A document of another value, which may share members with this one's: of those that are large the texts are
        shared too. This document must not be nested too deeply."""
        if type(value) is dict and self.size > _LARGE_BYTES:
            return _ChangedDocument(value, self)
        return Document(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Document) and self.encoded == other.encoded

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Document({self.text[:120]})"


class _ChangedDocument(Document):
    """A large object that shares members with the one it was made from.

    States mostly add to or replace a part of a large document (ResultPath): so the time per state depends on the part,
    not on the whole. What is written is the same as without sharing.
    """

    __slots__ = ("_fresh", "_origin", "_parts")

    def __init__(self, value: dict[str, Json], origin: Document) -> None:
        super().__init__(value)
        self._origin: Document | None = origin
        self._parts: dict[int, tuple[Json, bytes]] = {}
        """By identity, the members whose texts are worth sharing."""
        self._fresh: list[bytes] | None = None
        """Texts of the members that were not shared; None if it was written as a whole."""

    @property
    def encoded(self) -> bytes:
        """See Document."""
        encoded = self._encoded
        if encoded is None:
            try:
                encoded = self._join()
            except UnicodeEncodeError:  # which is written in another way, throughout the text
                self._fresh, self._parts = None, {}
                encoded = encode_json(self.value)
            self._encoded = encoded
        return encoded

    def _join(self) -> bytes:
        origin, self._origin = self._origin, None
        known = origin._parts if isinstance(origin, _ChangedDocument) else {}  # noqa: SLF001 - its own class
        fresh: list[bytes] = []
        texts: list[bytes] = []
        for key, member in self.value.items():
            part = known.get(id(member))
            if part is None:
                part = (member, _encode_unicode(member))
                fresh.append(part[1])
            text = part[1]
            if len(text) > _PART_BYTES:
                self._parts[id(member)] = part
            texts.append(b"%b:%b" % (_encode_unicode(key), text))
        self._fresh = fresh
        return b"{%b}" % b",".join(texts)

    def nests_too_deeply(self) -> bool:
        """See Document. Members that were shared stand as deep as they did."""
        encoded = self.encoded
        if self._fresh is None:
            return nests_too_deeply(encoded)
        return any(nests_too_deeply(text, MAX_DEPTH - 1) for text in self._fresh)


_LARGE_BYTES = 8_192
_PART_BYTES = 256


def read_document(text: str | bytes) -> Document:
    """Read user-supplied JSON strictly, keeping its text (but for a byte order mark). Raises InvalidJsonError."""
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise InvalidJsonError(f"not Unicode: a lone surrogate at character {error.start}") from None
    return Document(load_json(text), raw.removeprefix(b"\xef\xbb\xbf"))


def load_json(text: str | bytes, max_depth: int = MAX_DEPTH) -> Json:
    """Read one JSON text strictly.

    Raises InvalidJsonError for anything RFC 8259 does not allow, duplicate keys, numbers that do not fit a double and
    nesting deeper than `max_depth`.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidJsonError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJsonError(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise InvalidJsonError(f"nested deeper than {max_depth} levels") from None
    except _RefusedError as refused:
        raise InvalidJsonError(str(refused)) from None
    if _too_deep(value, max_depth):
        raise InvalidJsonError(f"nested deeper than {max_depth} levels")
    return value


class _RefusedError(Exception):
    pass


def _refuse_constant(name: str) -> Json:
    raise _RefusedError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _RefusedError(f"the number {text[:40]} is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > 4300:
        raise _RefusedError(f"the number {text[:40]}… has more than 4300 digits")
    return int(text)


def _object(pairs: list[tuple[str, Json]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RefusedError(f"the key {json.dumps(key[:80])} occurs twice in one object")
            seen.add(key)
    return found


_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer, object_pairs_hook=_object
)


def _too_deep(value: Json, limit: int) -> bool:
    level: list[Json] = [value]
    for _ in range(limit):
        below: list[Json] = []
        for each in level:
            if type(each) is dict:
                below += [item for item in each.values() if type(item) is dict or type(item) is list]
            elif type(each) is list:
                below += [item for item in each if type(item) is dict or type(item) is list]
        if not below:
            return False
        level = below
    return True


_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ALL_BUT_BRACKETS_AND_QUOTES = bytes(byte for byte in _ALL_BUT_BRACKETS if byte != ord('"'))
_ALL_SQUARE = bytes.maketrans(b"{}", b"[]")
_OPENING = ord("[")
_QUICK_PASSES = 24


def nests_too_deeply(text: bytes, limit: int = MAX_DEPTH) -> bool:
    """Whether a JSON text is nested deeper than `limit`; much faster than a walk over its values."""
    if len(text.translate(None, _ALL_BUT_BRACKETS)) <= 2 * limit:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = text.translate(_ALL_SQUARE, _ALL_BUT_BRACKETS_AND_QUOTES).replace(b'""', b"")
    if b'"' in brackets:  # a string with brackets in it has kept its quotes: cut all strings out
        brackets = b"".join(text.split(b'"')[::2]).translate(_ALL_SQUARE, _ALL_BUT_BRACKETS)
    passes = min(limit, _QUICK_PASSES)
    for _ in range(passes):  # each takes the innermost level of every branch away
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    depths = accumulate(1 if bracket == _OPENING else -1 for bracket in brackets)
    return max(depths, default=0) + passes > limit


def json_equal(left: Json, right: Json) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, but true does not equal 1 (Python says it does)."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(json_equal(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(json_equal, left, right))
    if isinstance(right, dict | list):
        return False
    return bool(left == right)


def is_number(value: Json) -> bool:
    """Whether the value is a JSON number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def type_name(value: Json) -> str:
    """The JSON name of the value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def pointer(path: Iterable[str | int]) -> str:
    """A place in a definition in AWS's notation: ``/States/Pay/Next``, ``/States/Par/Branches[0]/StartAt``; the whole
    document is ``/``. Not RFC 6901: nothing is escaped."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f"/{part}" for part in path)
    return text or "/"
