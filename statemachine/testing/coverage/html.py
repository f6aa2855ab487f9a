"""Coverage as one HTML file without anything beside it: a table, and each definition's text with what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from statemachine.testing.coverage.measuring import GROUPS, DefinitionCoverage, Element, percent, total

_STYLE: Final = """
:root { color-scheme: light dark; --reached: #d3f2d3; --partly: #fdf0c4; --missed: #f8c9c9; --mark: #111; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { font: 13px/1.5 ui-monospace, monospace; overflow-x: auto; border: 1px solid #8886; padding: .5rem 0; }
pre span { display: block; padding: 0 .75rem; min-height: 1.5em; }
pre span::before { content: attr(data-line); display: inline-block; width: 4ch; margin-right: 2ch; text-align: right;
  opacity: .6; }
.reached { background: var(--reached); color: var(--mark); }
.partly { background: var(--partly); color: var(--mark); }
.missed { background: var(--missed); color: var(--mark); }
""".strip()

_LEGEND: Final = (
    '<p><span class="reached">reached</span> <span class="partly">partly reached</span> '
    '<span class="missed">not reached</span>; point at a line to see what stands there.</p>'
)


def render(definitions: Sequence[DefinitionCoverage]) -> str:
    """The page."""
    rows = [_row(f'<a href="#d{number}">{escape(each.name)}</a>', [each]) for number, each in enumerate(definitions)]
    heads = "".join(f'<th class="number">{group.capitalize()}</th>' for group in GROUPS)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Coverage of definitions</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body>",
            "<h1>Coverage of definitions</h1>",
            f'<table><thead><tr><th>Definition</th>{heads}<th class="number">Total</th></tr></thead><tbody>',
            *rows,
            _row("<strong>Total</strong>", definitions),
            "</tbody></table>",
            _LEGEND,
            *(_definition(number, each) for number, each in enumerate(definitions)),
            "</body></html>",
            "",
        ]
    )


def _row(name: str, definitions: Sequence[DefinitionCoverage]) -> str:
    cells = [f"{reached}/{there}" for reached, there in (total(definitions, group) for group in GROUPS)]
    cells.append(f"{percent(total(definitions)):.1f} %")
    shown = "".join(f'<td class="number">{cell}</td>' for cell in cells)
    return f"<tr><td>{name}</td>{shown}</tr>"


def _definition(number: int, definition: DefinitionCoverage) -> str:
    elements = definition.by_line()
    lines = [
        _line(index, text, elements.get(index, [])) for index, text in enumerate(definition.text.split("\n"), start=1)
    ]
    return f'<h2 id="d{number}">{escape(definition.name)}</h2>\n<pre>{"".join(lines)}</pre>'


def _line(number: int, text: str, elements: list[Element]) -> str:
    attributes = f' data-line="{number}"'
    if elements:
        hits = [each.hits > 0 for each in elements]
        shown = "reached" if all(hits) else "partly" if any(hits) else "missed"
        title = "\n".join(f"{each.text}: {_times(each)}" for each in elements)
        attributes += f' class="{shown}" title="{escape(title, quote=True)}"'
    return f"<span{attributes}>{escape(text)}</span>"


def _times(element: Element) -> str:
    if not element.hits:
        return "not reached"
    return "once" if element.hits == 1 else f"{element.hits:,} times"
