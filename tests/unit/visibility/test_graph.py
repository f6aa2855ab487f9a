"""Graphs of definitions, and their drawings."""

from __future__ import annotations

import re
from typing import Any

import pytest

from statemachine.definition.model import And, ChoiceCondition, Comparison, JsonataCondition, Not, Or
from statemachine.definition.source import load_source
from statemachine.definition.validate import check_definition
from statemachine.jsonvalue import encode_json
from statemachine.testing.mocks import Throw
from statemachine.visibility.dot import to_dot
from statemachine.visibility.graph import Block, condition_text, graph_of
from statemachine.visibility.journey import journey_of
from statemachine.visibility.mermaid import to_mermaid
from tests.running import FUNCTION, block, pass_, run

ORDER = block(
    Check={
        "Type": "Choice",
        "Choices": [{"Variable": "$.total", "NumericGreaterThan": 0, "Next": "Pay"}],
        "Default": "Refused",
    },
    Refused={"Type": "Fail"},
    Pay={
        "Type": "Task",
        "Resource": FUNCTION,
        "Catch": [{"ErrorEquals": ["Declined", "Busy"], "Next": "Refused"}],
        "Next": "Both",
    },
    Both={"Type": "Parallel", "Branches": [block(Pack=pass_()), block(Mail={"Type": "Wait", "Seconds": 1})]},
)


def graph(definition: dict[str, Any]) -> Block:
    machine, found = check_definition(load_source(encode_json(definition).decode()))
    assert machine is not None, found
    return graph_of(machine)


def test_transitions_with_their_reasons() -> None:
    assert [(each.source, each.target, each.reason.value, each.label) for each in graph(ORDER).transitions] == [
        ("Check", "Pay", "rule", "$.total > 0"),
        ("Check", "Refused", "default", ""),
        ("Pay", "Both", "next", ""),
        ("Pay", "Refused", "catch", "Declined, Busy"),
    ]


def test_blocks_inside_states() -> None:
    found = graph(ORDER)
    assert [[node.name for node in each.nodes] for each in found.walk()] == [
        ["Check", "Refused", "Pay", "Both"],
        ["Pack"],
        ["Mail"],
    ]
    assert [node.name for node in found.nodes if node.terminal] == ["Refused", "Both"]


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Comparison(variable="$.a", operator="StringEquals", operand='x"y'), '$.a = "x\\"y"'),
        (Comparison(variable="$.a", operator="NumericLessThanEqualsPath", operand="$.b"), "$.a <= $.b"),
        (Comparison(variable="$.a", operator="TimestampGreaterThanEquals", operand="t"), '$.a >= "t"'),
        (Comparison(variable="$.a", operator="BooleanEquals", operand=True), "$.a = true"),
        (Comparison(variable="$.a", operator="StringMatches", operand="x*"), '$.a matches "x*"'),
        (Comparison(variable="$.a", operator="IsPresent", operand=False), "$.a is not present"),
        (Comparison(variable="$.a", operator="IsNumeric", operand=True), "$.a is a number"),
        (JsonataCondition(expression="{% $x  > 1 %}"), "$x  > 1"),
        (JsonataCondition(expression=True), "true"),
    ],
)
def test_conditions_as_text(condition: ChoiceCondition, text: str) -> None:
    assert condition_text(condition) == text


def test_connected_conditions_as_text() -> None:
    a = Comparison(variable="$.a", operator="IsNull", operand=True)
    b = Comparison(variable="$.b", operator="NumericEquals", operand=2)
    assert condition_text(And(rules=(a, Not(rule=Or(rules=(a, b)))))) == (
        "$.a is null and not ($.a is null or $.b = 2)"
    )


class TestMermaid:
    def test_a_definition(self) -> None:
        assert to_mermaid(graph(ORDER), direction="LR").splitlines() == [
            "flowchart LR",
            "  start(( ))",
            '  s0{{"Check<br>Choice"}}',
            '  s1(["Refused<br>Fail"])',
            '  s2[["Pay<br>Task"]]',
            '  subgraph s3["Both<br>Parallel"]',
            "    s3_0(( ))",
            '    s4["Pack"]',
            "    s3_0 --> s4",
            "    s3_1(( ))",
            '    s5>"Mail<br>Wait"]',
            "    s3_1 --> s5",
            "  end",
            "  start --> s0",
            '  s0 -->|"$.total #62; 0"| s2',
            '  s0 -->|"default"| s1',
            "  s2 --> s3",
            '  s2 -.->|"catch Declined, Busy"| s1',
        ]

    def test_an_execution(self) -> None:
        found = run(ORDER, {"total": 1}, {"Pay": [Throw("Declined")]})
        drawn = to_mermaid(graph(ORDER), journey_of(found.history, ended=True))
        assert '"Pay<br>Task<br>caught: Declined"' in drawn
        assert "classDef caught fill:" in drawn
        assert "  class s2 caught\n" in drawn
        assert "  class s1 failed\n" in drawn
        # The edges into branches are 0 and 1; then start, rule, default, next, catch.
        assert "  linkStyle 2,3,6 stroke:" in drawn

    @pytest.mark.parametrize("name", ['a"b', "x]|y", "<b>", "#35;", "a\nb", "`$(x)`", "end", "Münch ✓"])
    def test_names_cannot_break_the_drawing(self, name: str) -> None:
        drawn = to_mermaid(graph(block(**{name: pass_()})))
        label = re.search(r'  s0\["(.*)"\]', drawn)
        assert label is not None
        unescaped = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label[1])
        assert unescaped == name
        assert not set(label[1]) & set('"[]{}|<>`\n')


class TestDot:
    def test_a_definition(self) -> None:
        drawn = to_dot(graph(ORDER))
        assert drawn.startswith("digraph {\n  rankdir=TB; compound=true;\n")
        assert '"Check" -> "Pay" [label="$.total > 0"];' in drawn
        assert '"Pay" -> "Refused" [label="catch Declined, Busy", style=dashed];' in drawn
        assert '"Pay" -> "Both/0" [lhead="cluster Both"];' in drawn
        assert 'subgraph "cluster Both" {' in drawn
        assert drawn.count("{") == drawn.count("}")

    def test_an_execution(self) -> None:
        found = run(ORDER, {"total": 1}, {"Pay": ["paid"]})
        drawn = to_dot(graph(ORDER), journey_of(found.history, ended=True), direction="LR")
        assert "rankdir=LR" in drawn
        assert '"Pay" -> "Both/0" [lhead="cluster Both", color="#1a7f37", penwidth=2];' in drawn
        assert '"Mail" [label="Mail\\nWait\\n1.000 s", shape=note, fillcolor="#d3f2d3"];' in drawn
        assert '"Check" -> "Refused" [label="default"];' in drawn

    def test_quotes_and_backslashes(self) -> None:
        drawn = to_dot(graph(block(**{'a"\\b': pass_()})))
        assert '"a\\"\\\\b" [label="a\\"\\\\b", shape=box];' in drawn
