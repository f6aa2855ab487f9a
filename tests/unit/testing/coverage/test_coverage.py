"""What runs reach of a definition, and how it is shown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from running import block, catch, choice, distributed, fail, map_, parallel, pass_, retry, succeed, task

from statemachine.jsonvalue import Document
from statemachine.program.load import LoadedDefinition, load_text
from statemachine.testing.cases.model import Setup
from statemachine.testing.cases.running import Run, run
from statemachine.testing.coverage import cobertura, html
from statemachine.testing.coverage.measuring import Coverage, DefinitionCoverage, Kind, percent, to_json, total
from statemachine.testing.coverage.observing import Observer
from statemachine.testing.mocks import Mocks

GREATER = {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Big"}
EQUAL = {"Variable": "$.n", "NumericEquals": 5, "Next": "Five"}
CHOOSE = {
    "StartAt": "Choose",
    "States": {
        "Choose": choice(GREATER, EQUAL, default="Small"),
        "Big": pass_(End=True),
        "Five": pass_(Next="Small"),
        "Small": succeed(),
    },
}


def loaded(definition: Mapping[str, Any], name: str = "m.asl.json") -> LoadedDefinition:
    return load_text(json.dumps(definition, indent=1), name)


def ran(definition: LoadedDefinition, value: Any = None, **mocks: Any) -> Run:
    done = run(Setup(loaded=definition, input=Document({} if value is None else value), mocks=Mocks.of_states(mocks)))
    assert done.fault is None, done.fault
    return done


def covered(definition: Mapping[str, Any], *runs: tuple[Any, Mapping[str, Any]]) -> DefinitionCoverage:
    coverage, it = Coverage(), loaded(definition)
    coverage.include(it)
    for value, mocks in runs:
        coverage.add(ran(it, value, **mocks), [it])
    (found,) = coverage.definitions()
    return found


def hits(found: DefinitionCoverage, *kinds: Kind) -> dict[str, int]:
    return {each.text: each.hits for each in found.elements if each.kind in kinds}


def test_nothing_is_reached_by_no_run() -> None:
    found = covered(CHOOSE)
    assert found.counts() == (0, 9)
    assert percent(found.counts()) == 0.0


def test_rules_default_next_and_end_are_told_apart() -> None:
    found = covered(CHOOSE, ({"n": 11}, {}), ({"n": 12}, {}), ({"n": 1}, {}))
    assert hits(found, Kind.RULE, Kind.DEFAULT, Kind.NEXT, Kind.END) == {
        "rule of Choose: $.n > 10 -> Big": 2,
        "rule of Choose: $.n = 5 -> Five": 0,
        "default of Choose: -> Small": 1,
        "end of Big: End": 2,
        "next of Five: -> Small": 0,
    }
    assert hits(found, Kind.STATE) == {"state Choose": 3, "state Big": 2, "state Five": 0, "state Small": 1}
    assert [each.refused for each in found.elements if each.kind is Kind.RULE] == [1, 1]


def test_two_rules_to_the_same_state_are_told_apart() -> None:
    rules = [{**GREATER, "Next": "Big"}, {**EQUAL, "Next": "Big"}]
    machine = {"StartAt": "Choose", "States": {"Choose": choice(*rules, default="Big"), "Big": succeed()}}
    found = covered(machine, ({"n": 5}, {}))
    assert [each.hits for each in found.elements if each.kind in (Kind.RULE, Kind.DEFAULT)] == [0, 1, 0]


def test_catchers_and_retriers_are_told_apart_by_what_matched() -> None:
    machine = block(
        Work=task(
            Retry=[retry("Busy", MaxAttempts=2), retry("Slow", MaxAttempts=1)],
            Catch=[catch("Done", "Busy"), catch("Done", "States.ALL")],
            Next="Done",
        ),
        Done=succeed(),
    )
    busy, odd = {"Throw": {"Error": "Busy"}}, {"Throw": {"Error": "Odd"}}
    found = covered(machine, (None, {"Work": [busy, busy, busy]}), (None, {"Work": [busy, odd]}))
    assert hits(found, Kind.RETRIER) == {"retrier of Work: Busy": 3, "retrier of Work: Slow": 0}
    assert hits(found, Kind.CATCHER) == {
        "catcher of Work: Busy -> Done": 1,
        "catcher of Work: States.ALL -> Done": 1,
    }
    assert hits(found, Kind.NEXT) == {"next of Work: -> Done": 0}


def test_a_parallel_is_retried_and_caught() -> None:
    machine = block(
        Both=parallel(
            block(Left=task()),
            block(Right=pass_()),
            Retry=[retry("Bad", MaxAttempts=1)],
            Catch=[catch("Done")],
            Next="Done",
        ),
        Done=succeed(),
    )
    found = covered(machine, (None, {"Left": {"Throw": {"Error": "Bad"}}}))
    assert hits(found, Kind.RETRIER, Kind.CATCHER) == {
        "retrier of Both: Bad": 1,
        "catcher of Both: States.ALL -> Done": 1,
    }
    assert hits(found, Kind.END) == {"end of Left: End": 0, "end of Right: End": 2}


@pytest.mark.parametrize("of", [map_, distributed])
def test_what_iterations_do_counts_whether_the_history_has_it_or_not(of: Any) -> None:
    inner = {
        "StartAt": "Choose",
        "States": {"Choose": choice(GREATER, default="Bad"), "Big": task(End=True), "Bad": fail("Small")},
    }
    machine = block(Each=of(inner, Catch=[catch("Done")], Next="Done"), Done=succeed())
    found = covered(machine, ([{"n": 11}, {"n": 12}], {"Big": {"Return": 1}}))
    assert percent(found.counts()) < 100
    assert [each.text for each in found.missing] == [
        "catcher of Each: States.ALL -> Done",
        "default of Choose: -> Bad",
        "state Bad",
    ]
    found = covered(machine, ([{"n": 11}], {"Big": {"Return": 1}}), ([{"n": 1}], {}))
    assert found.missing == []


def test_a_compensation_counts_when_it_is_begun() -> None:
    machine = {
        "StartAt": "Book",
        "States": {
            "Book": task(CompensateWith="Cancel", Next="Pay"),
            "Pay": task(CompensateWith="Refund", End=True),
            "Cancel": task(End=True),
            "Refund": task(End=True),
        },
    }
    done = {"Book": {"Return": 1}, "Cancel": {"Return": 1}}
    found = covered(machine, (None, {**done, "Pay": {"Throw": {"Error": "Bad"}}}))
    assert hits(found, Kind.COMPENSATION) == {
        "compensation of Book: -> Cancel": 1,
        "compensation of Pay: -> Refund": 0,
    }


def test_runs_of_nested_machines_count_for_their_definitions() -> None:
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "child", "Input": {"n": 5}},
    }
    parent, child = loaded(block(Start=start), "parent.asl.json"), loaded(CHOOSE, "child.asl.json")
    done = run(Setup(loaded=parent, input=Document({}), machines={"child": child}))
    coverage = Coverage()
    coverage.add(done, [parent, child])
    assert {each.name: each.counts() for each in coverage.definitions()} == {
        "parent.asl.json": (2, 2),
        "child.asl.json": (5, 9),
    }
    assert total(coverage.definitions()) == (7, 11)


def test_observing_changes_nothing() -> None:
    """The journal, applied to the program that tells, leads to the same histories."""
    it = loaded(CHOOSE)
    done = ran(it, {"n": 5})
    before = list(done.host.history)
    observer = Observer(done.host.program)
    assert observer.observe(done.host) == observer.observe(done.host)
    assert done.host.history == before
    assert done.host.program is it.program


def test_percentages_never_say_all_if_something_is_missing() -> None:
    assert percent((0, 0)) == 100.0
    assert percent((9_999, 10_000)) == 99.9
    assert percent((2, 3)) == 66.7


def test_missing_lines_are_told_in_ranges() -> None:
    text = """\
