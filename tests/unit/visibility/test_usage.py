"""What an execution used of what AWS bounds and charges, and what that costs."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from statemachine.testing.mocks import Return, Throw
from statemachine.visibility import prices as prices_module
from statemachine.visibility.prices import Prices, prices
from statemachine.visibility.usage import Largest, Usage, usage_of
from tests.running import (
    INVOKE,
    START_MS,
    Run,
    block,
    catch,
    distributed,
    map_,
    parallel,
    pass_,
    retry,
    run,
    task,
    wait,
)


def usage(found: Run) -> Usage:
    return usage_of(found.history, definition_bytes=1_000, started_ms=START_MS)


def transitions(*given: Any, **named: Any) -> tuple[int, int]:
    found = usage(run(*given, **named))
    return found.entered, found.retries


@pytest.mark.parametrize(
    ("definition", "outcomes", "expected"),
    [
        (block(A=pass_(), B=pass_(), C=pass_()), {}, (3, 0)),
        (block(A=task(Retry=[retry("E", MaxAttempts=3)])), {"A": [Throw("E"), Throw("E"), 1]}, (1, 2)),
        (block(A=task(Retry=[retry("E", MaxAttempts=1)])), {"A": [Throw("E")]}, (1, 1)),
        (block(A=task(Catch=[catch("B")]), B=pass_()), {"A": [Throw("E")]}, (2, 0)),
        # Each attempt of a Parallel is one more transition, and so are the states that it enters again.
        (block(P=parallel(block(A=task()), Retry=[retry("E")])), {"A": [Throw("E"), 1]}, (3, 1)),
        # Iterations of an inline Map are no transitions, the states in them are.
        (block(M=map_(block(A=pass_(), B=pass_()), ItemsPath="$.items")), {}, (7, 0)),
        (block(M=map_(block(A=task()), ItemsPath="$.items", Retry=[retry("E")])), {"A": [Throw("E"), 1]}, (7, 1)),
    ],
)
def test_transitions(definition: dict[str, Any], outcomes: dict[str, Any], expected: tuple[int, int]) -> None:
    found = usage(run(definition, {"items": [1, 2, 3]}, outcomes))
    assert (found.entered, found.retries) == expected
    assert found.transitions == sum(expected)


def test_child_executions_and_redrives_are_transitions() -> None:
    found = usage(run(block(M=distributed(block(A=pass_()), ItemsPath="$.items")), {"items": [1, 2]}))
    assert (found.map_runs, found.entered, found.transitions) == (1, 1, 1)
    found.child_executions, found.redrives = 2, 1
    assert found.transitions == 4


def test_the_largest_payload_and_where_it_was() -> None:
    definition = block(A=task(), B=pass_(Result=1))
    found = usage(run(definition, {"x": "é"}, {"A": ["0123456789" * 10]}))
    output = next(event for event in run(definition, outcomes={"A": ["0123456789" * 10]}).history if event.id == 5)
    assert output.type == "LambdaFunctionSucceeded"
    assert found.payload == Largest(102, 5, "output", "A")
    small = usage(run(block(A=pass_(Result=1)), {"x": "éé"}))
    assert small.payload == Largest(len('{"x":"éé"}'.encode()), 1, "input", None)


def test_the_variables_of_one_state_count_together() -> None:
    found = usage(run(block(A=pass_(Assign={"a": "12345", "b": "é"}), B=pass_(Assign={"c": 1}))))
    assert found.variables == Largest(7 + 4, 3, "variables", "A")
    assert usage(run(block(A=pass_()))).variables == Largest()


def test_what_express_does_not_have() -> None:
    assert usage(run(block(A=wait(299)))).not_express == ()
    assert usage(run(block(A=wait(301)))).not_express == ("it takes longer than 5 minutes",)
    asked = run(block(A=task(INVOKE + ".waitForTaskToken", Parameters={"FunctionName": "f"})), outcomes={"A": [1]})
    assert usage(asked).not_express == ("it uses .sync or .waitForTaskToken",)
    mapped = run(block(M=distributed(block(A=pass_()), ItemsPath="$.items")), {"items": [1]})
    assert usage(mapped).not_express == ("it uses a distributed Map",)


def test_time_and_strands() -> None:
    found = usage(run(block(P=parallel(block(A=wait(3)), block(B=pass_(), C=pass_())), M=map_(block(D=pass_())))))
    assert (found.duration_ms, found.strands) == (3_000, 2 + 2)
    assert usage(run(block(A=task()), outcomes={"A": [Return(1, delay_seconds=2)]})).duration_ms == 2_000


# -- prices ------------------------------------------------------------------------------------------------------------

MB = 1_048_576


def test_the_data_file_says_where_it_is_from() -> None:
    data = json.loads(Path(prices_module.__file__).with_name("prices.json").read_text())
    assert data["source"].startswith("https://aws.amazon.com/step-functions/")
    assert date.fromisoformat(data["date"]) >= date(2026, 1, 1)
    assert data["region"] == "us-east-1"
    assert prices().date == data["date"]


def made(**fields: Any) -> Usage:
    return Usage(**fields)


def test_standard_costs_by_transition() -> None:
    used = made(entered=900_000, retries=99_000, child_executions=900, redrives=100)
    assert prices().standard([used]) == pytest.approx(25.0)
    assert prices().standard([used, used]) == pytest.approx(50.0)
    assert prices().standard([]) == 0


@pytest.mark.parametrize(
    ("fields", "milliseconds", "megabytes"),
    [
        ({}, 100, 64),  # fact api-express-billing: a trivial machine
        ({"duration_ms": 100}, 100, 64),
        ({"duration_ms": 101}, 200, 64),
        ({"definition_bytes": 14 * MB}, 100, 64),
        ({"definition_bytes": 14 * MB + 1}, 100, 128),
        # The pricing page's example: 400 iterations with 32 KB each stay within 64 MB.
        ({"definition_bytes": 50_000, "payload": Largest(32_000, 1), "strands": 400}, 100, 64),
        ({"payload": Largest(200_000, 1), "strands": 400}, 100, 128),
    ],
)
def test_express_is_charged_in_steps(fields: dict[str, Any], milliseconds: int, megabytes: int) -> None:
    used = made(**fields)
    assert (prices().billed_ms(used), prices().billed_megabytes(used)) == (milliseconds, megabytes)


def test_express_costs_requests_and_duration() -> None:
    """A GB-hour, and a request, for each of them."""
    used = made(duration_ms=3_600_000, definition_bytes=(1024 - 50) * MB)
    assert prices().express([used]) == pytest.approx(0.06 + 0.000001)


def test_more_hours_are_cheaper() -> None:
    """Source: the pricing page's example of 17,361.11 GB-hours, which cost $382.97."""
    found = prices()
    hours = 62_500_000 / 3_600
    steps = Prices("", "", "", "USD", 0, 0, found.gigabyte_hours, 100, 64, 50)
    used = made(duration_ms=round(hours * 16 * 3_600_000))  # 64 MB are a sixteenth of a GB
    assert steps.express([used]) == pytest.approx(382.97, abs=0.01)
