"""Graphs as Mermaid flowcharts, which GitHub, GitLab and most editors draw.

Rules
- Names are quoted texts with entities; identifiers are numbers, so nothing in a name can break the drawing.
- A Parallel or Map is a subgraph; transitions lead to the subgraph itself.
"""

from __future__ import annotations

from statemachine.visibility.graph import Block, Node, Reason, Transition
from statemachine.visibility.journey import Journey, Outcome
from statemachine.visibility.labels import OUTCOME_COLOURS, TAKEN_COLOUR, edge_text, node_lines, taken

_SHAPES = {
    "Choice": ("{{", "}}"),
    "Succeed": ("([", "])"),
    "Fail": ("([", "])"),
    "Wait": (">", "]"),
    "Task": ("[[", "]]"),
}
_ARROWS = {Reason.CATCH: "-.->", Reason.COMPENSATION: "-. undo .->"}
_CLASS = {outcome: outcome.value.replace(" ", "_") for outcome in Outcome}


def to_mermaid(graph: Block, journey: Journey | None = None, *, direction: str = "TD") -> str:
    """The text of a flowchart. `direction` is TD (downwards) or LR."""
    return _Drawing(journey).draw(graph, direction)


class _Drawing:
    def __init__(self, journey: Journey | None) -> None:
        self._journey = journey
        self._ids: dict[str, str] = {}
        self._lines: list[str] = []
        self._edges = 0
        self._taken: list[int] = []
        self._classes: dict[str, list[str]] = {}

    def draw(self, graph: Block, direction: str) -> str:
        for block in graph.walk():
            for node in block.nodes:
                self._ids[node.name] = f"s{len(self._ids)}"
        self._lines = [f"flowchart {direction}"]
        self._block(graph, "  ", "start")
        if self._journey is not None:
            self._colour()
        return "\n".join(self._lines) + "\n"

    def _block(self, block: Block, indent: str, start: str) -> None:
        self._lines.append(f"{indent}{start}(( ))")
        for node in block.nodes:
            self._node(node, indent)
        self._edge(indent, start, "-->", self._ids[block.start_at], was_taken=self._visited(block.start_at))
        for transition in block.transitions:
            self._transition(transition, indent)

    def _visited(self, name: str) -> bool:
        return self._journey is not None and name in self._journey.states

    def _node(self, node: Node, indent: str) -> None:
        number = self._ids[node.name]
        label = '"' + "<br>".join(map(_escape, node_lines(node, self._journey))) + '"'
        if node.blocks:
            self._lines.append(f"{indent}subgraph {number}[{label}]")
            for index, block in enumerate(node.blocks):
                self._block(block, indent + "  ", f"{number}_{index}")
            self._lines.append(f"{indent}end")
        else:
            left, right = _SHAPES.get(node.kind, ("[", "]"))
            self._lines.append(f"{indent}{number}{left}{label}{right}")
        if self._journey is not None and node.name in self._journey.states:
            self._classes.setdefault(_CLASS[self._journey.states[node.name].outcome], []).append(number)

    def _transition(self, transition: Transition, indent: str) -> None:
        text = edge_text(transition)
        count = taken(transition, self._journey)
        if count > 1:
            text = f"{text} ({count:,} times)" if text else f"{count:,} times"
        arrow = _ARROWS.get(transition.reason, "-->")
        if text and transition.reason is not Reason.COMPENSATION:
            arrow += f'|"{_escape(text)}"|'
        self._edge(indent, self._ids[transition.source], arrow, self._ids[transition.target], was_taken=count > 0)

    def _edge(self, indent: str, source: str, arrow: str, target: str, *, was_taken: bool) -> None:
        self._lines.append(f"{indent}{source} {arrow} {target}")
        if was_taken:
            self._taken.append(self._edges)
        self._edges += 1

    def _colour(self) -> None:
        for outcome, name in _CLASS.items():
            if name in self._classes:
                self._lines.append(f"  classDef {name} fill:{OUTCOME_COLOURS[outcome]},color:#000")
                self._lines.append(f"  class {','.join(self._classes[name])} {name}")
        if self._taken:
            self._lines.append(f"  linkStyle {','.join(map(str, self._taken))} stroke:{TAKEN_COLOUR},stroke-width:2px")


def _escape(text: str) -> str:
    """Entities in Mermaid's notation for what it reads as markup."""
    return "".join(
        character if character.isalnum() or character in " .,:;_-+*/()='$?!@%…" else f"#{ord(character)};"
        for character in text
    )
