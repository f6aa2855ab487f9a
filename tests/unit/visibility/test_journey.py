"""What an execution did, state by state, out of its history; and its timeline."""

from __future__ import annotations

from typing import Any

from statemachine.testing.mocks import Throw
from statemachine.visibility.journey import Journey, Outcome, journey_of
from statemachine.visibility.timeline import bar, names_of, timeline_of
from tests.running import FUNCTION, Run, block, pass_, run

CATCH = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mended"}]}
RETRY = {"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 2}]}


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION, **fields}


def journey(found: Run) -> Journey:
    return journey_of(found.history, ended=True)


def outcomes(found: Run) -> dict[str, str]:
    return {name: visited.outcome.value for name, visited in journey(found).states.items()}


def test_counts_attempts_and_times() -> None:
    definition = block(
        Count=pass_(Parameters={"n.$": "States.MathAdd($.n, 1)"}),
        Rest={"Type": "Wait", "Seconds": 3},
        More={
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "Count"}],
            "Default": "Work",
        },
        Work=task(**RETRY),
    )
    found = journey(run(definition, {"n": 0}, {"Work": [Throw("Busy"), "done"]}))
    assert {name: visited.count for name, visited in found.states.items()} == {
        "Count": 3,
        "Rest": 3,
        "More": 3,
        "Work": 1,
    }
    assert found.states["Rest"].total_ms == 9_000
    assert (found.states["Work"].attempts, found.states["Work"].total_ms) == (2, 10_000)
    assert found.transitions == {
        ("Count", "Rest"): 3,
        ("Rest", "More"): 3,
        ("More", "Count"): 2,
        ("More", "Work"): 1,
    }


def test_what_was_caught_and_what_failed() -> None:
    caught = block(Work=task(**CATCH, Next="Done"), Mended=pass_(Next="Done"), Done=pass_())
    found = run(caught, outcomes={"Work": [Throw("Broken")]})
    assert outcomes(found) == {"Work": "caught", "Mended": "done", "Done": "done"}
    assert journey(found).states["Work"].error == "Broken"
    assert journey(found).transitions == {("Work", "Mended"): 1, ("Mended", "Done"): 1}
    failed = run(block(Work=task()), outcomes={"Work": [Throw("Broken")]})
    assert outcomes(failed) == {"Work": "failed"}
    assert outcomes(run(block(Stop={"Type": "Fail", "Error": "E"}))) == {"Stop": "failed"}


def test_branches_that_were_cut_short() -> None:
    branches = [block(Bad=task()), block(Slow={"Type": "Wait", "Seconds": 60})]
    found = run(block(Both={"Type": "Parallel", "Branches": branches}), outcomes={"Bad": [Throw("Broken")]})
    assert outcomes(found) == {"Both": "failed", "Bad": "failed", "Slow": "cut short"}


def test_an_execution_that_is_under_way() -> None:
    found = run(block(Rest={"Type": "Wait", "Seconds": 60}))
    under_way = journey_of(found.history[:2], ended=False)
    assert under_way.states["Rest"].outcome is Outcome.UNDER_WAY


def test_the_worst_outcome_of_several_visits_counts() -> None:
    items = {"Type": "Map", "ItemProcessor": block(Each=task()), "ItemsPath": "$"}
    found = run(block(All=items), [1, 2], {"Each": ["fine", Throw("Broken")]})
    assert journey(found).states["Each"].count == 2
    assert outcomes(found)["Each"] == "failed"


class TestTimeline:
    def test_bars_are_to_scale_and_fit(self) -> None:
        branches = [block(Left={"Type": "Wait", "Seconds": 30}), block(Right={"Type": "Wait", "Seconds": 10})]
        definition = block(Both={"Type": "Parallel", "Branches": branches}, Last={"Type": "Wait", "Seconds": 30})
        timeline = timeline_of(run(definition).history, now_ms=None, width=60)
        assert list(names_of(timeline)) == ["Both", "  Left", "  Right", "Last"]
        assert [line.milliseconds for line in timeline.lines] == [30_000, 30_000, 10_000, 30_000]
        cells = timeline.cells
        filled = [bar(line, timeline, "#", ".") for line in timeline.lines]
        assert all(len(each) == cells for each in filled)
        assert filled[0] == filled[1]
        assert filled[0].startswith("#")
        assert abs(filled[0].count("#") - cells / 2) <= 1
        assert abs(filled[2].count("#") - cells / 6) <= 1
        assert filled[3].endswith("#")
        assert abs(filled[3].count("#") - cells / 2) <= 1
        assert timeline.names + cells < 60

    def test_a_visit_without_length_is_visible(self) -> None:
        timeline = timeline_of(run(block(A=pass_(), B={"Type": "Wait", "Seconds": 5})).history, now_ms=None)
        assert bar(timeline.lines[0], timeline, "#", ".").count("#") == 1

    def test_under_way_until_now(self) -> None:
        history = run(block(Rest={"Type": "Wait", "Seconds": 60})).history[:2]
        timeline = timeline_of(history, now_ms=history[1].at_ms + 20_000)
        assert timeline.lines[0].milliseconds is None
        assert timeline.end_ms - timeline.begin_ms == 20_000

    def test_only_the_last_visits(self) -> None:
        timeline = timeline_of(run(block(**{f"S{i}": pass_() for i in range(10)})).history, now_ms=None, limit=3)
        assert [line.name for line in timeline.lines] == ["S7", "S8", "S9"]
        assert timeline.left_out == 7

    def test_without_any_visit(self) -> None:
        assert timeline_of([], now_ms=None).lines == ()

    def test_long_names_are_cut(self) -> None:
        history = run(block(**{"N" * 70: pass_()})).history
        (name,) = names_of(timeline_of(history, now_ms=None, width=80))
        assert len(name) == 32
        assert name.endswith("…")
