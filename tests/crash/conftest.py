"""Fixtures of the crash tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from order_run import OrderRun, check_finished, shape


@pytest.fixture
def order(tmp_path: Path) -> OrderRun:
    return OrderRun(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, ...]]:
    """The shape of the history when nothing goes wrong."""
    order = OrderRun(tmp_path_factory.mktemp("undisturbed"))
    check_finished(order, order.command(*order.run_arguments), kills=0)
    return shape(order.history())


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()
