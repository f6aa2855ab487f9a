"""Chance, reproducible: draws are a keyed hash of (seed, counter).

Two small things, a seed and a count, are all that a snapshot needs. Serves States.UUID, States.MathRandom, retry
jitter, task tokens and map run names.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest

from statemachine.kernel.execution import Execution


class ExecutionDraws:
    """The draws of one execution; each one advances its counter."""

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def _draw(self) -> bytes:
        execution = self._execution
        execution.draws += 1
        return blake2b(execution.draws.to_bytes(8, "big"), key=execution.seed, digest_size=16).digest()

    def uuid(self) -> str:
        """A version 4 UUID."""
        return _uuid(self._draw())

    def below(self, bound: int) -> int:
        """An integer from 0 to `bound` - 1. The bias is below 2 to the -64 for bounds up to 2 to the 64."""
        return int.from_bytes(self._draw(), "big") % bound

    def fraction(self) -> float:
        """A number from 0 up to, but not, 1."""
        return (int.from_bytes(self._draw()[:8], "big") >> 11) / (1 << 53)


def _uuid(digest: bytes) -> str:
    raw = bytearray(digest)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def task_token(execution: Execution, operation: int) -> str:
    """The token of a task: reproducible by the engine, unguessable from outside."""
    mac = blake2b(f"token {operation}".encode(), key=execution.seed, digest_size=16).hexdigest()
    return f"{execution.id}/{operation}/{mac}"


def derived_uuid(execution: Execution, operation: int, purpose: str) -> str:
    """A UUID that is always the same for an operation and a purpose: it names what must not be made twice."""
    return _uuid(blake2b(f"{purpose} {operation}".encode(), key=execution.seed, digest_size=16).digest())


def is_token_of(execution: Execution, operation: int, token: str) -> bool:
    """Whether a token was handed out for this operation."""
    given = token.encode("utf-8", "surrogatepass")  # it comes from outside, and may be no Unicode
    return compare_digest(task_token(execution, operation).encode(), given)
