"""``--machines``: the state machines that tasks may start, by ARN or name.

Rules
- A file, YAML or JSON, maps an ARN or a name to a definition's file, which is looked up beside it
  (``schemas/machines-file.schema.json``).
- A folder gives each ``*.asl.json``, ``*.asl.yaml`` and ``*.asl.yml`` in it the name of its file. A task finds it by an
  ARN with that name too.
- Every finding names file and line; nothing is started with a definition that cannot be run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from statemachine.definition.diagnostics import Diagnostic
from statemachine.definition.sidefile import place_of, read_side_file
from statemachine.errors import DefinitionError
from statemachine.integrations.base import BindingError
from statemachine.program.load import LoadedDefinition, load

ENDINGS: Final = (".asl.json", ".asl.yaml", ".asl.yml")
_DEFINITION_KEYS: Final = ("StartAt", "States")


def load_machines(path: Path) -> dict[str, LoadedDefinition]:
    """The state machines of a file or folder. Raises BindingError, or DefinitionError with all findings of the
    definitions."""
    files = _in_folder(path) if path.is_dir() else _in_file(path)
    machines: dict[str, LoadedDefinition] = {}
    loaded: dict[Path, LoadedDefinition] = {}
    findings: list[Diagnostic] = []
    for key, file in files.items():
        try:
            if file not in loaded:
                loaded[file] = load(file)
                loaded[file].require_runnable()
            machines[key] = loaded[file]
        except DefinitionError as error:
            findings += error.diagnostics
        except UnicodeDecodeError:
            raise BindingError(f"{file} is not UTF-8") from None
    if findings:
        raise DefinitionError(findings)
    return machines


def folder_of(path: Path) -> Path:
    """Where ``python:`` modules and ``exec:`` programs of its machines are looked up."""
    return path if path.is_dir() else path.parent


def _in_folder(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        name = next((file.name.removesuffix(each) for each in ENDINGS if file.name.endswith(each)), "")
        if not name or not file.is_file():
            continue
        if name in found:
            raise BindingError(f"{found[name]} and {file} have the same name, {name}: rename one of them")
        found[name] = file
    if not found:
        raise BindingError(
            f"{folder} holds no state machine: its files are to end with {', '.join(ENDINGS)}; "
            "or name a file that maps ARNs or names to definitions"
        )
    return found


def _in_file(path: Path) -> dict[str, Path]:
    if not path.is_file():
        raise BindingError(f"the machines file {path} is not there; name another one with --machines")
    source, faults = read_side_file(path, "machines-file", "machines file")
    if source is not None and isinstance(source.value, dict) and all(key in source.value for key in _DEFINITION_KEYS):
        raise BindingError(
            f"{path} is a definition, not a map of them: write a file with the line\n"
            f"  NAME: {path.name}\nor name the folder that it is in"
        )
    files: dict[str, Path] = {}
    if source is not None and not faults:
        for key, given in source.value.items():
            if key == "$schema":
                continue
            files[key] = path.parent / given
            if not files[key].is_file():
                faults.append(f"{place_of(source, (key,))}{key}: there is no file {files[key]}")
        if not files and not faults:
            faults.append(f"{path}: names no state machine; it is to have a line ARN-or-name: FILE for each")
    if faults:
        raise BindingError("\n".join(faults))
    return files
