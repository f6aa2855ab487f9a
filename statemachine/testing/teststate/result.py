"""What a test gives: the response of TestState."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from statemachine.jsonvalue import Json


@dataclass(frozen=True, slots=True)
class TestStateResult:
    """The outcome of a test.

    `status` is SUCCEEDED, FAILED, RETRIABLE or CAUGHT_ERROR; `output` is JSON text; `inspection` is None at INFO.
    """

    __test__: ClassVar[bool] = False

    status: str
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    next_state: str | None = None
    inspection: dict[str, Json] | None = None

    def to_api(self) -> dict[str, Json]:
        """The response, without what it does not have."""
        members = {
            "output": self.output,
            "error": self.error,
            "cause": self.cause,
            "inspectionData": self.inspection,
            "nextState": self.next_state,
            "status": self.status,
        }
        return {name: value for name, value in members.items() if value is not None}
