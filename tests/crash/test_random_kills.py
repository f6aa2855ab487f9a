"""Processes killed at random instants, and workers that fight over one store.

``CRASH_KILLS`` and ``CRASH_FIGHT_SECONDS`` ask for more than the few that a test run has time for.
"""

from __future__ import annotations

import os
from pathlib import Path

import fighting
import pytest
import random_kills
from roles import POINTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(7_200)]

KILLS = int(os.environ.get("CRASH_KILLS", "200"))
FIGHT_SECONDS = float(os.environ.get("CRASH_FIGHT_SECONDS", "4"))
EXECUTIONS_PER_SECOND = 2


def test_random_kills(tmp_path: Path) -> None:
    summary = random_kills.run(KILLS, 11, tmp_path, chains=4)
    assert summary.violations == []
    assert summary.total >= KILLS
    assert all(summary.kills[each] for each in (*POINTS, "random", "answering"))


def test_workers_that_fight_over_one_store(tmp_path: Path) -> None:
    fight = fighting.run(FIGHT_SECONDS, 12, tmp_path, executions=int(FIGHT_SECONDS * EXECUTIONS_PER_SECOND))
    assert fight.violations == []
    assert fight.done["killed"]
    assert fight.done["hung"]
    assert fight.actions > fight.executions
