"""The ends of an execution's quotas: what no Retry and no Catch takes."""

from __future__ import annotations

from statemachine.errors import RUNTIME, Failure


class QuotaError(Exception):
    """The execution is at the end of a quota, and fails. `previous` is the event before the one that it ends with."""

    def __init__(self, cause: str, previous: int) -> None:
        super().__init__(cause)
        self.failure = Failure(RUNTIME, cause)
        self.previous = previous


class HistoryFullError(QuotaError):
    """The next event would exceed the history limit (developer guide, quotas: 25,000 events)."""

    def __init__(self, limit: int, previous: int) -> None:
        super().__init__(f"The execution reached the maximum number of history events ({limit}).", previous)
