"""The tasks of an engine, named by the path of their file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from statemachine.integrations.base import BindingError
from statemachine.runtime.engine import Engine

MACHINE: dict[str, Any] = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "work", "End": True}}}


@pytest.mark.parametrize("kind", [str, Path])
def test_handlers_are_found_beside_the_file(tmp_path: Path, kind: type[str | Path]) -> None:
    name = f"handlers_{kind.__name__.lower()}"
    (tmp_path / f"{name}.py").write_text("def work(value):\n    return [value]\n")
    (tmp_path / "tasks.yaml").write_text(f"work: python:{name}:work\n")

    async def main() -> Any:
        async with Engine("memory", tasks=kind(tmp_path / "tasks.yaml")) as engine:
            return (await engine.run(MACHINE, 1)).output

    assert asyncio.run(main()) == [1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BindingError, match=r"missing\.yaml"):
        Engine("memory", tasks=tmp_path / "missing.yaml")
