"""One run over all files; and watching, which is a run again and again.

A run remembers the result of each file with what it was made of: its configuration, and when the files that were read
had changed last. The next run checks a file only if one of these is different.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

import click
from msgspec import Struct
from msgspec.structs import replace

from statemachine.cli.reports.report import Report
from statemachine.cli.validation.checking import CheckedFile, check_file
from statemachine.cli.validation.configuration import Configuration, Configurations, Overrides
from statemachine.cli.validation.discovery import Target, discover, nothing_found

POLL_SECONDS: Final = 0.3
"""How often `watch` looks at the files."""

_Stamp: TypeAlias = tuple[int, int, int] | None


class Request(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    arguments: tuple[str, ...]
    overrides: Overrides
    config: Path | None = None
    isolated: bool = False
    force_exclude: bool = False
    stdin_name: str | None = None
    max_findings: int | None = None


class _Remembered(Struct, frozen=True):
    made_of: tuple[tuple[str, Configuration, _Stamp], ...]
    """The files that were read, each with its configuration and when it had changed last."""
    checked: CheckedFile


class Checks:
    """Runs a request, as often as wanted."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._remembered: dict[str, _Remembered] = {}
        self.configurations = Configurations(isolated=True)
        """Those of the last run."""

    def run(self) -> Report:
        """Check every file that is new or has changed. Raises click.UsageError for what leads nowhere, and for a
        configuration that is wrong."""
        request = self._request
        configurations = Configurations(only=request.config, isolated=request.isolated)
        targets = discover(request.arguments, configurations, force_exclude=request.force_exclude)
        remembered: dict[str, _Remembered] = {}
        for target in targets:
            remembered[target.path] = self._check(target, configurations)
        self._remembered, self.configurations = remembered, configurations
        checked = [each.checked for each in remembered.values() if not each.checked.is_other]
        if targets and not checked:
            raise click.UsageError(nothing_found(request.arguments))
        return Report.of(_once(checked), request.max_findings)

    def _check(self, target: Target, configurations: Configurations) -> _Remembered:
        known = self._remembered.get(target.path)
        if known and all(
            _stamp(path) == stamp and configurations.of_file(path)[1] == configuration
            for path, configuration, stamp in known.made_of
        ):
            return known
        before = _stamp(target.path)  # a change while the file is read is then noticed by the next run
        checked = check_file(target, configurations, self._request.overrides, self._request.stdin_name)
        made_of = [
            (path, configurations.of_file(path)[1], before if path == target.path else _stamp(path))
            for path in checked.read
        ]
        return _Remembered(tuple(made_of), checked)


def _once(files: list[CheckedFile]) -> tuple[CheckedFile, ...]:
    """The files without the findings that an earlier one has: a definition may be found by itself and through the
    template that names it."""
    if not any(finding.file != file.name for file in files for finding in file.findings):
        return tuple(files)
    seen: set[tuple[object, ...]] = set()
    once = []
    for file in files:
        kept = []
        for finding in file.findings:
            place = os.path.normpath(finding.file) if finding.file else None
            key = (place, finding.position, finding.code, finding.message)
            if key not in seen:
                seen.add(key)
                kept.append(finding)
        once.append(file if len(kept) == len(file.findings) else replace(file, findings=tuple(kept)))
    return tuple(once)


def watch(checks: Checks, show: Callable[[Report], None], wait: Callable[[float], None]) -> NoReturn:
    """Show a report now and after every change, until KeyboardInterrupt."""
    shown: Report | None = None
    complaint = ""
    while True:
        try:
            report = checks.run()
        except click.UsageError as error:  # a file was renamed, a configuration is being edited
            if error.message != complaint:
                complaint = error.message
                click.echo(f"Error: {complaint}", err=True)
            shown = None
        else:
            complaint = ""
            if shown is None or not _same(report, shown):
                shown = report
                show(report)
        wait(POLL_SECONDS)


def _same(left: Report, right: Report) -> bool:
    return len(left.files) == len(right.files) and all(
        one is other or one == other for one, other in zip(left.files, right.files, strict=True)
    )


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