StartAt: A
States:
  A:
    Type: Choice
    Choices:
      - Variable: $.n
        NumericEquals: 1
        Next: B
    Default: C
  B:
    Type: Pass
    Next: C
  C:
    Type: Succeed
"""
    coverage, it = Coverage(), load_text(text, "m.asl.yaml")
    coverage.add(ran(it, {"n": 0}), [it])
    (found,) = coverage.definitions()
    assert found.missing_lines() == "6, 10, 12"


def test_json_has_every_element() -> None:
    shown: Any = to_json([covered(CHOOSE, ({"n": 11}, {}))])
    assert shown["percent"] == shown["definitions"][0]["percent"] == 44.4
    assert shown["transitions"] == {"reached": 2, "total": 5}
    assert shown["definitions"][0]["elements"][1] == {
        "kind": "rule",
        "state": "Choose",
        "line": 7,
        "hits": 1,
        "label": "$.n > 10 -> Big",
        "refused": 0,
    }


def test_cobertura_tells_lines_and_conditions() -> None:
    rules = "[{Variable: $.n, IsPresent: true, Next: B}]"
    text = f"StartAt: A\nStates:\n  A: {{Type: Choice, Choices: {rules}, Default: B}}\n  B: {{Type: Succeed}}\n"
    coverage, it = Coverage(), load_text(text, 'a"<b>\x01.asl.yaml')
    coverage.add(ran(it, {"n": 0}), [it])
    root = ET.fromstring(cobertura.render(coverage.definitions()))  # noqa: S314 - our own text
    assert root.attrib["line-rate"] == "1"
    assert root.attrib["branch-rate"] == "0.5000"
    (found,) = root.iter("class")
    assert found.attrib["filename"] == 'a"<b>\ufffd.asl.yaml'
    assert [line.attrib for line in found.iter("line")] == [
        {"number": "3", "hits": "1", "branch": "true", "condition-coverage": "50% (1/2)"},
        {"number": "4", "hits": "1", "branch": "false"},
    ]


def test_html_is_one_file_and_escapes_what_the_author_wrote() -> None:
    machine = {"StartAt": "<script>", "States": {"<script>": {"Type": "Pass", "Comment": "</pre>&", "End": True}}}
    page = html.render([covered(machine, (None, {}))])
    assert "<script" not in page
    assert page.count("</pre>") == 1
    assert "&lt;/pre&gt;&amp;" in page
    assert 'title="state &lt;script&gt;: once"' in page
    assert "src=" not in page
    assert 'href="http' not in page


def test_html_colours_lines() -> None:
    page = html.render([covered(CHOOSE, ({"n": 11}, {}))])
    assert 'class="reached" title="state Choose: once"' in page
    assert 'class="missed" title="state Five: not reached"' in page


def test_a_definition_is_one_however_its_file_is_named(tmp_path: Path) -> None:
    coverage = Coverage()
    for name in ("m.asl.json", "a/../m.asl.json"):
        coverage.include(loaded(CHOOSE, name))
    assert len(coverage.definitions()) == 1


def test_files_may_be_of_equal_text(tmp_path: Path) -> None:
    first, second = loaded(CHOOSE, "a.asl.json"), loaded(CHOOSE, "b.asl.json")
    coverage = Coverage()
    coverage.add(ran(first, {"n": 11}), [first])
    coverage.include(second)
    assert [(each.name, each.counts()[0]) for each in coverage.definitions()] == [("a.asl.json", 4), ("b.asl.json", 0)]
