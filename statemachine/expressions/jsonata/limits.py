"""What an evaluation may use, and what it gets from outside.

Rules
- Everything is counted, nothing is timed: the same expression on the same values fails at the same place in every run.
- The default figures are those measured on AWS where there are any, else bounds for a second or two of work.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

NUMBER_BYTES = 12
"""What one member of a sequence counts for: 10 MiB hold 873,782 numbers (measured on AWS, with a remainder of 376)."""


class Limits(Struct, frozen=True):
    """The bounds of one expression and of each of its evaluations.

    `depth` counts nested evaluations as jsonata-js's evaluate() nests: each operator, block, call and literal is one.
    `steps` counts calls, iterations and comparisons. `value_bytes` bounds one string (a byte per character) or sequence
    (`NUMBER_BYTES` per member); `total_bytes` all that an evaluation allocates. `regex_steps` bounds the matching of
    one evaluation. `expression_chars` and `nesting` bound what is parsed.
    """

    depth: int = 100
    steps: int = 5_000_000
    value_bytes: int = 10 * 1024 * 1024 - 376
    total_bytes: int = 64 * 1024 * 1024
    regex_steps: int = 2_000_000
    expression_chars: int = 256 * 1024
    nesting: int = 128


DEFAULT_LIMITS = Limits()


def _no_uuid() -> str:
    raise LookupError("this environment has no UUIDs")


def _no_fraction() -> float:
    raise LookupError("this environment has no random numbers")


class Environment(Struct, frozen=True):
    """What an evaluation may ask for: the time ($now, $millis), chance ($random, $shuffle, $uuid) and its bounds.

    `now_ms` is in milliseconds since 1970 and the same for the whole evaluation; `random` gives numbers from 0 up to
    but not 1; `uuid` gives version 4 UUIDs.
    """

    now_ms: int = 0
    random: Callable[[], float] = _no_fraction
    uuid: Callable[[], str] = _no_uuid
    limits: Limits = field(default=DEFAULT_LIMITS)
