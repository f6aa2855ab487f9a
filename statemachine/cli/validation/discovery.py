"""From the arguments of ``validate`` to the files that are checked.

Rules
- A file that is named is checked, whatever its name. In a folder the configuration's `include` and `exclude` decide; a
  pattern (also one that the shell left alone) decides itself, but for what is excluded.
- The order is that of the arguments and, within a folder or a pattern, of the names; each file comes once, by the name
  that it was first found under.
- Links are followed. A folder is entered once, so that a circle of links ends.
- A name that leads nowhere is a mistake of usage, told before anything is checked: a typing error in CI must not pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from msgspec import Struct

from statemachine.cli.validation.configuration import (
    DEFAULT_INCLUDE,
    DEFINITION_PATTERNS,
    TEMPLATE_PATTERNS,
    Configurations,
)
from statemachine.cli.validation.globs import covering_pattern, has_magic, path_pattern

STDIN = "-"
_DEPTH_MAX = 128


class Target(Struct, frozen=True):
    """One file to check."""

    path: str
    """As it is shown and opened; `STDIN` for standard input."""
    may_be_other: bool = False
    """Whether it was only found by a name that templates share with other files, such as ``template.yaml``."""


def discover(arguments: Iterable[str], configurations: Configurations, *, force_exclude: bool = False) -> list[Target]:
    """The files to check, in order. Raises click.UsageError for what leads nowhere."""
    arguments = list(arguments)
    missing = [each for each in arguments if each != STDIN and not os.path.lexists(each) and not has_magic(each)]
    if missing:
        raise click.UsageError("\n".join(_missing(each) for each in missing))
    seen: set[str] = set()
    found: list[Target] = []
    for argument in arguments:
        some = list(_targets(argument, configurations, force_exclude))
        if not some and not force_exclude:
            raise click.UsageError(nothing_found([argument]))
        for target in some:
            real = target.path if target.path == STDIN else os.path.realpath(target.path)
            if real not in seen:
                seen.add(real)
                found.append(target)
    return found


def _targets(argument: str, configurations: Configurations, force_exclude: bool) -> Iterator[Target]:
    if argument == STDIN:
        yield Target(STDIN)
    elif Path(argument).is_dir():
        yield from _in_folder(argument, configurations, force_exclude)
    elif os.path.lexists(argument):
        if not (force_exclude and _is_excluded(argument, configurations)):
            yield Target(_shown(argument))
    else:
        yield from _by_pattern(argument, configurations)


def _in_folder(folder: str, configurations: Configurations, force_exclude: bool) -> Iterator[Target]:
    if force_exclude and _is_excluded(folder, configurations):
        return
    definitions, templates = covering_pattern(DEFINITION_PATTERNS), covering_pattern(TEMPLATE_PATTERNS)
    for path in _walk(folder, configurations, _DEPTH_MAX):
        absolute, configuration = configurations.of_file(path)
        if configuration.includes(absolute):
            name = os.path.basename(path)  # noqa: PTH119
            is_template = not definitions.fullmatch(name) and templates.fullmatch(name) is not None
            yield Target(_shown(path), may_be_other=is_template)


def _by_pattern(pattern: str, configurations: Configurations) -> Iterator[Target]:
    parts = pattern.replace(os.sep, "/").split("/")
    first = next(index for index, part in enumerate(parts) if has_magic(part))
    base, rest = "/".join(parts[:first]), parts[first:]
    if pattern.startswith("/") and not base:
        base = "/"
    if not Path(base or ".").is_dir():
        return
    wanted = path_pattern(("/".join(rest),))
    depth = _DEPTH_MAX if any("**" in part for part in rest) else len(rest) - 1
    for path in _walk(base or ".", configurations, depth):
        relative = os.path.relpath(path, base or ".").replace(os.sep, "/")
        if wanted.fullmatch(relative):
            yield Target(_shown(path))


def _walk(folder: str, configurations: Configurations, depth: int) -> Iterator[str]:
    """The files below a folder that are not excluded, sorted: a folder's files stand where its name does."""
    entered = {_identity(folder)}
    todo: list[tuple[str, int, bool]] = [(folder, depth, True)]
    while todo:
        path, left, is_folder = todo.pop()
        if not is_folder:
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            click.echo(f"Warning: {path} cannot be read: {error.strerror}", err=True)
            continue
        absolute = os.path.abspath(path)  # noqa: PTH100 - links keep their names
        configuration = configurations.of_folder(absolute)
        for entry in listed:
            below = _is_folder(entry)
            path = os.path.join(absolute, entry.name)  # noqa: PTH118
            if (below and not left) or configuration.excludes(path, below=False):
                continue
            if below:
                identity = _identity(entry.path)
                if identity in entered:
                    continue
                entered.add(identity)
            if below or _is_file(entry):
                todo.append((entry.path, left - 1, below))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that leads nowhere: that one is reported when it is read."""
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:
        return True


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _is_excluded(path: str, configurations: Configurations) -> bool:
    """Whether a path, or a folder that it is in, is excluded by its configuration."""
    absolute, configuration = configurations.of_file(path)
    return configuration.excludes(absolute)


def _shown(path: str) -> str:
    return os.path.normpath(path)


def _missing(argument: str) -> str:
    from statemachine.definition.suggestions import closest

    path = Path(argument)
    try:
        names = sorted(each.name for each in path.parent.iterdir())
    except (OSError, ValueError):
        names = []
    meant = closest(path.name, names[:1000])
    return f"'{argument}': no such file" + (f"; did you mean '{path.parent / meant}'?" if meant else "")


def nothing_found(arguments: Iterable[str]) -> str:
    """What is wrong with arguments that lead to no definition, and what to do."""
    listed = ", ".join(f"'{each}'" for each in arguments)
    if not any(Path(each).is_dir() for each in arguments):
        return f"no file matches {listed}"
    return (
        f"there is no definition in {listed}. Looked for {', '.join(DEFAULT_INCLUDE)}; name the files, or add their "
        "pattern to extend-include in statemachine.toml"
    )
