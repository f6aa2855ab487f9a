"""Graphs in DOT, the language of Graphviz.

A Parallel or Map is a cluster; transitions end at its border (`lhead`, `ltail`), which needs a state inside at the
other end: the first one of its first block.
"""

from __future__ import annotations

from statemachine.visibility.graph import Block, Node, Reason, Transition
from statemachine.visibility.journey import Journey
from statemachine.visibility.labels import OUTCOME_COLOURS, TAKEN_COLOUR, edge_text, node_lines, taken

_SHAPES = {"Choice": "diamond", "Succeed": "oval", "Fail": "octagon", "Wait": "note", "Task": "component"}
_STYLES = {Reason.CATCH: "dashed", Reason.COMPENSATION: "dotted"}


def to_dot(graph: Block, journey: Journey | None = None, *, direction: str = "TD") -> str:
    """The text of a digraph. `direction` is TD (downwards) or LR."""
    lines = [
        "digraph {",
        f"  rankdir={'LR' if direction == 'LR' else 'TB'}; compound=true;",
        '  node [shape=box, style="filled,rounded", fillcolor=white, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
        *_block(graph, "  ", "start", journey),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _block(block: Block, indent: str, start: str, journey: Journey | None) -> list[str]:
    nodes = {node.name: node for node in block.nodes}
    lines = [f'{indent}{_quoted(start)} [shape=circle, label="", width=0.2, fillcolor=black];']
    for node in block.nodes:
        lines += _node(node, indent, journey)
    visited = journey is not None and block.start_at in journey.states
    lines.append(indent + _edge(start, nodes[block.start_at], [], taken=visited))
    for transition in block.transitions:
        lines.append(indent + _transition(transition, nodes, journey))
    return lines


def _node(node: Node, indent: str, journey: Journey | None) -> list[str]:
    label = _quoted("\n".join(node_lines(node, journey)))
    visited = None if journey is None else journey.states.get(node.name)
    colour = "" if visited is None else OUTCOME_COLOURS[visited.outcome]
    if not node.blocks:
        fill = f', fillcolor="{colour}"' if colour else ""
        return [f"{indent}{_quoted(node.name)} [label={label}, shape={_SHAPES.get(node.kind, 'box')}{fill}];"]
    lines = [f"{indent}subgraph {_quoted(_cluster(node))} {{", f"{indent}  label={label};"]
    if colour:
        lines.append(f'{indent}  style=filled; fillcolor="{colour}";')
    for index, block in enumerate(node.blocks):
        lines += _block(block, indent + "  ", f"{node.name}/{index}", journey)
    return [*lines, f"{indent}}}"]


def _transition(transition: Transition, nodes: dict[str, Node], journey: Journey | None) -> str:
    text = edge_text(transition)
    count = taken(transition, journey)
    if count > 1:
        text = f"{text} ({count:,} times)" if text else f"{count:,} times"
    attributes = [f"label={_quoted(text)}"] if text else []
    if transition.reason in _STYLES:
        attributes.append(f"style={_STYLES[transition.reason]}")
    source = nodes[transition.source]
    if source.blocks:
        attributes.append(f"ltail={_quoted(_cluster(source))}")
    return _edge(_inside(source), nodes[transition.target], attributes, taken=count > 0)


def _edge(source: str, target: Node, attributes: list[str], *, taken: bool) -> str:
    if target.blocks:
        attributes.append(f"lhead={_quoted(_cluster(target))}")
    if taken:
        attributes.append(f'color="{TAKEN_COLOUR}", penwidth=2')
    shown = f" [{', '.join(attributes)}]" if attributes else ""
    return f"{_quoted(source)} -> {_quoted(_inside(target))}{shown};"


def _cluster(node: Node) -> str:
    return f"cluster {node.name}"


def _inside(node: Node) -> str:
    """A node of DOT that stands for a state: itself, or the start of its first block."""
    return f"{node.name}/0" if node.blocks else node.name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
