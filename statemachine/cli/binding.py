"""How tasks are bound on the command line, and how `resume` finds the same bindings again.

An execution keeps where its bindings came from: the ``--tasks`` file, the ``--mocks`` file, and the folder of the
definition, from which ``python:`` modules and ``exec:`` programs are looked up. All are absolute paths in a small JSON
text.
"""

from __future__ import annotations

from pathlib import Path

from statemachine.integrations.base import BindingError
from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import Json, decode_json, encode_json


def bindings_source(tasks_file: Path | None, folder: Path, mocks: str | None = None) -> str:
    """What to store with an execution."""
    stored: dict[str, Json] = {
        "tasks": None if tasks_file is None else str(tasks_file.resolve()),
        "folder": str(folder.resolve()),
    }
    if mocks is not None:
        from statemachine.testing.mocks import split_mocks_option

        file, case = split_mocks_option(mocks)
        stored["mocks"] = [str(file.resolve()), case]
    return encode_json(stored).decode()


def registry_from(source: str | None, tasks_file: Path | None = None) -> TaskRegistry:
    """The registry that a stored text describes; another tasks file may take the place of the stored one.

    Raises BindingError if a file is not there any more or cannot be used.
    """
    stored: Json = decode_json(source) if source else {"tasks": None, "folder": str(Path.cwd())}
    chosen = tasks_file or (Path(stored["tasks"]) if stored["tasks"] else None)
    folder = Path(stored["folder"])
    if chosen is None:
        registry = TaskRegistry({}, search_path=[folder])
    else:
        from statemachine.integrations.tasks_file import load_tasks_file

        if not chosen.is_file():
            raise BindingError(f"the tasks file {chosen} is not there any more; name another one with --tasks")
        registry = TaskRegistry(load_tasks_file(chosen), search_path=[chosen.parent, folder])
    if "mocks" not in stored:
        return registry
    from statemachine.runtime.mocked import mock_registry
    from statemachine.testing.mocks import load_mocks

    file, case = stored["mocks"]
    return mock_registry(load_mocks(Path(file), case), registry)
