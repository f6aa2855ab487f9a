"""Write a store as this version of the program writes it: ``python tests/store/write_store.py FILE``.

Before the schema gets a new version, the store of the old one is written and kept as ``data/version_<n>.db``;
test_migrations.py opens each of them with the new program.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any

from statemachine.errors import TaskError
from statemachine.runtime.engine import Engine

CHARGE = "arn:aws:lambda:us-east-1:123456789012:function:Charge"

ORDER: dict[str, Any] = {
    "StartAt": "Charge",
    "States": {
        "Charge": {
            "Type": "Task",
            "Resource": CHARGE,
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 0, "MaxAttempts": 1}],
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "Result": "ünï \U0001f600", "End": True}}},
                {"StartAt": "Right", "States": {"Right": {"Type": "Pass", "End": True}}},
            ],
            "End": True,
        },
    },
}
LOOP: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Count",
    "States": {
        "Count": {"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.n >= 1500 %}", "Next": "Rest"}],
            "Default": "Count",
        },
        "Rest": {"Type": "Wait", "Seconds": 99999999, "End": True},
    },
}


async def write(path: Path) -> None:
    """An execution that has succeeded, one that has failed, and one that waits, with a snapshot behind it."""

    def charge(order: Any) -> Any:
        if "card" not in order:
            raise TaskError("NoCard", "there is no card")
        return order | {"charged": True}

    async with Engine(path, tasks={CHARGE: charge}) as engine:
        await engine.run(ORDER, {"card": "4711", "total": 12.50}, name="succeeded", machine_name="order")
        await engine.run(ORDER, {"total": 1e20}, name="failed", machine_name="order")
        await engine.start(LOOP, {"n": 0}, name="waiting", machine_name="loop")
        rests = asyncio.Event()
        engine.add_listener(lambda execution, _: rests.set() if execution.next_deadline_ms() is not None else None)
        await rests.wait()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("VACUUM")


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
