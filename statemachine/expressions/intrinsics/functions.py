"""The intrinsic functions: one table of names, parameters and implementations (developer guide, "Intrinsics").

An implementation gets evaluated arguments and raises `FunctionError` with the reason if it cannot work on them; the
caller words the failure. Measured details stand at the functions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Final

from msgspec import Struct

from statemachine.errors import InvalidJsonError
from statemachine.expressions.base import Draws
from statemachine.expressions.java import Random, hash_map_order, round_half_up, to_string
from statemachine.jsonvalue import Json, encode_json, is_number, json_equal, load_json, type_name

MAX_RANGE = 1_000
"""Elements of States.ArrayRange (fact arrayrange-1000-limit)."""
MAX_TEXT = 10_000
"""Characters that Base64Encode, Base64Decode and Hash take (fact base64-10000-limit)."""
_LONG = 1 << 63


class FunctionError(Exception):
    """The arguments do not suit the function. The message is a sentence without a full stop."""


class Kind(Enum):
    """What a parameter takes; a literal argument is checked when the definition is compiled."""

    ANY = "any value"
    TEXT = "a string"
    NUMBER = "a number"
    ARRAY = "an array"
    OBJECT = "an object"
    BOOLEAN = "a boolean"

    def admits(self, value: Json) -> bool:
        """Whether the value is of this kind."""
        match self:
            case Kind.ANY:
                return True
            case Kind.TEXT:
                return isinstance(value, str)
            case Kind.NUMBER:
                return is_number(value)
            case Kind.ARRAY:
                return isinstance(value, list)
            case Kind.OBJECT:
                return isinstance(value, dict)
            case Kind.BOOLEAN:
                return isinstance(value, bool)


def _check(kind: Kind, value: Json, what: str) -> None:
    if not kind.admits(value):
        raise FunctionError(f"The {what} must be {kind.value}, not {type_name(value)}")


def _integer(value: Json, what: str) -> int:
    """An integer; a fraction is rounded as Math.round does (facts mathadd-*)."""
    _check(Kind.NUMBER, value, what)
    if isinstance(value, float) and not math.isfinite(value):
        raise FunctionError(f"The {what} is not finite")
    number = round_half_up(value)
    if not -_LONG <= number < _LONG:
        raise FunctionError(f"The {what} does not fit 64 bits")
    return number


def _text(value: Json, what: str) -> str:
    _check(Kind.TEXT, value, what)
    return str(value)


def _bounded_text(value: Json, what: str) -> str:
    text = _text(value, what)
    if len(text) > MAX_TEXT:
        raise FunctionError(f"The {what} is longer than {MAX_TEXT} characters")
    return text


def _array(value: Json, what: str = "first argument") -> list[Json]:
    _check(Kind.ARRAY, value, what)
    return list(value) if not isinstance(value, list) else value


# -- arrays ------------------------------------------------------------------------------------------------------


def array(*items: Json) -> Json:
    """The arguments as an array."""
    return list(items)


def array_partition(items: Json, size: Json) -> Json:
    """The array cut into chunks; the last may be shorter (fact arraypartition-uneven)."""
    array, length = _array(items), _integer(size, "chunk size")
    if length < 1:
        raise FunctionError("The chunk size must be greater than 0")
    return [array[start : start + length] for start in range(0, len(array), length)]


def array_contains(items: Json, value: Json) -> Json:
    """Whether an element equals the value; objects and arrays by content (fact arraycontains-deep-object)."""
    return any(json_equal(item, value) for item in _array(items))


def array_range(first: Json, last: Json, step: Json) -> Json:
    """From the first number up to and including the last."""
    start, end, increment = _integer(first, "first argument"), _integer(last, "last value"), _integer(step, "increment")
    if increment == 0:
        raise FunctionError("The increment must not be 0")
    numbers = range(start, end + (1 if increment > 0 else -1), increment)
    if (numbers.stop - numbers.start) // increment > MAX_RANGE + 1 or len(numbers) > MAX_RANGE:
        raise FunctionError(f"The array would have more than {MAX_RANGE} elements")
    return list(numbers)


def array_get_item(items: Json, index: Json) -> Json:
    """The element at the index, which counts from 0."""
    array, at = _array(items), _integer(index, "index")
    if not 0 <= at < len(array):
        raise FunctionError(f"The index {at} is out of range: the array has {len(array)} elements")
    return array[at]


def array_length(items: Json) -> Json:
    """The number of elements."""
    return len(_array(items))


def array_unique(items: Json) -> Json:
    """The elements without repetitions, in the order of their first occurrence."""
    found: dict[Hashable, Json] = {}
    for item in _array(items):
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(value: Json) -> Hashable:
    """A key that is equal for equal JSON values only."""
    if isinstance(value, dict):
        return ("object", frozenset((key, _identity(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_identity, value)))
    return (isinstance(value, bool), value)


# -- texts -------------------------------------------------------------------------------------------------------


def format_text(template: Json, *items: Json) -> Json:
    """The template with each ``{}`` replaced by an argument, in order."""
    return fill(tuple(_text(template, "first argument").split("{}")), items)


def fill(pieces: tuple[str, ...], items: tuple[Json, ...]) -> str:
    """Texts joined by arguments. Objects show as Java writes them, ``{a=1, b=[]}`` (recorded)."""
    if len(items) != len(pieces) - 1:
        raise FunctionError(
            f"The number of arguments ({len(items)}) does not match the number of occurrences of {{}} "
            f"({len(pieces) - 1})"
        )
    parts = [pieces[0]]
    for item, piece in zip(items, pieces[1:], strict=True):
        parts += (item if type(item) is str else str(item) if type(item) is int else to_string(item), piece)
    return "".join(parts)


def string_split(text: Json, delimiters: Json) -> Json:
    """The pieces between delimiters, each character of the second argument being one (fact stringsplit-delimiter-is-
    a-set); empty pieces are dropped (fact stringsplit-drops-empty)."""
    source, separators = _text(text, "first argument"), _text(delimiters, "delimiter")
    if not separators:
        return [source] if source else []
    first = separators[0]
    for other in separators[1:]:
        source = source.replace(other, first)
    return [piece for piece in source.split(first) if piece]


def string_to_json(text: Json) -> Json:
    """The value of a JSON text; null for a blank one (facts stringtojson-empty, stringtojson-blank)."""
    source = _text(text, "argument")
    if not source.strip():
        return None
    try:
        return load_json(source)
    except InvalidJsonError as error:
        raise FunctionError(f"The argument is not valid JSON: {error}") from None


def json_to_string(value: Json) -> Json:
    """The value as compact JSON text; a string gets quotes (fact jsontostring-string-is-quoted)."""
    try:
        return encode_json(value).decode()
    except ValueError as error:
        raise FunctionError(f"The argument cannot be written: {error}") from None


def base64_encode(text: Json) -> Json:
    """Base64 of the text's UTF-8."""
    return base64.b64encode(_bounded_text(text, "argument").encode("utf-8", "replace")).decode("ascii")


