"""Redriving stored executions, on every store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from statemachine.errors import (
    ExecutionNotFoundError,
    ExecutionNotRedrivableError,
    ExecutionOwnedError,
    TaskError,
    UnboundResourceError,
)
from statemachine.runtime.engine import Engine
from statemachine.runtime.recordings import record, replay

MACHINE: dict[str, Any] = {
    "StartAt": "First",
    "States": {
        "First": {"Type": "Task", "Resource": "first", "Next": "Second"},
        "Second": {"Type": "Task", "Resource": "second", "End": True},
    },
}


class Handlers:
    """Counts calls; the second task fails until it is mended."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.mended = False

    def tasks(self) -> dict[str, Any]:
        def second(_: Any) -> str:
            self.calls.append("second")
            if not self.mended:
                raise TaskError("Broken", "not mended")
            return "done"

        return {"first": lambda _: self.calls.append("first"), "second": second}


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return "memory" if request.param == "memory" else tmp_path / "store.db"


def test_goes_on_and_is_stored(place: Any) -> None:
    async def main() -> None:
        handlers = Handlers()
        async with Engine(place, tasks=handlers.tasks()) as engine:
            assert (await engine.run(MACHINE, name="one")).error == "Broken"
            handlers.mended = True
            assert await engine.redrive("one") == "one"
            result = await engine.wait("one")
            assert (result.status, result.output) == ("SUCCEEDED", "done")
            assert handlers.calls == ["first", "second", "second"]
            types = [event.type for event in engine.history("one")]
            assert types[types.index("ExecutionFailed") + 1] == "ExecutionRedriven"
            assert types[-1] == "ExecutionSucceeded"
            assert replay(record(engine.store, "one")).redrive_count == 1
            with pytest.raises(ExecutionNotRedrivableError, match="Execution is SUCCEEDED and cannot be redriven"):
                await engine.redrive("one")

    asyncio.run(main())


def test_by_another_process_than_the_one_that_failed(tmp_path: Path) -> None:
    async def main() -> None:
        handlers = Handlers()
        path = tmp_path / "store.db"
        async with Engine(path, tasks=handlers.tasks()) as engine:
            await engine.run(MACHINE, name="one")
        handlers.mended = True
        async with Engine(path) as engine:
            with pytest.raises(UnboundResourceError):
                await engine.redrive("one")
            assert engine.describe("one").status == "FAILED"
            await engine.redrive("one", tasks=handlers.tasks())
            assert (await engine.wait("one")).output == "done"

    asyncio.run(main())


def test_one_that_runs_or_is_not_there(tmp_path: Path) -> None:
    async def main() -> None:
        waiting = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
        path = tmp_path / "store.db"
        async with Engine(path) as engine:
            with pytest.raises(ExecutionNotFoundError):
                await engine.redrive("nobody")
            await engine.start(waiting, name="one")
            with pytest.raises(ExecutionNotRedrivableError, match="RUNNING"):
                await engine.redrive("one")
            async with Engine(path) as other:
                with pytest.raises(ExecutionOwnedError):
                    await other.redrive("one")
            assert (await engine.stop("one")).status == "ABORTED"
            await engine.redrive("one")
            assert (await engine.stop("one")).status == "ABORTED"

    asyncio.run(main())


def test_an_engine_that_stops_meanwhile_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        handlers = Handlers()
        path = tmp_path / "store.db"
        async with Engine(path, tasks=handlers.tasks()) as engine:
            await engine.run(MACHINE, name="one")
            await engine.redrive("one")
        handlers.mended = True
        async with Engine(path, tasks=handlers.tasks()) as engine:
            if engine.describe("one").status == "RUNNING":
                await engine.resume("one")
            else:
                await engine.redrive("one")
            assert (await engine.wait("one")).output == "done"
        assert handlers.calls.count("first") == 1

    asyncio.run(main())
