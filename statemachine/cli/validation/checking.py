"""Checks one file: reads it, finds the definitions in it, and gives every finding a place in a text that can be shown.

A file that cannot be read is a finding about it, never the end of the run: the other files are still checked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from statemachine.cli.validation.configuration import Configuration, Configurations, Overrides
from statemachine.cli.validation.discovery import STDIN, Target
from statemachine.cli.validation.selection import UNREADABLE_FILE
from statemachine.definition.diagnostics import Diagnostic, Position
from statemachine.definition.source import Source, decode_definition, load_source
from statemachine.errors import DefinitionError
from statemachine.limits import DefinitionLimits
from statemachine.program.load import check

_START: Final = Position(1, 1)


class CheckedFile(Struct, frozen=True):
    """One file and the findings about it."""

    name: str | None
    """As it is shown; None for standard input without a name."""
    findings: tuple[Diagnostic, ...]
    """In the order of the text; those in other files come last."""
    definitions: int
    """How many were checked."""
    texts: Mapping[str | None, str]
    """The texts that findings are about, by `Diagnostic.file`."""
    read: tuple[str, ...] = ()
    """The files that it was made of: a template reads others."""
    skipped: tuple[str, ...] = ()
    """The state machines of a template whose definition is not here, each with its reason."""
    is_other: bool = False
    """Whether it turned out to be no template, though its name could be one's."""


def check_file(
    target: Target, configurations: Configurations, overrides: Overrides, stdin_name: str | None = None
) -> CheckedFile:
    """Check one file. Raises nothing for what is in it. A finding in another file, which a template names, is reported
    as the configuration of that file says."""
    name = stdin_name if target.path == STDIN else target.path
    absolute, configuration = configurations.of_file(name or STDIN)
    checker = _Checker(name, configuration.is_express(absolute, overrides), configuration, overrides)
    try:
        checker.check(target)
    except Exception as error:
        error.add_note(f"while checking {name or 'standard input'}")
        raise
    by_file: dict[str | None, list[Diagnostic]] = {name: []}
    for each in dict.fromkeys(checker.found):  # two machines of a template may have one file
        by_file.setdefault(each.file, []).append(each if each.position else each.at(_START, each.file))
    findings: list[Diagnostic] = []
    for file, found in by_file.items():
        path, its_own = (absolute, configuration) if file in (name, None) else configurations.of_file(file or STDIN)
        findings += its_own.selection(path, overrides).apply(sorted(found, key=_order))
    return CheckedFile(
        name=name,
        findings=tuple(findings),
        definitions=checker.definitions,
        texts=checker.texts,
        read=tuple(checker.read),
        skipped=tuple(checker.skipped),
        is_other=checker.is_other,
    )


def _order(finding: Diagnostic) -> tuple[int, int]:
    return (finding.position.line, finding.position.column) if finding.position else (0, 0)


class _Checker:
    def __init__(self, name: str | None, express: bool, configuration: Configuration, overrides: Overrides) -> None:
        self.name = name
        self.express = express
        self.express_override = overrides.express
        self.target_aws = configuration.target_aws if overrides.target_aws is None else overrides.target_aws
        self.limits = configuration.limits
        self.found: list[Diagnostic] = []
        self.texts: dict[str | None, str] = {}
        self.read: list[str] = []
        self.skipped: list[str] = []
        self.definitions = 0
        self.is_other = False

    def check(self, target: Target) -> None:
        if target.path != STDIN:
            self.read.append(target.path)
        try:
            raw = _read(target.path, self.limits)
        except (OSError, ValueError) as error:
            self.definitions = 1
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self.found.append(Diagnostic(UNREADABLE_FILE, f"The file cannot be read: {reason}", None, file=self.name))
            return
        text, wrong = decode_definition(raw, self.name, self.limits)
        self.texts[self.name] = text
        if wrong:
            self.definitions = 1
            self.found.append(wrong)
        elif "AWS::" in text and self._check_template(text):
            pass
        elif target.may_be_other:
            self.is_other = True
        else:
            self._check_text(text)

    def _check_text(self, text: str) -> None:
        self.definitions += 1
        try:
            source = load_source(text, file=self.name, limits=self.limits)
        except DefinitionError as error:
            self.found += error.diagnostics
        else:
            self.found += self._findings(source, self.express)

    def _findings(self, source: Source, express: bool) -> list[Diagnostic]:
        return check(source, express=express, target_aws=self.target_aws)[1]

    def _check_template(self, text: str) -> bool:
        """Check the definitions of a template; False if it is none."""
        from statemachine.definition.templates import find_definitions

        template = find_definitions(text, self.name, self._read_beside)
        if template is None:
            return False
        self.found += template.diagnostics
        for each in template.definitions:
            self.found += each.diagnostics
            if each.skipped:
                self.skipped.append(f"{each.logical_id}: {each.skipped}")
                continue
            self.definitions += 1
            if each.source is not None:
                express = self.express if each.express is None or self.express_override is not None else each.express
                if each.source.file != self.name:
                    self.texts[each.source.file] = each.source.text
                self.found += each.about(self._findings(each.source, express))
        return True

    def _read_beside(self, path: str) -> str:
        """The text of a file that a template names. Raises OSError or ValueError."""
        from statemachine.definition.templates import read_definition_file

        name = os.path.normpath(path)
        self.read.append(name)
        text = self.texts[path] = read_definition_file(name)
        return text


def _read(path: str, limits: DefinitionLimits) -> bytes:
    """At most one byte more than a definition may have."""
    if path == STDIN:
        return sys.stdin.buffer.read(limits.bytes + 1)
    with Path(path).open("rb") as stream:
        return stream.read(limits.bytes + 1)