def base64_decode(text: Json) -> Json:
    """The text whose UTF-8 was encoded. Padding may be missing."""
    encoded = _bounded_text(text, "argument")
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4 % 3), validate=True)
    except (binascii.Error, ValueError):
        raise FunctionError("The argument is not valid Base64") from None
    return decoded.decode("utf-8", "replace")


_ALGORITHMS: Final = {
    "MD5": hashlib.md5,
    "SHA-1": hashlib.sha1,
    "SHA-256": hashlib.sha256,
    "SHA-384": hashlib.sha384,
    "SHA-512": hashlib.sha512,
}


def hash_text(data: Json, algorithm: Json) -> Json:
    """The digest of the text's UTF-8 in hexadecimal; other data are hashed as compact JSON."""
    name = _text(algorithm, "algorithm")
    if name not in _ALGORITHMS:
        raise FunctionError(f"The algorithm must be one of {', '.join(_ALGORITHMS)}, not '{name[:40]}'")
    text = _bounded_text(data if isinstance(data, str) else json_to_string(data), "data")
    return _ALGORITHMS[name](text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


# -- objects and numbers -----------------------------------------------------------------------------------------


def json_merge(first: Json, second: Json, deep: Json) -> Json:
    """Both objects in one; the second wins, whole values (fact jsonmerge-shallow). AWS has no deep merge. The keys
    come in the order of a Java HashMap (recorded)."""
    _check(Kind.OBJECT, first, "first argument")
    _check(Kind.OBJECT, second, "second argument")
    _check(Kind.BOOLEAN, deep, "third argument")
    if deep:
        raise FunctionError("Deep merging is not supported: the third argument must be false")
    merged = {**first, **second}
    return {key: merged[key] for key in hash_map_order(tuple(merged))}


def math_add(first: Json, second: Json) -> Json:
    """The sum; each argument is rounded first (facts mathadd-*)."""
    return _integer(_integer(first, "first argument") + _integer(second, "second argument"), "sum")


def math_random(draws: Draws, first: Json, last: Json, *seed: Json) -> Json:
    """An integer from the first number up to, but not, the last; with a seed always the same one."""
    start, end = _integer(first, "start"), _integer(last, "end")
    if start >= end:
        raise FunctionError("The start must be less than the end")
    if seed:
        return start + Random(_integer(seed[0], "seed")).below(end - start)
    return start + draws.below(end - start)


def uuid(draws: Draws) -> Json:
    """A version 4 UUID (fact intrinsic-uuid)."""
    return draws.uuid()


class Intrinsic(Struct, frozen=True):
    """One function. `optional` of its parameters may be left out; `rest` is what further arguments take."""

    implementation: Callable[..., Json]
    parameters: tuple[Kind, ...]
    optional: int = 0
    rest: Kind | None = None
    draws: bool = False
    """Chance is its first argument."""


_A, _T, _N = Kind.ARRAY, Kind.TEXT, Kind.NUMBER

INTRINSICS: Final[dict[str, Intrinsic]] = {
    "Array": Intrinsic(array, (), rest=Kind.ANY),
    "ArrayContains": Intrinsic(array_contains, (_A, Kind.ANY)),
    "ArrayGetItem": Intrinsic(array_get_item, (_A, _N)),
    "ArrayLength": Intrinsic(array_length, (_A,)),
    "ArrayPartition": Intrinsic(array_partition, (_A, _N)),
    "ArrayRange": Intrinsic(array_range, (_N, _N, _N)),
    "ArrayUnique": Intrinsic(array_unique, (_A,)),
    "Base64Decode": Intrinsic(base64_decode, (_T,)),
    "Base64Encode": Intrinsic(base64_encode, (_T,)),
    "Format": Intrinsic(format_text, (_T,), rest=Kind.ANY),
    "Hash": Intrinsic(hash_text, (Kind.ANY, _T)),
    "JsonMerge": Intrinsic(json_merge, (Kind.OBJECT, Kind.OBJECT, Kind.BOOLEAN)),
    "JsonToString": Intrinsic(json_to_string, (Kind.ANY,)),
    "MathAdd": Intrinsic(math_add, (_N, _N)),
    "MathRandom": Intrinsic(math_random, (_N, _N, _N), optional=1, draws=True),
    "StringSplit": Intrinsic(string_split, (_T, _T)),
    "StringToJson": Intrinsic(string_to_json, (_T,)),
    "UUID": Intrinsic(uuid, (), draws=True),
}
"""The functions by name, without ``States.``."""
