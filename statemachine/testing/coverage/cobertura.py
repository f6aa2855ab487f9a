"""Coverage as Cobertura XML, which CI servers and editors read: a class for each definition, a line for each line with
an element; a line with transitions has conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from statemachine.testing.coverage.measuring import DefinitionCoverage, Element, Kind
from statemachine.testing.xmltext import attribute

_DOCTYPE: Final = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'
_BRANCHES: Final = tuple(kind for kind in Kind if kind is not Kind.STATE)


def render(definitions: Sequence[DefinitionCoverage]) -> str:
    """The report. It holds no time: the same coverage is the same text."""
    branches = _sum(_branches(list(each.elements)) for each in definitions)
    lines = _sum(_lines(each) for each in definitions)
    rates = f'line-rate="{_rate(lines)}" branch-rate="{_rate(branches)}"'
    head = (
        f'<coverage {rates} lines-covered="{lines[0]}" '
        f'lines-valid="{lines[1]}" branches-covered="{branches[0]}" branches-valid="{branches[1]}" complexity="0" '
        'version="1" timestamp="0">'
    )
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            _DOCTYPE,
            head,
            "  <sources><source>.</source></sources>",
            "  <packages>",
            f'    <package name="definitions" {rates} complexity="0">',
            "      <classes>",
            *(line for each in definitions for line in _class(each)),
            "      </classes>",
            "    </package>",
            "  </packages>",
            "</coverage>",
            "",
        ]
    )


def _class(definition: DefinitionCoverage) -> list[str]:
    name = attribute(definition.name)
    rates = f'line-rate="{_rate(_lines(definition))}" branch-rate="{_rate(_branches(list(definition.elements)))}"'
    found = [f'        <class name={name} filename={name} {rates} complexity="0">', "          <methods/>"]
    found.append("          <lines>")
    for number, elements in definition.by_line().items():
        hits = max(each.hits for each in elements)
        reached, there = _branches(elements)
        condition = (
            f' branch="true" condition-coverage="{reached * 100 // there}% ({reached}/{there})"'
            if there
            else ' branch="false"'
        )
        found.append(f'            <line number="{number}" hits="{hits}"{condition}/>')
    return [*found, "          </lines>", "        </class>"]


def _branches(elements: Sequence[Element]) -> tuple[int, int]:
    chosen = [each for each in elements if each.kind in _BRANCHES]
    return sum(each.hits > 0 for each in chosen), len(chosen)


def _lines(definition: DefinitionCoverage) -> tuple[int, int]:
    lines = definition.by_line()
    return sum(any(each.hits for each in elements) for elements in lines.values()), len(lines)


def _sum(counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    listed = list(counts)
    return sum(reached for reached, _ in listed), sum(there for _, there in listed)


def _rate(counts: tuple[int, int]) -> str:
    reached, there = counts
    return "1" if reached == there else f"{reached / there:.4f}"
