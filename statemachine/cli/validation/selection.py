"""Which findings are reported, and how severe they are.

Rules
- A selector is a code or the beginning of one; ``ALL`` is every code. Where selectors disagree the longer one wins, and
  of equal ones the one that ignores.
- Selectors come in layers: the configuration's, then the command line's. A layer with a `select` starts from nothing;
  any other changes what the layers before it chose.
- What keeps a file from being checked at all is reported whatever is selected: a selection must not pass it as sound.
- Everything may be ignored, also what AWS refuses: who does that has a reason. Nothing is ignored unless it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from statemachine.definition.diagnostics import Diagnostic, Severity
from statemachine.definition.source import INVALID_ENCODING, INVALID_JSON, INVALID_YAML, TOO_LARGE

ALL: Final = "ALL"
UNREADABLE_FILE: Final = "SM_UNREADABLE_FILE"
"""The file cannot be opened or read."""
UNCHECKED: Final = (UNREADABLE_FILE, INVALID_ENCODING, TOO_LARGE, INVALID_JSON, INVALID_YAML)
"""The codes of a file that could not be checked."""


class Selectors(Struct, frozen=True):
    """One layer."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def decide(self, code: str, before: bool) -> bool:
        """Whether a code is reported, where the layers before this one said `before`."""
        chosen = longest(code, (*(self.select or ()), *self.extend_select))
        ignored = longest(code, self.ignore)
        if chosen is None and ignored is None:
            return before if self.select is None or code in UNCHECKED else False
        return _weight(chosen) > _weight(ignored)


def longest(code: str, selectors: Iterable[str]) -> str | None:
    """The longest of the selectors that a code begins with."""
    return max((each for each in selectors if each == ALL or code.startswith(each)), key=_weight, default=None)


def _weight(selector: str | None) -> int:
    return -1 if selector is None else 0 if selector == ALL else len(selector)


def unknown_selector(selector: str) -> str | None:
    """What is wrong with a selector: it is the beginning of no code. None if nothing is."""
    from statemachine.definition.codes import RULES

    if selector == ALL or (selector and any(code.startswith(selector) for code in RULES)):
        return None
    from statemachine.definition.suggestions import closest

    meant = closest(selector, (*RULES, ALL))
    hint = f"did you mean {meant}?" if meant else "`statemachine explain` lists the codes"
    return f"no code begins with {selector!r}: {hint}"


class Selection(Struct, frozen=True):
    """The decision about each finding of one file."""

    layers: tuple[Selectors, ...] = ()
    ignored_here: tuple[str, ...] = ()
    """Selectors that are ignored in this file alone; nothing selects them again."""
    severities: tuple[Mapping[str, Severity], ...] = ()
    """Selector -> severity; later mappings win."""
    warnings_as_errors: bool = False
    no_warnings: bool = False

    def apply(self, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The findings that are reported, with the severity that was configured for them."""
        decided: dict[str, bool] = {}
        kept = []
        for finding in findings:
            code = finding.code
            if code not in decided:
                decided[code] = self._includes(code)
            if decided[code]:
                severity = self._severity(finding)
                if severity is Severity.WARNING and self.no_warnings:
                    continue
                if self.warnings_as_errors:
                    severity = Severity.ERROR
                kept.append(finding if severity is finding.severity else replace(finding, severity=severity))
        return kept

    def _includes(self, code: str) -> bool:
        if longest(code, self.ignored_here) is not None:
            return False
        included = True
        for layer in self.layers:
            included = layer.decide(code, included)
        return included

    def _severity(self, finding: Diagnostic) -> Severity:
        severity = finding.severity
        for mapping in self.severities:
            selector = longest(finding.code, mapping)
            if selector is not None:
                severity = mapping[selector]
        return severity
