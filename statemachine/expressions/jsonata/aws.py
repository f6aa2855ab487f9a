"""The dialect of AWS Step Functions: JSONata 2.0.6 without `$eval`, with the functions that AWS adds.

Rules (facts measured on AWS, topic jsonata)
- Numbers that must be whole are truncated towards zero.
- `$range` follows the rule of sequences: one member is that member, none is nothing.
- `$partition` keeps its outer array.
- `$random(seed)` is java.util.Random(seed).nextDouble(). `$parse` is strict JSON: no repeated keys, nothing after the
  document; integers of 64 bits stay exact. `$parseInteger` of unreadable text is NaN.
- What is wrong in an argument's value is D3137, in its type or number T0410.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from statemachine.expressions.jsonata.compiled import CompiledJsonata, compile_jsonata
from statemachine.expressions.jsonata.errors import JsonataError
from statemachine.expressions.jsonata.functions import FUNCTIONS
from statemachine.expressions.jsonata.functions import numbers as numeric
from statemachine.expressions.jsonata.functions.rows import Row, whole
from statemachine.expressions.jsonata.runtime import Native, Runtime
from statemachine.expressions.jsonata.sequences import UNDEFINED, Sequence, Value

_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}
_LONG: Final = 2**63
_MASK: Final = (1 << 48) - 1
MAX_PARSE_DEPTH: Final = 500


def _wrong(message: str) -> JsonataError:
    return JsonataError("D3137", message=message)


def partition(runtime: Runtime, members: Value, size: Value) -> Value:
    """`$partition`: chunks of a size; nothing for an empty array or size 0. Raises JsonataError (D3137) below 0."""
    if members is UNDEFINED or size is UNDEFINED:
        return UNDEFINED
    length = whole(size)
    if length < 0:
        raise _wrong("The chunk size of the partition function must not be negative")
    if length == 0 or not members:
        return UNDEFINED
    runtime.members(len(members))
    runtime.step(len(members) // 8)
    return [list(members[at : at + length]) for at in range(0, len(members), length)]


def range_(runtime: Runtime, start: Value, end: Value, step: Value) -> Value:
    """`$range`: from start to end, both included; nothing if the step is 0 or leads away."""
    if start is UNDEFINED or end is UNDEFINED or step is UNDEFINED:
        return UNDEFINED
    first, last, by = whole(start), whole(end), whole(step)
    if by == 0:
        return UNDEFINED
    numbers = range(first, last + (1 if by > 0 else -1), by)
    size = max(0, (last - first) // by + 1)
    runtime.members(size)
    runtime.step(size // 16)
    return Sequence(numbers)


def hash_(runtime: Runtime, text: Value, algorithm: Value) -> Value:
    """`$hash`: the digest of the UTF-8 text in hexadecimal. Raises JsonataError (D3137) for another algorithm."""
    if text is UNDEFINED or algorithm is UNDEFINED:
        return UNDEFINED
    name = _ALGORITHMS.get(algorithm)
    if name is None:
        raise _wrong(f"Unsupported hash algorithm: {algorithm}")
    runtime.step(len(text) // 256)
    return hashlib.new(name, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def random(runtime: Runtime, seed: Value) -> Value:
    """`$random`: of the environment, or the first number of a Java generator with this seed."""
    return runtime.environment.random() if seed is UNDEFINED else java_random(whole(seed))


def java_random(seed: int) -> float:
    """java.util.Random(seed).nextDouble(); the seed wraps to 64 bits as Java's does."""
    state = (seed ^ 0x5DEECE66D) & _MASK
    state = (state * 0x5DEECE66D + 0xB) & _MASK
    high = state >> 22
    state = (state * 0x5DEECE66D + 0xB) & _MASK
    return ((high << 27) + (state >> 21)) / (1 << 53)


def uuid(runtime: Runtime) -> Value:
    """`$uuid`: a version 4 UUID of the environment."""
    return runtime.environment.uuid()


def parse(runtime: Runtime, text: Value) -> Value:
    """`$parse`: the value of a JSON text. Raises JsonataError (D3137)."""
    if text is UNDEFINED:
        return UNDEFINED
    runtime.allocate(2 * len(text))
    runtime.step(len(text) // 16)
    depth = 0
    for bracket in (char for char in text if char in "[]{}"):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_PARSE_DEPTH:
            raise _wrong("Invalid JSON: it is nested too deeply")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"Invalid JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is repeated")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _integer(digits: str) -> int | float:
    if len(digits) > 20:
        return float(digits)
    value = int(digits)
    return value if -_LONG <= value < _LONG else float(value)


def parse_integer(runtime: Runtime, text: Value, picture: Value) -> Value:
    """`$parseInteger` of AWS."""
    result = numeric.parse_integer(runtime, text, picture)
    return math.nan if result is UNDEFINED and text is not UNDEFINED else result


_ROWS: Final[tuple[Row, ...]] = (
    ("partition", partition, "<a-n:a<a>>", 2),
    ("range", range_, "<n-nn:a<n>>", 3),
    ("hash", hash_, "<s-s:s>", 2),
    ("random", random, "<n?:n>", 1),
    ("uuid", uuid, "<:s>", 0),
    ("parse", parse, "<s-:x>", 1),
    ("parseInteger", parse_integer, "<s-s:n>", 2),
)

AWS_FUNCTIONS: Final = MappingProxyType(
    {
        **{name: function for name, function in FUNCTIONS.items() if name != "eval"},
        **{row[0]: Native(*row) for row in _ROWS},
    }
)
"""The functions of AWS Step Functions by name."""


@lru_cache(maxsize=2048)
def compile_for_aws(text: str) -> CompiledJsonata:
    """Compile a text with AWS's functions. Raises JsonataError."""
    return compile_jsonata(text, functions=AWS_FUNCTIONS)
