"""The words and colours of a drawn state, the same in every format."""

from __future__ import annotations

from statemachine.visibility.graph import Node, Reason, Transition
from statemachine.visibility.journey import Journey, Outcome, Visited

OUTCOME_COLOURS = {
    Outcome.DONE: "#d3f2d3",
    Outcome.CAUGHT: "#fdf0c4",
    Outcome.CUT_SHORT: "#e4e4e4",
    Outcome.FAILED: "#f8c9c9",
    Outcome.UNDER_WAY: "#cfe2fb",
}
"""Fill colours on which black text reads well."""
TAKEN_COLOUR = "#1a7f37"


def node_lines(node: Node, journey: Journey | None) -> list[str]:
    """What stands in a state: its name, its type, and what the execution did there."""
    lines = [node.name]
    if node.kind != "Pass":
        lines.append(node.kind)
    if journey is not None and node.name in journey.states:
        lines += _did(journey.states[node.name])
    return lines


def _did(visited: Visited) -> list[str]:
    words = []
    if visited.count > 1:
        words.append(f"{visited.count:,} times")
    if visited.attempts > visited.count:
        words.append(f"{visited.attempts:,} attempts")
    if visited.total_ms >= 1:
        words.append(f"{visited.total_ms / 1000:,.3f} s")
    lines = [", ".join(words)] if words else []
    if visited.outcome is not Outcome.DONE:
        lines.append(visited.outcome.value + (f": {visited.error}" if visited.error else ""))
    return lines


def edge_text(transition: Transition) -> str:
    """What stands at a transition."""
    match transition.reason:
        case Reason.NEXT:
            return ""
        case Reason.DEFAULT:
            return "default"
        case Reason.CATCH:
            return f"catch {transition.label}"
        case Reason.COMPENSATION:
            return "undone by"
        case Reason.RULE:
            return transition.label


def taken(transition: Transition, journey: Journey | None) -> int:
    """How often a transition was taken. A compensation is none."""
    if journey is None or transition.reason is Reason.COMPENSATION:
        return 0
    return journey.transitions[transition.source, transition.target]
