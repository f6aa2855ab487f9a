"""How tasks are bound on the command line, and how `resume` finds the same bindings again.

An execution keeps where its bindings came from: the ``--tasks`` file and the folder of the definition, from which
``python:`` modules and ``exec:`` programs are looked up. Both are absolute paths in a small JSON text.
"""

from __future__ import annotations

from pathlib import Path

from statemachine.integrations.registry import TaskRegistry
from statemachine.jsonvalue import decode_json, encode_json


def bindings_source(tasks_file: Path | None, folder: Path) -> str:
    """What to store with an execution."""
    tasks = None if tasks_file is None else str(tasks_file.resolve())
    return encode_json({"tasks": tasks, "folder": str(folder.resolve())}).decode()


def registry_from(source: str | None, tasks_file: Path | None = None) -> TaskRegistry:
    """The registry that a stored text describes; another tasks file may take the place of the stored one."""
    stored = decode_json(source) if source else {"tasks": None, "folder": str(Path.cwd())}
    chosen = tasks_file or (Path(stored["tasks"]) if stored["tasks"] else None)
    folder = Path(stored["folder"])
    if chosen is None:
        return TaskRegistry({}, search_path=[folder])
    from statemachine.integrations.tasks_file import load_tasks_file

    return TaskRegistry(load_tasks_file(chosen), search_path=[chosen.parent, folder])
