from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from statemachine.integrations.base import TaskContext


@pytest.fixture
def context() -> TaskContext:
    return make_context()


def make_context(**changes: object) -> TaskContext:
    values: dict[str, object] = {
        "execution_id": "order-7",
        "state": "Pay",
        "resource": "arn:aws:lambda:us-east-1:123456789012:function:Charge",
        "operation_id": "order-7/3",
        "token": "token-3",
        "attempt": 1,
        "deadline_ms": None,
    }
    return TaskContext(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def new_context() -> Callable[..., TaskContext]:
    return make_context


@pytest.fixture
def fresh_imports(tmp_path: Path) -> Iterator[None]:
    """Undo what a test imports and adds to the import path."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
