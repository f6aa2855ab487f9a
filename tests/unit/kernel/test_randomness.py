"""Draws and tokens: reproducible, different, and within their bounds."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from running import block, new, pass_

from statemachine.kernel.execution import Execution
from statemachine.kernel.randomness import ExecutionDraws, is_token_of, task_token


def execution(seed: bytes = b"s" * 32, name: str = "test") -> Execution:
    return new(block(A=pass_()), seed=seed, id=name)[1]


def test_the_same_seed_and_count_give_the_same_draws() -> None:
    one, two = ExecutionDraws(execution()), ExecutionDraws(execution())
    assert [one.uuid() for _ in range(9)] == [two.uuid() for _ in range(9)]
    assert ExecutionDraws(execution(b"t" * 32)).uuid() != ExecutionDraws(execution()).uuid()


def test_the_count_is_all_that_has_to_be_kept() -> None:
    run = execution()
    draws = ExecutionDraws(run)
    draws.below(10)
    draws.fraction()
    assert run.draws == 2
    later = execution()
    later.draws = 2
    assert ExecutionDraws(later).uuid() == draws.uuid()


def test_uuids_are_of_version_4() -> None:
    draws = ExecutionDraws(execution())
    made = [draws.uuid() for _ in range(200)]
    assert len(set(made)) == 200
    assert {UUID(each).version for each in made} == {4}
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in made
    )


@pytest.mark.parametrize("bound", [1, 2, 10, 1000, 2**40])
def test_below(bound: int) -> None:
    draws = ExecutionDraws(execution())
    made = [draws.below(bound) for _ in range(500)]
    assert all(0 <= each < bound for each in made)
    if bound <= 10:
        assert set(made) == set(range(bound))
    else:
        assert len(set(made)) > bound / 4 or len(set(made)) == 500


def test_fraction() -> None:
    draws = ExecutionDraws(execution())
    made = [draws.fraction() for _ in range(1000)]
    assert all(0 <= each < 1 for each in made)
    assert 0.45 < sum(made) / 1000 < 0.55


def test_tokens() -> None:
    run = execution()
    token = task_token(run, 5)
    assert token == task_token(execution(), 5)
    assert token.startswith("test/5/")
    assert run.draws == 0, "a token is no draw: it can be made again at any time"
    assert is_token_of(run, 5, token)


@pytest.mark.parametrize(
    "forged",
    [
        "", "test/5/", "x" * 1000, "\ud800", "é",
        task_token(execution(), 6), task_token(execution(b"t" * 32), 5), task_token(execution(name="other"), 5),
    ],
    ids=["empty", "no-mac", "long", "no-unicode", "no-ascii", "other-operation", "other-seed", "other-execution"],
)  # fmt: skip
def test_what_is_no_token(forged: str) -> None:
    assert not is_token_of(execution(), 5, forged)
