"""Report: how the compilers say what is wrong with a definition."""

from __future__ import annotations

from typing import Protocol

from statemachine.definition.diagnostics import JsonPath, Note


class Report(Protocol):
    """Takes the code, message and AWS location of a mistake, and its exact place where that is another; `offset`
    is where in the text there. `runs`: AWS refuses it, and it can be run."""

    def __call__(
        self,
        code: str,
        message: str,
        path: JsonPath,
        place: JsonPath | None = None,
        *,
        offset: int | None = None,
        suggestion: str | None = None,
        notes: tuple[Note, ...] = (),
        runs: bool = False,
    ) -> None: ...
