"""How tasks are bound on the command line, and how `resume` finds the same bindings again.

An execution keeps where its bindings came from: the ``--tasks`` file, the ``--mocks`` file, the ``--machines``,
``--data`` and ``--aws`` that were given, and the folder of the definition, from which ``python:`` modules and
``exec:`` programs are looked up. All are absolute paths in a small JSON text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statemachine.integrations.base import BindingError
from statemachine.integrations.objects import S3
from statemachine.integrations.registry import Binding, TaskRegistry
from statemachine.integrations.targets import AWS
from statemachine.jsonvalue import Json, decode_json, encode_json
from statemachine.program.load import LoadedDefinition


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say; None: nothing."""

    tasks_file: Path | None = None
    machines: Path | None = None
    data: str | None = None
    aws: bool = False


def bindings_source(given: Given, folder: Path, mocks: str | None = None) -> str:
    """What to store with an execution."""
    stored: dict[str, Json] = {"tasks": _absolute(given.tasks_file), "folder": str(folder.resolve())}
    if given.machines is not None:
        stored["machines"] = _absolute(given.machines)
    if given.data is not None:
        stored["data"] = given.data if given.data == S3 else _absolute(Path(given.data))
    if given.aws:
        stored["aws"] = True
    if mocks is not None:
        from statemachine.testing.mocks import split_mocks_option

        file, case = split_mocks_option(mocks)
        stored["mocks"] = [str(file.resolve()), case]
    return encode_json(stored).decode()


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


@dataclass(frozen=True, slots=True)
class Bindings:
    """Where an execution's tasks, state machines and data are."""

    folder: Path
    tasks_file: Path | None
    machines_path: Path | None
    data: str | None
    mocks: tuple[Path, str | None] | None
    aws: bool = False
    """AWS's services perform whatever is bound to nothing else."""

    @classmethod
    def of(cls, source: str | None, given: Given = Given()) -> Bindings:
        """What a stored text describes; what is given takes the place of what is stored."""
        stored: dict[str, Any] = decode_json(source) if source else {}
        tasks, machines, mocks = stored.get("tasks"), stored.get("machines"), stored.get("mocks")
        return cls(
            folder=Path(stored["folder"]) if stored else Path.cwd(),
            tasks_file=given.tasks_file or (None if tasks is None else Path(tasks)),
            machines_path=given.machines or (None if machines is None else Path(machines)),
            data=stored.get("data") if given.data is None else given.data,
            mocks=None if mocks is None else (Path(mocks[0]), mocks[1]),
            aws=given.aws or bool(stored.get("aws")),
        )

    def machines(self) -> dict[str, LoadedDefinition]:
        """The state machines that tasks may start. Raises BindingError, and DefinitionError for their definitions."""
        if self.machines_path is None:
            return {}
        from statemachine.cli.machines import load_machines

        return load_machines(self.machines_path)

    def registry(self) -> TaskRegistry:
        """What performs the tasks. Raises BindingError if a file is not there any more or cannot be used."""
        search_path = [self.folder]
        if self.machines_path is not None:
            from statemachine.cli.machines import folder_of

            search_path.append(folder_of(self.machines_path))
        unbound: dict[str, Binding] = {"arn:*": AWS} if self.aws else {}
        if self.tasks_file is None:
            registry = TaskRegistry(unbound, search_path=search_path)
        else:
            from statemachine.integrations.tasks_file import load_tasks_file

            if not self.tasks_file.is_file():
                raise BindingError(
                    f"the tasks file {self.tasks_file} is not there any more; name another one with --tasks"
                )
            bound = {**unbound, **load_tasks_file(self.tasks_file)}
            registry = TaskRegistry(bound, search_path=[self.tasks_file.parent, *search_path])
        if self.mocks is None:
            return registry
        from statemachine.runtime.mocked import mock_registry
        from statemachine.testing.mocks import load_mocks

        return mock_registry(load_mocks(*self.mocks), registry)
